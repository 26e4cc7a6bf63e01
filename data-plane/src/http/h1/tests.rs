//! Drives the codec as a connection does, over bytes instead of sockets.

mod bodies;
mod envoy;
mod limits;
mod random;
mod splits;
mod strict;
mod written;

use super::{
    BodyError, BodyLength, BodyReader, BodyWriter, ConnectionField, Framing, HeadScanner, Options,
    RequestError, admit, hop, read_request, read_response, response_framing, write_request,
    write_response,
};
use crate::http::{
    message::{Method, RequestHead, ResponseHead, Version},
    name::Known,
};

/// What became of one request.
#[derive(Clone, Debug, PartialEq, Eq)]
enum Outcome {
    /// The bytes that go upstream.
    Upstream(Vec<u8>),
    Refused(RequestError),
    /// Refused by what comes behind the codec.
    Upgrade,
    Connect,
    /// More bytes are needed.
    Wait,
}

/// A server's side of one connection, fed in pieces.
struct Server<'o> {
    options: &'o Options,
    buffer: Vec<u8>,
    scanner: HeadScanner,
    head: RequestHead,
    body: Option<(BodyReader, BodyWriter, Vec<u8>, bool)>,
    outcomes: Vec<Outcome>,
    closed: bool,
}

impl<'o> Server<'o> {
    fn new(options: &'o Options) -> Self {
        Server {
            options,
            buffer: Vec::new(),
            scanner: HeadScanner::new(),
            head: RequestHead::default(),
            body: None,
            outcomes: Vec::new(),
            closed: false,
        }
    }

    fn feed(&mut self, bytes: &[u8]) {
        self.buffer.extend_from_slice(bytes);
        while !self.closed && self.step() {}
    }

    fn refuse(&mut self, error: RequestError) {
        self.closed |= error.closes();
        self.outcomes.push(Outcome::Refused(error));
    }

    /// Does one thing; false when more bytes are needed.
    fn step(&mut self) -> bool {
        if let Some((reader, writer, out, keep_alive)) = &mut self.body {
            let step = match reader.read(&self.buffer) {
                Ok(step) => step,
                Err(error) => {
                    self.body = None;
                    self.refuse(error.refusal());
                    return true;
                }
            };
            writer.write(out, step.data).unwrap();
            let progress = step.consumed > 0;
            let done = step.done;
            self.buffer.drain(..step.consumed);
            if done {
                writer.finish(out, reader.take_trailers().as_ref()).unwrap();
                self.outcomes.push(Outcome::Upstream(std::mem::take(out)));
                self.closed = !*keep_alive;
                self.body = None;
            }
            return progress || done;
        }
        let read = read_request(
            &self.buffer,
            &mut self.scanner,
            self.options,
            &mut self.head,
        );
        let frame = match read {
            Ok(None) => return false,
            Ok(Some(frame)) => frame,
            Err(error) => {
                self.refuse(error);
                return true;
            }
        };
        assert!(frame.consumed <= self.buffer.len());
        self.buffer.drain(..frame.consumed);
        if let Err(error) = admit(&self.head, &frame, self.options) {
            self.refuse(error);
            self.closed |= !frame.keep_alive;
            return true;
        }
        if frame.upgrade && !self.options.strict {
            self.outcomes.push(Outcome::Upgrade);
            self.closed = true;
            return true;
        }
        if self.head.method == Method::Connect {
            self.outcomes.push(Outcome::Connect);
            self.closed = true;
            return true;
        }
        if frame.expect_continue {
            self.head.headers.remove_known(Known::Expect);
        }
        hop::strip_request(&mut self.head.headers, false, self.options.strict);
        let framing = Framing::for_request(&self.head.method, &self.head.headers, frame.body);
        let mut out = Vec::new();
        write_request(&mut out, &self.head, framing);
        self.body = Some((
            BodyReader::new(frame.body, self.options),
            BodyWriter::new(framing),
            out,
            frame.keep_alive,
        ));
        true
    }

    fn end(mut self) -> Served {
        if !self.closed
            && (self.body.is_some() || !self.buffer.is_empty() || self.outcomes.is_empty())
        {
            self.outcomes.push(Outcome::Wait);
        }
        Served {
            outcomes: self.outcomes,
            closed: self.closed,
        }
    }
}

#[derive(Clone, Debug, PartialEq, Eq)]
struct Served {
    outcomes: Vec<Outcome>,
    closed: bool,
}

/// Serves all of `input`, cut at the given places.
fn serve(input: &[u8], cuts: &[usize], options: &Options) -> Served {
    let mut server = Server::new(options);
    let mut from = 0;
    for cut in cuts.iter().copied().chain([input.len()]) {
        server.feed(&input[from..cut]);
        from = cut;
    }
    server.end()
}

