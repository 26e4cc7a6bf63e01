//! JSON text to the spanned tree.
//!
//! Numbers keep their exact text; surrogate escapes are joined. As Envoy 1.40 does (protobuf's
//! reader in its lenient mode, pinned by running it), a trailing comma, strings in single quotes,
//! bare words as keys and raw control characters in strings are accepted; comments, `NaN`, numbers
//! that overflow a double, a byte-order mark before Envoy's own files and lone surrogates are not
//! (the mark is accepted here).

use super::builder::{Builder, Fault, Shape};
use super::tree::{Content, NodeId, Span};

pub(super) fn read(builder: &mut Builder<'_>, text: &str) -> Result<Vec<NodeId>, Fault> {
    let mut reader = Reader {
        text,
        at: 0,
        open: Vec::new(),
        buffer: String::new(),
    };
    reader.document(builder)?;
    Ok(builder.take_root().into_iter().collect())
}

struct Reader<'a> {
    text: &'a str,
    at: usize,
    /// The collections that are open; the builder limits how many.
    open: Vec<Shape>,
    buffer: String,
}

/// What may come next inside a collection.
#[derive(PartialEq)]
enum Next {
    Value,
    Separator,
}

impl Reader<'_> {
    fn document(&mut self, builder: &mut Builder<'_>) -> Result<(), Fault> {
        self.skip_blanks();
        let mut next = self.value(builder)?;
        while let Some(&shape) = self.open.last() {
            self.skip_blanks();
            let closing = match shape {
                Shape::Sequence => b']',
                Shape::Mapping => b'}',
            };
            match self.peek() {
                Some(byte) if byte == closing => {
                    self.at += 1;
                    self.open.pop();
                    builder.close(Some(self.at))?;
                    next = Next::Separator;
                }
                Some(b',') if next == Next::Separator => {
                    self.at += 1;
                    next = Next::Value;
                }
                _ if next == Next::Separator => {
                    return Err(self.unexpected(match shape {
                        Shape::Sequence => "`,` or `]`",
                        Shape::Mapping => "`,` or `}`",
                    }));
                }
                _ => {
                    if shape == Shape::Mapping {
                        self.key(builder)?;
                    }
                    next = self.value(builder)?;
                }
            }
        }
        self.skip_blanks();
        match self.peek() {
            None => Ok(()),
            Some(_) => Err(self.unexpected("the end of the file")),
        }
    }

    /// Reads a scalar, or opens a collection whose members the loop above reads.
    fn value(&mut self, builder: &mut Builder<'_>) -> Result<Next, Fault> {
        let start = self.at;
        match self.peek() {
            Some(b'{') => self.begin(builder, Shape::Mapping),
            Some(b'[') => self.begin(builder, Shape::Sequence),
            Some(quote @ (b'"' | b'\'')) => {
                let content = self.string(builder, quote)?;
                builder.scalar(Span::new(start, self.at), content, 0)?;
                Ok(Next::Separator)
            }
            Some(b'-' | b'0'..=b'9') => {
                self.number()?;
                builder.scalar(Span::new(start, self.at), Content::Number, 0)?;
                Ok(Next::Separator)
            }
            _ => {
                let content = match self.word() {
                    "null" => Content::Null,
                    "true" => Content::Bool(true),
                    "false" => Content::Bool(false),
                    _ => return Err(self.unexpected("a value")),
                };
                self.at += self.word().len();
                builder.scalar(Span::new(start, self.at), content, 0)?;
                Ok(Next::Separator)
            }
        }
    }

    fn begin(&mut self, builder: &mut Builder<'_>, shape: Shape) -> Result<Next, Fault> {
        builder.open(shape, self.at, 0)?;
        self.open.push(shape);
        self.at += 1;
        Ok(Next::Value)
    }

    fn key(&mut self, builder: &mut Builder<'_>) -> Result<(), Fault> {
        let start = self.at;
        let content = match self.peek() {
            Some(quote @ (b'"' | b'\'')) => self.string(builder, quote)?,
            _ => {
                let word = self.word();
                if word.is_empty() || word.starts_with(|c: char| c.is_ascii_digit()) {
                    return Err(self.unexpected("a key in double quotes"));
                }
                let content = builder.text(word);
                self.at += word.len();
                content
            }
        };
        builder.scalar(Span::new(start, self.at), content, 0)?;
        self.skip_blanks();
        if self.peek() != Some(b':') {
            return Err(self.unexpected("`:`"));
        }
        self.at += 1;
        self.skip_blanks();
        Ok(())
    }

    fn string(&mut self, builder: &mut Builder<'_>, quote: u8) -> Result<Content, Fault> {
        let open = self.at;
        self.at += 1;
        let start = self.at;
        self.buffer.clear();
        let mut plain_from = start;
        loop {
            let rest = self.text.as_bytes().get(self.at..).unwrap_or_default();
            let Some(found) = memchr::memchr2(quote, b'\\', rest) else {
                return Err(Fault::at(open, "a string that never ends"));
            };
            self.at += found;
            let plain = self.text.get(plain_from..self.at).unwrap_or_default();
            if self.peek() == Some(quote) {
                self.at += 1;
                if plain_from == start {
                    return Ok(builder.text(plain));
                }
                self.buffer.push_str(plain);
                return Ok(builder.own(&self.buffer));
            }
            self.buffer.push_str(plain);
            let decoded = self.escape()?;
            self.buffer.push(decoded);
            plain_from = self.at;
        }
    }

    /// At a backslash.
    fn escape(&mut self) -> Result<char, Fault> {
        let start = self.at;
        let letter = self.text.as_bytes().get(self.at + 1).copied();
        self.at += 2;
        Ok(match letter {
            Some(b'"') => '"',
            Some(b'\'') => '\'',
            Some(b'\\') => '\\',
            Some(b'/') => '/',
            Some(b'b') => '\u{8}',
            Some(b'f') => '\u{c}',
            Some(b'n') => '\n',
            Some(b'r') => '\r',
            Some(b't') => '\t',
            Some(b'u') => {
                let lone = || {
                    Fault::new(Span::new(start, start + 6), "half of a surrogate pair")
                        .help("write both halves, as in \\ud83d\\ude00, or the character itself")
                };
                let first = self.hex(start)?;
                if !(0xd800..0xe000).contains(&first) {
                    return char::from_u32(first).ok_or_else(lone);
                }
                let second_start = self.at;
                let pair = first < 0xdc00
                    && self.text.as_bytes().get(self.at..self.at + 2) == Some(b"\\u");
                if !pair {
                    return Err(lone());
                }
                self.at += 2;
                let second = self.hex(second_start)?;
                if !(0xdc00..0xe000).contains(&second) {
                    return Err(lone());
                }
                let code = 0x10000 + ((first - 0xd800) << 10) + (second - 0xdc00);
                return char::from_u32(code).ok_or_else(lone);
            }
            _ => {
                return Err(Fault::new(
                    Span::new(start, start + 1),
                    "an escape JSON does not know",
                )
                .help("write \\\\ for a backslash"));
            }
        })
    }

    fn hex(&mut self, start: usize) -> Result<u32, Fault> {
        let digits = self.text.get(self.at..self.at + 4).unwrap_or_default();
        if digits.len() != 4 || !digits.bytes().all(|byte| byte.is_ascii_hexdigit()) {
            return Err(Fault::new(
                Span::new(start, self.at),
                "\\u needs four hexadecimal digits",
            ));
        }
        self.at += 4;
        u32::from_str_radix(digits, 16)
            .map_err(|_| Fault::at(start, "\\u needs four hexadecimal digits"))
    }

    fn number(&mut self) -> Result<(), Fault> {
        let start = self.at;
        if self.peek() == Some(b'-') {
            self.at += 1;
        }
        let leading_zero = self.peek() == Some(b'0');
        let whole = self.digits();
        let bad = |reader: &Self, what: &str| {
            Err(Fault::new(Span::new(start, reader.at), what.to_owned()))
        };
        if whole == 0 {
            return bad(self, "a number needs digits");
        }
        if leading_zero && whole > 1 {
            return bad(self, "a number must not begin with 0");
        }
        if self.peek() == Some(b'.') {
            self.at += 1;
            if self.digits() == 0 {
                return bad(self, "a number needs digits after its point");
            }
        }
        if matches!(self.peek(), Some(b'e' | b'E')) {
            self.at += 1;
            if matches!(self.peek(), Some(b'+' | b'-')) {
                self.at += 1;
            }
            if self.digits() == 0 {
                return bad(self, "a number needs digits in its exponent");
            }
        }
        let text = self.text.get(start..self.at).unwrap_or_default();
        match text.parse::<f64>() {
            Ok(value) if value.is_finite() => Ok(()),
            _ => bad(self, "this number is too large"),
        }
    }

    fn digits(&mut self) -> usize {
        let rest = self.text.as_bytes().get(self.at..).unwrap_or_default();
        let count = rest.iter().take_while(|byte| byte.is_ascii_digit()).count();
        self.at += count;
        count
    }

    fn word(&self) -> &str {
        let rest = self.text.get(self.at..).unwrap_or_default();
        let end = rest
            .bytes()
            .position(|byte| !(byte.is_ascii_alphanumeric() || matches!(byte, b'_' | b'$')))
            .unwrap_or(rest.len());
        rest.get(..end).unwrap_or_default()
    }

    fn skip_blanks(&mut self) {
        let rest = self.text.as_bytes().get(self.at..).unwrap_or_default();
        self.at += rest
            .iter()
            .take_while(|byte| matches!(byte, b' ' | b'\t' | b'\n' | b'\r'))
            .count();
    }

    fn peek(&self) -> Option<u8> {
        self.text.as_bytes().get(self.at).copied()
    }

    fn unexpected(&self, wanted: &str) -> Fault {
        let seen = self
            .text
            .get(self.at..)
            .and_then(|rest| rest.chars().next());
        match seen {
            Some(c) => Fault::new(
                Span::new(self.at, self.at + c.len_utf8()),
                format!("expected {wanted}, found `{}`", c.escape_debug()),
            ),
            None => Fault::at(
                self.at,
                format!("expected {wanted}, found the end of the file"),
            ),
        }
    }
}
