//! From RE2's syntax to that of the `regex` crate.
//!
//! Two passes. The first works on the text and escapes what RE2 takes for itself where the other engine sees
//! syntax: braces that repeat nothing, brackets and doubled signs inside a class. The second works on the
//! syntax tree: RE2's `\d`, `\w`, `\s` and `\b` know ASCII only, and flags, escapes and repetitions that RE2
//! does not take are refused.

use std::ops::Range;

use regex_syntax::ast::{self, Ast};

use super::{InvalidPattern, invalid};

/// RE2 knows no larger repetition.
const MAX_REPETITIONS: u32 = 1000;

/// Rewrites what RE2 reads differently.
pub(super) fn translate(text: &str) -> Result<String, InvalidPattern> {
    let escaped = Escaping::default().run(text);
    let ast = ast::parse::Parser::new().parse(&escaped).map_err(|error| {
        invalid(format!(
            "{text:?} is not a regular expression: {}",
            error.kind()
        ))
    })?;
    let changes = ast::visit(&ast, Translation::default())?;
    let mut translated = String::with_capacity(escaped.len());
    let mut done = 0;
    for (span, replacement) in changes {
        translated.push_str(escaped.get(done..span.start).unwrap_or_default());
        translated.push_str(replacement);
        done = span.end;
    }
    translated.push_str(escaped.get(done..).unwrap_or_default());
    Ok(translated)
}

/// The first pass: where in the text it stands.
#[derive(Default)]
struct Escaping {
    out: String,
    in_class: bool,
}

impl Escaping {
    fn run(mut self, text: &str) -> String {
        let mut rest = text;
        while let Some(c) = rest.chars().next() {
            let mut after = rest.get(c.len_utf8()..).unwrap_or_default();
            match c {
                '\\' => after = self.escape(after),
                '[' if !self.in_class => {
                    after = self.open_class(after);
                }
                '[' if !after.starts_with(':') => self.out.push_str(r"\["),
                '[' => {
                    // `[:alpha:]` is taken whole, so that its bracket does not end the class.
                    let end = after.find(":]").map_or(0, |end| end + 2);
                    self.out.push('[');
                    self.out.push_str(after.get(..end).unwrap_or_default());
                    after = after.get(end..).unwrap_or_default();
                }
                ']' if self.in_class => {
                    self.in_class = false;
                    self.out.push(']');
                }
                '&' | '~' if self.in_class => {
                    self.out.push('\\');
                    self.out.push(c);
                }
                '{' if !self.in_class && !is_repetition(after) => self.out.push_str(r"\{"),
                _ => self.out.push(c),
            }
            rest = after;
        }
        self.out
    }

    /// Takes what follows a backslash.
    fn escape<'a>(&mut self, after: &'a str) -> &'a str {
        let Some(c) = after.chars().next() else {
            self.out.push('\\');
            return after;
        };
        let mut len = c.len_utf8();
        if matches!(c, 'x' | 'p' | 'P')
            && after.get(len..).is_some_and(|rest| rest.starts_with('{'))
        {
            len = after.find('}').map_or(after.len(), |end| end + 1);
        }
        self.out.push('\\');
        self.out.push_str(after.get(..len).unwrap_or_default());
        let rest = after.get(len..).unwrap_or_default();
        // After `\w` and the like, a dash begins no range.
        if self.in_class
            && matches!(c, 'd' | 'D' | 's' | 'S' | 'w' | 'W')
            && let Some(rest) = rest.strip_prefix('-')
        {
            self.out.push_str(r"\-");
            return rest;
        }
        rest
    }

    /// Takes what follows the bracket that opens a class: a bracket that comes first is a member.
    fn open_class<'a>(&mut self, after: &'a str) -> &'a str {
        self.in_class = true;
        self.out.push('[');
        let rest = after.strip_prefix('^').unwrap_or(after);
        if rest.len() != after.len() {
            self.out.push('^');
        }
        match rest.strip_prefix(']') {
            Some(rest) => {
                self.out.push_str(r"\]");
                rest
            }
            None => rest,
        }
    }
}

/// Whether what follows a `{` makes it a repetition: `2}`, `2,}` or `2,3}`.
fn is_repetition(after: &str) -> bool {
    let Some((counts, _)) = after.split_once('}') else {
        return false;
    };
    let (least, most) = counts.split_once(',').unwrap_or((counts, ""));
    let digits = |text: &str| text.bytes().all(|byte| byte.is_ascii_digit());
    !least.is_empty() && digits(least) && digits(most)
}

/// The second pass.
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

    fn assertion(&mut self, assertion: &ast::Assertion) {
        use ast::AssertionKind as Kind;
        match assertion.kind {
            Kind::StartLine | Kind::EndLine | Kind::StartText | Kind::EndText => {}
            Kind::WordBoundary => self.change(&assertion.span, r"(?-u:\b)"),
            Kind::NotWordBoundary => self.change(&assertion.span, r"(?-u:\B)"),
            Kind::WordBoundaryStartAngle => self.change(&assertion.span, "<"),
            Kind::WordBoundaryEndAngle => self.change(&assertion.span, ">"),
            // Their braces were escaped in the first pass.
            Kind::WordBoundaryStart
            | Kind::WordBoundaryEnd
            | Kind::WordBoundaryStartHalf
            | Kind::WordBoundaryEndHalf => {}
        }
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
            Ast::Assertion(assertion) => {
                self.assertion(assertion);
                Ok(())
            }
            Ast::ClassPerl(class) => {
                self.perl(class);
                Ok(())
            }
            Ast::Repetition(repetition) => check_repetition(repetition),
            Ast::ClassUnicode(_) => Err(unicode_class()),
            Ast::Empty(_)
            | Ast::Dot(_)
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
                r"a class inside a class must be written without its brackets".to_owned(),
            )),
            Item::Unicode(_) => Err(unicode_class()),
            Item::Empty(_) | Item::Ascii(_) | Item::Union(_) => Ok(()),
        }
    }

    fn visit_class_set_binary_op_pre(
        &mut self,
        _: &ast::ClassSetBinaryOp,
    ) -> Result<(), Self::Err> {
        Err(invalid(r"-- inside a class must be written \-".to_owned()))
    }
}

fn unicode_class() -> InvalidPattern {
    invalid(r"classes of Unicode characters (\p) are not supported by this proxy".to_owned())
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
