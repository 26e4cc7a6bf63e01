//! The operator's command line.
//!
//! [`main`] reads the arguments and runs one verb. `check`, `apply`, `read`, `status` and `bootstrap` hold the verbs
//! that come and go; `serve` and [`crate::up`] those that stay. All of them print through `output`, and all end with
//! one of four exit codes.
//!
//! Not here: what the verbs mean. `validate` is [`crate::model`], the rest are calls of the API.

mod apply;
mod bootstrap;
mod check;
mod client;
pub(crate) mod files;
pub(crate) mod output;
mod read;
pub(crate) mod serve;
pub(crate) mod status;
mod yaml;

use std::ffi::OsString;
use std::process::ExitCode;

use clap::{Args, CommandFactory, Parser, Subcommand, ValueEnum};

use crate::up;

/// How a verb ended. The numbers are part of the interface.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(crate) enum Exit {
    Done,
    /// Two things were compared and are not the same.
    Different,
    /// The operator's configuration is wrong (`EX_CONFIG`).
    Configuration,
}

/// What ends a verb early; printed as it is.
pub(crate) type Failure = Box<dyn std::error::Error + Send + Sync>;
pub(crate) type Outcome = Result<Exit, Failure>;

/// Runs Envoy-compatible gateways: configuration in revisions, served to proxies, with every answer led back.
#[derive(Debug, Parser)]
#[command(name = "portway", version, long_about = None, arg_required_else_help = true, after_help = CODES)]
struct Options {
    #[command(subcommand)]
    verb: Verb,
    /// What the program itself logs to standard error: trace, debug, info, warning, error or off.
    #[arg(short = 'l', long, global = true, value_name = "LEVEL")]
    log_level: Option<String>,
}

const CODES: &str = "Exit codes: 0 done, 1 error, 2 there are differences, 78 the configuration is wrong.\n\n\
Start with:\n  portway up";

#[derive(Debug, Subcommand)]
enum Verb {
    Up(up::UpOptions),
    Proxy(up::ProxyOptions),
    ControlPlane(serve::Options),
    Validate(check::Options),
    Apply(apply::Options),
    Get(read::GetOptions),
    History(read::HistoryOptions),
    Diff(read::DiffOptions),
    Rollback(apply::RollbackOptions),
    Status(status::Options),
    /// Things for a real Envoy.
    #[command(subcommand)]
    Envoy(EnvoyVerb),
    /// Print a completion script for a shell.
    #[command(after_help = "Example:\n  portway completions bash > /etc/bash_completion.d/portway")]
    Completions {
        shell: clap_complete::Shell,
    },
}

#[derive(Debug, Subcommand)]
enum EnvoyVerb {
    Bootstrap(bootstrap::Options),
}

/// How a verb prints its result.
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq, ValueEnum)]
pub(crate) enum Format {
    #[default]
    Human,
    Json,
}

#[derive(Clone, Copy, Debug, Args)]
pub(crate) struct OutputOptions {
    /// How the result is printed.
    #[arg(short = 'o', long, value_enum, default_value_t)]
    pub(crate) output: Format,
}

/// Runs the program; the arguments begin with its name.
pub fn main(arguments: impl IntoIterator<Item = OsString>) -> ExitCode {
    let options = match Options::try_parse_from(arguments) {
        Ok(options) => options,
        Err(error) => {
            let text = error.render().to_string();
            // Help that was asked for is no error; 2, which clap would use, means differences here.
            return match error.use_stderr() {
                true => {
                    output::err(&text);
                    ExitCode::FAILURE
                }
                false => {
                    output::out(&text);
                    ExitCode::SUCCESS
                }
            };
        }
    };
    match run(options) {
        Ok(Exit::Done) => ExitCode::SUCCESS,
        Ok(Exit::Different) => ExitCode::from(2),
        Ok(Exit::Configuration) => ExitCode::from(78),
        Err(failure) => {
            output::err(&format!("portway: {}\n", output::chain(&*failure)));
            ExitCode::FAILURE
        }
    }
}

fn run(options: Options) -> Outcome {
    let stays = match &options.verb {
        Verb::ControlPlane(_) => "info",
        Verb::Up(_) | Verb::Proxy(_) => "warning",
        _ => "error",
    };
    let level = options.log_level.as_deref().unwrap_or(stays);
    portway_shared::telemetry::init(level, None)?;
    let workers = match &options.verb {
        Verb::ControlPlane(_) => None,
        _ => Some(2),
    };
    let mut runtime = tokio::runtime::Builder::new_multi_thread();
    if let Some(workers) = workers {
        runtime.worker_threads(workers);
    }
    let runtime = runtime.enable_all().build()?;
    let outcome = runtime.block_on(verb(options.verb));
    // A thread that still waits for a file must not hold the exit up.
    runtime.shutdown_background();
    outcome
}

async fn verb(verb: Verb) -> Outcome {
    match verb {
        Verb::Up(options) => up::up(options).await,
        Verb::Proxy(options) => up::proxy(options).await,
        Verb::ControlPlane(options) => serve::run(options).await,
        Verb::Validate(options) => check::run(&options),
        Verb::Apply(options) => apply::run(options).await,
        Verb::Rollback(options) => apply::rollback(options).await,
        Verb::Get(options) => read::get(options).await,
        Verb::History(options) => read::history(options).await,
        Verb::Diff(options) => read::diff(options).await,
        Verb::Status(options) => status::run(options).await,
        Verb::Envoy(EnvoyVerb::Bootstrap(options)) => bootstrap::run(&options),
        Verb::Completions { shell } => {
            let mut script = Vec::new();
            clap_complete::generate(shell, &mut Options::command(), "portway", &mut script);
            output::out(&String::from_utf8_lossy(&script));
            Ok(Exit::Done)
        }
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn the_command_line_is_sound_and_every_verb_shows_an_example() {
        let mut command = Options::command();
        command.build();
        command.clone().debug_assert();
        fn check(command: &clap::Command) {
            let verbs: Vec<_> = command
                .get_subcommands()
                .filter(|c| c.get_name() != "help")
                .collect();
            if verbs.is_empty() {
                let help = command.get_after_help().map(ToString::to_string);
                let help = help.unwrap_or_default();
                assert!(
                    help.contains("  portway "),
                    "{} has no example",
                    command.get_name()
                );
            }
            verbs.into_iter().for_each(check);
        }
        check(&command);
    }
}
