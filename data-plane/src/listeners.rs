//! A listener in the running proxy: its configuration and its statistics.
//!
//! Sockets are not here. They belong to the process and are borrowed by workers
//! ([`runtime::sockets`](crate::runtime::sockets)); a listener whose configuration changes keeps them.

use std::sync::Arc;

use crate::{resources::listener::ListenerConfig, stats::http::HttpStats};

/// A listener at one version of its configuration. Connections keep the version they were accepted under.
#[derive(Debug)]
pub struct Listener {
    pub config: ListenerConfig,
    pub http_stats: Arc<HttpStats>,
}
