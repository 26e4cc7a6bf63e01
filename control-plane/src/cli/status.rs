//! `status`: which proxies run what, and what they refused.

use clap::Args;
use portway_proto::pb::portway::v1 as pb;

use super::client::{Client, ClientOptions, told};
use super::{Exit, Failure, Format, Outcome, OutputOptions, output};

/// Show a row per connected proxy.
#[derive(Debug, Args)]
#[command(after_help = "Examples:\n  portway status\n  portway status --watch edge-1")]
pub(super) struct Options {
    /// Only these nodes.
    #[arg(value_name = "NODE")]
    ids: Vec<String>,
    /// Show it again whenever something changes, until interrupted.
    #[arg(short = 'w', long)]
    watch: bool,
    #[command(flatten)]
    client: ClientOptions,
    #[command(flatten)]
    format: OutputOptions,
}

pub(super) async fn run(options: Options) -> Outcome {
    let mut client = options.client.connect().await?;
    let mut shown = text(&mut client, &options).await?;
    output::out(&shown);
    if !options.watch {
        return Ok(Exit::Done);
    }
    let request = pb::WatchRequest {
        after_revision: None,
        nodes: true,
    };
    let mut events = client.watch(request).await.map_err(told)?.into_inner();
    while events.message().await.map_err(told)?.is_some() {
        let text = text(&mut client, &options).await?;
        if text != shown {
            // A blank line parts what people read; programs read lines.
            let gap = match options.format.output {
                Format::Human => "\n",
                Format::Json => "",
            };
            output::out(&format!("{gap}{text}"));
            shown = text;
        }
    }
    Err("the control plane ended the watch".into())
}

async fn text(client: &mut Client, options: &Options) -> Result<String, Failure> {
    let request = pb::NodeStatusRequest {
        ids: options.ids.clone(),
    };
    let answer = client
        .node_status(request)
        .await
        .map_err(told)?
        .into_inner();
    match options.format.output {
        // One line, so that a program can read a watch line by line.
        Format::Json => output::json(&answer, !options.watch),
        Format::Human => Ok(human(&answer)),
    }
}

fn human(answer: &pb::NodeStatusResponse) -> String {
    let head = answer.revision;
    if answer.nodes.is_empty() {
        return format!("revision {head}; no proxy is connected\n");
    }
    let rows: Vec<_> = answer.nodes.iter().map(|node| row(node, head)).collect();
    let heads = [
        "CLASS", "CLUSTER", "NODE", "AGENT", "SINCE", "REVISION", "STATE",
    ];
    let mut text = output::table(heads, &rows);
    for node in &answer.nodes {
        for rejection in node.types.iter().flat_map(|kind| &kind.rejections) {
            text.push_str(&reason(node, rejection));
        }
    }
    let behind = answer.nodes.iter().filter(|node| node.revision != head);
    let nodes = output::count(answer.nodes.len(), "node");
    text.push_str(&match behind.count() {
        0 => format!("{nodes}, all on revision {head}\n"),
        some => format!("{nodes}, {some} not on revision {head}\n"),
    });
    text
}

fn row(node: &pb::Node, head: u64) -> [String; 7] {
    use pb::type_status::State;
    let nacked = |kind: &&pb::TypeStatus| kind.state() == State::Nacked;
    let pending = |kind: &&pb::TypeStatus| kind.state() != State::Synced;
    let names = |kinds: Vec<&pb::TypeStatus>| {
        let names: Vec<_> = kinds.iter().map(|kind| short(&kind.r#type)).collect();
        names.join(", ")
    };
    let refused: Vec<_> = node.types.iter().filter(nacked).collect();
    let waiting: Vec<_> = node.types.iter().filter(pending).collect();
    let state = match (refused.is_empty(), waiting.is_empty()) {
        (false, _) => format!("NACKED {}", names(refused)),
        (true, false) => format!("PENDING {}", names(waiting)),
        (true, true) => "SYNCED".to_owned(),
    };
    let revision = match node.revision {
        0 => "-".to_owned(),
        revision if revision == head => revision.to_string(),
        revision => format!("{revision} of {head}"),
    };
    let class = match node.class() {
        pb::NodeClass::Portway => "portway",
        pb::NodeClass::Envoy => "envoy",
        pb::NodeClass::Grpc => "grpc",
        pb::NodeClass::Unspecified => "-",
    };
    [
        class.to_owned(),
        node.cluster.clone(),
        node.id.clone(),
        node.agent.clone(),
        output::age(node.since.as_ref()),
        revision,
        state,
    ]
}

/// `envoy.config.cluster.v3.Cluster` in one word.
fn short(kind: &str) -> &str {
    kind.rsplit('.').next().unwrap_or(kind)
}

pub(crate) fn reason(node: &pb::Node, rejection: &pb::Rejection) -> String {
    let mut text = format!("\n{} refused", node.id);
    if !rejection.resource.is_empty() {
        text.push_str(&format!(" {:?}", rejection.resource));
    }
    if let Some(object) = &rejection.object {
        text.push_str(&format!(", from {}/{}", object.kind, object.name));
    }
    if !rejection.file.is_empty() {
        text.push_str(&format!(" at {}:{}", rejection.file, rejection.line));
    }
    text.push_str(":\n");
    for line in rejection.reason.lines() {
        // A proxy's words may hold anything that was in a configuration.
        text.push_str(&format!("  {}\n", line.replace(char::is_control, " ")));
    }
    text
}
