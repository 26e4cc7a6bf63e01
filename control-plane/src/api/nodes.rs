//! A row per connected node: what it runs, and what it refused and why.
//!
//! A node that asks for its resources over several streams (not aggregated ones) is still one row.

use std::collections::BTreeMap;
use std::time::UNIX_EPOCH;

use portway_proto::pb::google::protobuf::Timestamp;
use portway_proto::pb::portway::v1 as pb;

use crate::server::ControlPlane;
use crate::xds::server::ConnectedNode;
use crate::xds::status::{KindStatus, RejectionStatus, State};
use crate::xds::{Class, Views};

/// All rows, sorted by class, cluster and id.
pub fn rows(plane: &ControlPlane) -> Vec<pb::Node> {
    let views = plane.views().borrow().clone();
    let mut rows: BTreeMap<(Class, String, String), pb::Node> = BTreeMap::new();
    for node in plane.xds().nodes() {
        let who = &node.status.node;
        let key = (who.class, who.cluster.clone(), who.id.clone());
        let row = row(&node, views.as_deref());
        match rows.get_mut(&key) {
            None => {
                rows.insert(key, row);
            }
            Some(known) => {
                known.revision = known.revision.min(row.revision);
                known.types.extend(row.types);
            }
        }
    }
    rows.into_values().collect()
}

fn row(node: &ConnectedNode, views: Option<&Views>) -> pb::Node {
    let status = &node.status;
    let who = &status.node;
    let class = match who.class {
        Class::Portway => pb::NodeClass::Portway,
        Class::Envoy => pb::NodeClass::Envoy,
        Class::Grpc => pb::NodeClass::Grpc,
    };
    let view = views.map(|views| views.of(who));
    let types = status.kinds.iter().map(|kind| {
        let exist = view
            .as_ref()
            .map(|view| view.set(kind.kind).resources().len());
        type_status(kind, exist.unwrap_or(0))
    });
    let since = node.since.duration_since(UNIX_EPOCH).unwrap_or_default();
    pb::Node {
        id: who.id.clone(),
        cluster: who.cluster.clone(),
        class: class.into(),
        agent: format!("{} {}", who.user_agent, who.user_agent_version)
            .trim()
            .to_owned(),
        since: Some(Timestamp {
            seconds: i64::try_from(since.as_secs()).unwrap_or(i64::MAX),
            nanos: i32::try_from(since.subsec_nanos()).unwrap_or(0),
        }),
        revision: status.live.unwrap_or(0),
        types: types.collect(),
    }
}

fn type_status(status: &KindStatus, exist: usize) -> pb::TypeStatus {
    let state = match status.state {
        State::Synced => pb::type_status::State::Synced,
        State::Pending => pb::type_status::State::Pending,
        State::Nacked => pb::type_status::State::Nacked,
    };
    let type_url = status.kind.type_url();
    let resources = match status.wildcard {
        true => exist,
        false => status.names.min(exist),
    };
    pb::TypeStatus {
        r#type: type_url.rsplit('/').next().unwrap_or(type_url).to_owned(),
        state: state.into(),
        resources: u32::try_from(resources).unwrap_or(u32::MAX),
        rejections: status.rejections.iter().flat_map(rejections).collect(),
    }
}

/// One entry per resource that the node named; one in all where it named none, unless there was but one to blame.
fn rejections(status: &RejectionStatus) -> Vec<pb::Rejection> {
    let blamed = match (status.attributed, status.resources.as_slice()) {
        (true, resources) => resources,
        (false, [only]) if status.more == 0 => std::slice::from_ref(only),
        (false, _) => &[],
    };
    if blamed.is_empty() {
        return vec![pb::Rejection {
            reason: status.text.to_string(),
            ..pb::Rejection::default()
        }];
    }
    let entries = blamed.iter().map(|resource| {
        let from = &resource.provenance;
        pb::Rejection {
            resource: resource.name.to_string(),
            reason: status.text.to_string(),
            object: Some(pb::ObjectRef {
                kind: from.kind.clone(),
                name: from.name.clone(),
            }),
            file: from.file.clone(),
            line: from.line,
        }
    });
    entries.collect()
}
