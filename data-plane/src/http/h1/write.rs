//! Writes heads and bodies, always anew: nothing of the received framing goes through.

use super::{Framing, framing::parse_length};
use crate::http::{
    headers::Headers,
    message::{Method, RequestHead, ResponseHead, Version},
    name::Known,
};

/// What a response says about its connection.
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq)]
pub enum ConnectionField {
    /// Nothing: HTTP/1.1 goes on by itself.
    #[default]
    Omit,
    Close,
    /// HTTP/1.0 that goes on.
    KeepAlive,
}

impl ConnectionField {
    /// What to say when the connection is to go on or not. HTTP/1.0 goes on only behind a known length.
    pub fn choose(version: Version, keep_alive: bool, framing: Framing) -> Self {
        match version {
            _ if !keep_alive => ConnectionField::Close,
            Version::Http10 if matches!(framing, Framing::Length(_)) => ConnectionField::KeepAlive,
            Version::Http10 => ConnectionField::Close,
            Version::Http11 | Version::Http2 => ConnectionField::Omit,
        }
    }
}

/// Writes a request's head: `host` first, the fields in order, the framing last unless it has its place.
pub fn write_request(out: &mut Vec<u8>, head: &RequestHead, framing: Framing) {
    out.reserve(head_size(&head.headers) + head.path.len() + head.authority.len());
    out.extend_from_slice(head.method.as_str().as_bytes());
    out.push(b' ');
    let target = if head.method == Method::Connect {
        &head.authority
    } else {
        &head.path
    };
    out.extend_from_slice(target);
    out.extend_from_slice(b" HTTP/1.1\r\nhost: ");
    out.extend_from_slice(&head.authority);
    out.extend_from_slice(b"\r\n");
    let length = match framing {
        Framing::Length(length) => Length::Is(length),
        Framing::None | Framing::Chunked | Framing::Close => Length::Drop,
    };
    let written = write_fields(out, &head.headers, length);
    write_framing(out, framing, written);
    out.extend_from_slice(b"\r\n");
}

/// Writes a response's head. `version` is the request's: who asked in HTTP/1.0 is answered in it.
pub fn write_response(
    out: &mut Vec<u8>,
    head: &ResponseHead,
    version: Version,
    framing: Framing,
    connection: ConnectionField,
) {
    out.reserve(head_size(&head.headers));
    out.extend_from_slice(match version {
        Version::Http10 => b"HTTP/1.0 ",
        Version::Http11 | Version::Http2 => b"HTTP/1.1 ",
    });
    write_decimal(out, u64::from(head.status));
    out.push(b' ');
    out.extend_from_slice(reason(head.status).as_bytes());
    out.extend_from_slice(b"\r\n");
    let length = match framing {
        Framing::Length(length) => Length::Is(length),
        Framing::None if head.status >= 200 && head.status != 204 => Length::Keep,
        Framing::None | Framing::Chunked | Framing::Close => Length::Drop,
    };
    let written = write_fields(out, &head.headers, length);
    match connection {
        ConnectionField::Omit => {}
        ConnectionField::Close => out.extend_from_slice(b"connection: close\r\n"),
        ConnectionField::KeepAlive => out.extend_from_slice(b"connection: keep-alive\r\n"),
    }
    write_framing(out, framing, written);
    out.extend_from_slice(b"\r\n");
}

/// Room for the fields, separators and first line of a usual head.
fn head_size(headers: &Headers) -> usize {
    headers.byte_len() + headers.len() * 4 + 64
}

/// What becomes of a `Content-Length` among the fields.
#[derive(Clone, Copy)]
enum Length {
    Is(u64),
    Keep,
    Drop,
}

/// Writes the fields in order; says whether a length was among them.
fn write_fields(out: &mut Vec<u8>, headers: &Headers, length: Length) -> bool {
    let mut written = false;
    headers.write_lines(out, |out, field| {
        if written || field.known != Some(Known::ContentLength) {
            return;
        }
        match length {
            Length::Drop => return,
            // As it was written (`03`), as long as it means what is sent.
            Length::Keep => write_as_it_is(out, field.value),
            Length::Is(length) if parse_length(field.value) == Some(length) => {
                write_as_it_is(out, field.value);
            }
            Length::Is(length) => write_length(out, length),
        }
        written = true;
    });
    written
}

fn write_as_it_is(out: &mut Vec<u8>, length: &[u8]) {
    out.extend_from_slice(b"content-length: ");
    out.extend_from_slice(length);
    out.extend_from_slice(b"\r\n");
}

fn write_length(out: &mut Vec<u8>, length: u64) {
    out.extend_from_slice(b"content-length: ");
    write_decimal(out, length);
    out.extend_from_slice(b"\r\n");
}

fn write_framing(out: &mut Vec<u8>, framing: Framing, has_length: bool) {
    match framing {
        Framing::Length(length) if !has_length => write_length(out, length),
        Framing::Chunked => out.extend_from_slice(b"transfer-encoding: chunked\r\n"),
        Framing::Length(_) | Framing::None | Framing::Close => {}
    }
}

fn write_decimal(out: &mut Vec<u8>, number: u64) {
    write_digits(out, number, 10);
}

