//! Envoy's validation rules (protoc-gen-validate), applied to values that were read well.
//!
//! Each check answers with what the value must be, ready to follow it in a sentence, or with
//! nothing. Semantics follow the generated C++ that Envoy runs: a scalar without presence is
//! checked even when unset, a wrapper or message only when set; a pattern must match the whole
//! text; `NaN` passes bounds.
//!
//! Rules that need a clock (`lt_now`, `gt_now`, `within`) and text formats that the C++ generator
//! does not know (`email`, `uri`, `uri_ref`) occur in no message of the index; a test holds that.

use super::walk::Scalar;
use crate::index::Enum;
use crate::index::rules::{
    AnyRules, BytesFormat, BytesRules, Check, EnumRules, ListRules, MapRules, Range, StringFormat,
    StringRules, Time, TimeRules,
};
use regex::Regex;
use rustc_hash::FxHashMap;
use std::fmt::Display;
use std::net::{IpAddr, Ipv4Addr, Ipv6Addr};

/// What the value must be.
pub(super) type Must = Option<String>;

/// Applies rules; keeps the patterns it has compiled.
#[derive(Debug, Default)]
pub(super) struct Rulebook {
    patterns: FxHashMap<&'static str, Option<Regex>>,
}

impl Rulebook {
    pub(super) fn scalar(&mut self, check: &Check, value: &Scalar<'_>, of: Option<Enum>) -> Must {
        match (check, value) {
            (Check::Float(range), Scalar::Float(value)) => in_range(range, *value, 0.0),
            (Check::Int(range), Scalar::Int(value)) => in_range(range, *value, 0),
            (Check::Uint(range), Scalar::Uint(value)) => in_range(range, *value, 0),
            (
                Check::Bool {
                    equals: Some(wanted),
                },
                Scalar::Bool(value),
            ) => (wanted != value).then(|| format!("must be {wanted}")),
            (Check::String(rules), Scalar::Text(text)) => self.text(rules, text),
            (Check::Bytes(rules), Scalar::Bytes(bytes)) => bytes_rules(rules, bytes),
            (Check::Enum(rules), Scalar::Enum(number)) => enum_rules(rules, *number, of),
            _ => None,
        }
    }

    fn text(&mut self, rules: &StringRules, text: &str) -> Must {
        if rules.ignore_empty && text.is_empty() {
            return None;
        }
        if let Some(wanted) = rules.equals.filter(|wanted| *wanted != text) {
            return Some(format!("must be {wanted:?}"));
        }
        let chars = text.chars().count() as u64;
        let bytes = text.len() as u64;
        length("characters", chars, rules.len, rules.min_len, rules.max_len)
            .or_else(|| {
                length(
                    "bytes",
                    bytes,
                    rules.len_bytes,
                    rules.min_bytes,
                    rules.max_bytes,
                )
            })
            .or_else(|| affixes(rules, text))
            .or_else(|| {
                members(&text, &rules.one_of, &rules.none_of, |text| {
                    format!("{text:?}")
                })
            })
            .or_else(|| {
                rules
                    .format
                    .and_then(|format| format_of(format, rules.is_strict(), text))
            })
            .or_else(|| {
                let pattern = rules.pattern?;
                let regex = self
                    .patterns
                    .entry(pattern)
                    .or_insert_with(|| whole(pattern));
                let matched = regex.as_ref().is_none_or(|regex| regex.is_match(text));
                (!matched).then(|| format!("must match {pattern}"))
            })
    }
}

/// None if the expression is beyond this engine, which a test excludes for every known message.
fn whole(pattern: &str) -> Option<Regex> {
    Regex::new(&format!(r"\A(?:{pattern})\z")).ok()
}

fn in_range<T: PartialOrd + Display + Copy>(range: &Range<T>, value: T, zero: T) -> Must {
    if range.ignore_empty && value == zero {
        return None;
    }
    if let Some(wanted) = range.equals.filter(|wanted| *wanted != value) {
        return Some(format!("must be {wanted}"));
    }
    let (low, above) = match (range.gt, range.gte) {
        (Some(low), _) => (Some(low), "more than"),
        (None, low) => (low, "at least"),
    };
    let (high, below) = match (range.lt, range.lte) {
        (Some(high), _) => (Some(high), "less than"),
        (None, high) => (high, "at most"),
    };
    // Written so that a value without an order passes.
    let too_low = low.is_some_and(|low| value < low || (range.gt.is_some() && value == low));
    let too_high = high.is_some_and(|high| value > high || (range.lt.is_some() && value == high));
    // Bounds that cross leave a gap: then only what violates both is wrong.
    let crossed = low.zip(high).is_some_and(|(low, high)| low > high);
    let broken = if crossed {
        too_low && too_high
    } else {
        too_low || too_high
    };
    match (low, high) {
        _ if !broken => {}
        (Some(low), Some(high)) if crossed => {
            return Some(format!("must be {below} {high} or {above} {low}"));
        }
        (Some(low), Some(high)) => {
            return Some(format!("must be {above} {low} and {below} {high}"));
        }
        (Some(low), None) => return Some(format!("must be {above} {low}")),
        (None, Some(high)) => return Some(format!("must be {below} {high}")),
        (None, None) => {}
    }
    members(&value, &range.one_of, &range.none_of, T::to_string)
}

