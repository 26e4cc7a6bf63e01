//! Which resources a message names: the clusters of routes and listeners, the routes of listeners, the
//! endpoints of clusters, the secrets of both.
//!
//! The ordering of pushes rests on this. A name that is overlooked costs order, never correctness of what is
//! delivered, so an extension that hides a cluster name inside a message unknown here is no error.

use std::collections::BTreeSet;

use prost::{DecodeError, Message};

use super::kind::Kind;
use super::pb::envoy::config::cluster::v3::{self as cluster_v3, Cluster};
use super::pb::envoy::config::core::v3 as core;
use super::pb::envoy::config::listener::v3::{self as listener_v3, Listener};
use super::pb::envoy::config::route::v3 as route_v3;
use super::pb::envoy::extensions::filters::network::http_connection_manager::v3 as hcm_v3;
use super::pb::envoy::extensions::filters::network::tcp_proxy::v3 as tcp_v3;
use super::pb::envoy::extensions::transport_sockets::tls::v3 as tls_v3;
use super::pb::google::protobuf::Any;
use super::resource::ResourceKey;

/// The resources that an encoded message names, sorted.
pub fn refers_to(kind: Kind, message: &[u8]) -> Result<Vec<ResourceKey>, DecodeError> {
    let mut names = Names::default();
    match kind {
        Kind::Cluster => names.cluster(&Cluster::decode(message)?)?,
        Kind::Listener => names.listener(&Listener::decode(message)?)?,
        Kind::Route => names.routes(&route_v3::RouteConfiguration::decode(message)?),
        Kind::ScopedRoute => {
            let scoped = route_v3::ScopedRouteConfiguration::decode(message)?;
            names.add(Kind::Route, &scoped.route_configuration_name);
            if let Some(routes) = &scoped.route_configuration {
                names.routes(routes);
            }
        }
        Kind::Endpoint | Kind::Secret | Kind::Extension | Kind::Runtime => {}
    }
    Ok(names.0.into_iter().collect())
}

#[derive(Default)]
struct Names(BTreeSet<ResourceKey>);

impl Names {
    fn add(&mut self, kind: Kind, name: &str) {
        if !name.is_empty() {
            self.0.insert(ResourceKey::new(kind, name));
        }
    }

    fn cluster(&mut self, cluster: &Cluster) -> Result<(), DecodeError> {
        use cluster_v3::cluster::{ClusterDiscoveryType, DiscoveryType};
        let eds = matches!(
            cluster.cluster_discovery_type,
            Some(ClusterDiscoveryType::Type(kind)) if kind == DiscoveryType::Eds as i32
        );
        if eds {
            let service = cluster.eds_cluster_config.as_ref();
            let name = service.map_or("", |eds| eds.service_name.as_str());
            self.add(
                Kind::Endpoint,
                if name.is_empty() { &cluster.name } else { name },
            );
        }
        let matched = cluster.transport_socket_matches.iter();
        let sockets = matched.filter_map(|m| m.transport_socket.as_ref());
        for socket in sockets.chain(&cluster.transport_socket) {
            self.transport_socket(socket)?;
        }
        Ok(())
    }

    fn listener(&mut self, listener: &Listener) -> Result<(), DecodeError> {
        for chain in listener
            .filter_chains
            .iter()
            .chain(&listener.default_filter_chain)
        {
            if let Some(socket) = &chain.transport_socket {
                self.transport_socket(socket)?;
            }
            for filter in &chain.filters {
                match &filter.config_type {
                    Some(listener_v3::filter::ConfigType::TypedConfig(any)) => {
                        self.network_filter(any)?;
                    }
                    Some(listener_v3::filter::ConfigType::ConfigDiscovery(_)) => {
                        self.add(Kind::Extension, &filter.name);
                    }
                    None => {}
                }
            }
        }
        let api = listener.api_listener.as_ref();
        if let Some(any) = api.and_then(|api| api.api_listener.as_ref()) {
            self.network_filter(any)?;
        }
        Ok(())
    }

    fn network_filter(&mut self, any: &Any) -> Result<(), DecodeError> {
        if let Some(hcm) = unpack::<hcm_v3::HttpConnectionManager>(any)? {
            self.http(&hcm);
        } else if let Some(tcp) = unpack::<tcp_v3::TcpProxy>(any)? {
            self.tcp(&tcp);
        }
        Ok(())
    }

