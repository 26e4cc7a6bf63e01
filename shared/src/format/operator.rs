//! The operators a template can hold, and the table of their names.
//!
//! The table's second column is Envoy's syntax rule for each name; it is checked before parameters are read,
//! so that both refuse the same texts.

use super::{Count, Message, Moment, Peer, Text, time::Pattern};

/// An operator with the length its output is cut to.
#[derive(Clone, Debug)]
pub(super) struct Command<N> {
    pub operator: Operator<N>,
    pub limit: Option<usize>,
}

#[derive(Clone, Debug)]
pub(super) enum Operator<N> {
    Header {
        message: Message,
        name: Option<N>,
        other: Option<N>,
        without_query: bool,
    },
    Path {
        /// In the order in which they are tried.
        from: Box<[N]>,
        query: bool,
    },
    QueryParams {
        path: N,
    },
    QueryParam {
        path: N,
        key: Box<[u8]>,
    },
    ServerName {
        sni: bool,
        hosts: Box<[N]>,
    },
    Time {
        clock: Clock,
        pattern: Pattern,
    },
    Count(Count),
    Span {
        /// `None`: the request's start.
        from: Option<Moment>,
        to: Option<Moment>,
        unit: Unit,
    },
    Text(Text),
    Details {
        spaces: bool,
    },
    HostName {
        port: bool,
    },
    Address {
        peer: Peer,
        part: Part,
    },
    Flags {
        long: bool,
    },
    GrpcStatus {
        content_type: N,
        status: N,
        style: GrpcStyle,
    },
    UniqueId,
    /// Known when the template is parsed, and text.
    Fixed(Box<[u8]>),
    /// A count that nothing here ever raises.
    Zero,
    /// Never there in HTTP, as in Envoy without the feature behind it.
    Never,
}

#[derive(Clone, Copy, Debug)]
pub(super) enum Clock {
    Started,
    Emitted,
}

#[derive(Clone, Copy, Debug)]
pub(super) enum Unit {
    Milliseconds,
    Microseconds,
    Nanoseconds,
}

#[derive(Clone, Copy, Debug)]
pub(super) enum Part {
    All,
    Host,
    /// The network of that many bits.
    Network(u8),
    Port,
}

#[derive(Clone, Copy, Debug)]
pub(super) enum GrpcStyle {
    Camel,
    Snake,
    Number,
}

/// What may follow a name.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(super) enum Syntax {
    /// Neither parameters nor a length.
    Bare,
    Optional,
    OptionalAndLength,
    Required,
    RequiredAndLength,
}

