//! `/config_dump`: every resource as it came, with version and time, secrets hidden.
//!
//! The dump is one of Envoy's messages, put together from the bytes that were received and printed by
//! descriptor, so that a field this proxy refuses or does not know is shown too. Printing many resources takes
//! a while and happens on a thread of its own.

use std::time::{SystemTime, UNIX_EPOCH};

use http::{Response, StatusCode};
use portway_proto::pb::{
    Any,
    envoy::admin::v3::{
        self as pb, ClientResourceStatus, clusters_config_dump, endpoints_config_dump,
        listeners_config_dump, routes_config_dump,
    },
    google::protobuf::Timestamp,
};
use prost::{Message, Name, encoding::bytes};
use regex::{Regex, RegexBuilder};

use super::{
    View,
    answer::{self, Body},
    pages,
    params::Params,
    view::Resource,
};
use crate::{
    snapshot::state::{Origin, Raw},
    xds::Kind,
};

/// A filter may not compile to more than this.
const MAX_FILTER: usize = 1 << 20;

pub async fn answer(view: View, params: &Params) -> Response<Body> {
    let names = params.get("name_regex").filter(|regex| !regex.is_empty());
    let names = names.map(|regex| RegexBuilder::new(regex).size_limit(MAX_FILTER).build());
    let names = match names.transpose() {
        Ok(names) => names,
        Err(error) => {
            return answer::text(
                StatusCode::BAD_REQUEST,
                format!("invalid name_regex: {error}\n"),
            );
        }
    };
    if params.has("mask") {
        return answer::text(
            StatusCode::BAD_REQUEST,
            "mask is not offered; use resource\n",
        );
    }
    let dump = Dump {
        view,
        names,
        endpoints: params.has("include_eds"),
    };
    let resource = params.get("resource").map(str::to_owned);
    let printed = tokio::task::spawn_blocking(move || dump.print(resource.as_deref()));
    match printed.await {
        Ok(Ok(json)) => answer::json(json),
        Ok(Err((status, reason))) => answer::text(status, reason),
        Err(_) => answer::text(StatusCode::INTERNAL_SERVER_ERROR, "not printed\n"),
    }
}

struct Dump {
    view: View,
    names: Option<Regex>,
    endpoints: bool,
}

impl Dump {
    fn print(self, resource: Option<&str>) -> Result<String, (StatusCode, String)> {
        let configs = match resource {
            None => self.everything(),
            Some(field) => self.field(field).ok_or_else(|| {
                let reason = format!("{field} not found in config dump");
                (StatusCode::NOT_FOUND, reason)
            })?,
        };
        let dump = pb::ConfigDump { configs };
        pages::printed(&pb::ConfigDump::full_name(), &dump.encode_to_vec())
            .map_err(|reason| (StatusCode::INTERNAL_SERVER_ERROR, reason))
    }

    fn everything(&self) -> Vec<Any> {
        let mut configs = Vec::new();
        if let Some(bootstrap) = &self.view.bootstrap {
            configs.push(Any {
                type_url: type_url::<pb::BootstrapConfigDump>(),
                value: bootstrap_dump(bootstrap, &self.view),
            });
        }
        configs.push(any(&self.clusters()));
        if self.endpoints {
            configs.push(any(&self.endpoints()));
        }
        configs.push(any(&self.listeners()));
        configs.push(any(&self.routes()));
        configs
    }

    /// The elements of one field of the dumps; `None` if no dump has it.
    fn field(&self, name: &str) -> Option<Vec<Any>> {
        Some(match name {
            "static_clusters" => all(&self.clusters().static_clusters),
            "dynamic_active_clusters" => all(&self.clusters().dynamic_active_clusters),
            "dynamic_warming_clusters" => all(&self.clusters().dynamic_warming_clusters),
            "static_endpoint_configs" => all(&self.endpoints().static_endpoint_configs),
            "dynamic_endpoint_configs" => all(&self.endpoints().dynamic_endpoint_configs),
            "static_listeners" => all(&self.listeners().static_listeners),
            "dynamic_listeners" => all(&self.listeners().dynamic_listeners),
            "static_route_configs" => all(&self.routes().static_route_configs),
            "dynamic_route_configs" => all(&self.routes().dynamic_route_configs),
            _ => return None,
        })
    }

