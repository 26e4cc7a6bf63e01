//! The delta variant (section 4 of the rules, scenarios XC13 to XC18, XC22, XC23, XC25).

use super::rig::*;
use crate::xds::Variant::Delta;
use crate::xds::stream::Service;

fn two(kind: crate::xds::Kind) -> Rig {
    let mut rig = Rig::new(Delta);
    rig.set(&[(kind, "A", "1", &[]), (kind, "B", "1", &[])])
        .publish();
    rig
}

#[test]
fn xc13_to_xc17_names_one_by_one() {
    for kind in [C, E, L, R] {
        let noun = kind.noun();
        let mut rig = two(kind);
        for name in ["A", "B"] {
            assert_eq!(rig.sub(kind, &[name], &[]), [format!("{noun} {name}")]);
            rig.ack(kind);
        }
        assert_eq!(
            rig.set(&[(kind, "B", "2", &[])]).publish(),
            [format!("{noun} B")]
        );
        rig.ack(kind);
        assert_eq!(rig.sub(kind, &["D"], &[]), [format!("{noun} -D")]);
        rig.ack(kind);
        assert_eq!(
            rig.set(&[(kind, "D", "1", &[])]).publish(),
            [format!("{noun} D")]
        );
        rig.ack(kind);
        assert_eq!(rig.unset(kind, "D").publish(), [format!("{noun} -D")]);
        rig.ack(kind);
        assert_eq!(
            rig.set(&[(kind, "D", "1", &[])]).publish(),
            [format!("{noun} D")],
            "X47"
        );
        rig.ack(kind);
        for name in ["A", "B", "D"] {
            assert_eq!(rig.sub(kind, &[], &[name]), NONE);
            assert_eq!(rig.set(&[(kind, name, "3", &[])]).publish(), NONE);
        }
    }
}

#[test]
fn x36_a_name_asked_for_again_is_sent_again() {
    for kind in [C, E, L, R] {
        let mut rig = two(kind);
        rig.sub(kind, &["A"], &[]);
        rig.ack(kind);
        assert_eq!(rig.sub(kind, &["A"], &[]), [format!("{} A", kind.noun())]);
    }
}

#[test]
fn x36_also_under_the_wildcard_and_the_wildcard_itself() {
    let mut rig = two(C);
    assert_eq!(rig.sub(C, &["*"], &[]), ["cluster A B"]);
    rig.ack(C);
    assert_eq!(rig.sub(C, &["A"], &[]), ["cluster A"]);
    rig.ack(C);
    assert_eq!(rig.sub(C, &["*"], &[]), ["cluster A B"]);
}

#[test]
fn x36_asked_again_while_in_flight() {
    let mut rig = two(R);
    rig.sub(R, &["A"], &[]);
    assert_eq!(rig.sub(R, &["A"], &[]), NONE);
    assert_eq!(rig.ack(R), ["route configuration A"]);
    assert_eq!(rig.ack(R), NONE);
}

#[test]
fn xc25_what_the_client_brings_along() {
    for (kind, names, expected) in [
        (C, &[][..], "cluster B E -D -F"),
        (L, &["*"], "listener B E -D -F"),
        (R, &["A", "B", "D", "E"], "route configuration B E -D"),
    ] {
        let mut rig = Rig::with(Delta, Service::Only(kind), "envoy");
        rig.set(&[
            (kind, "A", "1", &[]),
            (kind, "B", "2", &[]),
            (kind, "E", "1", &[]),
        ]);
        rig.publish();
        let equal = rig.version_of(kind, "A");
        let initial = [
            ("A", equal.as_str()),
            ("B", "an older one"),
            ("D", "gone"),
            ("F", "gone too"),
        ];
        assert_eq!(rig.bring(kind, names, &initial), [expected]);
        rig.ack(kind);
        let pushed = rig.set(&[(kind, "A", "2", &[])]).publish();
        assert_eq!(pushed, [format!("{} A", kind.noun())]);
    }
}

#[test]
fn x38_what_is_gone_is_removed() {
    let mut rig = Rig::with(Delta, Service::Only(C), "envoy");
    rig.publish();
    assert_eq!(rig.bring(C, &[], &[("A", "old")]), ["cluster -A"]);
}