/// What stands behind a name.
#[derive(Clone, Copy, Debug)]
pub(super) enum Kind {
    Header(Message),
    HeaderWithoutQuery,
    Path,
    QueryParam,
    QueryParams,
    ServerName,
    Time(Clock),
    Count(Count),
    Span(Option<Moment>, Moment),
    CommonDuration,
    Text(Text),
    Details,
    HostName { port: bool },
    Address(Peer, Simple),
    Host(Peer),
    Flags { long: bool },
    GrpcStatus,
    GrpcStatusNumber,
    Environment,
    MachineName,
    UniqueId,
    CustomFlags,
    Zero,
    Never,
    Unsupported(&'static str),
}

/// Address parts that take no parameter.
#[derive(Clone, Copy, Debug)]
pub(super) enum Simple {
    All,
    Port,
}

const TLS: &str = "needs details of the TLS connection that this proxy does not keep";
const METADATA: &str = "needs metadata or filter state, which this proxy does not keep";
const ZONE: &str =
    "needs a local time zone, and this proxy knows only UTC; use the operator without _LOCAL";
const ATTEMPTS: &str = "needs a record of every attempt, which this proxy does not keep";
const CLOSE: &str = "needs to know how a connection was closed, which this proxy does not record";

/// The operator of a name.
pub(super) fn known(name: &str) -> Option<(Kind, Syntax)> {
    use Syntax::{Bare, Optional, OptionalAndLength, Required, RequiredAndLength};
    let bare = |kind| Some((kind, Bare));
    match name {
        "REQ" | "REQUEST_HEADER" => Some((Kind::Header(Message::Request), RequiredAndLength)),
        "RESP" | "RESPONSE_HEADER" => Some((Kind::Header(Message::Response), RequiredAndLength)),
        "TRAILER" | "RESPONSE_TRAILER" => {
            Some((Kind::Header(Message::ResponseTrailers), RequiredAndLength))
        }
        "REQ_WITHOUT_QUERY" => Some((Kind::HeaderWithoutQuery, RequiredAndLength)),
        "PATH" => Some((Kind::Path, OptionalAndLength)),
        "QUERY_PARAM" => Some((Kind::QueryParam, RequiredAndLength)),
        "QUERY_PARAMS" => Some((Kind::QueryParams, OptionalAndLength)),
        "REQUESTED_SERVER_NAME" => Some((Kind::ServerName, Optional)),
        "START_TIME" => Some((Kind::Time(Clock::Started), Optional)),
        "EMIT_TIME" => Some((Kind::Time(Clock::Emitted), Optional)),
        "START_TIME_LOCAL" | "EMIT_TIME_LOCAL" => Some((Kind::Unsupported(ZONE), Optional)),
        "COMMON_DURATION" => Some((Kind::CommonDuration, Required)),
        "DURATION" => bare(Kind::Span(None, Moment::End)),
        "REQUEST_DURATION" => bare(Kind::Span(None, Moment::DownstreamRxEnd)),
        "REQUEST_TX_DURATION" => bare(Kind::Span(None, Moment::UpstreamTxEnd)),
        "RESPONSE_DURATION" => bare(Kind::Span(None, Moment::UpstreamRxBegin)),
        "RESPONSE_TX_DURATION" => bare(Kind::Span(
            Some(Moment::UpstreamRxBegin),
            Moment::DownstreamTxEnd,
        )),
        "ROUNDTRIP_DURATION" | "DOWNSTREAM_HANDSHAKE_DURATION" => bare(Kind::Never),
        "RESPONSE_CODE" => bare(Kind::Count(Count::ResponseCode)),
        "RESPONSE_CODE_DETAILS" => Some((Kind::Details, Optional)),
        "RESPONSE_FLAGS" => bare(Kind::Flags { long: false }),
        "RESPONSE_FLAGS_LONG" => bare(Kind::Flags { long: true }),
        "BYTES_RECEIVED" => bare(Kind::Count(Count::BytesReceived)),
        "BYTES_SENT" => bare(Kind::Count(Count::BytesSent)),
        "BYTES_RETRANSMITTED" | "PACKETS_RETRANSMITTED" => bare(Kind::Zero),
        "REQUEST_HEADERS_BYTES" => bare(Kind::Count(Count::RequestHeadersBytes)),
        "RESPONSE_HEADERS_BYTES" => bare(Kind::Count(Count::ResponseHeadersBytes)),
        "RESPONSE_TRAILERS_BYTES" => bare(Kind::Count(Count::ResponseTrailersBytes)),
        "UPSTREAM_REQUEST_ATTEMPT_COUNT" => bare(Kind::Count(Count::UpstreamAttempts)),
        "CONNECTION_ID" => bare(Kind::Count(Count::ConnectionId)),
        "UPSTREAM_CONNECTION_ID" => bare(Kind::Count(Count::UpstreamConnectionId)),
        "GRPC_STATUS" => Some((Kind::GrpcStatus, Optional)),
        "GRPC_STATUS_NUMBER" => bare(Kind::GrpcStatusNumber),
        "ENVIRONMENT" => Some((Kind::Environment, RequiredAndLength)),
        "HOSTNAME" => bare(Kind::MachineName),
        "UNIQUE_ID" => bare(Kind::UniqueId),
        "CUSTOM_FLAGS" => bare(Kind::CustomFlags),
        "UPSTREAM_HOST_NAME" => bare(Kind::HostName { port: true }),
        "UPSTREAM_HOST_NAME_WITHOUT_PORT" => bare(Kind::HostName { port: false }),
        "TRACE_ID" | "SPAN_ID" | "DOWNSTREAM_TRANSPORT_FAILURE_REASON" => bare(Kind::Never),
        "UPSTREAM_CONNECTION_POOL_READY_DURATION" => bare(Kind::Unsupported(
            "needs the time a request waited for its connection, which this proxy does not record",
        )),
        "CEL" | "TYPED_CEL" => Some((
            Kind::Unsupported("needs CEL, which this proxy does not have"),
            OptionalAndLength,
        )),
        "COALESCE" => Some((
            Kind::Unsupported("is not offered by this proxy; use X?Y in REQ or RESP"),
            RequiredAndLength,
        )),
        "METADATA" | "FILTER_STATE" | "UPSTREAM_FILTER_STATE" => {
            Some((Kind::Unsupported(METADATA), OptionalAndLength))
        }
        "DYNAMIC_METADATA" => Some((Kind::Unsupported(METADATA), RequiredAndLength)),
        "CLUSTER_METADATA" | "UPSTREAM_METADATA" => Some((Kind::Unsupported(METADATA), Required)),
        "DOWNSTREAM_PEER_CERT_V_START"
        | "DOWNSTREAM_PEER_CERT_V_END"
        | "UPSTREAM_PEER_CERT_V_START"
        | "UPSTREAM_PEER_CERT_V_END" => Some((Kind::Unsupported(TLS), Optional)),
        _ => text(name)
            .map(Kind::Text)
            .or_else(|| address(name))
            .or_else(|| wire(name).map(Kind::Count))
            .or_else(|| missing(name).map(Kind::Unsupported))
            .map(|kind| match kind {
                Kind::Host(_) => (kind, Optional),
                _ => (kind, Bare),
            }),
    }
}

fn text(name: &str) -> Option<Text> {
    Some(match name {
        "PROTOCOL" => Text::Protocol,
        "UPSTREAM_PROTOCOL" => Text::UpstreamProtocol,
        "CONNECTION_TERMINATION_DETAILS" => Text::ConnectionTerminationDetails,
        "UPSTREAM_TRANSPORT_FAILURE_REASON" => Text::UpstreamTransportFailureReason,
        "ROUTE_NAME" => Text::RouteName,
        "VIRTUAL_CLUSTER_NAME" => Text::VirtualClusterName,
        "UPSTREAM_CLUSTER" => Text::UpstreamCluster,
        "UPSTREAM_CLUSTER_RAW" => Text::UpstreamClusterRaw,
        "FILTER_CHAIN_NAME" => Text::FilterChainName,
        "DOWNSTREAM_TLS_VERSION" => Text::DownstreamTlsVersion,
        "DOWNSTREAM_TLS_CIPHER" => Text::DownstreamTlsCipher,
        "STREAM_ID" => Text::StreamId,
        "ACCESS_LOG_TYPE" => Text::AccessLogType,
        "LOCAL_REPLY_BODY" => Text::LocalReplyBody,
        _ => return None,
    })
}

fn address(name: &str) -> Option<Kind> {
    if name == "UPSTREAM_HOST" {
        return Some(Kind::Address(Peer::UpstreamHost, Simple::All));
    }
    const PEERS: [(&str, Peer); 6] = [
        ("UPSTREAM_LOCAL_", Peer::UpstreamLocal),
        ("UPSTREAM_REMOTE_", Peer::UpstreamRemote),
        ("DOWNSTREAM_REMOTE_", Peer::DownstreamRemote),
        ("DOWNSTREAM_DIRECT_REMOTE_", Peer::DownstreamDirectRemote),
        ("DOWNSTREAM_LOCAL_", Peer::DownstreamLocal),
        ("DOWNSTREAM_DIRECT_LOCAL_", Peer::DownstreamDirectLocal),
    ];
    PEERS.iter().find_map(|(prefix, peer)| {
        Some(match name.strip_prefix(prefix)? {
            "ADDRESS" => Kind::Address(*peer, Simple::All),
            "PORT" => Kind::Address(*peer, Simple::Port),
            "ADDRESS_WITHOUT_PORT" => Kind::Host(*peer),
            _ => return None,
        })
    })
}

/// HTTP/1 compresses no headers, so that a name and its `DECOMPRESSED` twin mean one number.
fn wire(name: &str) -> Option<Count> {
    Some(match name {
        "DOWNSTREAM_WIRE_BYTES_RECEIVED" => Count::DownstreamWireBytesReceived,
        "DOWNSTREAM_WIRE_BYTES_SENT" => Count::DownstreamWireBytesSent,
        "UPSTREAM_WIRE_BYTES_RECEIVED" => Count::UpstreamWireBytesReceived,
        "UPSTREAM_WIRE_BYTES_SENT" => Count::UpstreamWireBytesSent,
        "DOWNSTREAM_HEADER_BYTES_RECEIVED" | "DOWNSTREAM_DECOMPRESSED_HEADER_BYTES_RECEIVED" => {
            Count::DownstreamHeaderBytesReceived
        }
        "DOWNSTREAM_HEADER_BYTES_SENT" | "DOWNSTREAM_DECOMPRESSED_HEADER_BYTES_SENT" => {
            Count::DownstreamHeaderBytesSent
        }
        "UPSTREAM_HEADER_BYTES_RECEIVED" | "UPSTREAM_DECOMPRESSED_HEADER_BYTES_RECEIVED" => {
            Count::UpstreamHeaderBytesReceived
        }
        "UPSTREAM_HEADER_BYTES_SENT" | "UPSTREAM_DECOMPRESSED_HEADER_BYTES_SENT" => {
            Count::UpstreamHeaderBytesSent
        }
        _ => return None,
    })
}

/// Names that Envoy knows and this proxy cannot answer, with the reason.
fn missing(name: &str) -> Option<&'static str> {
    const CERTIFICATE: [&str; 20] = [
        "SUBJECT",
        "ISSUER",
        "CERT",
        "SERIAL",
        "URI_SAN",
        "DNS_SAN",
        "IP_SAN",
        "EMAIL_SAN",
        "OTHERNAME_SAN",
        "FINGERPRINT_256",
        "FINGERPRINT_1",
        "CHAIN_FINGERPRINTS_256",
        "CHAIN_FINGERPRINTS_1",
        "CHAIN_SERIALS",
        "ISSUER_FINGERPRINT_256",
        "ISSUER_SERIAL",
        "SESSION_ID",
        "GROUP",
        "VERSION",
        "CIPHER",
    ];
    match name {
        "TLS_JA3_FINGERPRINT" | "TLS_JA4_FINGERPRINT" => return Some(TLS),
        "UPSTREAM_HOSTS_ATTEMPTED"
        | "UPSTREAM_HOSTS_ATTEMPTED_WITHOUT_PORT"
        | "UPSTREAM_HOST_NAMES_ATTEMPTED"
        | "UPSTREAM_HOST_NAMES_ATTEMPTED_WITHOUT_PORT"
        | "UPSTREAM_CONNECTION_IDS_ATTEMPTED" => return Some(ATTEMPTS),
        "UPSTREAM_DETECTED_CLOSE_TYPE"
        | "DOWNSTREAM_DETECTED_CLOSE_TYPE"
        | "UPSTREAM_LOCAL_CLOSE_REASON"
        | "DOWNSTREAM_LOCAL_CLOSE_REASON" => return Some(CLOSE),
        "UPSTREAM_REMOTE_ADDRESS_ENDPOINT_ID"
        | "DOWNSTREAM_LOCAL_ADDRESS_ENDPOINT_ID"
        | "DOWNSTREAM_DIRECT_LOCAL_ADDRESS_ENDPOINT_ID" => {
            return Some("needs internal listeners, which this proxy does not have");
        }
        _ => {}
    }
    let rest = name
        .strip_prefix("DOWNSTREAM_")
        .or_else(|| name.strip_prefix("UPSTREAM_"))?;
    let fact = ["PEER_", "LOCAL_", "TLS_"]
        .iter()
        .find_map(|prefix| rest.strip_prefix(prefix))?;
    CERTIFICATE.contains(&fact).then_some(TLS)
}
