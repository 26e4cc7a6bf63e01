//! What the compiler makes is taken by real Envoy: every compiled resource of the compiler's golden inputs, put
//! into a bootstrap and validated.
//!
//! A bootstrap has no place for route configurations and assignments that stand alone. Routes are put inline into
//! one more listener, assignments into one more cluster; beside them stand the listeners and clusters as compiled.

use std::fs;
use std::path::Path;

use portway_control_plane::compile;
use portway_control_plane::model::{SourceFile, load_set};
use portway_control_plane::xds::{Class, Kind, Node};
use portway_proto::pb::envoy::config::bootstrap::v3::bootstrap::{
    DynamicResources, StaticResources,
};
use portway_proto::pb::envoy::config::bootstrap::v3::Bootstrap;
use portway_proto::pb::envoy::config::cluster::v3::Cluster;
use portway_proto::pb::envoy::config::core::v3 as core;
use portway_proto::pb::envoy::config::endpoint::v3::ClusterLoadAssignment;
use portway_proto::pb::envoy::config::listener::v3::Listener;
use portway_proto::pb::envoy::config::listener::v3::filter::ConfigType;
use portway_proto::pb::envoy::config::route::v3::RouteConfiguration;
use portway_proto::pb::envoy::extensions::filters::network::http_connection_manager::v3::HttpConnectionManager;
use portway_proto::pb::envoy::extensions::filters::network::http_connection_manager::v3::http_connection_manager::RouteSpecifier;
use portway_proto::{index, print};
use portway_tests::engine;
use prost::{Message, Name};

/// The bootstrap that holds everything a node is served.
fn bootstrap(yaml: &str) -> Bootstrap {
    let file = SourceFile {
        name: "edge.yaml",
        bytes: yaml.as_bytes(),
    };
    let set = load_set(&[file]).unwrap_or_else(|found| panic!("{}", found[0].short()));
    let node = Node {
        id: "edge-1".into(),
        cluster: "edge".into(),
        class: Class::Envoy,
        user_agent: "envoy".into(),
        user_agent_version: "1.40.0".into(),
    };
    let view = compile::compile(&set, 1, None).of(&node);
    let mut clusters: Vec<Cluster> = decoded(&view, Kind::Cluster);
    for assignment in decoded::<ClusterLoadAssignment>(&view, Kind::Endpoint) {
        clusters.push(Cluster {
            name: format!("{} endpoints", assignment.cluster_name),
            load_assignment: Some(assignment),
            ..Default::default()
        });
    }
    let mut listeners: Vec<Listener> = decoded(&view, Kind::Listener);
    for routes in decoded::<RouteConfiguration>(&view, Kind::Route) {
        let asking = listeners
            .iter()
            .find(|listener| listener.name == routes.name);
        let mut listener = asking.expect("a listener asks for the routes").clone();
        listener.name.push_str(" routes");
        listener.address = Some(any_port());
        inline(&mut listener, routes);
        listeners.push(listener);
    }
    Bootstrap {
        node: Some(core::Node {
            id: node.id,
            cluster: node.cluster,
            ..Default::default()
        }),
        static_resources: Some(StaticResources {
            listeners,
            clusters: clusters.into_iter().chain([server()]).collect(),
            ..Default::default()
        }),
        dynamic_resources: Some(DynamicResources {
            ads_config: Some(ads()),
            ..Default::default()
        }),
        ..Default::default()
    }
}

fn decoded<M: Message + Default>(view: &portway_control_plane::xds::View, kind: Kind) -> Vec<M> {
    let resources = view.set(kind).resources().iter();
    resources
        .map(|resource| M::decode(resource.message()).expect("a message"))
        .collect()
}

fn inline(listener: &mut Listener, routes: RouteConfiguration) {
    let filter = &mut listener.filter_chains[0].filters[0];
    let Some(ConfigType::TypedConfig(any)) = &mut filter.config_type else {
        panic!("{filter:?} has no configuration");
    };
    let mut manager = HttpConnectionManager::decode(any.value.as_slice()).expect("a manager");
    manager.route_specifier = Some(RouteSpecifier::RouteConfig(routes));
    any.value = manager.encode_to_vec();
}

/// No two listeners of a bootstrap may share an address.
fn any_port() -> core::Address {
    use core::socket_address::PortSpecifier;
    core::Address {
        address: Some(core::address::Address::SocketAddress(core::SocketAddress {
            address: "127.0.0.1".into(),
            port_specifier: Some(PortSpecifier::PortValue(0)),
            ..Default::default()
        })),
    }
}

/// The aggregated stream that listeners and clusters name. Nobody connects while validating.
fn ads() -> core::ApiConfigSource {
    use core::grpc_service::{EnvoyGrpc, TargetSpecifier};
    core::ApiConfigSource {
        api_type: core::api_config_source::ApiType::DeltaGrpc.into(),
        transport_api_version: core::ApiVersion::V3.into(),
        grpc_services: vec![core::GrpcService {
            target_specifier: Some(TargetSpecifier::EnvoyGrpc(EnvoyGrpc {
                cluster_name: "control-plane".into(),
                ..Default::default()
            })),
            ..Default::default()
        }],
        ..Default::default()
    }
}

fn server() -> Cluster {
    Cluster {
        name: "control-plane".into(),
        ..Default::default()
    }
}

#[test]
fn envoy_takes_what_the_compiler_makes() {
    let golden =
        Path::new(env!("CARGO_MANIFEST_DIR")).join("../control-plane/src/compile/tests/golden");
    let dir = tempfile::tempdir().expect("a directory");
    let mut seen = 0;
    for entry in fs::read_dir(golden).expect("the golden files") {
        let path = entry.expect("an entry").path();
        if path.extension().is_none_or(|extension| extension != "yaml") {
            continue;
        }
        seen += 1;
        let bootstrap = bootstrap(&fs::read_to_string(&path).expect("a readable file"));
        let message = index::message(&Bootstrap::full_name()).expect("a known type");
        let options = print::Options {
            proto_names: true,
            pretty: true,
            redact: false,
        };
        let json = print::json(message, &bootstrap.encode_to_vec(), options).expect("printable");
        let config = dir.path().join("bootstrap.json");
        fs::write(&config, json).expect("write the bootstrap");
        let (accepted, printed) = engine::Kind::Envoy.validate(&config);
        assert!(accepted, "{}:\n{printed}", path.display());
    }
    assert!(seen >= 5, "the golden files are gone");
}
