//! `validate`: is this configuration right? Asks no server.

use std::path::PathBuf;

use clap::Args;
use portway_proto::loader::Diagnostic;

use super::{Exit, Format, Outcome, OutputOptions, files, output};
use crate::model::{SourceFile, load_set};

/// Check files without a control plane.
#[derive(Debug, Args)]
#[command(after_help = "Example:\n  portway validate gateway.yaml routes/")]
pub(super) struct Options {
    /// Files and directories; `-` is standard input.
    #[arg(required = true, value_name = "PATH")]
    paths: Vec<PathBuf>,
    #[command(flatten)]
    format: OutputOptions,
}

pub(super) fn run(options: &Options) -> Outcome {
    let format = options.format.output;
    let checked = files::read(&options.paths).and_then(|files| {
        let sources: Vec<_> = files
            .iter()
            .map(|file| SourceFile {
                name: &file.name,
                bytes: &file.content,
            })
            .collect();
        load_set(&sources)
    });
    match checked {
        Ok(set) => {
            output::diagnostics(set.warnings(), format);
            if format == Format::Human {
                let objects = output::count(set.objects().len(), "object");
                output::out(&format!("configuration OK: {objects}\n"));
            }
            Ok(Exit::Done)
        }
        Err(found) => {
            output::diagnostics(&found, format);
            let wrong = found.iter().any(Diagnostic::is_error);
            Ok(if wrong {
                Exit::Configuration
            } else {
                Exit::Done
            })
        }
    }
}
