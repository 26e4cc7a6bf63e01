//! Messages of protobuf that are written in a form of their own.
//!
//! Envoy's reader also takes their plain form (`{seconds: 5}`, `{value: 1024}`); the walk handles
//! that like any message. This module knows the short forms.

use super::Walker;
use super::report::{Step, help, relate};
use crate::encode::{WireType, close, open, put_bytes, put_tag, put_varint};
use crate::index::rules::Time;
use crate::loader::{Entry, Node, Value};

/// Ten thousand years.
const MAX_SECONDS: i64 = 3_652_500 * 86_400;

impl<'t> Walker<'t> {
    pub(super) fn duration(&mut self, node: Node<'t>) {
        if let Some(time) = node.as_str().and_then(parse_duration) {
            put_time(&mut self.out, time);
            return;
        }
        let secret = self.report.secret > 0;
        let shown = self.report.shown(node);
        let diagnostic = self
            .report
            .error(node, || format!("{shown} is not a duration"));
        help(diagnostic, || match node.value() {
            Value::Int(number) if !secret => format!("write {number}s"),
            Value::Number(text) if !secret => format!("write \"{text}s\""),
            Value::String(text) if !secret => meant_duration(text)
                .map_or_else(|| DURATION_HELP.into(), |meant| format!("write {meant}")),
            _ => DURATION_HELP.into(),
        });
    }

    pub(super) fn timestamp(&mut self, node: Node<'t>) {
        if let Some(time) = node.as_str().and_then(parse_timestamp) {
            put_time(&mut self.out, time);
            return;
        }
        let shown = self.report.shown(node);
        let diagnostic = self
            .report
            .error(node, || format!("{shown} is not a point in time"));
        help(diagnostic, || "write it as in 2026-01-31T12:00:00Z".into());
    }

    /// Lower camel case with commas; names already in snake case are taken as they are.
    pub(super) fn field_mask(&mut self, node: Node<'t>) {
        let Some(paths) = self.string(node) else {
            return;
        };
        for path in paths.split(',').filter(|_| !paths.is_empty()) {
            put_bytes(&mut self.out, 1, snake(path).as_bytes());
        }
    }

    pub(super) fn structure(&mut self, node: Node<'t>) {
        let Value::Mapping(entries) = node.value() else {
            self.report.expected("a mapping", node);
            return;
        };
        let mut sorted: Vec<Entry<'t>> = entries.collect();
        sorted.sort_by_key(|entry| entry.name());
        let mut last: Option<Entry<'t>> = None;
        for entry in sorted {
            let name = entry.name();
            if let Some(last) = last.filter(|last| last.name() == name) {
                self.given_twice(last.key, entry.key, name);
                continue;
            }
            last = Some(entry);
            self.report.path.push(Step::Key(name));
            let mark = open(&mut self.out, 1);
            put_bytes(&mut self.out, 1, name.as_bytes());
            let inner = open(&mut self.out, 2);
            self.dynamic(entry.value);
            close(&mut self.out, inner);
            close(&mut self.out, mark);
            self.report.path.pop();
        }
    }

    /// `google.protobuf.Value`: whatever stands there.
    pub(super) fn dynamic(&mut self, node: Node<'t>) {
        let out = &mut self.out;
        match node.value() {
            Value::Null => out.extend([0x08, 0]),
            Value::Bool(value) => out.extend([0x20, u8::from(value)]),
            Value::Int(value) => put_number(out, f64::from(value)),
            // The reader has checked that it is finite.
            Value::Number(text) => put_number(out, text.parse().unwrap_or_default()),
            Value::String(text) => put_bytes(out, 3, text.as_bytes()),
            Value::Mapping(_) => {
                let mark = open(out, 5);
                self.structure(node);
                close(&mut self.out, mark);
            }
            Value::Sequence(_) => {
                let mark = open(out, 6);
                self.dynamic_list(node);
                close(&mut self.out, mark);
            }
        }
    }

    pub(super) fn dynamic_list(&mut self, node: Node<'t>) {
        let Value::Sequence(items) = node.value() else {
            self.report.expected("a list", node);
            return;
        };
        for (index, item) in items.enumerate() {
            self.report.path.push(Step::Index(index));
            let mark = open(&mut self.out, 1);
            self.dynamic(item);
            close(&mut self.out, mark);
            self.report.path.pop();
        }
    }

