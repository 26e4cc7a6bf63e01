//! From a text to pieces: finds operators and reads their parameters.
//!
//! An operator is `%NAME%`, `%NAME(parameters)%` or either with `:length` before the last `%`. Parameters end
//! at the first `)` that lets the operator end, so that they may hold a `)`; a line break ends the search, as
//! Envoy's expression does. `%%` is a percent sign.

use super::{
    Extensions, FormatError, Message, Moment, Name, Piece,
    operator::{Clock, Command, GrpcStyle, Kind, Operator, Part, Simple, Syntax, Unit, known},
    time::Pattern,
};

/// Reads a whole text.
pub(super) fn pieces<N: Name>(
    text: &str,
    extensions: Extensions,
) -> Result<Vec<Piece<N>>, FormatError> {
    let mut pieces = Vec::new();
    let mut literal = Vec::new();
    let mut rest = text;
    while let Some(start) = rest.find('%') {
        let (before, from) = rest.split_at(start);
        literal.extend_from_slice(before.as_bytes());
        if let Some(after) = from.strip_prefix("%%") {
            literal.push(b'%');
            rest = after;
            continue;
        }
        let position = text.len() - from.len();
        let fail = |(reason, unsupported)| FormatError {
            position,
            reason,
            unsupported,
        };
        let token = Token::read(from).ok_or_else(|| {
            let seen: String = from.chars().take(40).collect();
            fail((
                format!("{seen:?} is not an operator; write %NAME%, %NAME(X)% or %NAME(X):LENGTH%, and %% for a percent sign"),
                false,
            ))
        })?;
        rest = token.rest;
        if !literal.is_empty() {
            pieces.push(Piece::Text(std::mem::take(&mut literal).into()));
        }
        pieces.push(Piece::Command(token.command(extensions).map_err(fail)?));
    }
    literal.extend_from_slice(rest.as_bytes());
    if !literal.is_empty() {
        pieces.push(Piece::Text(literal.into()));
    }
    Ok(pieces)
}

/// An operator as it stands in the text.
struct Token<'a> {
    name: &'a str,
    parameters: &'a str,
    length: Option<usize>,
    rest: &'a str,
}

type Reason = (String, bool);

impl<'a> Token<'a> {
    /// Reads one at the `%` that begins it.
    fn read(from: &'a str) -> Option<Self> {
        let body = from.strip_prefix('%')?;
        let end = body
            .find(|c: char| !(c.is_ascii_uppercase() || c.is_ascii_digit() || c == '_'))
            .filter(|end| *end > 0)?;
        let (name, after) = body.split_at(end);
        let Some(inner) = after.strip_prefix('(') else {
            let (length, rest) = tail(after)?;
            return Some(Self {
                name,
                parameters: "",
                length,
                rest,
            });
        };
        let line = inner.split('\n').next().unwrap_or_default();
        line.match_indices(')').find_map(|(close, _)| {
            let (length, rest) = tail(inner.get(close + 1..)?)?;
            Some(Self {
                name,
                parameters: inner.get(..close)?,
                length,
                rest,
            })
        })
    }

    fn command<N: Name>(&self, extensions: Extensions) -> Result<Command<N>, Reason> {
        let name = self.name;
        let (kind, syntax) = known(name)
            .filter(|(kind, _)| {
                extensions.req_without_query || !matches!(kind, Kind::HeaderWithoutQuery)
            })
            .ok_or_else(|| wrong(format!("%{name}% is not an operator")))?;
        let bare = self.parameters.is_empty();
        match syntax {
            Syntax::Bare if !bare || self.length.is_some() => {
                return Err(wrong(format!(
                    "{name} takes neither parameters nor a length"
                )));
            }
            Syntax::Required | Syntax::RequiredAndLength if bare => {
                return Err(wrong(format!("{name} needs parameters: write %{name}(X)%")));
            }
            Syntax::Optional | Syntax::Required if self.length.is_some() => {
                return Err(wrong(format!("{name} takes no length")));
            }
            _ => {}
        }
        Ok(Command {
            operator: self.operator(kind)?,
            limit: self.length,
        })
    }

