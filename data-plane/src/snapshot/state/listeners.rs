//! Listeners.

use std::{
    collections::{BTreeMap, BTreeSet},
    sync::Arc,
};

use portway_proto::pb::envoy::config::listener::v3::Listener as ListenerMessage;

use super::{Changes, Origin, Raw, Refused, State, Tally, parsed};
use crate::{
    listeners::Listener,
    resources::{
        at::Problem, config_source::ConfigSource, filters::route_context, hcm::RouteSource,
        listener, route::Context,
    },
    stats::process::ProcessCell,
};

#[derive(Debug, Default)]
pub struct Listeners {
    entries: BTreeMap<Arc<str>, Entry>,
    gone: Vec<Arc<str>>,
}

#[derive(Debug)]
struct Entry {
    listener: Arc<Listener>,
    raw: Raw,
    /// Whether the runtime has been told of this version.
    told: bool,
}

impl State {
    /// Takes a listener, new or changed.
    pub fn put_listener(
        &mut self,
        message: ListenerMessage,
        raw: Raw,
    ) -> Result<Vec<Problem>, Refused> {
        let name = message.name.clone();
        let clusters = &self.clusters;
        let context = Context {
            cluster_exists: Some(&|name| clusters.is_known(name)),
            validate_clusters: true,
            ..route_context()
        };
        let (config, mut warnings) =
            parsed(&name, |at| listener::listener_among(at, message, &context))?;
        if let Some(entry) = self.listeners.entries.get_mut(&config.name)
            && (entry.raw.wire == raw.wire
                || entry.raw.origin == Origin::Bootstrap && raw.origin == Origin::Stream)
        {
            // The same again, or one that the bootstrap has the word on.
            if entry.raw.wire != raw.wire {
                warnings.push(Problem {
                    path: portway_proto::path::FieldPath::default(),
                    reason: "a listener of this name stands in the bootstrap and stays".to_owned(),
                    unsupported: false,
                });
            }
            return Ok(warnings);
        }
        let name = config.name.clone();
        let listener = Arc::new(Listener::new(config, &self.registry));
        self.listeners.gone.retain(|gone| *gone != name);
        self.count(if self.listeners.entries.contains_key(&name) {
            ProcessCell::ListenerModified
        } else {
            ProcessCell::ListenerAdded
        });
        self.listeners.entries.insert(
            name,
            Entry {
                listener,
                raw,
                told: false,
            },
        );
        Ok(warnings)
    }

    /// Removes a listener that a stream brought.
    pub fn remove_listener(&mut self, name: &str) {
        if self
            .listeners
            .entries
            .get(name)
            .is_some_and(|entry| entry.raw.origin == Origin::Stream)
            && let Some((name, _)) = self.listeners.entries.remove_entry(name)
        {
            self.listeners.gone.push(name);
            self.count(ProcessCell::ListenerRemoved);
        }
    }

    /// Whether a listener is there and waits for its routes.
    pub fn is_waiting(&self, listener: &str) -> bool {
        let entry = self.listeners.entries.get(listener);
        entry.is_some_and(|entry| !entry.told)
    }

    /// Every listener with its message, by name.
    pub fn listeners(&self) -> impl Iterator<Item = (&Arc<Listener>, &Raw)> {
        self.listeners
            .entries
            .values()
            .map(|entry| (&entry.listener, &entry.raw))
    }
}

impl Listeners {
    /// Hands over listeners that may open and those that are gone.
    pub fn settle(
        &mut self,
        mut ready: impl FnMut(&Arc<str>, &ConfigSource) -> bool,
        changes: &mut Changes,
    ) {
        changes.unlisten = std::mem::take(&mut self.gone);
        for entry in self.entries.values_mut().filter(|entry| !entry.told) {
            let may_open = match &entry.listener.config.http.routes {
                RouteSource::Inline(_) => true,
                RouteSource::Rds { name, source } => ready(name, source),
            };
            if may_open {
                entry.told = true;
                changes.listen.push(entry.listener.clone());
            }
        }
    }

    pub fn count(&self) -> Tally {
        let waiting = self.entries.values().filter(|entry| !entry.told).count();
        Tally {
            ready: self.entries.len() - waiting,
            waiting,
        }
    }

    pub fn waiting(&self) -> impl Iterator<Item = &Arc<str>> {
        self.entries
            .iter()
            .filter(|(_, entry)| !entry.told)
            .map(|(name, _)| name)
    }

    pub fn wanted_routes(&self) -> BTreeSet<Arc<str>> {
        self.entries
            .values()
            .filter_map(|entry| match &entry.listener.config.http.routes {
                RouteSource::Rds { name, .. } => Some(name.clone()),
                RouteSource::Inline(_) => None,
            })
            .collect()
    }
}
