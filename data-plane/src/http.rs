//! HTTP as the proxy sees it, whatever the version on the wire.
//!
//! A client's [`connection`] reads one request after the other with the codec [`h1`]; each is an [`exchange`]
//! from head to log line. [`headers`] and [`message`] are the common currency of codecs, routing, filters and
//! logs; [`name`] is how configuration asks for a header; [`record`] is what is known of a request, [`flags`]
//! what went wrong with it, [`local_reply`] an answer of our own. [`field`] is how formats ask for
//! one, [`folding`] says which headers a message has only once. [`buffer`], [`deadline`] and [`date`] serve the connection.

pub mod buffer;
pub mod connection;
pub mod date;
pub mod deadline;
pub mod exchange;
pub mod field;
pub mod flags;
pub mod folding;
pub mod h1;
pub mod headers;
pub mod local_reply;
pub mod message;
pub mod name;
pub mod record;
mod subject;
