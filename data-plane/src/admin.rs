//! The admin endpoint: what an operator, a probe or a collector may ask a running proxy.
//!
//! Paths, parameters and output are Envoy's. It runs on the control thread, beside the configuration it shows,
//! and no worker ever waits for it: statistics are read from the workers' rows, everything else is asked of the
//! control loop with a [`Question`] and answered with a [`View`] of shared parts. Connections are bounded, a
//! request's body is not read, and long answers are made piece by piece as the client takes them.
//!
//! Whoever can reach the endpoint can stop the proxy, as with Envoy: it has no authentication, and belongs on a
//! loopback address or a Unix socket.

mod answer;
mod clusters;
mod config_dump;
mod pages;
mod params;
mod server;
mod stats;
mod view;

use std::{
    sync::{
        Arc,
        atomic::{AtomicBool, Ordering::Relaxed},
    },
    time::Instant,
};

use portway_proto::pb::envoy::config::core::v3::Node;
use tokio::sync::{Notify, mpsc, oneshot};

use crate::{log::Sinks, stats::registry::Registry};
pub use server::{BindError, Server};
pub use view::{ListenerView, Phase, Question, Resource, Status, View};

/// What the endpoint knows of its process.
#[derive(Debug)]
pub struct Admin {
    pub registry: Arc<Registry>,
    pub sinks: Sinks,
    pub node: Node,
    pub workers: usize,
    pub started: Instant,
    /// Told when somebody asks the process to stop.
    pub stop: Arc<Notify>,
    pub questions: mpsc::Sender<Question>,
    /// Set while an operator wants load balancers to look elsewhere.
    pub unwell: AtomicBool,
}

impl Admin {
    /// What the process is up to. When nobody answers any more, it is draining.
    async fn status(&self) -> Status {
        let (answer, status) = oneshot::channel();
        let asked = self.questions.send(Question::Status(answer)).await.is_ok();
        let status = if asked { status.await.ok() } else { None };
        let mut status = status.unwrap_or_else(|| Status {
            phase: Phase::Draining,
            ..Status::default()
        });
        if self.unwell.load(Relaxed) {
            status.phase = Phase::Draining;
        }
        status
    }

    /// Everything that is configured; nothing while the process drains.
    async fn view(&self) -> Box<View> {
        let (answer, view) = oneshot::channel();
        if self.questions.send(Question::View(answer)).await.is_err() {
            return Box::default();
        }
        view.await.unwrap_or_default()
    }
}

#[cfg(test)]
mod tests;
