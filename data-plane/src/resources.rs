//! Wire messages become own, validated types here, exactly once (nothing behind sees a message).
//!
//! [`at`] is how every parser reports: all problems of a resource in one pass, each with its field path.
//! [`bootstrap`] holds static [`listener`]s and [`cluster`]s; a listener holds a connection manager ([`hcm`])
//! with its [`filters`] and [`route`]s.

pub mod access_log;
pub mod address;
pub mod any;
pub mod at;
pub mod bootstrap;
pub mod cluster;
pub mod config_source;
pub mod endpoint;
pub mod filters;
pub mod hcm;
pub mod listener;
pub mod route;
pub mod scalar;
#[cfg(test)]
pub(crate) mod yaml;
