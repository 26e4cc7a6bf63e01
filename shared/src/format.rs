//! Command operators (`%REQ(:path)%`, `%RESPONSE_CODE%`): one implementation for access logs, header values
//! and local replies.
//!
//! A [`Template`] is a text with operators in it, a [`JsonTemplate`] a JSON value with them; both are parsed
//! once, when configuration is read, and rendered into a buffer that the caller keeps. What they render is
//! whatever a [`Subject`] says about one request. Syntax, names and output are Envoy 1.40's, byte for byte.
//! An operator that Envoy has and this proxy cannot answer is refused when it is parsed
//! ([`FormatError::unsupported`]): a column of `-` that should be a user's name is worse than an error.
//!
//! Not here: where a line goes (the data plane's log), and how a header is found (the name type belongs to
//! whoever has the headers: see [`Name`]).

use std::{
    fmt,
    net::SocketAddr,
    time::{Duration, SystemTime},
};

mod escape;
mod json;
mod operator;
mod parse;
mod render;
mod time;

pub use json::{JsonFormatError, JsonTemplate};

use operator::Command;

/// Envoy's access log format where configuration names none.
pub const DEFAULT_ACCESS_LOG: &str = concat!(
    "[%START_TIME%] \"%REQ(:METHOD)% %REQ(X-ENVOY-ORIGINAL-PATH?:PATH)% %PROTOCOL%\" ",
    "%RESPONSE_CODE% %RESPONSE_FLAGS% %BYTES_RECEIVED% %BYTES_SENT% %DURATION% ",
    "%RESP(X-ENVOY-UPSTREAM-SERVICE-TIME)% \"%REQ(X-FORWARDED-FOR)%\" \"%REQ(USER-AGENT)%\" ",
    "\"%REQ(X-REQUEST-ID)%\" \"%REQ(:AUTHORITY)%\" \"%UPSTREAM_HOST%\"\n",
);

/// A text with command operators, ready to render.
#[derive(Clone, Debug)]
pub struct Template<N> {
    pieces: Box<[Piece<N>]>,
    omit_empty: bool,
}

#[derive(Clone, Debug)]
enum Piece<N> {
    Text(Box<[u8]>),
    Command(Command<N>),
}

impl<N: Name> Template<N> {
    /// Reads a text as an operator wrote it.
    pub fn parse(text: &str) -> Result<Self, FormatError> {
        Self::parse_with(text, Extensions::default())
    }

    /// The same where configuration switched further operators on.
    pub fn parse_with(text: &str, extensions: Extensions) -> Result<Self, FormatError> {
        Ok(Self {
            pieces: parse::pieces(text, extensions)?.into(),
            omit_empty: false,
        })
    }
}

impl<N> Template<N> {
    /// A value that is not there prints nothing instead of `-`: what header values always do, and access logs
    /// with `omit_empty_values`.
    pub fn omitting_empty(self) -> Self {
        Self {
            omit_empty: true,
            ..self
        }
    }

    /// The text itself, if there is no operator in it.
    pub fn literal(&self) -> Option<&[u8]> {
        match &*self.pieces {
            [] => Some(b""),
            [Piece::Text(text)] => Some(text),
            _ => None,
        }
    }

    /// Appends the text with every operator answered.
    pub fn render(&self, subject: &(impl Subject<Name = N> + ?Sized), out: &mut Vec<u8>) {
        for piece in &self.pieces {
            match piece {
                Piece::Text(text) => out.extend_from_slice(text),
                Piece::Command(command) => {
                    let unset = command.write(subject, out) == Outcome::Unset;
                    if unset && !self.omit_empty {
                        out.push(b'-');
                    }
                }
            }
        }
    }
}

/// What writing one operator came to.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
enum Outcome {
    /// Nothing was written: there is no such value.
    Unset,
    Text,
    Number,
}

/// Operators that exist only where configuration lists their extension.
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq)]
pub struct Extensions {
    /// `envoy.formatter.req_without_query`.
    pub req_without_query: bool,
}

/// How templates name a header; the data plane's type knows its common headers by number.
pub trait Name: Sized {
    /// Takes a header or pseudo header as an operator writes it (`X-Request-Id`, `:path`), or says why not.
    fn parse(text: &str) -> Result<Self, String>;
}