    fn operator<N: Name>(&self, kind: Kind) -> Result<Operator<N>, Reason> {
        let parameters = self.parameters;
        Ok(match kind {
            Kind::Header(message) => self.header(message, false)?,
            Kind::HeaderWithoutQuery => self.header(Message::Request, true)?,
            Kind::Path => self.path()?,
            Kind::QueryParam => Operator::QueryParam {
                path: field(":path")?,
                key: parameters.as_bytes().into(),
            },
            Kind::QueryParams => match parameters {
                "" | "ORIG" => Operator::QueryParams {
                    path: field(":path")?,
                },
                "DECODED" => {
                    return Err(lacking(
                        "QUERY_PARAMS(DECODED)",
                        "is not offered by this proxy; use QUERY_PARAMS or QUERY_PARAM(X)",
                    ));
                }
                other => return Err(one_of("QUERY_PARAMS", other, "ORIG")),
            },
            Kind::ServerName => self.server_name()?,
            Kind::Time(clock) => Operator::Time {
                clock,
                pattern: Pattern::parse(parameters).map_err(wrong)?,
            },
            Kind::Count(count) => Operator::Count(count),
            Kind::Span(from, to) => Operator::Span {
                from,
                to: Some(to),
                unit: Unit::Milliseconds,
            },
            Kind::CommonDuration => common_duration(parameters)?,
            Kind::Text(text) => Operator::Text(text),
            Kind::Details => Operator::Details {
                spaces: parameters == "ALLOW_WHITESPACES",
            },
            Kind::HostName { port } => Operator::HostName { port },
            Kind::Address(peer, simple) => Operator::Address {
                peer,
                part: match simple {
                    Simple::All => Part::All,
                    Simple::Port => Part::Port,
                },
            },
            Kind::Host(peer) => Operator::Address {
                peer,
                part: if parameters.is_empty() {
                    Part::Host
                } else {
                    Part::Network(parameters.parse().ok().filter(|bits| *bits <= 128).ok_or_else(
                        || wrong(format!("{parameters:?} is not a prefix length; write 0 to 32, or to 128 for IPv6")),
                    )?)
                },
            },
            Kind::Flags { long } => Operator::Flags { long },
            Kind::GrpcStatus => grpc_status(match parameters {
                "" | "CAMEL_STRING" => GrpcStyle::Camel,
                "SNAKE_STRING" => GrpcStyle::Snake,
                "NUMBER" => GrpcStyle::Number,
                other => {
                    return Err(one_of(
                        "GRPC_STATUS",
                        other,
                        "CAMEL_STRING, SNAKE_STRING or NUMBER",
                    ));
                }
            })?,
            Kind::GrpcStatusNumber => grpc_status(GrpcStyle::Number)?,
            Kind::Environment => Operator::Fixed(environment(parameters)),
            Kind::MachineName => machine_name(),
            Kind::UniqueId => Operator::UniqueId,
            Kind::CustomFlags => Operator::Fixed(Box::default()),
            Kind::Zero => Operator::Zero,
            Kind::Never => Operator::Never,
            Kind::Unsupported(reason) => return Err(lacking(self.name, reason)),
        })
    }

    fn header<N: Name>(
        &self,
        message: Message,
        without_query: bool,
    ) -> Result<Operator<N>, Reason> {
        let (name, other) = match self.parameters.split_once('?') {
            None => (self.parameters, ""),
            Some((_, other)) if other.contains('?') => {
                return Err(wrong(format!(
                    "{:?} names more than one alternative; write {}(X?Y)",
                    self.parameters, self.name
                )));
            }
            Some(pair) => pair,
        };
        let optional = |text: &str| (!text.is_empty()).then(|| field(text)).transpose();
        Ok(Operator::Header {
            message,
            name: optional(name)?,
            other: optional(other)?,
            without_query,
        })
    }

    fn path<N: Name>(&self) -> Result<Operator<N>, Reason> {
        let mut parameters = self.parameters.split(':');
        let query = match parameters.next().unwrap_or_default() {
            "" | "WQ" => true,
            "NQ" => false,
            other => return Err(one_of("PATH", other, "WQ or NQ")),
        };
        let from: &[&str] = match parameters.next().unwrap_or_default() {
            "" | "ORIG_OR_PATH" => &[ORIGINAL_PATH, ":path"],
            "ORIG" => &[ORIGINAL_PATH],
            "PATH" => &[":path"],
            other => return Err(one_of("PATH", other, "ORIG, PATH or ORIG_OR_PATH")),
        };
        Ok(Operator::Path {
            from: fields(from)?,
            query,
        })
    }

    fn server_name<N: Name>(&self) -> Result<Operator<N>, Reason> {
        let mut parameters = self.parameters.split(':');
        let (sni, host) = match parameters.next().unwrap_or_default() {
            "" | "SNI_ONLY" => (true, false),
            "SNI_FIRST" => (true, true),
            "HOST_FIRST" => (false, true),
            other => {
                return Err(one_of(
                    self.name,
                    other,
                    "SNI_ONLY, SNI_FIRST or HOST_FIRST",
                ));
            }
        };
        let hosts: &[&str] = match parameters.next().unwrap_or_default() {
            "" | "ORIG_OR_HOST" => &[ORIGINAL_HOST, ":authority"],
            "HOST" => &[":authority"],
            "ORIG" => &[ORIGINAL_HOST],
            other => return Err(one_of(self.name, other, "ORIG, HOST or ORIG_OR_HOST")),
        };
        Ok(Operator::ServerName {
            sni,
            hosts: fields(if host { hosts } else { &[] })?,
        })
    }
}

