//! Good bootstraps, one value a line, so that one line can be made bad at a time.

/// Name and text of each base.
pub const BASES: [(&str, &str); 5] = [
    ("minimal", MINIMAL),
    ("routes", ROUTES),
    ("manager", MANAGER),
    ("clusters", CLUSTERS),
    ("dynamic", DYNAMIC),
];

const MINIMAL: &str = r#"
admin:
  address:
    socket_address:
      address: 127.0.0.1
      port_value: 9901
static_resources:
  listeners:
  - name: listener
    address:
      socket_address:
        address: 127.0.0.1
        port_value: 10000
    filter_chains:
    - filters:
      - name: envoy.filters.network.http_connection_manager
        typed_config:
          "@type": type.googleapis.com/envoy.extensions.filters.network.http_connection_manager.v3.HttpConnectionManager
          stat_prefix: ingress
          route_config:
            name: local
            virtual_hosts:
            - name: all
              domains: ["*"]
              routes:
              - match:
                  prefix: "/"
                route:
                  cluster: origin
          http_filters:
          - name: envoy.filters.http.router
            typed_config:
              "@type": type.googleapis.com/envoy.extensions.filters.http.router.v3.Router
  clusters:
  - name: origin
    type: STATIC
    connect_timeout: 1s
    load_assignment:
      cluster_name: origin
      endpoints:
      - lb_endpoints:
        - endpoint:
            address:
              socket_address:
                address: 127.0.0.1
                port_value: 8080
"#;

const ROUTES: &str = r#"
static_resources:
  listeners:
  - name: listener
    address: {socket_address: {address: 127.0.0.1, port_value: 10000}}
    filter_chains:
    - filters:
      - name: envoy.filters.network.http_connection_manager
        typed_config:
          "@type": type.googleapis.com/envoy.extensions.filters.network.http_connection_manager.v3.HttpConnectionManager
          stat_prefix: ingress
          http_filters:
          - name: envoy.filters.http.router
            typed_config: {"@type": type.googleapis.com/envoy.extensions.filters.http.router.v3.Router}
          route_config:
            name: local
            request_headers_to_remove: [x-gone]
            virtual_hosts:
            - name: first
              domains:
              - www.example
              - "*.example"
              routes:
              - name: exact
                match:
                  path: "/exact"
                  case_sensitive: false
                direct_response:
                  status: 200
                  body:
                    inline_string: hello
              - match:
                  path_separated_prefix: "/separated"
                redirect:
                  host_redirect: other.example
                  port_redirect: 8443
                  https_redirect: true
                  path_redirect: "/new"
                  response_code: FOUND
                  strip_query: true
              - match:
                  safe_regex:
                    regex: "/re/[0-9]+"
                route:
                  cluster: origin
                  timeout: 2.5s
              - match:
                  prefix: "/conditions"
                  headers:
                  - name: x-a
                    string_match:
                      exact: one
                    invert_match: true
                  - name: x-b
                    range_match:
                      start: 1
                      end: 10
                  - name: x-c
                    present_match: true
                  query_parameters:
                  - name: q
                    string_match:
                      prefix: a
                route:
                  cluster: origin
                  prefix_rewrite: "/rewritten"
              - match:
                  prefix: "/"
                route:
                  weighted_clusters:
                    clusters:
                    - name: origin
                      weight: 90
                    - name: other
                      weight: 10
                request_headers_to_add:
                - header:
                    key: x-added
                    value: "%PROTOCOL%"
                  append_action: OVERWRITE_IF_EXISTS_OR_ADD
                response_headers_to_remove:
                - x-secret
            - name: second
              domains: ["*"]
              routes:
              - match: {prefix: "/"}
                route: {cluster: other}
  clusters:
  - name: origin
    load_assignment: {cluster_name: origin, endpoints: [{lb_endpoints: [{endpoint: {address: {socket_address: {address: 127.0.0.1, port_value: 8080}}}}]}]}
  - name: other
    load_assignment: {cluster_name: other, endpoints: [{lb_endpoints: [{endpoint: {address: {socket_address: {address: 127.0.0.1, port_value: 8081}}}}]}]}
"#;

