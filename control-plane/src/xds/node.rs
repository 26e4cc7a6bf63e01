//! Who is at the other end of a stream.

use super::Limits;
use super::pb::envoy::config::core::v3 as core;
use super::stream::Closed;
use prost::Message as _;

/// The kind of client, which decides what it is served and how.
#[derive(Clone, Copy, Debug, PartialEq, Eq, PartialOrd, Ord, Hash)]
pub enum Class {
    Portway,
    Envoy,
    Grpc,
}

impl Class {
    pub const ALL: [Self; 3] = [Self::Portway, Self::Envoy, Self::Grpc];

    /// Told apart by the user agent; whatever is not recognised is treated as Envoy, whose rules are the ones
    /// that other clients copied.
    pub fn of_user_agent(name: &str) -> Self {
        let starts = |prefix: &str| {
            name.get(..prefix.len())
                .is_some_and(|head| head.eq_ignore_ascii_case(prefix))
        };
        if starts("portway") {
            Self::Portway
        } else if starts("grpc") {
            Self::Grpc
        } else {
            Self::Envoy
        }
    }

    pub const fn as_str(self) -> &'static str {
        match self {
            Self::Portway => "portway",
            Self::Envoy => "envoy",
            Self::Grpc => "grpc",
        }
    }

    /// Whether an empty list on a first request means everything (X29).
    pub(crate) const fn has_legacy_wildcard(self) -> bool {
        match self {
            Self::Portway | Self::Envoy => true,
            Self::Grpc => false,
        }
    }
}

impl std::fmt::Display for Class {
    fn fmt(&self, f: &mut std::fmt::Formatter<'_>) -> std::fmt::Result {
        f.write_str(self.as_str())
    }
}

/// What is kept of a client's node message. Its metadata is checked for size and dropped: it can be large, and
/// nothing here reads it.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Node {
    pub id: String,
    pub cluster: String,
    pub class: Class,
    pub user_agent: String,
    pub user_agent_version: String,
}

impl Node {
    /// Reads the node of a stream's first request (X04).
    pub(crate) fn parse(node: Option<core::Node>, limits: &Limits) -> Result<Self, Closed> {
        let Some(node) = node else {
            return Err(Closed::invalid(
                "the first request of a stream names no node; send node.id",
            ));
        };
        if node.id.is_empty() {
            return Err(Closed::invalid(
                "node.id is empty; give the client an id that no other client has",
            ));
        }
        for (field, value) in [("node.id", &node.id), ("node.cluster", &node.cluster)] {
            if value.len() > limits.name_len {
                return Err(Closed::exhausted(format!(
                    "{field} has {} bytes; at most {} are accepted",
                    value.len(),
                    limits.name_len
                )));
            }
        }
        let size = node.encoded_len();
        if size > limits.node_size {
            return Err(Closed::exhausted(format!(
                "the node message has {size} bytes; at most {} are accepted, so shorten its metadata",
                limits.node_size
            )));
        }
        let user_agent_version = version_text(node.user_agent_version_type.as_ref());
        Ok(Self {
            class: Class::of_user_agent(&node.user_agent_name),
            id: node.id,
            cluster: node.cluster,
            user_agent: node.user_agent_name,
            user_agent_version,
        })
    }

    /// Whether a later request comes from the same client (X05).
    pub(crate) fn check_repeated(&self, node: &core::Node) -> Result<(), Closed> {
        if node.id == self.id && node.cluster == self.cluster {
            return Ok(());
        }
        Err(Closed::invalid(format!(
            "the node changed from {:?} in cluster {:?} within one stream; open a new stream for another node",
            self.id, self.cluster
        )))
    }
}

fn version_text(version: Option<&core::node::UserAgentVersionType>) -> String {
    use core::node::UserAgentVersionType as V;
    match version {
        Some(V::UserAgentVersion(text)) => text.clone(),
        Some(V::UserAgentBuildVersion(build)) => match &build.version {
            Some(v) => format!("{}.{}.{}", v.major_number, v.minor_number, v.patch),
            None => String::new(),
        },
        None => String::new(),
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn x29_classes_by_user_agent() {
        for (name, class) in [
            ("envoy", Class::Envoy),
            ("", Class::Envoy),
            ("gRPC Go", Class::Grpc),
            ("gRPC C-core linux", Class::Grpc),
            ("grpc-java", Class::Grpc),
            ("portway-proxy", Class::Portway),
            ("Portway", Class::Portway),
            ("gRP\u{fc}", Class::Envoy),
        ] {
            assert_eq!(Class::of_user_agent(name), class, "{name}");
        }
    }

    #[test]
    fn x81_a_node_has_limits() {
        let limits = Limits::default();
        let node = core::Node {
            id: "n".repeat(limits.name_len + 1),
            ..Default::default()
        };
        assert!(Node::parse(Some(node), &limits).is_err());
        let node = core::Node {
            id: "n".into(),
            user_agent_name: "u".repeat(limits.node_size),
            ..Default::default()
        };
        assert!(Node::parse(Some(node), &limits).is_err());
    }
}
