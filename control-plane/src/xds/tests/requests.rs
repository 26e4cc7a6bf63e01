//! Who may ask, and for what (section 1 of the rules).

use super::rig::*;
use crate::xds::pb::envoy::service::discovery::v3 as discovery;
use crate::xds::stream::{CloseReason, Service};
use crate::xds::{Kind, Limits, Variant};

#[test]
fn x03_an_aggregated_stream_needs_a_type() {
    for variant in BOTH {
        let mut rig = Rig::new(variant);
        let closed = match variant {
            Variant::Sotw => rig.request(discovery::DiscoveryRequest {
                node: Some(node("n1", "envoy")),
                ..Default::default()
            }),
            Variant::Delta => rig.request(discovery::DeltaDiscoveryRequest {
                node: Some(node("n1", "envoy")),
                ..Default::default()
            }),
        };
        assert_eq!(closed, ["closed: InvalidArgument"]);
    }
}

#[test]
fn x03_a_single_type_stream_implies_its_type_and_refuses_others() {
    let mut rig = Rig::with(Variant::Sotw, Service::Only(C), "envoy");
    rig.set(&[(C, "a", "1", &[])]).publish();
    let request = discovery::DiscoveryRequest {
        node: Some(node("n1", "envoy")),
        ..Default::default()
    };
    assert_eq!(rig.request(request), ["cluster a"]);
    assert_eq!(rig.want(L, &[]), ["closed: InvalidArgument"]);
}

#[test]
fn x04_the_first_request_names_its_node() {
    for bad in [None, Some(node("", "envoy"))] {
        let mut rig = Rig::new(Variant::Delta);
        let request = discovery::DeltaDiscoveryRequest {
            node: bad,
            ..rig.delta(C)
        };
        assert_eq!(rig.request(request), ["closed: InvalidArgument"]);
    }
}

#[test]
fn x04_later_requests_need_no_node() {
    let mut rig = Rig::new(Variant::Sotw);
    rig.set(&[(C, "a", "1", &[]), (L, "l", "1", &[])]).publish();
    assert_eq!(rig.want(C, &[]), ["cluster a"]);
    assert!(rig.sotw(L, None).node.is_none());
    assert_eq!(rig.want(L, &[]), ["listener l"]);
}

#[test]
fn x05_a_node_may_repeat_itself_but_not_change() {
    let mut rig = Rig::new(Variant::Sotw);
    rig.publish();
    rig.want(C, &[]);
    let mut same = rig.sotw(C, None);
    same.node = Some(node("n1", "something else"));
    assert_eq!(rig.request(same), NONE);
    let mut other_cluster = node("n1", "envoy");
    other_cluster.cluster = "elsewhere".into();
    for other in [node("n2", "envoy"), other_cluster] {
        let mut changed = rig.sotw(C, None);
        changed.node = Some(other);
        assert_eq!(rig.request(changed), ["closed: InvalidArgument"]);
    }
}

#[test]
fn x06_an_unknown_type_ends_nothing() {
    let unknown = "type.googleapis.com/example.Unheard";
    let mut rig = Rig::new(Variant::Sotw);
    rig.set(&[(C, "a", "1", &[])]).publish();
    for _ in 0..2 {
        let mut request = rig.sotw(C, None);
        request.type_url = unknown.into();
        request.resource_names = vec!["x".into()];
        assert_eq!(rig.request(request), NONE);
    }
    assert_eq!(rig.reports, [format!("unknown {unknown}")], "said once");
    assert_eq!(rig.want(C, &[]), ["cluster a"]);

    let mut rig = Rig::new(Variant::Delta);
    rig.publish();
    let mut request = rig.delta(C);
    request.type_url = unknown.into();
    request.resource_names_subscribe = vec!["x".into(), "x".into(), "b".into()];
    assert_eq!(rig.request(request), [format!("{unknown} -b -x")]);
    assert!(!rig.got[0].nonce.is_empty());
}

#[test]
fn x07_a_pure_ack_gets_no_answer() {
    for variant in BOTH {
        let mut rig = Rig::new(variant);
        rig.set(&[(C, "a", "1", &[])]).publish();
        assert_eq!(rig.start(C, &[]), ["cluster a"]);
        assert_eq!(rig.ack(C), NONE);
        assert_eq!(rig.ack(C), NONE);
    }
}

