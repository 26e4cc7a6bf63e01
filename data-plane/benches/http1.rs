//! What the HTTP/1 codec costs for one warm exchange: a request of nine fields read, judged and written, its
//! response likewise. Proves the result right before it takes the time.
//!
//! `cargo bench -p portway-data-plane --bench http1`; the best of many short rounds, because a busy machine
//! only ever adds.

use std::{hint::black_box, time::Duration};

use portway_data_plane::http::{
    h1::{
        BodyReader, BodyWriter, ConnectionField, Framing, HeadScanner, Options, admit, hop,
        read_request, read_response, response_framing, write_request, write_response,
    },
    message::{RequestHead, ResponseHead},
};
use portway_shared::clock;

const REQUEST: &[u8] = b"GET /api/v1/users/1234/orders?limit=20&offset=40 HTTP/1.1\r\n\
    Host: shop.example.com\r\n\
    User-Agent: Mozilla/5.0 (X11; Linux x86_64) AppleWebKit/537.36\r\n\
    Accept: application/json, text/plain, */*\r\n\
    Accept-Language: en-US,en;q=0.9\r\n\
    Accept-Encoding: gzip, deflate, br\r\n\
    Cookie: session=0123456789abcdef0123456789abcdef; theme=dark\r\n\
    Referer: https://shop.example.com/account\r\n\
    X-Request-Id: 7f3c1c4e-8a59-4a0b-9d53-2f1f2b1d6a11\r\n\
    Connection: keep-alive\r\n\r\n";

const RESPONSE: &[u8] = b"HTTP/1.1 200 OK\r\n\
    Date: Sat, 21 Nov 2026 01:45:46 GMT\r\n\
    Server: origin/1.0\r\n\
    Content-Type: application/json; charset=utf-8\r\n\
    Content-Length: 12\r\n\
    Cache-Control: no-cache, private\r\n\
    Vary: Accept-Encoding\r\n\
    ETag: \"5f3c1c4e-2b\"\r\n\
    X-Trace: 0123456789abcdef\r\n\r\n\
    {\"ok\": true}";

/// The memory of one connection pair.
struct Exchange {
    requests: Options,
    responses: Options,
    scanner: HeadScanner,
    request: RequestHead,
    response: ResponseHead,
    upstream: Vec<u8>,
    downstream: Vec<u8>,
}

impl Exchange {
    fn new(strict: bool) -> Self {
        let (mut requests, mut responses) = (Options::requests(), Options::responses());
        if strict {
            (requests, responses) = (requests.strict(), responses.strict());
        }
        Exchange {
            requests,
            responses,
            scanner: HeadScanner::new(),
            request: RequestHead::default(),
            response: ResponseHead::default(),
            upstream: Vec::new(),
            downstream: Vec::new(),
        }
    }

    fn request(&mut self, input: &[u8]) -> Option<()> {
        let head = &mut self.request;
        let frame = read_request(input, &mut self.scanner, &self.requests, head).ok()??;
        admit(head, &frame, &self.requests).ok()?;
        hop::strip_request(&mut head.headers, false, self.requests.strict);
        let framing = Framing::for_request(&head.method, &head.headers, frame.body);
        self.upstream.clear();
        write_request(&mut self.upstream, head, framing);
        Some(())
    }

    fn response(&mut self, input: &[u8]) -> Option<()> {
        let (head, method) = (&mut self.response, &self.request.method);
        let frame =
            read_response(input, &mut self.scanner, &self.responses, method, head).ok()??;
        hop::strip_response(&mut head.headers, false, self.responses.strict);
        let version = self.request.version;
        let (announced, framing) =
            response_framing(method, version, head.status, &head.headers, frame.body);
        self.downstream.clear();
        let connection = ConnectionField::choose(version, true, framing);
        write_response(&mut self.downstream, head, version, announced, connection);
        let mut reader = BodyReader::new(frame.body, &self.responses);
        let step = reader.read(input.get(frame.consumed..)?).ok()?;
        let mut writer = BodyWriter::new(framing);
        writer.write(&mut self.downstream, step.data).ok()?;
        writer.finish(&mut self.downstream, None).ok()
    }
}

/// The time of one call, in the best of many rounds.
fn time(mut call: impl FnMut()) -> Duration {
    const CALLS: u32 = 200;
    // Unoptimised, only the proof is of interest.
    const ROUNDS: u32 = if cfg!(debug_assertions) { 1 } else { 2_000 };
    let mut best = Duration::MAX;
    for _ in 0..ROUNDS {
        let start = clock::now();
        for _ in 0..CALLS {
            call();
        }
        best = best.min(start.elapsed());
    }
    best / CALLS
}

/// A head as it leaves: names in lower case, nothing that belongs to one connection.
fn forwarded(message: &[u8], dropped: &str) -> String {
    String::from_utf8_lossy(message)
        .split_inclusive("\r\n")
        .filter(|line| *line != dropped)
        .map(|line| match line.split_once(": ") {
            Some((name, value)) if !name.contains([' ', '{']) => {
                format!("{}: {value}", name.to_ascii_lowercase())
            }
            _ => line.to_owned(),
        })
        .collect()
}

#[expect(clippy::print_stdout, reason = "prints what it measured")]
fn main() {
    for strict in [false, true] {
        let mut exchange = Exchange::new(strict);
        assert!(exchange.request(REQUEST).is_some() && exchange.response(RESPONSE).is_some());
        assert_eq!(
            String::from_utf8_lossy(&exchange.upstream),
            forwarded(REQUEST, "Connection: keep-alive\r\n")
        );
        assert_eq!(
            String::from_utf8_lossy(&exchange.downstream),
            forwarded(RESPONSE, "")
        );
        let request = time(|| {
            black_box(exchange.request(black_box(REQUEST)));
        });
        let response = time(|| {
            black_box(exchange.response(black_box(RESPONSE)));
        });
        println!("strict {strict}: request {request:?}, response {response:?}");
    }
}
