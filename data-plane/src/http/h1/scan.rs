//! Finds the end of a head in bytes that arrive in pieces.
//!
//! The scanner notes where each line ends, so that the parser behind it never searches for line feeds again,
//! and where it stopped, so that a client that sends one byte at a time cannot make us read a head twice.

use memchr::memchr_iter;

use super::{Options, errors::Fault};

/// How far a head was looked at. One per connection and direction; it belongs to the bytes that start at the
/// caller's first unconsumed byte, and forgets by itself once a head is complete or refused.
#[derive(Debug, Default)]
pub struct HeadScanner {
    /// Where the first line starts: empty lines before a request are skipped.
    start: usize,
    /// Everything before this was looked at.
    scanned: usize,
    /// The offset behind each line feed, from the first line on.
    ends: Vec<u32>,
    /// The first line of a head still incomplete was found good.
    pub(super) first_line_checked: bool,
}

/// Memory that a scanner keeps between heads.
const KEPT_LINES: usize = 256;

/// Lines beyond the field limit that folding may use up.
const SPARE_LINES: usize = 1024;

pub(super) enum Scan {
    Partial,
    Complete { end: usize },
}

impl HeadScanner {
    pub fn new() -> Self {
        Self::default()
    }

    /// Forgets what was seen, as when the caller drops its buffer.
    pub fn reset(&mut self) {
        self.start = 0;
        self.scanned = 0;
        self.first_line_checked = false;
        if self.ends.capacity() > KEPT_LINES {
            self.ends = Vec::new();
        } else {
            self.ends.clear();
        }
    }

    /// Where the first line starts.
    pub(super) fn start(&self) -> usize {
        self.start
    }

    /// The offsets behind each line feed so far.
    pub(super) fn ends(&self) -> &[u32] {
        &self.ends
    }

    /// Moves the start behind empty lines, as may come before a request.
    pub(super) fn skip_blank_lines(&mut self, input: &[u8]) {
        if self.ends.is_empty() && self.start == self.scanned {
            let rest = input.get(self.start..).unwrap_or_default();
            let blank = rest
                .iter()
                .position(|byte| !matches!(byte, b'\r' | b'\n'))
                .unwrap_or(rest.len());
            self.start += blank;
            self.scanned = self.start;
        }
    }

    /// Looks at what is new in `input`.
    pub(super) fn scan(&mut self, input: &[u8], options: &Options) -> Result<Scan, Fault> {
        let start = self.start;
        let limit = options.max_head_bytes;
        // Offsets are stored in 32 bits; no limit comes near, but the arithmetic must not depend on it.
        let room = limit.saturating_add(1).min(u32::MAX as usize / 2);
        let view = input
            .get(..input.len().min(start.saturating_add(room)))
            .unwrap_or(input);
        let from = self.scanned.min(view.len());
        let most_lines = options
            .max_headers
            .saturating_mul(8)
            .saturating_add(SPARE_LINES);
        let mut line_start = self.ends.last().map_or(start, |end| *end as usize);
        for found in memchr_iter(b'\n', view.get(from..).unwrap_or_default()) {
            let at = from + found;
            let length = at.saturating_sub(line_start);
            let blank = length == 0 || (length == 1 && view.get(line_start) == Some(&b'\r'));
            line_start = at + 1;
            self.ends
                .push(u32::try_from(line_start).unwrap_or(u32::MAX));
            if blank {
                if line_start - start > limit {
                    return Err(Fault::HeadersTooLarge);
                }
                self.scanned = line_start;
                return Ok(Scan::Complete { end: line_start });
            }
            if self.ends.len() > most_lines {
                return Err(Fault::TooManyHeaders);
            }
        }
        self.scanned = view.len();
        if start > limit || view.len().saturating_sub(start) >= limit {
            return Err(Fault::HeadersTooLarge);
        }
        Ok(Scan::Partial)
    }
}