    fn http(&mut self, hcm: &hcm_v3::HttpConnectionManager) {
        use hcm_v3::http_connection_manager::RouteSpecifier;
        use hcm_v3::http_filter::ConfigType;
        use hcm_v3::scoped_routes::ConfigSpecifier;
        match &hcm.route_specifier {
            Some(RouteSpecifier::Rds(rds)) => self.add(Kind::Route, &rds.route_config_name),
            Some(RouteSpecifier::RouteConfig(routes)) => self.routes(routes),
            Some(RouteSpecifier::ScopedRoutes(scoped)) => match &scoped.config_specifier {
                Some(ConfigSpecifier::ScopedRouteConfigurationsList(list)) => {
                    for scope in &list.scoped_route_configurations {
                        self.add(Kind::Route, &scope.route_configuration_name);
                    }
                }
                Some(ConfigSpecifier::ScopedRds(_)) | None => {}
            },
            None => {}
        }
        for filter in &hcm.http_filters {
            if let Some(ConfigType::ConfigDiscovery(_)) = &filter.config_type {
                self.add(Kind::Extension, &filter.name);
            }
        }
    }

    fn tcp(&mut self, tcp: &tcp_v3::TcpProxy) {
        use tcp_v3::tcp_proxy::ClusterSpecifier;
        match &tcp.cluster_specifier {
            Some(ClusterSpecifier::Cluster(name)) => self.add(Kind::Cluster, name),
            Some(ClusterSpecifier::WeightedClusters(weighted)) => {
                for cluster in &weighted.clusters {
                    self.add(Kind::Cluster, &cluster.name);
                }
            }
            None => {}
        }
    }

    fn routes(&mut self, config: &route_v3::RouteConfiguration) {
        self.mirrors(&config.request_mirror_policies);
        for host in &config.virtual_hosts {
            self.mirrors(&host.request_mirror_policies);
            for route in &host.routes {
                if let Some(route_v3::route::Action::Route(action)) = &route.action {
                    self.route_action(action);
                }
            }
        }
    }

    fn route_action(&mut self, action: &route_v3::RouteAction) {
        use route_v3::route_action::ClusterSpecifier;
        self.mirrors(&action.request_mirror_policies);
        match &action.cluster_specifier {
            Some(ClusterSpecifier::Cluster(name)) => self.add(Kind::Cluster, name),
            Some(ClusterSpecifier::WeightedClusters(weighted)) => {
                for cluster in &weighted.clusters {
                    self.add(Kind::Cluster, &cluster.name);
                }
            }
            // These find their cluster while a request passes.
            Some(
                ClusterSpecifier::ClusterHeader(_)
                | ClusterSpecifier::ClusterSpecifierPlugin(_)
                | ClusterSpecifier::InlineClusterSpecifierPlugin(_),
            )
            | None => {}
        }
    }

    fn mirrors(&mut self, policies: &[route_v3::route_action::RequestMirrorPolicy]) {
        for policy in policies {
            self.add(Kind::Cluster, &policy.cluster);
        }
    }

    fn transport_socket(&mut self, socket: &core::TransportSocket) -> Result<(), DecodeError> {
        let Some(core::transport_socket::ConfigType::TypedConfig(any)) = &socket.config_type else {
            return Ok(());
        };
        let common = if let Some(tls) = unpack::<tls_v3::UpstreamTlsContext>(any)? {
            tls.common_tls_context
        } else if let Some(tls) = unpack::<tls_v3::DownstreamTlsContext>(any)? {
            use tls_v3::downstream_tls_context::SessionTicketKeysType;
            if let Some(SessionTicketKeysType::SessionTicketKeysSdsSecretConfig(keys)) =
                &tls.session_ticket_keys_type
            {
                self.add(Kind::Secret, &keys.name);
            }
            tls.common_tls_context
        } else {
            None
        };
        if let Some(common) = common {
            self.tls(&common);
        }
        Ok(())
    }

    fn tls(&mut self, tls: &tls_v3::CommonTlsContext) {
        use tls_v3::common_tls_context::ValidationContextType;
        for secret in &tls.tls_certificate_sds_secret_configs {
            self.add(Kind::Secret, &secret.name);
        }
        match &tls.validation_context_type {
            Some(ValidationContextType::ValidationContextSdsSecretConfig(secret)) => {
                self.add(Kind::Secret, &secret.name);
            }
            Some(ValidationContextType::CombinedValidationContext(combined)) => {
                if let Some(secret) = &combined.validation_context_sds_secret_config {
                    self.add(Kind::Secret, &secret.name);
                }
            }
            _ => {}
        }
    }
}

/// The message in an `Any`, if it is of this type.
fn unpack<M: Message + prost::Name + Default>(any: &Any) -> Result<Option<M>, DecodeError> {
    let full = any.type_url.rsplit('/').next().unwrap_or_default();
    if full == M::full_name() {
        M::decode(any.value.as_slice()).map(Some)
    } else {
        Ok(None)
    }
}

#[cfg(test)]
#[path = "refs/tests.rs"]
mod tests;
