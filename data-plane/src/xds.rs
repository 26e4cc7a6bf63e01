//! Configuration from a control plane, over Envoy's xDS.
//!
//! [`client`] is the protocol: what to ask, what an answer means, how to acknowledge it, with neither socket
//! nor clock. [`stream`] carries it: it connects, reads and writes, and comes back after a failure. [`link`] is
//! the control thread's end of it; what an answer holds is put into the
//! [`State`](crate::snapshot::state::State) by [`apply`], one resource at a time.

pub mod apply;
pub mod backoff;
pub mod client;
pub mod link;
pub mod stream;

/// The kinds of resource this proxy asks for, in the order in which they depend on each other.
#[derive(Clone, Copy, Debug, PartialEq, Eq, PartialOrd, Ord, Hash)]
pub enum Kind {
    Cluster,
    Endpoint,
    Listener,
    Route,
}

impl Kind {
    pub const ALL: [Kind; 4] = [Kind::Cluster, Kind::Endpoint, Kind::Listener, Kind::Route];

    pub fn type_url(self) -> &'static str {
        match self {
            Kind::Cluster => "type.googleapis.com/envoy.config.cluster.v3.Cluster",
            Kind::Endpoint => "type.googleapis.com/envoy.config.endpoint.v3.ClusterLoadAssignment",
            Kind::Listener => "type.googleapis.com/envoy.config.listener.v3.Listener",
            Kind::Route => "type.googleapis.com/envoy.config.route.v3.RouteConfiguration",
        }
    }

    pub fn of(type_url: &str) -> Option<Kind> {
        Kind::ALL
            .into_iter()
            .find(|kind| kind.type_url() == type_url)
    }

    /// Whether a state-of-the-world response names everything there is, so that what it leaves out is gone.
    pub fn is_complete_in_sotw(self) -> bool {
        matches!(self, Kind::Cluster | Kind::Listener)
    }
}
