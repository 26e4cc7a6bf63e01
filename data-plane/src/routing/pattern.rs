//! Regular expressions as Envoy's operators write them: RE2's language, run by the `regex` crate.
//!
//! Both engines are automata without backtracking and agree on most of the syntax; [`translate`] rewrites what
//! they read differently and refuses what RE2 does not know. Patterns that only RE2 knows (`\C`, `\Q..\E`,
//! octal escapes, Unicode properties) are refused too. Envoy also refuses patterns whose RE2 program has more
//! than 100 instructions; the bound here is memory. On bytes that are not UTF-8 the engines may disagree.

mod translate;

use regex::bytes::{Captures, Regex, RegexBuilder};
use regex_syntax::hir::{Hir, HirKind};

use self::translate::translate;

/// A compiled pattern may not take more memory than this.
const MAX_COMPILED_BYTES: usize = 2 << 20;

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
        HirKind::Alternation(parts) => {
            let common = parts.iter().map(literal_start).reduce(|a, b| {
                let shared = a.iter().zip(&b).take_while(|(a, b)| a == b).count();
                a.get(..shared).unwrap_or_default().to_vec()
            });
            start.extend(common.unwrap_or_default());
            false
        }
        HirKind::Class(_) | HirKind::Look(_) | HirKind::Repetition(_) => false,
    }
}

fn invalid(reason: String) -> InvalidPattern {
    InvalidPattern(reason.into())
}

#[cfg(test)]
mod tests;
