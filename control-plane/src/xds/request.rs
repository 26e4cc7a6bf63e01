//! One request of either protocol variant.

use std::collections::HashMap;

use super::pb::envoy::config::core::v3::Node;
use super::pb::envoy::service::discovery::v3 as discovery;

/// The two variants of the protocol.
#[derive(Clone, Copy, Debug, PartialEq, Eq, Hash)]
pub enum Variant {
    /// State of the world: a request names everything wanted, a response of clusters or listeners holds
    /// everything there is.
    Sotw,
    /// Incremental: requests and responses name changes.
    Delta,
}

impl Variant {
    pub const fn as_str(self) -> &'static str {
        match self {
            Self::Sotw => "sotw",
            Self::Delta => "delta",
        }
    }
}

/// What a client says: who it is, what it thinks of a response, and what it wants.
#[derive(Clone, Debug, Default)]
pub struct Request {
    pub(crate) node: Option<Node>,
    pub(crate) type_url: String,
    pub(crate) nonce: String,
    /// Present exactly when the client rejects (X17).
    pub(crate) error: Option<String>,
    pub(crate) ask: Ask,
}

/// What a client wants.
#[derive(Clone, Debug)]
pub(crate) enum Ask {
    Sotw {
        version: String,
        names: Vec<String>,
    },
    Delta {
        subscribe: Vec<String>,
        unsubscribe: Vec<String>,
        initial: HashMap<String, String>,
    },
}

impl Default for Ask {
    fn default() -> Self {
        Self::Sotw {
            version: String::new(),
            names: Vec::new(),
        }
    }
}

impl From<discovery::DiscoveryRequest> for Request {
    fn from(message: discovery::DiscoveryRequest) -> Self {
        let discovery::DiscoveryRequest {
            version_info,
            node,
            resource_names,
            resource_locators,
            type_url,
            response_nonce,
            error_detail,
        } = message;
        Self {
            node,
            type_url,
            nonce: response_nonce,
            error: error_detail.map(|status| status.message),
            ask: Ask::Sotw {
                version: version_info,
                names: with_locators(resource_names, resource_locators),
            },
        }
    }
}

impl From<discovery::DeltaDiscoveryRequest> for Request {
    fn from(message: discovery::DeltaDiscoveryRequest) -> Self {
        let discovery::DeltaDiscoveryRequest {
            node,
            type_url,
            resource_names_subscribe,
            resource_names_unsubscribe,
            resource_locators_subscribe,
            resource_locators_unsubscribe,
            initial_resource_versions,
            response_nonce,
            error_detail,
        } = message;
        Self {
            node,
            type_url,
            nonce: response_nonce,
            error: error_detail.map(|status| status.message),
            ask: Ask::Delta {
                subscribe: with_locators(resource_names_subscribe, resource_locators_subscribe),
                unsubscribe: with_locators(
                    resource_names_unsubscribe,
                    resource_locators_unsubscribe,
                ),
                initial: initial_resource_versions,
            },
        }
    }
}

/// A locator is a name with parameters. No resource here has variants, so every parameter selects the same.
fn with_locators(mut names: Vec<String>, locators: Vec<discovery::ResourceLocator>) -> Vec<String> {
    names.extend(locators.into_iter().map(|locator| locator.name));
    names
}
