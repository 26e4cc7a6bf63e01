//! Calls that the proxy makes for itself, over HTTP/2 to a cluster of the bootstrap or to a
//! server in the same process.
//!
//! They run on the control thread, one connection per caller; the workers' pools are not touched. The caller
//! notices a broken connection by its call failing, and connects again.

use std::{sync::Arc, time::Duration};

use http::Uri;
use hyper::client::conn::http2;
use hyper_util::rt::{TokioExecutor, TokioIo, TokioTimer};
use tokio::io::{AsyncRead, AsyncWrite, DuplexStream};
use tonic::body::Body;

use super::connect::{self, ConnectError};
use crate::{runtime::Shared, stats::RowId};

/// Leads to a server.
#[derive(Clone)]
pub struct Connector {
    pub way: Way,
    /// What requests name as scheme and authority.
    pub origin: Uri,
}

/// How a server is reached.
#[derive(Clone)]
pub enum Way {
    /// Over one of the bootstrap's clusters.
    Cluster {
        shared: Arc<Shared>,
        name: Arc<str>,
        /// Whose turn it is, counted apart from the workers'.
        row: RowId,
    },
    /// In this process, without a socket.
    Pipe(Dial),
}

/// Opens a pipe to a server in this process; `None` if it is gone.
pub type Dial = Arc<dyn Fn() -> Option<DuplexStream> + Send + Sync>;

/// Why there is no connection.
#[derive(Debug, thiserror::Error)]
pub enum CallError {
    #[error("there is no cluster {0:?}")]
    NoCluster(Arc<str>),
    #[error("the cluster {0:?} has no endpoint")]
    NoEndpoint(Arc<str>),
    #[error("{address}: {cause}")]
    Connect {
        address: Box<str>,
        cause: ConnectError,
    },
    #[error("{address}: {cause}")]
    Handshake {
        address: Box<str>,
        cause: hyper::Error,
    },
    #[error("the server in this process is gone")]
    NoPipe,
}

/// A silent peer is asked for a sign of life this often.
const KEEPALIVE: Duration = Duration::from_secs(30);
const KEEPALIVE_TIMEOUT: Duration = Duration::from_secs(10);
/// A response of configuration is large; a small window would only cost round trips.
const WINDOW: u32 = 1 << 20;

/// Opens a connection.
pub async fn connect(connector: &Connector) -> Result<Channel, CallError> {
    match &connector.way {
        Way::Cluster { shared, name, row } => {
            let snapshot = shared.snapshot.load_full();
            let cluster = snapshot
                .clusters
                .get(name)
                .ok_or_else(|| CallError::NoCluster(name.clone()))?;
            let member = cluster
                .schedule
                .pick(&cluster.endpoints, *row)
                .ok_or_else(|| CallError::NoEndpoint(name.clone()))?;
            let address = || member.endpoint.address_text.clone();
            let connected =
                connect::connect(&member.endpoint.address, cluster.config.connect_timeout)
                    .await
                    .map_err(|cause| CallError::Connect {
                        address: address(),
                        cause,
                    })?;
            handshake(connected.io)
                .await
                .map_err(|cause| CallError::Handshake {
                    address: address(),
                    cause,
                })
        }
        Way::Pipe(dial) => {
            let pipe = dial().ok_or(CallError::NoPipe)?;
            handshake(pipe).await.map_err(|cause| CallError::Handshake {
                address: "pipe".into(),
                cause,
            })
        }
    }
}

async fn handshake(
    io: impl AsyncRead + AsyncWrite + Unpin + Send + 'static,
) -> Result<Channel, hyper::Error> {
    let (sender, connection) = http2::Builder::new(TokioExecutor::new())
        .timer(TokioTimer::new())
        .keep_alive_interval(KEEPALIVE)
        .keep_alive_timeout(KEEPALIVE_TIMEOUT)
        .initial_stream_window_size(WINDOW)
        .initial_connection_window_size(WINDOW)
        .handshake(TokioIo::new(io))
        .await?;
    tokio::spawn(async move {
        // How it ended shows in the calls made over it.
        let _ = connection.await;
    });
    Ok(Channel { sender })
}

/// A connection as tonic's clients want it.
#[derive(Clone, Debug)]
pub struct Channel {
    sender: http2::SendRequest<Body>,
}

impl tower_service::Service<http::Request<Body>> for Channel {
    type Response = http::Response<hyper::body::Incoming>;
    type Error = hyper::Error;
    type Future =
        std::pin::Pin<Box<dyn Future<Output = Result<Self::Response, Self::Error>> + Send>>;

    fn poll_ready(
        &mut self,
        cx: &mut std::task::Context<'_>,
    ) -> std::task::Poll<Result<(), Self::Error>> {
        self.sender.poll_ready(cx)
    }

    fn call(&mut self, request: http::Request<Body>) -> Self::Future {
        Box::pin(self.sender.send_request(request))
    }
}
