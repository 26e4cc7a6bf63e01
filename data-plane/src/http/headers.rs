//! The header fields of one message, in order, in one allocation.
//!
//! Names and values lie one after another in an arena; a field is two spans into it. Reading a message
//! appends, `clear` keeps the memory, so a connection that serves many requests allocates for none of them.
//! Names are stored in lower case, as Envoy forwards them. A value removed leaves its bytes in the arena
//! until `clear`; heads are small and live for one request, so nothing is ever compacted.
//!
//! What lies in the arena is, wherever possible, the line as HTTP/1 writes it: `name: value` and CRLF. A codec
//! copies the field lines of a whole head at once and points into them, and fields that stay neighbours are
//! written with one copy.

use std::ops::Range;

use super::name::{HeaderName, Known};

/// Header fields in the order in which they came.
#[derive(Clone, Debug, Default)]
pub struct Headers {
    arena: Vec<u8>,
    fields: Vec<Field>,
    known: KnownSet,
}

/// Which known headers may be present: a bit that is not set answers without a search. Removing fields by
/// predicate leaves bits behind, so a set bit promises nothing.
#[derive(Clone, Copy, Debug, Default)]
struct KnownSet([u64; 2]);

impl KnownSet {
    fn bit(known: Known) -> (usize, u64) {
        (usize::from(known as u8 >= 64), 1 << (known as u8 & 63))
    }

    /// Says whether it was there before.
    fn add(&mut self, known: Known) -> bool {
        let (word, bit) = Self::bit(known);
        let before = self.0[word] & bit != 0;
        self.0[word] |= bit;
        before
    }

    fn remove(&mut self, known: Known) {
        let (word, bit) = Self::bit(known);
        self.0[word] &= !bit;
    }

    fn may_have(self, known: Known) -> bool {
        let (word, bit) = Self::bit(known);
        self.0[word] & bit != 0
    }
}

#[derive(Clone, Copy, Debug)]
struct Field {
    name: Span,
    value: Span,
    known: Option<Known>,
    /// Name and value lie in the arena as one finished line.
    line: bool,
}

#[derive(Clone, Copy, Debug)]
struct Span {
    start: u32,
    end: u32,
}

/// One field, borrowed.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub struct HeaderField<'a> {
    /// In lower case.
    pub name: &'a [u8],
    pub value: &'a [u8],
    pub known: Option<Known>,
}

impl Headers {
    pub fn new() -> Self {
        Self::default()
    }

    /// Forgets all fields and keeps the memory.
    pub fn clear(&mut self) {
        self.arena.clear();
        self.fields.clear();
        self.known = KnownSet::default();
    }

    /// The number of fields.
    pub fn len(&self) -> usize {
        self.fields.len()
    }

    pub fn is_empty(&self) -> bool {
        self.fields.is_empty()
    }

    /// Names and values together, as Envoy counts them: without separators.
    pub fn byte_len(&self) -> usize {
        self.fields
            .iter()
            .map(|field| field.name.len() + field.value.len())
            .sum()
    }

