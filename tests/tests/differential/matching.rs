//! Which route a request takes: paths, methods, headers, queries, and the order of routes.

use portway_tests::differential::{Case, Table, case, run};

#[test]
fn matching() {
    run(&Table {
        name: "matching",
        cases: [paths(), conditions(), order()].concat(),
    });
}

fn paths() -> Vec<Case> {
    vec![
        case("prefix")
            .routes(r#"- {match: {prefix: "/api"}, route: {cluster: @up}}"#)
            .get("/api", "")
            .get("/api/x?q=1", "")
            .get("/apis", "")
            .get("/API", "")
            .get("/ap", "")
            .get("/x/api", ""),
        case("prefix_case_insensitive")
            .routes(r#"- {match: {prefix: "/Api", case_sensitive: false}, route: {cluster: @up}}"#)
            .get("/aPI/x", "")
            .get("/ap", ""),
        case("prefix_does_not_see_the_query")
            .routes(r#"- {match: {prefix: "/a?b"}, route: {cluster: @up}}"#)
            .get("/a?b=1", "")
            .get("/a", ""),
        case("exact")
            .routes(r#"- {match: {path: "/api"}, route: {cluster: @up}}"#)
            .get("/api", "")
            .get("/api?q=1", "")
            .get("/api?", "")
            .get("/api/", "")
            .get("/Api", "")
            .get("/api%20", ""),
        case("exact_case_insensitive")
            .routes(r#"- {match: {path: "/Api", case_sensitive: false}, route: {cluster: @up}}"#)
            .get("/aPI", "")
            .get("/apis", ""),
        case("separated_prefix")
            .routes(r#"- {match: {path_separated_prefix: "/api"}, route: {cluster: @up}}"#)
            .get("/api", "")
            .get("/api?q=1", "")
            .get("/api/", "")
            .get("/api/x", "")
            .get("/apis", "")
            .get("/Api/x", "")
            .get("/api#x", ""),
        case("separated_prefix_case_insensitive")
            .routes(r#"- {match: {path_separated_prefix: "/Api", case_sensitive: false}, route: {cluster: @up}}"#)
            .get("/API/x", "")
            .get("/apis", ""),
        case("regex_matches_the_whole_path_without_query")
            .routes(r#"- {match: {safe_regex: {regex: '/a/[0-9]+'}}, route: {cluster: @up}}"#)
            .get("/a/12", "")
            .get("/a/12?q=x", "")
            .get("/a/12/b", "")
            .get("/x/a/12", "")
            .get("/A/12", "")
            .get("/a/", ""),
        case("regex_case_and_classes")
            .routes(r#"- {match: {safe_regex: {regex: '(?i)/a/\w+(\.json|\.xml)?'}}, route: {cluster: @up}}"#)
            .get("/A/b_1.JSON", "")
            .get("/a/b.xml", "")
            .get("/a/b.txt", "")
            .get("/a/%C3%A9", ""),
        case("regex_ignores_case_sensitive_false")
            .routes(r#"- {match: {safe_regex: {regex: '/a'}, case_sensitive: false}, route: {cluster: @up}}"#)
            .get("/a", "")
            .get("/A", ""),
        case("paths_are_matched_as_sent")
            .routes(
                r#"
                - {match: {prefix: "/public"}, route: {cluster: @up}}
                - {match: {prefix: "/"}, direct_response: {status: 403}}
                "#,
            )
            .get("/public/../admin", "")
            .get("/%70ublic", "")
            .get("//public", "")
            .get("/public%2f..%2fadmin", "")
            .get("/public/./x;y=z", ""),
        case("asterisk_and_odd_targets")
            .ask("OPTIONS", "*", "")
            .connect()
            .ask("GET", "*", "")
            .connect()
            .ask("GET", "x", "")
            .connect()
            .ask("GET", "/a#b", ""),
    ]
}

fn conditions() -> Vec<Case> {
    let header = |matcher: &str| {
        format!(
            r#"- {{match: {{prefix: "/", headers: [{{name: x-a, {matcher}}}]}}, route: {{cluster: @up}}}}"#
        )
    };
    let values = |case: Case| {
        case.get("/", "x-a: abc\r\n")
            .get("/", "X-A:  abc  \r\n")
            .get("/", "x-a: xabcx\r\n")
            .get("/", "x-a: ABC\r\n")
            .get("/", "x-a: 12\r\n")
            .get("/", "x-a: -3\r\n")
            .get("/", "x-a:\r\n")
            .get("/", "x-a: abc\r\nx-a: def\r\n")
            .get("/", "")
    };
    let mut cases: Vec<Case> = [
        ("header_exact", "string_match: {exact: abc}"),
        (
            "header_exact_ignoring_case",
            "string_match: {exact: abc, ignore_case: true}",
        ),
        ("header_prefix", "string_match: {prefix: ab}"),
        ("header_suffix", "string_match: {suffix: bc}"),
        ("header_contains", "string_match: {contains: abc}"),
        ("header_regex", "string_match: {safe_regex: {regex: 'a.c'}}"),
        ("header_range", "range_match: {start: -5, end: 12}"),
        ("header_present", "present_match: true"),
        ("header_absent", "present_match: false"),
        (
            "header_exact_inverted",
            "string_match: {exact: abc}, invert_match: true",
        ),
        (
            "header_present_inverted",
            "present_match: true, invert_match: true",
        ),
        (
            "header_missing_as_empty",
            "string_match: {exact: ''}, treat_missing_header_as_empty: true",
        ),
        (
            "header_missing_as_empty_inverted",
            "string_match: {exact: abc}, invert_match: true, treat_missing_header_as_empty: true",
        ),
    ]
    .map(|(id, matcher)| values(case(id).routes(&header(matcher))))
    .into();
    cases.extend([
        case("header_name_ignores_case")
            .routes(r#"- {match: {prefix: "/", headers: [{name: X-Abc, string_match: {exact: v}}]}, route: {cluster: @up}}"#)
            .get("/", "x-aBC: v\r\n")
            .get("/", "x-abcd: v\r\n"),
        case("several_headers_must_all_match")
            .routes(
                r#"
                - match: {prefix: "/", headers: [{name: x-a, present_match: true}, {name: x-b, string_match: {exact: "1"}}]}
                  route: {cluster: @up}
                "#,
            )
            .get("/", "x-a: 1\r\nx-b: 1\r\n")
            .get("/", "x-a: 1\r\nx-b: 2\r\n")
            .get("/", "x-b: 1\r\n"),
        case("method")
            .routes(r#"- {match: {prefix: "/", headers: [{name: ":method", string_match: {exact: POST}}]}, route: {cluster: @up}}"#)
            .exchange("POST / HTTP/1.1\r\nhost: x\r\ncontent-length: 0\r\n\r\n")
            .ask("GET", "/", "")
            .ask("post", "/", ""),
        case("authority_and_path_as_headers")
            .routes(
                r#"
                - match: {prefix: "/", headers: [{name: ":authority", string_match: {prefix: "a."}}]}
                  route: {cluster: @up}
                - match: {prefix: "/", headers: [{name: ":path", string_match: {suffix: "?x"}}]}
                  direct_response: {status: 201}
                - match: {prefix: "/", headers: [{name: host, string_match: {prefix: "b."}}]}
                  direct_response: {status: 202}
                - match: {prefix: "/", headers: [{name: ":scheme", string_match: {exact: http}}]}
                  direct_response: {status: 203}
                "#,
            )
            .host("a.example")
            .get("/?x", "")
            .host("b.example")
            .host("c.example"),
        case("query_exact")
            .routes(r#"- {match: {prefix: "/", query_parameters: [{name: q, string_match: {exact: abc}}]}, route: {cluster: @up}}"#)
            .get("/?q=abc", "")
            .get("/?x=1&q=abc&y=2", "")
            .get("/?q=ABC", "")
            .get("/?Q=abc", "")
            .get("/?q=abc&q=def", "")
            .get("/?q=def&q=abc", "")
            .get("/?q=a%62c", "")
            .get("/?q=", "")
            .get("/?q", "")
            .get("/", ""),
        case("query_present")
            .routes(r#"- {match: {prefix: "/", query_parameters: [{name: q, present_match: true}]}, route: {cluster: @up}}"#)
            .get("/?q", "")
            .get("/?q=", "")
            .get("/?a=q", "")
            .get("/?;q", "")
            .get("/?a&q#f", ""),
        case("query_absent")
            .routes(r#"- {match: {prefix: "/", query_parameters: [{name: q, present_match: false}]}, route: {cluster: @up}}"#)
            .get("/?q", "")
            .get("/", ""),
        case("query_regex_and_name_alone")
            .routes(
                r#"
                - {match: {prefix: "/", query_parameters: [{name: q, string_match: {safe_regex: {regex: "[0-9]+"}}}]}, route: {cluster: @up}}
                - {match: {prefix: "/", query_parameters: [{name: bare}]}, direct_response: {status: 201}}
                "#,
            )
            .get("/?q=12", "")
            .get("/?q=12a", "")
            .get("/?bare", "")
            .get("/?bare=x", "")
            .get("/?q=a+b", ""),
    ]);
    cases
}

fn order() -> Vec<Case> {
    vec![
        case("first_match_wins_whatever_its_kind")
            .routes(
                r#"
                - {match: {prefix: "/a/long/"}, direct_response: {status: 201}}
                - {match: {safe_regex: {regex: "/a/.*"}}, direct_response: {status: 202}}
                - {match: {path: "/a/b"}, direct_response: {status: 203}}
                - {match: {path_separated_prefix: "/c"}, direct_response: {status: 204}}
                - {match: {path: "/c/d"}, direct_response: {status: 205}}
                - {match: {prefix: "/"}, direct_response: {status: 206}}
                - {match: {path: "/last"}, direct_response: {status: 207}}
                "#,
            )
            .get("/a/long/x", "")
            .get("/a/b", "")
            .get("/c/d", "")
            .get("/last", ""),
        case("a_failed_condition_goes_on_to_later_routes")
            .routes(
                r#"
                - {match: {path: "/a", headers: [{name: x-a, present_match: true}]}, direct_response: {status: 201}}
                - {match: {prefix: "/a", query_parameters: [{name: q}]}, direct_response: {status: 202}}
                - {match: {path: "/a"}, direct_response: {status: 203}}
                - {match: {prefix: "/"}, direct_response: {status: 206}}
                "#,
            )
            .get("/a", "x-a: 1\r\n")
            .get("/a?q", "")
            .get("/a", "")
            .get("/b", "x-a: 1\r\n"),
        case("no_route_is_404").routes(r#"- {match: {path: "/a"}, route: {cluster: @up}}"#)
            .get("/b", "")
            .ask("HEAD", "/b", "")
            .exchange("POST /b HTTP/1.1\r\nhost: x\r\ncontent-length: 3\r\n\r\nabc")
            .get("/a", ""),
    ]
}
