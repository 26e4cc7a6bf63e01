//! Header names: those the proxy itself knows, and those that configuration asks for.
//!
//! Names on the wire are bytes in a [`Headers`](super::headers::Headers) arena. A name that the proxy acts
//! on carries a [`Known`] tag from the moment it is read, so that asking for it later compares one byte and
//! not a string.

use std::fmt;

macro_rules! known {
    ($($variant:ident = $text:literal,)*) => {
        /// A header the proxy itself reads or writes.
        #[derive(Clone, Copy, Debug, PartialEq, Eq, Hash)]
        #[repr(u8)]
        pub enum Known { $(#[doc = $text] $variant,)* }

        impl Known {
            /// Every known name.
            pub const ALL: &'static [Known] = &[$(Known::$variant,)*];

            /// The tag of a lower-case name.
            #[expect(non_upper_case_globals, reason = "patterns named after their variants")]
            pub fn of(lower: &[u8]) -> Option<Known> {
                // One `match` on byte strings: the compiler turns it into a comparison by length first.
                $(const $variant: &[u8] = $text.as_bytes();)*
                match lower {
                    $($variant => Some(Known::$variant),)*
                    _ => None,
                }
            }

            /// The lower-case name.
            pub fn as_str(self) -> &'static str {
                match self { $(Known::$variant => $text,)* }
            }
        }
    };
}

known! {
    Host = "host",
    ContentLength = "content-length",
    TransferEncoding = "transfer-encoding",
    Connection = "connection",
    KeepAlive = "keep-alive",
    ProxyConnection = "proxy-connection",
    ProxyAuthorization = "proxy-authorization",
    Te = "te",
    Trailer = "trailer",
    Upgrade = "upgrade",
    Http2Settings = "http2-settings",
    Expect = "expect",
    Date = "date",
    Server = "server",
    Via = "via",
    Location = "location",
    ContentType = "content-type",
    ContentEncoding = "content-encoding",
    AcceptEncoding = "accept-encoding",
    Accept = "accept",
    AccessControlAllowCredentials = "access-control-allow-credentials",
    AccessControlAllowHeaders = "access-control-allow-headers",
    AccessControlAllowMethods = "access-control-allow-methods",
    AccessControlAllowOrigin = "access-control-allow-origin",
    AccessControlAllowPrivateNetwork = "access-control-allow-private-network",
    AccessControlExposeHeaders = "access-control-expose-headers",
    AccessControlMaxAge = "access-control-max-age",
    AccessControlRequestHeaders = "access-control-request-headers",
    AccessControlRequestMethod = "access-control-request-method",
    AccessControlRequestPrivateNetwork = "access-control-request-private-network",
    Age = "age",
    CacheControl = "cache-control",
    CdnLoop = "cdn-loop",
    Etag = "etag",
    Expires = "expires",
    IfMatch = "if-match",
    IfModifiedSince = "if-modified-since",
    IfNoneMatch = "if-none-match",
    IfRange = "if-range",
    IfUnmodifiedSince = "if-unmodified-since",
    LastModified = "last-modified",
    Origin = "origin",
    Pragma = "pragma",
    ProxyStatus = "proxy-status",
    Referer = "referer",
    Vary = "vary",
    Cookie = "cookie",
    UserAgent = "user-agent",
    Authorization = "authorization",
    GrpcStatus = "grpc-status",
    GrpcMessage = "grpc-message",
    GrpcTimeout = "grpc-timeout",
    GrpcAcceptEncoding = "grpc-accept-encoding",
    XClientTraceId = "x-client-trace-id",
    XForwardedFor = "x-forwarded-for",
    XForwardedProto = "x-forwarded-proto",
    XForwardedHost = "x-forwarded-host",
    XForwardedPort = "x-forwarded-port",
    XForwardedClientCert = "x-forwarded-client-cert",
    XRequestId = "x-request-id",
    XEnvoyAttemptCount = "x-envoy-attempt-count",
    XEnvoyDecoratorOperation = "x-envoy-decorator-operation",
    XEnvoyDegraded = "x-envoy-degraded",
    XEnvoyDownstreamServiceCluster = "x-envoy-downstream-service-cluster",
    XEnvoyDownstreamServiceNode = "x-envoy-downstream-service-node",
    XEnvoyExpectedRqTimeoutMs = "x-envoy-expected-rq-timeout-ms",
    XEnvoyExternalAddress = "x-envoy-external-address",
    XEnvoyForceTrace = "x-envoy-force-trace",
    XEnvoyImmediateHealthCheckFail = "x-envoy-immediate-health-check-fail",
    XEnvoyInternal = "x-envoy-internal",
    XEnvoyIpTags = "x-envoy-ip-tags",
    XEnvoyIsTimeoutRetry = "x-envoy-is-timeout-retry",
    XEnvoyMaxRetries = "x-envoy-max-retries",
    XEnvoyOriginalHost = "x-envoy-original-host",
    XEnvoyOriginalPath = "x-envoy-original-path",
    XEnvoyOriginalUrl = "x-envoy-original-url",
    XEnvoyRatelimited = "x-envoy-ratelimited",
    XEnvoyRetryOn = "x-envoy-retry-on",
    XEnvoyUpstreamCanary = "x-envoy-upstream-canary",
    XEnvoyUpstreamHealthcheckedCluster = "x-envoy-upstream-healthchecked-cluster",
    XEnvoyUpstreamRqTimeoutMs = "x-envoy-upstream-rq-timeout-ms",
    XEnvoyUpstreamServiceTime = "x-envoy-upstream-service-time",
}

impl fmt::Display for Known {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.write_str(self.as_str())
    }
}