fn write_digits(out: &mut Vec<u8>, mut number: u64, base: u64) {
    let start = out.len();
    loop {
        let digit = u8::try_from(number % base).unwrap_or(0);
        out.push(match digit {
            0..=9 => b'0' + digit,
            _ => b'a' + digit - 10,
        });
        number /= base;
        if number == 0 {
            break;
        }
    }
    out.get_mut(start..).unwrap_or_default().reverse();
}

/// More or less data than the head announced. The message cannot be completed: its connection must close.
#[derive(Clone, Copy, Debug, PartialEq, Eq, thiserror::Error)]
pub enum LengthMismatch {
    #[error("the body is longer than its announced length")]
    TooLong,
    #[error("the body ended {0} bytes before its announced length")]
    TooShort(u64),
}

/// Writes one body in the framing that its head announced.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub struct BodyWriter {
    framing: Framing,
}

impl BodyWriter {
    pub fn new(framing: Framing) -> Self {
        Self { framing }
    }

    /// Writes a piece. An empty one writes nothing: in chunks it would be the end.
    pub fn write(&mut self, out: &mut Vec<u8>, data: &[u8]) -> Result<(), LengthMismatch> {
        self.begin(out, data.len())?;
        out.extend_from_slice(data);
        self.end(out, data.len());
        Ok(())
    }

    /// What comes before a piece of that length, for a caller that sends the piece itself; [`end`](Self::end)
    /// is what comes behind it.
    pub fn begin(&mut self, out: &mut Vec<u8>, length: usize) -> Result<(), LengthMismatch> {
        match &mut self.framing {
            _ if length == 0 => Ok(()),
            Framing::None => Err(LengthMismatch::TooLong),
            Framing::Length(left) => {
                *left = left
                    .checked_sub(length as u64)
                    .ok_or(LengthMismatch::TooLong)?;
                Ok(())
            }
            Framing::Chunked => {
                write_digits(out, length as u64, 16);
                out.extend_from_slice(b"\r\n");
                Ok(())
            }
            Framing::Close => Ok(()),
        }
    }

    pub fn end(&self, out: &mut Vec<u8>, length: usize) {
        if self.framing == Framing::Chunked && length > 0 {
            out.extend_from_slice(b"\r\n");
        }
    }

    /// Ends the body. Trailers have a place in chunks only; elsewhere they are dropped.
    pub fn finish(
        &mut self,
        out: &mut Vec<u8>,
        trailers: Option<&Headers>,
    ) -> Result<(), LengthMismatch> {
        match self.framing {
            Framing::None | Framing::Close | Framing::Length(0) => Ok(()),
            Framing::Length(left) => Err(LengthMismatch::TooShort(left)),
            Framing::Chunked => {
                out.extend_from_slice(b"0\r\n");
                if let Some(trailers) = trailers {
                    trailers.write_lines(out, |out, field| {
                        out.extend_from_slice(field.name);
                        out.extend_from_slice(b": ");
                        out.extend_from_slice(field.value);
                        out.extend_from_slice(b"\r\n");
                    });
                }
                out.extend_from_slice(b"\r\n");
                self.framing = Framing::None;
                Ok(())
            }
        }
    }
}

/// The reason phrase that Envoy writes, whatever the upstream wrote.
pub fn reason(status: u16) -> &'static str {
    match status {
        100 => "Continue",
        101 => "Switching Protocols",
        102 => "Processing",
        103 => "Early Hints",
        200 => "OK",
        201 => "Created",
        202 => "Accepted",
        203 => "Non-Authoritative Information",
        204 => "No Content",
        205 => "Reset Content",
        206 => "Partial Content",
        207 => "Multi-Status",
        208 => "Already Reported",
        226 => "IM Used",
        300 => "Multiple Choices",
        301 => "Moved Permanently",
        302 => "Found",
        303 => "See Other",
        304 => "Not Modified",
        305 => "Use Proxy",
        307 => "Temporary Redirect",
        308 => "Permanent Redirect",
        400 => "Bad Request",
        401 => "Unauthorized",
        402 => "Payment Required",
        403 => "Forbidden",
        404 => "Not Found",
        405 => "Method Not Allowed",
        406 => "Not Acceptable",
        407 => "Proxy Authentication Required",
        408 => "Request Timeout",
        409 => "Conflict",
        410 => "Gone",
        411 => "Length Required",
        412 => "Precondition Failed",
        413 => "Payload Too Large",
        414 => "URI Too Long",
        415 => "Unsupported Media Type",
        416 => "Range Not Satisfiable",
        417 => "Expectation Failed",
        421 => "Misdirected Request",
        422 => "Unprocessable Entity",
        423 => "Locked",
        424 => "Failed Dependency",
        425 => "Too Early",
        426 => "Upgrade Required",
        428 => "Precondition Required",
        429 => "Too Many Requests",
        431 => "Request Header Fields Too Large",
        500 => "Internal Server Error",
        501 => "Not Implemented",
        502 => "Bad Gateway",
        503 => "Service Unavailable",
        504 => "Gateway Timeout",
        505 => "HTTP Version Not Supported",
        506 => "Variant Also Negotiates",
        507 => "Insufficient Storage",
        508 => "Loop Detected",
        510 => "Not Extended",
        511 => "Network Authentication Required",
        599 => "Last Unassigned Server Error Code",
        _ => "Unknown",
    }
}