/// What became of one response.
#[derive(Clone, Debug, PartialEq, Eq)]
struct Answered {
    /// The bytes that go downstream, in HTTP/1.1.
    downstream: Vec<u8>,
    end: AnswerEnd,
    /// The upstream connection can serve another request.
    reuse: bool,
}

#[derive(Clone, Debug, PartialEq, Eq)]
enum AnswerEnd {
    Complete,
    /// Before any of it was passed on.
    BadHead,
    /// After its head was.
    Cut(BodyError),
    Wait,
}

/// Reads one response from pieces, after which the upstream closes or does not.
fn answer(pieces: &[&[u8]], close: bool, request: &Method, options: &Options) -> Answered {
    let mut buffer = Vec::new();
    let mut pieces = pieces.iter();
    let mut scanner = HeadScanner::new();
    let mut head = ResponseHead::default();
    let mut out = Vec::new();
    let ended = |downstream: Vec<u8>, end: AnswerEnd| Answered {
        downstream,
        end,
        reuse: false,
    };
    let frame = loop {
        match read_response(&buffer, &mut scanner, options, request, &mut head) {
            Err(_) => return ended(out, AnswerEnd::BadHead),
            Ok(Some(frame)) => {
                buffer.drain(..frame.consumed);
                if !frame.informational {
                    break frame;
                }
            }
            Ok(None) => match pieces.next() {
                Some(piece) => buffer.extend_from_slice(piece),
                None if close => return ended(out, AnswerEnd::BadHead),
                None => return ended(out, AnswerEnd::Wait),
            },
        }
    };
    hop::strip_response(&mut head.headers, false, options.strict);
    let (announced, framing) = response_framing(
        request,
        Version::Http11,
        head.status,
        &head.headers,
        frame.body,
    );
    write_response(
        &mut out,
        &head,
        Version::Http11,
        announced,
        ConnectionField::Omit,
    );
    let mut reader = BodyReader::new(frame.body, options);
    let mut writer = BodyWriter::new(framing);
    while !reader.is_done() {
        let step = match reader.read(&buffer) {
            Ok(step) => step,
            Err(error) => return ended(out, AnswerEnd::Cut(error)),
        };
        writer.write(&mut out, step.data).unwrap();
        let stuck = step.consumed == 0 && !step.done;
        buffer.drain(..step.consumed);
        if stuck {
            match pieces.next() {
                Some(piece) => buffer.extend_from_slice(piece),
                None if close => {
                    if let Err(error) = reader.on_eof() {
                        return ended(out, AnswerEnd::Cut(error));
                    }
                }
                None => return ended(out, AnswerEnd::Wait),
            }
        }
    }
    writer
        .finish(&mut out, reader.take_trailers().as_ref())
        .unwrap();
    Answered {
        downstream: out,
        end: AnswerEnd::Complete,
        reuse: frame.keep_alive
            && !close
            && buffer.is_empty()
            && pieces.all(|piece| piece.is_empty()),
    }
}

/// The whole body as chunks, and what is left of the input.
fn read_body<'i>(
    length: BodyLength,
    mut input: &'i [u8],
    options: &Options,
) -> Result<(Vec<u8>, BodyReader, &'i [u8]), BodyError> {
    let mut reader = BodyReader::new(length, options);
    let mut body = Vec::new();
    loop {
        let step = reader.read(input)?;
        body.extend_from_slice(step.data);
        input = &input[step.consumed..];
        if step.done || step.consumed == 0 {
            return Ok((body, reader, input));
        }
    }
}

/// Reads `\r`, `\n`, `\t`, `\\` and `\xNN` in a table's cell.
fn unescape(cell: &str) -> Vec<u8> {
    let mut bytes = Vec::new();
    let mut rest = cell.as_bytes();
    while let [byte, after @ ..] = rest {
        rest = after;
        if *byte != b'\\' {
            bytes.push(*byte);
            continue;
        }
        let (byte, taken) = match rest {
            [b'r', ..] => (b'\r', 1),
            [b'n', ..] => (b'\n', 1),
            [b't', ..] => (b'\t', 1),
            [b'\\', ..] => (b'\\', 1),
            [b'x', high, low, ..] => {
                let digits = [*high, *low];
                let digits = std::str::from_utf8(&digits).unwrap();
                (u8::from_str_radix(digits, 16).unwrap(), 3)
            }
            _ => panic!("bad escape in {cell}"),
        };
        bytes.push(byte);
        rest = &rest[taken..];
    }
    bytes
}

fn escape(bytes: &[u8]) -> String {
    bytes
        .iter()
        .map(|byte| match byte {
            b'\r' => "\\r".to_owned(),
            b'\n' => "\\n".to_owned(),
            b'\t' => "\\t".to_owned(),
            b'\\' => "\\\\".to_owned(),
            b' '..=b'~' => char::from(*byte).to_string(),
            other => format!("\\x{other:02x}"),
        })
        .collect()
}
