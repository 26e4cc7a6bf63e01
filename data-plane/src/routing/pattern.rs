//! Regular expressions as Envoy's operators write them: RE2's language, run by the `regex` crate.
//!
//! Both engines are automata without backtracking and agree on most of the syntax. Where a pattern would
//! mean something else here it is either translated (RE2's `\d`, `\w`, `\s` and `\b` know ASCII only) or
//! refused with the way to write it (set operations and nested classes, flags and escapes that RE2 lacks).
//! Patterns that only RE2 knows (`\C`, `\Q..\E`, octal escapes, Unicode scripts, a `{` that repeats nothing)
//! are refused as well. On bytes that are not UTF-8, RE2 and this engine may disagree.

use std::ops::Range;

use regex::bytes::{Captures, Regex, RegexBuilder};
use regex_syntax::{
    ast::{self, Ast},
    hir::{Hir, HirKind},
};

/// A compiled pattern may not take more memory than this.
const MAX_COMPILED_BYTES: usize = 2 << 20;
/// RE2 knows no larger repetition.
const MAX_REPETITIONS: u32 = 1000;

/// A pattern that matches a whole text or does not.
#[derive(Clone, Debug)]
pub struct Pattern {
    regex: Regex,
    literal_start: Box<[u8]>,
}

/// Why a text is no pattern.
#[derive(Clone, Debug, PartialEq, Eq, thiserror::Error)]
#[error("{0}")]
pub struct InvalidPattern(Box<str>);

impl Pattern {
    pub fn parse(text: &str) -> Result<Self, InvalidPattern> {
        let translated = translate(text)?;
        // Most of a route's patterns differ after a literal start; the index places them by it.
        let literal_start = regex_syntax::ParserBuilder::new()
            .utf8(false)
            .build()
            .parse(&translated)
            .map(|hir| literal_start(&hir))
            .unwrap_or_default();
        Ok(Self {
            regex: compile(text, &format!(r"\A(?:{translated})\z"))?,
            literal_start: literal_start.into(),
        })
    }

    /// Whether the whole text matches.
    pub fn is_match(&self, text: &[u8]) -> bool {
        self.regex.is_match(text)
    }

    /// Bytes with which every text that matches begins; often empty.
    pub fn literal_start(&self) -> &[u8] {
        &self.literal_start
    }
}

/// A pattern and what takes the place of each of its matches.
#[derive(Clone, Debug)]
pub struct Substitution {
    regex: Regex,
    with: Vec<Piece>,
}

#[derive(Clone, Debug, PartialEq, Eq)]
enum Piece {
    Text(Vec<u8>),
    Group(usize),
}

impl Substitution {
    /// Takes a pattern and RE2's rewrite text, in which `\1` to `\9` are groups and `\0` is the whole match.
    pub fn parse(pattern: &str, with: &str) -> Result<Self, InvalidPattern> {
        let regex = compile(pattern, &translate(pattern)?)?;
        let with = pieces(with)?;
        let groups = regex.captures_len().saturating_sub(1);
        for piece in &with {
            if let Piece::Group(group) = piece
                && *group > groups
            {
                return Err(invalid(format!(
                    "names group \\{group}, but the pattern has {groups}"
                )));
            }
        }
        Ok(Self { regex, with })
    }

    /// Appends the text with every match replaced.
    pub fn replace_all(&self, text: &[u8], out: &mut Vec<u8>) {
        let replaced = self
            .regex
            .replace_all(text, |captures: &Captures<'_>| -> Vec<u8> {
                let mut replacement = Vec::new();
                for piece in &self.with {
                    match piece {
                        Piece::Text(text) => replacement.extend_from_slice(text),
                        Piece::Group(group) => {
                            if let Some(group) = captures.get(*group) {
                                replacement.extend_from_slice(group.as_bytes());
                            }
                        }
                    }
                }
                replacement
            });
        out.extend_from_slice(&replaced);
    }
}

