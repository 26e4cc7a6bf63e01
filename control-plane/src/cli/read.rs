//! `get`, `history` and `diff`: what is served, and how it came about.

use std::path::PathBuf;

use clap::Args;
use portway_proto::pb::portway::v1 as pb;
use portway_proto::print;
use serde_json::Value;

use super::client::{Client, ClientOptions, told};
use super::{Exit, Failure, Format, Outcome, OutputOptions, apply, files, output, yaml};
use crate::model::ObjectKind;

/// Show objects: all of them, those of a kind, or one in full.
#[derive(Debug, Args)]
#[command(
    after_help = "Examples:\n  portway get\n  portway get routes\n  portway get route shop --revision 40"
)]
pub(super) struct GetOptions {
    /// Gateway, Route, Service or EnvoyResources.
    kind: Option<String>,
    /// The object's name.
    name: Option<String>,
    /// As they were in this revision, instead of the latest.
    #[arg(long)]
    revision: Option<u64>,
    #[command(flatten)]
    client: ClientOptions,
    #[command(flatten)]
    format: OutputOptions,
}

/// Show revisions, the newest first.
#[derive(Debug, Args)]
#[command(after_help = "Example:\n  portway history --limit 5")]
pub(super) struct HistoryOptions {
    /// At most so many.
    #[arg(short = 'n', long, default_value_t = 20)]
    limit: u32,
    /// Only revisions older than this one.
    #[arg(long, value_name = "REVISION", default_value_t = 0)]
    before: u64,
    #[command(flatten)]
    client: ClientOptions,
    #[command(flatten)]
    format: OutputOptions,
}

/// Show how two revisions differ, or files and the latest one. Exit code 2: they do.
#[derive(Debug, Args)]
#[command(
    after_help = "Examples:\n  portway diff            what the latest revision changed\n  portway diff 38 41\n  portway diff -f config/  what applying the files with --prune would change"
)]
pub(super) struct DiffOptions {
    /// The earlier revision; by default the parent of the later one.
    from: Option<u64>,
    /// The later revision; by default the latest.
    to: Option<u64>,
    /// Compare these files with the latest revision.
    #[arg(short = 'f', long = "file", value_name = "PATH", conflicts_with_all = ["from", "to"])]
    files: Vec<PathBuf>,
    #[command(flatten)]
    client: ClientOptions,
    #[command(flatten)]
    format: OutputOptions,
}

pub(super) async fn get(options: GetOptions) -> Outcome {
    let kind = match &options.kind {
        Some(kind) => kind_of(kind)?.as_str().to_owned(),
        None => String::new(),
    };
    let mut client = options.client.connect().await?;
    if let Some(name) = options.name {
        let request = pb::GetRequest {
            kind,
            name,
            revision: options.revision,
        };
        let object = client.get(request).await.map_err(told)?.into_inner();
        output::out(&match options.format.output {
            Format::Json => output::json(&object, true)?,
            Format::Human => document(&object)?,
        });
        return Ok(Exit::Done);
    }
    let list = list(&mut client, kind, options.revision).await?;
    output::out(&match options.format.output {
        Format::Json => output::json(&list, true)?,
        Format::Human => {
            let rows: Vec<_> = list.objects.iter().map(row).collect();
            output::table(["KIND", "NAME", "CHANGED IN", "FILE"], &rows)
        }
    });
    Ok(Exit::Done)
}

/// All pages as one.
async fn list(
    client: &mut Client,
    kind: String,
    revision: Option<u64>,
) -> Result<pb::ListResponse, Failure> {
    let mut request = pb::ListRequest {
        kind,
        revision,
        ..pb::ListRequest::default()
    };
    let mut all = pb::ListResponse::default();
    loop {
        let page = client.list(request.clone()).await.map_err(told)?;
        let page = page.into_inner();
        all.objects.extend(page.objects);
        all.revision = page.revision;
        if page.next_page_token.is_empty() {
            return Ok(all);
        }
        request.page_token = page.next_page_token;
    }
}

fn row(object: &pb::Object) -> [String; 4] {
    let name = object.r#ref.clone().unwrap_or_default();
    let place = match (object.file.as_str(), object.line) {
        ("", _) => "-".to_owned(),
        (file, 0) => file.to_owned(),
        (file, line) => format!("{file}:{line}"),
    };
    let changed = match object.changed_in {
        0 => "-".to_owned(),
        revision => revision.to_string(),
    };
    [name.kind, name.name, changed, place]
}