    pub fn iter(&self) -> impl DoubleEndedIterator<Item = HeaderField<'_>> + ExactSizeIterator {
        self.fields.iter().map(|field| self.view(*field))
    }

    /// Adds a field at the end and says which it is. The name may be in any case.
    pub fn append(&mut self, name: &[u8], value: &[u8]) -> Option<Known> {
        let start = self.arena.len();
        self.arena.extend_from_slice(name);
        let lower = self.arena.get_mut(start..).unwrap_or_default();
        lower.make_ascii_lowercase();
        let known = Known::of(lower);
        self.finish_line(start, value, known);
        known
    }

    /// Adds a field at the end by its tag.
    pub fn append_known(&mut self, known: Known, value: &[u8]) {
        let start = self.arena.len();
        self.arena.extend_from_slice(known.as_str().as_bytes());
        self.finish_line(start, value, Some(known));
    }

    /// Adds a field at the end by a configured name.
    pub fn append_name(&mut self, name: &HeaderName, value: &[u8]) {
        let start = self.arena.len();
        self.arena.extend_from_slice(name.as_str().as_bytes());
        self.finish_line(start, value, name.known());
    }

    /// Takes the field lines of a head, all at once, into headers that were cleared. They become fields by
    /// [`append_loaded`](Self::append_loaded).
    pub(super) fn load(&mut self, lines: &[u8]) {
        self.arena.extend_from_slice(lines);
    }

    /// The bytes that were loaded.
    #[inline]
    pub(super) fn loaded(&mut self) -> &mut [u8] {
        &mut self.arena
    }

    /// Adds a field at the end whose name, in lower case, and value were loaded; `line` says that they lie there
    /// as one finished line. Says whether a known field of that name is there already.
    #[inline]
    pub(super) fn append_loaded(
        &mut self,
        name: Range<usize>,
        value: Range<usize>,
        known: Option<Known>,
        line: bool,
    ) -> bool {
        self.fields.push(Field {
            name: Span::of(name),
            value: Span::of(value),
            known,
            line,
        });
        known.is_some_and(|known| self.known.add(known))
    }

    /// Writes the fields in order as HTTP/1 lines. Those that say how the message is framed go to `framing`,
    /// to write or to leave out.
    pub(super) fn write_lines(
        &self,
        out: &mut Vec<u8>,
        mut framing: impl FnMut(&mut Vec<u8>, HeaderField<'_>),
    ) {
        // Neighbouring lines gather until something else has to be written.
        let mut run = 0..0;
        for field in &self.fields {
            let frames = matches!(
                field.known,
                Some(Known::ContentLength | Known::TransferEncoding)
            );
            if field.line && !frames {
                let line = field.name.start as usize..field.value.end as usize + 2;
                if line.start == run.end {
                    run.end = line.end;
                } else {
                    out.extend_from_slice(self.arena.get(run).unwrap_or_default());
                    run = line;
                }
                continue;
            }
            out.extend_from_slice(self.arena.get(run).unwrap_or_default());
            run = 0..0;
            let view = self.view(*field);
            if frames {
                framing(out, view);
            } else {
                out.extend_from_slice(view.name);
                out.extend_from_slice(b": ");
                out.extend_from_slice(view.value);
                out.extend_from_slice(b"\r\n");
            }
        }
        out.extend_from_slice(self.arena.get(run).unwrap_or_default());
    }

    /// The first value of a known header.
    pub fn get_known(&self, known: Known) -> Option<&[u8]> {
        if !self.known.may_have(known) {
            return None;
        }
        let field = self
            .fields
            .iter()
            .find(|field| field.known == Some(known))?;
        Some(self.bytes(field.value))
    }

    /// Every value of a known header.
    pub fn all_known(&self, known: Known) -> impl Iterator<Item = &[u8]> {
        self.fields
            .iter()
            .filter(move |field| field.known == Some(known))
            .map(|field| self.bytes(field.value))
    }

    /// The first value of a header.
    pub fn get(&self, name: &HeaderName) -> Option<&[u8]> {
        let field = self.fields.iter().find(|field| self.is(field, name))?;
        Some(self.bytes(field.value))
    }

    /// Every value of a header.
    pub fn all<'a>(&'a self, name: &'a HeaderName) -> impl Iterator<Item = &'a [u8]> {
        self.fields
            .iter()
            .filter(move |field| self.is(field, name))
            .map(|field| self.bytes(field.value))
    }

    pub fn contains_known(&self, known: Known) -> bool {
        self.known.may_have(known) && self.fields.iter().any(|field| field.known == Some(known))
    }

    /// Replaces every field of that name by one at the end.
    pub fn set_known(&mut self, known: Known, value: &[u8]) {
        self.remove_known(known);
        self.append_known(known, value);
    }

    /// Replaces every field of that name by one at the end.
    pub fn set(&mut self, name: &HeaderName, value: &[u8]) {
        self.remove(name);
        self.append_name(name, value);
    }

    /// Removes every field of that name; says whether there was one.
    pub fn remove_known(&mut self, known: Known) -> bool {
        if !self.known.may_have(known) {
            return false;
        }
        self.known.remove(known);
        let before = self.fields.len();
        self.fields.retain(|field| field.known != Some(known));
        self.fields.len() != before
    }

    /// Removes every field of that name; says whether there was one.
    pub fn remove(&mut self, name: &HeaderName) -> bool {
        if let Some(known) = name.known() {
            return self.remove_known(known);
        }
        self.retain(|field| field.name != name.as_str().as_bytes())
    }

    /// Gives the first field of that name a value and removes the others; adds nothing where there is none.
    pub fn replace_known(&mut self, known: Known, value: &[u8]) {
        let value = self.store(value);
        self.keep_first(known, value);
    }

    /// Makes one field of all of that name, at the place of the first: its values that are not empty, joined by
    /// commas.
    pub fn join_known(&mut self, known: Known) {
        let Self { arena, fields, .. } = self;
        let start = arena.len();
        let mut count = 0;
        for field in fields.iter().filter(|field| field.known == Some(known)) {
            count += 1;
            if field.value.len() > 0 {
                if arena.len() > start {
                    arena.push(b',');
                }
                arena.extend_from_within(field.value.range());
            }
        }
        if count < 2 {
            arena.truncate(start);
            return;
        }
        let joined = self.span_from(start);
        self.keep_first(known, joined);
    }

    /// Keeps the fields that `keep` says yes to; says whether one went.
    pub fn retain(&mut self, mut keep: impl FnMut(HeaderField<'_>) -> bool) -> bool {
        let Self {
            arena,
            fields,
            known: _,
        } = self;
        let before = fields.len();
        fields.retain(|field| {
            keep(HeaderField {
                name: slice(arena, field.name),
                value: slice(arena, field.value),
                known: field.known,
            })
        });
        fields.len() != before
    }

    fn push(&mut self, field: Field) {
        if let Some(known) = field.known {
            self.known.add(known);
        }
        self.fields.push(field);
    }

    fn keep_first(&mut self, known: Known, value: Span) {
        let mut seen = false;
        self.fields.retain_mut(|field| {
            if field.known != Some(known) {
                return true;
            }
            field.value = value;
            field.line = false;
            !std::mem::replace(&mut seen, true)
        });
    }

    fn is(&self, field: &Field, name: &HeaderName) -> bool {
        match name.known() {
            Some(known) => field.known == Some(known),
            None => field.known.is_none() && self.bytes(field.name) == name.as_str().as_bytes(),
        }
    }

    fn view(&self, field: Field) -> HeaderField<'_> {
        HeaderField {
            name: self.bytes(field.name),
            value: self.bytes(field.value),
            known: field.known,
        }
    }

    fn bytes(&self, span: Span) -> &[u8] {
        slice(&self.arena, span)
    }

    /// Makes a field of a name that was just put at the end of the arena.
    fn finish_line(&mut self, start: usize, value: &[u8], known: Option<Known>) {
        let name = self.span_from(start);
        self.arena.extend_from_slice(b": ");
        let value = self.store(value);
        self.arena.extend_from_slice(b"\r\n");
        self.push(Field {
            name,
            value,
            known,
            line: true,
        });
    }

    fn store(&mut self, bytes: &[u8]) -> Span {
        let start = self.arena.len();
        self.arena.extend_from_slice(bytes);
        self.span_from(start)
    }

    /// Spans are 32 bits: codecs refuse heads long before that, and what configuration adds is bounded by
    /// its own size limits. Should an arena ever pass 4 GiB, later fields read as empty.
    fn span_from(&self, start: usize) -> Span {
        Span::of(start..self.arena.len())
    }
}

