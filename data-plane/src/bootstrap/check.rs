//! Everything about a bootstrap that can be known without starting it.

use std::{collections::BTreeSet, sync::Arc, time::SystemTime};

use portway_proto::{
    path::{FieldPath, Segment},
    pb::envoy::config::bootstrap::v3 as pb,
};
use prost::Message;

use crate::{
    resources::{
        at::{Problem, Report, parse},
        bootstrap::{Bootstrap, bootstrap},
        cluster::UpstreamProtocol,
        hcm::RouteSource,
    },
    snapshot::state::{Origin, Raw, Refused, State},
    stats::registry::Registry,
};

/// A bootstrap that can be started.
#[derive(Debug)]
pub struct Checked {
    pub bootstrap: Bootstrap,
    /// Holds every static resource.
    pub state: State,
    /// The message as it came, but for the static resources.
    pub raw: Raw,
    /// Holds warnings only.
    pub report: Report,
}

/// Parses a bootstrap and all that is in it. The errors are all there are; warnings come with either outcome.
pub fn check(
    message: pb::Bootstrap,
    workers: usize,
    registry: Arc<Registry>,
    now: std::time::Instant,
    wall: SystemTime,
) -> Result<Checked, Report> {
    let raw = |wire: Vec<u8>| Raw {
        wire: wire.into(),
        version: "".into(),
        updated: wall,
        origin: Origin::Bootstrap,
    };
    let rest = raw(without_resources(&message));
    let (bootstrap, mut report) = parse(|at| bootstrap(at, message));
    let Some(bootstrap) = bootstrap else {
        return Err(report);
    };
    let mut state = State::new(workers, registry);
    let mut names = BTreeSet::new();
    for (index, cluster) in bootstrap.clusters.iter().enumerate() {
        let at = |rest: FieldPath| within("clusters", index, rest);
        if !names.insert(cluster.name.as_str()) {
            let reason = format!("a cluster of the name {:?} stands above", cluster.name);
            report
                .errors
                .push(problem(at(FieldPath(vec![Segment::Field("name")])), reason));
        }
        let outcome = state.put_cluster(cluster.clone(), raw(cluster.encode_to_vec()), now);
        report.take(outcome, at);
    }
    let mut addresses = BTreeSet::new();
    let mut listener_names = BTreeSet::new();
    for (index, listener) in bootstrap.listeners.iter().enumerate() {
        let at = |rest: FieldPath| within("listeners", index, rest);
        if !listener.name.is_empty() && !listener_names.insert(listener.name.as_str()) {
            let reason = format!("a listener of the name {:?} stands above", listener.name);
            report
                .errors
                .push(problem(at(FieldPath(vec![Segment::Field("name")])), reason));
        }
        let outcome = state.put_listener(listener.clone(), raw(listener.encode_to_vec()));
        report.take(outcome, at);
    }
    for (listener, _) in state.listeners() {
        for address in &listener.config.addresses {
            if !addresses.insert(address.clone()) {
                let reason = format!("two listeners have the address {address}");
                report.errors.push(problem(
                    FieldPath(vec![Segment::Field("static_resources")]),
                    reason,
                ));
            }
        }
    }
    references(&bootstrap, &state, &mut report);
    if report.errors.is_empty() {
        return Ok(Checked {
            bootstrap,
            state,
            raw: rest,
            report,
        });
    }
    Err(report)
}

/// The message without what the state keeps anyway, resource by resource.
fn without_resources(message: &pb::Bootstrap) -> Vec<u8> {
    let rest = pb::Bootstrap {
        static_resources: None,
        ..message.clone()
    };
    rest.encode_to_vec()
}

/// Checks what static resources say of each other.
fn references(bootstrap: &Bootstrap, state: &State, report: &mut Report) {
    let known = |name: &str| state.clusters().find(|(known, ..)| ***known == *name);
    let stream = bootstrap.stream.as_ref();
    if let Some(stream) = stream {
        let path = || {
            FieldPath(vec![
                Segment::Field("dynamic_resources"),
                Segment::Field("ads_config"),
            ])
        };
        match known(&stream.cluster) {
            None => {
                let reason = format!("there is no static cluster {:?}", stream.cluster);
                report.errors.push(problem(path(), reason));
            }
            Some(_) if state.cluster_protocol(&stream.cluster) != Some(UpstreamProtocol::Http2) => {
                let reason = format!(
                    "the cluster {:?} must speak HTTP/2; give it typed_extension_protocol_options with http2_protocol_options",
                    stream.cluster
                );
                report.errors.push(problem(path(), reason));
            }
            Some(_) => {}
        }
    }
    for (index, cluster) in bootstrap.clusters.iter().enumerate() {
        let for_stream = stream.is_some_and(|stream| *stream.cluster == *cluster.name);
        if state.cluster_protocol(&cluster.name) == Some(UpstreamProtocol::Http2) && !for_stream {
            let path = within(
                "clusters",
                index,
                FieldPath(vec![Segment::Field("typed_extension_protocol_options")]),
            );
            let reason = "HTTP/2 towards upstreams is not supported by this proxy".to_owned();
            report.errors.push(Problem {
                path,
                reason,
                unsupported: true,
            });
        }
    }
    for (listener, _) in state.listeners() {
        let position = bootstrap
            .listeners
            .iter()
            .position(|message| *message.name == *listener.config.name);
        if matches!(listener.config.http.routes, RouteSource::Rds { .. }) && stream.is_none() {
            let reason = "rds needs dynamic_resources.ads_config".to_owned();
            let path = within("listeners", position.unwrap_or(0), FieldPath::default());
            report.errors.push(problem(path, reason));
        }
    }
}

impl Report {
    fn take(
        &mut self,
        outcome: Result<Vec<Problem>, Refused>,
        at: impl Fn(FieldPath) -> FieldPath,
    ) {
        let (list, problems) = match outcome {
            Ok(warnings) => (&mut self.warnings, warnings),
            Err(refused) => (&mut self.errors, refused.problems),
        };
        list.extend(problems.into_iter().map(|problem| Problem {
            path: at(problem.path),
            ..problem
        }));
    }
}

fn problem(path: FieldPath, reason: String) -> Problem {
    Problem {
        path,
        reason,
        unsupported: false,
    }
}

fn within(list: &'static str, index: usize, rest: FieldPath) -> FieldPath {
    let mut path = vec![
        Segment::Field("static_resources"),
        Segment::Field(list),
        Segment::Index(index),
    ];
    path.extend(rest.0);
    FieldPath(path)
}
