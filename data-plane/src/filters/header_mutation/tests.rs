use std::sync::Arc;

use portway_proto::pb::envoy::{
    config::route::v3::RouteConfiguration, extensions::filters::http::header_mutation::v3 as pb,
};
use portway_shared::clock;

use super::*;
use crate::{
    filters::{Filter, FilterChain, NamedFilter, RouterConfig},
    http::{
        headers::Headers,
        record::{ConnectionFacts, Record},
    },
    resources::{address::Address, at, filters::route_context, route::route_configuration, yaml},
    routing::RouteTable,
};

const PER_ROUTE: &str =
    "type.googleapis.com/envoy.extensions.filters.http.header_mutation.v3.HeaderMutationPerRoute";
const FILTER_CONFIG: &str = "type.googleapis.com/envoy.config.route.v3.FilterConfig";

fn chain(mutations: &str, most_specific_wins: bool) -> FilterChain {
    let text = format!(
        "mutations: {{{mutations}}}\nmost_specific_header_mutations_wins: {most_specific_wins}"
    );
    let message: pb::HeaderMutation = yaml::message(&text);
    let (filter, report) = at::parse(|at| HeaderMutation::parse(at, message));
    assert_eq!(report.errors, []);
    let filter = NamedFilter {
        name: "hm".into(),
        filter: Filter::HeaderMutation(filter.unwrap()),
    };
    FilterChain::new(vec![filter], RouterConfig::default())
}

/// A level that says who it is in two headers of the request.
fn level(name: &str) -> String {
    format!(
        "{{hm: {{\"@type\": {PER_ROUTE}, mutations: {{request_mutations: [\
         {{append: {{header: {{key: list, value: {name}}}}}}}, \
         {{append: {{header: {{key: last, value: {name}}}, \
         append_action: OVERWRITE_IF_EXISTS_OR_ADD}}}}]}}}}}}"
    )
}

fn table() -> RouteTable {
    let text = format!(
        r#"
typed_per_filter_config: {rc}
virtual_hosts:
- name: v
  domains: ["*"]
  typed_per_filter_config: {vh}
  routes:
  - match: {{prefix: /disabled}}
    direct_response: {{status: 200}}
    typed_per_filter_config: {{hm: {{"@type": {FILTER_CONFIG}, disabled: true}}}}
  - match: {{prefix: /enabled}}
    direct_response: {{status: 200}}
    typed_per_filter_config: {{hm: {{"@type": {FILTER_CONFIG}, config: {{}}}}}}
  - match: {{prefix: /weighted}}
    route:
      weighted_clusters:
        clusters: [{{name: up, weight: 1, typed_per_filter_config: {weighted}}}]
    typed_per_filter_config: {rt}
  - match: {{prefix: /route}}
    direct_response: {{status: 200}}
    typed_per_filter_config: {rt}
"#,
        rc = level("rc"),
        vh = level("vh"),
        rt = level("rt"),
        weighted = level("weighted"),
    );
    let message: RouteConfiguration = yaml::message(&text);
    let (table, report) = at::parse(|at| route_configuration(at, message, &route_context()));
    assert_eq!(report.errors, []);
    table.unwrap()
}

fn record(table: Option<&RouteTable>, path: &str, fields: &[&str]) -> Record {
    let connection = ConnectionFacts {
        id: 0,
        peer: None,
        local: Address::Ip(([127, 0, 0, 1], 80).into()),
    };
    let mut record = Record::new(Arc::new(connection), clock::now(), clock::wall());
    record.request.path = path.into();
    for field in fields {
        let (name, value) = field.split_once(": ").unwrap();
        record
            .request
            .headers
            .append(name.as_bytes(), value.as_bytes());
    }
    if let Some(found) = table.and_then(|table| table.find(&record.request, 0).ok()) {
        record.virtual_host = Some(found.virtual_host.clone());
        record.route = Some(found.route.clone());
    }
    record
}

fn lines(headers: &Headers) -> Vec<String> {
    let text = String::from_utf8_lossy;
    headers
        .iter()
        .map(|field| format!("{}: {}", text(field.name), text(field.value)))
        .collect()
}

