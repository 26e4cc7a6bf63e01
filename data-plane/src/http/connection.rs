//! A client's connection: one request after the other until somebody has had enough.
//!
//! The connection's task does everything for its requests: it reads them, drives the upstream connection and
//! writes the answer, so that a request on a warm connection wakes nobody else. Between two requests it holds
//! no buffers. It ends when the client closes, a limit is reached, an error makes the framing unsure, or its
//! listener drains.

use std::{
    future::poll_fn,
    pin::Pin,
    rc::Rc,
    sync::Arc,
    task::{Context, Poll, ready},
    time::{Duration, Instant},
};

use portway_shared::clock;
use tokio::io::AsyncWrite;

use super::{
    buffer::{Inbox, Outbox},
    deadline::{Deadline, earliest},
    exchange::{self, After},
    h1,
    local_reply::LocalReply,
    record::{ConnectionFacts, Record},
};
use crate::{
    clusters::io::Io,
    listeners::Listener,
    runtime::{drain::DrainSignal, worker::Worker},
    stats::{http::HttpCell, listener::ListenerCell},
};

/// A client's connection and what serves it.
pub struct Downstream {
    pub io: Io,
    pub inbox: Inbox,
    pub outbox: Outbox,
    pub deadline: Deadline,
    pub facts: Arc<ConnectionFacts>,
    pub listener: Arc<Listener>,
    pub worker: Rc<Worker>,
    /// Set when the listener is going away: the current request is the last.
    pub drain: Rc<DrainSignal>,
    pub requests: u32,
}

/// What came in.
enum Arrival {
    Request(h1::RequestFrame),
    Refused(h1::RequestError),
    Timeout,
    Closed,
}

/// How long a client may take to notice that its connection is being closed, if configuration says nothing.
const LINGER: Duration = Duration::from_secs(1);

/// Serves a connection to its end.
pub async fn serve(mut down: Downstream) {
    let row = down.worker.row;
    let stats = down.listener.http_stats.clone();
    let _open = OpenCount::new(down.listener.clone(), down.worker.clone());
    let mut scanner = h1::HeadScanner::new();
    loop {
        if !down.wait_for_bytes().await {
            break;
        }
        let (mut record, arrival) = down.read_head(&mut scanner).await;
        scanner.reset();
        let after = match arrival {
            Arrival::Request(frame) => {
                down.requests = down.requests.saturating_add(1);
                exchange::run(&mut down, &mut record, frame).await
            }
            Arrival::Refused(error) => {
                stats.cells.inc(row, HttpCell::DownstreamCxProtocolError);
                exchange::refuse(&mut down, &mut record, exchange::refusal(error)).await
            }
            Arrival::Timeout => {
                stats.cells.inc(row, HttpCell::DownstreamRqHeaderTimeout);
                let reply =
                    LocalReply::text(408, "request header timeout", "request_header_timeout");
                exchange::refuse(&mut down, &mut record, reply).await
            }
            Arrival::Closed => {
                if !down.inbox.is_empty() {
                    exchange::abandoned(&down, &mut record);
                }
                After::Close
            }
        };
        down.worker.put_record(record);
        if down.drain.is_set() {
            down.count(HttpCell::DownstreamCxDrainClose);
        }
        if after == After::Close || down.drain.is_set() {
            down.close().await;
            break;
        }
    }
    let Downstream {
        inbox,
        outbox,
        worker,
        ..
    } = down;
    worker.put_buffers(inbox, outbox);
}

impl Downstream {
    /// Waits, without a buffer, until the client says something. `false` if it is not going to.
    async fn wait_for_bytes(&mut self) -> bool {
        if !self.inbox.is_empty() {
            return true;
        }
        let worker = self.worker.clone();
        worker.put_buffers(
            std::mem::replace(&mut self.inbox, Inbox::unallocated()),
            std::mem::take(&mut self.outbox),
        );
        let idle = self.listener.config.http.timeouts.idle;
        let until = idle.and_then(|idle| clock::now().checked_add(idle));
        let readable = poll_fn(|cx| {
            if self.drain.watch(cx) {
                return Poll::Ready(false);
            }
            if let Poll::Ready(ready) = self.io.poll_readable(cx) {
                return Poll::Ready(ready.is_ok());
            }
            if self.deadline.poll(cx, until).is_ready() {
                self.listener
                    .http_stats
                    .cells
                    .inc(worker.row, HttpCell::DownstreamCxIdleTimeout);
                return Poll::Ready(false);
            }
            Poll::Pending
        })
        .await;
        (self.inbox, self.outbox) = worker.take_buffers();
        readable
    }

