//! Byte offset to line and column, computed when a diagnostic asks.
//!
//! A table of line starts would cost four bytes per line, which a hostile file of newlines turns
//! into hundreds of megabytes. Here the text is cut into blocks of one kibibyte and only the
//! number of newlines before each block is kept; the rest is counted on demand.

const BLOCK: usize = 1024;

/// A place in a file as people count: both numbers start at 1, columns count characters.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub struct Place {
    pub line: u32,
    pub column: u32,
}

#[derive(Debug)]
pub(super) struct Lines {
    /// Newlines before the start of each block.
    before: Vec<u32>,
}

impl Lines {
    pub(super) fn new(text: &str) -> Self {
        let mut before = Vec::with_capacity(text.len() / BLOCK + 1);
        let mut count = 0u32;
        before.push(0);
        for block in text.as_bytes().chunks_exact(BLOCK) {
            count = count.saturating_add(newlines(block));
            before.push(count);
        }
        Self { before }
    }

    pub(super) fn place(&self, text: &str, offset: usize) -> Place {
        let bytes = text.as_bytes();
        let offset = offset.min(bytes.len());
        let block = offset / BLOCK;
        let counted = self.before.get(block).copied().unwrap_or(0);
        let rest = bytes.get(block * BLOCK..offset).unwrap_or_default();
        let start = line_start(text, offset);
        let column = match text.get(start..offset) {
            Some(line) => line.chars().count(),
            // Inside a character: count its bytes rather than fail.
            None => offset - start,
        };
        Place {
            line: counted.saturating_add(newlines(rest)).saturating_add(1),
            column: u32::try_from(column).unwrap_or(u32::MAX).saturating_add(1),
        }
    }
}

fn newlines(bytes: &[u8]) -> u32 {
    u32::try_from(memchr::memchr_iter(b'\n', bytes).count()).unwrap_or(u32::MAX)
}

/// Offset of the first byte of the line that holds `offset`.
pub(super) fn line_start(text: &str, offset: usize) -> usize {
    let head = text.as_bytes().get(..offset).unwrap_or_default();
    memchr::memrchr(b'\n', head).map_or(0, |at| at + 1)
}

/// The line that holds `offset`, without its line break.
pub(super) fn line_at(text: &str, offset: usize) -> &str {
    let start = line_start(text, offset);
    let tail = text.get(start..).unwrap_or_default();
    let end = memchr::memchr(b'\n', tail.as_bytes()).unwrap_or(tail.len());
    tail.get(..end).unwrap_or_default().trim_end_matches('\r')
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn counts_lines_and_characters() {
        let text = "a: 1\nüü: x\r\nlast";
        let lines = Lines::new(text);
        let at = |needle: &str| {
            let place = lines.place(text, text.find(needle).unwrap());
            (place.line, place.column)
        };
        assert_eq!(at("a"), (1, 1));
        assert_eq!(at("1"), (1, 4));
        assert_eq!(at("x"), (2, 5));
        assert_eq!(at("last"), (3, 1));
        assert_eq!(lines.place(text, text.len()).column, 5);
        assert_eq!(lines.place(text, usize::MAX).line, 3);
        assert_eq!(line_at(text, text.find('x').unwrap()), "üü: x");
    }

    #[test]
    fn agrees_with_counting_from_the_start_across_blocks() {
        let text: String = (0..400).map(|n| format!("key{n}: value\n")).collect();
        let lines = Lines::new(&text);
        for (offset, _) in text.char_indices().step_by(37) {
            let head = &text[..offset];
            let line = head.matches('\n').count() + 1;
            let column = offset - head.rfind('\n').map_or(0, |at| at + 1) + 1;
            let place = lines.place(&text, offset);
            assert_eq!((place.line as usize, place.column as usize), (line, column));
        }
    }
}
