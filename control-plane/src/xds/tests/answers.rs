//! Confirmations, rejections and nonces (section 2 of the rules).

use super::rig::*;
use crate::xds::Variant;
use crate::xds::status::{KindStatus, State};

fn kind_status(rig: &Rig, kind: crate::xds::Kind) -> KindStatus {
    let status = rig.stream.status().unwrap();
    status.kinds.into_iter().find(|k| k.kind == kind).unwrap()
}

#[test]
fn x15_nonces_are_unique_and_not_empty() {
    for variant in BOTH {
        let mut rig = Rig::new(variant);
        for body in ["1", "2", "3"] {
            rig.set(&[(C, "a", body, &[]), (L, "l", body, &[])])
                .publish();
            if body == "1" {
                rig.start(C, &[]);
                rig.start(L, &[]);
            }
            rig.ack(C);
            rig.ack(L);
        }
        let mut nonces: Vec<_> = rig.got.iter().map(|got| got.nonce.clone()).collect();
        assert_eq!(nonces.len(), 6);
        nonces.sort();
        nonces.dedup();
        assert_eq!(nonces.len(), 6);
        assert!(nonces.iter().all(|nonce| !nonce.is_empty()));
    }
}

#[test]
fn x16_a_first_request_may_carry_an_old_nonce() {
    let mut rig = Rig::new(Variant::Sotw);
    rig.set(&[(C, "a", "1", &[])]).publish();
    let mut request = rig.sotw(C, Some("from an earlier stream"));
    request.response_nonce = "7".into();
    request.version_info = "x".into();
    assert_eq!(rig.request(request), ["cluster a"]);
    assert!(rig.reports.is_empty());
}

#[test]
fn x17_only_error_detail_rejects() {
    let mut rig = Rig::new(Variant::Sotw);
    rig.set(&[(C, "a", "1", &[])]).publish();
    rig.want(C, &[]);
    let mut request = rig.sotw(C, None);
    request.version_info = "some older version".into();
    rig.request(request);
    assert_eq!(rig.reports[0], "acked cluster");
}

#[test]
fn x18_nack_is_not_resent() {
    for variant in BOTH {
        let mut rig = Rig::new(variant);
        rig.set(&[(L, "l", "bad", &[]), (L, "m", "1", &[])])
            .publish();
        rig.start(L, &[]);
        assert_eq!(rig.nack(L, "Error adding/updating listener(s) l: no"), NONE);
        assert_eq!(rig.ack(L), NONE);
        assert_eq!(rig.publish(), NONE, "a revision without a difference");
        assert_eq!(rig.set(&[(C, "c", "1", &[])]).publish(), NONE);
        assert_eq!(rig.wait(3600), NONE);
        assert_eq!(rig.set(&[(L, "l", "good", &[])]).publish().len(), 1);
        rig.ack(L);
        assert_eq!(kind_status(&rig, L).state, State::Synced);
    }
}

#[test]
fn x18_going_back_to_the_last_good_content_is_a_change() {
    for variant in BOTH {
        let mut rig = Rig::new(variant);
        rig.set(&[(L, "l", "good", &[])]).publish();
        rig.start(L, &[]);
        rig.ack(L);
        assert_eq!(rig.set(&[(L, "l", "bad", &[])]).publish(), ["listener l"]);
        rig.nack(L, "no");
        assert_eq!(rig.set(&[(L, "l", "good", &[])]).publish(), ["listener l"]);
        rig.ack(L);
        assert_eq!(kind_status(&rig, L).state, State::Synced);
    }
}

#[test]
fn x19_what_is_sent_confirmed_and_rejected_is_told_apart() {
    for variant in BOTH {
        let mut rig = Rig::new(variant);
        rig.set(&[(L, "l", "1", &[]), (L, "m", "1", &[])]).publish();
        rig.start(L, &[]);
        let of = |rig: &Rig, name: &str| rig.stream.delivery(&key(L, name));
        let one = Some(crate::xds::Version::of(b"1"));
        let second = crate::xds::Version::of(b"2");
        let two = Some(second);
        assert_eq!((of(&rig, "l").sent, of(&rig, "l").acked), (one, None));
        rig.ack(L);
        assert_eq!((of(&rig, "l").sent, of(&rig, "l").acked), (one, one));

        rig.set(&[(L, "l", "2", &[]), (L, "m", "2", &[])]).publish();
        assert_eq!((of(&rig, "l").sent, of(&rig, "l").acked), (two, one));
        rig.nack(L, "listener(s) l: no");
        assert_eq!((of(&rig, "l").sent, of(&rig, "l").acked), (two, one));
        assert_eq!(of(&rig, "l").nacked.unwrap().0, second);
        // The sibling that the text does not name counts as applied.
        assert_eq!((of(&rig, "m").sent, of(&rig, "m").acked), (two, two));
        assert_eq!(of(&rig, "m").nacked, None);
    }
}

