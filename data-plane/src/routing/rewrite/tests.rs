use std::sync::Arc;

use super::*;
use crate::routing::{
    action::{ClusterChoice, IdleTimeout},
    filters::FilterOverrides,
    path::PathKind,
    pattern::Pattern,
};

fn forward() -> Forward {
    Forward {
        clusters: ClusterChoice::Single("up".into()),
        cluster_not_found_status: 503,
        rewrite: None,
        host_rewrite: None,
        append_forwarded_host: false,
        timeout: None,
        idle_timeout: IdleTimeout::Inherit,
    }
}

fn route(kind: PathKind, rewrite: Rewrite) -> Route {
    Route {
        name: "".into(),
        path: PathMatch {
            kind,
            ignore_case: false,
        },
        conditions: [].into(),
        action: Action::Forward(Forward {
            rewrite: Some(Box::new(rewrite)),
            ..forward()
        }),
        edits: None,
        filters: FilterOverrides::default(),
        metadata: None,
    }
}

fn head(path: &str) -> RequestHead {
    RequestHead {
        path: path.into(),
        authority: b"old".into(),
        ..RequestHead::default()
    }
}

/// Each row was asked of Envoy 1.40.
#[test]
fn paths_are_rewritten_as_in_envoy() {
    let to = |text: &str| Rewrite::Prefix(text.into());
    let by = |pattern, with| Rewrite::Pattern(Substitution::parse(pattern, with).unwrap());
    let prefix = |text: &str| PathKind::Prefix(text.into());
    let pattern = || PathKind::Pattern(Arc::new(Pattern::parse("/a.*").unwrap()));
    for (kind, rewrite, path, rewritten) in [
        (prefix("/a"), to("/b"), "/a/x?q", Some("/b/x?q")),
        (prefix("/a"), to("/b"), "/a", Some("/b")),
        (prefix("/a"), to("/b"), "/abc", Some("/bbc")),
        (prefix("/a/"), to("/"), "/a/x?q", Some("/x?q")),
        (prefix("/a"), to("b"), "/a/x?q", Some("b/x?q")),
        (prefix("/a"), to("/b?c"), "/a/x?q", Some("/b?c/x?q")),
        (PathKind::Exact("/a".into()), to("/b"), "/a?q", Some("/b?q")),
        (PathKind::Separated("/a".into()), to("/"), "/a", Some("/")),
        (
            PathKind::Separated("/a".into()),
            to("/"),
            "/a/b?q",
            Some("//b?q"),
        ),
        (pattern(), to("/b"), "/a/x?q", Some("/b?q")),
        (
            prefix("/"),
            by("^/x/(.*)$", r"/\1/y"),
            "/x/1?q",
            Some("/1/y?q"),
        ),
        (prefix("/"), by("^/x/(.*)$", r"/\1/y"), "/z?q", Some("/z?q")),
        (prefix("/"), by(".*", ""), "/x/1?q", None),
    ] {
        let route = route(kind, rewrite);
        let mut out = b"leftover".to_vec();
        let changed = route.rewritten_path(&head(path), &mut out);
        let out = changed.then_some(String::from_utf8(out).unwrap());
        assert_eq!(out.as_deref(), rewritten, "{route:?} {path}");
    }
}

/// Each row was asked of Envoy 1.40.
#[test]
fn hosts_are_rewritten_as_in_envoy() {
    let header = || HostRewrite::Header(HeaderName::parse("x-h").unwrap());
    let path = || HostRewrite::Path(Substitution::parse("^/([^/]+)/.*$", r"\1.x").unwrap());
    for (rewrite, header, path, host) in [
        (HostRewrite::Literal("h:1".into()), None, "/", "h:1"),
        (header(), None, "/", "old"),
        (header(), Some(""), "/", "old"),
        (header(), Some("hh"), "/", "hh"),
        (path(), None, "/a/b?q", "a.x"),
        (path(), None, "/a", "/a"),
    ] {
        let forward = Forward {
            host_rewrite: Some(Box::new(rewrite)),
            ..forward()
        };
        let mut head = head(path);
        if let Some(value) = header {
            head.headers.append(b"x-h", value.as_bytes());
        }
        forward.rewrite_host(None, &mut head, true);
        assert_eq!(head.authority, host.as_bytes(), "{forward:?}");
        let original = head.headers.get_known(Known::XEnvoyOriginalHost);
        let expected = (host != "old").then_some(&b"old"[..]);
        assert_eq!(original, expected, "{forward:?}");
    }
}

#[test]
fn the_routes_own_host_has_the_last_word() {
    let mut head = head("/");
    forward().rewrite_host(Some("weighted"), &mut head, true);
    assert_eq!(head.authority, b"weighted");
    assert!(
        head.headers.is_empty(),
        "the choice of a cluster leaves no trace"
    );
    let forward = Forward {
        host_rewrite: Some(Box::new(HostRewrite::Literal("route".into()))),
        append_forwarded_host: true,
        ..forward()
    };
    forward.rewrite_host(Some("weighted"), &mut head, false);
    assert_eq!(head.authority, b"route");
    let forwarded = head.headers.get_known(Known::XForwardedHost);
    assert_eq!(forwarded, Some(&b"weighted"[..]));
    assert_eq!(head.headers.len(), 1, "the original was not to be kept");
}

/// Each row was asked of Envoy 1.40.
#[test]
fn the_forwarded_host_grows_by_what_is_new() {
    for (before, after) in [
        (None, "old"),
        (Some(""), "old"),
        (Some("z"), "z,old"),
        (Some("z,old"), "z,old"),
        (Some("z, old"), "z, old,old"),
        (Some("old, z"), "old, z,old"),
        (Some("old,"), "old,"),
    ] {
        let mut head = head("/");
        if let Some(value) = before {
            head.headers.append(b"x-forwarded-host", value.as_bytes());
        }
        append_forwarded_host(&mut head);
        let value = head.headers.get_known(Known::XForwardedHost).unwrap();
        assert_eq!(String::from_utf8_lossy(value), after, "{before:?}");
    }
}
