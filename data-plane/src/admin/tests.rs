//! The endpoint over a real socket, with a stand for the control loop.

use std::time::{Duration, SystemTime};

use portway_proto::pb::envoy::{
    config::{
        bootstrap::v3 as bootstrap_pb, cluster::v3 as cluster_pb, core::v3 as core,
        listener::v3 as listener_pb,
    },
    extensions::transport_sockets::tls::v3::{
        CommonTlsContext, TlsCertificate, UpstreamTlsContext,
    },
};
use portway_shared::clock;
use prost::{Message, Name};
use tokio::{
    io::{AsyncReadExt, AsyncWriteExt},
    net::TcpStream,
};

use super::*;
use crate::{
    clusters::{Cluster, endpoints::EndpointSet},
    resources::{
        address::Address,
        at,
        cluster::cluster,
        endpoint::{EndpointConfig, Health},
    },
    snapshot::state::{Origin, Raw},
    stats::{RowId, endpoint::EndpointCell, http::HttpCell},
};

fn raw(message: &impl Message, origin: Origin) -> Raw {
    Raw {
        wire: message.encode_to_vec().into(),
        version: if origin == Origin::Stream { "v7" } else { "" }.into(),
        updated: SystemTime::UNIX_EPOCH + Duration::from_millis(1_795_225_684_742),
        origin,
    }
}

fn cluster_message(name: &str) -> cluster_pb::Cluster {
    let context = UpstreamTlsContext {
        common_tls_context: Some(CommonTlsContext {
            tls_certificates: vec![TlsCertificate {
                private_key: Some(core::DataSource {
                    specifier: Some(core::data_source::Specifier::InlineString(
                        "very secret".into(),
                    )),
                    ..core::DataSource::default()
                }),
                ..TlsCertificate::default()
            }],
            ..CommonTlsContext::default()
        }),
        ..UpstreamTlsContext::default()
    };
    cluster_pb::Cluster {
        name: name.into(),
        transport_socket: Some(core::TransportSocket {
            name: "tls".into(),
            config_type: Some(core::transport_socket::ConfigType::TypedConfig(
                portway_proto::pb::Any {
                    type_url: UpstreamTlsContext::type_url(),
                    value: context.encode_to_vec(),
                },
            )),
        }),
        ..cluster_pb::Cluster::default()
    }
}

fn live_cluster(name: &str) -> Arc<Cluster> {
    let (config, report) = at::parse(|at| {
        cluster(
            at,
            cluster_pb::Cluster {
                name: name.into(),
                ..cluster_pb::Cluster::default()
            },
        )
    });
    let config = config.unwrap_or_else(|| panic!("{report:?}"));
    let endpoint = |port, health| EndpointConfig {
        address: Address::Ip(([127, 0, 0, 1], port).into()),
        hostname: "host".into(),
        weight: 3,
        priority: 0,
        health,
    };
    let endpoints = EndpointSet::following(
        &EndpointSet::default(),
        vec![
            endpoint(81, Health::Healthy),
            endpoint(82, Health::Unhealthy),
        ],
    );
    endpoints.members[0]
        .endpoint
        .stats
        .inc(RowId(0), 2, EndpointCell::RqTotal);
    let stats = Registry::new(2).cluster(name);
    Arc::new(Cluster::new(
        Arc::new(config),
        Arc::new(endpoints),
        stats,
        2,
    ))
}

fn view() -> View {
    let resource = |name: &str, raw, warming| Resource {
        name: name.into(),
        raw,
        warming,
    };
    let listener = listener_pb::Listener {
        name: "web".into(),
        ..listener_pb::Listener::default()
    };
    View {
        bootstrap: Some(raw(
            &bootstrap_pb::Bootstrap {
                node: Some(core::Node {
                    id: "n1".into(),
                    ..core::Node::default()
                }),
                ..bootstrap_pb::Bootstrap::default()
            },
            Origin::Bootstrap,
        )),
        clusters: vec![
            (
                resource("up", raw(&cluster_message("up"), Origin::Bootstrap), false),
                Some(live_cluster("up")),
            ),
            (
                resource("new", raw(&cluster_message("new"), Origin::Stream), true),
                None,
            ),
        ],
        listeners: vec![resource("web", raw(&listener, Origin::Bootstrap), false)],
        open: vec![ListenerView {
            name: "web".into(),
            addresses: vec![
                Address::Ip(([127, 0, 0, 1], 8080).into()),
                Address::Pipe("/run/web.sock".into()),
            ],
        }],
        ..View::default()
    }
}

