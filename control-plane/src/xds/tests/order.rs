//! Make before break across types (section 5 of the rules, scenarios XC29 to XC31).

use super::rig::*;
use crate::xds::Variant;
use crate::xds::stream::Service;

/// One service behind one route, everything confirmed.
fn running(variant: Variant) -> Rig {
    let mut rig = Rig::new(variant);
    rig.set(&[
        (C, "c1", "1", &[(E, "c1")]),
        (E, "c1", "1", &[]),
        (L, "l", "1", &[(R, "r")]),
        (R, "r", "1", &[(C, "c1")]),
    ]);
    rig.publish();
    for (kind, names) in [(C, &[][..]), (E, &["c1"]), (L, &[]), (R, &["r"])] {
        assert_eq!(rig.start(kind, names).len(), 1);
        rig.ack(kind);
    }
    assert_eq!(rig.stream.live(), Some(1));
    rig
}

/// Moves the route to a new cluster and deletes the old one, in one revision.
fn move_to_c2(rig: &mut Rig) -> Vec<String> {
    rig.set(&[
        (C, "c2", "1", &[(E, "c2")]),
        (E, "c2", "1", &[]),
        (R, "r", "2", &[(C, "c2")]),
    ]);
    rig.unset(C, "c1").unset(E, "c1").publish()
}

fn cluster_with_old(variant: Variant, new: &str) -> String {
    match variant {
        Variant::Sotw => format!("cluster c1 {new}"),
        Variant::Delta => format!("cluster {new}"),
    }
}

#[test]
fn x52_types_go_in_order() {
    for variant in BOTH {
        let mut rig = running(variant);
        rig.set(&[
            (R, "r", "2", &[(C, "c1")]),
            (L, "l", "2", &[(R, "r")]),
            (E, "c1", "2", &[]),
            (C, "c1", "2", &[(E, "c1")]),
        ]);
        let pushed = rig.publish();
        assert_eq!(
            pushed,
            [
                "cluster c1",
                "endpoints c1",
                "listener l",
                "route configuration r"
            ]
        );
    }
}

#[test]
fn x53_a_route_waits_for_its_new_cluster() {
    for variant in BOTH {
        let mut rig = running(variant);
        assert_eq!(move_to_c2(&mut rig), [cluster_with_old(variant, "c2")]);
        assert_eq!(rig.wait(5), NONE);
        assert_eq!(rig.ack(C), ["route configuration r"]);
    }
}

#[test]
fn x53_the_wait_is_bounded_and_reported() {
    for variant in BOTH {
        let mut rig = running(variant);
        move_to_c2(&mut rig);
        let deadline = rig.stream.deadline().unwrap();
        assert_eq!(deadline.duration_since(rig.now).as_secs(), 10);
        assert_eq!(rig.wait(9), NONE);
        rig.reports.clear();
        assert_eq!(rig.wait(1), ["route configuration r"]);
        assert_eq!(
            rig.reports,
            ["overdue route configuration \"r\" for cluster \"c2\""]
        );
    }
}

#[test]
fn x53_a_rejected_cluster_keeps_its_route_back() {
    for variant in BOTH {
        let mut rig = running(variant);
        move_to_c2(&mut rig);
        assert_eq!(rig.nack(C, "cluster(s) c2: no such thing"), NONE);
        assert_eq!(rig.wait(3600), NONE);
        let status = rig.stream.status().unwrap();
        let routes = status.kinds.iter().find(|k| k.kind == R).unwrap();
        assert_eq!(routes.waiting, [(key(R, "r"), key(C, "c2"))]);
        // Neither does the old cluster leave: the client still routes to it.
        assert!(rig.got.iter().all(|g| g.removed.is_empty()));
        let pushed = rig.set(&[(C, "c2", "2", &[(E, "c2")])]).publish();
        assert_eq!(pushed, [cluster_with_old(variant, "c2")]);
        assert_eq!(rig.ack(C), ["route configuration r"]);
    }
}

#[test]
fn x53_a_changed_cluster_holds_nothing_back() {
    for variant in BOTH {
        let mut rig = running(variant);
        rig.set(&[(C, "c1", "2", &[(E, "c1")]), (R, "r", "2", &[(C, "c1")])]);
        let pushed = rig.publish();
        assert_eq!(
            pushed,
            ["cluster c1", "endpoints c1", "route configuration r"]
        );
    }
}

