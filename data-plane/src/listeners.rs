//! A listener in the running proxy: its configuration and its statistics.
//!
//! Sockets are not here. They belong to the process and are borrowed by workers
//! ([`runtime::sockets`](crate::runtime::sockets)); a listener whose configuration changes keeps them.

use std::sync::Arc;

use crate::{
    resources::listener::ListenerConfig,
    stats::{
        http::HttpStats,
        listener::{ListenerHttpStats, ListenerStats},
        registry::Registry,
    },
};

/// A listener at one version of its configuration. Connections keep the version they were accepted under.
#[derive(Debug)]
pub struct Listener {
    pub config: ListenerConfig,
    /// Shared with every listener whose connection manager has the same `stat_prefix`.
    pub http_stats: Arc<HttpStats>,
    pub stats: Arc<ListenerStats>,
    pub own_http_stats: Arc<ListenerHttpStats>,
}

impl Listener {
    pub fn new(config: ListenerConfig, registry: &Registry) -> Self {
        let (own, http) = (&config.stat_name, &config.http.stat_prefix);
        Self {
            http_stats: registry.http(http),
            stats: registry.listener(own),
            own_http_stats: registry.listener_http(own, http),
            config,
        }
    }
}
