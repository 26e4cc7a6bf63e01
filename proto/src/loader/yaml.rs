//! YAML text to the spanned tree.
//!
//! Syntax is granit-parser's (YAML 1.2); what a plain word *is* follows Envoy 1.40, because its
//! bootstraps must mean the same here. Pinned by running Envoy on each row and reading the value
//! back from `/server_info`:
//!
//! | written | read as |
//! |---|---|
//! | nothing, `~`, `null`, `Null`, `NULL` | null |
//! | `y yes true on`, `n no false off`, in lower, upper or capitalised case | bool |
//! | integers as C reads them: `7`, `+7`, `007` (octal), `0x1F`, `-0x1F` | number |
//! | an integer beyond 32 bits | string of its decimal form |
//! | all else: `1.5`, `1e3`, `.inf`, `08`, `0o10`, `1_000`, beyond 64 bits | string as written |
//! | quoted, `\|`, `>`, or tagged `!` | string |
//! | any other tag (`!!str 5`, `!!int "5"`, `!x yes`) | as if plain, but never null |
//!
//! Keys are strings as written (`yes` is "yes", `0x10` is "0x10"), an empty key or `~` is "null",
//! and an entry whose key is tagged `!ignore` is left out; it may still define anchors.
//!
//! Unlike Envoy: `<<` merges (Envoy takes it for a field named `<<` and refuses it), a second
//! document is read too, and bytes that are not UTF-8 are an error (Envoy replaces them).

use super::Limits;
use super::builder::{Builder, Fault, Shape, not_a_key};
use super::tree::{Content, NodeId, Span};
use granit_parser::{ErrorKind, Event, Parser, ScalarStyle, ScanError, Tag};

pub(super) fn read(
    builder: &mut Builder<'_>,
    text: &str,
    limits: &Limits,
) -> Result<Vec<NodeId>, Fault> {
    let mut options = granit_parser::options! {
        // Our own depth check comes first and has a position and a number.
        flow_nesting_limit: limits.depth.saturating_add(1),
        block_nesting_limit: limits.depth.saturating_add(1),
    };
    options.set_emit_comments(false);
    let mut roots = Vec::new();
    for event in Parser::new_from_str_with_options(text, options) {
        let (event, span) = event.map_err(|error| syntax(&error, text, limits))?;
        let span = span
            .byte_range()
            .map_or_else(Span::default, |r| Span::new(r.start, r.end));
        match event {
            Event::Scalar(value, style, anchor, tag) => {
                scalar(builder, span, &value, style, anchor, tag.as_deref())?;
            }
            Event::SequenceStart(_, anchor, _) => open(builder, Shape::Sequence, span, anchor)?,
            Event::MappingStart(_, anchor, _) => open(builder, Shape::Mapping, span, anchor)?,
            Event::SequenceEnd | Event::MappingEnd => {
                // A flow collection ends with its bracket; a block one has no mark of its own.
                let flow = span.end > span.start;
                builder.close(flow.then_some(span.end as usize))?;
            }
            Event::Alias(anchor) => builder.alias(span, anchor)?,
            Event::DocumentEnd => roots.extend(builder.take_root()),
            _ => {}
        }
    }
    Ok(roots)
}

fn open(builder: &mut Builder<'_>, shape: Shape, span: Span, anchor: usize) -> Result<(), Fault> {
    if builder.wants_key() {
        return Err(not_a_key(span));
    }
    builder.open(shape, span.start as usize, anchor)
}

fn scalar(
    builder: &mut Builder<'_>,
    span: Span,
    value: &str,
    style: ScalarStyle,
    anchor: usize,
    tag: Option<&Tag>,
) -> Result<(), Fault> {
    let plain = style == ScalarStyle::Plain;
    // The parser writes an absent value as `~` with an empty span.
    let absent = plain && span.start == span.end;
    if builder.wants_key() {
        if tag.is_some_and(|tag| tag.handle() == "!" && tag.suffix() == "ignore") {
            builder.mark_ignored();
        }
        if plain && value == "<<" {
            builder.mark_merge();
        }
        let name = if plain && (absent || value == "~") {
            "null"
        } else {
            value
        };
        let content = builder.text(name);
        return builder.scalar(span, content, anchor);
    }
    let content = match tag {
        None if !plain => builder.text(value),
        None if absent || is_null(value) => Content::Null,
        Some(tag) if tag.handle().is_empty() && tag.suffix() == "!" => builder.text(value),
        _ => match plain_word(value) {
            Word::Bool(value) => Content::Bool(value),
            Word::Int(value) => Content::Int(value),
            Word::Wide(value) => builder.own(&value.to_string()),
            Word::Text => builder.text(value),
        },
    };
    builder.scalar(span, content, anchor)
}

fn is_null(word: &str) -> bool {
    matches!(word, "" | "~" | "null" | "Null" | "NULL")
}

#[derive(Debug, PartialEq)]
enum Word {
    Bool(bool),
    Int(i32),
    /// Fits 64 bits, not 32.
    Wide(i64),
    Text,
}

