//! What formats can ask of a [`Record`]: access logs, header values and local replies are rendered from it.

use std::time::{Duration, Instant, SystemTime};

use portway_shared::{
    clock,
    format::{self, Count, Message, Moment, Peer, Subject, Text},
};

use super::{field::Field, headers::Headers, message::ResponseHead, record::Record};
use crate::{resources::address::Address, routing::edits::Editable};

impl Subject for Record {
    type Name = Field;

    fn header(&self, message: Message, name: &Field) -> Option<&[u8]> {
        match message {
            Message::Request => name.of_request(&self.request),
            Message::Response => name.of_response(&self.response),
            Message::ResponseTrailers => name.of_trailers(&self.response_trailers),
        }
    }

    fn count(&self, count: Count) -> u64 {
        let sizes = &self.sizes;
        match count {
            Count::ResponseCode => u64::from(self.response.status),
            Count::BytesReceived => sizes.request_body,
            Count::BytesSent => sizes.response_body,
            Count::RequestHeadersBytes => request_size(self),
            Count::ResponseHeadersBytes => response_size(&self.response),
            Count::ResponseTrailersBytes => self.response_trailers.byte_len() as u64,
            Count::DownstreamWireBytesReceived => sizes.downstream_received,
            Count::DownstreamWireBytesSent => sizes.downstream_sent,
            Count::UpstreamWireBytesReceived => sizes.upstream_received,
            Count::UpstreamWireBytesSent => sizes.upstream_sent,
            Count::DownstreamHeaderBytesReceived => sizes.request_head,
            Count::DownstreamHeaderBytesSent => sizes.response_head,
            Count::UpstreamHeaderBytesReceived => sizes.upstream_head_received,
            Count::UpstreamHeaderBytesSent => sizes.upstream_head_sent,
            Count::UpstreamAttempts => u64::from(self.upstream.attempts),
            Count::ConnectionId => self.connection.id,
            Count::UpstreamConnectionId => self.upstream.connection_id,
        }
    }

    fn moment(&self, moment: Moment) -> Option<Duration> {
        let times = &self.times;
        let at: Option<Instant> = match moment {
            Moment::DownstreamRxEnd => times.request_complete,
            Moment::UpstreamConnectBegin => times.upstream_connecting,
            Moment::UpstreamConnectEnd => times.upstream_connected,
            Moment::UpstreamHandshakeEnd => None,
            Moment::UpstreamTxBegin => times.upstream_request,
            Moment::UpstreamTxEnd => times.upstream_request_complete,
            Moment::UpstreamRxBegin => times.upstream_response,
            Moment::UpstreamRxBodyBegin => None,
            Moment::UpstreamRxEnd => times.upstream_response.and(times.response_complete),
            Moment::DownstreamTxBegin => times.response,
            Moment::DownstreamTxEnd => times.response_complete,
            Moment::End => Some(times.response_complete.unwrap_or_else(clock::now)),
        };
        at.map(|at| at.saturating_duration_since(times.start))
    }

    fn text(&self, text: Text) -> Option<&[u8]> {
        let cluster = self.upstream.cluster.as_ref();
        match text {
            Text::Protocol => Some(self.request.version.as_str().as_bytes()),
            Text::UpstreamProtocol => self.times.upstream_request.map(|_| &b"HTTP/1.1"[..]),
            Text::ResponseCodeDetails => self.details.as_deref().map(str::as_bytes),
            Text::ConnectionTerminationDetails => self.termination.as_deref().map(str::as_bytes),
            Text::UpstreamTransportFailureReason => {
                self.upstream.failure.as_deref().map(str::as_bytes)
            }
            Text::RouteName => self
                .route
                .as_ref()
                .map(|route| route.name.as_bytes())
                .filter(|name| !name.is_empty()),
            Text::UpstreamHostName => self
                .upstream
                .hostname
                .as_ref()
                .map(|name| name.as_bytes())
                .filter(|name| !name.is_empty()),
            Text::UpstreamCluster => cluster.map(|cluster| cluster.config.stat_name.as_bytes()),
            Text::UpstreamClusterRaw => cluster.map(|cluster| cluster.config.name.as_bytes()),
            Text::AccessLogType => Some(b"DownstreamEnd"),
            Text::VirtualClusterName
            | Text::FilterChainName
            | Text::RequestedServerName
            | Text::DownstreamTlsVersion
            | Text::DownstreamTlsCipher
            | Text::StreamId
            | Text::LocalReplyBody => None,
        }
    }

    fn address(&self, peer: Peer) -> Option<format::Address<'_>> {
        let ip = |address: Option<std::net::SocketAddr>| address.map(format::Address::Ip);
        match peer {
            Peer::UpstreamHost => self
                .upstream
                .endpoint
                .as_ref()
                .and_then(|endpoint| own(&endpoint.address)),
            Peer::UpstreamRemote => self
                .times
                .upstream_request
                .and(self.upstream.endpoint.as_ref())
                .and_then(|endpoint| own(&endpoint.address)),
            Peer::UpstreamLocal => ip(self.upstream.local),
            Peer::DownstreamRemote => ip(self.client),
            Peer::DownstreamDirectRemote => ip(self.connection.peer),
            Peer::DownstreamLocal | Peer::DownstreamDirectLocal => own(&self.connection.local),
        }
    }

    fn flags(&self, long: bool, each: &mut dyn FnMut(&'static str)) {
        for flag in self.flags.iter() {
            each(if long { flag.long() } else { flag.short() });
        }
    }

    fn started(&self) -> SystemTime {
        self.times.wall
    }

    fn emitted(&self) -> SystemTime {
        clock::wall()
    }
}

impl Editable for Record {
    fn headers_mut(&mut self, message: Message) -> &mut Headers {
        match message {
            Message::Request => &mut self.request.headers,
            Message::Response => &mut self.response.headers,
            Message::ResponseTrailers => &mut self.response_trailers,
        }
    }
}

fn own(address: &Address) -> Option<format::Address<'_>> {
    match address {
        Address::Ip(ip) => Some(format::Address::Ip(*ip)),
        Address::Pipe(path) => path.to_str().map(format::Address::Pipe),
    }
}

/// As Envoy counts a head: pseudo headers included, no separators.
fn request_size(record: &Record) -> u64 {
    let request = &record.request;
    let pseudo = [
        (":method", request.method.as_str().len()),
        (":path", request.path.len()),
        (":authority", request.authority.len()),
        (":scheme", request.scheme.as_str().len()),
    ];
    let pseudo: usize = pseudo
        .iter()
        .filter(|(_, value)| *value > 0)
        .map(|(name, value)| name.len() + value)
        .sum();
    (pseudo + request.headers.byte_len()) as u64
}

fn response_size(response: &ResponseHead) -> u64 {
    match response.status {
        0 => 0,
        _ => (":status".len() + 3 + response.headers.byte_len()) as u64,
    }
}
