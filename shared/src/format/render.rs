//! Answers one operator from a subject.

use std::{
    io::Write,
    net::{IpAddr, Ipv4Addr, Ipv6Addr},
    time::Duration,
};

use super::{
    Address, Count, Message, Outcome, Peer, Subject, Text,
    operator::{Command, GrpcStyle, Operator, Part, Unit},
    time::number,
};

impl<N> Command<N> {
    /// Appends the value, cut to the operator's length.
    pub(super) fn write(
        &self,
        subject: &(impl Subject<Name = N> + ?Sized),
        out: &mut Vec<u8>,
    ) -> Outcome {
        let start = out.len();
        let outcome = self.operator.write(subject, out);
        if let Some(limit) = self.limit {
            out.truncate(start.saturating_add(limit));
        }
        outcome
    }
}

impl<N> Operator<N> {
    fn write(&self, subject: &(impl Subject<Name = N> + ?Sized), out: &mut Vec<u8>) -> Outcome {
        let request = |name| subject.header(Message::Request, name);
        match self {
            Operator::Header {
                message,
                name,
                other,
                without_query,
            } => {
                let find = |name: &Option<N>| subject.header(*message, name.as_ref()?);
                let value = find(name).or_else(|| find(other));
                put(
                    out,
                    value.map(|value| {
                        if *without_query {
                            before_query(value)
                        } else {
                            value
                        }
                    }),
                )
            }
            Operator::Path { from, query } => {
                let path = from.iter().find_map(request);
                put(
                    out,
                    path.map(|path| if *query { path } else { before_query(path) }),
                )
            }
            Operator::QueryParams { path } => put(
                out,
                request(path)
                    .and_then(query_of)
                    .filter(|query| !query.is_empty()),
            ),
            Operator::QueryParam { path, key } => {
                let found = request(path).and_then(query_of).and_then(|query| {
                    query
                        .split(|byte| *byte == b'&')
                        .map(|pair| match pair.iter().position(|byte| *byte == b'=') {
                            Some(at) => (pair.get(..at), pair.get(at + 1..)),
                            None => (Some(pair), None),
                        })
                        .find(|(name, _)| *name == Some(key))
                });
                match found {
                    Some((_, value)) => {
                        percent_decode(value.unwrap_or_default(), out);
                        Outcome::Text
                    }
                    None => Outcome::Unset,
                }
            }
            Operator::ServerName { sni, hosts } => {
                let sni = sni
                    .then(|| subject.text(Text::RequestedServerName))
                    .flatten();
                put(out, sni.or_else(|| hosts.iter().find_map(request)))
            }
            Operator::Time { clock, pattern } => {
                pattern.write(clock.read(subject), out);
                Outcome::Text
            }
            Operator::Count(count) => integer(out, subject.count(*count)),
            Operator::Span { from, to, unit } => {
                let at = |moment: &Option<_>| match moment {
                    Some(moment) => subject.moment(*moment),
                    None => Some(Duration::ZERO),
                };
                match at(from)
                    .zip(at(to))
                    .and_then(|(from, to)| to.checked_sub(from))
                {
                    Some(span) => integer(out, unit.count(span)),
                    None => Outcome::Unset,
                }
            }
            Operator::Text(text) => {
                let start = out.len();
                let outcome = put(out, subject.text(*text));
                if *text == Text::UpstreamTransportFailureReason {
                    underscore(start, out);
                }
                outcome
            }
            Operator::Details { spaces } => {
                let start = out.len();
                let outcome = put(out, subject.text(Text::ResponseCodeDetails));
                if !spaces {
                    underscore(start, out);
                }
                outcome
            }
            Operator::HostName { port } => match subject.text(Text::UpstreamHostName) {
                Some(name) => put(out, Some(if *port { name } else { without_port(name) })),
                None => {
                    let part = if *port { Part::All } else { Part::Host };
                    address(subject.address(Peer::UpstreamHost), part, out)
                }
            },
            Operator::Address { peer, part } => address(subject.address(*peer), *part, out),
            Operator::Flags { long } => {
                let start = out.len();
                subject.flags(*long, &mut |flag| {
                    if out.len() > start {
                        out.push(b',');
                    }
                    out.extend_from_slice(flag.as_bytes());
                });
                if out.len() == start {
                    out.push(b'-');
                }
                Outcome::Text
            }
            Operator::GrpcStatus {
                content_type,
                status,
                style,
            } => {
                if !request(content_type).is_some_and(is_grpc) {
                    return Outcome::Unset;
                }
                let sent = [Message::ResponseTrailers, Message::Response]
                    .into_iter()
                    .find_map(|message| subject.header(message, status));
                let code = match sent {
                    Some(text) => std::str::from_utf8(text)
                        .ok()
                        .and_then(|text| text.parse().ok()),
                    None => match subject.count(Count::ResponseCode) {
                        0 => None,
                        code => Some(grpc_of_http(code)),
                    },
                };
                match code {
                    Some(code) => grpc(code, *style, out),
                    None => Outcome::Unset,
                }
            }
            Operator::UniqueId => {
                uuid(out);
                Outcome::Text
            }
            Operator::Fixed(text) => put(out, Some(text)),
            Operator::Zero => integer(out, 0),
            Operator::Never => Outcome::Unset,
        }
    }
}