fn members<T: PartialEq>(
    value: &T,
    one_of: &[T],
    none_of: &[T],
    show: impl Fn(&T) -> String,
) -> Must {
    let list = |values: &[T]| values.iter().map(&show).collect::<Vec<_>>().join(", ");
    if !one_of.is_empty() && !one_of.contains(value) {
        Some(format!("must be one of {}", list(one_of)))
    } else if none_of.contains(value) {
        Some(format!("must not be one of {}", list(none_of)))
    } else {
        None
    }
}

fn length(unit: &str, is: u64, exact: Option<u64>, min: Option<u64>, max: Option<u64>) -> Must {
    if let Some(exact) = exact.filter(|exact| *exact != is) {
        return Some(format!("must have {exact} {unit}"));
    }
    match (min.filter(|min| is < *min), max.filter(|max| is > *max)) {
        (Some(1), _) => Some("must not be empty".into()),
        (Some(min), _) => Some(format!("must have at least {min} {unit}")),
        (_, Some(max)) => Some(format!("must have at most {max} {unit}")),
        _ => None,
    }
}

fn affixes(rules: &StringRules, text: &str) -> Must {
    let broken = |what: &str, part: &str| Some(format!("must {what} {part:?}"));
    if let Some(part) = rules.prefix.filter(|part| !text.starts_with(part)) {
        broken("begin with", part)
    } else if let Some(part) = rules.suffix.filter(|part| !text.ends_with(part)) {
        broken("end with", part)
    } else if let Some(part) = rules.contains.filter(|part| !text.contains(part)) {
        broken("contain", part)
    } else if let Some(part) = rules.not_contains.filter(|part| text.contains(part)) {
        broken("not contain", part)
    } else {
        None
    }
}

fn format_of(format: StringFormat, strict: bool, text: &str) -> Must {
    let ip = |text: &str| text.parse::<IpAddr>().is_ok();
    let (holds, what) = match format {
        StringFormat::HttpHeaderName if strict => (is_header_name(text), "be an HTTP header name"),
        StringFormat::HttpHeaderValue if strict => (
            !text
                .bytes()
                .any(|byte| (byte < 0x20 && byte != b'\t') || byte == 0x7f),
            "be an HTTP header value, without control characters",
        ),
        // Envoy takes an empty name here: the field is then as good as not set.
        StringFormat::HttpHeaderName | StringFormat::HttpHeaderValue => {
            (!has_line_end(text), "be one line")
        }
        StringFormat::Hostname => (is_hostname(text), "be a host name"),
        StringFormat::Address => (
            is_hostname(text) || ip(text),
            "be a host name or an IP address",
        ),
        StringFormat::Ip => (ip(text), "be an IP address"),
        StringFormat::Ipv4 => (text.parse::<Ipv4Addr>().is_ok(), "be an IPv4 address"),
        StringFormat::Ipv6 => (text.parse::<Ipv6Addr>().is_ok(), "be an IPv6 address"),
        StringFormat::Uuid => (is_uuid(text), "be a UUID"),
        StringFormat::Email | StringFormat::Uri | StringFormat::UriReference => return None,
    };
    (!holds).then(|| format!("must {what}"))
}

/// NUL, CR and LF: what no header may smuggle.
fn has_line_end(text: &str) -> bool {
    text.contains(['\0', '\r', '\n'])
}

/// A token, or a pseudo-header's name. The range from `+` to `.` and `^` to `|` is the rule's own
/// expression, which admits a comma too.
fn is_header_name(text: &str) -> bool {
    let name = text.strip_prefix(':').unwrap_or(text);
    let token = |byte: u8| {
        byte.is_ascii_alphanumeric()
            || (b'+'..=b'.').contains(&byte)
            || b"!#$%&'*^_|~`".contains(&byte)
    };
    !name.is_empty() && name.bytes().all(token)
}

