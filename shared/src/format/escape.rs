//! JSON strings as Envoy writes them.
//!
//! Text that is UTF-8 gets the escapes JSON asks for and no others. Headers need not be UTF-8: then every
//! byte that is not plain ASCII becomes `\u00XX`, the quote and the backslash with it, so that no log line
//! is ever invalid JSON and bytes can be told from characters.

/// Turns what lies in `out` behind `start` into the inside of a JSON string.
pub(super) fn escape_from(start: usize, out: &mut Vec<u8>) {
    let written = out.get(start..).unwrap_or_default();
    let Some(first) = written.iter().position(|byte| special(*byte)) else {
        return;
    };
    let text = std::str::from_utf8(written).is_ok();
    if text && !written.iter().any(|byte| escaped(*byte)) {
        return;
    }
    let tail = out.split_off(start + first);
    for byte in tail {
        if text {
            escape(byte, out);
        } else if special(byte) {
            unicode(byte, out);
        } else {
            out.push(byte);
        }
    }
}

/// Appends a JSON string, quotes included.
pub(super) fn quote(text: &str, out: &mut Vec<u8>) {
    out.push(b'"');
    for byte in text.bytes() {
        escape(byte, out);
    }
    out.push(b'"');
}

/// Whether a byte may need attention: JSON's own, and all that is not ASCII.
fn special(byte: u8) -> bool {
    escaped(byte) || byte >= 0x7f
}

fn escaped(byte: u8) -> bool {
    byte < 0x20 || matches!(byte, b'"' | b'\\')
}

fn escape(byte: u8, out: &mut Vec<u8>) {
    let short = match byte {
        b'"' => b'"',
        b'\\' => b'\\',
        b'\n' => b'n',
        b'\r' => b'r',
        b'\t' => b't',
        0x08 => b'b',
        0x0c => b'f',
        0..0x20 => return unicode(byte, out),
        _ => return out.push(byte),
    };
    out.extend_from_slice(&[b'\\', short]);
}

fn unicode(byte: u8, out: &mut Vec<u8>) {
    let digit = |nibble: u8| char::from_digit(u32::from(nibble), 16).map_or(b'0', |c| c as u8);
    out.extend_from_slice(b"\\u00");
    out.extend_from_slice(&[digit(byte >> 4), digit(byte & 15)]);
}
