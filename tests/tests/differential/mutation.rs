//! The header_mutation filter, on the listener and per route.

use portway_tests::differential::{Case, Table, case, run};

#[test]
fn mutation() {
    run(&Table {
        name: "mutation",
        cases: cases(),
    });
}

/// The filter with these mutations, as a list of one.
fn filter(mutations: &str) -> String {
    format!(
        "- name: envoy.filters.http.header_mutation
  typed_config:
    \"@type\": type.googleapis.com/envoy.extensions.filters.http.header_mutation.v3.HeaderMutation
    mutations:
{}",
        mutations
            .lines()
            .filter(|line| !line.trim().is_empty())
            .map(|line| format!("      {}\n", line.trim_start_matches("                ")))
            .collect::<String>()
    )
}

fn cases() -> Vec<Case> {
    let answer = "HTTP/1.1 200 OK\r\nx-old: upstream\r\nx-gone: 1\r\ncontent-length: 0\r\n\r\n";
    vec![
        case("request_and_response")
            .filters(&filter(
                r#"
                request_mutations:
                - remove: x-gone
                - append: {header: {key: x-a, value: added}}
                response_mutations:
                - remove: x-gone
                - append: {header: {key: x-old, value: added}}
                "#,
            ))
            .answers(&[answer])
            .get("/", "x-gone: 1\r\nx-a: client\r\n"),
        case("append_actions")
            .filters(&filter(
                r#"
                request_mutations:
                - append: {header: {key: x-append, value: new}, append_action: APPEND_IF_EXISTS_OR_ADD}
                - append: {header: {key: x-if-absent, value: new}, append_action: ADD_IF_ABSENT}
                - append: {header: {key: x-overwrite-or-add, value: new}, append_action: OVERWRITE_IF_EXISTS_OR_ADD}
                - append: {header: {key: x-overwrite, value: new}, append_action: OVERWRITE_IF_EXISTS}
                "#,
            ))
            .get("/", "")
            .get("/", "x-append: old\r\nx-if-absent: old\r\nx-overwrite-or-add: old\r\nx-overwrite: old\r\n"),
        case("mutations_run_in_order")
            .filters(&filter(
                r#"
                request_mutations:
                - append: {header: {key: x-a, value: first}}
                - remove: x-a
                - append: {header: {key: x-a, value: last}}
                - append: {header: {key: x-copy, value: "%REQ(x-a)%"}}
                "#,
            ))
            .get("/", "x-a: client\r\n"),
        case("operators_in_values")
            .filters(&filter(
                r#"
                request_mutations:
                - append: {header: {key: x-m, value: "%REQ(:METHOD)% %PROTOCOL%"}}
                - append: {header: {key: x-none, value: "%REQ(x-missing)%"}}
                response_mutations:
                - append: {header: {key: x-status, value: "%RESPONSE_CODE%"}}
                - append: {header: {key: x-from-request, value: "%REQ(x-a)%"}}
                "#,
            ))
            .get("/", "x-a: client\r\n"),
        case("local_replies_pass_the_response_mutations")
            .filters(&filter(
                r#"
                response_mutations:
                - append: {header: {key: x-a, value: added}}
                "#,
            ))
            .routes("- {match: {path: \"/a\"}, direct_response: {status: 200, body: {inline_string: x}}}")
            .get("/a", "")
            .get("/none", ""),
        case("per_route_adds_to_the_listener")
            .filters(&filter(
                r#"
                request_mutations:
                - append: {header: {key: x-a, value: listener}}
                response_mutations:
                - append: {header: {key: x-a, value: listener}}
                "#,
            ))
            .routes(
                r#"
                - match: {prefix: "/own"}
                  route: {cluster: @up}
                  typed_per_filter_config:
                    envoy.filters.http.header_mutation:
                      "@type": type.googleapis.com/envoy.extensions.filters.http.header_mutation.v3.HeaderMutationPerRoute
                      mutations:
                        request_mutations:
                        - append: {header: {key: x-a, value: route}}
                        response_mutations:
                        - append: {header: {key: x-a, value: route}}
                - match: {prefix: "/"}
                  route: {cluster: @up}
                "#,
            )
            .get("/own", "")
            .get("/", ""),
        case("per_virtual_host_and_per_route")
            .filters(&filter(
                r#"
                request_mutations:
                - append: {header: {key: x-a, value: listener}}
                "#,
            ))
            .virtual_hosts(
                r#"
- name: all
  domains: ["*"]
  typed_per_filter_config:
    envoy.filters.http.header_mutation:
      "@type": type.googleapis.com/envoy.extensions.filters.http.header_mutation.v3.HeaderMutationPerRoute
      mutations:
        request_mutations:
        - append: {header: {key: x-a, value: host}}
  routes:
  - match: {prefix: "/own"}
    route: {cluster: @up}
    typed_per_filter_config:
      envoy.filters.http.header_mutation:
        "@type": type.googleapis.com/envoy.extensions.filters.http.header_mutation.v3.HeaderMutationPerRoute
        mutations:
          request_mutations:
          - append: {header: {key: x-a, value: route}}
  - match: {prefix: "/"}
    route: {cluster: @up}
"#,
            )
            .get("/own", "")
            .get("/", ""),
        case("a_mutation_before_routing_does_not_change_the_route")
            .filters(&filter(
                r#"
                request_mutations:
                - append: {header: {key: x-tier, value: gold}, append_action: OVERWRITE_IF_EXISTS_OR_ADD}
                "#,
            ))
            .routes(
                r#"
                - {match: {prefix: "/", headers: [{name: x-tier, string_match: {exact: gold}}]}, direct_response: {status: 201}}
                - {match: {prefix: "/"}, route: {cluster: @up}}
                "#,
            )
            .get("/", "")
            .get("/", "x-tier: gold\r\n"),
        case("nothing_to_do")
            .filters(
                r#"
                - name: envoy.filters.http.header_mutation
                  typed_config:
                    "@type": type.googleapis.com/envoy.extensions.filters.http.header_mutation.v3.HeaderMutation
                "#,
            )
            .get("/", "x-a: kept\r\n"),
    ]
}
