//! The connections a worker keeps open to endpoints while no request uses them.
//!
//! A pool belongs to one worker and is never shared. The last connection returned is the first taken: it is
//! the warmest, and the others age out. A connection that became readable while idle was closed by its peer, or
//! spoke out of turn; either way it is not handed out. To see that without asking the kernel, an idle connection
//! is watched by the worker's reaper: parking it leaves the reaper's waker with the reactor, and taking it asks
//! the reactor's memory once more.

use std::{
    net::SocketAddr,
    sync::Arc,
    task::{Context, Poll, Waker},
    time::{Duration, Instant},
};

use rustc_hash::FxHashMap;

use super::{
    endpoints::{Endpoint, EndpointId},
    io::Io,
};
use crate::stats::{
    RowId,
    cluster::{ClusterCell, ClusterStats},
    endpoint::EndpointCell,
};

/// A connection to an endpoint that speaks HTTP/1.
pub struct Connection {
    pub io: Io,
    /// The address on this side, for logs.
    pub local: Option<SocketAddr>,
    /// How many requests it has carried.
    pub requests: u32,
    /// Keeps the count of open connections right, whoever drops it.
    pub open: OpenCount,
}

/// Counts a connection as open for as long as it lives.
pub struct OpenCount {
    stats: Arc<ClusterStats>,
    endpoint: Arc<Endpoint>,
    row: RowId,
    threads: usize,
}

impl OpenCount {
    pub fn new(
        stats: Arc<ClusterStats>,
        endpoint: Arc<Endpoint>,
        row: RowId,
        threads: usize,
    ) -> Self {
        stats.cells.inc(row, ClusterCell::UpstreamCxTotal);
        stats.cells.inc(row, ClusterCell::UpstreamCxHttp1Total);
        stats.cells.inc(row, ClusterCell::UpstreamCxActive);
        endpoint.stats.inc(row, threads, EndpointCell::CxTotal);
        endpoint.stats.inc(row, threads, EndpointCell::CxActive);
        Self {
            stats,
            endpoint,
            row,
            threads,
        }
    }

    /// Notes that nobody wanted the connection for too long.
    fn idled(&self) {
        self.stats
            .cells
            .inc(self.row, ClusterCell::UpstreamCxIdleTimeout);
    }
}

impl Drop for OpenCount {
    fn drop(&mut self) {
        let Self { row, threads, .. } = *self;
        self.stats.cells.dec(row, ClusterCell::UpstreamCxActive);
        self.stats.cells.inc(row, ClusterCell::UpstreamCxDestroy);
        let own = &self.endpoint.stats;
        own.dec(row, threads, EndpointCell::CxActive);
    }
}

/// Counts a request as pending for as long as it waits for a new connection.
pub struct PendingCount {
    stats: Arc<ClusterStats>,
    row: RowId,
}

impl PendingCount {
    pub fn new(stats: Arc<ClusterStats>, row: RowId) -> Self {
        stats.cells.inc(row, ClusterCell::UpstreamRqPendingTotal);
        stats.cells.inc(row, ClusterCell::UpstreamRqPendingActive);
        Self { stats, row }
    }
}

impl Drop for PendingCount {
    fn drop(&mut self) {
        self.stats
            .cells
            .dec(self.row, ClusterCell::UpstreamRqPendingActive);
    }
}

struct Idle {
    connection: Connection,
    until: Option<Instant>,
}

struct PerEndpoint {
    endpoint: Arc<Endpoint>,
    idle: Vec<Idle>,
}

/// All idle connections of one worker.
#[derive(Default)]
pub struct Pool {
    endpoints: FxHashMap<EndpointId, PerEndpoint>,
    reaper: Option<Waker>,
}

impl Pool {
    /// The warmest usable connection to an endpoint.
    pub fn take(&mut self, id: EndpointId, now: Instant) -> Option<Connection> {
        let pool = self.endpoints.get_mut(&id)?;
        let mut quiet = Context::from_waker(Waker::noop());
        while let Some(Idle { connection, until }) = pool.idle.pop() {
            let expired = until.is_some_and(|until| until <= now);
            if expired {
                connection.open.idled();
            }
            if !expired && connection.io.poll_readable(&mut quiet).is_pending() {
                return Some(connection);
            }
        }
        None
    }

    /// Takes a connection back, unless its endpoint is gone.
    pub fn park(
        &mut self,
        endpoint: &Arc<Endpoint>,
        connection: Connection,
        idle_timeout: Option<Duration>,
        now: Instant,
    ) {
        if endpoint.is_retired() {
            return;
        }
        if let Some(reaper) = &self.reaper {
            // Ready already: it was closed, or bytes came that nobody asked for.
            if connection
                .io
                .poll_readable(&mut Context::from_waker(reaper))
                .is_ready()
            {
                return;
            }
        }
        let until = idle_timeout.and_then(|timeout| now.checked_add(timeout));
        let pool = self
            .endpoints
            .entry(endpoint.id)
            .or_insert_with(|| PerEndpoint {
                endpoint: endpoint.clone(),
                idle: Vec::new(),
            });
        pool.idle.push(Idle { connection, until });
    }

    /// Drops what has been closed by its peer, has outlived its time or whose endpoint is gone; says when the
    /// next one will have outlived its time.
    pub fn reap(&mut self, cx: &mut Context<'_>, now: Instant) -> Option<Instant> {
        if !self
            .reaper
            .as_ref()
            .is_some_and(|waker| waker.will_wake(cx.waker()))
        {
            self.reaper = Some(cx.waker().clone());
        }
        let mut next: Option<Instant> = None;
        self.endpoints.retain(|_, pool| {
            if pool.endpoint.is_retired() {
                return false;
            }
            pool.idle.retain(|idle| {
                let expired = idle.until.is_some_and(|until| until <= now);
                if expired {
                    idle.connection.open.idled();
                }
                if expired || !matches!(idle.connection.io.poll_readable(cx), Poll::Pending) {
                    return false;
                }
                next = match (next, idle.until) {
                    (Some(next), Some(until)) => Some(next.min(until)),
                    (next, until) => next.or(until),
                };
                true
            });
            !pool.idle.is_empty()
        });
        next
    }

    /// Asks the reaper to look now.
    pub fn wake_reaper(&self) {
        if let Some(reaper) = &self.reaper {
            reaper.wake_by_ref();
        }
    }
}
