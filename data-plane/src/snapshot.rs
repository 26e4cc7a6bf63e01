//! What the workers see: everything a request needs, at one moment, immutable.
//!
//! [`state`] takes resources one by one and decides when a new snapshot is due; workers load the current one
//! for each request and keep only the route and cluster they use.

pub mod state;

use std::sync::Arc;

use rustc_hash::FxHashMap;

use crate::{clusters::Cluster, resources::hcm::RouteSource, routing::RouteTable};

/// The configuration in force.
#[derive(Clone, Debug, Default)]
pub struct Snapshot {
    pub clusters: FxHashMap<Arc<str>, Arc<Cluster>>,
    /// Those that came by RDS; listeners hold their own inline ones.
    pub routes: FxHashMap<Arc<str>, Arc<RouteTable>>,
}

impl Snapshot {
    /// The routes a listener uses now.
    pub fn routes_of<'a>(&'a self, source: &'a RouteSource) -> Option<&'a Arc<RouteTable>> {
        match source {
            RouteSource::Inline(table) => Some(table),
            RouteSource::Rds { name, .. } => self.routes.get(name),
        }
    }
}
