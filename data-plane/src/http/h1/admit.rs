//! Requests that are well formed and still go no further.
//!
//! Envoy makes these refusals after its codec: the head is whole and appears in the access log, no flag is
//! raised, the reply has no text. They hold whatever the version on the wire, and come before routing.

use super::{Options, RequestError, RequestErrorKind, RequestFrame};
use crate::http::{
    message::{Method, RequestHead},
    name::Known,
};

/// Judges a head that [`read_request`](super::read_request) returned.
pub fn admit(
    head: &RequestHead,
    frame: &RequestFrame,
    options: &Options,
) -> Result<(), RequestError> {
    if frame.host_missing {
        return Err(RequestErrorKind::MissingHost.into());
    }
    if options.strict && head.headers.contains_known(Known::Expect) && !frame.expect_continue {
        return Err(RequestErrorKind::Expectation.into());
    }
    if head.method == Method::Connect {
        return Ok(());
    }
    if head.path.first() != Some(&b'/') {
        let kind = if options.strict && head.method != Method::Options {
            RequestErrorKind::AsteriskRejected
        } else {
            RequestErrorKind::NotAPath
        };
        return Err(kind.into());
    }
    if memchr::memchr(b'#', &head.path).is_some() {
        return Err(RequestErrorKind::Fragment.into());
    }
    if let Method::Other(method) = &head.method
        && **method == *"QUERY"
        && !head.headers.contains_known(Known::ContentType)
    {
        return Err(RequestErrorKind::QueryContentType.into());
    }
    Ok(())
}
