//! State of the world (section 3 of the rules, scenarios XC01 to XC12, XC21).

use super::rig::*;
use crate::xds::Variant::Sotw;

fn three(kind: crate::xds::Kind) -> Rig {
    let mut rig = Rig::new(Sotw);
    rig.set(&[
        (kind, "A", "1", &[]),
        (kind, "B", "1", &[]),
        (kind, "C", "1", &[]),
    ]);
    rig.publish();
    rig
}

#[test]
fn xc01_to_xc03_wildcard_sends_everything_every_time() {
    for kind in [C, L] {
        for first in [&[][..], &["*"]] {
            let mut rig = three(kind);
            let noun = kind.noun();
            assert_eq!(rig.want(kind, first), [format!("{noun} A B C")]);
            let v1 = rig.version(kind);
            rig.ack(kind);
            assert_eq!(
                rig.set(&[(kind, "B", "2", &[])]).publish(),
                [format!("{noun} A B C")]
            );
            assert_ne!(rig.version(kind), v1);
            rig.ack(kind);
            assert_eq!(
                rig.set(&[(kind, "D", "1", &[])]).publish(),
                [format!("{noun} A B C D")]
            );
        }
    }
}

#[test]
fn xc05_xc07_a_named_subset_comes_whole() {
    for kind in [C, L] {
        let mut rig = three(kind);
        let noun = kind.noun();
        assert_eq!(
            rig.want(kind, &["A", "C", "missing"]),
            [format!("{noun} A C")]
        );
        rig.ack(kind);
        assert_eq!(
            rig.set(&[(kind, "C", "2", &[])]).publish(),
            [format!("{noun} A C")]
        );
        rig.ack(kind);
        assert_eq!(
            rig.set(&[(kind, "B", "2", &[])]).publish(),
            NONE,
            "not asked for"
        );
        assert_eq!(
            rig.set(&[(kind, "missing", "1", &[])]).publish(),
            [format!("{noun} A C missing")]
        );
    }
}

#[test]
fn xc06_xc08_other_types_send_what_changed() {
    for kind in [R, E] {
        let mut rig = three(kind);
        let noun = kind.noun();
        assert_eq!(
            rig.want(kind, &["A", "C", "missing"]),
            [format!("{noun} A C")]
        );
        rig.ack(kind);
        assert_eq!(
            rig.set(&[(kind, "C", "2", &[])]).publish(),
            [format!("{noun} C")]
        );
        rig.ack(kind);
        assert_eq!(
            rig.set(&[(kind, "missing", "1", &[])]).publish(),
            [format!("{noun} missing")]
        );
    }
}

#[test]
fn xc09_types_do_not_disturb_each_other() {
    let mut rig = Rig::new(Sotw);
    rig.set(&[
        (C, "c", "1", &[]),
        (L, "l", "1", &[]),
        (R, "r", "1", &[]),
        (E, "e", "1", &[]),
    ]);
    rig.publish();
    for (kind, names) in [(C, &[][..]), (L, &[]), (R, &["r"]), (E, &["e"])] {
        assert_eq!(rig.want(kind, names).len(), 1);
        rig.ack(kind);
    }
    for (kind, name) in [(C, "c"), (L, "l"), (R, "r"), (E, "e")] {
        let pushed = rig.set(&[(kind, name, "2", &[])]).publish();
        assert_eq!(pushed, [format!("{} {name}", kind.noun())]);
        rig.ack(kind);
    }
}

#[test]
fn xc10_to_xc12_shrinking() {
    for kind in [C, L, R, E] {
        let mut rig = three(kind);
        let noun = kind.noun();
        assert_eq!(rig.want(kind, &["A", "B", "C"]), [format!("{noun} A B C")]);
        rig.ack(kind);
        assert_eq!(rig.want(kind, &["B"]), NONE);
        assert_eq!(
            rig.set(&[(kind, "B", "2", &[]), (kind, "A", "2", &[])])
                .publish(),
            [format!("{noun} B")]
        );
        rig.ack(kind);
        assert_eq!(rig.want(kind, &[]), NONE, "nothing is wanted any more");
        assert_eq!(rig.set(&[(kind, "B", "3", &[])]).publish(), NONE);
    }
}

#[test]
fn x25_absence_deletes() {
    for kind in [C, L] {
        let mut rig = three(kind);
        let noun = kind.noun();
        rig.want(kind, &[]);
        rig.ack(kind);
        assert_eq!(rig.unset(kind, "B").publish(), [format!("{noun} A C -B")]);
        rig.ack(kind);
        rig.unset(kind, "A").unset(kind, "C").publish();
        assert!(rig.got.last().unwrap().resources.is_empty());
    }
}

