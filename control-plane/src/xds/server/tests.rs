//! The shell with tonic's own client, over a Unix socket and over a pipe; and, where bytes are counted, with the
//! service called directly.

use std::pin::Pin;
use std::task::{Context, Poll};

use bytes::Bytes;
use http_body_util::BodyExt as _;
use hyper_util::rt::TokioIo;
use prost::Message as _;
use tokio::net::{UnixListener, UnixStream};
use tokio::sync::{mpsc, oneshot};
use tokio_stream::wrappers::{ReceiverStream, UnixListenerStream};
use tonic::transport::{Channel, Endpoint, Uri};
use tonic::{Code, Streaming};

use super::*;
use crate::xds::pb::envoy::config::core::v3 as core;
use crate::xds::pb::envoy::service::cluster::v3::cluster_discovery_service_client::ClusterDiscoveryServiceClient;
use crate::xds::pb::envoy::service::discovery::v3 as discovery;
use crate::xds::pb::envoy::service::discovery::v3::aggregated_discovery_service_client::AggregatedDiscoveryServiceClient as AdsClient;
use crate::xds::pb::google::rpc;
use crate::xds::resource::{Provenance, Resource, ResourceKey};
use crate::xds::status::State;
use crate::xds::view::{Scope, ViewsBuilder};
use crate::xds::{Kind, Variant};

type ViewsSender = watch::Sender<Option<Arc<Views>>>;

fn views(revision: u64, resources: &[(Kind, &str, &[u8])]) -> Option<Arc<Views>> {
    let mut builder = ViewsBuilder::new(revision);
    for (kind, name, body) in resources {
        let origin = Arc::new(Provenance::default());
        let key = ResourceKey::new(*kind, *name);
        builder.add(
            &Scope::default(),
            Arc::new(Resource::new(key, body, [], origin)),
        );
    }
    Some(Arc::new(builder.build(None)))
}

fn node() -> Option<core::Node> {
    Some(core::Node {
        id: "n1".into(),
        user_agent_name: "envoy".into(),
        ..Default::default()
    })
}

fn delta(kind: Kind, subscribe: &[&str]) -> discovery::DeltaDiscoveryRequest {
    discovery::DeltaDiscoveryRequest {
        node: node(),
        type_url: kind.type_url().into(),
        resource_names_subscribe: subscribe.iter().map(|n| n.to_string()).collect(),
        ..Default::default()
    }
}

fn answer(
    to: &discovery::DeltaDiscoveryResponse,
    error: Option<&str>,
) -> discovery::DeltaDiscoveryRequest {
    discovery::DeltaDiscoveryRequest {
        type_url: to.type_url.clone(),
        response_nonce: to.nonce.clone(),
        error_detail: error.map(|text| rpc::Status {
            code: 3,
            message: text.into(),
            details: Vec::new(),
        }),
        ..Default::default()
    }
}

/// A server on a Unix socket.
struct Socket {
    server: XdsServer,
    views: ViewsSender,
    channel: Channel,
    _stop: oneshot::Sender<()>,
    _dir: tempfile::TempDir,
}

async fn serve_with(settings: Settings, first: Option<Arc<Views>>) -> Socket {
    let dir = tempfile::tempdir().unwrap();
    let path = dir.path().join("xds.sock");
    let (sender, receiver) = watch::channel(first);
    let server = XdsServer::new(receiver, settings);
    let listener = UnixListener::bind(&path).unwrap();
    let (stop, stopped) = oneshot::channel::<()>();
    let running = server.clone();
    tokio::spawn(async move {
        let incoming = UnixListenerStream::new(listener);
        let signal = async { drop(stopped.await) };
        running.serve(incoming, signal).await.unwrap();
    });
    let channel = Endpoint::from_static("http://xds")
        .connect_with_connector(Connect(move || {
            let path = path.clone();
            async move { UnixStream::connect(path).await }
        }))
        .await
        .unwrap();
    Socket {
        server,
        views: sender,
        channel,
        _stop: stop,
        _dir: dir,
    }
}

