use std::{fmt::Write, io::Write as _};

use super::*;
use crate::{
    resources::{
        at::{self, Report},
        filters::route_context,
        yaml,
    },
    routing::{
        action::{Action, ClusterChoice, IdleTimeout},
        filters::FilterOverride,
        table::Route,
    },
};

fn parse(message: pb::RouteConfiguration) -> (Option<RouteTable>, Report) {
    let context = Context {
        cluster_exists: Some(&|name| name == "up"),
        validate_clusters: true,
        ..route_context()
    };
    at::parse(|at| route_configuration(at, message, &context))
}

fn parsed(text: &str) -> RouteTable {
    let (table, report) = parse(yaml::message(text));
    assert_eq!(report.errors, []);
    table.unwrap()
}

/// A configuration with one virtual host, or one route, or one part of a route.
fn around(place: &str, text: &str) -> String {
    let outer = match place {
        "config" => return text.to_owned(),
        "host" => return format!("{{virtual_hosts: [{text}]}}"),
        "route" => (
            "host",
            format!("{{name: v, domains: ['*'], routes: [{text}]}}"),
        ),
        "match" => (
            "route",
            format!("{{match: {text}, route: {{cluster: up}}}}"),
        ),
        "forward" => ("route", format!("{{match: {{prefix: /}}, route: {text}}}")),
        other => panic!("{other}"),
    };
    around(outer.0, &outer.1)
}

fn only_route(place: &str, text: &str) -> Arc<Route> {
    let table = parsed(&around(place, text));
    let (_, routes) = table.routes().next().unwrap();
    routes[0].clone()
}

/// Every row of the file was given to `envoy --mode validate`. `+` is taken by both, `-` refused by both, `>`
/// is taken by Envoy and refused here, `<` the reverse: Envoy bounds the program of a pattern, this proxy its
/// memory.
#[test]
fn what_envoy_refuses_is_refused() {
    let mut wrong = String::new();
    for row in include_str!("tests/validity.txt").lines() {
        let (verdict, rest) = row.split_once(' ').unwrap();
        let (place, text) = rest.split_once(' ').unwrap();
        // The parser has to find out by itself: resources that come over xDS were not loaded from text.
        let (message, said) = yaml::any_message(&around(place, text));
        let (table, report) = parse(message);
        let taken = table.is_some();
        if taken != matches!(verdict, "+" | "<") {
            writeln!(wrong, "{row}\n    {report:?} {said:?}").unwrap();
        }
    }
    assert_eq!(wrong, "");
}

#[test]
fn every_problem_is_told_with_its_path() {
    let text = r#"
name: r
vhds: {config_source: {ads: {}}}
virtual_hosts:
- name: a
  domains: [a.com, A.COM]
  cors: {}
  routes:
  - match: {prefix: /, headers: [{name: x, string_match: {safe_regex: {regex: "("}}}]}
    route: {cluster: nope, retry_policy: {retry_on: 5xx}}
  - match: {}
    redirect: {regex_rewrite: {pattern: {regex: a}, substitution: '\1'}}
- name: b
  domains: [b.com, a.com]
  request_headers_to_add: [{header: {key: ":path", value: "%NO%"}}]
"#;
    let (message, _) = yaml::any_message(text);
    let (_, report) = parse(message);
    let told: Vec<String> = report.errors.iter().map(ToString::to_string).collect();
    for start in [
        "vhds: is not supported",
        "virtual_hosts[0].domains[1]: \"A.COM\" is already a domain of virtual host \"a\"",
        "virtual_hosts[1].domains[1]: \"a.com\" is already a domain of virtual host \"a\"",
        "virtual_hosts[0].cors: is not supported",
        "virtual_hosts[0].routes[0].match.headers[0].string_match.safe_regex.regex: \"(\" is not",
        "virtual_hosts[0].routes[0].route.retry_policy: is not supported",
        "virtual_hosts[0].routes[0].route.cluster: there is no cluster \"nope\"",
        "virtual_hosts[0].routes[1].match: needs one of prefix, path",
        "virtual_hosts[0].routes[1].redirect.regex_rewrite: names group \\1, but the pattern has 0",
        "virtual_hosts[1].request_headers_to_add[0].header.key: \":path\" cannot be written",
        "virtual_hosts[1].request_headers_to_add[0].header.value: at position 0",
    ] {
        assert!(
            told.iter().any(|told| told.starts_with(start)),
            "{start}: {told:#?}"
        );
    }
    assert_eq!(told.len(), 11, "{told:#?}");
}