impl Span {
    fn of(range: Range<usize>) -> Span {
        let end = u32::try_from(range.end).unwrap_or(0);
        Span {
            start: u32::try_from(range.start).unwrap_or(0).min(end),
            end,
        }
    }

    fn len(self) -> usize {
        (self.end - self.start) as usize
    }

    fn range(self) -> Range<usize> {
        self.start as usize..self.end as usize
    }
}

fn slice(arena: &[u8], span: Span) -> &[u8] {
    arena
        .get(span.start as usize..span.end as usize)
        .unwrap_or_default()
}

#[cfg(test)]
mod tests {
    use super::*;

    fn pairs(headers: &Headers) -> Vec<(&str, &str)> {
        let text = |bytes| std::str::from_utf8(bytes).unwrap();
        headers
            .iter()
            .map(|field| (text(field.name), text(field.value)))
            .collect()
    }

    #[test]
    fn fields_keep_their_order_and_lose_their_case() {
        let mut headers = Headers::new();
        headers.append(b"X-One", b"1");
        headers.append(b"HOST", b"a");
        headers.append_known(Known::Via, b"v");
        headers.append(b"x-one", b"2");
        assert_eq!(
            pairs(&headers),
            [("x-one", "1"), ("host", "a"), ("via", "v"), ("x-one", "2")]
        );
        assert_eq!(headers.get_known(Known::Host), Some(&b"a"[..]));
        let one = HeaderName::parse("X-One").unwrap();
        assert_eq!(headers.all(&one).collect::<Vec<_>>(), [b"1", b"2"]);
        assert_eq!(headers.byte_len(), 6 + 5 + 4 + 6);
    }

