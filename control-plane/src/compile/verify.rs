//! Whether what a set compiles to can be served: portway-proxy takes it, and names are unique where they meet.
//!
//! The proxy's own parsers are asked, so that what it would refuse is an error at the operator's line now and not
//! a rejection later. Raw resources that never reach portway-proxy are not its business.

use std::collections::BTreeMap;

use portway_data_plane::resources::at::{self, At, Parsed, Problem, Report};
use portway_data_plane::resources::{any, cluster, endpoint, filters, listener, route};
use portway_proto::loader::{Diagnostic, Severity};
use portway_proto::path::{FieldPath, Segment};
use portway_proto::pb::envoy::config::core::v3::{DataSource, data_source::Specifier};
use portway_proto::pb::envoy::config::listener::v3::{Listener, filter::ConfigType};
use portway_proto::pb::envoy::config::route::v3::{self as route_pb, RouteConfiguration};
use portway_proto::pb::envoy::extensions::filters::network::http_connection_manager::v3::{
    HttpConnectionManager, http_connection_manager::RouteSpecifier,
};
use prost::{Message, Name};

use super::{Draft, Source, drafts};
use crate::model::Set;
use crate::xds::{Class, Kind, ResourceKey, Scope};

/// Everything that stands in the way of serving a set, and warnings.
pub fn verify(set: &Set) -> Vec<Diagnostic> {
    let drafts = drafts(set);
    let mut found = clashes(&drafts);
    for draft in &drafts {
        if !meet(&draft.scope.classes, &[Class::Portway]) {
            continue;
        }
        let Report { errors, warnings } = parse(draft.key.kind, &draft.wire);
        let errors = errors.iter().map(|problem| (Severity::Error, problem));
        let warnings = warnings.iter().map(|problem| (Severity::Warning, problem));
        let told = errors.chain(warnings);
        found.extend(told.map(|(severity, problem)| diagnostic(draft, severity, problem)));
    }
    found
}

/// What portway-proxy says of a resource. It does not ask for the kinds it does not know.
fn parse(kind: Kind, wire: &[u8]) -> Report {
    match kind {
        Kind::Cluster => parse_as(wire, cluster::cluster),
        Kind::Endpoint => parse_as(wire, endpoint::literal),
        Kind::Listener => parse_as(wire, |at, mut message: Listener| {
            leave_files_of_listener(&mut message);
            listener::listener(at, message)
        }),
        Kind::Route => parse_as(wire, |at, mut message: RouteConfiguration| {
            leave_files(&mut message);
            route::route_configuration(at, message, &filters::route_context())
        }),
        Kind::ScopedRoute | Kind::Secret | Kind::Extension | Kind::Runtime => Report::default(),
    }
}