#[test]
fn x19_a_rejection_without_names_covers_its_response() {
    for variant in BOTH {
        let mut rig = Rig::new(variant);
        rig.set(&[(L, "l", "1", &[]), (L, "m", "1", &[])]).publish();
        rig.start(L, &[]);
        rig.nack(L, "it would not work");
        for name in ["l", "m"] {
            let delivery = rig.stream.delivery(&key(L, name));
            assert_eq!(delivery.acked, None);
            assert!(delivery.nacked.is_some());
        }
        assert!(!kind_status(&rig, L).rejections[0].attributed);
    }
}

#[test]
fn x20_the_confirmed_version_may_be_rejected_when_asked_for_anew() {
    let mut rig = Rig::new(Variant::Delta);
    rig.set(&[(R, "r", "1", &[])]).publish();
    rig.sub(R, &["r"], &[]);
    rig.ack(R);
    assert_eq!(rig.sub(R, &["r"], &[]), ["route configuration r"]);
    assert_eq!(rig.nack(R, "not now"), NONE);
    let delivery = rig.stream.delivery(&key(R, "r"));
    assert_eq!(delivery.acked, delivery.nacked.map(|(version, _)| version));
    assert_eq!(kind_status(&rig, R).state, State::Nacked);
    assert_eq!(
        rig.set(&[(R, "r", "2", &[])]).publish(),
        ["route configuration r"]
    );
    rig.ack(R);
    assert_eq!(kind_status(&rig, R).state, State::Synced);
}

#[test]
fn x21_a_stale_nonce_counts_only_as_subscription() {
    let mut rig = Rig::new(Variant::Sotw);
    rig.set(&[(R, "a", "1", &[]), (R, "b", "1", &[])]).publish();
    rig.want(R, &["a"]);
    rig.ack(R);
    rig.reports.clear();
    rig.set(&[(R, "a", "2", &[])]).publish();

    for (nonce, error) in [
        ("stale", None),
        ("stale", Some("no")),
        ("", None),
        ("", Some("no")),
    ] {
        let mut request = rig.sotw(R, error);
        request.response_nonce = nonce.into();
        assert_eq!(
            rig.request(request),
            NONE,
            "the newest response is on its way"
        );
    }
    assert!(rig.reports.is_empty(), "{:?}", rig.reports);

    let mut request = rig.sotw(R, None);
    request.response_nonce = "stale".into();
    request.resource_names = vec!["a".into(), "b".into()];
    assert_eq!(rig.request(request), NONE);
    // The subscription took effect: it shows as soon as the response in flight is answered.
    let mut request = rig.sotw(R, None);
    request.resource_names = vec!["a".into(), "b".into()];
    assert_eq!(rig.request(request), ["route configuration b"]);
}

#[test]
fn x22_one_response_in_flight_and_the_newest_behind_it() {
    for variant in BOTH {
        let mut rig = Rig::new(variant);
        rig.set(&[(C, "a", "1", &[]), (L, "l", "1", &[])]).publish();
        assert_eq!(rig.start(C, &[]), ["cluster a"]);
        for body in ["2", "3", "4"] {
            assert_eq!(rig.set(&[(C, "a", body, &[])]).publish(), NONE);
        }
        // Another kind is not held up.
        assert_eq!(rig.start(L, &[]), ["listener l"]);
        assert_eq!(rig.ack(C), ["cluster a"]);
        assert_eq!(rig.got.last().unwrap().resources[0].2, b"4");
        assert_eq!(rig.ack(C), NONE);
    }
}