const MANAGER: &str = r#"
static_resources:
  listeners:
  - name: listener
    address: {socket_address: {address: 127.0.0.1, port_value: 10000}}
    filter_chains:
    - filters:
      - name: envoy.filters.network.http_connection_manager
        typed_config:
          "@type": type.googleapis.com/envoy.extensions.filters.network.http_connection_manager.v3.HttpConnectionManager
          codec_type: HTTP1
          stat_prefix: ingress
          server_name: gateway
          generate_request_id: true
          always_set_request_id_in_response: true
          preserve_external_request_id: false
          stream_idle_timeout: 60s
          request_timeout: 30s
          request_headers_timeout: 10s
          max_request_headers_kb: 32
          common_http_protocol_options:
            idle_timeout: 300s
            max_headers_count: 50
          http_protocol_options:
            accept_http_10: true
            default_host_for_http_10: default.example
            enable_trailers: true
          access_log:
          - name: envoy.access_loggers.file
            typed_config:
              "@type": type.googleapis.com/envoy.extensions.access_loggers.file.v3.FileAccessLog
              path: /dev/null
              log_format:
                text_format_source:
                  inline_string: "%REQ(:METHOD)% %RESPONSE_CODE% %DURATION%\n"
                omit_empty_values: true
          - name: envoy.access_loggers.file
            typed_config:
              "@type": type.googleapis.com/envoy.extensions.access_loggers.file.v3.FileAccessLog
              path: /dev/null
              log_format:
                json_format:
                  status: "%RESPONSE_CODE%"
                  inner:
                    path: "%REQ(:PATH):20%"
          http_filters:
          - name: envoy.filters.http.header_mutation
            typed_config:
              "@type": type.googleapis.com/envoy.extensions.filters.http.header_mutation.v3.HeaderMutation
              mutations:
                request_mutations:
                - remove: x-gone
                - append:
                    header:
                      key: x-added
                      value: one
                    append_action: ADD_IF_ABSENT
                response_mutations:
                - append:
                    header:
                      key: x-status
                      value: "%RESPONSE_CODE%"
          - name: envoy.filters.http.router
            typed_config:
              "@type": type.googleapis.com/envoy.extensions.filters.http.router.v3.Router
              suppress_envoy_headers: true
          route_config:
            virtual_hosts:
            - name: all
              domains: ["*"]
              routes:
              - match: {prefix: "/"}
                direct_response: {status: 200}
                typed_per_filter_config:
                  envoy.filters.http.header_mutation:
                    "@type": type.googleapis.com/envoy.extensions.filters.http.header_mutation.v3.HeaderMutationPerRoute
                    mutations:
                      request_mutations:
                      - remove: x-a
"#;

const CLUSTERS: &str = r#"
node:
  id: node-1
  cluster: gateways
  locality:
    region: eu
    zone: eu-1
  metadata:
    key: value
    number: 1
static_resources:
  clusters:
  - name: static
    type: STATIC
    lb_policy: ROUND_ROBIN
    connect_timeout: 0.25s
    alt_stat_name: renamed
    load_assignment:
      cluster_name: static
      endpoints:
      - lb_endpoints:
        - endpoint:
            address:
              socket_address:
                address: 127.0.0.1
                port_value: 8080
                protocol: TCP
        - endpoint:
            address:
              socket_address:
                address: "::1"
                port_value: 8081
  - name: dns
    type: STRICT_DNS
    dns_lookup_family: V4_ONLY
    dns_refresh_rate: 5s
    respect_dns_ttl: false
    connect_timeout: 1s
    load_assignment:
      cluster_name: dns
      endpoints:
      - lb_endpoints:
        - endpoint:
            address:
              socket_address:
                address: localhost
                port_value: 80
"#;

const DYNAMIC: &str = r#"
node:
  id: node-1
  cluster: gateways
dynamic_resources:
  ads_config:
    api_type: DELTA_GRPC
    transport_api_version: V3
    set_node_on_first_message_only: true
    grpc_services:
    - envoy_grpc:
        cluster_name: control
      timeout: 5s
  cds_config:
    resource_api_version: V3
    initial_fetch_timeout: 1s
    ads: {}
  lds_config:
    resource_api_version: V3
    initial_fetch_timeout: 1s
    ads: {}
static_resources:
  clusters:
  - name: control
    type: STATIC
    connect_timeout: 1s
    typed_extension_protocol_options:
      envoy.extensions.upstreams.http.v3.HttpProtocolOptions:
        "@type": type.googleapis.com/envoy.extensions.upstreams.http.v3.HttpProtocolOptions
        explicit_http_config:
          http2_protocol_options: {}
    load_assignment:
      cluster_name: control
      endpoints:
      - lb_endpoints:
        - endpoint:
            address:
              socket_address:
                address: 127.0.0.1
                port_value: 18000
"#;
