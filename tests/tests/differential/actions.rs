//! What a route does: redirect, answer by itself, rewrite, change headers, choose among clusters.

use portway_tests::{
    differential::{Case, Table, case, run},
    recorder::Upstream,
};

#[test]
fn redirects() {
    run(&Table {
        name: "redirects",
        cases: redirect_cases(),
    });
}

#[test]
fn actions() {
    run(&Table {
        name: "actions",
        cases: [direct_responses(), rewrites(), weights()].concat(),
    });
}

#[test]
fn headers() {
    run(&Table {
        name: "headers",
        cases: header_cases(),
    });
}

fn redirect(id: &'static str, fields: &str) -> Case {
    case(id).routes(&format!(
        "- {{match: {{prefix: \"/a\"}}, redirect: {{{fields}}}}}"
    ))
}

fn redirect_cases() -> Vec<Case> {
    vec![
        redirect("https", "https_redirect: true")
            .get("/a?q=1", "")
            .exchange("GET /a HTTP/1.1\r\nhost: test.example:80\r\n\r\n")
            .exchange("GET /a HTTP/1.1\r\nhost: test.example:443\r\n\r\n")
            .exchange("GET /a HTTP/1.1\r\nhost: test.example:8080\r\n\r\n")
            .exchange("GET /a HTTP/1.1\r\nhost: [::1]:80\r\n\r\n")
            .ask("HEAD", "/a", "")
            .get("/b", ""),
        redirect("https_with_forwarded_proto", "https_redirect: true")
            .get("/a", "x-forwarded-proto: https\r\n"),
        redirect("scheme", "scheme_redirect: ftp").get("/a", ""),
        redirect("host", "host_redirect: other.example")
            .get("/a/b?q=1", "")
            .exchange("GET /a HTTP/1.1\r\nhost: test.example:8080\r\n\r\n"),
        redirect("host_with_port", "host_redirect: \"other.example:81\"").get("/a", ""),
        redirect("port", "port_redirect: 8443")
            .get("/a", "")
            .exchange("GET /a HTTP/1.1\r\nhost: test.example:80\r\n\r\n"),
        redirect("https_and_port", "https_redirect: true, port_redirect: 443").get("/a", ""),
        redirect("https_and_other_port", "https_redirect: true, port_redirect: 8443")
            .exchange("GET /a HTTP/1.1\r\nhost: test.example:80\r\n\r\n"),
        redirect("port_80_on_http", "port_redirect: 80, host_redirect: x").get("/a", ""),
        redirect("path", "path_redirect: \"/new\"").get("/a/b?q=1", ""),
        redirect("path_with_query", "path_redirect: \"/new?x=y\"")
            .get("/a/b?q=1", "")
            .get("/a", ""),
        redirect("path_without_query", "path_redirect: \"/new\", strip_query: true")
            .get("/a/b?q=1", ""),
        redirect("prefix", "prefix_rewrite: \"/z\"")
            .get("/a", "")
            .get("/a/b?q=1", "")
            .get("/ab", ""),
        redirect("prefix_without_query", "prefix_rewrite: \"/\", strip_query: true")
            .get("/a/b?q=1", ""),
        redirect("strip_query", "host_redirect: x, strip_query: true").get("/a?q", ""),
        redirect("found", "path_redirect: \"/n\", response_code: FOUND").get("/a", ""),
        redirect("see_other", "path_redirect: \"/n\", response_code: SEE_OTHER").get("/a", ""),
        redirect(
            "temporary",
            "path_redirect: \"/n\", response_code: TEMPORARY_REDIRECT",
        )
        .get("/a", ""),
        redirect(
            "permanent",
            "path_redirect: \"/n\", response_code: PERMANENT_REDIRECT",
        )
        .get("/a", ""),
        redirect("all_at_once", "scheme_redirect: https, host_redirect: h.example, port_redirect: 444, prefix_rewrite: \"/p\", response_code: FOUND, strip_query: true")
            .get("/a/b?c", ""),
        redirect("request_with_body", "path_redirect: \"/n\"")
            .exchange("POST /a HTTP/1.1\r\nhost: x\r\ncontent-length: 3\r\n\r\nabc"),
        redirect("odd_characters_stay", "host_redirect: h").get("/a%20b/%2e%2e/\"<>?\"<>", ""),
        case("exact_and_regex_prefix_rewrite")
            .routes(
                r#"
                - {match: {path: "/exact"}, redirect: {prefix_rewrite: "/z"}}
                - {match: {path_separated_prefix: "/sep"}, redirect: {prefix_rewrite: "/z"}}
                - {match: {prefix: "/Ci", case_sensitive: false}, redirect: {prefix_rewrite: "/z"}}
                - {match: {safe_regex: {regex: "/re/[0-9]+"}}, redirect: {path_redirect: "/z"}}
                "#,
            )
            .get("/exact?q", "")
            .get("/sep/a", "")
            .get("/cI/a", "")
            .get("/re/1?q", ""),
        case("response_headers_are_added_to_redirects")
            .routes(
                r#"
                - match: {prefix: "/"}
                  redirect: {path_redirect: "/n"}
                  response_headers_to_add: [{header: {key: x-r, value: "1"}}]
                  response_headers_to_remove: [location]
                "#,
            )
            .get("/", ""),
    ]
}