fn put(out: &mut Vec<u8>, value: Option<&[u8]>) -> Outcome {
    match value {
        Some(value) => {
            out.extend_from_slice(value);
            Outcome::Text
        }
        None => Outcome::Unset,
    }
}

fn integer(out: &mut Vec<u8>, value: u64) -> Outcome {
    number(out, i64::try_from(value).unwrap_or(i64::MAX), 1, b'0');
    Outcome::Number
}

impl Unit {
    fn count(self, span: Duration) -> u64 {
        let count = match self {
            Unit::Milliseconds => span.as_millis(),
            Unit::Microseconds => span.as_micros(),
            Unit::Nanoseconds => span.as_nanos(),
        };
        u64::try_from(count).unwrap_or(u64::MAX)
    }
}

/// Log columns are separated by spaces, so that a reason may hold none.
fn underscore(start: usize, out: &mut [u8]) {
    for byte in out.iter_mut().skip(start) {
        if byte.is_ascii_whitespace() {
            *byte = b'_';
        }
    }
}

fn before_query(path: &[u8]) -> &[u8] {
    path.split(|byte| *byte == b'?').next().unwrap_or_default()
}

fn query_of(path: &[u8]) -> Option<&[u8]> {
    let start = path.iter().position(|byte| *byte == b'?')?;
    let query = path.get(start + 1..)?;
    query.split(|byte| *byte == b'#').next()
}

/// `%41` becomes `A`; what is not two hex digits stays as it is.
fn percent_decode(value: &[u8], out: &mut Vec<u8>) {
    let hex = |byte: &u8| {
        char::from(*byte)
            .to_digit(16)
            .and_then(|digit| u8::try_from(digit).ok())
    };
    let mut rest = value;
    while let [first, tail @ ..] = rest {
        if let (b'%', [high, low, after @ ..]) = (first, tail)
            && let (Some(high), Some(low)) = (hex(high), hex(low))
        {
            out.push(high << 4 | low);
            rest = after;
        } else {
            out.push(*first);
            rest = tail;
        }
    }
}

/// Cuts `:80` off a name, and off `[::1]:80`, but nothing off a bare IPv6 address.
fn without_port(name: &[u8]) -> &[u8] {
    let Some(colon) = name.iter().rposition(|byte| *byte == b':') else {
        return name;
    };
    let (host, port) = (
        name.get(..colon).unwrap_or(name),
        name.get(colon + 1..).unwrap_or_default(),
    );
    let bracketed = host.ends_with(b"]") || !host.contains(&b':');
    if bracketed && !port.is_empty() && port.iter().all(u8::is_ascii_digit) {
        host
    } else {
        name
    }
}

