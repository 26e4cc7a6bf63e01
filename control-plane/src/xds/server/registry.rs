//! Which nodes are connected, and how far each is.

use std::collections::BTreeMap;
use std::net::SocketAddr;
use std::sync::Arc;
use std::time::SystemTime;

use parking_lot::Mutex;
use tokio::sync::watch;

use crate::xds::status::NodeStatus;

/// One stream of a connected node.
#[derive(Clone, Debug, PartialEq)]
pub struct ConnectedNode {
    pub since: SystemTime,
    /// Absent for Unix sockets and pipes.
    pub peer: Option<SocketAddr>,
    pub status: NodeStatus,
}

/// All streams. Each stream's task publishes its own status; readers get shared copies.
#[derive(Debug)]
pub(super) struct Registry {
    limit: usize,
    streams: Mutex<BTreeMap<u64, Option<Arc<ConnectedNode>>>>,
    changes: watch::Sender<u64>,
}

impl Registry {
    pub(super) fn new(limit: usize) -> Self {
        Self {
            limit,
            streams: Mutex::default(),
            changes: watch::Sender::new(0),
        }
    }

    /// Takes a place for a stream; none if all are taken.
    pub(super) fn admit(&self, stream: u64) -> bool {
        let mut streams = self.streams.lock();
        let room = streams.len() < self.limit;
        if room {
            streams.insert(stream, None);
        }
        room
    }

    pub(super) fn publish(&self, stream: u64, node: ConnectedNode) {
        let node = Some(Arc::new(node));
        self.streams.lock().insert(stream, node);
        self.changed();
    }

    pub(super) fn leave(&self, stream: u64) {
        let left = self.streams.lock().remove(&stream);
        if left.flatten().is_some() {
            self.changed();
        }
    }

    pub(super) fn nodes(&self) -> Vec<Arc<ConnectedNode>> {
        self.streams.lock().values().flatten().cloned().collect()
    }

    pub(super) fn changes(&self) -> watch::Receiver<u64> {
        self.changes.subscribe()
    }

    fn changed(&self) {
        self.changes
            .send_modify(|count| *count = count.wrapping_add(1));
    }
}
