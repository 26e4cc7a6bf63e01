//! Field lines: names, values and folds.
//!
//! Works on a head whose lines are known. All its bytes are judged first, in one vectorised pass: a control
//! character anywhere ends the matter, and where no carriage return stands but at the end of a line, no value
//! needs a second look. Then the lines are copied once and taken apart where they lie.

use std::ops::Range;

use super::errors::Fault;
use crate::http::{
    headers::Headers,
    name::{Known, is_token},
};

/// Whether a byte may stand in a name, by byte.
static TOKEN: [bool; 256] = {
    let mut table = [false; 256];
    let mut byte = 0;
    while byte < 256 {
        table[byte] = is_token(byte as u8);
        byte += 1;
    }
    table
};

pub(super) fn is_token_byte(byte: u8) -> bool {
    TOKEN[byte as usize]
}

/// What a pass over all bytes of a head found.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(super) struct Survey {
    /// A control character other than tab, CR and LF.
    pub control: bool,
    /// A CR without LF behind it.
    pub lone_return: bool,
    /// An LF without CR before it.
    pub bare_feed: bool,
}

impl Survey {
    /// Byte by byte: only heads that are not plain come here.
    pub(super) fn of(bytes: &[u8]) -> Survey {
        let mut survey = Survey {
            control: false,
            lone_return: false,
            bare_feed: false,
        };
        let mut before = 0;
        for byte in bytes.iter().copied() {
            survey.lone_return |= before == b'\r' && byte != b'\n';
            survey.bare_feed |= before != b'\r' && byte == b'\n';
            survey.control |= match byte {
                b'\t' | b'\n' | b'\r' => false,
                byte => byte < 0x20 || byte == 0x7f,
            };
            before = byte;
        }
        survey.lone_return |= before == b'\r';
        survey
    }
}

/// Whether every line ends in CRLF and nothing else is a control character, not even a tab: what nearly every
/// head is, found out at a third of a survey's cost by counting.
fn is_plain(input: &[u8], start: usize, ends: &[u32]) -> bool {
    let mut controls = 0usize;
    let mut from = start;
    for end in ends {
        let end = *end as usize;
        if input.get(end.wrapping_sub(2)) != Some(&b'\r') {
            return false;
        }
        from = end;
    }
    let bytes = input.get(start..from).unwrap_or_default();
    // Chunks whose count fits a byte become vector instructions.
    for bytes in bytes.chunks(192) {
        let mut count = 0u8;
        for &byte in bytes {
            count += u8::from((byte < 0x20) | (byte == 0x7f));
        }
        controls += usize::from(count);
    }
    controls == 2 * ends.len()
}

/// The field lines of one head, loaded into [`Headers`].
pub(super) struct Fields<'a> {
    /// Offsets in the input behind the line feeds of the lines still to come, the empty one included.
    ends: &'a [u32],
    /// Where in the input the loaded lines began.
    shift: usize,
    /// Where the next line starts among the loaded bytes.
    start: usize,
    strict: bool,
    /// Values may hold CR or LF that must go.
    dirty: bool,
}

/// A field among the loaded bytes, its name in lower case.
pub(super) struct RawField {
    pub name: Range<usize>,
    pub value: Range<usize>,
    pub known: Option<Known>,
    /// The line is what we would write: `name: value` and CRLF.
    pub plain: bool,
    /// The value has CR or LF in it.
    pub dirty: bool,
}

impl<'a> Fields<'a> {
    /// Checks the bytes of a head and loads its field lines. `ends` are the offsets in `input` behind each line
    /// feed, from the line that starts at `start` on; `first` says how many of these lines come before the
    /// fields.
    pub(super) fn load(
        input: &[u8],
        start: usize,
        ends: &'a [u32],
        first: usize,
        strict: bool,
        headers: &mut Headers,
    ) -> Result<Self, Fault> {
        let end = ends.last().map_or(start, |end| *end as usize);
        let mut dirty = false;
        if !is_plain(input, start, ends) {
            let survey = Survey::of(input.get(start..end).unwrap_or_default());
            if survey.control {
                return Err(Fault::InvalidCharacters);
            }
            if strict && (survey.lone_return || survey.bare_feed) {
                return Err(Fault::Syntax);
            }
            dirty = survey.lone_return;
        }
        let before = first.checked_sub(1).and_then(|last| ends.get(last));
        let shift = before.map_or(start, |end| *end as usize);
        headers.load(input.get(shift..end).unwrap_or_default());
        Ok(Fields {
            ends: ends.get(first..).unwrap_or_default(),
            shift,
            start: 0,
            strict,
            dirty,
        })
    }