fn address(address: Option<Address<'_>>, part: Part, out: &mut Vec<u8>) -> Outcome {
    let Some(address) = address else {
        return Outcome::Unset;
    };
    match (address, part) {
        (Address::Ip(address), Part::All) => display(out, address),
        (Address::Ip(address), Part::Host) => display(out, address.ip()),
        (Address::Ip(address), Part::Network(bits)) => {
            let (network, bits) = network(address.ip(), bits);
            display(out, format_args!("{network}/{bits}"))
        }
        (Address::Ip(address), Part::Port) => integer(out, address.port().into()),
        (Address::Pipe(_), Part::Port) => Outcome::Unset,
        (Address::Pipe(path), Part::All | Part::Host | Part::Network(_)) => {
            put(out, Some(path.as_bytes()))
        }
    }
}

fn network(address: IpAddr, bits: u8) -> (IpAddr, u8) {
    match address {
        IpAddr::V4(address) => {
            let bits = bits.min(32);
            let mask = u32::MAX.checked_shl(32 - u32::from(bits)).unwrap_or(0);
            (Ipv4Addr::from_bits(address.to_bits() & mask).into(), bits)
        }
        IpAddr::V6(address) => {
            let bits = bits.min(128);
            let mask = u128::MAX.checked_shl(128 - u32::from(bits)).unwrap_or(0);
            (Ipv6Addr::from_bits(address.to_bits() & mask).into(), bits)
        }
    }
}

fn display(out: &mut Vec<u8>, value: impl std::fmt::Display) -> Outcome {
    // A Vec takes every write.
    let _ = write!(out, "{value}");
    Outcome::Text
}

fn is_grpc(content_type: &[u8]) -> bool {
    content_type
        .strip_prefix(b"application/grpc")
        .is_some_and(|rest| rest.is_empty() || rest.starts_with(b"+"))
}

/// The gRPC status that stands for an HTTP one, where the response carried none.
fn grpc_of_http(code: u64) -> u64 {
    match code {
        200 | 400 => 13,
        401 => 16,
        403 => 7,
        404 => 12,
        429 | 502..=504 => 14,
        _ => 2,
    }
}

fn grpc(code: u64, style: GrpcStyle, out: &mut Vec<u8>) -> Outcome {
    const NAMES: [(&str, &str); 17] = [
        ("OK", "OK"),
        ("Canceled", "CANCELLED"),
        ("Unknown", "UNKNOWN"),
        ("InvalidArgument", "INVALID_ARGUMENT"),
        ("DeadlineExceeded", "DEADLINE_EXCEEDED"),
        ("NotFound", "NOT_FOUND"),
        ("AlreadyExists", "ALREADY_EXISTS"),
        ("PermissionDenied", "PERMISSION_DENIED"),
        ("ResourceExhausted", "RESOURCE_EXHAUSTED"),
        ("FailedPrecondition", "FAILED_PRECONDITION"),
        ("Aborted", "ABORTED"),
        ("OutOfRange", "OUT_OF_RANGE"),
        ("Unimplemented", "UNIMPLEMENTED"),
        ("Internal", "INTERNAL"),
        ("Unavailable", "UNAVAILABLE"),
        ("DataLoss", "DATA_LOSS"),
        ("Unauthenticated", "UNAUTHENTICATED"),
    ];
    let name = usize::try_from(code).ok().and_then(|code| NAMES.get(code));
    match (style, name) {
        (GrpcStyle::Number, _) => integer(out, code),
        (GrpcStyle::Camel, Some((camel, _))) => put(out, Some(camel.as_bytes())),
        (GrpcStyle::Snake, Some((_, snake))) => put(out, Some(snake.as_bytes())),
        (GrpcStyle::Camel | GrpcStyle::Snake, None) => {
            integer(out, code);
            Outcome::Text
        }
    }
}

/// A random UUID (version 4).
fn uuid(out: &mut Vec<u8>) {
    let bits = fastrand::u128(..);
    let bits = bits & !(0xf000 << 64 | 0xc000 << 48) | (0x4000 << 64 | 0x8000 << 48);
    let group = |shift: u32, digits: u32| (bits >> shift) & ((1 << (digits * 4)) - 1);
    display(
        out,
        format_args!(
            "{:08x}-{:04x}-{:04x}-{:04x}-{:012x}",
            group(96, 8),
            group(80, 4),
            group(64, 4),
            group(48, 4),
            group(0, 12)
        ),
    );
}
