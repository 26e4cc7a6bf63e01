//! Loose reading against Envoy 1.40: what it sent upstream or answered, for the same bytes on a raw socket.
//!
//! The tables were recorded from the real program with default options (or the ones in a row's second column),
//! a recording upstream behind it. Headers that Envoy adds by itself (`x-forwarded-proto`, `date`, `server`)
//! are left out. Heads too long for a table are in `limits.rs`.
//!
//! One case is left out on purpose: `Transfer-Encoding: chu<CR>nked`, which Envoy forwards without a body and
//! then reads the body as a request. We refuse it.

use super::*;

const REQUESTS: &str = include_str!("envoy_requests.tsv");
const RESPONSES: &str = include_str!("envoy_responses.tsv");

/// One row of the request table: its name, the options it was recorded with, the bytes.
pub(super) fn requests() -> impl Iterator<Item = (&'static str, Options, Vec<u8>, &'static str)> {
    REQUESTS.lines().map(|line| {
        let mut cells = line.split('\t');
        let mut cell = || cells.next().unwrap_or_else(|| panic!("short row: {line}"));
        let (name, options, input, outcome) = (cell(), cell(), cell(), cell());
        (name, options_of(options), unescape(input), outcome)
    })
}

fn options_of(name: &str) -> Options {
    let defaults = Options::requests();
    match name {
        "-" => defaults,
        "http10" => Options {
            accept_http_10: true,
            ..defaults
        },
        "http10_default" => Options {
            accept_http_10: true,
            default_host_for_http_10: Some("dflt".into()),
            ..defaults
        },
        "chunked_length" => Options {
            allow_chunked_length: true,
            ..defaults
        },
        "no_absolute" => Options {
            allow_absolute_url: false,
            ..defaults
        },
        "custom_methods" => Options {
            allow_custom_methods: true,
            ..defaults
        },
        "trailers" => Options {
            enable_trailers: true,
            ..defaults
        },
        other => panic!("unknown options {other}"),
    }
}

fn print(served: &Served) -> String {
    let mut cells: Vec<String> = served
        .outcomes
        .iter()
        .map(|outcome| match outcome {
            Outcome::Upstream(bytes) => format!("-> {}", escape(bytes)),
            Outcome::Refused(error) => {
                let flag = error.flag().map_or("-", |flag| flag.short());
                format!("{} {flag} {}", error.status(), error.details())
            }
            Outcome::Upgrade => "403 - upgrade_failed".to_owned(),
            Outcome::Connect => "404 NR route_not_found".to_owned(),
            Outcome::Wait => "wait".to_owned(),
        })
        .collect();
    cells.push(if served.closed { "close" } else { "open" }.to_owned());
    cells.join(" ; ")
}

#[test]
fn envoy_requests() {
    let mut wrong = String::new();
    let mut rows = 0;
    for (name, options, input, expected) in requests() {
        rows += 1;
        let got = print(&serve(&input, &[], &options));
        if got != expected {
            wrong += &format!(
                "{name}\n  input  {}\n  envoy  {expected}\n  portway {got}\n",
                escape(&input)
            );
        }
    }
    assert!(rows > 300, "only {rows} rows");
    assert!(wrong.is_empty(), "{wrong}");
}

/// One row of the response table.
pub(super) struct ResponseRow {
    pub name: &'static str,
    pub method: Method,
    pub close: bool,
    pub pieces: Vec<Vec<u8>>,
    expected: &'static str,
    reuse: &'static str,
}

pub(super) fn responses() -> impl Iterator<Item = ResponseRow> {
    RESPONSES.lines().map(|line| {
        let mut cells = line.split('\t');
        let mut cell = || cells.next().unwrap_or_else(|| panic!("short row: {line}"));
        ResponseRow {
            name: cell(),
            method: Method::of(cell()),
            close: cell() == "close",
            pieces: cell().split(" | ").map(unescape).collect(),
            expected: cell(),
            reuse: cell(),
        }
    })
}

#[test]
fn envoy_responses() {
    let options = Options::responses();
    let mut wrong = String::new();
    let mut rows = 0;
    for row in responses() {
        rows += 1;
        let pieces: Vec<&[u8]> = row.pieces.iter().map(Vec::as_slice).collect();
        let answered = answer(&pieces, row.close, &row.method, &options);
        let got = match answered.end {
            AnswerEnd::Complete => escape(&answered.downstream),
            AnswerEnd::BadHead => {
                "502 UPE upstream_reset_before_response_started{protocol_error}".to_owned()
            }
            AnswerEnd::Cut(_) => format!("cut {}", escape(&answered.downstream)),
            AnswerEnd::Wait => "wait".to_owned(),
        };
        let reuse = if answered.reuse { "reuse" } else { "fresh" };
        if got != row.expected || reuse != row.reuse {
            wrong += &format!(
                "{}\n  envoy   {} {}\n  portway {got} {reuse}\n",
                row.name, row.expected, row.reuse
            );
        }
    }
    assert!(rows > 80, "only {rows} rows");
    assert!(wrong.is_empty(), "{wrong}");
}
