//! Where a body ends: what the received head says, and how the message is framed anew on the other side.

use super::{BodyLength, Options, RequestErrorKind, duplicates::Gathered, errors::Fault};
use crate::http::{
    headers::Headers,
    message::{Method, Version},
    name::Known,
};

/// How a message is framed when it is written.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum Framing {
    /// No body follows, and nothing says so. A response keeps its `Content-Length` (304, `HEAD`).
    None,
    Length(u64),
    Chunked,
    /// The body ends with the connection; responses to HTTP/1.0 only.
    Close,
}

impl Framing {
    /// How a request goes upstream: as it came, unless its length was taken out of the head.
    pub fn for_request(method: &Method, headers: &Headers, body: BodyLength) -> Framing {
        let has_length = headers.contains_known(Known::ContentLength);
        match body {
            BodyLength::Empty if has_length || !is_bodiless(method) => Framing::Length(0),
            BodyLength::Empty => Framing::None,
            BodyLength::Length(length) if has_length => Framing::Length(length),
            BodyLength::Length(_) | BodyLength::Chunked | BodyLength::UntilClose => {
                Framing::Chunked
            }
        }
    }
}

/// Methods whose requests say nothing about a body that is not there.
fn is_bodiless(method: &Method) -> bool {
    match method {
        Method::Get | Method::Head | Method::Delete | Method::Connect | Method::Trace => true,
        Method::Post | Method::Put | Method::Options | Method::Patch | Method::Other(_) => false,
    }
}

/// How a response goes downstream: the framing its head announces, and that of the body behind it. They differ
/// for `HEAD`, which announces what `GET` would have brought.
pub fn response_framing(
    request: &Method,
    version: Version,
    status: u16,
    headers: &Headers,
    body: BodyLength,
) -> (Framing, Framing) {
    let unknown = match version {
        Version::Http10 => Framing::Close,
        Version::Http11 | Version::Http2 => Framing::Chunked,
    };
    let has_length = headers.contains_known(Known::ContentLength);
    if status < 200 || status == 204 || status == 304 {
        return (Framing::None, Framing::None);
    }
    if *request == Method::Head {
        let announced = if has_length || unknown == Framing::Close {
            Framing::None
        } else {
            Framing::Chunked
        };
        return (announced, Framing::None);
    }
    let framing = match body {
        BodyLength::Empty => Framing::Length(0),
        BodyLength::Length(length) if has_length => Framing::Length(length),
        BodyLength::Length(_) | BodyLength::Chunked | BodyLength::UntilClose => unknown,
    };
    (framing, framing)
}

/// Digits and nothing else.
pub(super) fn parse_length(value: &[u8]) -> Option<u64> {
    if value.is_empty() {
        return None;
    }
    let mut length = 0u64;
    for byte in value {
        let digit = byte.wrapping_sub(b'0');
        if digit > 9 {
            return None;
        }
        length = length.checked_mul(10)?.checked_add(u64::from(digit))?;
    }
    Some(length)
}

/// What `Content-Length` and `Transfer-Encoding` say together.
struct Announced {
    length: Option<u64>,
    has_length: bool,
    chunked: bool,
    has_encoding: bool,
}

/// Reads both fields. A length that cannot be read is an error, unless chunks count anyway.
fn announced(
    headers: &Headers,
    gathered: &Gathered,
    options: &Options,
) -> Result<Announced, Fault> {
    let has_length = headers.contains_known(Known::ContentLength);
    let has_encoding = headers.contains_known(Known::TransferEncoding);
    let chunked = has_encoding
        && !(options.strict && gathered.is_repeated(Known::TransferEncoding))
        && headers
            .get_known(Known::TransferEncoding)
            .is_some_and(|value| value.eq_ignore_ascii_case(b"chunked"));
    if gathered.is_repeated(Known::ContentLength) {
        return Err(Fault::Syntax);
    }
    let length = headers
        .get_known(Known::ContentLength)
        .and_then(parse_length)
        .filter(|length| !options.strict || i64::try_from(*length).is_ok());
    if has_length && length.is_none() && !chunked {
        return Err(Fault::Syntax);
    }
    Ok(Announced {
        length,
        has_length,
        chunked,
        has_encoding,
    })
}

/// Drops or refuses a length beside an encoding, then wants the encoding to be the one we know.
fn encoding(headers: &mut Headers, announced: &Announced, options: &Options) -> Result<(), Fault> {
    if announced.has_length {
        if options.strict || !options.allow_chunked_length {
            return Err(Fault::LengthAndChunked);
        }
        headers.remove_known(Known::ContentLength);
    }
    if announced.chunked {
        Ok(())
    } else {
        Err(Fault::InvalidTransferEncoding)
    }
}

fn plain(length: Option<u64>) -> BodyLength {
    match length {
        None | Some(0) => BodyLength::Empty,
        Some(length) => BodyLength::Length(length),
    }
}

/// The body that follows a request's head.
pub(super) fn of_request(
    headers: &mut Headers,
    gathered: &Gathered,
    method: &Method,
    is_http_10: bool,
    options: &Options,
) -> Result<BodyLength, RequestErrorKind> {
    let announced = announced(headers, gathered, options)?;
    let connect = *method == Method::Connect;
    if connect && announced.has_length {
        if headers.get_known(Known::ContentLength) != Some(b"0") {
            return Err(RequestErrorKind::BodyDisallowed);
        }
        headers.remove_known(Known::ContentLength);
        return Ok(BodyLength::Empty);
    }
    if !announced.has_encoding {
        return Ok(plain(announced.length));
    }
    let verdict = match encoding(headers, &announced, options) {
        Ok(()) if connect || (options.strict && is_http_10) => Err(Fault::InvalidTransferEncoding),
        verdict => verdict,
    };
    match verdict {
        Ok(()) => Ok(BodyLength::Chunked),
        Err(Fault::InvalidTransferEncoding) if options.strict => {
            Err(RequestErrorKind::InvalidTransferEncoding)
        }
        Err(fault) => Err(fault.into()),
    }
}

/// The body that follows a response's head.
pub(super) fn of_response(
    headers: &mut Headers,
    gathered: &Gathered,
    status: u16,
    request: &Method,
    options: &Options,
) -> Result<BodyLength, Fault> {
    let announced = announced(headers, gathered, options)?;
    if announced.has_encoding {
        encoding(headers, &announced, options)?;
    }
    if status < 200 || status == 204 {
        if announced.has_encoding {
            return Err(Fault::TransferEncodingNotAllowed);
        }
        if announced.has_length {
            if headers.get_known(Known::ContentLength) != Some(b"0") {
                return Err(Fault::ContentLengthNotAllowed);
            }
            headers.remove_known(Known::ContentLength);
        }
        return Ok(BodyLength::Empty);
    }
    if status == 304 || *request == Method::Head {
        return Ok(BodyLength::Empty);
    }
    if announced.chunked {
        return Ok(BodyLength::Chunked);
    }
    match announced.length {
        None => Ok(BodyLength::UntilClose),
        length => Ok(plain(length)),
    }
}