fn pieces(with: &str) -> Result<Vec<Piece>, InvalidPattern> {
    let mut pieces = Vec::new();
    let mut text = Vec::new();
    let mut chars = with.chars();
    while let Some(c) = chars.next() {
        if c != '\\' {
            text.extend_from_slice(c.encode_utf8(&mut [0; 4]).as_bytes());
            continue;
        }
        match chars.next() {
            Some('\\') => text.push(b'\\'),
            Some(digit @ '0'..='9') => {
                if !text.is_empty() {
                    pieces.push(Piece::Text(std::mem::take(&mut text)));
                }
                pieces.push(Piece::Group(digit as usize - '0' as usize));
            }
            _ => {
                return Err(invalid(
                    r"a \ must be followed by a digit or by another \".to_owned(),
                ));
            }
        }
    }
    if !text.is_empty() {
        pieces.push(Piece::Text(text));
    }
    Ok(pieces)
}

fn compile(text: &str, translated: &str) -> Result<Regex, InvalidPattern> {
    RegexBuilder::new(translated)
        .size_limit(MAX_COMPILED_BYTES)
        .build()
        .map_err(|error| {
            invalid(format!(
                "{text:?} is not a usable regular expression: {error}"
            ))
        })
}

/// Rewrites what RE2 reads differently.
fn translate(text: &str) -> Result<String, InvalidPattern> {
    let ast = ast::parse::Parser::new().parse(text).map_err(|error| {
        invalid(format!(
            "{text:?} is not a regular expression: {}",
            error.kind()
        ))
    })?;
    let changes = ast::visit(&ast, Translation::default())?;
    let mut translated = String::with_capacity(text.len());
    let mut done = 0;
    for (span, replacement) in changes {
        translated.push_str(text.get(done..span.start).unwrap_or_default());
        translated.push_str(replacement);
        done = span.end;
    }
    translated.push_str(text.get(done..).unwrap_or_default());
    Ok(translated)
}

#[derive(Default)]
struct Translation {
    changes: Vec<(Range<usize>, &'static str)>,
}

impl Translation {
    fn change(&mut self, span: &ast::Span, replacement: &'static str) {
        self.changes
            .push((span.start.offset..span.end.offset, replacement));
    }

    fn perl(&mut self, class: &ast::ClassPerl) {
        use ast::ClassPerlKind::{Digit, Space, Word};
        let replacement = match (&class.kind, class.negated) {
            (Digit, false) => "[0-9]",
            (Digit, true) => "[^0-9]",
            (Space, false) => r"[\t\n\f\r ]",
            (Space, true) => r"[^\t\n\f\r ]",
            (Word, false) => "[0-9A-Za-z_]",
            (Word, true) => "[^0-9A-Za-z_]",
        };
        self.change(&class.span, replacement);
    }

