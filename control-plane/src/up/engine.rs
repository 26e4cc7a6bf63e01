//! The proxy in this process: the data plane on threads of its own, joined to the control plane by pipes.

use std::io;
use std::sync::Arc;
use std::thread::JoinHandle;

use portway_data_plane::bootstrap;
use portway_data_plane::process::{self, Settings};
use portway_data_plane::stats::registry::Registry;
use portway_data_plane::xds::apply::UnknownFields;
use tokio::io::DuplexStream;
use tokio::sync::{mpsc, oneshot, watch};
use tokio_stream::wrappers::ReceiverStream;
use tokio_stream::{Stream, StreamExt};

use super::PATIENCE;
use crate::cli::{Failure, serve};

/// How the proxy introduces itself.
pub(super) const NODE: &str = "portway-up";
/// Pipes that the server has not taken yet; the proxy opens one at a time.
const PIPES: usize = 4;
/// What a pipe holds on its way.
const PIPE_BYTES: usize = 256 * 1024;

/// A running proxy.
pub(super) struct Engine {
    thread: JoinHandle<()>,
    ended: oneshot::Receiver<Result<(), Failure>>,
}

impl Engine {
    /// Starts the proxy. The stream yields its connections to the control plane.
    pub(super) fn start(
        workers: usize,
        stopped: watch::Receiver<bool>,
    ) -> io::Result<(Self, impl Stream<Item = io::Result<DuplexStream>> + use<>)> {
        let (pipes, incoming) = mpsc::channel(PIPES);
        let dial = Arc::new(move || {
            let (near, far) = tokio::io::duplex(PIPE_BYTES);
            pipes.try_send(far).ok()?;
            Some(near)
        });
        let registry = Arc::new(Registry::new(workers + 1));
        let settings = Settings {
            workers,
            shutdown_time: PATIENCE,
            unknown_fields: UnknownFields::Refuse,
            pipe: Some(dial),
            // Its access logs go to standard streams, which nobody rotates.
            reopen_logs: Arc::default(),
        };
        let (end, ended) = oneshot::channel();
        let runtime = tokio::runtime::Builder::new_current_thread()
            .enable_all()
            .build()?;
        let thread = std::thread::Builder::new().name("proxy".to_owned());
        let thread = thread.spawn(move || {
            let checked = bootstrap::embedded(NODE, "portway", workers, registry.clone());
            let stop = serve::until(stopped);
            let run = runtime.block_on(process::run(checked, registry, settings, stop));
            // Whoever is not waiting any more does not want to know.
            let _ = end.send(run.map_err(Failure::from));
        })?;
        let incoming = ReceiverStream::new(incoming).map(Ok);
        Ok((Self { thread, ended }, incoming))
    }

    /// Waits for the proxy to end.
    pub(super) async fn ended(&mut self) -> Result<(), Failure> {
        match (&mut self.ended).await {
            Ok(ended) => ended,
            Err(_) if self.thread.is_finished() => Err("the proxy's thread failed".into()),
            Err(_) => Err("the proxy went away".into()),
        }
    }
}
