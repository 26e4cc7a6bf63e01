//! Statistics as an operator or a collector reads them.
//!
//! Ten thousand clusters have a million numbers; they are never all in memory as text. A printer is an iterator
//! of pieces, a scope or a metric each, and whoever sends them takes the next one when the last is gone.

mod json;
mod prometheus;
mod text;

use std::{collections::BTreeMap, sync::Arc};

use regex::Regex;

use super::{
    Cell, Kind,
    cluster::{ClusterCell, ClusterStats},
    histogram::{Distribution, Histogram},
    http::{HttpCell, HttpStats},
    listener::{ListenerCell, ListenerHttpCell, ListenerHttpStats, ListenerStats},
    process::ProcessCell,
    registry::Registry,
};

pub use json::json;
pub use prometheus::prometheus;
pub use text::text;

/// Which statistics are asked for.
#[derive(Clone, Debug, Default)]
pub struct Query {
    /// Names must have it somewhere in them.
    pub filter: Option<Regex>,
    pub invert_filter: bool,
    /// Leaves out what has counted nothing.
    pub used_only: bool,
    pub types: Types,
}

#[derive(Clone, Copy, Debug, Default, PartialEq, Eq)]
pub enum Types {
    #[default]
    All,
    Counters,
    Gauges,
    Histograms,
}

/// A number that no sheet keeps, made when it is asked for.
#[derive(Clone, Debug)]
pub struct Extra {
    pub name: &'static str,
    pub kind: Kind,
    pub value: u64,
}

/// Scopes that have the same cells.
pub struct Family {
    /// Of the names in text; also what families are sorted by.
    root: &'static str,
    /// What Prometheus puts before each name.
    metric: &'static str,
    cells: Vec<CellName>,
    histograms: &'static [&'static str],
    scopes: Vec<Scope>,
}

struct CellName {
    name: &'static str,
    kind: Kind,
    number: usize,
}

struct Scope {
    /// Of every name, the last dot included.
    prefix: String,
    labels: Vec<(&'static str, Box<str>)>,
    numbers: Box<dyn Numbers>,
}

/// What a scope has counted.
trait Numbers: Send {
    fn cell(&self, number: usize) -> u64;
    fn histogram(&self, number: usize) -> Option<Distribution>;
}

impl Query {
    fn wants_cell(&self, name: &str, kind: Kind, value: u64) -> bool {
        let kinds = match self.types {
            Types::All => true,
            Types::Counters => kind != Kind::Gauge,
            Types::Gauges => kind == Kind::Gauge,
            Types::Histograms => false,
        };
        kinds && (value > 0 || !self.used_only && kind != Kind::Rare) && self.wants_name(name)
    }

    fn wants_histogram(&self, name: &str) -> bool {
        matches!(self.types, Types::All | Types::Histograms) && self.wants_name(name)
    }

