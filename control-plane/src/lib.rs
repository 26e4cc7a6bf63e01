//! Portway's control plane. Modules in the order in which a change meets them: the operator's command line and
//! `portway up` hand files to the management API, which makes a revision of them; the server compiles the revision
//! and serves it over xDS.

pub mod cli;
pub mod up;

pub mod api;
pub mod model;
pub mod store;

pub mod server;

pub mod compile;
pub mod xds;