#[test]
fn x54_what_a_reconnecting_client_may_still_route_to_stays_a_while() {
    let mut rig = Rig::new(Delta);
    rig.set(&[(L, "l", "1", &[(R, "r")]), (R, "r", "2", &[])])
        .publish();
    assert_eq!(
        rig.bring(C, &[], &[("old", "1")]),
        ["cluster"],
        "not removed yet"
    );
    rig.ack(C);
    let version = rig.version_of(L, "l");
    assert_eq!(rig.bring(L, &[], &[("l", &version)]), ["listener"]);
    rig.ack(L);
    assert_eq!(
        rig.bring(R, &["r"], &[("r", "1")]),
        ["route configuration r"]
    );
    assert_eq!(rig.ack(R), ["cluster -old"], "the route to it is replaced");

    let mut rig = Rig::new(Delta);
    rig.publish();
    rig.bring(C, &[], &[("old", "1")]);
    rig.ack(C);
    assert!(rig.stream.deadline().is_some());
    assert_eq!(rig.wait(4), NONE);
    assert_eq!(rig.wait(1), ["cluster -old"]);
}

#[test]
fn x37_only_a_first_request_spares_resending() {
    let mut rig = two(R);
    let version = rig.version_of(R, "A");
    assert_eq!(rig.bring(R, &["A"], &[("A", &version)]), NONE);
    assert_eq!(
        rig.bring(R, &["B"], &[("B", &version)]),
        ["route configuration B"]
    );
    rig.ack(R);
    assert_eq!(
        rig.bring(R, &["A"], &[("A", &version)]),
        ["route configuration A"]
    );
}

#[test]
fn x39_endpoints_are_sent_again_after_reconnecting() {
    let mut rig = two(E);
    let version = rig.version_of(E, "A");
    assert_eq!(
        rig.bring(E, &["A", "B"], &[("A", &version)]),
        ["endpoints A B"]
    );
}

#[test]
fn x40_absence_is_said_once_and_watched() {
    let mut rig = two(C);
    rig.sub(C, &["X"], &[]);
    assert_eq!(rig.got[0].removed, ["X"]);
    rig.ack(C);
    assert_eq!(rig.publish(), NONE);
    assert_eq!(rig.set(&[(C, "X", "1", &[])]).publish(), ["cluster X"]);
}

#[test]
fn xc22_wildcard_walk() {
    let mut rig = two(C);
    assert_eq!(rig.sub(C, &[], &[]), ["cluster A B"]);
    rig.ack(C);
    assert_eq!(rig.sub(C, &["A"], &[]), ["cluster A"]);
    rig.ack(C);
    assert_eq!(
        rig.set(&[(C, "B", "2", &[])]).publish(),
        ["cluster B"],
        "X41"
    );
    rig.ack(C);
    assert_eq!(rig.sub(C, &[], &["*"]), NONE);
    assert_eq!(
        rig.set(&[(C, "A", "2", &[]), (C, "B", "3", &[])]).publish(),
        ["cluster A"]
    );
    rig.ack(C);
    assert_eq!(rig.sub(C, &[], &["A"]), NONE);
    assert_eq!(rig.set(&[(C, "A", "3", &[])]).publish(), NONE);
}

#[test]
fn x42_subscribe_first_then_unsubscribe() {
    let mut rig = two(C);
    assert_eq!(
        rig.sub(C, &["*"], &["*"]),
        NONE,
        "how istio clients start with nothing"
    );
    assert_eq!(rig.sub(C, &["A"], &["A"]), NONE);
    assert_eq!(rig.set(&[(C, "A", "2", &[])]).publish(), NONE);
    assert_eq!(rig.sub(C, &["B"], &[]), ["cluster B"]);
}

#[test]
fn x43_leaving_a_name_under_the_wildcard_is_answered() {
    let mut rig = two(C);
    rig.sub(C, &["*", "A", "X"], &[]);
    rig.ack(C);
    assert_eq!(rig.sub(C, &[], &["A"]), ["cluster A"], "still covered");
    rig.ack(C);
    assert_eq!(rig.sub(C, &[], &["X"]), ["cluster -X"], "not covered");
    rig.ack(C);
    assert_eq!(rig.sub(C, &[], &["phantom"]), NONE);
}

