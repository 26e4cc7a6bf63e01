//! Who may ask, for what, and how much.

use std::sync::Arc;
use std::time::Instant;

use super::{Client, CloseReason, Closed, Service, Stream};
use crate::xds::Limits;
use crate::xds::kind::Kind;
use crate::xds::node::{Class, Node};
use crate::xds::pb::envoy::config::core::v3 as core;
use crate::xds::request::Ask;
use crate::xds::view::{View, Views};

impl Stream {
    /// Whose stream this is; the first request says, later ones may only repeat it (X04, X05).
    pub(super) fn identify(
        &mut self,
        node: Option<core::Node>,
        views: &Views,
        now: Instant,
    ) -> Result<(Class, Arc<View>), Closed> {
        if let Some(client) = &self.client {
            if let Some(node) = &node {
                client.node.check_repeated(node)?;
            }
            return Ok((client.node.class, client.view.clone()));
        }
        let node = Arc::new(Node::parse(node, &self.limits)?);
        let view = views.of(&node);
        let known = (node.class, view.clone());
        self.client = Some(Client {
            node,
            view,
            since: now,
        });
        Ok(known)
    }

    pub(super) fn check_size(&self, ask: &Ask) -> Result<(), Closed> {
        let Limits {
            names,
            name_len,
            initial: initial_limit,
            ..
        } = *self.limits;
        let check_names = |list: &[String]| {
            if list.len() > names {
                return Err(Closed::exhausted(format!(
                    "a request names {} resources; at most {names} are accepted, so use `*` or several streams",
                    list.len()
                )));
            }
            match list.iter().find(|name| name.len() > name_len) {
                Some(name) => Err(Closed::exhausted(format!(
                    "a resource name has {} bytes; at most {name_len} are accepted",
                    name.len()
                ))),
                None => Ok(()),
            }
        };
        match ask {
            Ask::Sotw { version: _, names } => check_names(names),
            Ask::Delta {
                subscribe,
                unsubscribe,
                initial,
            } => {
                check_names(subscribe)?;
                check_names(unsubscribe)?;
                if initial.len() > initial_limit {
                    return Err(Closed::exhausted(format!(
                        "initial_resource_versions has {} entries; at most {initial_limit} are accepted",
                        initial.len()
                    )));
                }
                Ok(())
            }
        }
    }

    /// The kind a request is about; none if it is a type that an aggregated stream does not know.
    pub(super) fn kind_of(&self, type_url: &str) -> Result<Option<Kind>, Closed> {
        let kind = match self.service {
            Service::Aggregated if type_url.is_empty() => {
                return Err(Closed::invalid(
                    "type_url is empty; an aggregated stream needs it in every request",
                ));
            }
            Service::Aggregated => Kind::from_type_url(type_url),
            Service::Only(kind) if type_url.is_empty() || type_url == kind.type_url() => Some(kind),
            Service::Only(kind) => {
                return Err(Closed::invalid(format!(
                    "type_url is {type_url:?} on a stream of {:?}; leave it empty or use an aggregated stream",
                    kind.type_url()
                )));
            }
        };
        if kind == Some(Kind::Secret) && !self.limits.secrets {
            return Err(Closed {
                reason: CloseReason::PermissionDenied,
                message: "secrets are not served over an unprotected transport; connect by TLS or a Unix socket"
                    .into(),
            });
        }
        Ok(kind)
    }
}
