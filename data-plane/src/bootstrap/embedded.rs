//! The bootstrap of a proxy that lives in its control plane's process: no file, no static resources, no admin.

use std::sync::Arc;

use portway_proto::pb::envoy::config::core::v3::Node;
use portway_shared::clock;

use super::Checked;
use crate::{
    resources::{
        at::Report,
        bootstrap::{Bootstrap, Stream, Variant},
        config_source::ConfigSource,
    },
    snapshot::state::{Origin, Raw, State},
    stats::registry::Registry,
};

/// A proxy that takes all it serves from the server at the other end of its pipe.
pub fn embedded(id: &str, cluster: &str, workers: usize, registry: Arc<Registry>) -> Checked {
    let source = || {
        Some(ConfigSource {
            fetch_timeout: None,
        })
    };
    let stream = Stream {
        // Names nothing: the pipe stands in for a cluster.
        cluster: "portway".into(),
        variant: Variant::Delta,
        authority: None,
        clusters: source(),
        listeners: source(),
    };
    Checked {
        bootstrap: Bootstrap {
            node: Node {
                id: id.to_owned(),
                cluster: cluster.to_owned(),
                ..Node::default()
            },
            admin: None,
            clusters: Vec::new(),
            listeners: Vec::new(),
            stream: Some(stream),
        },
        state: State::new(workers, registry),
        raw: Raw {
            wire: bytes::Bytes::new(),
            version: "".into(),
            updated: clock::wall(),
            origin: Origin::Bootstrap,
        },
        report: Report::default(),
    }
}