#[test]
fn x26_a_deleted_route_is_not_mentioned() {
    for kind in [R, E] {
        let mut rig = three(kind);
        rig.want(kind, &["A", "B"]);
        rig.ack(kind);
        assert_eq!(rig.unset(kind, "A").publish(), NONE);
        assert_eq!(rig.stream.live(), Some(2));
    }
}

#[test]
fn xc21_wildcard_walk() {
    let mut rig = three(C);
    assert_eq!(rig.want(C, &[]), ["cluster A B C"]);
    rig.ack(C);
    assert_eq!(rig.want(C, &["*", "A"]), NONE, "the wildcard covers it");
    assert_eq!(rig.want(C, &["A"]), NONE);
    assert_eq!(
        rig.set(&[(C, "A", "2", &[]), (C, "B", "2", &[])]).publish(),
        ["cluster A"]
    );
    rig.ack(C);
    assert_eq!(rig.want(C, &[]), NONE);
    assert_eq!(rig.set(&[(C, "A", "3", &[])]).publish(), NONE);
}

#[test]
fn x27_the_wildcard_returns_with_everything() {
    let mut rig = three(C);
    rig.want(C, &["A"]);
    rig.ack(C);
    assert_eq!(rig.want(C, &["*"]), ["cluster A B C"]);
}

#[test]
fn x28_an_empty_list_of_routes_is_no_interest() {
    for kind in [R, E] {
        let mut rig = three(kind);
        assert_eq!(rig.want(kind, &[]), NONE);
        assert_eq!(rig.set(&[(kind, "A", "2", &[])]).publish(), NONE);
        assert_eq!(rig.want(kind, &["A"]), [format!("{} A", kind.noun())]);
    }
}

#[test]
fn x29_grpc_has_no_legacy_wildcard() {
    let service = crate::xds::stream::Service::Aggregated;
    let mut rig = Rig::with(Sotw, service, "gRPC Go");
    rig.set(&[(L, "A", "1", &[])]).publish();
    assert_eq!(rig.want(L, &[]), NONE);
    assert_eq!(rig.want(L, &["A"]), ["listener A"]);
}

#[test]
fn x30_what_comes_back_is_sent_again() {
    for kind in [R, E, C, L] {
        let mut rig = three(kind);
        rig.want(kind, &["A", "B"]);
        rig.ack(kind);
        assert_eq!(rig.want(kind, &["A"]), NONE);
        let back = rig.want(kind, &["A", "B"]);
        let expected = if kind.is_full_state() { "A B" } else { "B" };
        assert_eq!(back, [format!("{} {expected}", kind.noun())]);
    }
}

#[test]
fn x30_also_while_a_response_is_in_flight() {
    let mut rig = three(R);
    rig.want(R, &["A", "B"]);
    let nonce = rig.nonce(R);
    let mut request = rig.sotw(R, None);
    request.response_nonce = String::new();
    request.resource_names = vec!["A".into()];
    rig.request(request.clone());
    request.resource_names = vec!["A".into(), "B".into()];
    rig.request(request.clone());
    request.response_nonce = nonce;
    assert_eq!(rig.request(request), ["route configuration B"]);
}

#[test]
fn x31_a_new_name_is_sent_at_an_old_version() {
    let mut rig = three(R);
    rig.want(R, &["A"]);
    rig.ack(R);
    assert_eq!(rig.want(R, &["A", "B"]), ["route configuration B"]);
}

#[test]
fn x32_only_a_wildcard_of_equal_content_is_spared() {
    for (kind, names, spared) in [
        (C, &[][..], true),
        (L, &["*"], true),
        (C, &["A", "B", "C"], false),
        (C, &["*", "A"], false),
        (R, &["A", "B", "C"], false),
        (E, &["A", "B", "C"], false),
    ] {
        let mut rig = three(kind);
        rig.want(kind, names);
        rig.ack(kind);
        rig.reconnect();
        assert_eq!(rig.want(kind, names).is_empty(), spared, "{kind} {names:?}");
        assert!(!rig.set(&[(kind, "B", "2", &[])]).publish().is_empty() || !spared);
    }
    let mut rig = three(C);
    rig.want(C, &[]);
    rig.ack(C);
    rig.reconnect();
    rig.set(&[(C, "B", "2", &[])]).publish();
    assert_eq!(rig.want(C, &[]), ["cluster A B C"]);
}

#[test]
fn x33_the_first_request_is_answered_even_with_nothing() {
    for kind in [C, L] {
        for names in [&[][..], &["missing"]] {
            let mut rig = Rig::new(Sotw);
            rig.publish();
            assert_eq!(rig.want(kind, names), [kind.noun()]);
            assert_eq!(rig.ack(kind), NONE);
        }
    }
}
