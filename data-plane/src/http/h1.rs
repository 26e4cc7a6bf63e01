//! HTTP/1 on the wire, both sides, without sockets, clock or tasks.
//!
//! Bytes go in, heads and pieces of bodies come out, and the other way round. The caller owns every buffer:
//! it reads into one, calls [`read_request`] or [`read_response`] until a head is complete, then hands what
//! follows to a [`BodyReader`], one piece per call. A head that is complete costs one pass and, once warm, no
//! allocation; a head that arrives byte by byte costs the same in total, because [`HeadScanner`] remembers how
//! far it looked.
//!
//! Two tempers. Loose is what Envoy 1.40 makes of the same bytes (bare line feeds, folded lines, a carriage
//! return in a value, joined duplicates); raw Envoy resources ask for it. Strict is what Portway's own kinds
//! ask for: one way to read each message, everything else refused. Either way the head is read into parts and
//! written anew, so that nothing a client did to the framing reaches the other side.
//!
//! Not here: when to answer 100, what a refusal looks like, who may upgrade. A [`RequestError`] carries the
//! status, flag and details for the local reply; [`admit`] holds the refusals that Envoy makes after the
//! codec, with a head that can be logged; [`hop`] removes what belongs to one connection only.

pub mod admit;
mod body;
mod duplicates;
mod errors;
mod fields;
mod framing;
pub mod hop;
mod request;
mod response;
mod scan;
mod target;
mod write;

pub use admit::admit;
pub use body::{BodyReader, BodyStep};
pub use errors::{BodyError, RequestError, RequestErrorKind, ResponseError};
pub use framing::{Framing, response_framing};
pub use request::{RequestFrame, read_request};
pub use response::{ResponseFrame, read_response};
pub use scan::HeadScanner;
pub use write::{
    BodyWriter, ConnectionField, LengthMismatch, reason, write_request, write_response,
};

/// What a listener or a cluster allows on the wire. Built with its snapshot, shared by its connections.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Options {
    /// One reading of every message, or refusal. Otherwise Envoy's reading.
    pub strict: bool,
    /// The whole head, first line and final empty line included; trailers are held to it too.
    pub max_head_bytes: usize,
    /// Fields of one head, `host` included, after duplicates were joined.
    pub max_headers: usize,
    /// Strict only: the longest request target.
    pub max_target_bytes: usize,
    /// `GET http://host/path`: host and path are taken from it.
    pub allow_absolute_url: bool,
    pub accept_http_10: bool,
    /// The authority of an HTTP/1.0 request that names none.
    pub default_host_for_http_10: Option<Box<str>>,
    /// Trailers reach the other side. Otherwise they are checked and dropped.
    pub enable_trailers: bool,
    /// A `Content-Length` beside `Transfer-Encoding: chunked` is dropped instead of refused.
    pub allow_chunked_length: bool,
    /// Any token is a method. Otherwise the list that Envoy knows.
    pub allow_custom_methods: bool,
}

impl Options {
    /// A listener's defaults in Envoy.
    pub fn requests() -> Self {
        Self {
            strict: false,
            max_head_bytes: 60 * 1024,
            max_headers: 100,
            max_target_bytes: 32 * 1024,
            allow_absolute_url: true,
            accept_http_10: false,
            default_host_for_http_10: None,
            enable_trailers: false,
            allow_chunked_length: false,
            allow_custom_methods: false,
        }
    }

    /// A cluster's defaults in Envoy: its heads may be longer.
    pub fn responses() -> Self {
        Self {
            max_head_bytes: 80 * 1024,
            ..Self::requests()
        }
    }

    /// The same, with one reading only.
    pub fn strict(self) -> Self {
        Self {
            strict: true,
            allow_custom_methods: true,
            ..self
        }
    }
}

/// How long a received body is, as its head says.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum BodyLength {
    Empty,
    Length(u64),
    Chunked,
    /// Responses only.
    UntilClose,
}

#[cfg(test)]
mod tests;
