//! Reads the head of a response.

use portway_shared::format;

use super::{
    BodyLength, HeadScanner, Options, ResponseError,
    duplicates::{Gathered, most_raw_fields},
    errors::Fault,
    fields::{Fields, list_has, trim},
    framing,
    scan::Scan,
};
use crate::http::{
    message::{Method, ResponseHead, Version},
    name::Known,
};

/// What a response's head says about the bytes around it.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub struct ResponseFrame {
    /// The bytes of the head; the body starts behind them.
    pub consumed: usize,
    pub body: BodyLength,
    /// The connection may serve another request once the body is read to its end and nothing follows it.
    pub keep_alive: bool,
    /// 1xx other than 101: another head follows.
    pub informational: bool,
}

/// Reads a head from the start of `input`, which holds all bytes not consumed so far.
///
/// `Ok(None)` asks for more bytes at the end of the same input. After an error the connection is of no use, and
/// `head` is empty. Strict reading refuses 101: until upgrades are granted, nobody asked for it.
pub fn read_response(
    input: &[u8],
    scanner: &mut HeadScanner,
    options: &Options,
    request_method: &Method,
    head: &mut ResponseHead,
) -> Result<Option<ResponseFrame>, ResponseError> {
    head.clear();
    match read(input, scanner, options, request_method, head) {
        Ok(None) => Ok(None),
        Ok(frame) => {
            scanner.reset();
            if options.strict && head.status == 101 {
                head.clear();
                return Err(ResponseError::UnaskedSwitch);
            }
            Ok(frame)
        }
        Err(fault) => {
            scanner.reset();
            head.clear();
            Err(fault.into())
        }
    }
}

fn read(
    input: &[u8],
    scanner: &mut HeadScanner,
    options: &Options,
    request_method: &Method,
    head: &mut ResponseHead,
) -> Result<Option<ResponseFrame>, Fault> {
    if input.first().is_some_and(|first| *first != b'H') {
        return Err(Fault::Syntax);
    }
    let Scan::Complete { end } = scanner.scan(input, options)? else {
        return Ok(None);
    };
    let ends = scanner.ends();
    let line_end = ends.first().map_or(1, |end| *end as usize);
    let line = input.get(..line_end - 1).unwrap_or_default();
    let mut fields = Fields::load(input, 0, ends, 1, options.strict, &mut head.headers)?;
    let (version, status) = status_line(line, options.strict).ok_or(Fault::Syntax)?;
    head.status = status;
    head.version = version;
    let mut gathered = Gathered::default();
    while let Some(field) = fields.next(head.headers.loaded())? {
        gathered.add(&mut head.headers, field)?;
        if head.headers.len() > most_raw_fields(options) {
            return Err(Fault::TooManyHeaders);
        }
    }
    if !options.strict {
        gathered.join(&mut head.headers, format::Message::Response);
    }
    if head.headers.len() > options.max_headers {
        return Err(Fault::TooManyHeaders);
    }
    let body = framing::of_response(
        &mut head.headers,
        &gathered,
        status,
        request_method,
        options,
    )?;
    let has = |known: Known, token: &[u8]| {
        head.headers.contains_known(known)
            && head
                .headers
                .all_known(known)
                .any(|value| list_has(value, token))
    };
    let persistent = match version {
        Version::Http10 => has(Known::Connection, b"keep-alive"),
        Version::Http11 | Version::Http2 => !has(Known::Connection, b"close"),
    };
    Ok(Some(ResponseFrame {
        consumed: end,
        body,
        keep_alive: persistent
            && !has(Known::ProxyConnection, b"close")
            && body != BodyLength::UntilClose,
        informational: status < 200 && status != 101,
    }))
}

/// Version and status; the reason is not looked at. Anything but 1.1 counts as 1.0.
fn status_line(line: &[u8], strict: bool) -> Option<(Version, u16)> {
    let rest = line.strip_prefix(b"HTTP/")?;
    let (version, rest) = rest.split_at_checked(3)?;
    let version = match version {
        b"1.1" => Version::Http11,
        b"1.0" => Version::Http10,
        [major, b'.', minor] if !strict && major.is_ascii_digit() && minor.is_ascii_digit() => {
            Version::Http10
        }
        _ => return None,
    };
    if strict {
        let digits = rest.strip_prefix(b" ")?;
        let (status, rest) = digits.split_at_checked(3)?;
        let good = matches!(rest.first(), None | Some(b' ' | b'\r'));
        return good
            .then(|| number(status))
            .flatten()
            .map(|status| (version, status));
    }
    rest.first().filter(|byte| **byte <= b' ')?;
    let rest = trim(rest);
    let end = rest.iter().position(|byte| *byte <= b' ');
    let status = rest.get(..end.unwrap_or(rest.len()))?;
    let status = number(status.strip_prefix(b"+").unwrap_or(status))?;
    Some((version, status))
}

/// Digits that make a status of at least 100.
fn number(digits: &[u8]) -> Option<u16> {
    let status = framing::parse_length(digits)?;
    u16::try_from(status).ok().filter(|status| *status >= 100)
}
