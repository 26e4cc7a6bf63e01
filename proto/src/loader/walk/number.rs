//! Numbers as protobuf's JSON reader takes them from text.
//!
//! Integers may be written as whole floating-point numbers (`1e2`, `"1.0"`) as long as a double
//! holds them exactly, and in hexadecimal when quoted; both are what Envoy 1.40 accepts.

#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub(super) enum Wrong {
    NotANumber,
    Fraction,
    Range,
}

/// Whole numbers up to these are exact in a double; protobuf refuses larger ones in float form.
const EXACT: f64 = 9_007_199_254_740_992.0;
const EXACT_UNSIGNED: f64 = 18_014_398_509_481_984.0;

pub(super) fn signed(text: &str) -> Result<i64, Wrong> {
    match text.parse() {
        Ok(value) => Ok(value),
        Err(_) => whole(text, -EXACT, EXACT).map(|value| value as i64),
    }
}

pub(super) fn unsigned(text: &str) -> Result<u64, Wrong> {
    match text.parse() {
        Ok(value) => Ok(value),
        Err(_) => whole(text, 0.0, EXACT_UNSIGNED).map(|value| value as u64),
    }
}

fn whole(text: &str, low: f64, high: f64) -> Result<f64, Wrong> {
    if text.bytes().any(|byte| byte.is_ascii_whitespace()) {
        return Err(Wrong::NotANumber);
    }
    let value = float(text)
        .filter(|value| value.is_finite())
        .ok_or(Wrong::NotANumber)?;
    if value < low || value > high {
        Err(Wrong::Range)
    } else if value.fract() != 0.0 {
        Err(Wrong::Fraction)
    } else {
        Ok(value)
    }
}

pub(super) fn float(text: &str) -> Option<f64> {
    let text = text.trim_matches(|c: char| c.is_ascii_whitespace());
    let (negative, digits) = match text.as_bytes().first()? {
        b'-' => (true, text.get(1..)?),
        b'+' => (false, text.get(1..)?),
        _ => (false, text),
    };
    let value = match digits.as_bytes() {
        [b'0', b'x' | b'X', ..] => hexadecimal(digits.get(2..)?)?,
        // A second sign is one too many.
        [b'+' | b'-', ..] => return None,
        _ => digits.parse::<f64>().ok()?,
    };
    Some(if negative { -value } else { value })
}

/// `1F`, `1.8p3`: digits, an optional point and an optional binary exponent.
fn hexadecimal(text: &str) -> Option<f64> {
    let (digits, exponent) = match text.split_once(['p', 'P']) {
        Some((digits, exponent)) => (digits, exponent.parse::<i32>().ok()?),
        None => (text, 0),
    };
    let (whole, fraction) = digits.split_once('.').unwrap_or((digits, ""));
    if whole.is_empty() && fraction.is_empty() {
        return None;
    }
    let mut value = 0.0;
    for digit in whole.chars().chain(fraction.chars()) {
        value = value * 16.0 + f64::from(digit.to_digit(16)?);
    }
    let shift = i32::try_from(fraction.len()).ok()?.checked_mul(4)?;
    Some(value * 2f64.powi(exponent.checked_sub(shift)?))
}

/// Quoted booleans, as Abseil reads them.
pub(super) fn boolean(text: &str) -> Option<bool> {
    let is = |words: &[&str]| words.iter().any(|word| text.eq_ignore_ascii_case(word));
    if is(&["true", "t", "yes", "y", "1"]) {
        Some(true)
    } else if is(&["false", "f", "no", "n", "0"]) {
        Some(false)
    } else {
        None
    }
}

/// Base 64 of either alphabet, padded or not, as protobuf's reader takes it: padding only completes
/// a last group of four, unused bits are ignored.
pub(super) fn base64(text: &str) -> Option<Vec<u8>> {
    let mut bytes = text.as_bytes();
    if bytes.len().is_multiple_of(4)
        && let Some(rest) = bytes.strip_suffix(b"=")
    {
        bytes = rest.strip_suffix(b"=").unwrap_or(rest);
    }
    let mut out = Vec::with_capacity(bytes.len() / 4 * 3 + 2);
    for group in bytes.chunks(4) {
        let mut bits = 0u32;
        for &byte in group {
            let value = match byte {
                b'A'..=b'Z' => byte - b'A',
                b'a'..=b'z' => byte - b'a' + 26,
                b'0'..=b'9' => byte - b'0' + 52,
                b'+' | b'-' => 62,
                b'/' | b'_' => 63,
                _ => return None,
            };
            bits = (bits << 6) | u32::from(value);
        }
        let [_, a, b, c] = (bits << (6 * (4 - group.len()))).to_be_bytes();
        match group.len() {
            4 => out.extend([a, b, c]),
            3 => out.extend([a, b]),
            2 => out.push(a),
            _ => return None,
        }
    }
    Some(out)
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn integers_as_envoy_takes_them() {
        for (text, value) in [
            ("10", 10),
            ("+5", 5),
            ("-0", 0),
            ("010", 10),
            ("08", 8),
            ("1.0", 1),
            ("1e2", 100),
            ("5.", 5),
            ("0x10", 16),
            ("0x1p3", 8),
            ("-0.0", 0),
        ] {
            assert_eq!(unsigned(text), Ok(value), "{text}");
            assert_eq!(signed(text), Ok(value as i64), "{text}");
        }
        assert_eq!(unsigned("18446744073709551615"), Ok(u64::MAX));
        assert_eq!(signed("-9223372036854775808"), Ok(i64::MIN));
        for text in [
            "", " 5", "5 ", "1_0", "x", "5s", "--1", "+-1", "inf", "nan", "0x", "1e400",
        ] {
            assert_eq!(signed(text), Err(Wrong::NotANumber), "{text}");
        }
        assert_eq!(signed("1.5"), Err(Wrong::Fraction));
        assert_eq!(unsigned("-1"), Err(Wrong::Range));
        assert_eq!(signed("9223372036854775808"), Err(Wrong::Range));
        assert_eq!(signed("1e300"), Err(Wrong::Range));
    }

    #[test]
    fn floats_as_envoy_takes_them() {
        for (text, value) in [
            (".5", 0.5),
            ("5.", 5.0),
            (" 1", 1.0),
            ("+1", 1.0),
            ("0x10", 16.0),
            ("0x1.8p1", 3.0),
            ("-0x.8", -0.5),
            ("1e400", f64::INFINITY),
            ("-inf", f64::NEG_INFINITY),
            ("1e-400", 0.0),
        ] {
            assert_eq!(float(text), Some(value), "{text}");
        }
        for text in [
            "", "x", "1_0", ".inf", ".", "0x", "0xp1", "0x1p", "+-1", "- 1",
        ] {
            assert_eq!(float(text), None, "{text}");
        }
        assert!(float("nan").unwrap().is_nan());
    }

    #[test]
    fn base64_as_envoy_takes_it() {
        for (text, value) in [
            ("", b"".as_slice()),
            ("aGk=", b"hi"),
            ("aGk", b"hi"),
            ("a-_=", b"k\xef"),
            ("aA==", b"h"),
            ("aA", b"h"),
            ("aGkx", b"hi1"),
        ] {
            assert_eq!(base64(text).as_deref(), Some(value), "{text}");
        }
        for text in [
            "!!", "a", "aGk==", "aG k", "aGkx=", "====", "=", "a===", "aGkxa", "é",
        ] {
            assert_eq!(base64(text), None, "{text}");
        }
    }
}
