//! The discovery services, as one raw tower service.

use std::convert::Infallible;
use std::future::{Ready, ready};
use std::task::{Context, Poll};

use http::{Request as HttpRequest, Response as HttpResponse, header};
use prost::Message;
use tokio::sync::mpsc;
use tonic::body::Body;
use tonic::codec::{BufferSettings, Streaming};
use tonic::transport::server::{TcpConnectInfo, TlsConnectInfo};
use tonic::{Code, Status};
use tonic_prost::ProstDecoder;
use tower_service::Service as TowerService;

use super::XdsServer;
use super::body::StreamBody;
use super::task::Task;
use crate::xds::kind::Kind;
use crate::xds::pb::envoy::service::discovery::v3::{DeltaDiscoveryRequest, DiscoveryRequest};
use crate::xds::request::{Request, Variant};
use crate::xds::stream::{Service, Stream};

/// Small, because an idle stream keeps it; a large request grows it for as long as it is read.
const READ_BUFFER: usize = 1024;
/// More than the kinds there are, so that a task waits only for a client that does not read.
const QUEUE: usize = 16;

/// Every service, with its method of each variant (X01). Their unary methods are closed (X02).
const SERVICES: [(&str, Service, &str, &str); 9] = [
    (
        "envoy.service.discovery.v3.AggregatedDiscoveryService",
        Service::Aggregated,
        "StreamAggregatedResources",
        "DeltaAggregatedResources",
    ),
    (
        "envoy.service.cluster.v3.ClusterDiscoveryService",
        Service::Only(Kind::Cluster),
        "StreamClusters",
        "DeltaClusters",
    ),
    (
        "envoy.service.endpoint.v3.EndpointDiscoveryService",
        Service::Only(Kind::Endpoint),
        "StreamEndpoints",
        "DeltaEndpoints",
    ),
    (
        "envoy.service.listener.v3.ListenerDiscoveryService",
        Service::Only(Kind::Listener),
        "StreamListeners",
        "DeltaListeners",
    ),
    (
        "envoy.service.route.v3.RouteDiscoveryService",
        Service::Only(Kind::Route),
        "StreamRoutes",
        "DeltaRoutes",
    ),
    (
        "envoy.service.route.v3.ScopedRoutesDiscoveryService",
        Service::Only(Kind::ScopedRoute),
        "StreamScopedRoutes",
        "DeltaScopedRoutes",
    ),
    (
        "envoy.service.secret.v3.SecretDiscoveryService",
        Service::Only(Kind::Secret),
        "StreamSecrets",
        "DeltaSecrets",
    ),
    (
        "envoy.service.runtime.v3.RuntimeDiscoveryService",
        Service::Only(Kind::Runtime),
        "StreamRuntime",
        "DeltaRuntime",
    ),
    (
        "envoy.service.extension.v3.ExtensionConfigDiscoveryService",
        Service::Only(Kind::Extension),
        "StreamExtensionConfigs",
        "DeltaExtensionConfigs",
    ),
];

/// All discovery services as one tower service.
#[derive(Clone, Debug)]
pub struct Discovery {
    server: XdsServer,
}

impl Discovery {
    pub(super) fn new(server: &XdsServer) -> Self {
        Self {
            server: server.clone(),
        }
    }

    fn route(&self, request: HttpRequest<Body>) -> Result<HttpResponse<Body>, Status> {
        let path = request.uri().path();
        let (name, method) = path
            .strip_prefix('/')
            .and_then(|path| path.split_once('/'))
            .unwrap_or_default();
        let Some((_, service, sotw, delta)) = SERVICES.iter().find(|s| s.0 == name) else {
            return Err(Status::unimplemented(format!(
                "{path:?} is not a method of a discovery service that is served here"
            )));
        };
        if method == *sotw {
            open::<DiscoveryRequest>(&self.server, *service, Variant::Sotw, request)
        } else if method == *delta {
            open::<DeltaDiscoveryRequest>(&self.server, *service, Variant::Delta, request)
        } else {
            Err(Status::unimplemented(format!(
                "{method:?} is not served; use {sotw} or {delta}"
            )))
        }
    }
}

impl TowerService<HttpRequest<Body>> for Discovery {
    type Response = HttpResponse<Body>;
    type Error = Infallible;
    type Future = Ready<Result<Self::Response, Infallible>>;

    fn poll_ready(&mut self, _: &mut Context<'_>) -> Poll<Result<(), Infallible>> {
        Poll::Ready(Ok(()))
    }

    fn call(&mut self, request: HttpRequest<Body>) -> Self::Future {
        ready(Ok(self.route(request).unwrap_or_else(Status::into_http)))
    }
}

/// Starts a stream's task and hands its body to the connection.
fn open<M>(
    server: &XdsServer,
    service: Service,
    variant: Variant,
    request: HttpRequest<Body>,
) -> Result<HttpResponse<Body>, Status>
where
    M: Message + Default + Into<Request> + Send + 'static,
{
    check_headers(&request)?;
    let shared = &server.shared;
    if *shared.closing.borrow() {
        return Err(Status::unavailable("the server is shutting down"));
    }
    if shared.views.borrow().is_none() {
        return Err(Status::unavailable(
            "no revision is loaded yet; try again in a moment",
        ));
    }
    let id = server.stream_id();
    if !shared.registry.admit(id) {
        return Err(Status::new(
            Code::ResourceExhausted,
            format!(
                "{} streams are open, which is the most this server accepts",
                shared.settings.streams
            ),
        ));
    }
    let peer = peer(&request);
    let decoder = ProstDecoder::<M>::new(BufferSettings::new(READ_BUFFER, READ_BUFFER));
    let size = Some(shared.settings.request_size);
    let requests = Streaming::new_request(decoder, request.into_body(), None, size);

    let (messages, receiver) = mpsc::channel(QUEUE);
    let now = portway_shared::clock::now();
    let stream = Stream::new(id, service, variant, server.limits.clone(), now);
    let task = Task::new(shared.clone(), stream, peer, messages);
    tokio::spawn(task.run(requests));

    let mut response = HttpResponse::new(Body::new(StreamBody::new(receiver)));
    let grpc = http::HeaderValue::from_static("application/grpc");
    response.headers_mut().insert(header::CONTENT_TYPE, grpc);
    Ok(response)
}

fn check_headers(request: &HttpRequest<Body>) -> Result<(), Status> {
    let text = |name: &str| {
        let value = request.headers().get(name);
        value.map(|v| String::from_utf8_lossy(v.as_bytes()).into_owned())
    };
    let content_type = text("content-type").unwrap_or_default();
    if !content_type.starts_with("application/grpc") {
        return Err(Status::invalid_argument(format!(
            "the content type is {content_type:?}; this is a gRPC service, so send application/grpc"
        )));
    }
    match text("grpc-encoding") {
        Some(encoding) if encoding != "identity" => Err(Status::unimplemented(format!(
            "requests compressed with {encoding:?} are not read; send them uncompressed"
        ))),
        _ => Ok(()),
    }
}

fn peer(request: &HttpRequest<Body>) -> Option<std::net::SocketAddr> {
    let extensions = request.extensions();
    let plain = extensions.get::<TcpConnectInfo>();
    let tls = extensions.get::<TlsConnectInfo<TcpConnectInfo>>();
    plain.or(tls.map(|tls| tls.get_ref()))?.remote_addr()
}