struct Endpoint {
    address: std::net::SocketAddr,
    admin: Arc<Admin>,
}

/// Serves, and answers questions with that status.
fn endpoint(status: Status) -> Endpoint {
    let (questions, mut asked) = mpsc::channel(8);
    let admin = Arc::new(Admin {
        registry: Arc::new(Registry::new(2)),
        sinks: Sinks::default(),
        node: Node {
            id: "n1".into(),
            ..Node::default()
        },
        workers: 1,
        started: clock::now(),
        stop: Arc::new(Notify::new()),
        questions,
        unwell: AtomicBool::new(false),
    });
    tokio::spawn(async move {
        while let Some(question) = asked.recv().await {
            question.answer(|| status.clone(), view);
        }
    });
    let server = Server::bind(&Address::Ip(([127, 0, 0, 1], 0).into())).unwrap();
    let Address::Ip(address) = *server.address() else {
        unreachable!()
    };
    tokio::spawn(server.serve(admin.clone()));
    Endpoint { address, admin }
}

impl Endpoint {
    /// Status, head and body.
    async fn ask(&self, request: &str) -> (u16, String, String) {
        let mut stream = TcpStream::connect(self.address).await.unwrap();
        let request = format!("{request} HTTP/1.1\r\nhost: a\r\nconnection: close\r\n\r\n");
        stream.write_all(request.as_bytes()).await.unwrap();
        let mut answer = String::new();
        stream.read_to_string(&mut answer).await.unwrap();
        let (head, body) = answer.split_once("\r\n\r\n").unwrap();
        let status = head.split(' ').nth(1).unwrap().parse().unwrap();
        let body = if head.contains("transfer-encoding: chunked") {
            dechunk(body)
        } else {
            body.to_owned()
        };
        (status, head.to_owned(), body)
    }

    async fn get(&self, target: &str) -> String {
        let (status, _, body) = self.ask(&format!("GET {target}")).await;
        assert_eq!(status, 200, "{target}: {body}");
        body
    }
}

fn dechunk(mut chunked: &str) -> String {
    let mut out = String::new();
    while let Some((size, rest)) = chunked.split_once("\r\n") {
        let size = usize::from_str_radix(size, 16).unwrap();
        out.push_str(&rest[..size]);
        chunked = rest[size..].strip_prefix("\r\n").unwrap_or_default();
    }
    out
}

fn live() -> Status {
    Status {
        phase: Phase::Live,
        waiting: Vec::new(),
    }
}

#[tokio::test]
async fn ready_says_what_is_waited_for() {
    let endpoint = endpoint(Status {
        phase: Phase::PreInitialising,
        waiting: vec!["cluster a".into(), "listener b".into()],
    });
    let (status, head, body) = endpoint.ask("GET /ready").await;
    assert_eq!(
        (status, body.as_str()),
        (
            503,
            "PRE_INITIALIZING\nwaiting for cluster a\nwaiting for listener b\n"
        )
    );
    for header in [
        "content-type: text/plain; charset=UTF-8",
        "cache-control: no-cache, max-age=0",
        "x-content-type-options: nosniff",
    ] {
        assert!(head.contains(header), "{head}");
    }
}

#[tokio::test]
async fn an_operator_can_take_the_proxy_out_of_service_and_back() {
    let endpoint = endpoint(live());
    assert_eq!(endpoint.get("/ready").await, "LIVE\n");
    let (status, _, body) = endpoint.ask("GET /healthcheck/fail").await;
    assert_eq!(
        (status, body.as_str()),
        (405, "Method GET not allowed, POST required.")
    );
    assert_eq!(endpoint.ask("POST /healthcheck/fail").await.2, "OK\n");
    let (status, _, body) = endpoint.ask("GET /ready").await;
    assert_eq!((status, body.as_str()), (503, "DRAINING\n"));
    assert!(
        endpoint
            .get("/stats?filter=server.live")
            .await
            .contains("server.live: 0")
    );
    assert_eq!(endpoint.ask("POST /healthcheck/ok").await.2, "OK\n");
    assert_eq!(endpoint.ask("HEAD /ready").await.0, 200);
}