#[test]
fn x44_a_stale_nonce_does_not_stop_a_subscription() {
    let mut rig = two(R);
    rig.sub(R, &["A"], &[]);
    rig.ack(R);
    for nonce in ["", "stale"] {
        let mut request = rig.delta(R);
        request.response_nonce = nonce.into();
        request.resource_names_subscribe = vec!["B".into()];
        assert_eq!(rig.request(request), ["route configuration B"]);
        rig.ack(R);
    }
}

#[test]
fn x45_the_first_wildcard_request_is_answered_even_with_nothing() {
    for kind in [C, L] {
        for names in [&[][..], &["*"]] {
            let mut rig = Rig::new(Delta);
            rig.publish();
            assert_eq!(rig.sub(kind, names, &[]), [kind.noun()]);
            assert_eq!(rig.ack(kind), NONE);
        }
    }
    let mut rig = two(C);
    let versions = ["A", "B"].map(|name| (name, rig.version_of(C, name)));
    let initial = versions.each_ref().map(|(n, v)| (*n, v.as_str()));
    assert_eq!(
        rig.bring(C, &[], &initial),
        ["cluster"],
        "nothing to tell, but told"
    );
}

#[test]
fn x29_grpc_has_no_legacy_wildcard() {
    let mut rig = Rig::with(Delta, Service::Aggregated, "gRPC Java");
    rig.set(&[(L, "A", "1", &[])]).publish();
    assert_eq!(rig.sub(L, &[], &[]), NONE);
    assert_eq!(rig.sub(L, &["*"], &[]), ["listener A"]);
}

#[test]
fn x46_every_resource_has_its_version() {
    let mut rig = two(R);
    rig.sub(R, &["A"], &[]);
    assert_eq!(rig.got[0].resources[0].1, rig.version_of(R, "A"));
    assert!(!rig.got[0].version.is_empty());
}

#[test]
fn x48_large_responses_are_split_and_answered_in_turn() {
    let mut rig = Rig::new(Delta);
    let body = "x".repeat(1024 * 1024);
    let names: Vec<String> = (0..10).map(|at| format!("c{at}")).collect();
    for name in &names {
        rig.set(&[(C, name.as_str(), body.as_str(), &[])]);
    }
    rig.publish();
    let mut parts = vec![rig.sub(C, &[], &[])];
    while parts.last() != Some(&Vec::new()) {
        parts.push(rig.ack(C));
    }
    let seen: Vec<String> = rig
        .got
        .iter()
        .flat_map(|g| &g.resources)
        .map(|r| r.0.clone())
        .collect();
    assert_eq!(seen, names, "all, once, in order");
    assert!(rig.got.len() >= 3);
    for got in &rig.got {
        let size: usize = got.resources.iter().map(|r| r.2.len()).sum();
        assert!(size < 4 * 1024 * 1024);
    }
    let mut nonces: Vec<_> = rig.got.iter().map(|g| &g.nonce).collect();
    nonces.dedup();
    assert_eq!(nonces.len(), rig.got.len());
}

#[test]
fn x48_one_resource_beyond_the_bound_goes_alone() {
    let mut rig = Rig::new(Delta);
    let huge = "x".repeat(5 * 1024 * 1024);
    rig.set(&[(C, "a", &huge, &[]), (C, "b", &huge, &[])])
        .publish();
    assert_eq!(rig.sub(C, &[], &[]), ["cluster a"]);
    assert_eq!(rig.ack(C), ["cluster b"]);
}

#[test]
fn x51_what_is_replaced_leaves_with_the_last_addition() {
    let mut rig = Rig::new(Delta);
    let body = "x".repeat(3 * 1024 * 1024);
    rig.set(&[(L, "old", "1", &[])]).publish();
    rig.sub(L, &[], &[]);
    rig.ack(L);
    rig.set(&[(L, "new1", &body, &[]), (L, "new2", &body, &[])])
        .unset(L, "old");
    assert_eq!(rig.publish(), ["listener new1"]);
    assert_eq!(rig.ack(L), ["listener new2 -old"]);
}
