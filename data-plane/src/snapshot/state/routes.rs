//! Route configurations that come by RDS.

use std::{collections::BTreeMap, sync::Arc, time::Instant};

use portway_proto::pb::envoy::config::route::v3::RouteConfiguration;
use rustc_hash::FxHashMap;

use super::{Raw, Refused, State, parsed};
use crate::{
    resources::{at::Problem, config_source::ConfigSource, filters, route::route_configuration},
    routing::RouteTable,
};

#[derive(Debug, Default)]
pub struct Routes {
    held: BTreeMap<Arc<str>, Held>,
    /// Names that a listener waits for, and until when.
    awaited: BTreeMap<Arc<str>, Option<Instant>>,
}

#[derive(Debug)]
struct Held {
    table: Arc<RouteTable>,
    raw: Raw,
}

impl State {
    /// Takes a route configuration, new or changed.
    pub fn put_routes(
        &mut self,
        message: RouteConfiguration,
        raw: Raw,
    ) -> Result<Vec<Problem>, Refused> {
        let name = message.name.clone();
        let (table, warnings) = parsed(&name, |at| {
            route_configuration(at, message, &filters::route_context())
        })?;
        self.routes.held.insert(
            name.into(),
            Held {
                table: Arc::new(table),
                raw,
            },
        );
        self.changed = true;
        Ok(warnings)
    }

    /// The server says that there is no such route configuration.
    pub fn remove_routes(&mut self, name: &str) {
        self.changed |= self.routes.held.remove(name).is_some();
    }

    /// Lets go of route configurations that no listener names any more.
    pub fn keep_wanted_routes(&mut self) {
        let wanted = self.listeners.wanted_routes();
        let before = self.routes.held.len();
        self.routes.held.retain(|name, _| wanted.contains(name));
        self.changed |= self.routes.held.len() != before;
    }

    /// Every route configuration with its message, by name.
    pub fn routes(&self) -> impl Iterator<Item = (&Arc<str>, &Raw)> {
        self.routes
            .held
            .iter()
            .map(|(name, held)| (name, &held.raw))
    }
}

impl Routes {
    pub fn active(&self) -> FxHashMap<Arc<str>, Arc<RouteTable>> {
        self.held
            .iter()
            .map(|(name, held)| (name.clone(), held.table.clone()))
            .collect()
    }

    /// Whether a listener that wants these routes may open: they are here, or were waited for long enough.
    pub fn ready(&mut self, name: &Arc<str>, source: &ConfigSource, now: Instant) -> bool {
        if self.held.contains_key(name) {
            self.awaited.remove(name);
            return true;
        }
        let until = self.awaited.entry(name.clone()).or_insert_with(|| {
            source
                .fetch_timeout
                .and_then(|timeout| now.checked_add(timeout))
        });
        until.is_some_and(|until| until <= now)
    }

    /// Deadlines that are over need no further settling.
    pub fn settle(&mut self, now: Instant) {
        let held = &self.held;
        self.awaited.retain(|name, until| {
            !held.contains_key(name) && until.is_none_or(|until| until > now || !held.is_empty())
        });
    }

    pub fn deadlines(&self) -> impl Iterator<Item = Instant> {
        self.awaited.values().filter_map(|until| *until)
    }
}