#[tokio::test]
async fn stopping_wants_a_post() {
    let endpoint = endpoint(live());
    assert_eq!(endpoint.ask("GET /quitquitquit").await.0, 405);
    assert_eq!(endpoint.ask("POST /quitquitquit").await.2, "OK\n");
    tokio::time::timeout(Duration::from_secs(5), endpoint.admin.stop.notified())
        .await
        .expect("the process is told");
}

#[tokio::test]
async fn statistics_in_three_formats() {
    let endpoint = endpoint(live());
    let http = endpoint.admin.registry.http("web");
    http.cells.inc(RowId(0), HttpCell::DownstreamRqTotal);
    let text = endpoint.get("/stats").await;
    for line in [
        "http.web.downstream_rq_total: 1\n",
        "server.live: 1\n",
        "server.state: 0\n",
        "server.concurrency: 1\n",
        "filesystem.write_failed: 0\n",
    ] {
        assert!(text.contains(line), "{line} {text}");
    }
    assert_eq!(
        endpoint
            .get("/stats?filter=%5Ehttp.web.downstream_rq_total%24&usedonly")
            .await,
        "http.web.downstream_rq_total: 1\n"
    );
    assert_eq!(
        endpoint
            .get("/stats?format=json&filter=rq_total%24&usedonly")
            .await,
        r#"{"stats":[{"name":"http.web.downstream_rq_total","value":1}]}"#
    );
    let metric = "envoy_http_downstream_rq_total{envoy_http_conn_manager_prefix=\"web\"} 1\n";
    assert!(endpoint.get("/stats/prometheus").await.contains(metric));
    assert!(
        endpoint
            .get("/stats?format=prometheus")
            .await
            .contains(metric)
    );
    for bad in [
        "/stats?format=xml",
        "/stats?filter=%5B",
        "/stats?type=x",
        "/stats?histogram_buckets=detailed",
    ] {
        assert_eq!(endpoint.ask(&format!("GET {bad}")).await.0, 400, "{bad}");
    }
}

#[tokio::test]
async fn clusters_and_listeners_as_text_and_json() {
    let endpoint = endpoint(live());
    let text = endpoint.get("/clusters").await;
    for line in [
        "up::observability_name::up\n",
        "up::added_via_api::false\n",
        "up::127.0.0.1:81::rq_total::1\n",
        "up::127.0.0.1:81::hostname::host\n",
        "up::127.0.0.1:81::health_flags::healthy\n",
        "up::127.0.0.1:81::weight::3\n",
        "up::127.0.0.1:82::health_flags::/failed_eds_health\n",
    ] {
        assert!(text.contains(line), "{line} {text}");
    }
    assert!(!text.contains("new::"), "it has never been ready");
    let json: serde_json::Value =
        serde_json::from_str(&endpoint.get("/clusters?format=json").await).unwrap();
    let host = &json["cluster_statuses"][0]["host_statuses"][0];
    assert_eq!(host["address"]["socket_address"]["port_value"], 81);
    assert_eq!(
        host["stats"][5],
        serde_json::json!({"value": "1", "name": "rq_total"})
    );
    assert_eq!(host["health_status"]["eds_health_status"], "HEALTHY");
    assert_eq!(endpoint.get("/clusters?filter=nothing").await, "");

    let listeners = endpoint.get("/listeners").await;
    assert_eq!(listeners, "web::127.0.0.1:8080\nweb::/run/web.sock\n");
    let json: serde_json::Value =
        serde_json::from_str(&endpoint.get("/listeners?format=json").await).unwrap();
    let address =
        serde_json::json!({"socket_address": {"address": "127.0.0.1", "port_value": 8080}});
    assert_eq!(json["listener_statuses"][0]["local_address"], address);
}

