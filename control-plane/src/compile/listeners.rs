//! A Gateway's listener to a Listener with an HTTP connection manager.
//!
//! What is set beyond the necessary is what an edge needs: the client's address is the connection's, whatever
//! `x-forwarded-for` claims, and a head has to arrive within ten seconds. The routes come by RDS under the
//! listener's own name, so that a change of routes leaves connections alone.

use std::time::Duration;

use portway_proto::pb::envoy::config::listener::v3::{
    Filter, FilterChain, Listener, filter::ConfigType,
};
use portway_proto::pb::envoy::extensions::filters::http::router::v3::Router;
use portway_proto::pb::envoy::extensions::filters::network::http_connection_manager::v3::{
    HttpConnectionManager, HttpFilter, Rds,
    http_connection_manager::{CodecType, RouteSpecifier},
    http_filter,
};
use portway_proto::pb::google::protobuf::BoolValue;

use super::{address, ads, any, duration};
use crate::model::gateway::{self, Protocol};

/// Slower heads are an attack or a dead client.
const REQUEST_HEADERS_TIMEOUT: Duration = Duration::from_secs(10);

pub(super) fn compile(name: &str, listener: &gateway::Listener) -> Listener {
    let gateway::Listener {
        name: _,
        address: socket,
        protocol,
    } = listener;
    let codec = match protocol {
        Protocol::Http => CodecType::Auto,
    };
    let manager = HttpConnectionManager {
        codec_type: codec.into(),
        stat_prefix: name.to_owned(),
        route_specifier: Some(RouteSpecifier::Rds(Rds {
            config_source: Some(ads()),
            route_config_name: name.to_owned(),
        })),
        http_filters: vec![HttpFilter {
            name: "envoy.filters.http.router".to_owned(),
            config_type: Some(http_filter::ConfigType::TypedConfig(
                any(&Router::default()),
            )),
            ..Default::default()
        }],
        use_remote_address: Some(BoolValue { value: true }),
        request_headers_timeout: Some(duration(REQUEST_HEADERS_TIMEOUT)),
        ..Default::default()
    };
    Listener {
        name: name.to_owned(),
        address: Some(address(&socket.ip().to_string(), socket.port())),
        filter_chains: vec![FilterChain {
            filters: vec![Filter {
                name: "envoy.filters.network.http_connection_manager".to_owned(),
                config_type: Some(ConfigType::TypedConfig(any(&manager))),
            }],
            ..Default::default()
        }],
        ..Default::default()
    }
}