#[test]
fn x53_only_the_route_that_waits_waits() {
    for variant in BOTH {
        let mut rig = running(variant);
        rig.set(&[(R, "s", "1", &[(C, "c1")])]).publish();
        rig.start(R, &["r", "s"]);
        rig.ack(R);
        rig.set(&[
            (C, "c2", "1", &[]),
            (R, "r", "2", &[(C, "c2")]),
            (R, "s", "2", &[(C, "c1")]),
        ]);
        let pushed = rig.publish();
        assert_eq!(pushed[1..], ["route configuration s"]);
    }
}

#[test]
fn x53_listeners_with_clusters_of_their_own_wait_too() {
    for variant in BOTH {
        let mut rig = running(variant);
        rig.set(&[(C, "c2", "1", &[]), (L, "tcp", "1", &[(C, "c2")])]);
        assert_eq!(rig.publish().len(), 1);
        let expected = match variant {
            Variant::Sotw => "listener l tcp",
            Variant::Delta => "listener tcp",
        };
        assert_eq!(rig.ack(C), [expected]);
    }
}

#[test]
fn x53_a_client_that_asks_for_clusters_after_routes_does_not_wait() {
    for variant in BOTH {
        let mut rig = Rig::with(variant, Service::Aggregated, "gRPC Go");
        rig.set(&[
            (L, "l", "1", &[(R, "r")]),
            (R, "r", "1", &[(C, "c")]),
            (C, "c", "1", &[]),
        ]);
        rig.publish();
        assert_eq!(rig.start(L, &["l"]), ["listener l"]);
        assert_eq!(rig.start(R, &["r"]), ["route configuration r"]);
        assert_eq!(rig.start(C, &["c"]), ["cluster c"]);
    }
}

#[test]
fn x56_the_first_answer_waits_rather_than_being_partial() {
    for variant in BOTH {
        let mut rig = Rig::new(variant);
        rig.set(&[
            (C, "c", "1", &[]),
            (L, "l", "1", &[(C, "c")]),
            (L, "m", "1", &[]),
        ])
        .publish();
        rig.start(C, &[]);
        assert_eq!(
            rig.start(L, &[]),
            NONE,
            "an empty answer would let the client start without it"
        );
        assert_eq!(rig.ack(C), ["listener l m"]);
    }
}

#[test]
fn x54_a_cluster_leaves_after_its_last_route() {
    for variant in BOTH {
        let mut rig = running(variant);
        move_to_c2(&mut rig);
        assert_eq!(rig.ack(C), ["route configuration r"], "c1 stays");
        let after_route = rig.ack(R);
        let expected = match variant {
            Variant::Sotw => "cluster c2 -c1",
            Variant::Delta => "cluster -c1",
        };
        assert_eq!(after_route, [expected]);
        let after_cluster = rig.ack(C);
        match variant {
            Variant::Sotw => assert_eq!(after_cluster, NONE),
            Variant::Delta => assert_eq!(after_cluster, ["endpoints -c1"]),
        }
    }
}

#[test]
fn x54_a_rejected_route_keeps_its_old_cluster() {
    for variant in BOTH {
        let mut rig = running(variant);
        move_to_c2(&mut rig);
        rig.ack(C);
        assert_eq!(rig.nack(R, "no"), NONE);
        assert_eq!(rig.wait(3600), NONE);
        assert_eq!(
            rig.set(&[(R, "r", "3", &[(C, "c2")])]).publish(),
            ["route configuration r"]
        );
        assert_eq!(rig.ack(R).len(), 1, "now c1 leaves");
    }
}

#[test]
fn x54_a_route_left_dangling_on_purpose_holds_nothing() {
    for variant in BOTH {
        let mut rig = running(variant);
        let pushed = rig.unset(C, "c1").unset(E, "c1").publish();
        assert_eq!(pushed, ["cluster -c1"]);
    }
}

