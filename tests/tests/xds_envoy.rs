//! The xDS server against real Envoy, in both protocol variants, over a Unix socket.
//!
//! What the rules say of Envoy is seen here to be so: everything is delivered and Envoy becomes ready; a change of
//! a cluster ends its warming; moving a route to a new cluster while the old one is deleted loses no request; a
//! refused listener is known with Envoy's words and the operator's place while its sibling is live.

use std::net::{Ipv4Addr, SocketAddr};
use std::sync::Arc;
use std::sync::atomic::{AtomicBool, AtomicUsize, Ordering::SeqCst};
use std::thread;

use portway_control_plane::xds::server::{ConnectedNode, Settings, XdsServer};
use portway_control_plane::xds::status::State;
use portway_control_plane::xds::{
    Class, Kind, Provenance, Resource, ResourceKey, Scope, Variant, Views, ViewsBuilder, refs,
};
use portway_proto::index;
use portway_proto::loader::{self, Limits, Options, Source};
use portway_tests::clock::{Deadline, PATIENCE, poll};
use portway_tests::engine::{self, Engine};
use portway_tests::recorder::{Recorder, Upstream, ok};
use portway_tests::{client, ports};
use tokio::net::UnixListener;
use tokio::runtime::Runtime;
use tokio::sync::watch;
use tokio_stream::wrappers::UnixListenerStream;

/// A resource as an operator writes it.
fn resource(kind: Kind, name: &str, line: u32, yaml: &str) -> Arc<Resource> {
    let source = Source {
        name: "edge.yaml",
        bytes: yaml.as_bytes(),
    };
    let documents = loader::documents(source, &Limits::default()).expect("YAML");
    let message = index::message_of_type_url(kind.type_url()).expect("a known type");
    let loaded = loader::load(documents[0].root(), message, &Options::default());
    assert!(!loaded.has_errors(), "{:?}", loaded.diagnostics);
    let refers_to = refs::refers_to(kind, &loaded.wire).expect("a message");
    let origin = Provenance {
        kind: "EnvoyResources".into(),
        name: "edge".into(),
        file: "edge.yaml".into(),
        line,
        column: 3,
        others: Vec::new(),
    };
    let key = ResourceKey::new(kind, name);
    Arc::new(Resource::new(
        key,
        &loaded.wire,
        refers_to,
        Arc::new(origin),
    ))
}

