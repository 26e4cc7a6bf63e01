//! Reads a body: its own length, chunks, or all until the connection ends.
//!
//! A call returns at most one piece of data, borrowed from the caller's buffer, and how far it read. Chunk
//! framing never leaves this file. Where a chunk's size line must end, what a client may write behind the
//! size, and what is read as a trailer differ by temper; Envoy skips anything between chunk data and the next
//! line feed, strict reading wants CRLF.

use super::{
    BodyError, BodyLength, HeadScanner, Options,
    duplicates::{Gathered, most_raw_fields},
    errors::Fault,
    fields::{Fields, is_token_byte},
    hop,
    scan::Scan,
};
use crate::http::headers::Headers;

/// Strict: what all chunk extensions of one body may have in sum.
const MAX_EXTENSION_BYTES: usize = 1024;

/// One step of reading.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub struct BodyStep<'i> {
    /// How many bytes of the input are done with, `data` among them.
    pub consumed: usize,
    /// The next piece of the body; empty when there was only framing, or not enough of it.
    pub data: &'i [u8],
    /// The body is complete. What follows in the input is not part of it.
    pub done: bool,
}

#[derive(Clone, Copy, Debug, PartialEq, Eq)]
enum State {
    Done,
    Failed(BodyError),
    Length(u64),
    UntilClose,
    /// In the digits of a chunk size; whether there was one.
    Size {
        size: u64,
        any: bool,
    },
    /// Behind the size, before the line feed; whether the last byte was a carriage return.
    Extension {
        size: u64,
        cr: bool,
    },
    Data(u64),
    /// Behind a chunk's data, before the line feed; whether the last byte was a carriage return.
    DataEnd {
        cr: bool,
    },
    Trailers,
}

/// Reads one body. Small, so that an idle connection costs nothing; trailers allocate when they come.
#[derive(Debug)]
pub struct BodyReader {
    state: State,
    strict: bool,
    extension_bytes: usize,
    rules: TrailerRules,
    trailers: Option<Box<Trailers>>,
}

#[derive(Clone, Copy, Debug)]
struct TrailerRules {
    keep: bool,
    max_bytes: usize,
    max_fields: usize,
}

#[derive(Debug, Default)]
struct Trailers {
    bytes: Vec<u8>,
    scanner: HeadScanner,
    fields: Headers,
}

impl BodyReader {
    pub fn new(length: BodyLength, options: &Options) -> Self {
        let state = match length {
            BodyLength::Empty | BodyLength::Length(0) => State::Done,
            BodyLength::Length(length) => State::Length(length),
            BodyLength::Chunked => State::Size {
                size: 0,
                any: false,
            },
            BodyLength::UntilClose => State::UntilClose,
        };
        Self {
            state,
            strict: options.strict,
            extension_bytes: 0,
            rules: TrailerRules {
                keep: options.enable_trailers,
                max_bytes: options.max_head_bytes,
                max_fields: options.max_headers,
            },
            trailers: None,
        }
    }

    pub fn is_done(&self) -> bool {
        self.state == State::Done
    }

    /// The trailers of a body that is done, if there were any and they are wanted.
    pub fn take_trailers(&mut self) -> Option<Headers> {
        let trailers = self.trailers.take().filter(|_| self.is_done())?;
        Some(trailers.fields).filter(|fields| !fields.is_empty())
    }

    /// The other side sends nothing more.
    pub fn on_eof(&mut self) -> Result<(), BodyError> {
        match self.state {
            State::Done => Ok(()),
            State::UntilClose => {
                self.state = State::Done;
                Ok(())
            }
            State::Failed(error) => Err(error),
            State::Length(_)
            | State::Size { .. }
            | State::Extension { .. }
            | State::Data(_)
            | State::DataEnd { .. }
            | State::Trailers => {
                self.state = State::Failed(BodyError::Truncated);
                Err(BodyError::Truncated)
            }
        }
    }

