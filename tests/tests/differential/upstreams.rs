//! Clusters and what can go wrong on the way to them.

use portway_tests::{
    differential::{Case, Table, case, run},
    recorder::{Act, Upstream, ok},
};

#[test]
fn upstreams() {
    run(&Table {
        name: "upstreams",
        cases: [clusters(), connecting(), timeouts()].concat(),
    });
}

/// A static cluster with the endpoints of these ports.
fn endpoints(ports: &[&str]) -> String {
    let list: Vec<String> = ports
        .iter()
        .map(|port| {
            format!(
                "{{endpoint: {{address: {{socket_address: {{address: 127.0.0.1, port_value: {port}}}}}}}}}"
            )
        })
        .collect();
    format!(
        "type: STATIC\nconnect_timeout: 1s\nload_assignment: {{cluster_name: c, endpoints: [{{lb_endpoints: [{}]}}]}}\n",
        list.join(", ")
    )
}

fn clusters() -> Vec<Case> {
    let same = || Upstream::Answers(vec![ok("same")]);
    let any_endpoint = |case: Case| {
        // Envoy begins its round anywhere, so the three give the same answer, and the log names none of them.
        case.upstream("a", same())
            .upstream("b", same())
            .upstream("c", same())
            .routes("- {match: {prefix: \"/\"}, route: {cluster: @all}}")
            .log("log_format: {text_format_source: {inline_string: \"%RESPONSE_CODE% %UPSTREAM_CLUSTER%\\n\"}}")
    };
    vec![
        (1..=9).fold(
            any_endpoint(case("round_robin_gives_each_its_turn"))
                .cluster("all", &endpoints(&["@a:port", "@b:port", "@c:port"])),
            |case, _| case.get("/", ""),
        ),
        (1..=6).fold(
            any_endpoint(case("round_robin_named"))
                .cluster(
                    "all",
                    &format!("lb_policy: ROUND_ROBIN\n{}", endpoints(&["@a:port", "@b:port", "@c:port"])),
                ),
            |case, _| case.get("/", ""),
        ),
        case("cluster_type_is_static_when_left_out")
            .cluster("up", &endpoints(&["@up:port"]).replace("type: STATIC\n", ""))
            .get("/", ""),
        case("default_connect_timeout")
            .cluster("up", &endpoints(&["@up:port"]).replace("connect_timeout: 1s\n", ""))
            .get("/", ""),
        case("strict_dns")
            .cluster(
                "up",
                "type: STRICT_DNS\ndns_lookup_family: V4_ONLY\nconnect_timeout: 1s\nload_assignment: {cluster_name: c, endpoints: [{lb_endpoints: [{endpoint: {address: {socket_address: {address: localhost, port_value: @up:port}}}}]}]}\n",
            )
            .get("/", "")
            .get("/", ""),
        case("strict_dns_with_an_address")
            .cluster(
                "up",
                "type: STRICT_DNS\nconnect_timeout: 1s\nload_assignment: {cluster_name: c, endpoints: [{lb_endpoints: [{endpoint: {address: {socket_address: {address: 127.0.0.1, port_value: @up:port}}}}]}]}\n",
            )
            .get("/", ""),
        case("a_cluster_without_endpoints")
            .cluster("up", "type: STATIC\nconnect_timeout: 1s\n")
            .get("/", "")
            .ask("HEAD", "/", "")
            .exchange("POST / HTTP/1.1\r\nhost: x\r\ncontent-length: 3\r\n\r\nabc"),
    ]
}

fn connecting() -> Vec<Case> {
    vec![
        case("connection_refused")
            .cluster("up", &endpoints(&["@dead:port"]))
            .get("/", "")
            .ask("HEAD", "/", "")
            .connect()
            .exchange("POST / HTTP/1.1\r\nhost: x\r\ncontent-length: 3\r\n\r\nabc"),
        case("one_endpoint_of_two_refuses")
            .upstream("up", Upstream::Answers(vec![ok("alive")]))
            .cluster("up", &endpoints(&["@up:port", "@dead:port"]))
            // Whose turn is first is chance: both orders come to the same lines.
            .routes("- {match: {prefix: \"/\"}, route: {cluster: @up}}")
            .log("log_format: {text_format_source: {inline_string: \"logged\\n\"}}")
            .mask(r"(?s)client connection 1.*?end: open", "<one success, one refusal>")
            .get("/", "")
            .get("/", ""),
        case("connect_timeout")
            .upstream("up", Upstream::Deaf)
            .cluster("up", &endpoints(&["@up:port"]).replace("1s", "0.3s"))
            .get("/", ""),
        case("route_timeout_while_connecting")
            .upstream("up", Upstream::Deaf)
            .routes("- {match: {prefix: \"/\"}, route: {cluster: @up, timeout: 0.3s}}")
            .cluster("up", &endpoints(&["@up:port"]).replace("1s", "20s"))
            .get("/", ""),
        case("connections_are_reused_across_clients")
            .get("/1", "")
            .connect()
            .get("/2", "")
            .connect()
            .get("/3", ""),
        case("an_upstream_that_closes_after_each_answer")
            .script(vec![Act::Request, Act::Send(ok("once")), Act::Close])
            .get("/1", "")
            .pause(300)
            .get("/2", ""),
        case("an_upstream_that_says_close")
            .answers(&["HTTP/1.1 200 OK\r\nconnection: close\r\ncontent-length: 1\r\n\r\nx"])
            .get("/1", "")
            .get("/2", ""),
    ]
}

fn timeouts() -> Vec<Case> {
    let silent = || vec![Act::Request, Act::End];
    let with_timeout = |id, timeout: &str| {
        case(id).routes(&format!(
            "- {{match: {{prefix: \"/\"}}, route: {{cluster: @up, timeout: {timeout}}}}}"
        ))
    };
    vec![
        with_timeout("no_answer_in_time", "0.3s")
            .script(silent())
            .get("/", "")
            .ask("HEAD", "/", ""),
        with_timeout("an_answer_in_time", "10s")
            .script(vec![
                Act::Request,
                Act::Pause(std::time::Duration::from_millis(200)),
                Act::Send(ok("late")),
            ])
            .get("/", ""),
        with_timeout("an_answer_that_stalls_after_its_head", "0.3s")
            .script(vec![
                Act::Request,
                Act::Send("HTTP/1.1 200 OK\r\ncontent-length: 10\r\n\r\nabc".into()),
                Act::End,
            ])
            .send("GET / HTTP/1.1\r\nhost: x\r\n\r\n")
            .response("GET")
            .end(),
        with_timeout("no_timeout", "0s").get("/", ""),
        with_timeout("milliseconds_for_the_upstream", "2.5s").get("/", ""),
        with_timeout("the_client_cannot_choose_the_timeout", "10s")
            .script(vec![
                Act::Request,
                Act::Pause(std::time::Duration::from_millis(300)),
                Act::Send(ok("late")),
            ])
            .get("/", "x-envoy-upstream-rq-timeout-ms: 50\r\n"),
        with_timeout("time_runs_from_the_end_of_the_request", "0.5s")
            .answers(&["HTTP/1.1 200 OK\r\ncontent-length: 2\r\n\r\nok"])
            .send("POST / HTTP/1.1\r\nhost: x\r\ncontent-length: 2\r\n\r\n")
            .pause(900)
            .send("ab")
            .response("POST"),
    ]
}
