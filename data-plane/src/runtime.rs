//! The process's threads: workers that serve requests, and a control thread for everything else.
//!
//! [`worker`] is one thread with its own runtime, listening sockets, connections and pools; it shares a
//! snapshot with the others and nothing else. [`control`] owns the configuration and tells workers by
//! [`mail`] what changed. [`sockets`] are the process's; workers borrow them.

pub mod control;
pub mod drain;
pub mod mail;
pub mod sockets;
pub mod worker;

use std::sync::atomic::{AtomicU64, Ordering::Relaxed};

use arc_swap::ArcSwap;

use crate::snapshot::Snapshot;

/// What all threads share.
#[derive(Debug)]
pub struct Shared {
    pub snapshot: ArcSwap<Snapshot>,
    /// How many workers there are. Rows of statistics count them from 0; the control thread has the next.
    pub workers: usize,
    connections: AtomicU64,
}

impl Shared {
    pub fn new(workers: usize) -> Self {
        Self {
            snapshot: ArcSwap::default(),
            workers,
            connections: AtomicU64::new(0),
        }
    }

    /// A number for a connection, unique in this process.
    pub fn next_connection(&self) -> u64 {
        self.connections.fetch_add(1, Relaxed)
    }
}