    /// Reads the head of the next request.
    async fn read_head(&mut self, scanner: &mut h1::HeadScanner) -> (Box<Record>, Arrival) {
        let worker = self.worker.clone();
        let listener = self.listener.clone();
        let http = &listener.config.http;
        let start = clock::now();
        let mut record = worker.take_record(&self.facts, start, clock::wall());
        let until = http
            .timeouts
            .request_headers
            .and_then(|limit| start.checked_add(limit));
        let idle = http
            .timeouts
            .idle
            .and_then(|limit| start.checked_add(limit));
        let arrival = poll_fn(|cx| {
            loop {
                if !self.inbox.is_empty() {
                    match h1::read_request(
                        self.inbox.unread(),
                        scanner,
                        &http.codec,
                        &mut record.request,
                    ) {
                        Ok(Some(frame)) => {
                            self.inbox.consume(frame.consumed);
                            record.sizes.downstream_received = frame.consumed as u64;
                            return Poll::Ready(Arrival::Request(frame));
                        }
                        Ok(None) => {}
                        Err(error) => return Poll::Ready(Arrival::Refused(error)),
                    }
                }
                match self.inbox.poll_fill(&mut self.io, cx) {
                    Poll::Ready(Ok(0) | Err(_)) => return Poll::Ready(Arrival::Closed),
                    Poll::Ready(Ok(_)) => {}
                    Poll::Pending => break,
                }
            }
            if self.deadline.poll(cx, until).is_ready() {
                return Poll::Ready(Arrival::Timeout);
            }
            if self.drain.is_set() && self.inbox.is_empty()
                || self.deadline.poll(cx, earliest(until, idle)).is_ready()
            {
                return Poll::Ready(Arrival::Closed);
            }
            Poll::Pending
        })
        .await;
        (record, arrival)
    }

    /// Says goodbye so that the client gets all that was written: closes this side, then lets what the client
    /// still sends run into nothing for a moment. A plain close with unread bytes would reset the connection
    /// and could take the answer with it.
    async fn close(&mut self) {
        let linger = self
            .listener
            .config
            .http
            .timeouts
            .delayed_close
            .unwrap_or(LINGER);
        let until = clock::now().checked_add(linger);
        poll_fn(|cx| {
            let closed = self.poll_close(cx);
            if closed.is_pending() && self.deadline.poll(cx, until).is_ready() {
                self.count(HttpCell::DownstreamCxDelayedCloseTimeout);
                return Poll::Ready(());
            }
            closed
        })
        .await;
    }

    fn poll_close(&mut self, cx: &mut Context<'_>) -> Poll<()> {
        if ready!(self.outbox.poll_flush(&mut self.io, cx)).is_err() {
            return Poll::Ready(());
        }
        if ready!(Pin::new(&mut self.io).poll_shutdown(cx)).is_err() {
            return Poll::Ready(());
        }
        loop {
            self.inbox.clear();
            match ready!(self.inbox.poll_fill(&mut self.io, cx)) {
                Ok(0) | Err(_) => return Poll::Ready(()),
                Ok(_) => {}
            }
        }
    }

    pub fn count(&self, cell: HttpCell) {
        self.listener.http_stats.cells.inc(self.worker.row, cell);
    }

    /// Adds to a counter.
    pub fn count_bytes(&self, cell: HttpCell, bytes: u64) {
        let cells = &self.listener.http_stats.cells;
        cells.add(self.worker.row, cell, bytes);
    }

    pub fn uncount(&self, cell: HttpCell) {
        self.listener.http_stats.cells.dec(self.worker.row, cell);
    }
}

/// Counts a connection as open for as long as it is served.
struct OpenCount {
    listener: Arc<Listener>,
    worker: Rc<Worker>,
    since: Instant,
}

impl OpenCount {
    fn new(listener: Arc<Listener>, worker: Rc<Worker>) -> Self {
        let row = worker.row;
        for cell in [
            HttpCell::DownstreamCxTotal,
            HttpCell::DownstreamCxHttp1Total,
            HttpCell::DownstreamCxActive,
            HttpCell::DownstreamCxHttp1Active,
        ] {
            listener.http_stats.cells.inc(row, cell);
        }
        for cell in [
            ListenerCell::DownstreamCxTotal,
            ListenerCell::DownstreamCxActive,
        ] {
            listener.stats.cells.inc(row, cell);
        }
        Self {
            listener,
            worker,
            since: clock::now(),
        }
    }
}

impl Drop for OpenCount {
    fn drop(&mut self) {
        let row = self.worker.row;
        let http = &self.listener.http_stats;
        http.cells.dec(row, HttpCell::DownstreamCxActive);
        http.cells.dec(row, HttpCell::DownstreamCxHttp1Active);
        http.cells.inc(row, HttpCell::DownstreamCxDestroy);
        let own = &self.listener.stats;
        own.cells.dec(row, ListenerCell::DownstreamCxActive);
        own.cells.inc(row, ListenerCell::DownstreamCxDestroy);
        let length = clock::now().saturating_duration_since(self.since);
        http.length.record(row, length);
        own.length.record(row, length);
    }
}
