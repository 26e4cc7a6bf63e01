//! `apply` and `rollback`: the verbs that make revisions.

use std::collections::BTreeMap;
use std::path::PathBuf;
use std::sync::Arc;

use clap::Args;
use portway_proto::loader::{Diagnostic, Excerpt, Severity, diagnostics};
use portway_proto::pb::portway::v1 as pb;

use super::client::{ClientOptions, told};
use super::{Exit, Format, Outcome, OutputOptions, files, output};

/// Make files the configuration that is served.
#[derive(Debug, Args)]
#[command(
    after_help = "Examples:\n  portway apply shop.yaml\n  portway apply --prune --expected-revision 41 -m 'drop the old shop' config/"
)]
pub(super) struct Options {
    /// Files and directories; `-` is standard input.
    #[arg(required = true, value_name = "PATH")]
    paths: Vec<PathBuf>,
    /// Say what would change, and change nothing.
    #[arg(long)]
    dry_run: bool,
    /// Delete every object that the files do not hold.
    #[arg(long)]
    prune: bool,
    #[command(flatten)]
    write: WriteOptions,
    #[command(flatten)]
    client: ClientOptions,
    #[command(flatten)]
    format: OutputOptions,
}

#[derive(Debug, Args)]
struct WriteOptions {
    /// Refuse unless this is the latest revision; 0 is the state before the first.
    #[arg(long, value_name = "REVISION")]
    expected_revision: Option<u64>,
    /// Who makes the change.
    #[arg(long, env = "USER", default_value = "", value_name = "NAME")]
    author: String,
    /// Why.
    #[arg(short = 'm', long, default_value = "", value_name = "TEXT")]
    message: String,
}

/// Make a new revision with the objects of an earlier one.
#[derive(Debug, Args)]
#[command(after_help = "Example:\n  portway rollback 40 -m 'revision 41 breaks checkout'")]
pub(super) struct RollbackOptions {
    /// The revision whose objects to take.
    revision: u64,
    /// Say what would change, and change nothing.
    #[arg(long)]
    dry_run: bool,
    #[command(flatten)]
    write: WriteOptions,
    #[command(flatten)]
    client: ClientOptions,
    #[command(flatten)]
    format: OutputOptions,
}

pub(super) async fn run(options: Options) -> Outcome {
    let format = options.format.output;
    let files = match files::read(&options.paths) {
        Ok(files) => files,
        Err(faults) => {
            output::diagnostics(&faults, format);
            return Ok(Exit::Configuration);
        }
    };
    let texts: BTreeMap<String, bytes::Bytes> = files
        .iter()
        .map(|file| (file.name.clone(), file.content.clone()))
        .collect();
    let WriteOptions {
        expected_revision,
        author,
        message,
    } = options.write;
    let request = pb::ApplyRequest {
        files,
        dry_run: options.dry_run,
        expected_revision,
        author,
        message,
        prune: options.prune,
    };
    let mut client = options.client.connect().await?;
    let answer = client.apply(request).await.map_err(told)?.into_inner();
    show(&answer, &texts, format)
}

pub(super) async fn rollback(options: RollbackOptions) -> Outcome {
    let WriteOptions {
        expected_revision,
        author,
        message,
    } = options.write;
    let request = pb::RollbackRequest {
        revision: options.revision,
        expected_revision,
        author,
        message,
        dry_run: options.dry_run,
    };
    let mut client = options.client.connect().await?;
    let answer = client.rollback(request).await.map_err(told)?.into_inner();
    show(&answer, &BTreeMap::new(), options.format.output)
}

fn show(
    answer: &pb::ApplyResponse,
    texts: &BTreeMap<String, bytes::Bytes>,
    format: Format,
) -> Outcome {
    use pb::apply_response::Outcome as Ended;
    let exit = match answer.outcome() {
        Ended::Refused => Exit::Configuration,
        Ended::Applied | Ended::Unchanged | Ended::Valid => Exit::Done,
        Ended::Unspecified => return Err("the control plane did not say how it went".into()),
    };
    if format == Format::Json {
        output::out(&output::json(answer, true)?);
        return Ok(exit);
    }
    let found: Vec<_> = answer
        .diagnostics
        .iter()
        .map(|found| diagnostic(found, texts))
        .collect();
    output::err(&diagnostics::human(&found));
    output::out(&changes(&answer.changes));
    let revision = answer.revision;
    let count = output::count(answer.changes.len(), "object");
    output::out(&match answer.outcome() {
        Ended::Applied => format!("revision {revision}: {count} changed\n"),
        Ended::Unchanged => format!("unchanged: revision {revision} is just so\n"),
        Ended::Valid => format!("valid: {count} would change after revision {revision}\n"),
        Ended::Refused | Ended::Unspecified => {
            format!("refused: revision {revision} stays as it is\n")
        }
    });
    Ok(exit)
}

/// A line per object, with what differs where that is known.
pub(super) fn changes(changes: &[pb::Change]) -> String {
    use pb::change::Action;
    let mut text = String::new();
    for change in changes {
        let action = match change.action() {
            Action::Created => "+ ",
            Action::Updated => "~ ",
            Action::Deleted => "- ",
            Action::Unspecified => "? ",
        };
        let object = change.object.clone().unwrap_or_default();
        text.push_str(&format!("{action}{}/{}\n", object.kind, object.name));
        for line in change.diff.lines() {
            text.push_str(&format!("    {line}\n"));
        }
    }
    text
}

/// A finding with the line it is about, which is still at hand here.
fn diagnostic(found: &pb::Diagnostic, texts: &BTreeMap<String, bytes::Bytes>) -> Diagnostic {
    let severity = match found.severity() {
        pb::diagnostic::Severity::Warning => Severity::Warning,
        pb::diagnostic::Severity::Error | pb::diagnostic::Severity::Unspecified => Severity::Error,
    };
    let mut diagnostic = Diagnostic::of_file("", severity, found.message.clone());
    diagnostic.file = Arc::from(found.file.as_str());
    diagnostic.line = found.line;
    diagnostic.column = found.column;
    diagnostic.path = found.path.clone();
    diagnostic.help = (!found.help.is_empty()).then(|| found.help.clone());
    diagnostic.excerpt = texts.get(&found.file).and_then(|text| {
        let text = std::str::from_utf8(text).ok()?;
        let line = text.lines().nth((found.line as usize).checked_sub(1)?)?;
        let offset = (found.column as usize).saturating_sub(1);
        // Long lines are rare and better looked up than cut.
        let fits = line.chars().count() <= 120 && offset <= line.chars().count();
        fits.then(|| Excerpt {
            text: line.replace(char::is_control, " "),
            offset,
            length: 1,
        })
    });
    diagnostic
}