async fn serve(first: Option<Arc<Views>>) -> Socket {
    serve_with(Settings::default(), first).await
}

/// A connector out of a function.
#[derive(Clone)]
struct Connect<F>(F);

impl<F, Fut, IO> tower_service::Service<Uri> for Connect<F>
where
    F: Fn() -> Fut,
    Fut: Future<Output = std::io::Result<IO>> + Send + 'static,
    IO: AsyncRead + AsyncWrite + Unpin + Send + 'static,
{
    type Response = TokioIo<IO>;
    type Error = std::io::Error;
    type Future = Pin<Box<dyn Future<Output = Result<TokioIo<IO>, std::io::Error>> + Send>>;

    fn poll_ready(&mut self, _: &mut Context<'_>) -> Poll<std::io::Result<()>> {
        Poll::Ready(Ok(()))
    }

    fn call(&mut self, _: Uri) -> Self::Future {
        let connecting = (self.0)();
        Box::pin(async move { connecting.await.map(TokioIo::new) })
    }
}

/// One delta stream on a client.
struct DeltaStream {
    requests: mpsc::Sender<discovery::DeltaDiscoveryRequest>,
    responses: Streaming<discovery::DeltaDiscoveryResponse>,
}

impl DeltaStream {
    async fn open(channel: &Channel, first: discovery::DeltaDiscoveryRequest) -> Self {
        let (requests, receiver) = mpsc::channel(16);
        requests.send(first).await.unwrap();
        let responses = AdsClient::new(channel.clone())
            .max_decoding_message_size(usize::MAX)
            .delta_aggregated_resources(ReceiverStream::new(receiver))
            .await
            .unwrap()
            .into_inner();
        Self {
            requests,
            responses,
        }
    }

    async fn next(&mut self) -> discovery::DeltaDiscoveryResponse {
        self.responses.message().await.unwrap().unwrap()
    }

    async fn send(&self, request: discovery::DeltaDiscoveryRequest) {
        self.requests.send(request).await.unwrap();
    }

    async fn end(&mut self) -> tonic::Status {
        self.responses.message().await.unwrap_err()
    }
}

async fn eventually(server: &XdsServer, what: impl Fn(&[Arc<ConnectedNode>]) -> bool) {
    let mut changes = server.changes();
    let waiting = async {
        loop {
            changes.mark_unchanged();
            if what(&server.nodes()) {
                return;
            }
            changes.changed().await.unwrap();
        }
    };
    if tokio::time::timeout(Duration::from_secs(10), waiting)
        .await
        .is_err()
    {
        panic!("never came: {:#?}", server.nodes());
    }
}

#[tokio::test]
async fn a_delta_stream_over_a_unix_socket() {
    let socket = serve(views(1, &[(Kind::Cluster, "a", b"1")])).await;
    let mut stream = DeltaStream::open(&socket.channel, delta(Kind::Cluster, &[])).await;
    let first = stream.next().await;
    assert_eq!(first.resources[0].name, "a");
    stream.send(answer(&first, None)).await;
    eventually(&socket.server, |nodes| {
        nodes.len() == 1 && nodes[0].status.live == Some(1)
    })
    .await;

    socket
        .views
        .send_replace(views(2, &[(Kind::Cluster, "a", b"2")]));
    let second = stream.next().await;
    stream.send(answer(&second, Some("cluster(s) a: no"))).await;
    eventually(&socket.server, |nodes| {
        let status = &nodes[0].status;
        status.target == 2
            && status.live == Some(1)
            && status.kinds[0].state == State::Nacked
            && &*status.kinds[0].rejections[0].text == "cluster(s) a: no"
    })
    .await;

    drop(stream);
    eventually(&socket.server, |nodes| nodes.is_empty()).await;
}

