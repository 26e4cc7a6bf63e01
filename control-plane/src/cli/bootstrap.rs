//! `envoy bootstrap`: what a real Envoy needs to join.

use clap::Args;
use serde_json::{Value, json};

use super::{Exit, Format, Outcome, OutputOptions, output, yaml};
use crate::server::Address;

/// Print a bootstrap for a real Envoy, or for portway-proxy.
#[derive(Debug, Args)]
#[command(
    after_help = "Example:\n  portway envoy bootstrap --node-id edge-1 > envoy.yaml && envoy -c envoy.yaml"
)]
pub(super) struct Options {
    /// The proxy's name, which no other proxy has. By default this machine's.
    #[arg(long, value_name = "ID")]
    node_id: Option<String>,
    /// The group of proxies that it belongs to.
    #[arg(long, value_name = "NAME", default_value = "portway")]
    node_cluster: String,
    /// Where the control plane serves xDS: unix:PATH or HOST:PORT.
    #[arg(long, value_name = "ADDRESS", default_value = "unix:.portway/xds.sock")]
    xds_address: Address,
    /// Give Envoy an admin page on this port of 127.0.0.1.
    #[arg(long, value_name = "PORT")]
    admin_port: Option<u16>,
    #[command(flatten)]
    format: OutputOptions,
}

pub(super) fn run(options: &Options) -> Outcome {
    let address = match &options.xds_address {
        // Envoy may be started elsewhere.
        Address::Unix(path) => json!({"pipe": {"path": std::path::absolute(path)?}}),
        Address::Tcp { host, port } => {
            json!({"socket_address": {"address": host, "port_value": port}})
        }
    };
    let node_id = match &options.node_id {
        Some(id) => id.clone(),
        None => machine(),
    };
    let bootstrap = bootstrap(options, &node_id, &address);
    output::out(&match options.format.output {
        Format::Json => format!("{bootstrap:#}\n"),
        Format::Human => yaml::write(&bootstrap),
    });
    Ok(Exit::Done)
}

fn machine() -> String {
    let name = std::fs::read_to_string("/proc/sys/kernel/hostname").unwrap_or_default();
    match name.trim() {
        "" => "proxy".to_owned(),
        name => name.to_owned(),
    }
}

fn bootstrap(options: &Options, node_id: &str, address: &Value) -> Value {
    let ads = json!({"ads": {}, "resource_api_version": "V3"});
    let endpoint = json!({"endpoint": {"address": address}});
    let kind = match options.xds_address {
        Address::Tcp { .. } => "STRICT_DNS",
        Address::Unix(_) => "STATIC",
    };
    let http2 = json!({
        "@type": "type.googleapis.com/envoy.extensions.upstreams.http.v3.HttpProtocolOptions",
        "explicit_http_config": {"http2_protocol_options": {}},
    });
    let mut bootstrap = json!({
        "node": {"id": node_id, "cluster": options.node_cluster},
        "static_resources": {"clusters": [{
            "name": "portway-xds",
            "type": kind,
            "connect_timeout": "5s",
            "typed_extension_protocol_options": {
                "envoy.extensions.upstreams.http.v3.HttpProtocolOptions": http2,
            },
            "load_assignment": {
                "cluster_name": "portway-xds",
                "endpoints": [{"lb_endpoints": [endpoint]}],
            },
        }]},
        "dynamic_resources": {
            "ads_config": {
                "api_type": "DELTA_GRPC",
                "transport_api_version": "V3",
                "set_node_on_first_message_only": true,
                "grpc_services": [{"envoy_grpc": {"cluster_name": "portway-xds"}}],
            },
            "cds_config": ads,
            "lds_config": ads,
        },
    });
    if let Some(port) = options.admin_port {
        let address = json!({"socket_address": {"address": "127.0.0.1", "port_value": port}});
        bootstrap["admin"] = json!({"address": address});
    }
    bootstrap
}
