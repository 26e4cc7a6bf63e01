//! What is known of one request: the thing that filters look at and the access log prints.
//!
//! A worker keeps a few of these and hands them from request to request; `clear` keeps their memory.

use std::{
    net::SocketAddr,
    sync::Arc,
    time::{Instant, SystemTime},
};

use portway_shared::format::Message;

use super::{
    flags::{Details, Flag, Flags},
    headers::Headers,
    message::{RequestHead, ResponseHead},
};
use crate::{
    clusters::{Cluster, endpoints::Endpoint},
    resources::address::Address,
    routing::{Route, VirtualHost, action::WeightedCluster},
};

/// One request, from its first byte to its log line.
#[derive(Debug)]
pub struct Record {
    pub request: RequestHead,
    pub response: ResponseHead,
    pub response_trailers: Headers,
    pub flags: Flags,
    pub details: Option<Details>,
    /// Why the connection is being closed, if because of this request.
    pub termination: Option<Details>,
    pub times: Times,
    pub sizes: Sizes,
    /// Decides fractions and weights, the same for the whole request.
    pub random: u64,
    pub virtual_host: Option<Arc<VirtualHost>>,
    pub route: Option<Arc<Route>>,
    pub upstream: Upstream,
    /// The client's address as far as it can be trusted; at first the peer's.
    pub client: Option<SocketAddr>,
    pub connection: Arc<ConnectionFacts>,
}

/// When things happened. `None` never did.
#[derive(Clone, Copy, Debug)]
pub struct Times {
    pub start: Instant,
    pub wall: SystemTime,
    pub request_complete: Option<Instant>,
    pub upstream_connecting: Option<Instant>,
    pub upstream_connected: Option<Instant>,
    pub upstream_request: Option<Instant>,
    pub upstream_request_complete: Option<Instant>,
    pub upstream_response: Option<Instant>,
    pub response: Option<Instant>,
    pub response_complete: Option<Instant>,
}

/// How many bytes went where. Bodies exclude framing; wire counts include it.
#[derive(Clone, Copy, Debug, Default)]
pub struct Sizes {
    pub request_head: u64,
    pub request_body: u64,
    pub response_head: u64,
    pub response_body: u64,
    pub downstream_received: u64,
    pub downstream_sent: u64,
    pub upstream_received: u64,
    pub upstream_sent: u64,
    pub upstream_head_received: u64,
    pub upstream_head_sent: u64,
}

/// Who was asked.
#[derive(Debug, Default)]
pub struct Upstream {
    pub cluster: Option<Arc<Cluster>>,
    pub endpoint: Option<Arc<Endpoint>>,
    pub hostname: Option<Arc<str>>,
    pub local: Option<SocketAddr>,
    pub failure: Option<Details>,
    pub attempts: u32,
    pub connection_id: u64,
}

/// What all requests of a connection have in common.
#[derive(Debug)]
pub struct ConnectionFacts {
    pub id: u64,
    /// `None` on a Unix socket.
    pub peer: Option<SocketAddr>,
    pub local: Address,
}

impl Record {
    pub fn new(connection: Arc<ConnectionFacts>, start: Instant, wall: SystemTime) -> Self {
        Self {
            request: RequestHead::default(),
            response: ResponseHead::default(),
            response_trailers: Headers::default(),
            flags: Flags::default(),
            details: None,
            termination: None,
            times: Times::new(start, wall),
            sizes: Sizes::default(),
            random: 0,
            virtual_host: None,
            route: None,
            upstream: Upstream::default(),
            client: connection.peer,
            connection,
        }
    }

    /// Makes it the record of another request, and keeps its memory.
    pub fn reset(&mut self, connection: &Arc<ConnectionFacts>, start: Instant, wall: SystemTime) {
        self.clear();
        self.times = Times::new(start, wall);
        self.client = connection.peer;
        if !Arc::ptr_eq(&self.connection, connection) {
            self.connection = connection.clone();
        }
    }

    /// Lets go of everything that is shared with a snapshot, and keeps the memory.
    pub fn clear(&mut self) {
        self.request.clear();
        self.response.clear();
        self.response_trailers.clear();
        self.flags = Flags::default();
        self.details = None;
        self.termination = None;
        self.sizes = Sizes::default();
        self.virtual_host = None;
        self.route = None;
        self.upstream = Upstream::default();
    }

    /// Runs the header edits of the route's levels on one of the messages.
    pub fn edit(&mut self, message: Message, weighted: Option<&WeightedCluster>) {
        let (Some(host), Some(route)) = (self.virtual_host.clone(), self.route.clone()) else {
            return;
        };
        for edits in host.edits(&route, weighted) {
            match message {
                Message::Request => edits.request.apply(self, message),
                Message::Response => edits.response.apply(self, message),
                Message::ResponseTrailers => {}
            }
        }
    }

    /// Notes what went wrong.
    pub fn fail(&mut self, flag: Flag, details: impl Into<Details>) {
        self.flags.set(flag);
        self.details = Some(details.into());
    }
}

impl Times {
    fn new(start: Instant, wall: SystemTime) -> Self {
        Self {
            start,
            wall,
            request_complete: None,
            upstream_connecting: None,
            upstream_connected: None,
            upstream_request: None,
            upstream_request_complete: None,
            upstream_response: None,
            response: None,
            response_complete: None,
        }
    }
}