#[tokio::test]
async fn a_sotw_stream_over_a_pipe_within_the_process() {
    let (_views, receiver) = watch::channel(views(1, &[(Kind::Listener, "l", b"1")]));
    let server = XdsServer::new(receiver, Settings::default());
    let (near, far) = tokio::io::duplex(64 * 1024);
    tokio::spawn(async move {
        let incoming = tokio_stream::once(Ok::<_, std::io::Error>(far));
        // Serving ends with the last connection that may come; there will be no other, but not yet.
        let incoming = tokio_stream::StreamExt::chain(incoming, tokio_stream::pending());
        server
            .serve(incoming, std::future::pending())
            .await
            .unwrap();
    });
    let near = parking_lot::Mutex::new(Some(near));
    let channel = Endpoint::from_static("http://pipe")
        .connect_with_connector(Connect(move || {
            let near = near.lock().take();
            async move { near.ok_or_else(|| std::io::Error::other("the pipe is used")) }
        }))
        .await
        .unwrap();
    let request = discovery::DiscoveryRequest {
        node: node(),
        type_url: Kind::Listener.type_url().into(),
        ..Default::default()
    };
    let requests = tokio_stream::once(request);
    let requests = tokio_stream::StreamExt::chain(requests, tokio_stream::pending());
    let mut responses = AdsClient::new(channel)
        .stream_aggregated_resources(requests)
        .await
        .unwrap()
        .into_inner();
    let response = responses.message().await.unwrap().unwrap();
    assert_eq!(response.resources.len(), 1);
    assert_eq!(response.resources[0].value, b"1");
}

#[tokio::test]
async fn x02_fetch_is_closed() {
    let socket = serve(views(1, &[])).await;
    let status = ClusterDiscoveryServiceClient::new(socket.channel.clone())
        .fetch_clusters(discovery::DiscoveryRequest::default())
        .await
        .unwrap_err();
    assert_eq!(status.code(), Code::Unimplemented);
    assert!(status.message().contains("StreamClusters"), "{status}");
}

#[tokio::test]
async fn x01_single_type_services_are_served() {
    let socket = serve(views(1, &[(Kind::Cluster, "a", b"1")])).await;
    let request = discovery::DiscoveryRequest {
        node: node(),
        ..Default::default()
    };
    let requests = tokio_stream::once(request);
    let mut responses = ClusterDiscoveryServiceClient::new(socket.channel.clone())
        .stream_clusters(requests)
        .await
        .unwrap()
        .into_inner();
    let response = responses.message().await.unwrap().unwrap();
    assert_eq!(response.type_url, Kind::Cluster.type_url());
    // The client has said all it wanted to; the stream ends well.
    assert!(responses.message().await.unwrap().is_none());
}

#[tokio::test]
async fn x13_a_large_first_request_is_read() {
    let socket = serve(views(1, &[(Kind::Cluster, "a", b"1")])).await;
    let mut first = delta(Kind::Cluster, &[]);
    first.initial_resource_versions = (0..100_000)
        .map(|at| (format!("{at:080}"), "0123456789abcdef0123".to_owned()))
        .collect();
    assert!(first.encoded_len() > 8 * 1024 * 1024);
    let mut stream = DeltaStream::open(&socket.channel, first).await;
    assert_eq!(stream.next().await.resources.len(), 1);
}

#[tokio::test]
async fn x70_not_ready_refuses() {
    let socket = serve(None).await;
    let open = |channel: Channel| async move {
        AdsClient::new(channel)
            .delta_aggregated_resources(tokio_stream::once(delta(Kind::Cluster, &[])))
            .await
    };
    let status = open(socket.channel.clone()).await.unwrap_err();
    assert_eq!(status.code(), Code::Unavailable);
    socket.views.send_replace(views(1, &[]));
    assert!(open(socket.channel.clone()).await.is_ok());
}

#[tokio::test]
async fn refusals_reach_the_client_with_their_words() {
    let socket = serve(views(1, &[])).await;
    let mut nameless = delta(Kind::Cluster, &[]);
    nameless.node = None;
    let mut stream = DeltaStream::open(&socket.channel, nameless).await;
    let status = stream.end().await;
    assert_eq!(status.code(), Code::InvalidArgument);
    assert!(status.message().contains("node.id"), "{status}");
}