const ORIGINAL_PATH: &str = "x-envoy-original-path";
const ORIGINAL_HOST: &str = "x-envoy-original-host";

/// `:length%` or `%`, and what follows.
fn tail(text: &str) -> Option<(Option<usize>, &str)> {
    if let Some(rest) = text.strip_prefix('%') {
        return Some((None, rest));
    }
    let (digits, rest) = text.strip_prefix(':')?.split_once('%')?;
    let plain = !digits.is_empty() && digits.bytes().all(|byte| byte.is_ascii_digit());
    Some((Some(digits.parse().ok().filter(|_| plain)?), rest))
}

fn common_duration<N>(parameters: &str) -> Result<Operator<N>, Reason> {
    let parts: Vec<&str> = parameters.split(':').collect();
    let (from, to, unit) = match *parts {
        [from, to] | [from, to, "ms"] => (from, to, Unit::Milliseconds),
        [from, to, "us"] => (from, to, Unit::Microseconds),
        [from, to, "ns"] => (from, to, Unit::Nanoseconds),
        _ => {
            return Err(wrong(format!(
                "{parameters:?} is not a duration; write START:END with an optional :ms, :us or :ns"
            )));
        }
    };
    // A name that is no moment is one that a filter might set, and no filter here does: never there.
    match (moment(from), moment(to)) {
        (Some(from), Some(to)) => Ok(Operator::Span { from, to, unit }),
        _ => Ok(Operator::Never),
    }
}

/// The inner `None` is the request's start.
fn moment(name: &str) -> Option<Option<Moment>> {
    Some(Some(match name {
        "DS_RX_BEG" => return Some(None),
        "DS_RX_END" => Moment::DownstreamRxEnd,
        "US_CX_BEG" => Moment::UpstreamConnectBegin,
        "US_CX_END" => Moment::UpstreamConnectEnd,
        "US_HS_END" => Moment::UpstreamHandshakeEnd,
        "US_TX_BEG" => Moment::UpstreamTxBegin,
        "US_TX_END" => Moment::UpstreamTxEnd,
        "US_RX_BEG" => Moment::UpstreamRxBegin,
        "US_RX_BODY_BEG" => Moment::UpstreamRxBodyBegin,
        "US_RX_END" => Moment::UpstreamRxEnd,
        "DS_TX_BEG" => Moment::DownstreamTxBegin,
        "DS_TX_END" => Moment::DownstreamTxEnd,
        _ => return None,
    }))
}

fn grpc_status<N: Name>(style: GrpcStyle) -> Result<Operator<N>, Reason> {
    Ok(Operator::GrpcStatus {
        content_type: field("content-type")?,
        status: field("grpc-status")?,
        style,
    })
}

/// The variable's value when the template is parsed; a missing one is `-` even where empty values are left out.
fn environment(key: &str) -> Box<[u8]> {
    match std::env::var_os(key) {
        Some(value) => value.as_encoded_bytes().into(),
        None => b"-".as_slice().into(),
    }
}

fn machine_name<N>() -> Operator<N> {
    match std::fs::read("/proc/sys/kernel/hostname") {
        Ok(name) => Operator::Fixed(name.trim_ascii().into()),
        Err(_) => Operator::Never,
    }
}

fn fields<N: Name>(names: &[&str]) -> Result<Box<[N]>, Reason> {
    names.iter().map(|name| field(name)).collect()
}

fn field<N: Name>(text: &str) -> Result<N, Reason> {
    N::parse(text).map_err(wrong)
}

fn wrong(reason: impl Into<String>) -> Reason {
    (reason.into(), false)
}

fn lacking(name: &str, reason: &str) -> Reason {
    (format!("{name} {reason}"), true)
}

fn one_of(name: &str, seen: &str, known: &str) -> Reason {
    wrong(format!("{name} does not know {seen:?}; write {known}"))
}

impl Clock {
    pub(super) fn read<N>(
        self,
        subject: &(impl super::Subject<Name = N> + ?Sized),
    ) -> std::time::SystemTime {
        match self {
            Clock::Started => subject.started(),
            Clock::Emitted => subject.emitted(),
        }
    }
}