fn plain_word(word: &str) -> Word {
    if let Some(value) = boolean(word) {
        return Word::Bool(value);
    }
    match integer(word) {
        Some(value) => i32::try_from(value).map_or(Word::Wide(value), Word::Int),
        None => Word::Text,
    }
}

fn boolean(word: &str) -> Option<bool> {
    let bytes = word.as_bytes();
    let (first, rest) = bytes.split_first()?;
    let lower = |bytes: &[u8]| bytes.iter().all(u8::is_ascii_lowercase);
    let upper = |bytes: &[u8]| bytes.iter().all(u8::is_ascii_uppercase);
    if bytes.len() > 5 || !(lower(rest) || (first.is_ascii_uppercase() && upper(rest))) {
        return None;
    }
    const WORDS: [(&str, &str); 4] = [("y", "n"), ("yes", "no"), ("true", "false"), ("on", "off")];
    WORDS.iter().find_map(|(yes, no)| {
        if word.eq_ignore_ascii_case(yes) {
            Some(true)
        } else if word.eq_ignore_ascii_case(no) {
            Some(false)
        } else {
            None
        }
    })
}

/// As C's `strtoll` with base 0 reads a whole word.
fn integer(word: &str) -> Option<i64> {
    let (negative, digits) = match word.as_bytes().first()? {
        b'-' => (true, word.get(1..)?),
        b'+' => (false, word.get(1..)?),
        _ => (false, word),
    };
    let (digits, radix) = match digits.as_bytes() {
        [b'0', b'x' | b'X', _, ..] => (digits.get(2..)?, 16),
        [b'0', _, ..] => (digits.get(1..)?, 8),
        _ => (digits, 10),
    };
    if !digits.bytes().all(|byte| byte.is_ascii_hexdigit()) {
        return None;
    }
    let value = i128::from_str_radix(digits, radix).ok()?;
    i64::try_from(if negative { -value } else { value }).ok()
}

fn syntax(error: &ScanError, text: &str, limits: &Limits) -> Fault {
    let offset = error.marker().byte_offset().unwrap_or(text.len());
    let fault = |message: String| Fault::at(offset, message);
    match error.kind() {
        ErrorKind::RecursionLimitExceeded => {
            fault(format!("nested more than {} levels deep", limits.depth))
        }
        ErrorKind::UnknownAnchor => fault("this alias names no anchor above it".into())
            .help("define it first with `&name` on the value"),
        ErrorKind::TabInBlockIndentation
        | ErrorKind::TabInIndentation
        | ErrorKind::TabNotAllowed
        | ErrorKind::TabInPlainScalar
        | ErrorKind::TabAtBlockScalarStart => {
            // The parser has stepped over it.
            let head = text.get(..offset).unwrap_or_default();
            let tab = head.trim_end_matches('\t').len();
            Fault::at(tab, "a tab where YAML allows only spaces").help("indent with spaces")
        }
        ErrorKind::MappingValueNotAllowed => fault("`:` cannot start a value here".into())
            .help("quote a value that contains `: `, or check the indentation"),
        ErrorKind::UnclosedQuotedScalar => fault("a quoted string that never ends".into()),
        ErrorKind::UnclosedFlowCollection { open } => fault(format!("`{open}` is never closed")),
        _ => fault(error.info()),
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn words_mean_what_envoy_reads() {
        for word in [
            "y", "Y", "yes", "Yes", "YES", "true", "True", "TRUE", "on", "On", "ON",
        ] {
            assert_eq!(plain_word(word), Word::Bool(true), "{word}");
        }
        for word in [
            "n", "N", "no", "No", "NO", "false", "False", "FALSE", "off", "Off", "OFF",
        ] {
            assert_eq!(plain_word(word), Word::Bool(false), "{word}");
        }
        for (word, value) in [
            ("0", 0),
            ("-0", 0),
            ("+5", 5),
            ("007", 7),
            ("010", 8),
            ("00", 0),
            ("0x1F", 31),
            ("0X1F", 31),
            ("-0x1F", -31),
            ("2147483647", i32::MAX),
            ("-2147483648", i32::MIN),
        ] {
            assert_eq!(plain_word(word), Word::Int(value), "{word}");
        }
        assert_eq!(plain_word("2147483648"), Word::Wide(2_147_483_648));
        assert_eq!(plain_word("0xffffffff"), Word::Wide(4_294_967_295));
        for word in [
            "yEs",
            "tRue",
            "oN",
            "nUll",
            "0o10",
            "0O10",
            "0x",
            "0b11",
            "1_000",
            "1,000",
            "08",
            "09",
            "1.0",
            ".5",
            "5.",
            "1e3",
            "NaN",
            ".inf",
            "-",
            "+",
            "--1",
            "+-1",
            "",
            "é",
            "ye\u{301}s",
            "18446744073709551615",
            "0xffffffffffffffff",
            "12:30:45",
            "2026-01-01",
            "0x+1",
            "0-1",
        ] {
            assert_eq!(plain_word(word), Word::Text, "{word}");
        }
        assert_eq!(plain_word("9223372036854775807"), Word::Wide(i64::MAX));
        assert_eq!(plain_word("9223372036854775808"), Word::Text);
    }
}
