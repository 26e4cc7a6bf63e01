//! Access to the embedded tables by row and column.
//!
//! A reference outside a table cannot come from the build script; it would read as zero or as the
//! empty name instead of ending the process.

use super::layout::*;

static WORDS: &[u8] = include_bytes!(concat!(env!("OUT_DIR"), "/index.bin"));
static NAMES: &str = include_str!(concat!(env!("OUT_DIR"), "/index_names.txt"));
static BLOB_BYTES: &[u8] = include_bytes!(concat!(env!("OUT_DIR"), "/index_blobs.bin"));

include!(concat!(env!("OUT_DIR"), "/index_sections.rs"));

/// Where a table starts, in words, and how many rows it has.
#[derive(Clone, Copy)]
pub struct Section {
    start: u32,
    rows: u16,
}

impl Section {
    pub fn rows(self) -> u16 {
        self.rows
    }

    /// One word of a row in a table of rows of `SIZE` words.
    pub fn word<const SIZE: usize>(self, row: u32, column: usize) -> u32 {
        let read = || {
            let index = (row as usize).checked_mul(SIZE)?.checked_add(column)?;
            let start = (self.start as usize).checked_add(index)?.checked_mul(4)?;
            WORDS
                .get(start..)?
                .first_chunk()
                .copied()
                .map(u32::from_le_bytes)
        };
        read().unwrap_or(0)
    }
}

/// The row whose first word names `wanted`, in a table sorted by that name.
pub fn search<const SIZE: usize>(section: Section, wanted: &str) -> Option<u16> {
    let (mut low, mut high) = (0, section.rows);
    while low < high {
        let middle = low + (high - low) / 2;
        match name(section.word::<SIZE>(u32::from(middle), 0)).cmp(wanted) {
            std::cmp::Ordering::Less => low = middle + 1,
            std::cmp::Ordering::Greater => high = middle,
            std::cmp::Ordering::Equal => return Some(middle),
        }
    }
    None
}

/// Resolves a name reference.
pub fn name(reference: u32) -> &'static str {
    let start = (reference >> NAME_LENGTH_BITS) as usize;
    let length = (reference & NAME_LENGTH_MASK) as usize;
    NAMES
        .get(start..start.saturating_add(length))
        .unwrap_or_default()
}

/// Compares without touching the text where the lengths differ already.
pub fn name_eq(reference: u32, wanted: &str) -> bool {
    (reference & NAME_LENGTH_MASK) as usize == wanted.len() && name(reference) == wanted
}

/// Consecutive row numbers; unlike a range of `u32`, it knows its exact length.
#[derive(Clone)]
pub struct Rows {
    next: u32,
    left: u16,
}

pub fn rows(first: u32, count: u16) -> Rows {
    Rows {
        next: first,
        left: count,
    }
}

impl Iterator for Rows {
    type Item = u32;

    fn next(&mut self) -> Option<u32> {
        self.left = self.left.checked_sub(1)?;
        let row = self.next;
        self.next = self.next.saturating_add(1);
        Some(row)
    }

    fn size_hint(&self) -> (usize, Option<usize>) {
        (usize::from(self.left), Some(usize::from(self.left)))
    }
}

impl ExactSizeIterator for Rows {}

pub fn reserved_names(first: u32, count: u16) -> impl ExactSizeIterator<Item = &'static str> {
    rows(first, count).map(|row| name(RESERVED_NAMES.word::<RESERVED_NAME_WORDS>(row, 0)))
}

/// Resolves a blob; [`NONE`] is the absent one.
pub fn blob(row: u16) -> Option<&'static [u8]> {
    if row == NONE {
        return None;
    }
    let word = |column| BLOBS.word::<BLOB_WORDS>(u32::from(row), column) as usize;
    let start = word(0);
    BLOB_BYTES.get(start..start.saturating_add(word(1)))
}