#[test]
fn x22_the_response_behind_asks_what_is_wanted_now() {
    let mut rig = Rig::new(Variant::Sotw);
    rig.set(&[(R, "a", "1", &[]), (R, "b", "1", &[])]).publish();
    assert_eq!(rig.want(R, &["a", "b"]).len(), 1);
    rig.set(&[(R, "a", "2", &[]), (R, "b", "2", &[])]).publish();
    assert_eq!(rig.want(R, &["a"]), ["route configuration a"]);
}

#[test]
fn x23_a_rejection_stops_neither_other_types_nor_siblings() {
    for variant in BOTH {
        let mut rig = Rig::new(variant);
        rig.set(&[(C, "bad", "1", &[]), (C, "c", "1", &[]), (L, "l", "1", &[])])
            .publish();
        rig.start(C, &[]);
        rig.nack(C, "cluster(s) bad: no");
        assert_eq!(rig.start(L, &[]), ["listener l"]);
        let sibling = rig.set(&[(C, "c", "2", &[])]).publish();
        let expected = match variant {
            Variant::Sotw => "cluster bad c",
            Variant::Delta => "cluster c",
        };
        assert_eq!(sibling, [expected]);
        rig.nack(C, "cluster(s) bad: no");
        let fixed = rig.set(&[(C, "bad", "2", &[])]).publish();
        let expected = match variant {
            Variant::Sotw => "cluster bad c",
            Variant::Delta => "cluster bad",
        };
        assert_eq!(fixed, [expected], "a corrected version goes out at once");
    }
}

#[test]
fn x24_a_new_stream_starts_from_its_requests() {
    for variant in BOTH {
        let mut rig = Rig::new(variant);
        rig.set(&[(R, "r", "bad", &[])]).publish();
        rig.start(R, &["r"]);
        rig.nack(R, "no");
        rig.reconnect();
        assert_eq!(rig.start(R, &["r"]), ["route configuration r"]);
    }
}

#[test]
fn xm02_a_rejection_leads_to_the_operators_object() {
    for variant in BOTH {
        let mut rig = Rig::new(variant);
        rig.set(&[(L, "a", "1", &[]), (L, "b", "1", &[])]).publish();
        rig.start(L, &[]);
        rig.nack(L, "resource \"b\": address: must not be empty");
        let status = kind_status(&rig, L);
        assert_eq!(status.state, State::Nacked);
        let [rejection] = status.rejections.as_slice() else {
            panic!("{status:?}");
        };
        assert_eq!(
            &*rejection.text,
            "resource \"b\": address: must not be empty"
        );
        let [resource] = rejection.resources.as_slice() else {
            panic!("{rejection:?}");
        };
        assert_eq!(&*resource.name, "b");
        assert_eq!(
            resource.provenance.to_string(),
            "EnvoyResources \"raw\" (edge.yaml:2:1)"
        );
        // The same content, one line further down.
        rig.set(&[(C, "above", "1", &[])]).publish();
        let status = kind_status(&rig, L);
        assert_eq!(status.rejections[0].resources[0].provenance.line, 3);
    }
}

#[test]
fn xm03_a_revision_is_live_when_all_of_it_is_confirmed() {
    for variant in BOTH {
        let mut rig = Rig::new(variant);
        rig.set(&[
            (C, "c", "1", &[(E, "c")]),
            (L, "l", "1", &[(R, "r")]),
            (R, "r", "1", &[(C, "c")]),
        ]);
        rig.publish();
        for (kind, names) in [(C, &[][..]), (E, &["c"]), (L, &[]), (R, &["r"])] {
            rig.start(kind, names);
            assert_eq!(rig.stream.live(), None, "{kind} is on its way");
            rig.ack(kind);
        }
        assert_eq!(rig.stream.live(), Some(1));
        rig.publish();
        assert_eq!(rig.stream.live(), Some(2), "nothing differs");
        rig.set(&[(R, "r", "bad", &[(C, "c")])]).publish();
        rig.nack(R, "no");
        assert_eq!(rig.stream.live(), Some(2));
        rig.set(&[(C, "c", "2", &[(E, "c")])]).publish();
        rig.ack(C);
        rig.ack(E);
        assert_eq!(rig.stream.live(), Some(2), "the route is still refused");
        rig.set(&[(R, "r", "1", &[(C, "c")])]).publish();
        rig.ack(R);
        assert_eq!(rig.stream.live(), Some(5));
    }
}
