//! What happened, as a text that can be read and compared.
//!
//! Fields stand sorted by name, for their order among different names has no meaning; fields of one name keep
//! their order. Bodies are shown joined, with the framing they came in. Whether the proxy closed with FIN or
//! RST is not told apart: the kernel decides by what lay unread.

use std::fmt::Write;

use crate::{
    client::Heard,
    message::{Framing, Message, Messages, printable, requests},
    recorder::Seen,
    wire::End,
};

/// Longer bodies show their beginning and end.
const SHOWN: usize = 160;

/// One client connection.
pub fn client(number: usize, heard: &Heard) -> String {
    let mut text = format!("client connection {number}\n");
    messages(&mut text, '<', &heard.messages);
    for step in &heard.missed {
        let _ = writeln!(text, "  waited in vain: {step}");
    }
    let end = match heard.end {
        None => "open",
        Some(End::Eof | End::Reset) => "closed by proxy",
        Some(End::Ours) => "closed by client",
    };
    let _ = writeln!(text, "  end: {end}");
    text
}

/// One connection of an upstream.
pub fn upstream(name: &str, number: usize, seen: &Seen) -> String {
    let mut text = format!("upstream {name} connection {number}\n");
    messages(&mut text, '>', &requests(&seen.bytes));
    let end = match seen.end {
        None => "open",
        Some(End::Eof | End::Reset) => "closed by proxy",
        Some(End::Ours) => "closed by upstream",
    };
    let _ = writeln!(text, "  end: {end}");
    text
}

/// The access log.
pub fn log(lines: &str) -> String {
    let mut text = String::from("log\n");
    for line in lines.lines() {
        let _ = writeln!(text, "  {line}");
    }
    text
}

fn messages(text: &mut String, mark: char, messages: &Messages) {
    for message in &messages.messages {
        self::message(text, mark, message);
    }
    if !messages.rest.is_empty() {
        let _ = writeln!(text, "  {mark} raw {}", shown(&messages.rest));
    }
}

fn message(text: &mut String, mark: char, message: &Message) {
    let _ = writeln!(text, "  {mark} {}", message.line);
    fields(text, mark, "", &message.fields);
    let framing = match message.framing {
        Framing::None => None,
        Framing::Length(_) => Some("length"),
        Framing::Chunked => Some("chunked"),
        Framing::UntilClose => Some("until close"),
    };
    if let Some(framing) = framing {
        let body = shown(&message.body);
        let state = if message.complete { "" } else { ", incomplete" };
        let _ = writeln!(text, "  {mark} [{framing}{state}] {body}");
    }
    fields(text, mark, "[trailer] ", &message.trailers);
}

fn fields(text: &mut String, mark: char, kind: &str, fields: &[(String, String)]) {
    let mut sorted: Vec<_> = fields.iter().collect();
    // Stable, so fields of one name keep their order.
    sorted.sort_by_key(|(name, _)| name.to_ascii_lowercase());
    for (name, value) in sorted {
        let _ = writeln!(text, "  {mark} {kind}{name}: {value}");
    }
}

fn shown(bytes: &[u8]) -> String {
    if bytes.len() <= SHOWN {
        return format!("{} bytes \"{}\"", bytes.len(), printable(bytes));
    }
    let half = SHOWN / 4;
    format!(
        "{} bytes, sum {:08x} \"{}\" ... \"{}\"",
        bytes.len(),
        sum(bytes),
        printable(&bytes[..half]),
        printable(&bytes[bytes.len() - half..])
    )
}

/// Tells long bodies apart (Fletcher's checksum).
fn sum(bytes: &[u8]) -> u32 {
    let (low, high) = bytes.iter().fold((0u32, 0u32), |(low, high), &byte| {
        let low = (low + u32::from(byte)) % 65_521;
        (low, (high + low) % 65_521)
    });
    high << 16 | low
}