#[test]
fn x54_a_route_dropped_by_the_client_lets_go() {
    for variant in BOTH {
        let mut rig = running(variant);
        rig.unset(L, "l")
            .unset(R, "r")
            .unset(C, "c1")
            .unset(E, "c1");
        assert_eq!(rig.publish(), ["listener -l"]);
        let after = rig.ack(L);
        match variant {
            Variant::Sotw => {
                assert_eq!(after, NONE);
                assert_eq!(rig.want(R, &[]), ["cluster -c1"]);
            }
            Variant::Delta => {
                assert_eq!(after, ["route configuration -r"]);
                assert_eq!(rig.ack(R), ["cluster -c1"]);
            }
        }
    }
}

#[test]
fn x54_a_removal_held_back_does_not_keep_a_revision_from_being_live() {
    let mut rig = running(Variant::Sotw);
    rig.unset(L, "l")
        .unset(R, "r")
        .unset(C, "c1")
        .unset(E, "c1")
        .publish();
    rig.ack(L);
    // A draining listener keeps the client interested in the route for minutes.
    assert_eq!(rig.stream.live(), Some(2));
    let status = rig.stream.status().unwrap();
    assert_eq!(
        status.kinds.iter().find(|k| k.kind == C).unwrap().retained,
        1
    );
}

#[test]
fn x55_endpoints_follow_every_change_of_their_cluster() {
    for variant in BOTH {
        let mut rig = running(variant);
        let pushed = rig.set(&[(C, "c1", "2", &[(E, "c1")])]).publish();
        assert_eq!(pushed, ["cluster c1", "endpoints c1"]);
        // A client that holds its confirmation until the cluster is warm is not waited for.
        rig.ack(E);
        rig.ack(C);
        assert_eq!(rig.publish(), NONE);
    }
}

#[test]
fn x55_also_when_endpoints_were_in_flight() {
    for variant in BOTH {
        let mut rig = running(variant);
        assert_eq!(rig.set(&[(E, "c1", "2", &[])]).publish(), ["endpoints c1"]);
        assert_eq!(
            rig.set(&[(C, "c1", "2", &[(E, "c1")])]).publish(),
            ["cluster c1"]
        );
        assert_eq!(rig.ack(E), ["endpoints c1"]);
        assert_eq!(rig.ack(E), NONE);
    }
}

#[test]
fn x55_a_cluster_resent_unchanged_warms_nothing() {
    let mut rig = running(Variant::Sotw);
    // The full state repeats c1.
    assert_eq!(rig.set(&[(C, "c2", "1", &[])]).publish(), ["cluster c1 c2"]);
}

#[test]
fn x56_a_known_cluster_without_endpoints_is_answered() {
    for variant in BOTH {
        let mut rig = Rig::new(variant);
        rig.set(&[(C, "c", "1", &[(E, "c")])]).publish();
        rig.start(C, &[]);
        assert_eq!(rig.start(E, &["c"]), ["endpoints c"]);
    }
}

#[test]
fn x57_nothing_is_held_for_names_not_asked_for() {
    for variant in BOTH {
        let mut rig = Rig::new(variant);
        rig.set(&[(E, "a", "1", &[]), (E, "b", "1", &[])]).publish();
        assert_eq!(rig.start(E, &["a"]), ["endpoints a"]);
    }
}

#[test]
fn x58_routes_of_a_new_listener_follow_at_once() {
    for variant in BOTH {
        let mut rig = running(variant);
        rig.set(&[(L, "m", "1", &[(R, "s")]), (R, "s", "1", &[(C, "c1")])]);
        assert_eq!(rig.publish().len(), 1, "the listener");
        // The client asks before it confirms the listener.
        let asked = rig.start(R, &["r", "s"]);
        match variant {
            Variant::Sotw => assert_eq!(asked, ["route configuration s"]),
            Variant::Delta => assert_eq!(asked, ["route configuration r s"]),
        }
    }
}

#[test]
fn x10_single_type_streams_do_not_wait_for_each_other() {
    for variant in BOTH {
        let mut rig = Rig::with(variant, Service::Only(R), "envoy");
        rig.set(&[(C, "c", "1", &[]), (R, "r", "1", &[(C, "c")])])
            .publish();
        assert_eq!(rig.start(R, &["r"]), ["route configuration r"]);
    }
}
