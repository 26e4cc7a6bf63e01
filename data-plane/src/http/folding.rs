//! Headers of which Envoy keeps one: what comes again is joined to it with a comma.
//!
//! Envoy gives some headers a fixed place in its header maps. A message that brings one of them several times
//! is forwarded with one, and so is a value that configuration appends; matchers and logs see the joined
//! value. Other headers stay as many as they were. The lists are those of Envoy 1.40, found by sending each
//! header twice through it; `host`, `content-length` and `transfer-encoding` are the codecs' own business.

use std::borrow::Cow;

use portway_shared::format::Message;

use super::{headers::Headers, name::HeaderName};

/// In ascending order.
const REQUEST: &[&str] = &[
    "accept",
    "accept-encoding",
    "access-control-request-headers",
    "access-control-request-method",
    "access-control-request-private-network",
    "authorization",
    "cache-control",
    "cdn-loop",
    "connection",
    "content-encoding",
    "content-length",
    "content-type",
    "expect",
    "grpc-accept-encoding",
    "grpc-timeout",
    "if-match",
    "if-modified-since",
    "if-none-match",
    "if-range",
    "if-unmodified-since",
    "keep-alive",
    "origin",
    "pragma",
    "proxy-connection",
    "proxy-status",
    "referer",
    "te",
    "transfer-encoding",
    "upgrade",
    "user-agent",
    "via",
    "x-client-trace-id",
    "x-envoy-attempt-count",
    "x-envoy-decorator-operation",
    "x-envoy-downstream-service-cluster",
    "x-envoy-downstream-service-node",
    "x-envoy-expected-rq-timeout-ms",
    "x-envoy-external-address",
    "x-envoy-force-trace",
    "x-envoy-hedge-on-per-try-timeout",
    "x-envoy-internal",
    "x-envoy-ip-tags",
    "x-envoy-is-timeout-retry",
    "x-envoy-max-retries",
    "x-envoy-original-host",
    "x-envoy-original-path",
    "x-envoy-original-url",
    "x-envoy-retriable-header-names",
    "x-envoy-retriable-status-codes",
    "x-envoy-retry-grpc-on",
    "x-envoy-retry-on",
    "x-envoy-upstream-alt-stat-name",
    "x-envoy-upstream-rq-per-try-timeout-ms",
    "x-envoy-upstream-rq-timeout-alt-response",
    "x-envoy-upstream-rq-timeout-ms",
    "x-envoy-upstream-stream-duration-ms",
    "x-forwarded-client-cert",
    "x-forwarded-for",
    "x-forwarded-host",
    "x-forwarded-port",
    "x-forwarded-proto",
    "x-request-id",
];

/// In ascending order.
const RESPONSE: &[&str] = &[
    "access-control-allow-credentials",
    "access-control-allow-headers",
    "access-control-allow-methods",
    "access-control-allow-origin",
    "access-control-allow-private-network",
    "access-control-expose-headers",
    "access-control-max-age",
    "age",
    "cache-control",
    "connection",
    "content-encoding",
    "content-length",
    "content-type",
    "date",
    "etag",
    "expires",
    "grpc-message",
    "grpc-status",
    "keep-alive",
    "last-modified",
    "location",
    "proxy-connection",
    "proxy-status",
    "server",
    "transfer-encoding",
    "upgrade",
    "vary",
    "via",
    "x-envoy-attempt-count",
    "x-envoy-decorator-operation",
    "x-envoy-degraded",
    "x-envoy-immediate-health-check-fail",
    "x-envoy-ratelimited",
    "x-envoy-upstream-canary",
    "x-envoy-upstream-healthchecked-cluster",
    "x-envoy-upstream-service-time",
    "x-request-id",
];

/// Whether a message has at most one of this header. The name is in lower case.
pub fn folds(message: Message, name: &[u8]) -> bool {
    let names = match message {
        Message::Request => REQUEST,
        Message::Response => RESPONSE,
        Message::ResponseTrailers => return false,
    };
    names
        .binary_search_by(|folded| folded.as_bytes().cmp(name))
        .is_ok()
}

/// Adds a value: to the header that is there, or as a new one.
pub fn append(headers: &mut Headers, message: Message, name: &HeaderName, value: &[u8]) {
    match headers.get(name) {
        Some(present) if folds(message, name.as_str().as_bytes()) => {
            let joined = [present, b",", value].concat();
            headers.replace(name, &joined);
        }
        Some(_) | None => headers.append_name(name, value),
    }
}