/// One request, as far as it has come: what templates are rendered from.
///
/// Asking must be cheap and have no effect; an answer that is not there yet is `None` or 0, as in Envoy.
pub trait Subject {
    type Name;

    /// The first value of a header.
    fn header(&self, message: Message, name: &Self::Name) -> Option<&[u8]>;
    fn count(&self, count: Count) -> u64;
    /// When something happened, counted from the moment at which the request began.
    fn moment(&self, moment: Moment) -> Option<Duration>;
    fn text(&self, text: Text) -> Option<&[u8]>;
    fn address(&self, peer: Peer) -> Option<Address<'_>>;
    /// Calls back with every response flag, short or long.
    fn flags(&self, long: bool, each: &mut dyn FnMut(&'static str));
    /// When the request began.
    fn started(&self) -> SystemTime;
    /// When this line is written.
    fn emitted(&self) -> SystemTime;
}

/// The messages whose headers can be asked for.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum Message {
    Request,
    Response,
    ResponseTrailers,
}

/// What is counted; 0 where it never happened.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum Count {
    /// Of the response sent; 0 if there was none.
    ResponseCode,
    /// Body bytes from the client.
    BytesReceived,
    /// Body bytes to the client.
    BytesSent,
    /// Names and values of a message's fields, pseudo headers included, no separators.
    RequestHeadersBytes,
    ResponseHeadersBytes,
    ResponseTrailersBytes,
    /// Bytes of the whole message as on the wire.
    DownstreamWireBytesReceived,
    DownstreamWireBytesSent,
    UpstreamWireBytesReceived,
    UpstreamWireBytesSent,
    /// Bytes of its header block as on the wire.
    DownstreamHeaderBytesReceived,
    DownstreamHeaderBytesSent,
    UpstreamHeaderBytesReceived,
    UpstreamHeaderBytesSent,
    UpstreamAttempts,
    ConnectionId,
    UpstreamConnectionId,
}

/// Moments in a request's life; downstream is the client, upstream the origin.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum Moment {
    DownstreamRxEnd,
    UpstreamConnectBegin,
    UpstreamConnectEnd,
    UpstreamHandshakeEnd,
    UpstreamTxBegin,
    UpstreamTxEnd,
    UpstreamRxBegin,
    UpstreamRxBodyBegin,
    UpstreamRxEnd,
    DownstreamTxBegin,
    DownstreamTxEnd,
    /// The request's end, or now while it lasts.
    End,
}

/// Facts that are text; `None` where there is none.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum Text {
    Protocol,
    UpstreamProtocol,
    ResponseCodeDetails,
    ConnectionTerminationDetails,
    UpstreamTransportFailureReason,
    RouteName,
    VirtualClusterName,
    /// The name an endpoint was configured or resolved by; `None` if it is only an address.
    UpstreamHostName,
    /// `alt_stat_name` if the cluster has one.
    UpstreamCluster,
    UpstreamClusterRaw,
    FilterChainName,
    RequestedServerName,
    DownstreamTlsVersion,
    DownstreamTlsCipher,
    StreamId,
    AccessLogType,
    LocalReplyBody,
}

/// Whose address.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum Peer {
    /// The endpoint chosen.
    UpstreamHost,
    UpstreamLocal,
    UpstreamRemote,
    /// The client, as inferred from headers where configuration says so.
    DownstreamRemote,
    /// The other end of the client's connection.
    DownstreamDirectRemote,
    DownstreamLocal,
    DownstreamDirectLocal,
}

/// A socket's address.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum Address<'a> {
    Ip(SocketAddr),
    /// A Unix socket's path.
    Pipe(&'a str),
}

/// Why a text is not a template.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct FormatError {
    /// Byte offset of the `%` at which the operator begins.
    pub position: usize,
    pub reason: String,
    /// Envoy has the operator, this proxy does not.
    pub unsupported: bool,
}

impl fmt::Display for FormatError {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        write!(f, "at position {}: {}", self.position, self.reason)
    }
}

impl std::error::Error for FormatError {}

#[cfg(test)]
mod tests;
