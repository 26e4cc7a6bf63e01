//! The clocks that run while a request is under way.

use std::{
    task::{Context, Poll},
    time::{Duration, Instant},
};

use portway_shared::clock;

use super::{
    super::{connection::Downstream, deadline::earliest, record::Record},
    RequestState,
};
use crate::resources::hcm::Timeouts;

/// Which time ran out.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum Expired {
    /// The upstream took too long to answer, counted from the end of the request.
    Route,
    /// Nothing moved for too long.
    StreamIdle,
    /// The client took too long to send its request.
    Request,
}

/// The limits of one request, and when something last moved.
pub struct Watch {
    route: Option<Duration>,
    stream_idle: Option<Duration>,
    request: Option<Instant>,
    moved_at: Instant,
    moved: u64,
}

impl Watch {
    pub fn new(timeouts: &Timeouts, route: Option<Duration>, record: &Record) -> Self {
        let start = record.times.start;
        Self {
            route,
            stream_idle: timeouts.stream_idle,
            request: timeouts.request.and_then(|limit| start.checked_add(limit)),
            moved_at: start,
            moved: 0,
        }
    }

    /// Ready when a limit has passed. Call it whenever the exchange has to wait.
    pub fn poll(
        &mut self,
        down: &mut Downstream,
        record: &Record,
        request: &RequestState,
        cx: &mut Context<'_>,
    ) -> Poll<Expired> {
        let sizes = &record.sizes;
        let moved = sizes.downstream_received
            + sizes.downstream_sent
            + sizes.upstream_received
            + sizes.upstream_sent;
        if moved != self.moved {
            self.moved = moved;
            self.moved_at = clock::now();
        }
        let route = match record.times.request_complete {
            Some(complete) => self.route.and_then(|limit| complete.checked_add(limit)),
            None => None,
        };
        let idle = self
            .stream_idle
            .and_then(|limit| self.moved_at.checked_add(limit));
        let whole = self.request.filter(|_| !request.complete);
        if down
            .deadline
            .poll(cx, earliest(route, earliest(idle, whole)))
            .is_pending()
        {
            return Poll::Pending;
        }
        let now = clock::now();
        let passed = |at: Option<Instant>| at.is_some_and(|at| at <= now);
        Poll::Ready(if passed(route) {
            Expired::Route
        } else if passed(whole) {
            Expired::Request
        } else {
            Expired::StreamIdle
        })
    }
}
