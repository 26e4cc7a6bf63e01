//! The HTTP/1 codec, towards clients and towards upstreams.

mod answers;
mod framing;
mod heads;
mod streaming;

/// A cluster whose connections carry trailers.
pub const WITH_TRAILERS: &str = r#"
type: STATIC
connect_timeout: 2s
load_assignment: {cluster_name: c, endpoints: [{lb_endpoints: [{endpoint: {address: {socket_address: {address: 127.0.0.1, port_value: @up:port}}}}]}]}
typed_extension_protocol_options:
  envoy.extensions.upstreams.http.v3.HttpProtocolOptions:
    "@type": type.googleapis.com/envoy.extensions.upstreams.http.v3.HttpProtocolOptions
    explicit_http_config: {http_protocol_options: {enable_trailers: true}}
"#;
