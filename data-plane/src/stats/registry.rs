//! Which sheets exist, and what they are called.
//!
//! A scope's numbers live as long as somebody counts in them: the registry holds them weakly, so that a removed
//! cluster's go with it, and hands the living ones to whoever asks for the same name again, so that an update
//! loses no count. How many there are is bounded by the configuration.

use std::{
    collections::BTreeMap,
    sync::{Arc, Weak},
};

use parking_lot::Mutex;

use super::{
    cluster::ClusterStats,
    http::HttpStats,
    listener::{ListenerHttpStats, ListenerStats},
    process::ProcessStats,
};

/// All statistics of a proxy.
#[derive(Debug)]
pub struct Registry {
    threads: usize,
    pub process: ProcessStats,
    clusters: Scopes<Box<str>, ClusterStats>,
    http: Scopes<Box<str>, HttpStats>,
    listeners: Scopes<Box<str>, ListenerStats>,
    listener_http: Scopes<AddressAndPrefix, ListenerHttpStats>,
}

#[derive(Debug)]
struct Scopes<K, S>(Mutex<Known<K, S>>);

#[derive(Debug)]
struct Known<K, S> {
    scopes: BTreeMap<K, Weak<S>>,
    /// At this size the dead are looked for; twice the living that were found the last time.
    sweep_at: usize,
}

type AddressAndPrefix = (Box<str>, Box<str>);

/// Below this, the dead are left to lie.
const SWEEP: usize = 64;

impl Registry {
    /// A registry for that many writing threads: the workers and the control thread.
    pub fn new(threads: usize) -> Self {
        Self {
            threads,
            process: ProcessStats::new(threads),
            clusters: Scopes::new(),
            http: Scopes::new(),
            listeners: Scopes::new(),
            listener_http: Scopes::new(),
        }
    }

    /// The numbers of a cluster, by the name it has in statistics.
    pub fn cluster(&self, name: &str) -> Arc<ClusterStats> {
        self.clusters
            .get_or_add(sanitize(name), || ClusterStats::new(self.threads))
    }

    /// The numbers of connection managers, by their `stat_prefix`.
    pub fn http(&self, prefix: &str) -> Arc<HttpStats> {
        self.http
            .get_or_add(sanitize(prefix), || HttpStats::new(self.threads))
    }

    /// The numbers of a listener, by its address or the `stat_prefix` that replaces it.
    pub fn listener(&self, address: &str) -> Arc<ListenerStats> {
        self.listeners
            .get_or_add(sanitize(address), || ListenerStats::new(self.threads))
    }

    /// The numbers of a connection manager on a listener.
    pub fn listener_http(&self, address: &str, prefix: &str) -> Arc<ListenerHttpStats> {
        let key = (sanitize(address), sanitize(prefix));
        self.listener_http
            .get_or_add(key, || ListenerHttpStats::new(self.threads))
    }

    pub(super) fn clusters(&self) -> Vec<(Box<str>, Arc<ClusterStats>)> {
        self.clusters.living()
    }

    pub(super) fn https(&self) -> Vec<(Box<str>, Arc<HttpStats>)> {
        self.http.living()
    }

    pub(super) fn listeners(&self) -> Vec<(Box<str>, Arc<ListenerStats>)> {
        self.listeners.living()
    }

    pub(super) fn listener_https(&self) -> Vec<(AddressAndPrefix, Arc<ListenerHttpStats>)> {
        self.listener_http.living()
    }
}

impl<K: Ord + Clone, S> Scopes<K, S> {
    fn new() -> Self {
        Self(Mutex::new(Known {
            scopes: BTreeMap::new(),
            sweep_at: SWEEP,
        }))
    }

    fn get_or_add(&self, key: K, new: impl FnOnce() -> S) -> Arc<S> {
        let mut known = self.0.lock();
        if let Some(living) = known.scopes.get(&key).and_then(Weak::upgrade) {
            return living;
        }
        if known.scopes.len() >= known.sweep_at {
            known.scopes.retain(|_, scope| scope.strong_count() > 0);
            known.sweep_at = SWEEP.max(known.scopes.len().saturating_mul(2));
        }
        let scope = Arc::new(new());
        known.scopes.insert(key, Arc::downgrade(&scope));
        scope
    }

    /// In the order of their names.
    fn living(&self) -> Vec<(K, Arc<S>)> {
        let known = self.0.lock();
        known
            .scopes
            .iter()
            .filter_map(|(key, scope)| Some((key.clone(), scope.upgrade()?)))
            .collect()
    }
}

/// A name as it stands in statistics: without colons, which some collectors take for separators.
fn sanitize(name: &str) -> Box<str> {
    name.replace("://", "_")
        .replace(":/", "_")
        .replace([':', '\0'], "_")
        .into()
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::stats::{RowId, cluster::ClusterCell};

    #[test]
    fn numbers_live_as_long_as_somebody_counts_and_no_longer() {
        let registry = Registry::new(1);
        let old = registry.cluster("a");
        old.cells.inc(RowId(0), ClusterCell::UpstreamRqTotal);
        let updated = registry.cluster("a");
        drop(old);
        assert_eq!(updated.cells.read(ClusterCell::UpstreamRqTotal), 1);
        drop(updated);
        assert!(registry.clusters().is_empty());
        let fresh = registry.cluster("a");
        assert_eq!(fresh.cells.read(ClusterCell::UpstreamRqTotal), 0);
    }

    #[test]
    fn names_have_no_colons() {
        let registry = Registry::new(1);
        let _kept = [
            registry.listener("[::1]:80"),
            registry.listener("127.0.0.1:80"),
        ];
        let names: Vec<_> = registry
            .listeners()
            .into_iter()
            .map(|(name, _)| name)
            .collect();
        assert_eq!(names, ["127.0.0.1_80".into(), "[__1]_80".into()]);
    }

    #[test]
    fn names_that_come_and_go_leave_nothing_behind() {
        let registry = Registry::new(1);
        let kept: Vec<_> = (0..100)
            .map(|at| registry.cluster(&format!("kept{at}")))
            .collect();
        for at in 0..10_000 {
            registry.cluster(&format!("gone{at}"));
        }
        assert_eq!(registry.clusters().len(), kept.len());
        assert!(registry.clusters.0.lock().scopes.len() <= 200);
    }
}
