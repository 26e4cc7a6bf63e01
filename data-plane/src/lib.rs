//! Portway's data plane: a proxy that takes Envoy's configuration and enforces it.
//!
//! One change passes [`resources`] (wire to own types) on its way into a snapshot; one request passes
//! [`http`] (codec and messages) and [`routing`], and ends in the [`log`]. [`stats`] counts.

pub mod http;
pub mod log;
pub mod resources;
pub mod routing;
pub mod stats;