#[tokio::test]
async fn x72_x81_streams_are_limited() {
    let settings = Settings {
        streams: 1,
        ..Settings::default()
    };
    let socket = serve_with(settings, views(1, &[])).await;
    let first = DeltaStream::open(&socket.channel, delta(Kind::Cluster, &[])).await;
    let requests = tokio_stream::once(delta(Kind::Cluster, &[]));
    let status = AdsClient::new(socket.channel.clone())
        .delta_aggregated_resources(requests)
        .await
        .unwrap_err();
    assert_eq!(status.code(), Code::ResourceExhausted);
    drop(first);
    eventually(&socket.server, |nodes| nodes.is_empty()).await;
    let mut second = DeltaStream::open(&socket.channel, delta(Kind::Cluster, &[])).await;
    second.next().await;
}

#[tokio::test]
async fn x83_a_silent_stream_is_ended() {
    let settings = Settings {
        first_request: Duration::from_millis(50),
        ..Settings::default()
    };
    let socket = serve_with(settings, views(1, &[])).await;
    let silence = tokio_stream::pending::<discovery::DeltaDiscoveryRequest>();
    let mut responses = AdsClient::new(socket.channel.clone())
        .delta_aggregated_resources(silence)
        .await
        .unwrap()
        .into_inner();
    let status = responses.message().await.unwrap_err();
    assert_eq!(status.code(), Code::DeadlineExceeded);
}

#[tokio::test]
async fn draining_ends_streams() {
    let socket = serve(views(1, &[])).await;
    let mut stream = DeltaStream::open(&socket.channel, delta(Kind::Cluster, &[])).await;
    stream.next().await;
    socket.server.drain();
    assert_eq!(stream.end().await.code(), Code::Unavailable);
}

#[tokio::test]
async fn x71_a_slow_reader_skips_what_it_missed_and_delays_nobody() {
    let large = |revision: u8| vec![revision; 2 * 1024 * 1024];
    let socket = serve(views(1, &[(Kind::Cluster, "a", &large(1))])).await;
    let mut slow = DeltaStream::open(&socket.channel, delta(Kind::Cluster, &[])).await;
    let mut fast = DeltaStream::open(&socket.channel, delta(Kind::Cluster, &[])).await;
    for revision in 1..=20 {
        if revision > 1 {
            let body = large(revision);
            let next = views(revision.into(), &[(Kind::Cluster, "a", &body)]);
            socket.views.send_replace(next);
        }
        let response = fast.next().await;
        let body = &response.resources[0].resource.as_ref().unwrap().value;
        assert_eq!(body[0], revision);
        fast.send(answer(&response, None)).await;
    }
    let old = slow.next().await;
    assert_eq!(old.resources[0].resource.as_ref().unwrap().value[0], 1);
    slow.send(answer(&old, None)).await;
    let newest = slow.next().await;
    let body = &newest.resources[0].resource.as_ref().unwrap().value;
    assert_eq!(body[0], 20, "nothing in between");
}

/// A request body that carries one message and stays open.
struct OneMessage(Option<Bytes>);

impl http_body::Body for OneMessage {
    type Data = Bytes;
    type Error = std::convert::Infallible;

    fn poll_frame(
        mut self: Pin<&mut Self>,
        _: &mut Context<'_>,
    ) -> Poll<Option<Result<http_body::Frame<Bytes>, Self::Error>>> {
        match self.0.take() {
            Some(data) => Poll::Ready(Some(Ok(http_body::Frame::data(data)))),
            None => Poll::Pending,
        }
    }
}

fn call(variant: Variant, message: &[u8]) -> http::Request<tonic::body::Body> {
    let mut framed = vec![0];
    framed.extend_from_slice(&u32::try_from(message.len()).unwrap().to_be_bytes());
    framed.extend_from_slice(message);
    let method = match variant {
        Variant::Sotw => "StreamAggregatedResources",
        Variant::Delta => "DeltaAggregatedResources",
    };
    http::Request::post(format!(
        "/envoy.service.discovery.v3.AggregatedDiscoveryService/{method}"
    ))
    .header("content-type", "application/grpc")
    .body(tonic::body::Body::new(OneMessage(Some(framed.into()))))
    .unwrap()
}

