//! The xDS server: delivers compiled revisions to proxies over Envoy's own protocol, and knows what they made
//! of them.
//!
//! In the order in which data meets it: [`kind`] and [`resource`] are what the compiler hands over, [`refs`]
//! tells which resources a message names, [`view`] sorts a revision into what each node is to hold. [`stream`]
//! is the protocol's state for one client, without sockets or clock: it reads [`request`]s, keeps one
//! `subscription` per kind, and passes each response through the `gate` that keeps changes make-before-break.
//! [`status`] is what all that yields for the operator, and [`server`] puts sockets around it.
//!
//! Not here: what a resource means (the compiler and the proxies know), and which node gets which revision when
//! (the rollout decides).

pub mod kind;
pub mod node;
pub mod refs;
pub mod request;
pub mod resource;
pub mod server;
pub mod set;
pub mod status;
pub mod stream;
pub mod view;

mod encode;
mod gate;
mod held;
mod interest;
mod rejection;
mod segments;
mod subscription;
mod wire;

pub use kind::Kind;
pub use node::{Class, Node};
pub use request::{Request, Variant};
pub use resource::{Provenance, Resource, ResourceKey, Version};
pub use view::{Scope, View, Views, ViewsBuilder};

use portway_proto::pb;

/// What a client may ask of the server (X81).
#[derive(Clone, Copy, Debug)]
pub struct Limits {
    /// Names in one request, and in one subscription.
    pub names: usize,
    /// Bytes of a resource name, a node id, a node cluster.
    pub name_len: usize,
    /// Bytes of the encoded node message.
    pub node_size: usize,
    /// Entries of `initial_resource_versions`.
    pub initial: usize,
    /// Whether the transport may carry secrets (X87).
    pub secrets: bool,
}

impl Default for Limits {
    fn default() -> Self {
        Self {
            names: 200_000,
            name_len: 4 * 1024,
            node_size: 1024 * 1024,
            initial: 200_000,
            secrets: true,
        }
    }
}

#[cfg(test)]
mod tests;
