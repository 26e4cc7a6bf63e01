//! The request line: method, target, version.
//!
//! Loose reading splits at any white space and accepts what Envoy's parser accepts; strict reading wants one
//! space between three parts. An absolute target gives scheme, authority and path.

use std::net::Ipv6Addr;

use super::{
    Options, RequestErrorKind,
    fields::{Survey, is_token_byte},
    framing::parse_length,
};
use crate::http::message::{Method, Scheme};

#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(super) enum LineVersion {
    /// `GET /path` and nothing behind it.
    Http09,
    Http10,
    Http11,
    /// Well formed, but none of ours.
    Other,
}

pub(super) struct RequestLine<'a> {
    pub method: &'a [u8],
    pub target: &'a [u8],
    pub version: LineVersion,
}

/// Reads a request line without its line feed.
pub(super) fn request_line<'a>(
    line: &'a [u8],
    options: &Options,
) -> Result<RequestLine<'a>, RequestErrorKind> {
    let parsed = if let Some(line) = plain_line(line) {
        judge(line, options)
    } else if options.strict {
        strict_line(line, options)
    } else {
        loose_line(line, options)
    };
    match parsed {
        // A control character is named as such, wherever else the line fails.
        Err(RequestErrorKind::Syntax) if Survey::of(line).control => {
            Err(RequestErrorKind::InvalidCharacters)
        }
        other => other,
    }
}

/// The form that nearly every line has: one space between three parts, HTTP/1.1. The target is visible bytes
/// alone, so that no other white space can be in it.
fn plain_line(line: &[u8]) -> Option<RequestLine<'_>> {
    let line = line.strip_suffix(b" HTTP/1.1\r")?;
    let space = line.iter().position(|byte| *byte <= b' ')?;
    let (method, target) = line.split_at_checked(space)?;
    let target = target.strip_prefix(b" ")?;
    is_visible(target).then_some(RequestLine {
        method,
        target,
        version: LineVersion::Http11,
    })
}

/// Judges the parts of a line that was taken apart.
fn judge<'a>(
    line: RequestLine<'a>,
    options: &Options,
) -> Result<RequestLine<'a>, RequestErrorKind> {
    check_method(line.method, options)?;
    if options.strict && line.target.len() > options.max_target_bytes {
        return Err(RequestErrorKind::TargetTooLong);
    }
    check_target(line.method, line.target)?;
    Ok(line)
}

fn strict_line<'a>(line: &'a [u8], options: &Options) -> Result<RequestLine<'a>, RequestErrorKind> {
    let line = line.strip_suffix(b"\r").ok_or(RequestErrorKind::Syntax)?;
    let mut parts = line.splitn(3, |byte| *byte == b' ');
    let method = parts.next().unwrap_or_default();
    let target = parts.next().unwrap_or_default();
    let version = parts.next().ok_or(RequestErrorKind::Syntax)?;
    let version = match version_of(version)? {
        LineVersion::Other => return Err(RequestErrorKind::UnsupportedVersion),
        LineVersion::Http09 => return Err(RequestErrorKind::Syntax),
        known @ (LineVersion::Http10 | LineVersion::Http11) => known,
    };
    let line = RequestLine {
        method,
        target,
        version,
    };
    judge(line, options)
}

fn loose_line<'a>(line: &'a [u8], options: &Options) -> Result<RequestLine<'a>, RequestErrorKind> {
    let (method, rest) = island(line);
    let (target, rest) = island(rest);
    let mut version = rest;
    while let [byte, rest @ ..] = version
        && *byte <= b' '
    {
        version = rest;
    }
    while let [rest @ .., byte] = version
        && *byte <= b' '
    {
        version = rest;
    }
    let line = RequestLine {
        method,
        target,
        version: version_of(version)?,
    };
    judge(line, options)
}

/// The first run of visible bytes, and what follows it.
fn island(line: &[u8]) -> (&[u8], &[u8]) {
    let start = line.iter().position(|byte| *byte > b' ');
    let line = line.get(start.unwrap_or(line.len())..).unwrap_or_default();
    let end = line.iter().position(|byte| *byte <= b' ');
    line.split_at_checked(end.unwrap_or(line.len()))
        .unwrap_or((line, &[]))
}

