//! Access log lines and request ids.

use portway_tests::{
    differential::{Case, Table, case, run},
    recorder::Act,
};

#[test]
fn logs() {
    run(&Table {
        name: "logs",
        cases: [texts(), json(), request_ids()].concat(),
    });
}

fn text(id: &'static str, format: &str) -> Case {
    let quoted = format.replace('\\', "\\\\").replace('"', "\\\"");
    case(id).log(&format!(
        "log_format: {{text_format_source: {{inline_string: \"{quoted}\\n\"}}}}"
    ))
}

const UP: &str = "HTTP/1.1 200 OK\r\nx-up: from upstream\r\ncontent-length: 5\r\n\r\nhello";

fn texts() -> Vec<Case> {
    vec![
        case("default_format")
            .log("")
            .answers(&[UP])
            // DURATION and the upstream's service time.
            .mask(r#"(?m)( \d+ \d+) \d+ (\d+|-) ""#, "$1 <ms> <ms> \"")
            .get("/a?b=c", "user-agent: test/1\r\nx-forwarded-for: 1.2.3.4\r\n")
            .get("/none\"quoted", ""),
        case("default_format_for_local_replies")
            .log("")
            .routes("- {match: {path: \"/a\"}, direct_response: {status: 200, body: {inline_string: abc}}}")
            .mask(r#"(?m)( \d+ \d+) \d+ (\d+|-) ""#, "$1 <ms> <ms> \"")
            .get("/a", "")
            .get("/b", "")
            .connect()
            .exchange("bad\r\n\r\n"),
        text("request_operators", "%REQ(:METHOD)% %REQ(:PATH)% %REQ(:AUTHORITY)% %REQ(:SCHEME)% %REQ(X-A)% %REQ(x-none?x-a)% %REQ(x-a):3% %REQ(x-none)% %REQ(X-ENVOY-ORIGINAL-PATH?:PATH)%")
            .routes("- {match: {prefix: \"/api\"}, route: {cluster: @up, prefix_rewrite: \"/\"}}")
            .get("/api/x", "x-a: abcdef\r\n")
            .get("/api/x", "x-a: one\r\nx-a: two\r\n")
            .get("/none", ""),
        text("response_operators", "%RESPONSE_CODE% %RESPONSE_CODE_DETAILS% %RESPONSE_FLAGS% %RESPONSE_FLAGS_LONG% %RESP(X-UP)% %RESP(x-none?x-up):4% %RESP(content-length)% %RESP(server)%")
            .answers(&[UP])
            .get("/", ""),
        text("trailer_operators", "%TRAILER(x-t)% %TRAILER(x-none)%")
            .manager("http_protocol_options: {enable_trailers: true}")
            .cluster("up", super::http1::WITH_TRAILERS)
            .answers(&["HTTP/1.1 200 OK\r\ntransfer-encoding: chunked\r\n\r\n2\r\nok\r\n0\r\nx-t: trailing\r\n\r\n"])
            .get("/", ""),
        text("bytes", "%BYTES_RECEIVED% %BYTES_SENT%")
            .answers(&[UP])
            .exchange("POST / HTTP/1.1\r\nhost: x\r\ncontent-length: 4\r\n\r\nabcd")
            .exchange("POST / HTTP/1.1\r\nhost: x\r\ntransfer-encoding: chunked\r\n\r\n3\r\nabc\r\n2\r\nde\r\n0\r\n\r\n")
            .ask("HEAD", "/", ""),
        text("addresses", "%DOWNSTREAM_REMOTE_ADDRESS% %DOWNSTREAM_REMOTE_ADDRESS_WITHOUT_PORT% %DOWNSTREAM_DIRECT_REMOTE_ADDRESS% %DOWNSTREAM_LOCAL_ADDRESS% %DOWNSTREAM_LOCAL_ADDRESS_WITHOUT_PORT% %DOWNSTREAM_LOCAL_PORT% %UPSTREAM_HOST% %UPSTREAM_LOCAL_ADDRESS% %UPSTREAM_REMOTE_ADDRESS%")
            .mask(r"127.0.0.1 \d{5} 127", "127.0.0.1 <port> 127")
            .get("/", "")
            .get("/", "x-forwarded-for: 9.9.9.9\r\n"),
        text("names", "%UPSTREAM_CLUSTER% %ROUTE_NAME% %PROTOCOL% %UPSTREAM_PROTOCOL%")
            .routes("- {name: the-route, match: {path: \"/\"}, route: {cluster: @up}}")
            .get("/", "")
            .get("/none", ""),
        text("percent_and_plain_text", "100%% \"quoted\" \\ %PROTOCOL%%PROTOCOL%").get("/", ""),
        text("start_time", "%START_TIME% %START_TIME(%Y)% %START_TIME(%s)% %START_TIME(%Y-%m-%dT%H:%M:%S.%3fZ)%")
            .mask(r" 2\d{3} \d{10} ", " <year> <seconds> ")
            .get("/", ""),
        text("durations", "a=%DURATION% b=%REQUEST_DURATION% c=%RESPONSE_DURATION% d=%RESPONSE_TX_DURATION% e=%REQUEST_TX_DURATION%")
            .routes("- {match: {path: \"/\"}, route: {cluster: @up}}")
            .mask(r"([a-e])=\d+", "$1=<ms>")
            .get("/", "")
            .get("/none", ""),
        text("control_characters_and_quotes_as_they_came", "\"%REQ(x-a)%\"")
            .get("/", "x-a: quote\" back\\slash tab\there\r\n")
            .get("/", "x-a: \u{e9}\r\n"),
        case("omit_empty_values")
            .log("log_format: {text_format_source: {inline_string: \"[%REQ(x-none)%] [%UPSTREAM_HOST%]\\n\"}, omit_empty_values: true}")
            .routes("- {match: {path: \"/\"}, direct_response: {status: 200}}")
            .get("/", ""),
        text("flags_and_details", "%RESPONSE_CODE% %RESPONSE_FLAGS% %RESPONSE_FLAGS_LONG% %RESPONSE_CODE_DETAILS%")
            .routes(
                r#"
                - {match: {path: "/up"}, route: {cluster: @up, timeout: 0.3s}}
                - {match: {path: "/dead"}, route: {cluster: @dead}}
                - {match: {path: "/empty"}, route: {cluster: @empty}}
                "#,
            )
            .cluster("dead", "type: STATIC\nconnect_timeout: 1s\nload_assignment: {cluster_name: d, endpoints: [{lb_endpoints: [{endpoint: {address: {socket_address: {address: 127.0.0.1, port_value: @dead:port}}}}]}]}\n")
            .cluster("empty", "type: STATIC\n")
            .scripts(vec![
                vec![Act::Request, Act::End],
                vec![Act::Request, Act::Close],
                vec![Act::Request, Act::Reset],
                vec![Act::Request, Act::Send("nonsense\r\n\r\n".into())],
                vec![Act::Request, Act::End],
            ])
            .get("/up", "")
            .get("/up", "")
            .get("/up", "")
            .get("/up", "")
            .get("/dead", "")
            .get("/empty", "")
            .get("/none", "")
            .connect()
            .send("GET /up HTTP/1.1\r\nhost: x\r\nx-mark: departs\r\n\r\n")
            .seen("x-mark: departs")
            .close(),
    ]
}

fn json() -> Vec<Case> {
    vec![
        case("json_format")
            .log(
                r#"
                log_format:
                  json_format:
                    method: "%REQ(:METHOD)%"
                    status: "%RESPONSE_CODE%"
                    sent: "%BYTES_SENT%"
                    missing: "%REQ(x-none)%"
                    mixed: "%REQ(:METHOD)% %RESPONSE_CODE%"
                    plain: text
                    number: 7
                    truth: true
                    nothing: null
                    list: [1, "%PROTOCOL%", {deep: "%ROUTE_NAME%"}]
                    inner: {a: "%REQ(x-a)%", b: "%UPSTREAM_HOST%"}
                "#,
            )
            .get("/", "x-a: quote\" back\\slash tab\there \u{e9}\r\n")
            .get("/", ""),
        case("json_format_sorted_or_not")
            .log("log_format: {json_format: {z: \"%PROTOCOL%\", a: \"%RESPONSE_CODE%\", m: \"%RESPONSE_FLAGS%\"}}")
            .get("/", ""),
        case("json_format_omitting_empty_values")
            .log(
                r#"
                log_format:
                  omit_empty_values: true
                  json_format: {here: "%PROTOCOL%", gone: "%REQ(x-none)%", inner: {gone: "%REQ(x-none)%"}, mixed: "a%REQ(x-none)%"}
                "#,
            )
            .get("/", ""),
        case("json_format_of_odd_bytes")
            .log("log_format: {json_format: {v: \"%REQ(x-a)%\"}}")
            .get("/", "x-a: <>&'/\r\n")
            .exchange("GET / HTTP/1.1\r\nhost: x\r\nx-a: \u{7ff}\u{20ac}\r\n\r\n"),
    ]
}

fn request_ids() -> Vec<Case> {
    let logged = |id| text(id, "%REQ(X-REQUEST-ID)%");
    vec![
        logged("request_id_is_made_and_logged").get("/", ""),
        logged("request_id_from_the_client")
            .get("/", "x-request-id: mine\r\n")
            .get(
                "/",
                "x-request-id: 12345678-1234-4234-8234-123456789abc\r\n",
            )
            .get("/", "x-request-id:\r\n"),
        // For a client on the loopback Envoy names the machine's own address.
        logged("request_id_from_an_edge_client")
            .manager("use_remote_address: true")
            .mask(r"x-forwarded-for: [0-9.]+", "x-forwarded-for: <address>")
            .get("/", "x-request-id: mine\r\n"),
        logged("no_request_id")
            .manager("generate_request_id: false")
            .get("/", "")
            .get("/", "x-request-id: mine\r\n"),
        logged("request_id_in_the_response")
            .manager("always_set_request_id_in_response: true")
            .get("/", "")
            .get("/", "x-request-id: mine\r\n"),
        logged("request_id_kept_from_outside")
            .manager("preserve_external_request_id: true")
            .get("/", "x-request-id: mine\r\n"),
        logged("request_id_on_local_replies")
            .manager("always_set_request_id_in_response: true")
            .routes("- {match: {path: \"/a\"}, direct_response: {status: 200}}")
            .get("/a", "")
            .get("/none", ""),
    ]
}