fn direct_responses() -> Vec<Case> {
    vec![
        case("direct_response")
            .routes(
                r#"
                - {match: {path: "/text"}, direct_response: {status: 200, body: {inline_string: "hello\n"}}}
                - {match: {path: "/bytes"}, direct_response: {status: 203, body: {inline_bytes: "AAH/"}}}
                - {match: {path: "/empty"}, direct_response: {status: 404}}
                - {match: {path: "/nothing"}, direct_response: {status: 204}}
                - {match: {path: "/odd"}, direct_response: {status: 599, body: {inline_string: x}}}
                - {match: {path: "/not-modified"}, direct_response: {status: 304}}
                "#,
            )
            .get("/text", "")
            .ask("HEAD", "/text", "")
            .get("/bytes", "")
            .get("/empty", "")
            .get("/nothing", "")
            .get("/odd", "")
            .get("/not-modified", "")
            .get("/none", ""),
        case("direct_response_to_a_request_with_body")
            .routes(r#"- {match: {prefix: "/"}, direct_response: {status: 200, body: {inline_string: denied}}}"#)
            .exchange("POST / HTTP/1.1\r\nhost: x\r\ncontent-length: 3\r\n\r\nabc")
            .connect()
            .exchange("POST / HTTP/1.1\r\nhost: x\r\ntransfer-encoding: chunked\r\n\r\n3\r\nabc\r\n0\r\n\r\n"),
        case("direct_response_headers")
            .routes(
                r#"
                - match: {prefix: "/"}
                  direct_response: {status: 200, body: {inline_string: "{}"}}
                  response_headers_to_add:
                  - {header: {key: content-type, value: application/json}, append_action: OVERWRITE_IF_EXISTS_OR_ADD}
                  - {header: {key: x-a, value: "%REQ(x-b)%"}}
                "#,
            )
            .get("/", "x-b: from request\r\n"),
        case("route_names_are_logged")
            .routes(
                r#"
                - {name: first, match: {path: "/a"}, direct_response: {status: 200}}
                - {name: second, match: {prefix: "/"}, route: {cluster: @up}}
                "#,
            )
            .get("/a", "")
            .get("/b", ""),
    ]
}

fn rewrites() -> Vec<Case> {
    vec![
        case("prefix_rewrite")
            .routes(
                r#"
                - {match: {prefix: "/api/"}, route: {cluster: @up, prefix_rewrite: "/"}}
                - {match: {prefix: "/v1"}, route: {cluster: @up, prefix_rewrite: "/v2"}}
                - {match: {path: "/exact"}, route: {cluster: @up, prefix_rewrite: "/other"}}
                - {match: {path_separated_prefix: "/sep"}, route: {cluster: @up, prefix_rewrite: "/x"}}
                - {match: {prefix: "/Ci", case_sensitive: false}, route: {cluster: @up, prefix_rewrite: "/y"}}
                - {match: {prefix: "/q"}, route: {cluster: @up, prefix_rewrite: "/q?a=b"}}
                "#,
            )
            .get("/api/users?id=1", "")
            .get("/api/", "")
            .get("/v1", "")
            .get("/v11/x", "")
            .get("/exact?q", "")
            .get("/sep", "")
            .get("/sep/a", "")
            .get("/cI/b", "")
            .get("/q/c?d", "")
            .get("/none", ""),
        case("prefix_rewrite_of_dot_segments")
            .routes(r#"- {match: {prefix: "/api"}, route: {cluster: @up, prefix_rewrite: "/"}}"#)
            .get("/api/x", "")
            .get("/api../x", "")
            .get("/api", "")
            .get("/api//x", ""),
        case("regex_prefix_rewrite")
            .routes(r#"- {match: {safe_regex: {regex: "/a/[0-9]+"}}, route: {cluster: @up, prefix_rewrite: "/b"}}"#)
            .get("/a/12?x", ""),
    ]
}

fn weights() -> Vec<Case> {
    vec![
        case("weights_of_all_or_nothing")
            .upstreams(&["a", "b"])
            .routes(
                r#"
                - match: {prefix: "/"}
                  route:
                    weighted_clusters:
                      clusters:
                      - {name: @a, weight: 0}
                      - {name: @b, weight: 7}
                "#,
            )
            .get("/1", "")
            .get("/2", "")
            .get("/3", ""),
        case("one_weighted_cluster")
            .routes(
                r#"
                - match: {prefix: "/"}
                  route:
                    prefix_rewrite: "/p"
                    weighted_clusters: {clusters: [{name: @up, weight: 100}]}
                "#,
            )
            .get("/1", ""),
        case("weighted_clusters_change_headers")
            .routes(
                r#"
                - match: {prefix: "/"}
                  route:
                    weighted_clusters:
                      clusters:
                      - name: @up
                        weight: 1
                        request_headers_to_add: [{header: {key: x-q, value: cluster}}]
                        request_headers_to_remove: [x-gone]
                        response_headers_to_add: [{header: {key: x-p, value: cluster}}]
                        response_headers_to_remove: [x-secret]
                  request_headers_to_add: [{header: {key: x-q, value: route}}]
                  response_headers_to_add: [{header: {key: x-p, value: route}}]
                "#,
            )
            .answers(&["HTTP/1.1 200 OK\r\nx-secret: 1\r\ncontent-length: 0\r\n\r\n"])
            .get("/", "x-gone: 1\r\n"),
        case("a_cluster_that_does_not_exist")
            .route_config(
                r#"
                validate_clusters: false
                virtual_hosts:
                - name: all
                  domains: ["*"]
                  routes:
                  - {match: {path: "/a"}, route: {cluster: missing}}
                  - {match: {path: "/b"}, route: {cluster: missing, cluster_not_found_response_code: NOT_FOUND}}
                  - {match: {prefix: "/"}, route: {cluster: @up}}
                "#,
            )
            .get("/a", "")
            .get("/b", "")
            .get("/c", ""),
    ]
}

fn header_cases() -> Vec<Case> {
    let echo = "HTTP/1.1 200 OK\r\nx-old: from upstream\r\nx-twice: 1\r\nx-twice: 2\r\ncontent-length: 0\r\n\r\n";
    vec![
        case("request_headers_append_actions")
            .routes(
                r#"
                - match: {prefix: "/"}
                  route: {cluster: @up}
                  request_headers_to_add:
                  - {header: {key: x-default, value: new}}
                  - {header: {key: x-append, value: new}, append_action: APPEND_IF_EXISTS_OR_ADD}
                  - {header: {key: x-if-absent, value: new}, append_action: ADD_IF_ABSENT}
                  - {header: {key: x-overwrite-or-add, value: new}, append_action: OVERWRITE_IF_EXISTS_OR_ADD}
                  - {header: {key: x-overwrite, value: new}, append_action: OVERWRITE_IF_EXISTS}
                "#,
            )
            .get("/", "")
            .get("/", "x-default: old\r\nx-append: old\r\nx-if-absent: old\r\nx-overwrite-or-add: old\r\nx-overwrite: old\r\n")
            .get("/", "X-Overwrite: 1\r\nx-overwrite: 2\r\nx-overwrite-or-add: 1\r\nx-overwrite-or-add: 2\r\n"),
        case("response_headers_append_actions")
            .routes(
                r#"
                - match: {prefix: "/"}
                  route: {cluster: @up}
                  response_headers_to_add:
                  - {header: {key: x-old, value: appended}}
                  - {header: {key: x-new, value: new}, append_action: ADD_IF_ABSENT}
                  - {header: {key: x-twice, value: once}, append_action: OVERWRITE_IF_EXISTS_OR_ADD}
                  - {header: {key: x-none, value: never}, append_action: OVERWRITE_IF_EXISTS}
                "#,
            )
            .answers(&[echo])
            .get("/", ""),
        case("headers_are_removed")
            .routes(
                r#"
                - match: {prefix: "/"}
                  route: {cluster: @up}
                  request_headers_to_remove: [x-gone, X-Also-Gone, user-agent]
                  response_headers_to_remove: [x-twice, server, X-OLD]
                "#,
            )
            .answers(&[echo])
            .get("/", "x-gone: 1\r\nx-gone: 2\r\nX-ALSO-GONE: 3\r\nuser-agent: u\r\nx-kept: 4\r\n"),
        case("removed_and_added_at_once")
            .routes(
                r#"
                - match: {prefix: "/"}
                  route: {cluster: @up}
                  request_headers_to_add: [{header: {key: x-a, value: new}}]
                  request_headers_to_remove: [x-a]
                  response_headers_to_add: [{header: {key: x-old, value: new}}]
                  response_headers_to_remove: [x-old]
                "#,
            )
            .answers(&[echo])
            .get("/", "x-a: old\r\n"),
        case("all_levels_from_route_to_configuration")
            .route_config(
                r#"
                request_headers_to_add: [{header: {key: x-l, value: configuration}}]
                response_headers_to_add: [{header: {key: x-l, value: configuration}}]
                request_headers_to_remove: [x-gone-c]
                virtual_hosts:
                - name: all
                  domains: ["*"]
                  request_headers_to_add: [{header: {key: x-l, value: host}}]
                  response_headers_to_add: [{header: {key: x-l, value: host}}]
                  request_headers_to_remove: [x-gone-h]
                  routes:
                  - match: {prefix: "/"}
                    route: {cluster: @up}
                    request_headers_to_add: [{header: {key: x-l, value: route}}]
                    response_headers_to_add: [{header: {key: x-l, value: route}}]
                    request_headers_to_remove: [x-gone-r]
                "#,
            )
            .get("/", "x-gone-c: 1\r\nx-gone-h: 1\r\nx-gone-r: 1\r\nx-l: client\r\n"),
        case("most_specific_wins")
            .route_config(
                r#"
                most_specific_header_mutations_wins: true
                request_headers_to_add: [{header: {key: x-l, value: configuration}, append_action: OVERWRITE_IF_EXISTS_OR_ADD}]
                virtual_hosts:
                - name: all
                  domains: ["*"]
                  routes:
                  - match: {prefix: "/"}
                    route: {cluster: @up}
                    request_headers_to_add: [{header: {key: x-l, value: route}, append_action: OVERWRITE_IF_EXISTS_OR_ADD}]
                "#,
            )
            .get("/", ""),
        case("values_with_operators")
            .routes(
                r#"
                - match: {prefix: "/"}
                  route: {cluster: @up}
                  request_headers_to_add:
                  - {header: {key: x-method, value: "%REQ(:METHOD)% %PROTOCOL%"}}
                  - {header: {key: x-client, value: "%DOWNSTREAM_REMOTE_ADDRESS_WITHOUT_PORT%"}}
                  - {header: {key: x-missing, value: "%REQ(x-none)%"}}
                  - {header: {key: x-percent, value: "100%%"}}
                  - {header: {key: x-from, value: "<%REQ(x-a)%>"}}
                  response_headers_to_add:
                  - {header: {key: x-status, value: "%RESPONSE_CODE%"}}
                  - {header: {key: x-up, value: "%UPSTREAM_CLUSTER%"}}
                  - {header: {key: x-old-copy, value: "%RESP(x-old)%"}}
                "#,
            )
            .answers(&[echo])
            .get("/", "x-a: value\r\n"),
        case("empty_values")
            .routes(
                r#"
                - match: {prefix: "/"}
                  route: {cluster: @up}
                  request_headers_to_add:
                  - {header: {key: x-empty, value: ""}}
                  - {header: {key: x-kept, value: ""}, keep_empty_value: true}
                  - {header: {key: x-missing-kept, value: "%REQ(x-none)%"}, keep_empty_value: true}
                "#,
            )
            .get("/", ""),
        case("local_replies_have_response_headers_too")
            .routes(
                r#"
                - match: {path: "/a"}
                  route: {cluster: @dead}
                  response_headers_to_add: [{header: {key: x-r, value: route}}]
                "#,
            )
            .cluster("dead", "type: STATIC\nconnect_timeout: 1s\nload_assignment: {cluster_name: d, endpoints: [{lb_endpoints: [{endpoint: {address: {socket_address: {address: 127.0.0.1, port_value: @dead:port}}}}]}]}\n")
            .get("/a", "")
            .get("/b", ""),
        case("hop_by_hop_request_headers")
            .get("/1", "connection: x-gone\r\nx-gone: 1\r\n")
            .get("/2", "keep-alive: timeout=5\r\nproxy-connection: keep-alive\r\n")
            .get("/3", "te: trailers\r\n")
            .get("/4", "te: gzip\r\n")
            .get("/5", "proxy-authorization: basic x\r\ntrailer: x-t\r\n")
            .get("/6", "connection: keep-alive, te\r\nte: trailers\r\n"),
        case("forwarded_and_internal_headers_from_outside")
            .get("/1", "x-forwarded-for: 1.2.3.4\r\nx-forwarded-proto: https\r\nx-forwarded-host: h\r\n")
            .get("/2", "x-envoy-upstream-rq-timeout-ms: 100\r\nx-envoy-retry-on: 5xx\r\nx-envoy-max-retries: 2\r\n")
            .get("/3", "x-envoy-internal: true\r\nx-envoy-original-path: /x\r\nx-envoy-decorator-operation: op\r\n")
            .get("/4", "x-forwarded-proto: gopher\r\n")
            .get("/5", "x-envoy-expected-rq-timeout-ms: 7\r\nx-envoy-attempt-count: 3\r\n"),
        case("header_values_and_names_as_sent")
            .get("/1", "X-Mixed-Case: Value\r\nx-space:   a  b   \r\nx-empty:\r\nx-tab:\ta\tb\t\r\n")
            .get("/2", "x_under_score: 1\r\nx.dot: 2\r\nx!#$&'*+^`|~: 3\r\n")
            .get("/3", "x-high: \u{e9}\u{20ac}\r\n")
            .get("/4", "cookie: a=1\r\ncookie: b=2\r\naccept: x\r\naccept: y\r\n"),
        case("router_without_envoy_headers")
            .router("suppress_envoy_headers: true")
            .manager("generate_request_id: false")
            .upstream("up", Upstream::Answers(vec![echo.into()]))
            .get("/", ""),
    ]
}
