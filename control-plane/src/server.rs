//! The control plane put together: the store, the revision that is served, and the servers around them.
//!
//! A change takes one way, whoever made it: it becomes the store's head, `publish` compiles the head, and the xDS
//! server hands the result to its streams. What cannot be compiled is told and not served; the views before it
//! stay. The management API only reads and writes the store and asks the xDS server who is connected.
//!
//! Not here: sockets' addresses as an operator writes them ([`Address`]), and what the API's calls mean
//! ([`crate::api`]).

mod address;
mod publish;
mod token;

use std::path::Path;
use std::sync::Arc;

use portway_proto::pb::portway::v1::management_server::ManagementServer;
use tokio::sync::watch;
use tokio_stream::wrappers::{TcpListenerStream, UnixListenerStream};

pub use self::address::{Address, AddressError, BindError, Bound};
pub use self::token::{Token, TokenError};
use crate::api::Management;
use crate::store::{KEEP, OpenError, RedbStore, RevisionId, Revisions, keep_swept};
use crate::xds::Views;
use crate::xds::server::{Settings, XdsServer, transport};

/// The largest set of files that one call may carry.
const REQUEST_BYTES: usize = 64 * 1024 * 1024;

/// Why the control plane stopped serving.
#[derive(Debug, thiserror::Error)]
#[error("serving {address} ended")]
pub struct ServeError {
    address: Address,
    source: tonic::transport::Error,
}

/// A control plane without its sockets. Clones are the same one.
#[derive(Clone, Debug)]
pub struct ControlPlane {
    revisions: Arc<Revisions>,
    views: Arc<watch::Sender<Option<Arc<Views>>>>,
    xds: XdsServer,
}

impl ControlPlane {
    /// Opens the store in a directory. Nothing is served before [`run`](Self::run).
    pub async fn open(data_dir: &Path) -> Result<Self, OpenError> {
        let store = RedbStore::open(data_dir).await?;
        let views = watch::Sender::new(None);
        let xds = XdsServer::new(views.subscribe(), Settings::default());
        Ok(Self {
            revisions: Arc::new(Revisions::new(Arc::new(store))),
            views: Arc::new(views),
            xds,
        })
    }

    pub fn revisions(&self) -> &Arc<Revisions> {
        &self.revisions
    }

    pub fn xds(&self) -> &XdsServer {
        &self.xds
    }

    /// What is served now.
    pub fn views(&self) -> watch::Receiver<Option<Arc<Views>>> {
        self.views.subscribe()
    }

    /// Serves each new head and keeps the store small, for as long as it is polled.
    pub async fn run(&self) {
        let pinned = || {
            let nodes = self.xds.nodes();
            let live = nodes.iter().filter_map(|node| node.status.live);
            live.map(RevisionId::new).collect()
        };
        tokio::join!(
            publish::follow(&self.revisions, &self.views),
            keep_swept(&self.revisions, KEEP, pinned),
        );
    }

    /// Serves xDS on a socket until `stop`. Secrets do not go over plain TCP.
    pub async fn serve_xds(
        &self,
        bound: Bound,
        stop: impl Future<Output = ()>,
    ) -> Result<(), ServeError> {
        let address = bound.address().clone();
        let served = match bound {
            Bound::Unix(socket) => {
                let incoming = UnixListenerStream::new(socket.listener);
                self.xds.serve(incoming, stop).await
            }
            Bound::Tcp(_, listener) => {
                let incoming = TcpListenerStream::new(listener);
                let xds = self.xds.without_secrets();
                xds.serve(incoming, stop).await
            }
        };
        served.map_err(|source| ServeError { address, source })
    }

    /// Serves the management API on a socket until `stop`. Over TCP each call must carry the token.
    pub async fn serve_api(
        &self,
        bound: Bound,
        token: Token,
        stop: impl Future<Output = ()>,
    ) -> Result<(), ServeError> {
        let address = bound.address().clone();
        let service = ManagementServer::new(Management::new(self.clone()))
            .max_decoding_message_size(REQUEST_BYTES)
            .max_encoding_message_size(usize::MAX);
        let served = match bound {
            Bound::Unix(socket) => {
                let incoming = UnixListenerStream::new(socket.listener);
                let server = transport();
                let served = server.serve_with_incoming_shutdown(service, incoming, stop);
                served.await
            }
            Bound::Tcp(_, listener) => {
                let incoming = TcpListenerStream::new(listener);
                let check = move |request| token.check(request);
                let service = tonic::service::interceptor::InterceptedService::new(service, check);
                let server = transport();
                let served = server.serve_with_incoming_shutdown(service, incoming, stop);
                served.await
            }
        };
        served.map_err(|source| ServeError { address, source })
    }
}
