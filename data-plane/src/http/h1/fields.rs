//! Field lines: names, values, folds, and which duplicates become one field.
//!
//! Works on a head whose lines are known. A survey of all its bytes comes first, in one vectorised pass: a
//! control character anywhere ends the matter, and where every line ends in CRLF and there is no other
//! carriage return, no value needs a second look.

use portway_shared::format::Message;

use super::{Options, errors::Fault};
use crate::http::{
    folding::folds,
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
#[derive(Clone, Copy, Debug, Default)]
pub(super) struct Survey {
    /// A control character other than tab, CR and LF.
    pub control: bool,
    carriage_returns: usize,
}

impl Survey {
    pub(super) fn of(bytes: &[u8]) -> Survey {
        let mut control = 0u8;
        let mut carriage_returns = 0usize;
        // Short chunks, so that a count fits a byte and the loop becomes vector instructions.
        for chunk in bytes.chunks(128) {
            let mut count = 0u8;
            for &byte in chunk {
                let low = byte < 0x20;
                let allowed = (byte == b'\t') | (byte == b'\n') | (byte == b'\r');
                control |= u8::from(low & !allowed) | u8::from(byte == 0x7f);
                count += u8::from(byte == b'\r');
            }
            carriage_returns += usize::from(count);
        }
        Survey {
            control: control != 0,
            carriage_returns,
        }
    }
}

/// The field lines of one head.
pub(super) struct Fields<'a> {
    bytes: &'a [u8],
    /// Offsets behind the line feeds of the lines still to come, the empty one included.
    ends: &'a [u32],
    start: usize,
    strict: bool,
    /// Values may hold CR or LF that must go.
    dirty: bool,
}

pub(super) struct RawField<'a> {
    pub name: &'a [u8],
    pub value: &'a [u8],
    /// The value has CR or LF in it.
    pub dirty: bool,
}

impl<'a> Fields<'a> {
    /// `ends` are the offsets in `bytes` behind each line feed, from the line that starts at `start` on; `first`
    /// says how many of these lines come before the fields.
    pub(super) fn new(
        bytes: &'a [u8],
        start: usize,
        ends: &'a [u32],
        first: usize,
        strict: bool,
    ) -> Result<Self, Fault> {
        let end = ends.last().map_or(start, |end| *end as usize);
        let survey = Survey::of(bytes.get(start..end).unwrap_or_default());
        if survey.control {
            return Err(Fault::InvalidCharacters);
        }
        let dirty = survey.carriage_returns != ends.len();
        if strict && dirty {
            return Err(Fault::Syntax);
        }
        let before = first.checked_sub(1).and_then(|last| ends.get(last));
        Ok(Fields {
            bytes,
            ends: ends.get(first..).unwrap_or_default(),
            start: before.map_or(start, |end| *end as usize),
            strict,
            dirty,
        })
    }

    /// The next field, or none at the empty line.
    pub(super) fn next(&mut self) -> Result<Option<RawField<'a>>, Fault> {
        let [end, rest @ ..] = self.ends else {
            return Ok(None);
        };
        if rest.is_empty() {
            return Ok(None);
        }
        let mut end = *end as usize;
        self.ends = rest;
        let mut dirty = self.dirty;
        // A line that starts with white space continues the one before it.
        while let [next, rest @ ..] = self.ends {
            if rest.is_empty() {
                break;
            }
            match self.bytes.get(end) {
                Some(b' ' | b'\t') if !self.strict => dirty = true,
                Some(byte) if *byte > b' ' => break,
                _ => return Err(Fault::Syntax),
            }
            end = *next as usize;
            self.ends = rest;
        }
        let line = self.bytes.get(self.start..end - 1).unwrap_or_default();
        self.start = end;
        let line = match line {
            [line @ .., b'\r'] => line,
            // The survey counted as many CRs as lines: one is missing here, so another stands elsewhere.
            _ if self.strict => return Err(Fault::Syntax),
            _ => {
                dirty = true;
                line
            }
        };
        let colon = line
            .iter()
            .position(|byte| !TOKEN[*byte as usize])
            .ok_or(Fault::Syntax)?;
        let (name, rest) = line.split_at_checked(colon).ok_or(Fault::Syntax)?;
        let [b':', value @ ..] = rest else {
            return Err(Fault::Syntax);
        };
        if name.is_empty() {
            return Err(Fault::Syntax);
        }
        let value = trim(value);
        Ok(Some(RawField {
            name,
            value,
            dirty: dirty && value.iter().any(|byte| matches!(byte, b'\r' | b'\n')),
        }))
    }
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

/// Gathers fields into [`Headers`] and remembers which known ones came more than once.
#[derive(Default)]
pub(super) struct Gathered {
    seen: u128,
    repeated: u128,
}

impl Gathered {
    pub(super) fn add(&mut self, headers: &mut Headers, field: &RawField<'_>) -> Result<(), Fault> {
        let known = if field.dirty {
            headers.append(field.name, &without_line_breaks(field.value))
        } else {
            headers.append(field.name, field.value)
        };
        if let Some(known) = known {
            // Envoy takes `chu<CR>nked` for no body, then the body for a request. Nobody else means that.
            if field.dirty && matches!(known, Known::ContentLength | Known::TransferEncoding) {
                return Err(Fault::Syntax);
            }
            let bit = 1 << (known as u8);
            self.repeated |= self.seen & bit;
            self.seen |= bit;
        }
        Ok(())
    }

    pub(super) fn has(&self, known: Known) -> bool {
        self.seen & (1 << (known as u8)) != 0
    }

    pub(super) fn is_repeated(&self, known: Known) -> bool {
        self.repeated & (1 << (known as u8)) != 0
    }

    /// Makes one field of those duplicates that Envoy makes one field of.
    pub(super) fn join(&self, headers: &mut Headers, message: Message) {
        let mut left = self.repeated;
        while left != 0 {
            let bit = left.trailing_zeros();
            left &= left - 1;
            let field = headers
                .iter()
                .find_map(|field| field.known.filter(|known| *known as u32 == bit));
            if let Some(known) = field.filter(|known| folds(message, *known)) {
                headers.join_known(known);
            }
        }
    }
}

/// How many raw fields are read before the count is given up on. Joined duplicates count once, so that a head
/// may hold more lines than fields; the factor bounds what it can make us remember.
pub(super) fn most_raw_fields(options: &Options) -> usize {
    if options.strict {
        options.max_headers
    } else {
        options.max_headers.saturating_mul(8)
    }
}