    fn wanted<'a>(&self, resources: impl Iterator<Item = &'a Resource>) -> Vec<&'a Resource> {
        let wanted = |name: &str| self.names.as_ref().is_none_or(|names| names.is_match(name));
        resources
            .filter(|resource| wanted(&resource.name))
            .collect()
    }

    fn clusters(&self) -> pb::ClustersConfigDump {
        let mut dump = pb::ClustersConfigDump::default();
        for resource in self.wanted(self.view.clusters.iter().map(|(resource, _)| resource)) {
            let raw = &resource.raw;
            if raw.origin == Origin::Bootstrap {
                dump.static_clusters
                    .push(clusters_config_dump::StaticCluster {
                        cluster: Some(held(Kind::Cluster, raw)),
                        last_updated: updated(raw),
                    });
                continue;
            }
            let list = if resource.warming {
                &mut dump.dynamic_warming_clusters
            } else {
                &mut dump.dynamic_active_clusters
            };
            list.push(clusters_config_dump::DynamicCluster {
                version_info: raw.version.to_string(),
                cluster: Some(held(Kind::Cluster, raw)),
                last_updated: updated(raw),
                ..clusters_config_dump::DynamicCluster::default()
            });
        }
        dump
    }

    fn endpoints(&self) -> pb::EndpointsConfigDump {
        let mut dump = pb::EndpointsConfigDump::default();
        for resource in self.wanted(self.view.endpoints.iter()) {
            let raw = &resource.raw;
            dump.dynamic_endpoint_configs
                .push(endpoints_config_dump::DynamicEndpointConfig {
                    version_info: raw.version.to_string(),
                    endpoint_config: Some(held(Kind::Endpoint, raw)),
                    last_updated: updated(raw),
                    ..endpoints_config_dump::DynamicEndpointConfig::default()
                });
        }
        dump
    }

    fn listeners(&self) -> pb::ListenersConfigDump {
        let mut dump = pb::ListenersConfigDump::default();
        for resource in self.wanted(self.view.listeners.iter()) {
            let raw = &resource.raw;
            if raw.origin == Origin::Bootstrap {
                dump.static_listeners
                    .push(listeners_config_dump::StaticListener {
                        listener: Some(held(Kind::Listener, raw)),
                        last_updated: updated(raw),
                    });
                continue;
            }
            let state = listeners_config_dump::DynamicListenerState {
                version_info: raw.version.to_string(),
                listener: Some(held(Kind::Listener, raw)),
                last_updated: updated(raw),
            };
            let mut listener = listeners_config_dump::DynamicListener {
                name: resource.name.to_string(),
                client_status: ClientResourceStatus::Acked.into(),
                ..listeners_config_dump::DynamicListener::default()
            };
            if resource.warming {
                listener.warming_state = Some(state);
            } else {
                listener.active_state = Some(state);
            }
            dump.dynamic_listeners.push(listener);
        }
        dump
    }

    fn routes(&self) -> pb::RoutesConfigDump {
        let mut dump = pb::RoutesConfigDump::default();
        for resource in self.wanted(self.view.routes.iter()) {
            let raw = &resource.raw;
            if raw.origin == Origin::Bootstrap {
                dump.static_route_configs
                    .push(routes_config_dump::StaticRouteConfig {
                        route_config: Some(held(Kind::Route, raw)),
                        last_updated: updated(raw),
                    });
            } else {
                dump.dynamic_route_configs
                    .push(routes_config_dump::DynamicRouteConfig {
                        version_info: raw.version.to_string(),
                        route_config: Some(held(Kind::Route, raw)),
                        last_updated: updated(raw),
                        ..routes_config_dump::DynamicRouteConfig::default()
                    });
            }
        }
        dump
    }
}

fn all<M: Message + Name>(messages: &[M]) -> Vec<Any> {
    messages.iter().map(any).collect()
}

fn any<M: Message + Name>(message: &M) -> Any {
    Any {
        type_url: type_url::<M>(),
        value: message.encode_to_vec(),
    }
}

fn type_url<M: Name>() -> String {
    format!("type.googleapis.com/{}", M::full_name())
}

fn held(kind: Kind, raw: &Raw) -> Any {
    Any {
        type_url: kind.type_url().to_owned(),
        value: raw.wire.to_vec(),
    }
}

/// `BootstrapConfigDump`: field 1 is the bootstrap, field 2 the time. The view holds the bootstrap without its
/// static resources, which are put back: field 2 of it, with listeners in 1 and clusters in 2.
fn bootstrap_dump(raw: &Raw, view: &View) -> Vec<u8> {
    let mut resources = Vec::new();
    let clusters = view.clusters.iter().map(|(resource, _)| (2, resource));
    let listeners = view.listeners.iter().map(|resource| (1, resource));
    for (field, resource) in listeners.chain(clusters) {
        if resource.raw.origin == Origin::Bootstrap {
            bytes::encode(field, &resource.raw.wire, &mut resources);
        }
    }
    let mut bootstrap = raw.wire.to_vec();
    if !resources.is_empty() {
        bytes::encode(2, &resources, &mut bootstrap);
    }
    let mut out = Vec::with_capacity(bootstrap.len() + 32);
    bytes::encode(1, &bootstrap, &mut out);
    if let Some(updated) = updated(raw) {
        prost::encoding::message::encode(2, &updated, &mut out);
    }
    out
}

/// When a resource came, in milliseconds as Envoy says it.
fn updated(raw: &Raw) -> Option<Timestamp> {
    let since: std::time::Duration = SystemTime::duration_since(&raw.updated, UNIX_EPOCH).ok()?;
    Some(Timestamp {
        seconds: i64::try_from(since.as_secs()).ok()?,
        nanos: i32::try_from(since.subsec_millis())
            .ok()?
            .checked_mul(1_000_000)?,
    })
}
