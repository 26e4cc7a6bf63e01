//! Reads the head of a request.

use portway_shared::format;

use super::{
    BodyLength, HeadScanner, Options, RequestError, RequestErrorKind,
    duplicates::{Gathered, most_raw_fields},
    fields::{Fields, list_has, part, without_line_breaks},
    framing, hop,
    scan::Scan,
    target::{self, LineVersion, Target},
};
use crate::http::{
    message::{Method, RequestHead, Scheme, Version},
    name::Known,
};

/// What a request's head says about the bytes around it.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub struct RequestFrame {
    /// The bytes of the head; the body starts behind them.
    pub consumed: usize,
    pub body: BodyLength,
    pub keep_alive: bool,
    /// The client waits for 100 before it sends the body. `Expect` stays in the head.
    pub expect_continue: bool,
    /// A protocol was asked for in `Upgrade` and nominated by `Connection`; h2c never counts.
    pub upgrade: bool,
    /// No `Host`, and no other authority either. Strict reading takes an empty one for none.
    pub host_missing: bool,
    /// The scheme of an absolute target; otherwise the transport decides.
    pub scheme: Option<Scheme>,
}

/// Reads a head from the start of `input`, which holds all bytes not consumed so far.
///
/// `Ok(None)` asks for more bytes at the end of the same input. Empty lines before the head are part of what is
/// consumed. After an error the connection's bytes have no meaning any more, and `head` is empty.
pub fn read_request(
    input: &[u8],
    scanner: &mut HeadScanner,
    options: &Options,
    head: &mut RequestHead,
) -> Result<Option<RequestFrame>, RequestError> {
    head.clear();
    match read(input, scanner, options, head) {
        Ok(None) => Ok(None),
        Ok(frame) => {
            scanner.reset();
            Ok(frame)
        }
        Err(kind) => {
            scanner.reset();
            head.clear();
            Err(kind.into())
        }
    }
}

fn read(
    input: &[u8],
    scanner: &mut HeadScanner,
    options: &Options,
    head: &mut RequestHead,
) -> Result<Option<RequestFrame>, RequestErrorKind> {
    scanner.skip_blank_lines(input);
    let start = scanner.start();
    if let Some(first) = input.get(start)
        && (!target::may_begin(*first) || (options.strict && !is_crlf(input, start)))
    {
        return Err(RequestErrorKind::Syntax);
    }
    let complete = match scanner.scan(input, options)? {
        Scan::Complete { end } => Some(end),
        Scan::Partial => None,
    };
    let Some(line_end) = scanner.ends().first().map(|end| *end as usize) else {
        return Ok(None);
    };
    if complete.is_none() && scanner.first_line_checked {
        return Ok(None);
    }
    let line = input.get(start..line_end - 1).unwrap_or_default();
    let line = target::request_line(line, options)?;
    if line.version == LineVersion::Http09 {
        // Nothing follows the line that could be waited for.
        let mut hosts = 0;
        return finish(&line, options, head, &mut hosts, line_end, Message::bare()).map(Some);
    }
    let Some(end) = complete else {
        scanner.first_line_checked = true;
        return Ok(None);
    };

    let mut fields = Fields::load(
        input,
        start,
        scanner.ends(),
        1,
        options.strict,
        &mut head.headers,
    )?;
    let mut gathered = Gathered::default();
    let mut hosts = 0usize;
    while let Some(field) = fields.next(head.headers.loaded())? {
        if field.known == Some(Known::Host) {
            hosts += 1;
            let value = part(&mut head.headers, &field.value);
            if hosts > 1 {
                if options.strict {
                    return Err(RequestErrorKind::DuplicateField);
                }
                if !head.authority.is_empty() && !value.is_empty() {
                    head.authority.push(b',');
                }
            }
            if field.dirty {
                head.authority
                    .extend_from_slice(&without_line_breaks(value));
            } else {
                head.authority.extend_from_slice(value);
            }
        } else {
            gathered.add(&mut head.headers, field)?;
        }
        if head.headers.len() + hosts > most_raw_fields(options) {
            return Err(RequestErrorKind::TooManyHeaders);
        }
    }
    if options.strict {
        if gathered.is_repeated(Known::Authorization) || gathered.is_repeated(Known::ContentType) {
            return Err(RequestErrorKind::DuplicateField);
        }
    } else {
        gathered.join(&mut head.headers, format::Message::Request);
    }
    if head.headers.len() + hosts.min(1) > options.max_headers {
        return Err(RequestErrorKind::TooManyHeaders);
    }
    let message = message(&line, options, head, &gathered, &mut hosts)?;
    finish(&line, options, head, &mut hosts, end, message).map(Some)
}

/// Whether only CRLFs come before the first line.
fn is_crlf(input: &[u8], start: usize) -> bool {
    input
        .get(..start)
        .unwrap_or_default()
        .chunks(2)
        .all(|pair| pair == b"\r\n")
}

/// What the fields say about the message.
struct Message {
    body: BodyLength,
    keep_alive: bool,
    expect_continue: bool,
    upgrade: bool,
}