/// An object the way an operator writes it.
fn document(object: &pb::Object) -> Result<String, Failure> {
    let options = print::Options {
        proto_names: true,
        ..print::Options::default()
    };
    let text = output::json_with(object, options)?;
    let mut value: Value = serde_json::from_str(&text)?;
    let content = value.get_mut("content").map(Value::take);
    let mut content = content.unwrap_or_default();
    let mut part = |key: &str| content.get_mut(key).map(Value::take).unwrap_or_default();
    let name = object.r#ref.clone().unwrap_or_default();
    let mut text = format!(
        "apiVersion: {}\nkind: {}\n",
        crate::model::API_VERSION,
        name.kind
    );
    for key in ["metadata", "spec"] {
        let value = Value::from_iter([(key.to_owned(), part(key))]);
        text.push_str(&yaml::write(&value));
    }
    Ok(text)
}

/// A kind as people write it: in any case, and in the plural.
fn kind_of(text: &str) -> Result<ObjectKind, Failure> {
    let wanted = text.to_ascii_lowercase();
    let found = ObjectKind::ALL.into_iter().find(|kind| {
        let kind = kind.as_str().to_ascii_lowercase();
        wanted == kind || wanted.strip_suffix('s') == Some(&kind)
    });
    found.ok_or_else(|| {
        let kinds = ObjectKind::ALL.map(ObjectKind::as_str).join(", ");
        format!("{text:?} is no kind of object; write one of {kinds}").into()
    })
}

pub(super) async fn history(options: HistoryOptions) -> Outcome {
    let mut client = options.client.connect().await?;
    let request = pb::HistoryRequest {
        before: options.before,
        limit: options.limit,
    };
    let answer = client.history(request).await.map_err(told)?.into_inner();
    output::out(&match options.format.output {
        Format::Json => output::json(&answer, true)?,
        Format::Human => {
            let rows: Vec<_> = answer.revisions.iter().map(revision).collect();
            let head = ["REVISION", "AGE", "TIME", "OBJECTS", "AUTHOR", "MESSAGE"];
            output::table(head, &rows)
        }
    });
    Ok(Exit::Done)
}

fn revision(revision: &pb::Revision) -> [String; 6] {
    let time = revision.time.as_ref();
    let written = time.and_then(|time| output::json(time, false).ok());
    let or_dash = |text: &str| match text {
        "" => "-".to_owned(),
        text => text.to_owned(),
    };
    [
        revision.id.to_string(),
        output::age(time),
        or_dash(written.unwrap_or_default().trim().trim_matches('"')),
        revision.objects.to_string(),
        or_dash(&revision.author),
        or_dash(&revision.message),
    ]
}

pub(super) async fn diff(options: DiffOptions) -> Outcome {
    let format = options.format.output;
    if !options.files.is_empty() {
        return diff_files(&options).await;
    }
    let mut client = options.client.connect().await?;
    let request = pb::DiffRequest {
        from: options.from.unwrap_or(0),
        to: options.to.unwrap_or(0),
    };
    let answer = client.diff(request).await.map_err(told)?.into_inner();
    output::out(&match format {
        Format::Json => output::json(&answer, true)?,
        Format::Human => apply::changes(&answer.changes),
    });
    Ok(exit(&answer.changes))
}

async fn diff_files(options: &DiffOptions) -> Outcome {
    use pb::apply_response::Outcome as Ended;
    let format = options.format.output;
    let files = match files::read(&options.files) {
        Ok(files) => files,
        Err(faults) => {
            output::diagnostics(&faults, format);
            return Ok(Exit::Configuration);
        }
    };
    let request = pb::ApplyRequest {
        files,
        dry_run: true,
        prune: true,
        ..pb::ApplyRequest::default()
    };
    let mut client = options.client.connect().await?;
    let answer = client.apply(request).await.map_err(told)?.into_inner();
    if format == Format::Json {
        output::out(&output::json(&answer, true)?);
    } else {
        for found in &answer.diagnostics {
            let pb::Diagnostic {
                file,
                line,
                column,
                message,
                ..
            } = found;
            output::err(&format!("{file}:{line}:{column}: {message}\n"));
        }
        output::out(&apply::changes(&answer.changes));
    }
    match answer.outcome() {
        Ended::Refused => Ok(Exit::Configuration),
        _ => Ok(exit(&answer.changes)),
    }
}

fn exit(changes: &[pb::Change]) -> Exit {
    match changes.is_empty() {
        true => Exit::Done,
        false => Exit::Different,
    }
}
