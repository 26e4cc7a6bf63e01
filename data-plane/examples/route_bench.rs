//! What finding a route costs, by the number of routes.
//!
//!     cargo run --release -p portway-data-plane --example route_bench [rounds]
//!
//! Three tables of one virtual host with long shared prefixes: (a) prefixes, (b) a mix of 70 % prefixes, 20 %
//! exact paths, 9 % separated prefixes and 1 % patterns, half of them with a condition on the method or a
//! header, (c) prefixes of which none matches. Every look-up is checked once before it is timed.

#![expect(clippy::print_stdout, reason = "a measurement prints")]

use std::{hint::black_box, sync::Arc, time::Duration};

use portway_data_plane::{
    http::message::{Method, RequestHead},
    resources::{at, route},
    routing::RouteTable,
};
use portway_proto::pb::envoy::{
    config::route::v3::{self as pb, header_matcher, route::Action, route_match::PathSpecifier},
    r#type::matcher::v3::{RegexMatcher, StringMatcher, string_matcher::MatchPattern},
};
use portway_shared::clock;

const PREFIX: &str = "/api/v1/tenants/acme-corporation/services/payments/resources/";
const SIZES: [usize; 4] = [1, 1_000, 10_000, 100_000];

/// A request and the name of the route that should take it.
type Case = (RequestHead, Option<String>);

fn main() {
    let rounds = std::env::args()
        .nth(1)
        .and_then(|rounds| rounds.parse().ok());
    let rounds = rounds.unwrap_or(200_000);
    println!("table    routes   ns/last  ns/any   build ms");
    for (name, routes, request) in [
        (
            "a",
            prefixes as fn(usize) -> pb::Route,
            request_a as fn(usize) -> Case,
        ),
        ("b", mixed, request_b),
        ("c", prefixes, request_c),
    ] {
        for size in SIZES {
            measure(name, size, rounds, routes, request);
        }
    }
}

fn measure(
    name: &str,
    size: usize,
    rounds: usize,
    route: fn(usize) -> pb::Route,
    request: fn(usize) -> Case,
) {
    let message = pb::RouteConfiguration {
        name: "bench".into(),
        virtual_hosts: vec![pb::VirtualHost {
            name: "all".into(),
            domains: vec!["*".into()],
            routes: (0..size).map(route).collect(),
            ..pb::VirtualHost::default()
        }],
        ..pb::RouteConfiguration::default()
    };
    let started = clock::now();
    let table = parse(message);
    let built = started.elapsed();
    let last = [request(size - 1)];
    // A fixed stride through the table, so that neighbours in time are not neighbours in it.
    let any: Vec<Case> = (0..1024).map(|n| request(n * 7919 % size)).collect();
    let (last, any) = (time(&table, &last, rounds), time(&table, &any, rounds));
    println!(
        "{name:6} {size:8} {last:9.1} {any:7.1} {:10.1}",
        built.as_secs_f64() * 1e3
    );
}

fn time(table: &RouteTable, cases: &[Case], rounds: usize) -> f64 {
    for (head, expected) in cases {
        let found = table
            .find(head, 0)
            .ok()
            .map(|found| found.route.name.to_string());
        assert_eq!(&found, expected, "{}", String::from_utf8_lossy(&head.path));
    }
    let run = || {
        let started = clock::now();
        for (head, _) in cases.iter().cycle().take(rounds) {
            let _ = black_box(table.find(black_box(head), 0));
        }
        started.elapsed()
    };
    let best = (0..7).map(|_| run()).min().unwrap_or(Duration::ZERO);
    best.as_secs_f64() * 1e9 / rounds as f64
}

fn parse(message: pb::RouteConfiguration) -> Arc<RouteTable> {
    let context = route::Context {
        filter_config: &|_, _, _| None,
        cluster_exists: None,
        validate_clusters: false,
    };
    let (table, report) = at::parse(|at| route::route_configuration(at, message, &context));
    assert_eq!(report.errors, []);
    #[expect(clippy::unwrap_used, reason = "there were no errors")]
    Arc::new(table.unwrap())
}

fn route_to(place: usize, path: PathSpecifier, headers: Vec<pb::HeaderMatcher>) -> pb::Route {
    pb::Route {
        name: place.to_string(),
        r#match: Some(pb::RouteMatch {
            path_specifier: Some(path),
            headers,
            ..pb::RouteMatch::default()
        }),
        action: Some(Action::Route(pb::RouteAction {
            cluster_specifier: Some(pb::route_action::ClusterSpecifier::Cluster("up".into())),
            ..pb::RouteAction::default()
        })),
        ..pb::Route::default()
    }
}

fn path(place: usize) -> String {
    format!("{PREFIX}r{place:06}")
}

fn head(path: String) -> RequestHead {
    let mut head = RequestHead {
        path: path.into(),
        authority: b"api.example.com".into(),
        ..RequestHead::default()
    };
    for (name, value) in [
        ("user-agent", "bench/1.0"),
        ("accept", "*/*"),
        ("x-version", "v1"),
    ] {
        head.headers.append(name.as_bytes(), value.as_bytes());
    }
    head
}

fn prefixes(place: usize) -> pb::Route {
    route_to(place, PathSpecifier::Prefix(path(place)), vec![])
}

fn request_a(place: usize) -> Case {
    (
        head(format!("{}/items/7?full=1", path(place))),
        Some(place.to_string()),
    )
}

fn request_c(place: usize) -> Case {
    // Shares all but the last byte with a route.
    let mut path = path(place);
    path.pop();
    (head(format!("{path}x/items/7")), None)
}

fn mixed(place: usize) -> pb::Route {
    let path = path(place);
    let path = match place % 100 {
        0..70 => PathSpecifier::Prefix(path),
        70..90 => PathSpecifier::Path(path),
        90..99 => PathSpecifier::PathSeparatedPrefix(path),
        _ => PathSpecifier::SafeRegex(RegexMatcher {
            regex: format!("{path}/[a-z]+/[0-9]+"),
            engine_type: None,
        }),
    };
    let equals = |name: &str, value: &str| pb::HeaderMatcher {
        name: name.into(),
        header_match_specifier: Some(header_matcher::HeaderMatchSpecifier::StringMatch(
            StringMatcher {
                match_pattern: Some(MatchPattern::Exact(value.into())),
                ignore_case: false,
            },
        )),
        ..pb::HeaderMatcher::default()
    };
    let conditions = match place % 4 {
        0 => vec![equals(":method", "POST")],
        1 => vec![equals("x-version", "v1")],
        _ => vec![],
    };
    route_to(place, path, conditions)
}

fn request_b(place: usize) -> Case {
    let exact = (70..90).contains(&(place % 100));
    let mut head = head(format!(
        "{}{}",
        path(place),
        if exact { "" } else { "/items/7" }
    ));
    if place.is_multiple_of(4) {
        head.method = Method::Post;
    }
    (head, Some(place.to_string()))
}
