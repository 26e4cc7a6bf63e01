//! Fields that belong to one connection and go no further.
//!
//! `Connection` names fields that its sender means for the next hop only. Reading a request removes them; the
//! caller then takes the hop-by-hop fields themselves off, once it has read from them what it needs. Strict
//! reading follows the sanitation rules of the gateway, loose reading Envoy.

use super::fields::{list, list_has};
use crate::http::{
    headers::{HeaderField, Headers},
    name::Known,
};

/// From this many nominations on, Envoy refuses the request.
const TOO_MANY_NOMINATIONS: usize = 10;

/// From this length on, Envoy refuses a nominated `TE`.
const TE_TOO_LONG: usize = 256;

pub(super) enum Nominated {
    Removed {
        /// `host` was named, and is not among the headers.
        host: bool,
    },
    Refused,
}

/// Tokens that say something about the connection and name no field to remove.
fn is_option(token: &[u8]) -> bool {
    [
        "close",
        "keep-alive",
        "upgrade",
        "http2-settings",
        "connection",
    ]
    .iter()
    .any(|option| token.eq_ignore_ascii_case(option.as_bytes()))
}

/// Removes what `Connection` nominates. The field itself stays until [`strip_request`].
pub(super) fn remove_nominated(headers: &mut Headers, strict: bool) -> Nominated {
    let mut tokens = 0;
    let mut nominates = false;
    for token in headers.all_known(Known::Connection).flat_map(list) {
        tokens += 1;
        nominates |= !is_option(token);
    }
    if tokens >= TOO_MANY_NOMINATIONS {
        return Nominated::Refused;
    }
    if !nominates {
        return Nominated::Removed { host: false };
    }
    let names: Vec<Vec<u8>> = headers
        .all_known(Known::Connection)
        .flat_map(list)
        .filter(|token| !is_option(token))
        .map(<[u8]>::to_ascii_lowercase)
        .collect();
    let mut host = false;
    for name in &names {
        let known = Known::of(name);
        match known {
            _ if name.first() == Some(&b':') => return Nominated::Refused,
            Some(Known::Host | Known::ContentLength | Known::TransferEncoding) if strict => {
                return Nominated::Refused;
            }
            Some(Known::XForwardedFor | Known::XForwardedHost | Known::XForwardedProto)
                if !strict =>
            {
                return Nominated::Refused;
            }
            Some(Known::Host) => host = true,
            Some(Known::Te) => {
                if !keep_nominated_te(headers) {
                    return Nominated::Refused;
                }
            }
            _ => {
                headers.retain(|field| field.name != name.as_slice());
            }
        }
    }
    Nominated::Removed { host }
}

/// A nominated `TE` is reduced to `trailers`. False when it is too long to look at.
fn keep_nominated_te(headers: &mut Headers) -> bool {
    let Some(value) = headers.get_known(Known::Te) else {
        return true;
    };
    if value.len() >= TE_TOO_LONG {
        return false;
    }
    if list_has(value, b"trailers") {
        headers.replace_known(Known::Te, b"trailers");
    } else {
        headers.remove_known(Known::Te);
    }
    true
}

pub(super) fn is_h2c(headers: &Headers) -> bool {
    headers
        .get_known(Known::Upgrade)
        .is_some_and(|value| value.eq_ignore_ascii_case(b"h2c"))
}

/// HTTP/2 in clear text is spoken from the first byte or not at all.
pub(super) fn remove_h2c(headers: &mut Headers) {
    headers.remove_known(Known::Upgrade);
    headers.remove_known(Known::Http2Settings);
}

/// Takes the hop-by-hop fields off a request that goes upstream. `upgrade` is one that was granted.
pub fn strip_request(headers: &mut Headers, upgrade: bool, strict: bool) {
    headers.retain(|field| match field.known {
        Some(Known::Connection | Known::Upgrade) => upgrade,
        Some(Known::KeepAlive | Known::ProxyConnection | Known::TransferEncoding) => false,
        Some(Known::ProxyAuthorization | Known::Http2Settings) => !strict,
        _ => true,
    });
    match headers.get_known(Known::Te) {
        None | Some(b"trailers") => {}
        Some(_) => {
            let wanted = headers
                .all_known(Known::Te)
                .flat_map(list)
                .any(|token| token == b"trailers");
            if wanted {
                headers.replace_known(Known::Te, b"trailers");
            } else {
                headers.remove_known(Known::Te);
            }
        }
    }
}

/// Takes the hop-by-hop fields off a response that goes downstream. `upgrade` is one that was granted.
pub fn strip_response(headers: &mut Headers, upgrade: bool, strict: bool) {
    if strict && headers.contains_known(Known::Connection) {
        let names: Vec<Vec<u8>> = headers
            .all_known(Known::Connection)
            .flat_map(list)
            .filter(|token| !is_option(token) && !token.eq_ignore_ascii_case(b"content-length"))
            .map(<[u8]>::to_ascii_lowercase)
            .collect();
        if !names.is_empty() {
            headers.retain(|field| !names.iter().any(|name| name == field.name));
        }
    }
    headers.retain(|field| match field.known {
        Some(Known::Connection | Known::Upgrade) => upgrade,
        Some(Known::KeepAlive | Known::ProxyConnection | Known::TransferEncoding) => false,
        Some(Known::Te | Known::ProxyAuthorization) => !strict,
        _ => true,
    });
}

/// Whether a field may stand in trailers under strict rules: nothing that frames, routes, authenticates or
/// describes the body, which all are decided by then.
pub fn may_trail(field: &HeaderField<'_>) -> bool {
    match field.known {
        Some(
            Known::Host
            | Known::ContentLength
            | Known::TransferEncoding
            | Known::Connection
            | Known::KeepAlive
            | Known::ProxyConnection
            | Known::ProxyAuthorization
            | Known::Te
            | Known::Trailer
            | Known::Upgrade
            | Known::Http2Settings
            | Known::Expect
            | Known::Authorization
            | Known::Cookie
            | Known::ContentType
            | Known::ContentEncoding
            | Known::CacheControl
            | Known::XForwardedFor
            | Known::XForwardedHost
            | Known::XForwardedPort
            | Known::XForwardedProto
            | Known::XForwardedClientCert,
        ) => false,
        _ => {
            !matches!(
                field.name,
                b"forwarded"
                    | b"set-cookie"
                    | b"content-range"
                    | b"max-forwards"
                    | b"www-authenticate"
                    | b"proxy-authenticate"
            ) && !field.name.starts_with(b"x-envoy-")
                && !field.name.starts_with(b"x-portway-")
        }
    }
}