    /// The next field, or none at the empty line. Inlined: a field's parts stay in registers, which halves the
    /// time of a head.
    #[inline(always)]
    pub(super) fn next(&mut self, bytes: &mut [u8]) -> Result<Option<RawField>, Fault> {
        let [end, rest @ ..] = self.ends else {
            return Ok(None);
        };
        if rest.is_empty() {
            return Ok(None);
        }
        let mut end = (*end as usize).saturating_sub(self.shift);
        self.ends = rest;
        let mut dirty = self.dirty;
        // A line that starts with white space continues the one before it.
        while let [next, rest @ ..] = self.ends {
            if rest.is_empty() {
                break;
            }
            match bytes.get(end) {
                Some(b' ' | b'\t') if !self.strict => dirty = true,
                Some(byte) if *byte > b' ' => break,
                _ => return Err(Fault::Syntax),
            }
            end = (*next as usize).saturating_sub(self.shift);
            self.ends = rest;
        }
        let start = self.start;
        self.start = end;
        let line = bytes.get_mut(start..end).unwrap_or_default();
        let colon = lower_to_colon(line).ok_or(Fault::Syntax)?;
        let name = line.get(..colon).unwrap_or_default();
        let known = Known::of(name);
        // A known name is well formed; others are looked at byte by byte.
        if known.is_none() && (name.is_empty() || !name.iter().all(|byte| is_token_byte(*byte))) {
            return Err(Fault::Syntax);
        }
        let mut from = colon + 1;
        let mut to = line.len();
        while let Some(b' ' | b'\t' | b'\r' | b'\n') = line.get(from) {
            from += 1;
        }
        while to > from
            && let Some(b' ' | b'\t' | b'\r' | b'\n') = line.get(to - 1)
        {
            to -= 1;
        }
        let from = from.min(to);
        let plain = from == colon + 2
            && line.get(from - 1) == Some(&b' ')
            && to + 2 == line.len()
            && line.get(to) == Some(&b'\r');
        if dirty {
            let value = line.get(from..to).unwrap_or_default();
            dirty = value.iter().any(|byte| matches!(byte, b'\r' | b'\n'));
        }
        Ok(Some(RawField {
            name: start..start + colon,
            value: start + from..start + to,
            known,
            plain,
            dirty,
        }))
    }
}

/// Puts a line into lower case up to its first colon, and says where that is. Names are short: eight bytes at a
/// time beat anything that has to be called.
#[inline(always)]
fn lower_to_colon(line: &mut [u8]) -> Option<usize> {
    const HIGH: u64 = all(0x80);
    const fn all(byte: u8) -> u64 {
        u64::from_le_bytes([byte; 8])
    }
    let (words, rest) = line.as_chunks_mut::<8>();
    for (at, bytes) in words.iter_mut().enumerate() {
        let word = u64::from_le_bytes(*bytes);
        let low = word & !HIGH;
        // Sums of seven bits stay within their byte: the top bit of each says whether it reached the bound.
        let upper = (low + all(0x80 - b'A')) & !(low + all(0x7f - b'Z')) & !word & HIGH;
        let other = word ^ all(b':');
        let colons = !(((other & !HIGH) + !HIGH) | other) & HIGH;
        if colons == 0 {
            *bytes = (word | (upper >> 2)).to_le_bytes();
            continue;
        }
        let before = colons.trailing_zeros() & !7;
        let mask = (1u64 << before) - 1;
        *bytes = (word | ((upper & mask) >> 2)).to_le_bytes();
        return Some(at * 8 + before as usize / 8);
    }
    let colon = rest.iter().position(|byte| *byte == b':')?;
    rest.get_mut(..colon)?.make_ascii_lowercase();
    Some(words.len() * 8 + colon)
}

/// Takes white space off both ends. Besides spaces and tabs only CR and LF can be there, around folds.
pub(super) fn trim(mut value: &[u8]) -> &[u8] {
    while let [b' ' | b'\t' | b'\r' | b'\n', rest @ ..] = value {
        value = rest;
    }
    while let [rest @ .., b' ' | b'\t' | b'\r' | b'\n'] = value {
        value = rest;
    }
    value
}

/// A value as Envoy reads it: CR and LF fall out.
pub(super) fn without_line_breaks(value: &[u8]) -> Vec<u8> {
    value
        .iter()
        .copied()
        .filter(|byte| !matches!(byte, b'\r' | b'\n'))
        .collect()
}

/// Items of a comma-separated list, trimmed, empty ones left out.
pub(super) fn list(value: &[u8]) -> impl Iterator<Item = &[u8]> {
    value
        .split(|byte| *byte == b',')
        .map(trim)
        .filter(|item| !item.is_empty())
}

/// Whether a list holds a token, in any case.
pub(super) fn list_has(value: &[u8], token: &[u8]) -> bool {
    list(value).any(|item| item.eq_ignore_ascii_case(token))
}

/// A part of the loaded bytes.
#[inline]
pub(super) fn part<'h>(headers: &'h mut Headers, range: &Range<usize>) -> &'h [u8] {
    headers.loaded().get(range.clone()).unwrap_or_default()
}

#[cfg(test)]
mod tests {
    use proptest::{collection::vec, prelude::*};

    use super::*;

    fn some_bytes() -> impl Strategy<Value = Vec<u8>> {
        let byte =
            prop_oneof![8 => Just(b'a'), 1 => Just(b'\r'), 1 => Just(b'\n'), 1 => any::<u8>()];
        vec(byte, 0..70)
    }

    proptest! {
        #![proptest_config(ProptestConfig { cases: 4_000, failure_persistence: None, ..ProptestConfig::default() })]

        #[test]
        fn a_plain_head_has_nothing_to_be_found(bytes in some_bytes()) {
            let mut ends: Vec<u32> = Vec::new();
            for (index, byte) in bytes.iter().enumerate() {
                if *byte == b'\n' {
                    ends.push(index as u32 + 1);
                }
            }
            let head = &bytes[..ends.last().map_or(0, |end| *end as usize)];
            let found = Survey::of(head);
            let nothing = Survey { control: false, lone_return: false, bare_feed: false };
            let plain = found == nothing && !head.contains(&b'\t');
            prop_assert_eq!(is_plain(&bytes, 0, &ends), plain);
        }

        #[test]
        fn a_name_is_lowered_up_to_its_colon(name in "[ -~]{0,40}", rest in vec(any::<u8>(), 0..20)) {
            let mut line = name.clone().into_bytes();
            line.extend(rest);
            let mut lowered = line.clone();
            let colon = lower_to_colon(&mut lowered);
            prop_assert_eq!(colon, line.iter().position(|byte| *byte == b':'));
            if let Some(colon) = colon {
                line[..colon].make_ascii_lowercase();
                prop_assert_eq!(lowered, line);
            }
        }
    }
}