#[test]
fn x08_a_name_counts_once() {
    let mut rig = Rig::new(Variant::Sotw);
    rig.set(&[(R, "r", "1", &[])]).publish();
    assert_eq!(rig.want(R, &["r", "r"]), ["route configuration r"]);
    let mut rig = Rig::new(Variant::Delta);
    rig.set(&[(R, "r", "1", &[])]).publish();
    assert_eq!(rig.sub(R, &["r", "r"], &[]), ["route configuration r"]);
}

#[test]
fn x09_what_does_not_exist_is_delivered_when_it_does() {
    let mut rig = Rig::new(Variant::Sotw);
    rig.publish();
    assert_eq!(rig.want(R, &["r"]), NONE);
    assert_eq!(
        rig.set(&[(R, "r", "1", &[])]).publish(),
        ["route configuration r"]
    );
    let mut rig = Rig::new(Variant::Delta);
    rig.publish();
    assert_eq!(rig.sub(R, &["r"], &[]), ["route configuration -r"]);
    rig.ack(R);
    assert_eq!(
        rig.set(&[(R, "r", "1", &[])]).publish(),
        ["route configuration r"]
    );
}

#[test]
fn x11_another_server_gives_the_same_versions() {
    let mut versions = Vec::new();
    for _ in 0..2 {
        let mut rig = Rig::new(Variant::Delta);
        rig.set(&[(C, "a", "1", &[]), (C, "b", "1", &[])]).publish();
        rig.start(C, &[]);
        let each: Vec<_> = rig.got[0].resources.iter().map(|r| r.1.clone()).collect();
        versions.push((rig.version(C), each));
    }
    assert_eq!(versions[0], versions[1]);
}

#[test]
fn x81_too_much_is_refused() {
    let limits = Limits::default();
    let long = "n".repeat(limits.name_len + 1);
    let many: Vec<String> = (0..=limits.names).map(|at| at.to_string()).collect();
    let refused = ["closed: ResourceExhausted"];

    for names in [vec![long.clone()], many.clone()] {
        let mut rig = Rig::new(Variant::Sotw);
        let mut request = rig.sotw(C, None);
        request.resource_names = names.clone();
        assert_eq!(rig.request(request), refused);

        let mut rig = Rig::new(Variant::Delta);
        let mut request = rig.delta(C);
        request.resource_names_subscribe = names.clone();
        assert_eq!(rig.request(request), refused);

        let mut rig = Rig::new(Variant::Delta);
        let mut request = rig.delta(C);
        request.resource_names_unsubscribe = names;
        assert_eq!(rig.request(request), refused);
    }

    let mut rig = Rig::new(Variant::Delta);
    let mut request = rig.delta(C);
    request.initial_resource_versions = (0..=limits.initial)
        .map(|at| (at.to_string(), String::new()))
        .collect();
    assert_eq!(rig.request(request), refused);

    // Neither may a subscription grow without bound by small steps.
    let mut rig = Rig::new(Variant::Delta);
    let (first, rest) = many.split_at(many.len() / 2);
    for (names, refusal) in [(first, false), (rest, true)] {
        let mut request = rig.delta(R);
        request.resource_names_subscribe = names.to_vec();
        rig.request(request);
        assert_eq!(
            rig.closed.as_ref().map(|c| c.reason),
            refusal.then_some(CloseReason::ResourceExhausted)
        );
    }
}

#[test]
fn x10_streams_of_one_node_are_independent() {
    let mut one = Rig::new(Variant::Delta);
    let mut two = Rig::new(Variant::Delta);
    for rig in [&mut one, &mut two] {
        rig.set(&[(R, "a", "1", &[]), (R, "b", "1", &[])]).publish();
    }
    assert_eq!(one.sub(R, &["a"], &[]), ["route configuration a"]);
    assert_eq!(two.sub(R, &["b"], &[]), ["route configuration b"]);
    for (rig, expected) in [(&mut one, "a"), (&mut two, "b")] {
        rig.ack(R);
        rig.set(&[(R, "a", "2", &[]), (R, "b", "2", &[])]);
        assert_eq!(rig.publish(), [format!("route configuration {expected}")]);
    }
}

#[test]
fn types_beyond_the_usual_four_are_served() {
    for kind in [
        Kind::Secret,
        Kind::Runtime,
        Kind::Extension,
        Kind::ScopedRoute,
    ] {
        for variant in BOTH {
            let mut rig = Rig::new(variant);
            rig.set(&[(kind, "x", "1", &[]), (kind, "y", "1", &[])])
                .publish();
            assert_eq!(rig.start(kind, &["x"]), [format!("{} x", kind.noun())]);
            rig.ack(kind);
            assert_eq!(rig.set(&[(kind, "y", "2", &[])]).publish(), NONE);
        }
    }
}