fn parse_as<M: Message + Default, T>(
    wire: &[u8],
    parser: impl FnOnce(At<'_>, M) -> Parsed<T>,
) -> Report {
    let (_, report) = at::parse(|at| match M::decode(wire) {
        Ok(message) => parser(at, message),
        Err(error) => Err(at.error(format!("cannot be read: {error}"))),
    });
    report
}

/// Files and variables are the proxy's, not this program's: reading them here would judge the wrong machine, and
/// would let whoever may apply a configuration read files of the control plane.
fn leave_files(message: &mut RouteConfiguration) {
    let hosts = message.virtual_hosts.iter_mut();
    for route in hosts.flat_map(|host| &mut host.routes) {
        let Some(route_pb::route::Action::DirectResponse(response)) = &mut route.action else {
            continue;
        };
        let elsewhere = |body: &&mut DataSource| {
            matches!(
                body.specifier,
                Some(Specifier::Filename(_) | Specifier::EnvironmentVariable(_))
            )
        };
        if let Some(body) = response.body.as_mut().filter(elsewhere) {
            body.specifier = Some(Specifier::InlineBytes(Vec::new()));
        }
    }
}

/// The same for routes that stand in a listener.
fn leave_files_of_listener(message: &mut Listener) {
    let chains = message.filter_chains.iter_mut();
    let chains = chains.chain(&mut message.default_filter_chain);
    for filter in chains.flat_map(|chain| &mut chain.filters) {
        let Some(ConfigType::TypedConfig(any)) = &mut filter.config_type else {
            continue;
        };
        if any::type_name(any) != HttpConnectionManager::full_name() {
            continue;
        }
        // One that cannot be decoded is for the parser to refuse.
        let Ok(mut manager) = HttpConnectionManager::decode(any.value.as_slice()) else {
            continue;
        };
        if let Some(RouteSpecifier::RouteConfig(routes)) = &mut manager.route_specifier {
            leave_files(routes);
            any.value = manager.encode_to_vec();
        }
    }
}

/// A problem with a resource, at the place in the operator's file that it came from.
fn diagnostic(draft: &Draft<'_>, severity: Severity, problem: &Problem) -> Diagnostic {
    let refused = || match severity {
        Severity::Error => format!("portway-proxy refuses the {}: {problem}", draft.key),
        Severity::Warning => format!("portway-proxy on the {}: {problem}", draft.key),
    };
    match &draft.source {
        Source::Raw { part, index } => {
            let mut path = vec![
                Segment::Field("spec"),
                Segment::Field("resources"),
                Segment::Index(*index),
            ];
            path.extend(problem.path.0.iter().cloned());
            let reason = format!("{}: {}", draft.key, problem.reason);
            let diagnostic = part.origin.at(severity, &FieldPath(path), reason);
            if problem.unsupported {
                return diagnostic.with_help(
                    "limit the resource to clients that have it: spec.nodes.classes: [ENVOY]",
                );
            }
            diagnostic
        }
        Source::Object(part) => part.origin.diagnostic(severity, "spec", refused()),
        Source::Rules { gateway, hosts } => {
            let rule = match problem.path.0.as_slice() {
                [_, Segment::Index(host), _, Segment::Index(entry), ..] => {
                    hosts.get(*host).and_then(|rules| rules.get(*entry))
                }
                _ => None,
            };
            match rule {
                Some((part, rule)) => {
                    let path = format!("spec.rules[{rule}]");
                    part.origin.diagnostic(severity, &path, refused())
                }
                None => gateway.origin.diagnostic(severity, "spec", refused()),
            }
        }
    }
}

/// Two resources of one name that reach the same node: the client would get either.
fn clashes(drafts: &[Draft<'_>]) -> Vec<Diagnostic> {
    let mut found = Vec::new();
    let mut by_key: BTreeMap<&ResourceKey, Vec<&Draft<'_>>> = BTreeMap::new();
    for draft in drafts {
        let others = by_key.entry(&draft.key).or_default();
        // Names made from objects differ by themselves, so one of the two is raw, and raw ones come last.
        if let Source::Raw { part, index } = &draft.source
            && let Some(other) = others
                .iter()
                .find(|other| overlap(&other.scope, &draft.scope))
        {
            let path = format!("spec.resources[{index}]");
            let message = format!("there is another {} for the same nodes", draft.key);
            let diagnostic = part.origin.diagnostic(Severity::Error, &path, message);
            found.push(diagnostic.with_help(format!(
                "rename one of them, or choose other nodes; the other comes from {}",
                other.source.provenance()
            )));
        }
        others.push(draft);
    }
    found
}

/// Whether a node can be in both.
fn overlap(a: &Scope, b: &Scope) -> bool {
    meet(&a.classes, &b.classes)
        && meet(&a.node_ids, &b.node_ids)
        && meet(&a.node_clusters, &b.node_clusters)
}

/// Whether two lists, of which an empty one means everything, have something in common.
fn meet<T: PartialEq>(a: &[T], b: &[T]) -> bool {
    a.is_empty() || b.is_empty() || a.iter().any(|one| b.contains(one))
}
