//! Where requests go: clusters, their endpoints, and the connections to them.
//!
//! A [`Cluster`] is part of a snapshot: configuration plus the endpoints of that moment. What must survive an
//! update (an endpoint's identity and counters) lives in `Arc`s that the next snapshot takes over. Connections
//! belong to the workers: [`pool`] keeps them, [`connect`] makes them, [`balance`] says which endpoint is next.

pub mod balance;
pub mod call;
pub mod connect;
pub mod dns;
pub mod endpoints;
pub mod io;
pub mod pool;

use std::sync::Arc;

use crate::{resources::cluster::ClusterConfig, stats::cluster::ClusterStats};
use balance::Schedule;
use endpoints::EndpointSet;

/// A cluster at one moment.
#[derive(Debug)]
pub struct Cluster {
    pub config: Arc<ClusterConfig>,
    pub endpoints: Arc<EndpointSet>,
    /// In which order endpoints take turns.
    pub schedule: Schedule,
    pub stats: Arc<ClusterStats>,
}

impl Cluster {
    /// A cluster for so many workers.
    pub fn new(
        config: Arc<ClusterConfig>,
        endpoints: Arc<EndpointSet>,
        stats: Arc<ClusterStats>,
        workers: usize,
    ) -> Self {
        let schedule = Schedule::new(&endpoints, workers, || fastrand::usize(..));
        Self {
            config,
            endpoints,
            schedule,
            stats,
        }
    }
}