    fn wants_name(&self, name: &str) -> bool {
        self.filter
            .as_ref()
            .is_none_or(|filter| filter.is_match(name) != self.invert_filter)
    }
}

/// Everything there is now, in the order of names.
pub fn families(registry: &Registry, extra: Vec<Extra>) -> Vec<Family> {
    let cluster = Family {
        root: "cluster.",
        metric: "envoy_cluster_",
        cells: cells::<ClusterCell>(),
        histograms: &["upstream_rq_time"],
        scopes: scopes(registry.clusters(), |name| {
            (
                format!("cluster.{name}."),
                vec![("envoy_cluster_name", name)],
            )
        }),
    };
    let http = Family {
        root: "http.",
        metric: "envoy_http_",
        cells: cells::<HttpCell>(),
        histograms: &["downstream_cx_length_ms", "downstream_rq_time"],
        scopes: scopes(registry.https(), |prefix| {
            (
                format!("http.{prefix}."),
                vec![("envoy_http_conn_manager_prefix", prefix)],
            )
        }),
    };
    let listener = Family {
        root: "listener.",
        metric: "envoy_listener_",
        cells: cells::<ListenerCell>(),
        histograms: &["downstream_cx_length_ms"],
        scopes: scopes(registry.listeners(), |address| {
            (
                format!("listener.{address}."),
                vec![("envoy_listener_address", address)],
            )
        }),
    };
    let listener_http = Family {
        root: "listener.",
        metric: "envoy_listener_http_",
        cells: cells::<ListenerHttpCell>(),
        histograms: &[],
        scopes: scopes(registry.listener_https(), |(address, prefix)| {
            (
                format!("listener.{address}.http.{prefix}."),
                vec![
                    ("envoy_http_conn_manager_prefix", prefix),
                    ("envoy_listener_address", address),
                ],
            )
        }),
    };
    let process = cells::<ProcessCell>().into_iter().map(|cell| Extra {
        name: cell.name,
        kind: cell.kind,
        value: registry.process.cells.sum(cell.number),
    });
    let mut families = vec![cluster, http, listener, listener_http];
    families.extend(singles(process.chain(extra)));
    families.sort_by_key(|family| family.root);
    families
}

/// Connections that clients have open now.
pub fn open_connections(registry: &Registry) -> u64 {
    registry
        .https()
        .iter()
        .map(|(_, stats)| stats.cells.read(HttpCell::DownstreamCxActive))
        .sum()
}

/// Numbers without a scope, a family for each first part of their names.
fn singles(numbers: impl Iterator<Item = Extra>) -> impl Iterator<Item = Family> {
    let mut roots: BTreeMap<&'static str, Vec<Extra>> = BTreeMap::new();
    for extra in numbers {
        let dot = extra.name.find('.');
        let root = dot
            .and_then(|dot| extra.name.get(..=dot))
            .unwrap_or(extra.name);
        roots.entry(root).or_default().push(extra);
    }
    roots.into_iter().map(|(root, mut numbers)| {
        numbers.sort_by_key(|extra| extra.name);
        Family {
            root,
            metric: "envoy_",
            cells: numbers
                .iter()
                .enumerate()
                .map(|(number, Extra { name, kind, .. })| CellName {
                    name,
                    kind: *kind,
                    number,
                })
                .collect(),
            histograms: &[],
            scopes: vec![Scope {
                prefix: String::new(),
                labels: Vec::new(),
                numbers: Box::new(numbers),
            }],
        }
    })
}

fn cells<C: Cell>() -> Vec<CellName> {
    let mut cells: Vec<CellName> = C::ALL
        .iter()
        .map(|cell| CellName {
            name: cell.name(),
            kind: cell.kind(),
            number: cell.number(),
        })
        .collect();
    cells.sort_by_key(|cell| cell.name);
    cells
}

fn scopes<K, N: Numbers + 'static>(
    living: Vec<(K, N)>,
    name: impl Fn(K) -> (String, Vec<(&'static str, Box<str>)>),
) -> Vec<Scope> {
    living
        .into_iter()
        .map(|(key, numbers)| {
            let (prefix, labels) = name(key);
            Scope {
                prefix,
                labels,
                numbers: Box::new(numbers),
            }
        })
        .collect()
}

/// The numbers of a scope: a sheet, and histograms in the order of the family's names for them.
macro_rules! numbers {
    ($($stats:ty [$($histogram:ident),*],)*) => { $(
        impl Numbers for Arc<$stats> {
            fn cell(&self, number: usize) -> u64 {
                self.cells.sum(number)
            }

            fn histogram(&self, number: usize) -> Option<Distribution> {
                let histograms: &[&Histogram] = &[$(&self.$histogram),*];
                histograms.get(number).map(|histogram| histogram.read())
            }
        }
    )* };
}

numbers! {
    ClusterStats [time],
    HttpStats [length, time],
    ListenerStats [length],
    ListenerHttpStats [],
}

impl Numbers for Vec<Extra> {
    fn cell(&self, number: usize) -> u64 {
        self.get(number).map_or(0, |extra| extra.value)
    }

    fn histogram(&self, _: usize) -> Option<Distribution> {
        None
    }
}

#[cfg(test)]
mod tests;