#[tokio::test]
async fn the_configuration_is_shown_without_secrets() {
    let endpoint = endpoint(live());
    let text = endpoint.get("/config_dump").await;
    assert!(!text.contains("very secret"), "{text}");
    assert!(text.contains("[redacted]"));
    let dump: serde_json::Value = serde_json::from_str(&text).unwrap();
    let types: Vec<&str> = dump["configs"]
        .as_array()
        .unwrap()
        .iter()
        .map(|config| {
            config["@type"]
                .as_str()
                .unwrap()
                .rsplit('.')
                .next()
                .unwrap()
        })
        .collect();
    assert_eq!(
        types,
        [
            "BootstrapConfigDump",
            "ClustersConfigDump",
            "ListenersConfigDump",
            "RoutesConfigDump"
        ]
    );
    let bootstrap = &dump["configs"][0]["bootstrap"];
    assert_eq!(bootstrap["node"]["id"], "n1");
    assert_eq!(bootstrap["static_resources"]["clusters"][0]["name"], "up");
    assert_eq!(bootstrap["static_resources"]["listeners"][0]["name"], "web");
    assert!(bootstrap["static_resources"]["clusters"][1].is_null());
    let clusters = &dump["configs"][1];
    assert_eq!(clusters["static_clusters"][0]["cluster"]["name"], "up");
    assert_eq!(
        clusters["static_clusters"][0]["last_updated"],
        "2026-11-21T01:48:04.742Z"
    );
    assert_eq!(
        clusters["dynamic_warming_clusters"][0]["version_info"],
        "v7"
    );

    let part: serde_json::Value = serde_json::from_str(
        &endpoint
            .get("/config_dump?resource=dynamic_warming_clusters")
            .await,
    )
    .unwrap();
    assert_eq!(part["configs"][0]["cluster"]["name"], "new");
    let named = endpoint
        .get("/config_dump?resource=static_clusters&name_regex=%5Enew")
        .await;
    assert!(!named.contains("\"up\""), "{named}");
    let (status, _, body) = endpoint.ask("GET /config_dump?resource=nope").await;
    assert_eq!(
        (status, body.as_str()),
        (404, "nope not found in config dump")
    );
    assert_eq!(endpoint.ask("GET /config_dump?name_regex=%5B").await.0, 400);
}

#[tokio::test]
async fn pages_are_listed_and_others_refused() {
    let endpoint = endpoint(live());
    let info: serde_json::Value =
        serde_json::from_str(&endpoint.get("/server_info").await).unwrap();
    assert_eq!(info["state"], "LIVE");
    assert_eq!(info["node"]["id"], "n1");
    assert_eq!(info["command_line_options"]["concurrency"], 1);
    assert_eq!(info["hot_restart_version"], "disabled");
    let help = endpoint.get("/help").await;
    for page in pages::ALL {
        assert!(help.contains(&format!("  {}", page.path)));
        let method = if page.changes { "POST" } else { "GET" };
        assert_eq!(
            endpoint.ask(&format!("{method} {}", page.path)).await.0,
            200,
            "{}",
            page.path
        );
    }
    assert!(endpoint.get("/").await.contains("<a href=\"./stats\">"));
    let (status, _, body) = endpoint.ask("GET /nope").await;
    assert_eq!(status, 404);
    assert!(
        body.starts_with("invalid path. admin commands are:\n"),
        "{body}"
    );
}

#[tokio::test]
async fn a_process_that_drains_still_answers() {
    let endpoint = endpoint(live());
    let (questions, gone) = mpsc::channel(1);
    drop(gone);
    let admin = Admin {
        questions,
        registry: endpoint.admin.registry.clone(),
        sinks: Sinks::default(),
        node: Node::default(),
        workers: 1,
        started: clock::now(),
        stop: Arc::new(Notify::new()),
        unwell: AtomicBool::new(false),
    };
    assert_eq!(admin.status().await.phase, Phase::Draining);
    assert!(admin.view().await.clusters.is_empty());
}

#[tokio::test]
async fn a_taken_port_and_a_stale_socket() {
    let taken = std::net::TcpListener::bind("127.0.0.1:0").unwrap();
    let error = Server::bind(&Address::Ip(taken.local_addr().unwrap())).unwrap_err();
    assert!(
        error
            .to_string()
            .starts_with("admin: cannot listen on 127.0.0.1:")
    );
    let dir = tempfile::tempdir().unwrap();
    let path = dir.path().join("admin.sock");
    drop(std::os::unix::net::UnixListener::bind(&path).unwrap());
    Server::bind(&Address::Pipe(path)).unwrap();
}
