//! The index against the list it stands for.

use std::sync::Arc;

use proptest::{prelude::*, sample::select};

use super::*;
use crate::{
    http::message::{RequestField, RequestHead},
    routing::{
        action::{Action, DirectResponse},
        condition::{
            Condition, Denominator, Fraction, HeaderCondition, HeaderTest, QueryCondition,
            QueryTest,
        },
        filters::FilterOverrides,
        path::PathMatch,
        pattern::Pattern,
        text::TextMatch,
    },
};

fn route(kind: PathKind, ignore_case: bool, conditions: Vec<Condition>) -> Arc<Route> {
    Arc::new(Route {
        name: "".into(),
        path: PathMatch { kind, ignore_case },
        conditions: conditions.into(),
        action: Action::Direct(Box::new(DirectResponse {
            status: 200,
            body: bytes::Bytes::new(),
        })),
        edits: None,
        filters: FilterOverrides::default(),
        metadata: None,
    })
}

fn prefix(text: &str) -> PathKind {
    PathKind::Prefix(text.into())
}

fn header(name: &str, test: HeaderTest, invert: bool) -> Condition {
    Condition::Header(HeaderCondition {
        field: RequestField::parse(name).unwrap(),
        test,
        invert,
        missing_is_empty: false,
    })
}

fn equals(name: &str, value: &str) -> Condition {
    header(
        name,
        HeaderTest::Text(TextMatch::Exact(value.into())),
        false,
    )
}

fn walk(routes: &[Arc<Route>], probe: &Probe<'_>, path: &[u8]) -> Option<u32> {
    routes
        .iter()
        .position(|route| route.path.matches(path) && route.first_failing(probe).is_none())
        .map(|place| u32::try_from(place).unwrap())
}

fn request(method: &str, path: &str, headers: &[(&str, &str)]) -> RequestHead {
    let mut head = RequestHead {
        method: Method::of(method),
        path: path.into(),
        ..RequestHead::default()
    };
    for (name, value) in headers {
        head.headers.append(name.as_bytes(), value.as_bytes());
    }
    head
}

fn find(routes: &[Arc<Route>], head: &RequestHead) -> Option<u32> {
    let probe = Probe { head, random: 7 };
    let path = head.path_only();
    let found = PathIndex::new(routes).find(routes, &probe, path);
    assert_eq!(found, walk(routes, &probe, path), "{head:?}");
    found
}

#[test]
fn the_first_of_the_list_wins_whatever_its_kind() {
    let pattern = |text| PathKind::Pattern(Arc::new(Pattern::parse(text).unwrap()));
    let routes = [
        route(PathKind::Exact("/api/users".into()), false, vec![]),
        route(pattern("/api/[a-z]+"), false, vec![]),
        route(prefix("/api/users"), false, vec![equals(":method", "POST")]),
        route(PathKind::Separated("/api/users".into()), false, vec![]),
        route(prefix("/API"), true, vec![]),
        route(pattern(".*/x"), false, vec![]),
        route(prefix("/api/users/7"), false, vec![]),
        route(prefix("/"), false, vec![]),
    ];
    for (method, path, place) in [
        ("GET", "/api/users", 0),
        ("GET", "/api/userz?x", 1),
        ("POST", "/api/users/7", 2),
        ("GET", "/api/users/7", 3),
        ("GET", "/api/users7", 4),
        ("GET", "/Api/users/7", 4),
        ("GET", "/b/x", 5),
        ("GET", "/b", 7),
    ] {
        assert_eq!(
            find(&routes, &request(method, path, &[])),
            Some(place),
            "{method} {path}"
        );
    }
    assert_eq!(find(&routes, &request("GET", "*", &[])), None);
}

#[test]
fn methods_with_and_without_names_are_told_apart() {
    let not = |method: &str| {
        header(
            ":method",
            HeaderTest::Text(TextMatch::Exact(method.into())),
            true,
        )
    };
    let routes = [
        route(prefix("/"), false, vec![equals(":method", "PURGE")]),
        route(prefix("/"), false, vec![equals(":method", "get")]),
        route(prefix("/"), false, vec![equals(":method", "PUT")]),
        route(prefix("/"), false, vec![not("GET"), not("FOO")]),
        route(prefix("/"), false, vec![]),
    ];
    for (method, place) in [
        ("PURGE", 0),
        ("get", 1),
        ("PUT", 2),
        ("POST", 3),
        ("GET", 4),
        ("FOO", 4),
    ] {
        assert_eq!(
            find(&routes, &request(method, "/", &[])),
            Some(place),
            "{method}"
        );
    }
}

#[test]
fn many_routes_on_one_text_are_told_apart_by_what_they_insist_on() {
    let mut routes: Vec<Arc<Route>> = (0..5_000)
        .map(|n| {
            let conditions = vec![
                equals(":method", "GET"),
                equals("x-tenant", &format!("t{n}")),
            ];
            route(prefix("/"), false, conditions)
        })
        .collect();
    routes.push(route(prefix("/"), false, vec![equals("x-other", "1")]));
    routes.push(route(prefix("/"), false, vec![]));
    let index = PathIndex::new(&routes);
    // What the index looks at, whatever the request says, stays a handful.
    let looked_at = |head: &RequestHead| {
        let mut entries = 0;
        index
            .as_written
            .walk(b"/", &mut { u32::MAX }, |_, slot: &Slot, _| {
                index
                    .entries
                    .each_run(&slot.texts, head, |run| entries += run.len());
            });
        entries
    };
    for (headers, place, most) in [
        (&[("x-tenant", "t4711")][..], 4711, 2),
        (&[("x-tenant", "t4999"), ("x-tenant", "t3")], 3, 3),
        (&[("x-tenant", "t4999"), ("x-other", "1")], 4999, 3),
        (&[("x-other", "1")], 5000, 2),
        (&[("x-tenant", "none")], 5001, 1),
        (&[], 5001, 1),
    ] {
        let head = request("GET", "/a", headers);
        assert_eq!(find(&routes, &head), Some(place), "{headers:?}");
        assert!(
            looked_at(&head) <= most,
            "{headers:?}: {}",
            looked_at(&head)
        );
    }
    let head = request("POST", "/a", &[("x-tenant", "t4711")]);
    assert_eq!(find(&routes, &head), Some(5001));
}