    pub(super) fn given_twice(&mut self, a: Node<'t>, b: Node<'t>, name: &str) {
        let (first, second) = if a.span().start <= b.span().start {
            (a, b)
        } else {
            (b, a)
        };
        let diagnostic = self
            .report
            .error(second, || format!("`{name}` is given twice"));
        relate(diagnostic, first, "first given");
    }
}

fn snake(path: &str) -> String {
    let mut snake = String::with_capacity(path.len() + 4);
    for c in path.chars() {
        if c.is_ascii_uppercase() {
            snake.push('_');
        }
        snake.push(c.to_ascii_lowercase());
    }
    snake
}

const DURATION_HELP: &str = "write seconds with an s, as in 5s or 0.25s";

fn put_number(out: &mut Vec<u8>, value: f64) {
    put_tag(out, 2, WireType::Fixed64);
    out.extend(value.to_le_bytes());
}

fn put_time(out: &mut Vec<u8>, time: Time) {
    for (number, value) in [(1, time.seconds), (2, i64::from(time.nanos))] {
        if value != 0 {
            put_tag(out, number, WireType::Varint);
            put_varint(out, value as u64);
        }
    }
}

fn parse_duration(text: &str) -> Option<Time> {
    let number = text.strip_suffix('s')?;
    let (whole, fraction) = match number.split_once('.') {
        Some((whole, fraction)) => (whole, Some(fraction)),
        None => (number, None),
    };
    if !whole.starts_with(|c: char| c == '-' || c.is_ascii_digit()) {
        return None;
    }
    let seconds: i64 = whole.parse().ok()?;
    let nanos = match fraction {
        Some(digits) => nanos(digits)?,
        None => 0,
    };
    if seconds.unsigned_abs() > MAX_SECONDS.unsigned_abs() {
        return None;
    }
    Some(Time {
        seconds,
        nanos: if whole.starts_with('-') {
            -nanos
        } else {
            nanos
        },
    })
}

fn nanos(digits: &str) -> Option<i32> {
    if digits.is_empty() || digits.len() > 9 || !digits.bytes().all(|b| b.is_ascii_digit()) {
        return None;
    }
    let scale = 10i32.checked_pow(9 - u32::try_from(digits.len()).ok()?)?;
    digits.parse::<i32>().ok()?.checked_mul(scale)
}

/// What someone who wrote `5 s`, `500ms`, `5m` or `5` will have meant.
fn meant_duration(text: &str) -> Option<String> {
    let text = text.trim();
    let digits = text.len()
        - text
            .trim_start_matches(|c: char| c.is_ascii_digit() || c == '.')
            .len();
    let (number, unit) = text.split_at_checked(digits)?;
    let number: f64 = number.parse().ok()?;
    let seconds = match unit.trim().to_ascii_lowercase().as_str() {
        "" | "s" | "sec" | "secs" | "second" | "seconds" => number,
        "ms" | "msec" | "millis" | "milliseconds" => number / 1e3,
        "us" | "µs" => number / 1e6,
        "m" | "min" | "mins" | "minutes" => number * 60.0,
        "h" | "hour" | "hours" => number * 3600.0,
        "d" | "day" | "days" => number * 86_400.0,
        _ => return None,
    };
    let meant = format!("{seconds}s");
    parse_duration(&meant).map(|_| meant)
}

/// RFC 3339 with `T` and `Z` in upper case.
fn parse_timestamp(text: &str) -> Option<Time> {
    let two = |at: usize| {
        let digits = text.get(at..at + 2)?;
        digits
            .bytes()
            .all(|b| b.is_ascii_digit())
            .then(|| digits.parse::<i64>().ok())?
    };
    let is = |at: usize, byte: u8| text.as_bytes().get(at) == Some(&byte);
    if !(is(4, b'-') && is(7, b'-') && is(10, b'T') && is(13, b':') && is(16, b':')) {
        return None;
    }
    let (year, month, day) = (two(0)? * 100 + two(2)?, two(5)?, two(8)?);
    let (hour, minute, second) = (two(11)?, two(14)?, two(17)?);
    let valid = year >= 1
        && (1..=12).contains(&month)
        && (1..=31).contains(&day)
        && hour < 24
        && minute < 60
        && second < 60;
    if !valid {
        return None;
    }
    let rest = text.get(19..)?;
    let (fraction, zone) = match rest.strip_prefix('.') {
        Some(tail) => {
            let end = tail.len() - tail.trim_start_matches(|c: char| c.is_ascii_digit()).len();
            (Some(tail.get(..end)?), tail.get(end..)?)
        }
        None => (None, rest),
    };
    let nanos = match fraction {
        Some(digits) => nanos(digits)?,
        None => 0,
    };
    let offset = match zone.as_bytes() {
        [b'Z'] => 0,
        [sign @ (b'+' | b'-'), a, b, b':', c, d] => {
            let digit = |byte: &u8| byte.is_ascii_digit().then(|| i64::from(byte - b'0'));
            let minutes = (digit(a)? * 10 + digit(b)?) * 60 + digit(c)? * 10 + digit(d)?;
            if *sign == b'-' { -minutes } else { minutes }
        }
        _ => return None,
    };
    let seconds = days(year, month, day) * 86_400 + hour * 3600 + minute * 60 + second;
    Some(Time {
        seconds: seconds - offset * 60,
        nanos,
    })
}

