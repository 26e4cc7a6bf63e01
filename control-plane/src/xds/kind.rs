//! The resource types the server knows, and the order in which they are pushed.
//!
//! What is not listed here is an unknown type to the server: harmless on a stream, never served. The order of
//! the variants is the order of make before break: clusters, their endpoints, the listeners, what listeners
//! refer to.

use std::fmt;

/// A type of xDS resource.
#[derive(Clone, Copy, Debug, PartialEq, Eq, PartialOrd, Ord, Hash)]
pub enum Kind {
    Cluster,
    Endpoint,
    Listener,
    ScopedRoute,
    Route,
    Secret,
    Extension,
    Runtime,
}

impl Kind {
    /// Every kind, in push order.
    pub const ALL: [Self; 8] = [
        Self::Cluster,
        Self::Endpoint,
        Self::Listener,
        Self::ScopedRoute,
        Self::Route,
        Self::Secret,
        Self::Extension,
        Self::Runtime,
    ];
    pub(crate) const COUNT: usize = Self::ALL.len();

    pub(crate) const fn index(self) -> usize {
        self as usize
    }

    /// The type URL on the wire.
    pub const fn type_url(self) -> &'static str {
        match self {
            Self::Cluster => "type.googleapis.com/envoy.config.cluster.v3.Cluster",
            Self::Endpoint => "type.googleapis.com/envoy.config.endpoint.v3.ClusterLoadAssignment",
            Self::Listener => "type.googleapis.com/envoy.config.listener.v3.Listener",
            Self::ScopedRoute => {
                "type.googleapis.com/envoy.config.route.v3.ScopedRouteConfiguration"
            }
            Self::Route => "type.googleapis.com/envoy.config.route.v3.RouteConfiguration",
            Self::Secret => "type.googleapis.com/envoy.extensions.transport_sockets.tls.v3.Secret",
            Self::Extension => "type.googleapis.com/envoy.config.core.v3.TypedExtensionConfig",
            Self::Runtime => "type.googleapis.com/envoy.service.runtime.v3.Runtime",
        }
    }

    /// The kind behind a type URL.
    pub fn from_type_url(type_url: &str) -> Option<Self> {
        Self::ALL
            .into_iter()
            .find(|kind| kind.type_url() == type_url)
    }

    /// The kind in the words operators use for it.
    pub const fn noun(self) -> &'static str {
        match self {
            Self::Cluster => "cluster",
            Self::Endpoint => "endpoints",
            Self::Listener => "listener",
            Self::ScopedRoute => "scoped route",
            Self::Route => "route configuration",
            Self::Secret => "secret",
            Self::Extension => "extension",
            Self::Runtime => "runtime layer",
        }
    }

    /// Whether `*` and the legacy empty list mean everything (X28).
    pub(crate) const fn has_wildcard(self) -> bool {
        matches!(self, Self::Cluster | Self::Listener)
    }

    /// Whether a state-of-the-world response carries everything subscribed, so that absence deletes (X25),
    /// or only what changed (X26).
    pub(crate) const fn is_full_state(self) -> bool {
        matches!(self, Self::Cluster | Self::Listener)
    }

    /// The kinds whose resources may name one of this kind; such a name keeps the resource alive (X54, X49).
    pub(crate) const fn referrers(self) -> &'static [Self] {
        match self {
            Self::Cluster => &[Self::Listener, Self::Route],
            Self::Endpoint => &[Self::Cluster],
            Self::Route => &[Self::Listener, Self::ScopedRoute],
            Self::Secret => &[Self::Cluster, Self::Listener],
            Self::Extension => &[Self::Listener],
            Self::Listener | Self::ScopedRoute | Self::Runtime => &[],
        }
    }
}

impl fmt::Display for Kind {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.write_str(self.noun())
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn type_urls_lead_back_to_their_kind() {
        for kind in Kind::ALL {
            assert_eq!(Kind::from_type_url(kind.type_url()), Some(kind));
            assert_eq!(Kind::ALL[kind.index()], kind);
        }
        assert_eq!(
            Kind::from_type_url("type.googleapis.com/envoy.api.v2.Cluster"),
            None
        );
    }

    #[test]
    fn x52_clusters_before_endpoints_before_listeners_before_routes() {
        let order = [
            Kind::Cluster,
            Kind::Endpoint,
            Kind::Listener,
            Kind::Route,
            Kind::Secret,
        ];
        assert!(order.is_sorted());
        assert!(Kind::ALL.is_sorted());
    }
}
