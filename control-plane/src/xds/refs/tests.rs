use super::*;

fn keys(kind: Kind, message: &impl Message) -> Vec<String> {
    let named = refers_to(kind, &message.encode_to_vec()).unwrap();
    named.iter().map(ToString::to_string).collect()
}

fn pack<M: Message + prost::Name>(message: &M) -> Any {
    Any {
        type_url: M::type_url(),
        value: message.encode_to_vec(),
    }
}

fn forward(specifier: route_v3::route_action::ClusterSpecifier, mirror: &str) -> route_v3::Route {
    let policy = route_v3::route_action::RequestMirrorPolicy {
        cluster: mirror.into(),
        ..Default::default()
    };
    let action = route_v3::RouteAction {
        cluster_specifier: Some(specifier),
        request_mirror_policies: vec![policy],
        ..Default::default()
    };
    route_v3::Route {
        action: Some(route_v3::route::Action::Route(action)),
        ..Default::default()
    }
}

fn routes() -> route_v3::RouteConfiguration {
    use route_v3::route_action::ClusterSpecifier as To;
    let weighted = ["w1", "w2"].map(|name| route_v3::weighted_cluster::ClusterWeight {
        name: name.into(),
        ..Default::default()
    });
    let weighted = route_v3::WeightedCluster {
        clusters: weighted.into(),
        ..Default::default()
    };
    let host = route_v3::VirtualHost {
        routes: vec![
            forward(To::Cluster("one".into()), "shadow"),
            forward(To::WeightedClusters(weighted), ""),
            forward(To::ClusterHeader("x-cluster".into()), ""),
            route_v3::Route::default(),
        ],
        ..Default::default()
    };
    route_v3::RouteConfiguration {
        name: "r".into(),
        virtual_hosts: vec![host],
        ..Default::default()
    }
}

fn listener(hcm: &hcm_v3::HttpConnectionManager) -> Listener {
    let filter = listener_v3::Filter {
        name: "hcm".into(),
        config_type: Some(listener_v3::filter::ConfigType::TypedConfig(pack(hcm))),
    };
    Listener {
        filter_chains: vec![listener_v3::FilterChain {
            filters: vec![filter],
            ..Default::default()
        }],
        ..Default::default()
    }
}

#[test]
fn routes_name_clusters_weighted_clusters_and_mirrors() {
    let expected = [
        "cluster \"one\"",
        "cluster \"shadow\"",
        "cluster \"w1\"",
        "cluster \"w2\"",
    ];
    assert_eq!(keys(Kind::Route, &routes()), expected);
}

#[test]
fn listeners_name_routes_or_the_clusters_of_inline_ones() {
    use hcm_v3::http_connection_manager::RouteSpecifier;
    let rds = hcm_v3::HttpConnectionManager {
        route_specifier: Some(RouteSpecifier::Rds(hcm_v3::Rds {
            route_config_name: "r".into(),
            ..Default::default()
        })),
        ..Default::default()
    };
    assert_eq!(
        keys(Kind::Listener, &listener(&rds)),
        ["route configuration \"r\""]
    );

    let inline = hcm_v3::HttpConnectionManager {
        route_specifier: Some(RouteSpecifier::RouteConfig(routes())),
        ..Default::default()
    };
    assert_eq!(keys(Kind::Listener, &listener(&inline)).len(), 4);

    let api = Listener {
        api_listener: Some(listener_v3::ApiListener {
            api_listener: Some(pack(&rds)),
        }),
        ..Default::default()
    };
    assert_eq!(keys(Kind::Listener, &api), ["route configuration \"r\""]);
}

#[test]
fn clusters_name_endpoints_and_secrets() {
    use cluster_v3::cluster::{ClusterDiscoveryType, DiscoveryType, EdsClusterConfig};
    let secret = tls_v3::SdsSecretConfig {
        name: "ca".into(),
        ..Default::default()
    };
    let tls = tls_v3::UpstreamTlsContext {
        common_tls_context: Some(tls_v3::CommonTlsContext {
            tls_certificate_sds_secret_configs: vec![secret],
            ..Default::default()
        }),
        ..Default::default()
    };
    let mut cluster = Cluster {
        name: "c".into(),
        cluster_discovery_type: Some(ClusterDiscoveryType::Type(DiscoveryType::Eds as i32)),
        transport_socket: Some(core::TransportSocket {
            name: "tls".into(),
            config_type: Some(core::transport_socket::ConfigType::TypedConfig(pack(&tls))),
        }),
        ..Default::default()
    };
    assert_eq!(
        keys(Kind::Cluster, &cluster),
        ["endpoints \"c\"", "secret \"ca\""]
    );
    cluster.eds_cluster_config = Some(EdsClusterConfig {
        service_name: "svc".into(),
        ..Default::default()
    });
    cluster.transport_socket = None;
    assert_eq!(keys(Kind::Cluster, &cluster), ["endpoints \"svc\""]);
    cluster.cluster_discovery_type =
        Some(ClusterDiscoveryType::Type(DiscoveryType::StrictDns as i32));
    assert!(keys(Kind::Cluster, &cluster).is_empty());
}

#[test]
fn broken_bytes_are_an_error() {
    for kind in [
        Kind::Cluster,
        Kind::Listener,
        Kind::Route,
        Kind::ScopedRoute,
    ] {
        assert!(refers_to(kind, &[0xff, 0xff]).is_err(), "{kind}");
    }
}