/// A header name that configuration asks for: a valid token, in lower case.
#[derive(Clone, Debug, PartialEq, Eq, Hash)]
pub struct HeaderName {
    lower: Box<str>,
    known: Option<Known>,
}

/// Why a configured name is none.
#[derive(Clone, Debug, PartialEq, Eq, thiserror::Error)]
pub enum InvalidHeaderName {
    #[error("a header name must not be empty")]
    Empty,
    #[error("{0:?} is not a header name: {1:?} is not allowed in one")]
    Character(Box<str>, char),
}

impl HeaderName {
    /// Takes a name as written by an operator.
    pub fn parse(text: &str) -> Result<Self, InvalidHeaderName> {
        if text.is_empty() {
            return Err(InvalidHeaderName::Empty);
        }
        if let Some(bad) = text.chars().find(|c| !c.is_ascii() || !is_token(*c as u8)) {
            return Err(InvalidHeaderName::Character(text.into(), bad));
        }
        let lower: Box<str> = text.to_ascii_lowercase().into();
        let known = Known::of(lower.as_bytes());
        Ok(Self { lower, known })
    }

    pub fn as_str(&self) -> &str {
        &self.lower
    }

    pub fn known(&self) -> Option<Known> {
        self.known
    }
}

impl From<Known> for HeaderName {
    fn from(known: Known) -> Self {
        Self {
            lower: known.as_str().into(),
            known: Some(known),
        }
    }
}

impl fmt::Display for HeaderName {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.write_str(&self.lower)
    }
}

/// Whether a byte may stand in a token (RFC 9110, 5.6.2).
pub const fn is_token(byte: u8) -> bool {
    matches!(byte, b'!' | b'#'..=b'\'' | b'*' | b'+' | b'-' | b'.' | b'0'..=b'9' | b'A'..=b'Z' | b'^'..=b'z' | b'|' | b'~')
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn configured_names_are_lower_case_tokens() {
        let name = HeaderName::parse("Content-Length").unwrap();
        assert_eq!(
            (name.as_str(), name.known()),
            ("content-length", Some(Known::ContentLength))
        );
        assert_eq!(HeaderName::parse("X-Own").unwrap().known(), None);
        assert_eq!(HeaderName::parse(""), Err(InvalidHeaderName::Empty));
        assert_eq!(
            HeaderName::parse("a b"),
            Err(InvalidHeaderName::Character("a b".into(), ' '))
        );
        assert_eq!(
            HeaderName::parse(":path"),
            Err(InvalidHeaderName::Character(":path".into(), ':'))
        );
    }

    #[test]
    fn every_known_name_finds_its_tag() {
        assert_eq!(Known::of(b"host"), Some(Known::Host));
        assert_eq!(
            Known::of(b"x-envoy-upstream-service-time"),
            Some(Known::XEnvoyUpstreamServiceTime)
        );
        assert_eq!(Known::of(b"Host"), None);
        for known in Known::ALL {
            assert_eq!(Known::of(known.as_str().as_bytes()), Some(*known));
        }
    }
}
