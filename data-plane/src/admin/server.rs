//! The endpoint's socket, connections and paths.

use std::{
    convert::Infallible,
    io,
    net::TcpListener,
    os::unix::net::UnixListener,
    sync::{Arc, atomic::Ordering::Relaxed},
    time::Duration,
};

use http::{Method, Request, Response, StatusCode};
use hyper::{body::Incoming, server::conn::http1, service::service_fn};
use hyper_util::rt::{TokioIo, TokioTimer};
use tokio::sync::{OwnedSemaphorePermit, Semaphore};
use tracing::{debug, info};

use super::{
    Admin, Phase,
    answer::{self, Body, Kind},
    clusters, config_dump, pages,
    params::Params,
    stats,
};
use crate::{clusters::io::Io, resources::address::Address};

/// A socket that is open but not served yet.
#[derive(Debug)]
pub struct Server {
    listener: Listener,
    address: Address,
}

#[derive(Debug)]
enum Listener {
    Tcp(TcpListener),
    Unix(UnixListener),
}

/// Why the endpoint cannot be opened.
#[derive(Debug, thiserror::Error)]
#[error("admin: cannot listen on {address}: {cause}")]
pub struct BindError {
    address: Address,
    #[source]
    cause: io::Error,
}

/// So many connections are served at once; further ones wait to be accepted.
const CONNECTIONS: usize = 64;
/// A client that does not say what it wants is let go.
const HEAD_TIMEOUT: Duration = Duration::from_secs(10);
/// A request has no need of more.
const HEAD_BYTES: usize = 16 << 10;
/// After an accept that failed, for want of descriptors usually.
const PAUSE: Duration = Duration::from_millis(100);

impl Server {
    /// Opens the socket, so that a taken port is an error at the start.
    pub fn bind(address: &Address) -> Result<Self, BindError> {
        let failed = |cause| BindError {
            address: address.clone(),
            cause,
        };
        let (listener, address) = match address {
            Address::Ip(ip) => {
                let listener = TcpListener::bind(ip).map_err(failed)?;
                listener.set_nonblocking(true).map_err(failed)?;
                let bound = listener.local_addr().map_err(failed)?;
                (Listener::Tcp(listener), Address::Ip(bound))
            }
            Address::Pipe(path) => {
                crate::runtime::sockets::remove_stale(path).map_err(failed)?;
                let listener = UnixListener::bind(path).map_err(failed)?;
                listener.set_nonblocking(true).map_err(failed)?;
                (Listener::Unix(listener), address.clone())
            }
        };
        Ok(Self { listener, address })
    }

    /// Where it listens: with port 0, the kernel chose.
    pub fn address(&self) -> &Address {
        &self.address
    }

    /// Serves for ever. Call it on the control thread's runtime.
    pub async fn serve(self, admin: Arc<Admin>) -> io::Result<Infallible> {
        info!(address = %self.address, "admin endpoint");
        let accepting = match self.listener {
            Listener::Tcp(listener) => Accepting::Tcp(tokio::net::TcpListener::from_std(listener)?),
            Listener::Unix(listener) => {
                Accepting::Unix(tokio::net::UnixListener::from_std(listener)?)
            }
        };
        let slots = Arc::new(Semaphore::new(CONNECTIONS));
        loop {
            let Ok(slot) = slots.clone().acquire_owned().await else {
                return Err(io::ErrorKind::Other.into());
            };
            match accepting.next().await {
                Ok(stream) => {
                    tokio::spawn(serve_connection(stream, admin.clone(), slot));
                }
                Err(error) => {
                    debug!(%error, "admin connection not accepted");
                    tokio::time::sleep(PAUSE).await;
                }
            }
        }
    }
}

enum Accepting {
    Tcp(tokio::net::TcpListener),
    Unix(tokio::net::UnixListener),
}

impl Accepting {
    async fn next(&self) -> io::Result<Io> {
        Ok(match self {
            Accepting::Tcp(listener) => Io::Tcp(listener.accept().await?.0),
            Accepting::Unix(listener) => Io::Unix(listener.accept().await?.0),
        })
    }
}

async fn serve_connection(stream: Io, admin: Arc<Admin>, slot: OwnedSemaphorePermit) {
    let service = service_fn(|request| answer(&admin, request));
    let connection = http1::Builder::new()
        .timer(TokioTimer::new())
        .header_read_timeout(HEAD_TIMEOUT)
        .max_buf_size(HEAD_BYTES)
        .serve_connection(TokioIo::new(stream), service);
    if let Err(error) = connection.await {
        debug!(%error, "admin connection");
    }
    drop(slot);
}

async fn answer(admin: &Admin, request: Request<Incoming>) -> Result<Response<Body>, Infallible> {
    let uri = request.uri();
    let params = Params::parse(uri.query().unwrap_or_default());
    Ok(route(admin, request.method(), uri.path(), &params).await)
}

async fn route(admin: &Admin, method: &Method, path: &str, params: &Params) -> Response<Body> {
    let Some(page) = pages::ALL.iter().find(|page| page.path == path) else {
        return answer::text(
            StatusCode::NOT_FOUND,
            format!("invalid path. {}", pages::help()),
        );
    };
    if page.changes && method != Method::POST {
        return answer::text(
            StatusCode::METHOD_NOT_ALLOWED,
            format!("Method {method} not allowed, POST required."),
        );
    }
    let done = || answer::text(StatusCode::OK, "OK\n");
    match path {
        "/ready" => ready(admin).await,
        "/stats" => stats::answer(admin, params).await,
        "/stats/prometheus" => stats::prometheus(admin, params).await,
        "/clusters" => clusters::answer(&*admin.view().await, params),
        "/listeners" => pages::listeners(&*admin.view().await, params),
        "/config_dump" => config_dump::answer(*admin.view().await, params).await,
        "/server_info" => {
            let phase = admin.status().await.phase;
            pages::server_info(admin, phase)
        }
        "/healthcheck/fail" => {
            admin.unwell.store(true, Relaxed);
            done()
        }
        "/healthcheck/ok" => {
            admin.unwell.store(false, Relaxed);
            done()
        }
        "/quitquitquit" => {
            info!("asked to stop by the admin endpoint");
            admin.stop.notify_one();
            done()
        }
        "/reopen_logs" => {
            admin.sinks.reopen();
            done()
        }
        "/hot_restart_version" => answer::text(StatusCode::OK, "disabled"),
        "/help" => answer::text(StatusCode::OK, pages::help()),
        _ => answer::stream(Kind::Html, std::iter::once(pages::home())),
    }
}

/// Envoy prints the state alone; what is waited for follows it here, a line each.
async fn ready(admin: &Admin) -> Response<Body> {
    let status = admin.status().await;
    let mut body = format!("{}\n", status.phase.as_str());
    let code = if status.phase == Phase::Live {
        StatusCode::OK
    } else {
        for what in &status.waiting {
            body.push_str("waiting for ");
            body.push_str(what);
            body.push('\n');
        }
        StatusCode::SERVICE_UNAVAILABLE
    };
    answer::text(code, body)
}