#[test]
fn what_a_look_up_costs_depends_on_the_request_and_not_on_the_names() {
    let parameter = |name: String| {
        Condition::Query(QueryCondition {
            name: name.into(),
            test: QueryTest::Text(TextMatch::Exact("1".into())),
        })
    };
    let mut routes: Vec<Arc<Route>> = (0..2_000)
        .map(|n| match n % 2 {
            0 => route(prefix("/"), false, vec![equals(&format!("x-{n}"), "1")]),
            _ => route(prefix("/"), false, vec![parameter(format!("q{n}"))]),
        })
        .collect();
    routes.push(route(prefix("/"), false, vec![equals(":path", "/only")]));
    for (path, headers, place) in [
        ("/", &[("x-1998", "1")][..], Some(1998)),
        ("/", &[("x-1998", "0"), ("x-2", "1")], Some(2)),
        ("/?q1=0&q1=1", &[], None),
        ("/?q7&q9=1&q1999=1", &[], Some(9)),
        ("/only", &[], Some(2000)),
        ("/", &[], None),
    ] {
        assert_eq!(
            find(&routes, &request("GET", path, headers)),
            place,
            "{path} {headers:?}"
        );
    }
}

/// A hundred thousand of them are kept.
#[test]
fn a_route_is_small() {
    assert!(size_of::<Route>() <= 192, "{}", size_of::<Route>());
    assert!(size_of::<Condition>() <= 72, "{}", size_of::<Condition>());
    assert!(size_of::<Entry>() <= 8, "{}", size_of::<Entry>());
}

/// Few letters, so that texts and paths run into each other.
fn text() -> impl Strategy<Value = String> {
    prop_oneof![
        9 => "(/[abA]{0,2}){0,5}",
        1 => "[/ab?#;é]{0,4}",
    ]
}

fn kind() -> impl Strategy<Value = PathKind> {
    let pattern = (
        "(/[ab]{0,2}){0,3}",
        select(vec!["", ".*", "[a-z]+", "/?", "(/a|/b)*", "|/b"]),
    )
        .prop_map(|(start, rest)| Pattern::parse(&format!("{start}{rest}")).unwrap());
    prop_oneof![
        6 => text().prop_map(|text| PathKind::Prefix(text.into())),
        3 => text().prop_map(|text| PathKind::Exact(text.into())),
        3 => text().prop_map(|text| PathKind::Separated(text.into())),
        1 => pattern.prop_map(|pattern| PathKind::Pattern(Arc::new(pattern))),
    ]
}

fn condition() -> impl Strategy<Value = Condition> {
    let value = || select(vec!["", "1", "2", "3"]);
    let name = || select(vec!["x", "y", ":method"]);
    prop_oneof![
        4 => (name(), value()).prop_map(|(name, value)| equals(name, value)),
        2 => select(vec!["GET", "POST", "FOO"]).prop_map(|method| equals(":method", method)),
        1 => (name(), value()).prop_map(|(name, value)| {
            header(name, HeaderTest::Text(TextMatch::Exact(value.into())), true)
        }),
        1 => (name(), any::<bool>())
            .prop_map(|(name, present)| header(name, HeaderTest::Present(present), false)),
        1 => value().prop_map(|value| Condition::Query(QueryCondition {
            name: "q".into(),
            test: QueryTest::Text(TextMatch::Exact(value.into())),
        })),
        1 => (0..101_u32).prop_map(|numerator| Condition::Fraction(Fraction {
            numerator,
            denominator: Denominator::Hundred,
        })),
    ]
}

fn table() -> impl Strategy<Value = Vec<Arc<Route>>> {
    let conditions = prop_oneof![
        1 => Just(vec![]),
        1 => prop::collection::vec(condition(), 1..3),
    ];
    let one = (kind(), any::<bool>(), conditions)
        .prop_map(|(kind, ignore_case, conditions)| route(kind, ignore_case, conditions))
        .boxed();
    prop_oneof![
        3 => prop::collection::vec(one.clone(), 0..30),
        1 => prop::collection::vec(one, 0..1000),
    ]
}

fn any_request() -> impl Strategy<Value = RequestHead> {
    let headers = prop::collection::vec((select(vec!["x", "y"]), select(vec!["", "1", "2"])), 0..3);
    let query = select(vec!["", "?q=1", "?q=2&q=1", "#q"]);
    (
        select(vec!["GET", "POST", "FOO", "1"]),
        text(),
        query,
        headers,
    )
        .prop_map(|(method, path, query, headers)| {
            request(method, &format!("{path}{query}"), &headers)
        })
}

proptest! {
    #![proptest_config(ProptestConfig::with_cases(400))]

    #[test]
    fn the_index_finds_what_walking_the_list_finds(
        routes in table(),
        requests in prop::collection::vec((any_request(), any::<u64>()), 20),
    ) {
        let index = PathIndex::new(&routes);
        for (head, random) in requests {
            let probe = Probe { head: &head, random };
            let path = head.path_only();
            let found = index.find(&routes, &probe, path);
            prop_assert_eq!(found, walk(&routes, &probe, path), "{:?}", head);
        }
    }
}
