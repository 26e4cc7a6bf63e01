//! What is wrong, where, and what to write instead.
//!
//! A diagnostic carries all it needs to be shown (the source line included), so that it can travel
//! to another process after the file is gone. Three renderings: one line for logs and lists, a
//! block with the excerpt for people, JSON for programs.

use super::tree::Span;
use serde_json::json;
use std::fmt::{self, Write as _};
use std::sync::Arc;

#[derive(Debug, Clone, Copy, PartialEq, Eq, PartialOrd, Ord)]
pub enum Severity {
    Error,
    Warning,
}

impl fmt::Display for Severity {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.write_str(match self {
            Self::Error => "error",
            Self::Warning => "warning",
        })
    }
}

#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Diagnostic {
    pub severity: Severity,
    pub file: Arc<str>,
    /// From 1.
    pub line: u32,
    /// From 1, in characters.
    pub column: u32,
    /// Bytes of the file (after a byte-order mark, if there is one).
    pub span: Span,
    /// Field path such as `.filter_chains[0].filters[0].typed_config.stat_prefix`; empty for the
    /// root and for errors of syntax.
    pub path: String,
    pub message: String,
    pub help: Option<String>,
    pub related: Vec<Related>,
    /// The source line; absent where the value is secret or there is no file.
    pub excerpt: Option<Excerpt>,
}

/// Another place that belongs to the story, such as the first of two duplicate keys.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Related {
    pub line: u32,
    pub column: u32,
    pub message: String,
}

/// One source line, cut to a readable length around the span.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Excerpt {
    pub text: String,
    /// Characters before the marked part.
    pub offset: usize,
    /// Characters marked, at least one.
    pub length: usize,
}

/// Wider lines are cut: a minified JSON file is one line of a megabyte.
const WIDTH: usize = 120;

impl Excerpt {
    /// `start` and `length` are bytes of `line`.
    pub(super) fn new(line: &str, start: usize, length: usize) -> Self {
        let start = floor_boundary(line, start);
        let end = floor_boundary(line, start.saturating_add(length)).max(start);
        let head = line.get(..start).unwrap_or_default();
        let marked = line.get(start..end).unwrap_or_default();
        let before = head.chars().count();
        let skipped = if before > WIDTH * 2 / 3 {
            before - WIDTH / 2
        } else {
            0
        };
        let (mut text, mut offset) = (String::new(), before - skipped);
        if skipped > 0 {
            text.push('…');
            offset += 1;
        }
        let mut rest = line.chars().skip(skipped);
        // Tabs and other controls would shift the caret or drive a terminal.
        text.extend(
            rest.by_ref()
                .take(WIDTH)
                .map(|c| if c.is_control() { ' ' } else { c }),
        );
        if rest.next().is_some() {
            text.push('…');
        }
        let shown = text.chars().count().saturating_sub(offset);
        Self {
            offset,
            length: marked.chars().count().clamp(1, shown.max(1)),
            text,
        }
    }
}

fn floor_boundary(text: &str, at: usize) -> usize {
    let mut at = at.min(text.len());
    while !text.is_char_boundary(at) {
        at -= 1;
    }
    at
}

impl Diagnostic {
    /// A diagnostic about a file as a whole, or one that has no file position.
    pub fn of_file(file: &str, severity: Severity, message: impl Into<String>) -> Self {
        Self {
            severity,
            file: Arc::from(file),
            line: 1,
            column: 1,
            span: Span::default(),
            path: String::new(),
            message: message.into(),
            help: None,
            related: Vec::new(),
            excerpt: None,
        }
    }

    #[must_use]
    pub fn with_help(mut self, help: impl Into<String>) -> Self {
        self.help = Some(help.into());
        self
    }

    pub fn is_error(&self) -> bool {
        self.severity == Severity::Error
    }

    /// `shop.yaml:41:9: routes[2].timeout: "5 s" is not a duration; write 5s or 500ms`
    pub fn short(&self) -> String {
        let mut out = format!("{}:{}:{}: ", self.file, self.line, self.column);
        if self.severity == Severity::Warning {
            out.push_str("warning: ");
        }
        if !self.path.is_empty() {
            let _ = write!(out, "{}: ", self.path.trim_start_matches('.'));
        }
        out.push_str(&self.message);
        if let Some(help) = &self.help {
            let _ = write!(out, "; {help}");
        }
        for related in &self.related {
            let _ = write!(out, " ({} on line {})", related.message, related.line);
        }
        out
    }