    /// Reads on. Data that came before an error is returned first; the error comes with the next call.
    pub fn read<'i>(&mut self, input: &'i [u8]) -> Result<BodyStep<'i>, BodyError> {
        let mut rest = input;
        let mut data: &[u8] = &[];
        loop {
            match self.state {
                State::Done => break,
                State::Failed(error) if data.is_empty() => return Err(error),
                State::Failed(_) => break,
                State::Length(left) | State::Data(left) => {
                    if rest.is_empty() || !data.is_empty() {
                        break;
                    }
                    let take = usize::try_from(left).unwrap_or(usize::MAX).min(rest.len());
                    (data, rest) = rest.split_at_checked(take).unwrap_or((rest, &[]));
                    let left = left.saturating_sub(take as u64);
                    self.state = match (self.state, left) {
                        (State::Length(_), 0) => State::Done,
                        (State::Length(_), left) => State::Length(left),
                        (_, 0) => State::DataEnd { cr: false },
                        (_, left) => State::Data(left),
                    };
                }
                State::UntilClose => {
                    data = rest;
                    rest = &[];
                    break;
                }
                State::Trailers => {
                    if rest.is_empty() {
                        break;
                    }
                    match self.read_trailers(rest) {
                        Ok(consumed) => rest = rest.get(consumed..).unwrap_or_default(),
                        Err(fault) => self.state = State::Failed(fault.into()),
                    }
                }
                State::Size { .. } | State::Extension { .. } | State::DataEnd { .. } => {
                    let [byte, behind @ ..] = rest else { break };
                    match self.frame(*byte) {
                        Ok((state, consumed)) => {
                            self.state = state;
                            if consumed {
                                rest = behind;
                            }
                        }
                        Err(error) => self.state = State::Failed(error),
                    }
                }
            }
        }
        Ok(BodyStep {
            consumed: input.len() - rest.len(),
            data,
            done: self.is_done(),
        })
    }

    /// One byte of chunk framing: the next state, and whether the byte is used up.
    fn frame(&mut self, byte: u8) -> Result<(State, bool), BodyError> {
        match self.state {
            State::Size { size, any } => {
                let digit = match byte {
                    b'0'..=b'9' => byte - b'0',
                    b'a'..=b'f' => byte - b'a' + 10,
                    b'A'..=b'F' => byte - b'A' + 10,
                    b';' | b'\r' if any => {
                        return Ok((State::Extension { size, cr: false }, false));
                    }
                    b' ' | b'\t' if any && !self.strict => {
                        return Ok((State::Extension { size, cr: false }, false));
                    }
                    _ => return Err(BodyError::Framing),
                };
                let size = size.checked_mul(16).ok_or(BodyError::Framing)? | u64::from(digit);
                // 2^63 and more serves nobody but those who hope for a sign bit.
                if self.strict && size > i64::MAX as u64 {
                    return Err(BodyError::Framing);
                }
                Ok((State::Size { size, any: true }, true))
            }
            State::Extension { size, cr } => match byte {
                b'\n' if cr && size == 0 => {
                    self.trailers = None;
                    Ok((State::Trailers, true))
                }
                b'\n' if cr => Ok((State::Data(size), true)),
                _ if cr => Err(BodyError::Framing),
                b'\r' => Ok((State::Extension { size, cr: true }, true)),
                b'\n' => Err(BodyError::Framing),
                _ if self.strict => {
                    self.extension_bytes += 1;
                    if self.extension_bytes > MAX_EXTENSION_BYTES {
                        return Err(BodyError::ExtensionsTooLarge);
                    }
                    let plain = is_token_byte(byte)
                        || matches!(byte, b';' | b'=' | b'"' | b'\t' | b' '..=b'~');
                    if plain {
                        Ok((State::Extension { size, cr: false }, true))
                    } else {
                        Err(BodyError::Framing)
                    }
                }
                _ => Ok((State::Extension { size, cr: false }, true)),
            },
            State::DataEnd { cr } => match byte {
                b'\n' if cr || !self.strict => Ok((
                    State::Size {
                        size: 0,
                        any: false,
                    },
                    true,
                )),
                b'\r' if !cr || !self.strict => Ok((State::DataEnd { cr: true }, true)),
                _ if self.strict => Err(BodyError::Framing),
                _ => Ok((State::DataEnd { cr: false }, true)),
            },
            state @ (State::Done
            | State::Failed(_)
            | State::Length(_)
            | State::UntilClose
            | State::Data(_)
            | State::Trailers) => Ok((state, false)),
        }
    }

    /// Reads trailers up to the empty line: how many bytes are theirs.
    fn read_trailers(&mut self, rest: &[u8]) -> Result<usize, Fault> {
        // Nearly always there are none.
        if self.trailers.is_none() && rest.starts_with(b"\r\n") {
            self.state = State::Done;
            return Ok(2);
        }
        let options = Options {
            strict: self.strict,
            max_head_bytes: self.rules.max_bytes,
            max_headers: self.rules.max_fields,
            enable_trailers: self.rules.keep,
            ..Options::requests()
        };
        let trailers = self.trailers.get_or_insert_default();
        let before = trailers.bytes.len();
        let room = options.max_head_bytes.saturating_add(1);
        let take = rest.len().min(room.saturating_sub(before));
        trailers
            .bytes
            .extend_from_slice(rest.get(..take).unwrap_or_default());
        match trailers.scanner.scan(&trailers.bytes, &options)? {
            Scan::Partial => Ok(take),
            Scan::Complete { end } => {
                trailers.parse(&options)?;
                self.state = State::Done;
                Ok(end.saturating_sub(before))
            }
        }
    }
}

impl Trailers {
    fn parse(&mut self, options: &Options) -> Result<(), Fault> {
        let Self {
            bytes,
            scanner,
            fields: kept,
        } = self;
        let mut fields = Fields::load(bytes, 0, scanner.ends(), 0, options.strict, kept)?;
        let mut gathered = Gathered::default();
        while let Some(field) = fields.next(kept.loaded())? {
            if options.enable_trailers {
                gathered.add(kept, field)?;
                if kept.len() > options.max_headers.min(most_raw_fields(options)) {
                    return Err(Fault::TooManyHeaders);
                }
            }
        }
        if options.strict {
            kept.retain(|field| hop::may_trail(&field));
        }
        Ok(())
    }
}
