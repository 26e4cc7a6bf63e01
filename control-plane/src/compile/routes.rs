//! The Routes of a listener to its RouteConfiguration.
//!
//! Host names that the same Routes serve share a virtual host. Where several Routes serve one name, their rules
//! become one list. The rules of one Route keep their order, as its author was promised. Between Routes the more
//! specific rule comes first: of the next rules of each Route, the one
//!
//! 1. with an exact path, then with a regex, then with a prefix, then without a path; a regex stands before
//!    prefixes because the catch-all that another team wrote would else hide it;
//! 2. with the longer path;
//! 3. with a condition on the method, then with more conditions on headers, then on the query;
//! 4. of the Route whose name comes first.
//!
//! A rule with several matches becomes as many routes. They do the same, so among themselves their order is free,
//! and the specific ones come first.

use std::cmp::Reverse;
use std::collections::{BTreeMap, BinaryHeap};
use std::sync::Arc;

use portway_proto::pb::envoy::config::route::v3::{RouteConfiguration, VirtualHost};

use super::{Part, entry};
use crate::model::route::matching::{Match, PathMatch};
use crate::model::route::{Route, Rule};
use crate::model::{Declared, ObjectKind, Set};

/// What stands for every host.
const ANY_HOST: &str = "*";

/// A Route with its name.
type Named<'s> = (&'s Arc<str>, &'s Declared<Route>);

/// For each virtual host and each route in it, the rule it was made of.
type Sources<'s> = Vec<Vec<(Part<'s>, usize)>>;

pub(super) fn compile<'s>(
    resource: &str,
    set: &'s Set,
    gateway: &str,
    listener: &str,
) -> (RouteConfiguration, Sources<'s>) {
    let attached = set.routes().iter().filter(|(_, route)| {
        route.value.gateways.iter().any(|reference| {
            let wanted = reference.listener.as_deref();
            *reference.gateway == *gateway && wanted.is_none_or(|wanted| wanted == listener)
        })
    });
    let mut virtual_hosts = Vec::new();
    let mut sources = Vec::new();
    for (routes, domains) in groups(attached) {
        let merged = merge(&routes);
        virtual_hosts.push(VirtualHost {
            // Names of virtual hosts must differ, and each domain stands in one of them only.
            name: domains.first().cloned().unwrap_or_default(),
            domains,
            routes: merged.iter().map(Candidate::compile).collect(),
            ..Default::default()
        });
        sources.push(merged.iter().map(Candidate::source).collect());
    }
    let configuration = RouteConfiguration {
        name: resource.to_owned(),
        virtual_hosts,
        // Host names stand without port in a Route.
        ignore_port_in_host_matching: true,
        ..Default::default()
    };
    (configuration, sources)
}

/// Which host names are served by the same Routes; in the order of the first name of each.
fn groups<'s>(routes: impl Iterator<Item = Named<'s>>) -> Vec<(Vec<Named<'s>>, Vec<String>)> {
    let mut by_host: BTreeMap<&str, Vec<Named<'s>>> = BTreeMap::new();
    for (name, route) in routes {
        let hostnames = &route.value.hostnames;
        for hostname in hostnames {
            let served = by_host.entry(hostname.as_str()).or_default();
            served.push((name, route));
        }
        if hostnames.is_empty() {
            by_host.entry(ANY_HOST).or_default().push((name, route));
        }
    }
    let mut groups: BTreeMap<Vec<&str>, (Vec<Named<'s>>, Vec<String>)> = BTreeMap::new();
    for (host, routes) in by_host {
        let names: Vec<&str> = routes.iter().map(|(name, _)| &***name).collect();
        let (_, domains) = groups.entry(names).or_insert_with(|| (routes, Vec::new()));
        domains.push(host.to_owned());
    }
    let mut groups: Vec<_> = groups.into_values().collect();
    groups.sort_by(|(_, a), (_, b)| a.cmp(b));
    groups
}

/// One match of one rule.
struct Candidate<'s> {
    name: &'s str,
    route: &'s Declared<Route>,
    rule: &'s Rule,
    /// The rule's position in its Route.
    index: usize,
    matched: &'s Match,
}

impl<'s> Candidate<'s> {
    fn compile(&self) -> portway_proto::pb::envoy::config::route::v3::Route {
        entry::compile(self.name, self.index, self.rule, self.matched)
    }

    fn source(&self) -> (Part<'s>, usize) {
        let part = Part {
            kind: ObjectKind::Route,
            name: self.name,
            origin: &self.route.origin,
        };
        (part, self.index)
    }
}

/// One list of all matches of all Routes, which come sorted by name.
fn merge<'s>(routes: &[Named<'s>]) -> Vec<Candidate<'s>> {
    let mut queues: Vec<_> = routes.iter().map(|route| candidates(*route)).collect();
    let mut heads: Vec<Option<Candidate<'s>>> = queues.iter_mut().map(Iterator::next).collect();
    let key = |head: &Candidate<'_>, at: usize| Reverse((precedence(head.matched), at));
    let mut next: BinaryHeap<_> = heads
        .iter()
        .enumerate()
        .filter_map(|(at, head)| Some(key(head.as_ref()?, at)))
        .collect();
    let mut merged = Vec::new();
    while let Some(Reverse((_, at))) = next.pop() {
        let (Some(head), Some(queue)) = (heads.get_mut(at), queues.get_mut(at)) else {
            continue;
        };
        let following = queue.next();
        if let Some(following) = &following {
            next.push(key(following, at));
        }
        merged.extend(std::mem::replace(head, following));
    }
    merged
}

/// The matches of one Route in the order of its rules.
fn candidates<'s>((name, route): Named<'s>) -> impl Iterator<Item = Candidate<'s>> {
    let rules = route.value.rules.iter().enumerate();
    rules.flat_map(move |(index, rule)| {
        let mut matches: Vec<&Match> = rule.matches.iter().collect();
        matches.sort_by_key(|matched| precedence(matched));
        matches.into_iter().map(move |matched| Candidate {
            name,
            route,
            rule,
            index,
            matched,
        })
    })
}

type Precedence = (
    u8,
    Reverse<usize>,
    Reverse<bool>,
    Reverse<usize>,
    Reverse<usize>,
);

/// Less is more specific.
fn precedence(matched: &Match) -> Precedence {
    let Match {
        path,
        methods,
        headers,
        query,
    } = matched;
    let (rank, length) = match path {
        PathMatch::Exact(path) => (0, path.len()),
        PathMatch::Regex(path) => (1, path.len()),
        PathMatch::Prefix(path) => (2, path.len()),
        PathMatch::Any => (3, 0),
    };
    (
        rank,
        Reverse(length),
        Reverse(!methods.is_empty()),
        Reverse(headers.len()),
        Reverse(query.len()),
    )
}
