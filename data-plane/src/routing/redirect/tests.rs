use super::*;
use crate::{
    http::message::Scheme,
    routing::{
        action::DirectResponse, filters::FilterOverrides, path::PathKind, pattern::Substitution,
    },
};

fn route(prefix: &str, action: Action) -> Route {
    Route {
        name: "".into(),
        path: PathMatch {
            kind: PathKind::Prefix(prefix.into()),
            ignore_case: false,
        },
        conditions: [].into(),
        action,
        edits: None,
        filters: FilterOverrides::default(),
        metadata: None,
    }
}

fn head(authority: &str, path: &str, proto: Option<&str>) -> RequestHead {
    let mut head = RequestHead {
        path: path.into(),
        authority: authority.into(),
        scheme: Scheme::Http,
        ..RequestHead::default()
    };
    if let Some(proto) = proto {
        head.headers.append(b"x-forwarded-proto", proto.as_bytes());
        if proto == "https" {
            head.scheme = Scheme::Https;
        }
    }
    head
}

fn location(redirect: Redirect, prefix: &str, head: &RequestHead) -> String {
    let route = route(prefix, Action::Redirect(Box::new(redirect)));
    String::from_utf8(route.location(head).unwrap()).unwrap()
}

/// Each row was asked of Envoy 1.40.
#[test]
fn paths_are_redirected_as_in_envoy() {
    let path = |text: &str| RedirectPath::Replace(text.into());
    let prefix = |text: &str| RedirectPath::Rewrite(Rewrite::Prefix(text.into()));
    let pattern = |pattern, with| {
        RedirectPath::Rewrite(Rewrite::Pattern(
            Substitution::parse(pattern, with).unwrap(),
        ))
    };
    for (change, strip_query, own, requested, expected) in [
        (RedirectPath::Keep, false, "/", "/a?b", "/a?b"),
        (RedirectPath::Keep, true, "/", "/a?b=c", "/a"),
        (path("/new"), false, "/", "/a?b=c", "/new?b=c"),
        (path("/new"), false, "/", "/a", "/new"),
        (path("/new?x=y"), false, "/", "/a?b=c", "/new?x=y"),
        (path("/new"), true, "/", "/a?b=c", "/new"),
        (path("/new?x=y"), true, "/", "/a?b=c", "/new?x=y"),
        (path("new"), false, "/", "/a", "/new"),
        (prefix("/new"), false, "/old", "/old/x?b=c", "/new/x?b=c"),
        (prefix("/new"), false, "/old", "/older", "/newer"),
        (prefix("/new"), true, "/old", "/old/x?b=c", "/new/x"),
        (
            prefix("/new?z=1"),
            false,
            "/old",
            "/old/x?b=c",
            "/new?z=1/x?b=c",
        ),
        (
            pattern(r"/(\w+)/(\w+)", r"/\2/\1"),
            false,
            "/",
            "/a/b?c=d",
            "/b/a?c=d",
        ),
        (pattern(".*", ""), false, "/", "/a/b?c=d", "/a/b?c=d"),
        (pattern("a*", "-"), false, "/", "/baac", "/-/-b-c-"),
    ] {
        let redirect = Redirect {
            path: change,
            strip_query,
            ..Redirect::default()
        };
        let found = location(redirect.clone(), own, &head("h", requested, None));
        assert_eq!(found, format!("http://h{expected}"), "{redirect:?}");
    }
}

/// Each row was asked of Envoy 1.40.
#[test]
fn scheme_host_and_port_are_redirected_as_in_envoy() {
    for (scheme, host, port, authority, proto, expected) in [
        (None, Some("h"), None, "c:80", None, "http://h/"),
        (Some("https"), None, None, "c", None, "https://c/"),
        (Some("https"), None, None, "c:80", None, "https://c/"),
        (Some("https"), None, None, "c:443", None, "https://c:443/"),
        (Some("https"), None, None, "c:8080", None, "https://c:8080/"),
        (
            Some("https"),
            None,
            Some(8443),
            "c:80",
            None,
            "https://c:8443/",
        ),
        (
            Some("https"),
            None,
            None,
            "c:443",
            Some("https"),
            "https://c:443/",
        ),
        (
            Some("https"),
            None,
            None,
            "c:80",
            Some("https"),
            "https://c:80/",
        ),
        (Some("ftp"), None, None, "c:80", None, "ftp://c/"),
        (Some("ftp"), None, None, "c:443", Some("https"), "ftp://c/"),
        (Some("HTTP"), None, None, "c", None, "HTTP://c/"),
        (None, None, None, "c:80", None, "http://c:80/"),
        (None, None, None, "c:443", Some("https"), "https://c:443/"),
        (None, None, Some(8443), "c:9", None, "http://c:8443/"),
        (None, None, Some(65536), "c", None, "http://c:65536/"),
        (None, None, Some(1), "[::1]:9", None, "http://[::1]:1/"),
        (None, None, Some(1), "[::1]", None, "http://[::1]:1/"),
        (None, Some("h/x"), None, "c", None, "http://h/x/"),
    ] {
        let redirect = Redirect {
            scheme: scheme.map(Into::into),
            host: host.map(Into::into),
            port,
            ..Redirect::default()
        };
        let found = location(redirect.clone(), "/", &head(authority, "/", proto));
        assert_eq!(found, expected, "{redirect:?} {authority} {proto:?}");
    }
}

#[test]
fn direct_responses_that_redirect_have_a_location() {
    for (status, expected) in [
        (200, None),
        (201, Some("http://h/a?b")),
        (204, None),
        (302, Some("http://h/a?b")),
        (404, None),
    ] {
        let direct = DirectResponse {
            status,
            body: bytes::Bytes::new(),
        };
        let route = route("/", Action::Direct(Box::new(direct)));
        let found = route.location(&head("h", "/a?b", None));
        assert_eq!(found.as_deref(), expected.map(str::as_bytes), "{status}");
    }
}
