//! The process's own log: what a program says of itself, on standard error or in a file.
//!
//! Set up once by each `main`; libraries only emit. What is said of a single request belongs into the access
//! log, not here.

use std::{fs::OpenOptions, path::Path, sync::Arc};

use tracing::level_filters::LevelFilter;

/// Why there is no log.
#[derive(Debug, thiserror::Error)]
pub enum TelemetryError {
    #[error("{0:?} is no log level; write trace, debug, info, warning, error, critical or off")]
    Level(String),
    #[error("the log file {path} cannot be opened: {cause}")]
    File { path: String, cause: std::io::Error },
    #[error("a log is set up already")]
    Twice,
}

/// Sets up the process's log at a level, in Envoy's words or `tracing`'s.
pub fn init(level: &str, file: Option<&Path>) -> Result<(), TelemetryError> {
    let level = match level {
        "trace" => LevelFilter::TRACE,
        "debug" => LevelFilter::DEBUG,
        "info" => LevelFilter::INFO,
        "warning" | "warn" => LevelFilter::WARN,
        "error" | "critical" => LevelFilter::ERROR,
        "off" => LevelFilter::OFF,
        other => return Err(TelemetryError::Level(other.to_owned())),
    };
    let subscriber = tracing_subscriber::fmt()
        .with_max_level(level)
        .with_target(false)
        .with_ansi(false);
    let set = match file {
        None => tracing::subscriber::set_global_default(
            subscriber.with_writer(std::io::stderr).finish(),
        ),
        Some(path) => {
            let failed = |cause| TelemetryError::File {
                path: path.display().to_string(),
                cause,
            };
            let file = OpenOptions::new()
                .create(true)
                .append(true)
                .open(path)
                .map_err(failed)?;
            tracing::subscriber::set_global_default(subscriber.with_writer(Arc::new(file)).finish())
        }
    };
    set.map_err(|_| TelemetryError::Twice)
}