fn listener(name: &str, port: u16, route: &str) -> Arc<Resource> {
    let yaml = format!(
        "name: {name}
address: {{socket_address: {{address: 127.0.0.1, port_value: {port}}}}}
filter_chains:
- filters:
  - name: envoy.filters.network.http_connection_manager
    typed_config:
      \"@type\": type.googleapis.com/envoy.extensions.filters.network.http_connection_manager.v3.HttpConnectionManager
      stat_prefix: {name}
      rds: {{route_config_name: {route}, config_source: {{ads: {{}}, resource_api_version: V3}}}}
      http_filters:
      - name: envoy.filters.http.router
        typed_config: {{\"@type\": type.googleapis.com/envoy.extensions.filters.http.router.v3.Router}}
"
    );
    resource(Kind::Listener, name, 1, &yaml)
}

/// Routes `/up` to a cluster and answers everything else itself.
fn routes(name: &str, says: &str, cluster: &str) -> Arc<Resource> {
    let yaml = format!(
        "name: {name}
virtual_hosts:
- name: all
  domains: ['*']
  routes:
  - match: {{path: /up}}
    route: {{cluster: {cluster}}}
  - match: {{prefix: /}}
    direct_response: {{status: 200, body: {{inline_string: {says}}}}}
"
    );
    resource(Kind::Route, name, 20, &yaml)
}

fn cluster(name: &str, timeout: &str) -> Arc<Resource> {
    let yaml = format!(
        "name: {name}
type: EDS
connect_timeout: {timeout}
eds_cluster_config: {{eds_config: {{ads: {{}}, resource_api_version: V3}}}}
"
    );
    resource(Kind::Cluster, name, 40, &yaml)
}

fn endpoints(name: &str, to: SocketAddr) -> Arc<Resource> {
    let yaml = format!(
        "cluster_name: {name}
endpoints:
- lb_endpoints:
  - endpoint: {{address: {{socket_address: {{address: 127.0.0.1, port_value: {}}}}}}}
",
        to.port()
    );
    resource(Kind::Endpoint, name, 50, &yaml)
}

fn bootstrap(variant: Variant, admin: u16, socket: &str) -> String {
    let api_type = match variant {
        Variant::Sotw => "GRPC",
        Variant::Delta => "DELTA_GRPC",
    };
    format!(
        "node: {{id: edge-1, cluster: edge}}
admin: {{address: {{socket_address: {{address: 127.0.0.1, port_value: {admin}}}}}}}
dynamic_resources:
  ads_config:
    api_type: {api_type}
    transport_api_version: V3
    grpc_services: [{{envoy_grpc: {{cluster_name: xds}}}}]
  cds_config: {{ads: {{}}, resource_api_version: V3}}
  lds_config: {{ads: {{}}, resource_api_version: V3}}
static_resources:
  clusters:
  - name: xds
    type: STATIC
    connect_timeout: 5s
    typed_extension_protocol_options:
      envoy.extensions.upstreams.http.v3.HttpProtocolOptions:
        \"@type\": type.googleapis.com/envoy.extensions.upstreams.http.v3.HttpProtocolOptions
        explicit_http_config: {{http2_protocol_options: {{}}}}
    load_assignment:
      cluster_name: xds
      endpoints:
      - lb_endpoints:
        - endpoint: {{address: {{pipe: {{path: {socket}}}}}}}
"
    )
}

/// Our server with one Envoy on it.
struct Edge {
    server: XdsServer,
    views: watch::Sender<Option<Arc<Views>>>,
    revision: u64,
    engine: Engine,
    _runtime: Runtime,
    _dir: tempfile::TempDir,
}

impl Edge {
    fn start(variant: Variant, first: &[Arc<Resource>]) -> Self {
        let dir = tempfile::tempdir().expect("a directory");
        let socket = dir.path().join("xds.sock");
        let (views, receiver) = watch::channel(Some(Arc::new(revision(1, first, None))));
        let server = XdsServer::new(receiver, Settings::default());
        let runtime = Runtime::new().expect("a runtime");
        let listener = {
            let _inside = runtime.enter();
            UnixListener::bind(&socket).expect("bind the socket")
        };
        let serving = server.clone();
        runtime.spawn(async move {
            let incoming = UnixListenerStream::new(listener);
            let served = serving.serve(incoming, std::future::pending()).await;
            served.expect("serve");
        });
        let admin = ports::free();
        let text = bootstrap(variant, admin, &socket.display().to_string());
        let engine = Engine::start(engine::Kind::Envoy, &text, admin, dir.path());
        Self {
            server,
            views,
            revision: 1,
            engine,
            _runtime: runtime,
            _dir: dir,
        }
    }

    fn publish(&mut self, resources: &[Arc<Resource>]) {
        self.revision += 1;
        let previous = self.views.borrow().clone();
        let next = revision(self.revision, resources, previous.as_deref());
        self.views.send_replace(Some(Arc::new(next)));
    }

    fn node(&self) -> Option<Arc<ConnectedNode>> {
        self.server.nodes().into_iter().next()
    }

    /// Waits until the node's status is as wanted.
    fn wait(&self, what: &str, wanted: impl Fn(&ConnectedNode) -> bool) -> Arc<ConnectedNode> {
        poll(Deadline::after(PATIENCE), || {
            self.node().filter(|node| wanted(node))
        })
        .unwrap_or_else(|| {
            panic!(
                "not {what}: {:#?}\n{}",
                self.node(),
                self.engine.process.tail()
            )
        })
    }

    fn wait_live(&self) {
        self.wait("live", |node| node.status.live == Some(self.revision));
    }
}

fn revision(number: u64, resources: &[Arc<Resource>], previous: Option<&Views>) -> Views {
    let mut builder = ViewsBuilder::new(number);
    for resource in resources {
        builder.add(&Scope::default(), resource.clone());
    }
    builder.build(previous)
}

/// The body that a listener answers a path with.
fn get(port: u16, path: &str) -> Option<(u16, String)> {
    let to = SocketAddr::from((Ipv4Addr::LOCALHOST, port));
    let request = format!("GET {path} HTTP/1.1\r\nhost: edge\r\nconnection: close\r\n\r\n");
    let message = client::fetch(to, &request)?;
    let body = String::from_utf8_lossy(&message.body).into_owned();
    Some((message.status(), body))
}

#[track_caller]
fn wait_get(port: u16, path: &str, body: &str) {
    let wanted = Some((200, body.to_owned()));
    let mut last = None;
    let came = poll(Deadline::after(PATIENCE), || {
        last = get(port, path);
        (last == wanted).then_some(())
    });
    assert!(came.is_some(), "{path} answers {last:?}, not {body:?}");
}

fn lifecycle(variant: Variant) {
    let upstream = Recorder::start(Upstream::Answers(vec![ok("upstream")]));
    let port = ports::free();
    let first = [
        listener("edge", port, "routes"),
        routes("routes", "one", "c0"),
        cluster("c0", "1s"),
        endpoints("c0", upstream.address),
    ];
    let mut edge = Edge::start(variant, &first);

    // Ready means that listeners are up, so the first answers need no waiting.
    assert_eq!(get(port, "/"), Some((200, "one".into())));
    assert_eq!(get(port, "/up"), Some((200, "upstream".into())));
    edge.wait_live();
    let status = edge.wait("known", |_| true).status.clone();
    assert_eq!(status.node.id, "edge-1");
    assert_eq!(status.node.class, Class::Envoy);
    assert_eq!(status.variant, variant);
    assert!(
        status.kinds.iter().all(|kind| kind.state == State::Synced),
        "{status:?}"
    );

    // A changed cluster warms again, which needs its unchanged endpoints once more (X55).
    edge.publish(&[
        listener("edge", port, "routes"),
        routes("routes", "two", "c0"),
        cluster("c0", "2s"),
        endpoints("c0", upstream.address),
    ]);
    edge.wait_live();
    wait_get(port, "/", "two");
    let warming = edge
        .engine
        .admin("/stats?filter=cluster_manager.warming_clusters");
    assert_eq!(warming.trim(), "cluster_manager.warming_clusters: 0");

    moves_lose_nothing(&mut edge, port, upstream.address);
    a_refused_listener(&mut edge, port, upstream.address);
}

/// Each revision adds a cluster, moves the route to it and deletes the old one.
fn moves_lose_nothing(edge: &mut Edge, port: u16, upstream: SocketAddr) {
    let stop = Arc::new(AtomicBool::new(false));
    let asked = Arc::new(AtomicUsize::new(0));
    let clients: Vec<_> = (0..2)
        .map(|_| {
            let (stop, asked) = (stop.clone(), asked.clone());
            thread::spawn(move || {
                let mut failed = Vec::new();
                while !stop.load(SeqCst) {
                    let answer = get(port, "/up");
                    asked.fetch_add(1, SeqCst);
                    if answer != Some((200, "upstream".into())) {
                        failed.push(answer);
                    }
                }
                failed
            })
        })
        .collect();
    for round in 1..=20 {
        let name = format!("c{round}");
        let before = asked.load(SeqCst);
        edge.publish(&[
            listener("edge", port, "routes"),
            routes("routes", "moved", &name),
            cluster(&name, "1s"),
            endpoints(&name, upstream),
        ]);
        edge.wait_live();
        let more = || (asked.load(SeqCst) > before + 4).then_some(());
        poll(Deadline::after(PATIENCE), more).expect("requests go on");
    }
    stop.store(true, SeqCst);
    for client in clients {
        let failed = client.join().expect("a client");
        assert!(failed.is_empty(), "{failed:?}");
    }
    // The last of the old clusters leaves after the last route that named it (X54).
    let clusters = || {
        let page = edge.engine.admin("/clusters?format=text");
        let left = (0..20).filter(|old| page.contains(&format!("c{old}::")));
        (left.count() == 0 && page.contains("c20::")).then_some(())
    };
    poll(Deadline::after(PATIENCE), clusters).expect("old clusters leave");
}

fn a_refused_listener(edge: &mut Edge, port: u16, upstream: SocketAddr) {
    let sibling_port = ports::free();
    let (name, last) = ("c20", edge.revision);
    let with = |refused: Arc<Resource>| {
        [
            listener("edge", port, "routes"),
            listener("sibling", sibling_port, "routes"),
            refused,
            routes("routes", "three", name),
            cluster(name, "1s"),
            endpoints(name, upstream),
        ]
    };
    // Envoy wants at least one filter chain.
    let refused_port = ports::free();
    let bad = format!(
        "name: refused\naddress: {{socket_address: {{address: 127.0.0.1, port_value: {refused_port}}}}}\n"
    );
    edge.publish(&with(resource(Kind::Listener, "refused", 77, &bad)));
    let node = edge.wait("refused", |node| {
        let listeners = node
            .status
            .kinds
            .iter()
            .find(|kind| kind.kind == Kind::Listener);
        listeners.is_some_and(|kind| kind.state == State::Nacked)
    });
    assert_eq!(node.status.target, edge.revision);
    assert_eq!(
        node.status.live,
        Some(last),
        "the refused revision is not live"
    );
    for kind in &node.status.kinds {
        if kind.kind != Kind::Listener {
            assert!(kind.rejections.is_empty(), "{kind:?}");
            continue;
        }
        let [rejection] = kind.rejections.as_slice() else {
            panic!("{:?}", kind.rejections);
        };
        assert!(rejection.attributed);
        assert!(
            rejection.text.contains("no filter chains specified"),
            "{}",
            rejection.text
        );
        let [resource] = rejection.resources.as_slice() else {
            panic!("{rejection:?}");
        };
        assert_eq!(&*resource.name, "refused");
        assert_eq!(
            resource.provenance.to_string(),
            "EnvoyResources \"edge\" (edge.yaml:77:3)"
        );
    }
    wait_get(sibling_port, "/", "three");
    wait_get(port, "/", "three");

    edge.publish(&with(listener("refused", refused_port, "routes")));
    edge.wait_live();
    wait_get(refused_port, "/", "three");
    let node = edge.wait("synced", |_| true);
    assert!(
        node.status
            .kinds
            .iter()
            .all(|kind| kind.state == State::Synced)
    );
}

#[test]
fn envoy_lives_through_changes_sotw() {
    lifecycle(Variant::Sotw);
}

#[test]
fn envoy_lives_through_changes_delta() {
    lifecycle(Variant::Delta);
}
