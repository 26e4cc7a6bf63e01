//! The server's thin shell: gRPC streams around [`Stream`](super::stream::Stream).
//!
//! A stream is one task that reads requests, revisions and time, hands them to the core, and passes on what the
//! core says. It decides nothing. What it holds is bounded: the core keeps one response per kind in flight, so the
//! queue to the connection never holds more than that, and its bytes are shared with every other stream that
//! sends the same (X71). A revision that arrives while a stream is busy replaces the one before it (XP04).
//!
//! The services are raw tower services, because tonic's own encoder copies each message for each stream. They can
//! be served by any tonic transport, over anything that reads and writes: TCP, TLS, a Unix socket, a pipe within
//! the process. Only a transport that keeps secrets may carry them: see [`XdsServer::without_secrets`].

mod body;
mod registry;
mod service;
mod task;

use std::future::Future;
use std::sync::Arc;
use std::sync::atomic::{AtomicU64, Ordering};
use std::time::Duration;

use futures_core::Stream as Incoming;
use tokio::io::{AsyncRead, AsyncWrite};
use tokio::sync::watch;
use tonic::transport::server::Connected;
use tonic::transport::{Error, Server};

use super::Limits;
use super::view::Views;

pub use registry::ConnectedNode;
use registry::Registry;
pub use service::Discovery;

/// What the shell bounds, besides the [`Limits`] of each stream.
#[derive(Clone, Copy, Debug)]
pub struct Settings {
    pub limits: Limits,
    /// Streams of all clients together.
    pub streams: usize,
    /// Bytes of one request: a delta client that reconnects lists everything it holds (X13).
    pub request_size: usize,
    /// How long a client may take to say who it is.
    pub first_request: Duration,
}

impl Default for Settings {
    fn default() -> Self {
        Self {
            limits: Limits::default(),
            streams: 50_000,
            request_size: 32 * 1024 * 1024,
            first_request: Duration::from_secs(30),
        }
    }
}

/// The xDS server. Clones serve the same revisions and count the same nodes.
#[derive(Clone, Debug)]
pub struct XdsServer {
    shared: Arc<Shared>,
    limits: Arc<Limits>,
}

#[derive(Debug)]
struct Shared {
    views: watch::Receiver<Option<Arc<Views>>>,
    settings: Settings,
    registry: Registry,
    next_stream: AtomicU64,
    closing: watch::Sender<bool>,
}

impl XdsServer {
    /// Serves what `views` holds; until it holds something, streams are refused (X70).
    pub fn new(views: watch::Receiver<Option<Arc<Views>>>, settings: Settings) -> Self {
        Self {
            limits: Arc::new(settings.limits),
            shared: Arc::new(Shared {
                views,
                settings,
                registry: Registry::new(settings.streams),
                // Nonces of an earlier process must not look like ours (X15).
                next_stream: AtomicU64::new(fastrand::u64(..) >> 16 << 16),
                closing: watch::Sender::new(false),
            }),
        }
    }

    /// The same server for a transport that others can read, plaintext TCP above all: it serves everything but
    /// secrets (X87).
    pub fn without_secrets(&self) -> Self {
        let limits = Limits {
            secrets: false,
            ..*self.limits
        };
        Self {
            shared: self.shared.clone(),
            limits: Arc::new(limits),
        }
    }

    /// The nodes connected now, by the age of their streams.
    pub fn nodes(&self) -> Vec<Arc<ConnectedNode>> {
        self.shared.registry.nodes()
    }

    /// A number that grows whenever [`nodes`](Self::nodes) changes.
    pub fn changes(&self) -> watch::Receiver<u64> {
        self.shared.registry.changes()
    }

    /// All discovery services in one, to be served by a tonic [`transport`].
    pub fn service(&self) -> Discovery {
        Discovery::new(self)
    }

    /// Ends every stream, so that clients look for another server. New streams are refused.
    pub fn drain(&self) {
        self.shared.closing.send_replace(true);
    }

    /// Serves connections until `signal` completes, then ends the streams and waits for connections to close.
    pub async fn serve<I, IO, E>(
        &self,
        incoming: I,
        signal: impl Future<Output = ()>,
    ) -> Result<(), Error>
    where
        I: Incoming<Item = Result<IO, E>>,
        IO: AsyncRead + AsyncWrite + Connected + Unpin + Send + 'static,
        E: Into<Box<dyn std::error::Error + Send + Sync>>,
    {
        let signal = async {
            signal.await;
            self.drain();
        };
        transport()
            .serve_with_incoming_shutdown(self.service(), incoming, signal)
            .await
    }

    fn stream_id(&self) -> u64 {
        self.shared.next_stream.fetch_add(1, Ordering::Relaxed)
    }
}

/// A tonic server set up for long streams: dead peers are noticed (X68), and a peer can open, reset or fill only
/// so much (X84).
pub fn transport() -> Server {
    Server::builder()
        .http2_keepalive_interval(Some(Duration::from_secs(30)))
        .http2_keepalive_timeout(Some(Duration::from_secs(20)))
        .tcp_keepalive(Some(Duration::from_secs(60)))
        .tcp_nodelay(true)
        .initial_stream_window_size(256 * 1024)
        .initial_connection_window_size(1024 * 1024)
        .max_concurrent_streams(1_000)
        .http2_max_header_list_size(16 * 1024)
        .http2_max_pending_accept_reset_streams(Some(20))
        .http2_max_local_error_reset_streams(Some(1_000))
}

#[cfg(test)]
mod tests;