/// Each row was asked of Envoy 1.40.
#[tokio::test]
async fn mutations_run_one_by_one() {
    let chain = chain(
        "request_mutations: [
           {append: {header: {key: x, value: '1'}, append_action: OVERWRITE_IF_EXISTS_OR_ADD}},
           {append: {header: {key: 'y', value: '[%REQ(x)%]'}}},
           {remove: z}, {append: {header: {key: z, value: '2'}}},
           {append: {header: {key: p, value: '%REQ(:path)%'}}},
           {append: {header: {key: e, value: '%REQ(no)%'}}},
           {append: {header: {key: ek, value: '%REQ(no)%'}, keep_empty_value: true}},
           {append: {header: {key: user-agent, value: u}}},
           {append: {header: {key: ab, value: '1'}, append_action: ADD_IF_ABSENT}},
           {append: {header: {key: ab, value: '2'}, append_action: ADD_IF_ABSENT}},
           {remove_on_match: {key_matcher: {prefix: x-gone-}}}],
         response_mutations: [{append: {header: {key: rx, value: '%REQ(x)%'}}}]",
        false,
    );
    let fields = [
        "x: 0",
        "z: 0",
        "user-agent: c",
        "x-gone-a: 1",
        "x-gone-b: 1",
    ];
    let mut record = record(None, "/a?q", &fields);
    assert!(chain.on_request(&mut record).await.is_none());
    assert_eq!(
        lines(&record.request.headers),
        [
            "user-agent: c,u",
            "x: 1",
            "y: [1]",
            "z: 2",
            "p: /a?q",
            "ek: ",
            "ab: 1"
        ]
    );
    chain.on_response(&mut record);
    assert_eq!(lines(&record.response.headers), ["rx: 1"]);
}

/// Each row was asked of Envoy 1.40.
#[tokio::test]
async fn levels_add_to_the_filter_in_the_order_asked_for() {
    let table = table();
    let own = "request_mutations: [{append: {header: {key: list, value: own}}}]";
    for (most_specific_wins, path, expected) in [
        (false, "/route", "own rt vh rc, rc"),
        (true, "/route", "own rc vh rt, rt"),
        (false, "/weighted", "own weighted rt vh rc, rc"),
        (true, "/weighted", "own rc vh rt weighted, weighted"),
        (false, "/enabled", "own vh rc, rc"),
        (true, "/enabled", "own rc vh, vh"),
        (false, "/disabled", ", "),
        (false, "/none", "own, "),
    ] {
        let mut record = record(Some(&table), path, &[]);
        assert!(
            chain(own, most_specific_wins)
                .on_request(&mut record)
                .await
                .is_none()
        );
        let values = |name| {
            let name = HeaderName::parse(name).unwrap();
            let values = record
                .request
                .headers
                .all(&name)
                .map(String::from_utf8_lossy);
            values.collect::<Vec<_>>().join(" ")
        };
        let found = format!("{}, {}", values("list"), values("last"));
        assert_eq!(found, expected, "{most_specific_wins} {path}");
    }
}

#[test]
fn what_cannot_be_done_is_refused() {
    for (mutations, problem) in [
        (
            "request_mutations: [{append: {header: {key: ':path', value: x}}}]",
            "request_mutations[0].append.header.key: \":path\" cannot be written this way",
        ),
        (
            "request_mutations: [{remove: Host}]",
            "request_mutations[0].remove: \"Host\" cannot be removed this way",
        ),
        (
            "request_mutations: [{append: {header: {key: a, value: '%NO%'}}}]",
            "request_mutations[0].append.header.value: ",
        ),
        (
            "request_trailers_mutations: [{remove: a}]",
            "request_trailers_mutations: is not supported by this proxy",
        ),
        (
            "response_trailers_mutations: [{remove: a}]",
            "response_trailers_mutations: is not supported by this proxy",
        ),
        (
            "query_parameter_mutations: [{remove: a}]",
            "query_parameter_mutations: is not supported by this proxy",
        ),
    ] {
        let message: pb::HeaderMutation = yaml::message(&format!("mutations: {{{mutations}}}"));
        let (_, report) = at::parse(|at| HeaderMutation::parse(at, message));
        let [found] = &report.errors[..] else {
            panic!("{mutations}: {report:?}");
        };
        let found = found.to_string();
        assert!(
            found.starts_with(&format!("mutations.{problem}")),
            "{found}"
        );
    }
}