/// Days since 1970-01-01 in the proleptic Gregorian calendar, counting years from March so that
/// the leap day comes last.
fn days(year: i64, month: i64, day: i64) -> i64 {
    let (year, month) = if month > 2 {
        (year, month - 3)
    } else {
        (year - 1, month + 9)
    };
    let before_year = year * 365 + year / 4 - year / 100 + year / 400;
    let before_month = (month * 153 + 2) / 5;
    before_year + before_month + day - 719_469
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn durations_as_envoy_takes_them() {
        for (text, seconds, nanos) in [
            ("5s", 5, 0),
            ("0.25s", 0, 250_000_000),
            ("-1s", -1, 0),
            ("-0.5s", 0, -500_000_000),
            ("1.123456789s", 1, 123_456_789),
            ("007s", 7, 0),
            ("315576000000s", 315_576_000_000, 0),
        ] {
            assert_eq!(
                parse_duration(text),
                Some(Time { seconds, nanos }),
                "{text}"
            );
        }
        for text in [
            "",
            "s",
            "5",
            "5 s",
            ".5s",
            "5.s",
            "5m",
            "500ms",
            "5S",
            "+5s",
            "-s",
            "--1s",
            "1e3s",
            "1.1234567891s",
            "315576000001s",
            "5s ",
            " 5s",
            "1.-5s",
            "1.5.5s",
            "99999999999999999999s",
        ] {
            assert_eq!(parse_duration(text), None, "{text}");
        }
        for (text, meant) in [
            ("5 s", Some("5s")),
            ("500ms", Some("0.5s")),
            ("5m", Some("300s")),
            (".5s", Some("0.5s")),
            ("1.5h", Some("5400s")),
            ("soon", None),
            ("5 fortnights", None),
        ] {
            assert_eq!(meant_duration(text).as_deref(), meant, "{text}");
        }
    }

    #[test]
    fn masks() {
        assert_eq!(snake("aB.cDe"), "a_b.c_de");
        assert_eq!(snake("a_b"), "a_b");
    }

    #[test]
    fn timestamps() {
        for (text, seconds, nanos) in [
            ("1970-01-01T00:00:00Z", 0, 0),
            ("2000-02-29T23:59:59.5Z", 951_868_799, 500_000_000),
            ("2026-01-31T12:00:00+02:00", 1_769_853_600, 0),
            ("0001-01-01T00:00:00Z", -62_135_596_800, 0),
            (
                "9999-12-31T23:59:59.999999999Z",
                253_402_300_799,
                999_999_999,
            ),
        ] {
            assert_eq!(
                parse_timestamp(text),
                Some(Time { seconds, nanos }),
                "{text}"
            );
        }
        for text in [
            "",
            "2026-01-31",
            "2026-01-31T12:00:00",
            "2026-01-31t12:00:00Z",
            "2026-01-31T12:00:00z",
            "2026-13-01T00:00:00Z",
            "2026-00-01T00:00:00Z",
            "2026-01-01T24:00:00Z",
            "2026-01-01T00:00:00.Z",
            "2026-01-01T00:00:00.1234567890Z",
            "2026-01-01T00:00:00+2:00",
            "0000-01-01T00:00:00Z",
            "2026-01-01T00:00:00+é0:00",
            "-026-01-01T00:00:00Z",
        ] {
            assert_eq!(parse_timestamp(text), None, "{text}");
        }
    }
}
