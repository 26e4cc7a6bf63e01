//! Headers of which Envoy keeps one: what comes again is joined to it with a comma.
//!
//! Envoy gives some headers a fixed place in its header maps. A message that brings one of them several times
//! is forwarded with one, and so is a value that configuration appends; matchers and logs see the joined
//! value. Other headers stay as many as they were. Which ones fold was found by sending each of them twice
//! through Envoy 1.40.

use portway_shared::format::Message;

use super::{
    headers::Headers,
    name::{HeaderName, Known},
};

/// Adds a value: to the header that is there, or as a new one.
pub fn append(headers: &mut Headers, message: Message, name: &HeaderName, value: &[u8]) {
    headers.append_name(name, value);
    if let Some(known) = folding(message, name) {
        headers.join_known(known);
    }
}

/// Overwrites a header: in its place if it folds, at the end if not.
pub fn set(headers: &mut Headers, message: Message, name: &HeaderName, value: &[u8]) {
    match folding(message, name) {
        Some(known) => set_known(headers, known, value),
        None => headers.set(name, value),
    }
}

/// Overwrites a header that folds, in its place.
pub fn set_known(headers: &mut Headers, known: Known, value: &[u8]) {
    if headers.contains_known(known) {
        headers.replace_known(known, value);
    } else {
        headers.append_known(known, value);
    }
}

fn folding(message: Message, name: &HeaderName) -> Option<Known> {
    let folding = |known: &Known| *known == Known::ContentLength || folds(message, *known);
    name.known().filter(folding)
}

/// Whether Envoy 1.40 keeps one field for all of that name. Lengths that came twice are the codec's business;
/// one that is appended is joined all the same.
pub fn folds(message: Message, known: Known) -> bool {
    match known {
        Known::Connection
        | Known::ContentEncoding
        | Known::ContentType
        | Known::KeepAlive
        | Known::ProxyConnection
        | Known::TransferEncoding
        | Known::Upgrade
        | Known::Via
        | Known::CacheControl
        | Known::ProxyStatus
        | Known::XEnvoyAttemptCount
        | Known::XEnvoyDecoratorOperation
        | Known::XRequestId => message != Message::ResponseTrailers,
        Known::Accept
        | Known::AcceptEncoding
        | Known::AccessControlRequestHeaders
        | Known::AccessControlRequestMethod
        | Known::AccessControlRequestPrivateNetwork
        | Known::Authorization
        | Known::CdnLoop
        | Known::Expect
        | Known::GrpcAcceptEncoding
        | Known::GrpcTimeout
        | Known::IfMatch
        | Known::IfModifiedSince
        | Known::IfNoneMatch
        | Known::IfRange
        | Known::IfUnmodifiedSince
        | Known::Origin
        | Known::Pragma
        | Known::Referer
        | Known::Te
        | Known::UserAgent
        | Known::XClientTraceId
        | Known::XForwardedClientCert
        | Known::XForwardedFor
        | Known::XForwardedHost
        | Known::XForwardedPort
        | Known::XForwardedProto
        | Known::XEnvoyDownstreamServiceCluster
        | Known::XEnvoyDownstreamServiceNode
        | Known::XEnvoyExpectedRqTimeoutMs
        | Known::XEnvoyExternalAddress
        | Known::XEnvoyForceTrace
        | Known::XEnvoyInternal
        | Known::XEnvoyIpTags
        | Known::XEnvoyIsTimeoutRetry
        | Known::XEnvoyMaxRetries
        | Known::XEnvoyOriginalHost
        | Known::XEnvoyOriginalPath
        | Known::XEnvoyOriginalUrl
        | Known::XEnvoyRetryOn
        | Known::XEnvoyUpstreamRqTimeoutMs => message == Message::Request,
        Known::AccessControlAllowCredentials
        | Known::AccessControlAllowHeaders
        | Known::AccessControlAllowMethods
        | Known::AccessControlAllowOrigin
        | Known::AccessControlAllowPrivateNetwork
        | Known::AccessControlExposeHeaders
        | Known::AccessControlMaxAge
        | Known::XEnvoyDegraded
        | Known::XEnvoyImmediateHealthCheckFail
        | Known::XEnvoyRatelimited
        | Known::XEnvoyUpstreamCanary
        | Known::XEnvoyUpstreamHealthcheckedCluster
        | Known::Age
        | Known::Date
        | Known::Etag
        | Known::Expires
        | Known::GrpcMessage
        | Known::GrpcStatus
        | Known::LastModified
        | Known::Location
        | Known::Server
        | Known::Vary
        | Known::XEnvoyUpstreamServiceTime => message == Message::Response,
        Known::Host
        | Known::ContentLength
        | Known::ProxyAuthorization
        | Known::Trailer
        | Known::Http2Settings
        | Known::Cookie => false,
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    fn pairs(headers: &Headers) -> Vec<(&str, &str)> {
        let text = |bytes| std::str::from_utf8(bytes).unwrap();
        headers
            .iter()
            .map(|field| (text(field.name), text(field.value)))
            .collect()
    }

    #[test]
    fn appended_values_fold_and_set_ones_keep_their_place() {
        let name = |name| HeaderName::parse(name).unwrap();
        let mut headers = Headers::new();
        for header in ["user-agent", "x-own", "user-agent", "x-own"] {
            append(&mut headers, Message::Request, &name(header), b"v");
        }
        let all = [("user-agent", "v,v"), ("x-own", "v"), ("x-own", "v")];
        assert_eq!(pairs(&headers), all);
        set(&mut headers, Message::Request, &name("x-own"), b"w");
        set(&mut headers, Message::Request, &name("user-agent"), b"w");
        assert_eq!(pairs(&headers), [("user-agent", "w"), ("x-own", "w")]);
    }

    #[test]
    fn each_way_has_its_own() {
        for (known, request, response) in [
            (Known::Accept, true, false),
            (Known::Vary, false, true),
            (Known::Via, true, true),
            (Known::Cookie, false, false),
        ] {
            assert_eq!(folds(Message::Request, known), request, "{known}");
            assert_eq!(folds(Message::Response, known), response, "{known}");
            assert!(!folds(Message::ResponseTrailers, known), "{known}");
        }
    }
}
