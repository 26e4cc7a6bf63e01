//! Portway's control plane. Modules in the order in which a change meets them.

pub mod compile;
pub mod model;
pub mod store;
pub mod xds;
