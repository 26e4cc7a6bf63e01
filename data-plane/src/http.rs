//! HTTP as the proxy sees it, whatever the version on the wire.
//!
//! [`headers`] and [`message`] are the common currency of codecs, routing, filters and logs; [`name`] and
//! [`field`] are how configuration asks for a header; [`flags`] says what went wrong with a request, in Envoy's
//! letters. [`h1`] is the codec of HTTP/1, without sockets.

pub mod field;
pub mod flags;
pub mod h1;
pub mod headers;
pub mod message;
pub mod name;