    fn assertion(&mut self, assertion: &ast::Assertion) -> Result<(), InvalidPattern> {
        use ast::AssertionKind as Kind;
        match assertion.kind {
            Kind::StartLine | Kind::EndLine | Kind::StartText | Kind::EndText => {}
            Kind::WordBoundary => self.change(&assertion.span, r"(?-u:\b)"),
            Kind::NotWordBoundary => self.change(&assertion.span, r"(?-u:\B)"),
            Kind::WordBoundaryStart
            | Kind::WordBoundaryEnd
            | Kind::WordBoundaryStartAngle
            | Kind::WordBoundaryEndAngle
            | Kind::WordBoundaryStartHalf
            | Kind::WordBoundaryEndHalf => {
                return Err(invalid(
                    r"RE2 knows no start or end of a word; write \b".to_owned(),
                ));
            }
        }
        Ok(())
    }
}

impl ast::Visitor for Translation {
    type Output = Vec<(Range<usize>, &'static str)>;
    type Err = InvalidPattern;

    fn finish(mut self) -> Result<Self::Output, Self::Err> {
        self.changes.sort_by_key(|(span, _)| span.start);
        Ok(self.changes)
    }

    fn visit_pre(&mut self, ast: &Ast) -> Result<(), Self::Err> {
        match ast {
            Ast::Flags(set) => check_flags(&set.flags),
            Ast::Group(group) => group.flags().map_or(Ok(()), check_flags),
            Ast::Literal(literal) => check_literal(literal),
            Ast::Assertion(assertion) => self.assertion(assertion),
            Ast::ClassPerl(class) => {
                self.perl(class);
                Ok(())
            }
            Ast::Repetition(repetition) => check_repetition(repetition),
            Ast::Empty(_)
            | Ast::Dot(_)
            | Ast::ClassUnicode(_)
            | Ast::ClassBracketed(_)
            | Ast::Alternation(_)
            | Ast::Concat(_) => Ok(()),
        }
    }

    fn visit_class_set_item_pre(&mut self, item: &ast::ClassSetItem) -> Result<(), Self::Err> {
        use ast::ClassSetItem as Item;
        match item {
            Item::Perl(class) => {
                self.perl(class);
                Ok(())
            }
            Item::Literal(literal) => check_literal(literal),
            Item::Range(range) => check_literal(&range.start).and(check_literal(&range.end)),
            Item::Bracketed(_) => Err(invalid(
                r"a [ inside a class means itself in RE2 and must be written \[".to_owned(),
            )),
            Item::Empty(_) | Item::Ascii(_) | Item::Unicode(_) | Item::Union(_) => Ok(()),
        }
    }

    fn visit_class_set_binary_op_pre(
        &mut self,
        _: &ast::ClassSetBinaryOp,
    ) -> Result<(), Self::Err> {
        Err(invalid(
            r"&&, -- and ~~ inside a class mean themselves in RE2; escape them with \".to_owned(),
        ))
    }
}

fn check_flags(flags: &ast::Flags) -> Result<(), InvalidPattern> {
    use ast::{Flag, FlagsItemKind};
    for item in &flags.items {
        match item.kind {
            FlagsItemKind::Negation
            | FlagsItemKind::Flag(
                Flag::CaseInsensitive | Flag::MultiLine | Flag::DotMatchesNewLine | Flag::SwapGreed,
            ) => {}
            FlagsItemKind::Flag(Flag::Unicode | Flag::CRLF | Flag::IgnoreWhitespace) => {
                return Err(invalid("RE2 knows the flags i, m, s and U only".to_owned()));
            }
        }
    }
    Ok(())
}

fn check_literal(literal: &ast::Literal) -> Result<(), InvalidPattern> {
    use ast::{HexLiteralKind as Hex, LiteralKind as Kind};
    match &literal.kind {
        Kind::HexFixed(Hex::UnicodeShort | Hex::UnicodeLong)
        | Kind::HexBrace(Hex::UnicodeShort | Hex::UnicodeLong) => Err(invalid(
            r"RE2 knows no \u; write a character by its code as \x{...}".to_owned(),
        )),
        Kind::Verbatim
        | Kind::Meta
        | Kind::Superfluous
        | Kind::Octal
        | Kind::HexFixed(Hex::X)
        | Kind::HexBrace(Hex::X)
        | Kind::Special(_) => Ok(()),
    }
}

fn check_repetition(repetition: &ast::Repetition) -> Result<(), InvalidPattern> {
    use ast::{RepetitionKind as Kind, RepetitionRange as Count};
    if matches!(*repetition.ast, Ast::Repetition(_)) {
        return Err(invalid(
            "a repetition cannot be repeated; put it in a group".to_owned(),
        ));
    }
    let most = match &repetition.op.kind {
        Kind::ZeroOrOne | Kind::ZeroOrMore | Kind::OneOrMore => 0,
        Kind::Range(Count::Exactly(n) | Count::AtLeast(n) | Count::Bounded(_, n)) => *n,
    };
    if most > MAX_REPETITIONS {
        return Err(invalid(format!(
            "{most} repetitions are more than RE2's {MAX_REPETITIONS}"
        )));
    }
    Ok(())
}

/// The literal with which every match begins.
fn literal_start(hir: &Hir) -> Vec<u8> {
    let mut start = Vec::new();
    collect_literal(hir, &mut start);
    start
}

/// Appends what `hir` must begin with; says whether that was all of it.
fn collect_literal(hir: &Hir, start: &mut Vec<u8>) -> bool {
    match hir.kind() {
        HirKind::Empty => true,
        // Every pattern is anchored at its start, so `^` adds nothing; other assertions just end the search.
        HirKind::Look(regex_syntax::hir::Look::Start) => start.is_empty(),
        HirKind::Literal(literal) => {
            start.extend_from_slice(&literal.0);
            true
        }
        HirKind::Capture(capture) => collect_literal(&capture.sub, start),
        HirKind::Concat(parts) => parts.iter().all(|part| collect_literal(part, start)),
        HirKind::Class(_) | HirKind::Look(_) | HirKind::Repetition(_) | HirKind::Alternation(_) => {
            false
        }
    }
}

fn invalid(reason: String) -> InvalidPattern {
    InvalidPattern(reason.into())
}

#[cfg(test)]
mod tests;