/// The data frames of the first response of a stream.
async fn frames_of(server: &XdsServer, variant: Variant) -> Vec<Bytes> {
    let message = match variant {
        Variant::Sotw => discovery::DiscoveryRequest {
            node: node(),
            type_url: Kind::Cluster.type_url().into(),
            ..Default::default()
        }
        .encode_to_vec(),
        Variant::Delta => delta(Kind::Cluster, &[]).encode_to_vec(),
    };
    let mut service = server.service();
    let response = tower_service::Service::call(&mut service, call(variant, &message))
        .await
        .unwrap();
    let mut body = response.into_body();
    let mut frames = Vec::new();
    let mut missing = usize::MAX;
    while missing > 0 {
        let data = body.frame().await.unwrap().unwrap().into_data().unwrap();
        if frames.is_empty() {
            let len = u32::from_be_bytes(data[1..5].try_into().unwrap());
            missing = len as usize + 5;
        }
        missing -= data.len();
        frames.push(data);
    }
    frames
}

#[tokio::test]
async fn xp01_streams_share_the_bytes_they_send() {
    let names: Vec<String> = (0..2_000).map(|at| format!("c{at}")).collect();
    let body = vec![7; 500];
    let large = vec![8; 300_000];
    let mut resources: Vec<(Kind, &str, &[u8])> = names
        .iter()
        .map(|name| (Kind::Cluster, name.as_str(), body.as_slice()))
        .collect();
    resources.push((Kind::Cluster, "large", &large));
    let (_views, receiver) = watch::channel(views(1, &resources));
    let server = XdsServer::new(receiver, Settings::default());
    for variant in [Variant::Sotw, Variant::Delta] {
        let one = frames_of(&server, variant).await;
        let two = frames_of(&server, variant).await;
        assert_eq!(one.len(), two.len());
        let (head, shared) = one.split_first().unwrap();
        assert!(head.len() < 1024, "a small head of its own: {}", head.len());
        assert!(!shared.is_empty());
        for (a, b) in shared.iter().zip(&two[1..]) {
            assert_eq!(a.as_ptr(), b.as_ptr(), "one encoding for all streams");
            assert_eq!(a.len(), b.len());
        }
        // Few large pieces, not one for each resource.
        assert!(one.len() < 24, "{} pieces", one.len());
        let total: usize = one.iter().map(Bytes::len).sum();
        assert!(total > 1_300_000);
    }
}

#[tokio::test]
async fn compressed_requests_and_other_protocols_are_refused() {
    let (_views, receiver) = watch::channel(views(1, &[]));
    let server = XdsServer::new(receiver, Settings::default());
    for (name, value, code) in [
        ("grpc-encoding", "gzip", "12"),
        ("content-type", "text/plain", "3"),
    ] {
        let mut request = call(Variant::Delta, &[]);
        let value = http::HeaderValue::from_static(value);
        request.headers_mut().insert(name, value);
        let mut service = server.service();
        let response = tower_service::Service::call(&mut service, request)
            .await
            .unwrap();
        assert_eq!(response.headers()["grpc-status"], code);
    }
    assert!(server.nodes().is_empty());
}

#[tokio::test]
async fn x87_secrets_need_a_protected_transport() {
    let (_views, receiver) = watch::channel(views(1, &[(Kind::Secret, "key", b"hunter2")]));
    let server = XdsServer::new(receiver, Settings::default());
    for (server, served) in [(server.clone(), true), (server.without_secrets(), false)] {
        let message = delta(Kind::Secret, &["key"]).encode_to_vec();
        let mut service = server.service();
        let response = tower_service::Service::call(&mut service, call(Variant::Delta, &message))
            .await
            .unwrap();
        let first = response.into_body().frame().await.unwrap().unwrap();
        if served {
            let data = first.into_data().unwrap();
            assert!(data.windows(7).any(|w| w == b"hunter2"));
        } else {
            assert_eq!(first.into_trailers().unwrap()["grpc-status"], "7");
        }
    }
}