fn is_hostname(text: &str) -> bool {
    let name = text.strip_suffix('.').unwrap_or(text);
    text.len() <= 253
        && name.split('.').all(|label| {
            (1..=63).contains(&label.len())
                && !label.starts_with('-')
                && !label.ends_with('-')
                && label
                    .bytes()
                    .all(|byte| byte.is_ascii_alphanumeric() || byte == b'-')
        })
}

fn is_uuid(text: &str) -> bool {
    let sizes = [8, 4, 4, 4, 12];
    text.split('-').count() == sizes.len()
        && text.split('-').zip(sizes).all(|(part, size)| {
            part.len() == size && part.bytes().all(|byte| byte.is_ascii_hexdigit())
        })
}

fn bytes_rules(rules: &BytesRules, bytes: &[u8]) -> Must {
    if rules.ignore_empty && bytes.is_empty() {
        return None;
    }
    let broken = |what: &str| Some(format!("must {what}"));
    let size = bytes.len() as u64;
    if let Some(must) = length("bytes", size, rules.len, rules.min_len, rules.max_len) {
        return Some(must);
    }
    let address = match rules.format {
        None => true,
        Some(BytesFormat::Ip) => matches!(bytes.len(), 4 | 16),
        Some(BytesFormat::Ipv4) => bytes.len() == 4,
        Some(BytesFormat::Ipv6) => bytes.len() == 16,
    };
    let contains = |part: &[u8]| memchr::memmem::find(bytes, part).is_some();
    if rules.equals.is_some_and(|wanted| wanted != bytes) {
        broken("be other bytes")
    } else if rules.prefix.is_some_and(|part| !bytes.starts_with(part)) {
        broken("begin with other bytes")
    } else if rules.suffix.is_some_and(|part| !bytes.ends_with(part)) {
        broken("end with other bytes")
    } else if rules.contains.is_some_and(|part| !contains(part)) {
        broken("contain other bytes")
    } else if !address {
        broken("be the bytes of an IP address")
    } else {
        members(&bytes, &rules.one_of, &rules.none_of, |bytes| {
            format!("{}", bytes.escape_ascii())
        })
    }
}

fn enum_rules(rules: &EnumRules, number: i32, of: Option<Enum>) -> Must {
    let show = |number: &i32| {
        of.and_then(|of| of.name_of(*number))
            .map_or_else(|| number.to_string(), str::to_owned)
    };
    if let Some(wanted) = rules.equals.filter(|wanted| *wanted != number) {
        return Some(format!("must be {}", show(&wanted)));
    }
    if let Some(of) = of.filter(|of| rules.defined_only && of.name_of(number).is_none()) {
        return Some(format!("must be a value of enum {}", of.full_name()));
    }
    members(&number, &rules.one_of, &rules.none_of, show)
}

pub(super) fn list(rules: &ListRules, count: u64) -> Must {
    if rules.ignore_empty && count == 0 {
        return None;
    }
    length("items", count, None, rules.min_items, rules.max_items)
}

pub(super) fn map(rules: &MapRules, count: u64) -> Must {
    if rules.ignore_empty && count == 0 {
        return None;
    }
    length("entries", count, None, rules.min_pairs, rules.max_pairs)
}

pub(super) fn any(rules: &AnyRules, type_url: &str) -> Must {
    members(&type_url, &rules.one_of, &rules.none_of, |url| {
        (*url).to_owned()
    })
}

pub(super) fn time(rules: &TimeRules, value: Time) -> Must {
    let Range {
        equals,
        lt,
        lte,
        gt,
        gte,
        one_of,
        none_of,
        ignore_empty,
    } = &rules.range;
    let shown = |time: &Option<Time>| time.map(Shown);
    let shown_all = |times: &[Time]| times.iter().copied().map(Shown).collect();
    let range = Range {
        equals: shown(equals),
        lt: shown(lt),
        lte: shown(lte),
        gt: shown(gt),
        gte: shown(gte),
        one_of: shown_all(one_of),
        none_of: shown_all(none_of),
        ignore_empty: *ignore_empty,
    };
    in_range(&range, Shown(value), Shown(Time::default()))
}

/// A duration as it is written.
#[derive(Clone, Copy, PartialEq, PartialOrd)]
struct Shown(Time);

impl Display for Shown {
    fn fmt(&self, f: &mut std::fmt::Formatter<'_>) -> std::fmt::Result {
        let Time { seconds, nanos } = self.0;
        if nanos == 0 {
            return write!(f, "{seconds}s");
        }
        let sign = if seconds == 0 && nanos < 0 { "-" } else { "" };
        let fraction = format!("{:09}", nanos.unsigned_abs());
        write!(f, "{sign}{seconds}.{}s", fraction.trim_end_matches('0'))
    }
}

#[cfg(test)]
mod tests;
