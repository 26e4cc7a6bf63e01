//! The configuration as it comes in, one resource at a time, and what of it is in force.
//!
//! Every resource is parsed here, once. One that is bad is refused with its reasons and changes nothing: the
//! version before stays. One that is good is in force at once, unless it has to wait for something: a cluster
//! for its endpoints (EDS, DNS), a listener for its routes, and at the start every listener for all clusters.
//! Waiting is bounded by the fetch timeout of what is waited for. [`State::settle`] works out the consequences
//! and returns what the runtime has to do; nothing here has threads, sockets or a clock.

mod clusters;
mod listeners;
mod routes;

use std::{
    collections::BTreeSet,
    sync::Arc,
    time::{Instant, SystemTime},
};

use super::Snapshot;
use crate::{
    listeners::Listener,
    resources::at::{Parsed, Problem, Report},
    stats::{RowId, process::ProcessCell, registry::Registry},
};
pub use clusters::DnsQuery;

/// How many there are.
#[derive(Clone, Copy, Debug, Default)]
struct Tally {
    ready: usize,
    waiting: usize,
}

/// A resource as it came, for `config_dump` and for telling whether another is the same.
#[derive(Clone, Debug)]
pub struct Raw {
    /// The message, encoded, without its type.
    pub wire: bytes::Bytes,
    pub version: Box<str>,
    pub updated: SystemTime,
    pub origin: Origin,
}

/// Who said so. What stands in the bootstrap is never changed by a server.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum Origin {
    Bootstrap,
    Stream,
}

/// A resource that was refused.
#[derive(Clone, Debug)]
pub struct Refused {
    pub name: Box<str>,
    pub problems: Vec<Problem>,
}

/// The configuration.
#[derive(Debug)]
pub struct State {
    clusters: clusters::Clusters,
    routes: routes::Routes,
    listeners: listeners::Listeners,
    registry: Arc<Registry>,
    /// Workers and the control thread.
    threads: usize,
    initialised: bool,
    changed: bool,
}

/// What the runtime has to do to follow.
#[derive(Debug, Default)]
pub struct Changes {
    /// The new snapshot, if it differs from the last.
    pub snapshot: Option<Arc<Snapshot>>,
    /// Listeners to open, or to replace by this version.
    pub listen: Vec<Arc<Listener>>,
    pub unlisten: Vec<Arc<str>>,
    /// Whether endpoints have gone.
    pub prune: bool,
}

impl State {
    pub fn new(workers: usize, registry: Arc<Registry>) -> Self {
        Self {
            clusters: clusters::Clusters::default(),
            routes: routes::Routes::default(),
            listeners: listeners::Listeners::default(),
            registry,
            threads: workers + 1,
            initialised: false,
            changed: true,
        }
    }

    /// Works out what follows from all that was put in since the last call.
    ///
    /// Call it after every batch and when [`State::next_deadline`] has passed.
    pub fn settle(&mut self, now: Instant) -> Changes {
        let mut changes = Changes {
            prune: self.clusters.settle(now, self.threads, &mut self.changed),
            ..Changes::default()
        };
        self.routes.settle(now);
        if self.changed {
            self.changed = false;
            changes.snapshot = Some(Arc::new(Snapshot {
                clusters: self.clusters.active(),
                routes: self.routes.active(),
            }));
        }
        if self.initialised || self.clusters.waiting().next().is_none() {
            self.initialised = true;
            let routes = &mut self.routes;
            self.listeners
                .settle(|name, source| routes.ready(name, source, now), &mut changes);
        }
        self.gauge();
        changes
    }

    /// Counts something that happened to the configuration.
    pub fn count(&self, cell: ProcessCell) {
        self.registry.process.cells.inc(self.row(), cell);
    }

    /// Sets a gauge of the process.
    pub fn set(&self, cell: ProcessCell, value: u64) {
        self.registry.process.cells.set(self.row(), cell, value);
    }

    /// The row that the control thread writes.
    fn row(&self) -> RowId {
        RowId(self.threads - 1)
    }

    /// Brings the gauges of the configuration up to date.
    fn gauge(&self) {
        let clusters = self.clusters.count();
        let listeners = self.listeners.count();
        for (cell, value) in [
            (ProcessCell::ActiveClusters, clusters.ready),
            (ProcessCell::WarmingClusters, clusters.waiting),
            (ProcessCell::ListenersActive, listeners.ready),
            (ProcessCell::ListenersWarming, listeners.waiting),
        ] {
            self.set(cell, value as u64);
        }
    }

    /// When to settle again though nothing came.
    pub fn next_deadline(&self) -> Option<Instant> {
        self.clusters
            .deadlines()
            .chain(self.routes.deadlines())
            .min()
    }

    /// What is still waited for, in words for `/ready`.
    pub fn waiting(&self) -> Vec<String> {
        let mut waiting: Vec<String> = self
            .clusters
            .waiting()
            .map(|name| format!("cluster {name}"))
            .collect();
        waiting.extend(
            self.listeners
                .waiting()
                .map(|name| format!("listener {name}")),
        );
        waiting
    }

    /// Whether every cluster that was there at the start has been waited for.
    pub fn is_initialised(&self) -> bool {
        self.initialised
    }

    /// Names of assignments that clusters want by EDS.
    pub fn wanted_assignments(&self) -> BTreeSet<Arc<str>> {
        self.clusters.wanted_assignments()
    }

    /// Names of route configurations that listeners want by RDS.
    pub fn wanted_routes(&self) -> BTreeSet<Arc<str>> {
        self.listeners.wanted_routes()
    }
}

/// Runs a parser and turns its report into an outcome, with what was harmless.
fn parsed<T>(
    name: &str,
    parse: impl FnOnce(crate::resources::at::At<'_>) -> Parsed<T>,
) -> Result<(T, Vec<Problem>), Refused> {
    let (value, Report { errors, warnings }) = crate::resources::at::parse(parse);
    match value {
        Some(value) => Ok((value, warnings)),
        None => Err(Refused {
            name: name.into(),
            problems: errors,
        }),
    }
}
