//! `portway-proxy`: the program around the data plane.
//!
//! What belongs to a process and not to a library is here: the allocator, the log, signals, exit codes.

#![forbid(unsafe_code)]

use std::{future::Future, io::Write, process::ExitCode, sync::Arc};

use clap::Parser;
use mimalloc::MiMalloc;
use portway_data_plane::{
    bootstrap::{self, Checked, LoadOptions},
    cli::{Mode, Options, Output},
    process::{self, Settings},
    stats::registry::Registry,
};
use portway_proto::loader::{Diagnostic, Severity, Source, diagnostics};
use portway_shared::{clock, telemetry};
use tokio::{
    signal::unix::{SignalKind, signal},
    sync::Notify,
};
use tracing::{error, warn};

#[global_allocator]
static ALLOCATOR: MiMalloc = MiMalloc;

/// The configuration is wrong (`EX_CONFIG`).
const EXIT_CONFIGURATION: u8 = 78;

fn main() -> ExitCode {
    let options = Options::parse();
    if let Err(error) = telemetry::init(&options.log_level, options.log_path.as_deref()) {
        say(&format!("portway-proxy: {error}\n"));
        return ExitCode::FAILURE;
    }
    let registry = Arc::new(Registry::new(options.workers() + 1));
    let checked = match apart(|| configuration(&options, registry.clone())) {
        Ok(checked) => checked,
        Err(code) => return code,
    };
    if options.mode == Mode::Validate {
        tell("configuration OK\n");
        return ExitCode::SUCCESS;
    }
    let idle = options.without_effect();
    if !idle.is_empty() {
        warn!(flags = %idle.join(" "), "these flags have no effect in this proxy");
    }
    match serve(&options, checked, registry) {
        Ok(()) => ExitCode::SUCCESS,
        Err(error) => {
            error!(%error, "the proxy did not start");
            ExitCode::FAILURE
        }
    }
}

/// Runs something on a thread of its own. Reading a configuration takes far more memory than keeping it, and
/// the allocator gives a thread's memory back when the thread ends.
fn apart<T: Send>(task: impl FnOnce() -> Result<T, ExitCode> + Send) -> Result<T, ExitCode> {
    std::thread::scope(|scope| {
        let joined = scope.spawn(task).join();
        // A panic has been told on standard error.
        joined.unwrap_or(Err(ExitCode::FAILURE))
    })
}

/// Reads and checks the bootstrap; what is wrong with it is printed.
fn configuration(options: &Options, registry: Arc<Registry>) -> Result<Checked, ExitCode> {
    let path = options.config_path.as_deref();
    let name = path
        .map(|path| path.display().to_string())
        .unwrap_or_default();
    let bytes = match path.map(std::fs::read) {
        Some(Ok(bytes)) => Some(bytes),
        Some(Err(error)) => {
            print(
                options,
                &[Diagnostic::of_file(
                    &name,
                    Severity::Error,
                    format!("cannot be read: {error}"),
                )],
            );
            return Err(ExitCode::from(EXIT_CONFIGURATION));
        }
        None => None,
    };
    let mut sources = Vec::new();
    if let Some(bytes) = &bytes {
        sources.push(Source { name: &name, bytes });
    }
    if let Some(yaml) = &options.config_yaml {
        sources.push(Source {
            name: "--config-yaml",
            bytes: yaml.as_bytes(),
        });
    }
    if sources.is_empty() {
        say("portway-proxy: no configuration; write -c FILE or --config-yaml YAML\n");
        return Err(ExitCode::from(EXIT_CONFIGURATION));
    }
    let load = LoadOptions {
        allow_unknown: options.allow_unknown_static_fields,
    };
    let failed = |diagnostics: &[Diagnostic]| {
        print(options, diagnostics);
        ExitCode::from(EXIT_CONFIGURATION)
    };
    let mut loaded = bootstrap::load(&sources, &load).map_err(|errors| failed(&errors))?;
    options.override_node(&mut loaded.message);
    let message = loaded.message.clone();
    match bootstrap::check(
        message,
        options.workers(),
        registry,
        clock::now(),
        clock::wall(),
    ) {
        Ok(checked) => {
            let mut warnings = loaded.warnings.clone();
            warnings.extend(loaded.diagnostics(&checked.report));
            print(options, &warnings);
            Ok(checked)
        }
        Err(report) => Err(failed(&loaded.diagnostics(&report))),
    }
}

fn serve(
    options: &Options,
    checked: Checked,
    registry: Arc<Registry>,
) -> Result<(), Box<dyn std::error::Error>> {
    let reopen_logs = Arc::new(Notify::new());
    let settings = Settings {
        workers: options.workers(),
        shutdown_time: options.shutdown_time(),
        unknown_fields: options.unknown_fields(),
        pipe: None,
        reopen_logs: reopen_logs.clone(),
    };
    let runtime = tokio::runtime::Builder::new_current_thread()
        .enable_all()
        .build()?;
    let stop = runtime.block_on(async { signals(reopen_logs) })?;
    runtime.block_on(process::run(checked, registry, settings, stop))?;
    Ok(())
}

/// Ready at the first SIGTERM or SIGINT. A second one ends the process at once. SIGUSR1 opens access logs again.
fn signals(reopen_logs: Arc<Notify>) -> std::io::Result<impl Future<Output = ()>> {
    let mut moved = signal(SignalKind::user_defined1())?;
    tokio::spawn(async move {
        while moved.recv().await.is_some() {
            reopen_logs.notify_one();
        }
    });
    let mut terminate = signal(SignalKind::terminate())?;
    let mut interrupt = signal(SignalKind::interrupt())?;
    Ok(async move {
        tokio::select! {
            _ = terminate.recv() => {}
            _ = interrupt.recv() => {}
        }
        tokio::spawn(async move {
            tokio::select! {
                _ = terminate.recv() => {}
                _ = interrupt.recv() => {}
            }
            warn!("stopped at once by a second signal");
            std::process::exit(1);
        });
    })
}

fn print(options: &Options, found: &[Diagnostic]) {
    match options.output {
        Output::Human if found.is_empty() => {}
        Output::Human => say(&diagnostics::human(found)),
        Output::Json => say(&format!("{}\n", diagnostics::json(found))),
    }
}

fn say(text: &str) {
    // Nobody is left to be told that standard error is closed.
    let _ = std::io::stderr().write_all(text.as_bytes());
}

fn tell(text: &str) {
    let _ = std::io::stdout().write_all(text.as_bytes());
}
