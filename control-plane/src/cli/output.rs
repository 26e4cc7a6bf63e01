//! All that is printed goes through here.
//!
//! Whoever reads the output may go away at any time (`portway get | head`); that is no error.

use std::error::Error;
use std::io::Write;
use std::time::SystemTime;

use portway_proto::loader::{Diagnostic, diagnostics};
use portway_proto::pb::google::protobuf::Timestamp;
use portway_proto::{index, print};
use portway_shared::clock;
use prost::{Message, Name};

use super::{Failure, Format};

/// To standard output.
pub(crate) fn out(text: &str) {
    let mut stream = std::io::stdout().lock();
    let _ = stream
        .write_all(text.as_bytes())
        .and_then(|()| stream.flush());
}

/// To standard error.
pub(crate) fn err(text: &str) {
    let _ = std::io::stderr().write_all(text.as_bytes());
}

/// An error with its causes.
pub(crate) fn chain(error: &dyn Error) -> String {
    let mut text = error.to_string();
    let mut cause = error.source();
    while let Some(inner) = cause {
        let inner_text = inner.to_string();
        if !text.ends_with(&inner_text) {
            text.push_str(": ");
            text.push_str(&inner_text);
        }
        cause = inner.source();
    }
    text
}

/// Findings: for people to standard error, as JSON to standard output.
pub(crate) fn diagnostics(found: &[Diagnostic], format: Format) {
    match format {
        Format::Human => err(&diagnostics::human(found)),
        Format::Json => out(&format!("{}\n", diagnostics::json(found))),
    }
}

/// A message of the API as JSON.
pub(crate) fn json<M: Message + Name>(message: &M, pretty: bool) -> Result<String, Failure> {
    let options = print::Options {
        pretty,
        ..print::Options::default()
    };
    json_with(message, options)
}

pub(crate) fn json_with<M: Message + Name>(
    message: &M,
    options: print::Options,
) -> Result<String, Failure> {
    let name = M::full_name();
    let kind = index::message(&name).ok_or_else(|| format!("no message {name} is known"))?;
    let mut text = print::json(kind, &message.encode_to_vec(), options)?;
    text.push('\n');
    Ok(text)
}

/// Columns as wide as their widest cell; the last is not padded.
pub(crate) fn table<const N: usize>(head: [&str; N], rows: &[[String; N]]) -> String {
    let mut widths = head.map(|cell| cell.chars().count());
    for row in rows {
        for (width, cell) in widths.iter_mut().zip(row) {
            *width = (*width).max(cell.chars().count());
        }
    }
    let head = head.map(str::to_owned);
    let mut text = String::new();
    for row in std::iter::once(&head).chain(rows) {
        let mut line = String::new();
        for (width, cell) in widths.iter().zip(row) {
            line.push_str(cell);
            let missing = width - cell.chars().count();
            line.extend(std::iter::repeat_n(' ', missing + 2));
        }
        text.push_str(line.trim_end());
        text.push('\n');
    }
    text
}

/// How long ago something was, in one unit: what matters at a glance.
pub(crate) fn age(time: Option<&Timestamp>) -> String {
    let Some(time) = time else {
        return "-".to_owned();
    };
    let now = clock::wall().duration_since(SystemTime::UNIX_EPOCH);
    let now = now.map_or(0, |now| i64::try_from(now.as_secs()).unwrap_or(i64::MAX));
    let seconds = now.saturating_sub(time.seconds).max(0);
    match seconds {
        0..120 => format!("{seconds}s"),
        120..7200 => format!("{}m", seconds / 60),
        7200..172_800 => format!("{}h", seconds / 3600),
        _ => format!("{}d", seconds / 86_400),
    }
}

/// A count with its noun.
pub(crate) fn count(number: usize, noun: &str) -> String {
    let ending = if number == 1 { "" } else { "s" };
    format!("{number} {noun}{ending}")
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn tables_line_up() {
        let rows = [
            ["a".to_owned(), "b".to_owned()],
            ["longer".to_owned(), "c".to_owned()],
        ];
        let expected = "X       Y\na       b\nlonger  c\n";
        assert_eq!(table(["X", "Y"], &rows), expected);
    }
}
