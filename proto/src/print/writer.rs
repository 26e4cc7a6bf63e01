//! JSON syntax: commas, indentation, escapes.

use std::fmt::Write;

#[derive(Debug)]
pub struct Writer {
    out: String,
    pretty: bool,
    depth: usize,
    /// Nothing was written yet into the innermost object or list.
    empty: bool,
}

/// A point to return to when what follows turns out not to be printable.
#[derive(Clone, Copy)]
pub struct Mark {
    length: usize,
    depth: usize,
    empty: bool,
}

impl Writer {
    pub fn new(pretty: bool) -> Self {
        Self {
            out: String::new(),
            pretty,
            depth: 0,
            empty: true,
        }
    }

    pub fn finish(self) -> String {
        self.out
    }

    pub fn mark(&self) -> Mark {
        Mark {
            length: self.out.len(),
            depth: self.depth,
            empty: self.empty,
        }
    }

    pub fn return_to(&mut self, mark: Mark) {
        self.out.truncate(mark.length);
        self.depth = mark.depth;
        self.empty = mark.empty;
    }

    pub fn open(&mut self, bracket: char) {
        self.out.push(bracket);
        self.depth += 1;
        self.empty = true;
    }

    pub fn close(&mut self, bracket: char) {
        self.depth = self.depth.saturating_sub(1);
        if !self.empty {
            self.line();
        }
        self.out.push(bracket);
        self.empty = false;
    }

    /// Starts the next element of a list.
    pub fn item(&mut self) {
        if !self.empty {
            self.out.push(',');
        }
        self.line();
        self.empty = false;
    }

    /// Starts the next member of an object.
    pub fn key(&mut self, key: &str) {
        self.item();
        self.text(key);
        self.out.push_str(if self.pretty { ": " } else { ":" });
    }

    /// Writes what needs no quotes: a number, `true`, `null`.
    pub fn bare(&mut self, value: impl std::fmt::Display) {
        // Writing to a `String` cannot fail.
        let _ = write!(self.out, "{value}");
    }

    pub fn quoted(&mut self, value: impl std::fmt::Display) {
        self.out.push('"');
        self.bare(value);
        self.out.push('"');
    }

    pub fn text(&mut self, text: &str) {
        self.out.push('"');
        let mut rest = text;
        while let Some(at) = rest.find(|c: char| c < ' ' || c == '"' || c == '\\') {
            let (plain, special) = rest.split_at(at);
            self.out.push_str(plain);
            let mut chars = special.chars();
            match chars.next() {
                Some('"') => self.out.push_str("\\\""),
                Some('\\') => self.out.push_str("\\\\"),
                Some('\n') => self.out.push_str("\\n"),
                Some('\r') => self.out.push_str("\\r"),
                Some('\t') => self.out.push_str("\\t"),
                Some(control) => self.bare(format_args!("\\u{:04x}", u32::from(control))),
                None => {}
            }
            rest = chars.as_str();
        }
        self.out.push_str(rest);
        self.out.push('"');
    }

    fn line(&mut self) {
        if self.pretty {
            self.out.push('\n');
            for _ in 0..self.depth {
                self.out.push_str("  ");
            }
        }
    }
}