impl Message {
    fn bare() -> Self {
        Message {
            body: BodyLength::Empty,
            keep_alive: false,
            expect_continue: false,
            upgrade: false,
        }
    }
}

fn message(
    line: &target::RequestLine<'_>,
    options: &Options,
    head: &mut RequestHead,
    gathered: &Gathered,
    hosts: &mut usize,
) -> Result<Message, RequestErrorKind> {
    let headers = &mut head.headers;
    head.method = method_of(line.method);
    let is_http_11 = line.version == LineVersion::Http11;
    let mut keep_alive = is_http_11;
    let mut upgrade = false;
    // Nearly always there is no `Connection`, or it says what holds anyway.
    let connection = match headers.get_known(Known::Connection) {
        None => false,
        Some(b"keep-alive") if is_http_11 && !gathered.is_repeated(Known::Connection) => false,
        Some(_) => true,
    };
    if connection {
        let asks = |token: &[u8]| {
            headers
                .all_known(Known::Connection)
                .any(|value| list_has(value, token))
        };
        keep_alive = if is_http_11 {
            !asks(b"close")
        } else {
            asks(b"keep-alive")
        };
        upgrade = headers.contains_known(Known::Upgrade) && asks(b"upgrade");
    }
    if headers.contains_known(Known::ProxyConnection) {
        let closes = headers
            .all_known(Known::ProxyConnection)
            .any(|value| list_has(value, b"close"));
        keep_alive &= !closes;
    }
    if upgrade && hop::is_h2c(headers) {
        hop::remove_h2c(headers);
        upgrade = false;
    }
    let body = framing::of_request(headers, gathered, &head.method, !is_http_11, options)?;
    if connection && (options.strict || !upgrade) {
        match hop::remove_nominated(headers, options.strict) {
            hop::Nominated::Removed { host: false } => {}
            hop::Nominated::Removed { host: true } => {
                head.authority.clear();
                *hosts = 0;
            }
            hop::Nominated::Refused => return Err(RequestErrorKind::ConnectionRejected),
        }
    }
    let expect_continue = headers
        .get_known(Known::Expect)
        .is_some_and(|value| value.eq_ignore_ascii_case(b"100-continue"));
    Ok(Message {
        body,
        keep_alive: keep_alive && head.method != Method::Connect,
        expect_continue,
        upgrade,
    })
}

fn method_of(token: &[u8]) -> Method {
    match token {
        b"GET" => Method::Get,
        b"POST" => Method::Post,
        // A token is ASCII; were it not, the empty method would match nothing.
        _ => Method::of(std::str::from_utf8(token).unwrap_or_default()),
    }
}

/// Takes the target apart, then judges version and authority, in Envoy's order.
fn finish(
    line: &target::RequestLine<'_>,
    options: &Options,
    head: &mut RequestHead,
    hosts: &mut usize,
    consumed: usize,
    message: Message,
) -> Result<RequestFrame, RequestErrorKind> {
    if line.version == LineVersion::Http09 {
        head.method = method_of(line.method);
    }
    let mut scheme = None;
    match target::split(&head.method, line.target, options)? {
        Target::Origin(path) => head.path.extend_from_slice(path),
        Target::Authority(authority) => {
            head.authority.clear();
            head.authority.extend_from_slice(authority);
            *hosts = 1;
        }
        Target::Absolute {
            scheme: given,
            authority,
            path,
            userinfo,
        } => {
            if options.strict {
                if userinfo {
                    return Err(RequestErrorKind::InvalidAuthority);
                }
                if *hosts > 0 && !target::is_same_host(authority, &head.authority, given) {
                    return Err(RequestErrorKind::HostMismatch);
                }
            }
            head.authority.clear();
            head.authority.extend_from_slice(authority);
            head.path.extend_from_slice(path);
            head.scheme = given;
            scheme = Some(given);
            *hosts = 1;
        }
    }
    head.version = match line.version {
        LineVersion::Http11 => Version::Http11,
        LineVersion::Http09 | LineVersion::Http10 | LineVersion::Other => {
            if !options.accept_http_10 {
                return Err(RequestErrorKind::LowVersion);
            }
            Version::Http10
        }
    };
    if *hosts == 0
        && head.version == Version::Http10
        && let Some(host) = &options.default_host_for_http_10
    {
        head.authority.extend_from_slice(host.as_bytes());
        *hosts = 1;
    }
    let host_missing = *hosts == 0 || (options.strict && head.authority.is_empty());
    let good = if options.strict {
        host_missing || target::is_strict_host(&head.authority)
    } else {
        head.authority
            .iter()
            .all(|byte| target::is_authority_byte(*byte))
    };
    if !good {
        return Err(RequestErrorKind::InvalidAuthority);
    }
    Ok(RequestFrame {
        consumed,
        body: message.body,
        keep_alive: message.keep_alive,
        expect_continue: message.expect_continue,
        upgrade: message.upgrade,
        host_missing,
        scheme,
    })
}