    #[test]
    fn join_makes_one_field_at_the_place_of_the_first() {
        let mut headers = Headers::new();
        for (name, value) in [("via", "a"), ("x", "1"), ("Via", "b"), ("via", "")] {
            headers.append(name.as_bytes(), value.as_bytes());
        }
        headers.join_known(Known::Via);
        headers.join_known(Known::Te);
        assert_eq!(pairs(&headers), [("via", "a,b"), ("x", "1")]);
        assert_eq!(headers.get_known(Known::Via), Some(&b"a,b"[..]));
    }

    #[test]
    fn lines_are_written_in_order_whatever_became_of_their_neighbours() {
        let mut headers = Headers::new();
        headers.load(b"a: 1\r\nb:  2 \r\nc: 3\r\n\r\n");
        headers.append_loaded(0..1, 3..4, None, true);
        headers.append_loaded(6..7, 10..11, None, false);
        headers.append_loaded(14..15, 17..18, None, true);
        headers.append(b"D", b"4");
        headers.append_known(Known::ContentLength, b"5");
        headers.append(b"via", b"6");
        headers.append(b"via", b"7");
        let written = |headers: &Headers| {
            let mut out = Vec::new();
            headers.write_lines(&mut out, |out, field| {
                out.extend_from_slice(b"[");
                out.extend_from_slice(field.value);
                out.extend_from_slice(b"]");
            });
            String::from_utf8(out).unwrap()
        };
        let start = "a: 1\r\nb: 2\r\nc: 3\r\nd: 4\r\n[5]";
        assert_eq!(written(&headers), format!("{start}via: 6\r\nvia: 7\r\n"));
        headers.join_known(Known::Via);
        assert_eq!(written(&headers), format!("{start}via: 6,7\r\n"));
        headers.retain(|field| field.name != b"c");
        headers.replace_known(Known::Via, b"");
        assert_eq!(written(&headers), "a: 1\r\nb: 2\r\nd: 4\r\n[5]via: \r\n");
    }

    #[test]
    fn a_removed_header_can_come_back() {
        let mut headers = Headers::new();
        headers.append(b"te", b"1");
        assert!(headers.remove_known(Known::Te));
        assert!(!headers.remove_known(Known::Te));
        assert_eq!(headers.get_known(Known::Te), None);
        headers.set_known(Known::Te, b"2");
        assert_eq!(headers.get_known(Known::Te), Some(&b"2"[..]));
        headers.clear();
        assert!(!headers.contains_known(Known::Te));
    }

    #[test]
    fn set_replaces_all_and_remove_says_so() {
        let mut headers = Headers::new();
        let name = HeaderName::parse("x").unwrap();
        headers.append(b"x", b"1");
        headers.append(b"y", b"2");
        headers.append(b"x", b"3");
        headers.set(&name, b"4");
        assert_eq!(pairs(&headers), [("y", "2"), ("x", "4")]);
        assert!(headers.remove(&name));
        assert!(!headers.remove(&name));
        headers.clear();
        assert!(headers.is_empty());
    }
}