#[test]
fn what_is_left_out_means_what_it_means_in_envoy() {
    let route = only_route("forward", "{cluster: up}");
    let Action::Forward(forward) = &route.action else {
        panic!("{route:?}");
    };
    assert!(matches!(&forward.clusters, ClusterChoice::Single(name) if &**name == "up"));
    assert_eq!(forward.timeout, Some(std::time::Duration::from_secs(15)));
    assert_eq!(forward.idle_timeout, IdleTimeout::Inherit);
    assert_eq!(forward.cluster_not_found_status, 503);
    assert!(!route.path.ignore_case);

    let ms = std::time::Duration::from_millis;
    for (text, timeout, idle) in [
        ("timeout: 0s, idle_timeout: 0s", None, IdleTimeout::Never),
        (
            "timeout: 0.0009s, idle_timeout: 0.0009s",
            None,
            IdleTimeout::Never,
        ),
        (
            "timeout: 1.9999s, idle_timeout: 2s",
            Some(ms(1999)),
            IdleTimeout::After(ms(2000)),
        ),
    ] {
        let route = only_route("forward", &format!("{{cluster: up, {text}}}"));
        let Action::Forward(forward) = &route.action else {
            panic!("{route:?}");
        };
        assert_eq!(
            (forward.timeout, forward.idle_timeout),
            (timeout, idle),
            "{text}"
        );
    }

    let route = only_route("route", "{match: {prefix: /}, redirect: {}}");
    let Action::Redirect(redirect) = &route.action else {
        panic!("{route:?}");
    };
    assert_eq!(
        (redirect.status, redirect.port, redirect.strip_query),
        (301, None, false)
    );
}

#[test]
fn filters_are_overridden_by_name() {
    let kind = "type.googleapis.com/envoy.config.route.v3.FilterConfig";
    let route = only_route(
        "route",
        &format!(
            r#"{{match: {{prefix: /}}, route: {{cluster: up}}, typed_per_filter_config: {{
            off: {{"@type": {kind}, disabled: true}}, on: {{"@type": {kind}, config: {{}}}}}}}}"#
        ),
    );
    assert!(matches!(
        route.filters.get("off"),
        Some(FilterOverride::Disabled)
    ));
    assert!(matches!(
        route.filters.get("on"),
        Some(FilterOverride::Enabled)
    ));
    assert!(route.filters.get("other").is_none());
}

#[test]
fn metadata_keeps_its_values() {
    let route = only_route(
        "route",
        r#"{match: {prefix: /}, route: {cluster: up}, metadata: {filter_metadata: {
           a: {b: {c: [1, x, true, null]}}}}}"#,
    );
    let metadata = route.metadata.as_deref().unwrap();
    let found = metadata.get("a", ["b", "c"]).unwrap();
    assert_eq!(found.to_string(), r#"[1.0,"x",true,null]"#);
    assert_eq!(metadata.get("a", ["x"]), None);
}

#[test]
fn a_body_comes_from_text_bytes_or_a_file_within_the_limit() {
    let mut file = tempfile::NamedTempFile::new().unwrap();
    file.write_all(&[b'f'; 4096]).unwrap();
    let body = |source: &str| {
        around(
            "route",
            &format!("{{match: {{prefix: /}}, direct_response: {{status: 200, body: {source}}}}}"),
        )
    };
    let path = file.path().display().to_string();
    for (source, size) in [
        ("{inline_string: abc}".to_owned(), 3),
        ("{inline_bytes: YWJj}".to_owned(), 3),
        (format!("{{filename: '{path}'}}"), 4096),
        (
            "{environment_variable: CARGO_MANIFEST_DIR}".to_owned(),
            env!("CARGO_MANIFEST_DIR").len(),
        ),
    ] {
        let table = parsed(&body(&source));
        let (_, routes) = table.routes().next().unwrap();
        let Action::Direct(direct) = &routes[0].action else {
            panic!("{source}");
        };
        assert_eq!(direct.body.len(), size, "{source}");
    }
    file.write_all(b"f").unwrap();
    let (_, report) = parse(yaml::message(&body(&format!("{{filename: '{path}'}}"))));
    let told = report.errors[0].to_string();
    assert!(
        told.ends_with(
            "is larger than the 4096 bytes that max_direct_response_body_size_bytes allows"
        ),
        "{told}"
    );
}

#[test]
fn clusters_are_named_once() {
    let table = parsed(&around(
        "host",
        "{name: v, domains: ['*'], routes: [
          {match: {prefix: /a}, route: {cluster: up}},
          {match: {prefix: /b}, route: {weighted_clusters: {clusters: [
            {name: up, weight: 1}, {name: up, weight: 2}]}}}]}",
    ));
    let clusters: Vec<&str> = table.clusters().map(|name| &**name).collect();
    assert_eq!(clusters, ["up"]);
}