fn version_of(version: &[u8]) -> Result<LineVersion, RequestErrorKind> {
    match version {
        b"HTTP/1.1" => Ok(LineVersion::Http11),
        b"HTTP/1.0" => Ok(LineVersion::Http10),
        b"" => Ok(LineVersion::Http09),
        [b'H', b'T', b'T', b'P', b'/', major, b'.', minor]
            if major.is_ascii_digit() && minor.is_ascii_digit() =>
        {
            Ok(LineVersion::Other)
        }
        _ => Err(RequestErrorKind::Syntax),
    }
}

/// Whether a first byte can begin a request at all; a client that speaks TLS here learns so at once.
pub(super) fn may_begin(byte: u8) -> bool {
    is_token_byte(byte)
}

fn check_method(method: &[u8], options: &Options) -> Result<(), RequestErrorKind> {
    let good = if options.strict || options.allow_custom_methods {
        !method.is_empty() && method.iter().all(|byte| is_token_byte(*byte))
    } else {
        is_listed(method)
    };
    if good {
        Ok(())
    } else {
        Err(RequestErrorKind::Syntax)
    }
}

/// The methods that Envoy's parser knows.
fn is_listed(method: &[u8]) -> bool {
    matches!(
        method,
        b"GET"
            | b"POST"
            | b"PUT"
            | b"HEAD"
            | b"DELETE"
            | b"OPTIONS"
            | b"PATCH"
            | b"CONNECT"
            | b"TRACE"
            | b"ACL"
            | b"BIND"
            | b"CHECKOUT"
            | b"COPY"
            | b"LINK"
            | b"LOCK"
            | b"MERGE"
            | b"MKACTIVITY"
            | b"MKCALENDAR"
            | b"MKCOL"
            | b"MOVE"
            | b"MSEARCH"
            | b"NOTIFY"
            | b"PROPFIND"
            | b"PROPPATCH"
            | b"PURGE"
            | b"QUERY"
            | b"REBIND"
            | b"REPORT"
            | b"SEARCH"
            | b"SOURCE"
            | b"SUBSCRIBE"
            | b"UNBIND"
            | b"UNLINK"
            | b"UNLOCK"
            | b"UNSUBSCRIBE"
    )
}

/// Whether all bytes are visible ASCII.
fn is_visible(bytes: &[u8]) -> bool {
    bytes
        .iter()
        .fold(true, |good, byte| good & byte.is_ascii_graphic())
}

/// The form of a target, before anything is taken from it.
fn check_target(method: &[u8], target: &[u8]) -> Result<(), RequestErrorKind> {
    let rest = match target {
        [] => return Err(RequestErrorKind::Syntax),
        [b'/' | b'*', rest @ ..] => {
            return if is_visible(rest) {
                Ok(())
            } else {
                Err(RequestErrorKind::Syntax)
            };
        }
        authority if method == b"CONNECT" => authority,
        absolute => {
            let (_, rest) = split_scheme(absolute).ok_or(RequestErrorKind::Syntax)?;
            rest
        }
    };
    let (host, path) = split_authority(rest);
    let good = host.iter().all(|byte| is_authority_byte(*byte))
        && !host.windows(2).any(|pair| pair == b"@@")
        && is_visible(path);
    if good {
        Ok(())
    } else {
        Err(RequestErrorKind::Syntax)
    }
}

/// `scheme` and what follows `://`.
fn split_scheme(target: &[u8]) -> Option<(&[u8], &[u8])> {
    let end = target
        .iter()
        .position(|byte| !(byte.is_ascii_alphanumeric() || matches!(byte, b'+' | b'-' | b'.')))?;
    let (scheme, rest) = target.split_at_checked(end)?;
    scheme.first().filter(|byte| byte.is_ascii_alphabetic())?;
    Some((scheme, rest.strip_prefix(b"://")?))
}

fn split_authority(rest: &[u8]) -> (&[u8], &[u8]) {
    let end = rest.iter().position(|byte| matches!(byte, b'/' | b'?'));
    rest.split_at_checked(end.unwrap_or(rest.len()))
        .unwrap_or((rest, &[]))
}

/// What Envoy lets stand in `Host` and in the authority of a target, by byte.
static AUTHORITY: [bool; 256] = {
    let mut table = [false; 256];
    let mut byte = 0;
    while byte < 256 {
        let b = byte as u8;
        table[byte] = b.is_ascii_alphanumeric()
            || matches!(
                b,
                b'!' | b'$' | b'%'..=b'.' | b':' | b';' | b'=' | b'@' | b'[' | b']' | b'_' | b'~'
            );
        byte += 1;
    }
    table
};