    /// The block a terminal shows.
    pub fn human(&self) -> String {
        let number = self.line.to_string();
        let gutter = " ".repeat(number.len());
        let mut out = format!("{}: {}\n", self.severity, self.message);
        let _ = writeln!(
            out,
            "{gutter}--> {}:{}:{}",
            self.file, self.line, self.column
        );
        if let Some(Excerpt {
            text,
            offset,
            length,
        }) = &self.excerpt
        {
            let _ = writeln!(out, "{gutter} |");
            let _ = writeln!(out, "{number} | {text}");
            let _ = writeln!(
                out,
                "{gutter} | {}{}",
                " ".repeat(*offset),
                "^".repeat(*length)
            );
        }
        if !self.path.is_empty() {
            let _ = writeln!(out, "{gutter} = at {}", self.path);
        }
        for Related {
            line,
            column,
            message,
        } in &self.related
        {
            let _ = writeln!(out, "{gutter} = {message} at {}:{line}:{column}", self.file);
        }
        if let Some(help) = &self.help {
            let _ = writeln!(out, "{gutter} = help: {help}");
        }
        out
    }

    pub fn json(&self) -> serde_json::Value {
        let related: Vec<_> = self
            .related
            .iter()
            .map(|r| json!({"line": r.line, "column": r.column, "message": r.message}))
            .collect();
        json!({
            "severity": self.severity.to_string(),
            "file": &*self.file,
            "line": self.line,
            "column": self.column,
            "start": self.span.start,
            "end": self.span.end,
            "path": self.path,
            "message": self.message,
            "help": self.help,
            "related": related,
        })
    }
}

impl fmt::Display for Diagnostic {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.write_str(&self.short())
    }
}

/// All blocks and a closing count, as `validate` prints them.
pub fn human(diagnostics: &[Diagnostic]) -> String {
    let mut out = String::new();
    for diagnostic in diagnostics {
        out.push_str(&diagnostic.human());
        out.push('\n');
    }
    let errors = diagnostics.iter().filter(|d| d.is_error()).count();
    let warnings = diagnostics.len() - errors;
    let plural =
        |count: usize, noun: &str| format!("{count} {noun}{}", if count == 1 { "" } else { "s" });
    match (errors, warnings) {
        (0, 0) => {}
        (_, 0) => out.push_str(&format!("{}\n", plural(errors, "error"))),
        (0, _) => out.push_str(&format!("{}\n", plural(warnings, "warning"))),
        _ => out.push_str(&format!(
            "{}, {}\n",
            plural(errors, "error"),
            plural(warnings, "warning")
        )),
    }
    out
}

/// The list as `-o json` prints it.
pub fn json(diagnostics: &[Diagnostic]) -> serde_json::Value {
    diagnostics.iter().map(Diagnostic::json).collect()
}

#[cfg(test)]
mod tests {
    use super::*;

    fn sample() -> Diagnostic {
        Diagnostic {
            severity: Severity::Error,
            file: Arc::from("shop.yaml"),
            line: 41,
            column: 14,
            span: Span {
                start: 700,
                end: 703,
            },
            path: ".routes[2].timeout".into(),
            message: "\"5 s\" is not a duration".into(),
            help: Some("write 5s or 500ms".into()),
            related: vec![Related {
                line: 7,
                column: 3,
                message: "first given".into(),
            }],
            excerpt: Some(Excerpt::new("    timeout: 5 s", 13, 3)),
        }
    }

    #[test]
    fn short_form_is_one_line() {
        assert_eq!(
            sample().short(),
            "shop.yaml:41:14: routes[2].timeout: \"5 s\" is not a duration; write 5s or 500ms \
             (first given on line 7)"
        );
    }

    #[test]
    fn human_form_marks_the_value() {
        let expected = "\
error: \"5 s\" is not a duration
  --> shop.yaml:41:14
   |
41 |     timeout: 5 s
   |              ^^^
   = at .routes[2].timeout
   = first given at shop.yaml:7:3
   = help: write 5s or 500ms
";
        assert_eq!(sample().human(), expected);
    }

    #[test]
    fn json_form_names_every_part() {
        let json = sample().json();
        assert_eq!(json["line"], 41);
        assert_eq!(json["severity"], "error");
        assert_eq!(json["related"][0]["line"], 7);
        assert_eq!(json["help"], "write 5s or 500ms");
    }

    #[test]
    fn long_lines_are_cut_around_the_span() {
        let line = format!("{}\"x\u{1b}[31m\"{}", "a".repeat(5000), "b".repeat(5000));
        let excerpt = Excerpt::new(&line, 5000, 8);
        assert!(excerpt.text.chars().count() <= WIDTH + 2);
        assert!(
            !excerpt.text.contains('\u{1b}'),
            "control characters reach the terminal"
        );
        let marked: String = excerpt
            .text
            .chars()
            .skip(excerpt.offset)
            .take(excerpt.length)
            .collect();
        assert_eq!(marked, "\"x [31m\"");
    }

    #[test]
    fn offsets_inside_characters_do_not_panic() {
        for start in 0..12 {
            for length in 0..12 {
                let excerpt = Excerpt::new("üñî\u{10ffff}", start, length);
                assert!(excerpt.length >= 1);
            }
        }
    }

    #[test]
    fn the_count_closes_the_report() {
        let warning = Diagnostic {
            severity: Severity::Warning,
            ..sample()
        };
        let report = human(&[sample(), warning]);
        assert!(report.ends_with("1 error, 1 warning\n"), "{report}");
    }
}
