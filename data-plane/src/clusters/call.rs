//! Calls that the proxy makes for itself, over HTTP/2 to a cluster of the bootstrap.
//!
//! They run on the control thread, one connection per caller; the workers' pools are not touched. The caller
//! notices a broken connection by its call failing, and connects again.

use std::{sync::Arc, time::Duration};

use http::Uri;
use hyper::client::conn::http2;
use hyper_util::rt::{TokioExecutor, TokioIo, TokioTimer};
use tonic::body::Body;

use super::{
    connect::{self, ConnectError},
    endpoints::EndpointSet,
};
use crate::{runtime::Shared, stats::RowId};

/// Leads to a cluster.
#[derive(Clone, Debug)]
pub struct Connector {
    pub shared: Arc<Shared>,
    pub cluster: Arc<str>,
    /// What requests name as scheme and authority.
    pub origin: Uri,
    /// Whose turn it is, counted apart from the workers'.
    pub row: RowId,
}

/// Why there is no connection.
#[derive(Debug, thiserror::Error)]
pub enum CallError {
    #[error("there is no cluster {0:?}")]
    NoCluster(Arc<str>),
    #[error("the cluster {0:?} has no endpoint")]
    NoEndpoint(Arc<str>),
    #[error("{address}: {cause}")]
    Connect {
        address: String,
        cause: ConnectError,
    },
    #[error("{address}: {cause}")]
    Handshake {
        address: String,
        cause: hyper::Error,
    },
}

/// A silent peer is asked for a sign of life this often.
const KEEPALIVE: Duration = Duration::from_secs(30);
const KEEPALIVE_TIMEOUT: Duration = Duration::from_secs(10);
/// A response of configuration is large; a small window would only cost round trips.
const WINDOW: u32 = 1 << 20;

/// Connects to the cluster's next endpoint.
pub async fn connect(connector: &Connector) -> Result<Channel, CallError> {
    let snapshot = connector.shared.snapshot.load_full();
    let name = || connector.cluster.clone();
    let cluster = snapshot
        .clusters
        .get(&connector.cluster)
        .ok_or_else(|| CallError::NoCluster(name()))?;
    let set: &EndpointSet = &cluster.endpoints;
    let member = cluster
        .schedule
        .pick(set, connector.row)
        .ok_or_else(|| CallError::NoEndpoint(name()))?;
    let address = || member.endpoint.address.to_string();
    let connected = connect::connect(&member.endpoint.address, cluster.config.connect_timeout)
        .await
        .map_err(|cause| CallError::Connect {
            address: address(),
            cause,
        })?;
    let (sender, connection) = http2::Builder::new(TokioExecutor::new())
        .timer(TokioTimer::new())
        .keep_alive_interval(KEEPALIVE)
        .keep_alive_timeout(KEEPALIVE_TIMEOUT)
        .initial_stream_window_size(WINDOW)
        .initial_connection_window_size(WINDOW)
        .handshake(TokioIo::new(connected.io))
        .await
        .map_err(|cause| CallError::Handshake {
            address: address(),
            cause,
        })?;
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