pub(super) fn is_authority_byte(byte: u8) -> bool {
    AUTHORITY[byte as usize]
}

/// A target in its parts.
pub(super) enum Target<'a> {
    /// Path and query, or `*`.
    Origin(&'a [u8]),
    Absolute {
        scheme: Scheme,
        authority: &'a [u8],
        path: &'a [u8],
        userinfo: bool,
    },
    /// `CONNECT host:port`.
    Authority(&'a [u8]),
}

/// Takes a target apart. Its form was checked by [`request_line`].
pub(super) fn split<'a>(
    method: &Method,
    target: &'a [u8],
    options: &Options,
) -> Result<Target<'a>, RequestErrorKind> {
    if *method == Method::Connect {
        let port = host_port(target).and_then(|(_, port)| port);
        return if port.is_some() {
            Ok(Target::Authority(target))
        } else {
            Err(RequestErrorKind::InvalidUrl)
        };
    }
    match target {
        [b'/', ..] => return Ok(Target::Origin(target)),
        [b'*', ..] if *method == Method::Options => return Ok(Target::Origin(target)),
        _ if !options.allow_absolute_url => return Ok(Target::Origin(target)),
        _ => {}
    }
    let (scheme, rest) = split_scheme(target).ok_or(RequestErrorKind::InvalidUrl)?;
    let (authority, path) = split_authority(rest);
    let (userinfo, authority) = match authority.iter().position(|byte| *byte == b'@') {
        Some(at) => (true, authority.get(at + 1..).unwrap_or_default()),
        None => (false, authority),
    };
    host_port(authority).ok_or(RequestErrorKind::InvalidUrl)?;
    let scheme = if scheme.eq_ignore_ascii_case(b"http") {
        Scheme::Http
    } else if scheme.eq_ignore_ascii_case(b"https") {
        Scheme::Https
    } else {
        return Err(RequestErrorKind::InvalidScheme);
    };
    Ok(Target::Absolute {
        scheme,
        authority,
        path: if path.is_empty() { b"/" } else { path },
        userinfo,
    })
}

/// Host and port of an authority: a name, an IPv4 address or a bracketed IPv6 address.
fn host_port(authority: &[u8]) -> Option<(&[u8], Option<u16>)> {
    let (host, rest) = match authority {
        [b'[', inner @ ..] => {
            let end = inner.iter().position(|byte| *byte == b']')?;
            let address = std::str::from_utf8(inner.get(..end)?).ok()?;
            address.parse::<Ipv6Addr>().ok()?;
            authority.split_at_checked(end + 2)?
        }
        _ => {
            let end = authority.iter().position(|byte| *byte == b':');
            let (host, rest) = authority.split_at_checked(end.unwrap_or(authority.len()))?;
            let good = |byte: &u8| byte.is_ascii_alphanumeric() || matches!(byte, b'-' | b'.');
            if host.is_empty() || !host.iter().all(good) {
                return None;
            }
            (host, rest)
        }
    };
    let port = match rest {
        [] => None,
        [b':', digits @ ..] => Some(port(digits)?),
        _ => return None,
    };
    Some((host, port))
}

fn port(digits: &[u8]) -> Option<u16> {
    parse_length(digits).and_then(|port| u16::try_from(port).ok())
}

/// Whether a `Host` passes strict reading: a name, address or nothing else, and a port at most.
pub(super) fn is_strict_host(host: &[u8]) -> bool {
    if host.first() == Some(&b'[') {
        return host_port(host).is_some();
    }
    let end = host.iter().position(|byte| *byte == b':');
    let (name, rest) = host
        .split_at_checked(end.unwrap_or(host.len()))
        .unwrap_or((host, &[]));
    let good = |byte: &u8| byte.is_ascii_alphanumeric() || matches!(byte, b'-' | b'.' | b'_');
    !name.is_empty()
        && name.iter().all(good)
        && match rest {
            [] => true,
            [_, digits @ ..] => digits.len() <= 5 && port(digits).is_some(),
        }
}

/// Whether two authorities are the same place for a scheme: case and the default port do not matter.
pub(super) fn is_same_host(one: &[u8], other: &[u8], scheme: Scheme) -> bool {
    let default: &[u8] = match scheme {
        Scheme::Http => b":80",
        Scheme::Https => b":443",
    };
    let bare = |host: &[u8]| {
        host.strip_suffix(default)
            .unwrap_or(host)
            .to_ascii_lowercase()
    };
    bare(one) == bare(other)
}