/// Overwrites a header: in its place if it folds, at the end if not.
pub fn set(headers: &mut Headers, message: Message, name: &HeaderName, value: &[u8]) {
    if folds(message, name.as_str().as_bytes()) {
        headers.replace(name, value);
    } else {
        headers.set(name, value);
    }
}

/// Joins the values of headers that came several times and fold.
pub fn fold(headers: &mut Headers, message: Message) {
    if !may_repeat(headers) {
        return;
    }
    let mut repeated: Vec<HeaderName> = Vec::new();
    for (place, field) in headers.iter().enumerate() {
        let earlier = headers
            .iter()
            .take(place)
            .any(|other| other.name == field.name);
        if earlier && folds(message, field.name) {
            let name = String::from_utf8_lossy(field.name);
            repeated.extend(HeaderName::parse(&name).ok());
        }
    }
    for name in repeated {
        let values: Vec<Cow<'_, [u8]>> = headers.all(&name).map(Cow::Borrowed).collect();
        if values.len() > 1 {
            let joined = values.join(&b","[..]);
            headers.replace(&name, &joined);
        }
    }
}

/// Whether two names could be the same; says no for nearly every message without a repetition.
fn may_repeat(headers: &Headers) -> bool {
    let mut seen = 0_u128;
    headers.iter().any(|field| {
        let last = field.name.last().copied().unwrap_or_default();
        let first = field.name.first().copied().unwrap_or_default();
        let mark = field.name.len() * 31 + usize::from(first) * 7 + usize::from(last);
        let bit = 1_u128 << (mark % 128);
        let collides = seen & bit != 0;
        seen |= bit;
        collides
    })
}

#[cfg(test)]
mod tests {
    use super::*;

    fn folded(fields: &[(&str, &str)], message: Message) -> Vec<(String, String)> {
        let mut headers = Headers::new();
        for (name, value) in fields {
            headers.append(name.as_bytes(), value.as_bytes());
        }
        fold(&mut headers, message);
        pairs(&headers)
    }

    fn pairs(headers: &Headers) -> Vec<(String, String)> {
        let text = |bytes: &[u8]| String::from_utf8(bytes.to_vec()).unwrap();
        headers
            .iter()
            .map(|field| (text(field.name), text(field.value)))
            .collect()
    }

    fn owned(fields: &[(&str, &str)]) -> Vec<(String, String)> {
        fields
            .iter()
            .map(|(name, value)| ((*name).into(), (*value).into()))
            .collect()
    }

    #[test]
    fn the_lists_can_be_searched() {
        assert!(REQUEST.is_sorted());
        assert!(RESPONSE.is_sorted());
    }

    #[test]
    fn only_some_headers_fold() {
        let came = [
            ("accept", "a"),
            ("x", "1"),
            ("Accept", "b"),
            ("x", "2"),
            ("accept", "c"),
        ];
        assert_eq!(
            folded(&came, Message::Request),
            owned(&[("accept", "a,b,c"), ("x", "1"), ("x", "2")])
        );
        let came = [
            ("set-cookie", "a"),
            ("vary", "a"),
            ("set-cookie", "b"),
            ("vary", "b"),
        ];
        assert_eq!(
            folded(&came, Message::Response),
            owned(&[("set-cookie", "a"), ("vary", "a,b"), ("set-cookie", "b")])
        );
        let came = [("grpc-status", "0"), ("grpc-status", "1")];
        assert_eq!(folded(&came, Message::ResponseTrailers), owned(&came));
    }

    #[test]
    fn appended_values_fold_and_set_ones_keep_their_place() {
        let name = |name| HeaderName::parse(name).unwrap();
        let mut headers = Headers::new();
        for header in ["user-agent", "x-own", "user-agent", "x-own"] {
            append(&mut headers, Message::Request, &name(header), b"v");
        }
        let all = owned(&[("user-agent", "v,v"), ("x-own", "v"), ("x-own", "v")]);
        assert_eq!(pairs(&headers), all);
        set(&mut headers, Message::Request, &name("x-own"), b"w");
        set(&mut headers, Message::Request, &name("user-agent"), b"w");
        assert_eq!(
            pairs(&headers),
            owned(&[("user-agent", "w"), ("x-own", "w")])
        );
    }
}
