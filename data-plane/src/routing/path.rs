//! What a route asks of a request's path: the path without its query and fragment.

use std::sync::Arc;

use super::pattern::Pattern;

/// A route's path.
#[derive(Clone, Debug)]
pub struct PathMatch {
    pub kind: PathKind,
    /// Does not apply to patterns, which have a flag of their own for it.
    pub ignore_case: bool,
}

#[derive(Clone, Debug)]
pub enum PathKind {
    /// Begins with this text.
    Prefix(Box<str>),
    /// Is this text.
    Exact(Box<str>),
    /// Is this text, or begins with it and a slash.
    Separated(Box<str>),
    /// Matches as a whole.
    Pattern(Arc<Pattern>),
}

impl PathMatch {
    pub fn matches(&self, path: &[u8]) -> bool {
        let rest = |text: &str| {
            let (start, rest) = path.split_at_checked(text.len())?;
            let same = if self.ignore_case {
                start.eq_ignore_ascii_case(text.as_bytes())
            } else {
                start == text.as_bytes()
            };
            same.then_some(rest)
        };
        match &self.kind {
            PathKind::Prefix(text) => rest(text).is_some(),
            PathKind::Exact(text) => rest(text).is_some_and(<[u8]>::is_empty),
            PathKind::Separated(text) => {
                rest(text).is_some_and(|rest| rest.is_empty() || rest.starts_with(b"/"))
            }
            PathKind::Pattern(pattern) => pattern.is_match(path),
        }
    }

    /// How much of a path that matches is this route's own: what a prefix rewrite replaces.
    pub fn matched_len(&self, path: &[u8]) -> usize {
        match &self.kind {
            PathKind::Prefix(text) | PathKind::Exact(text) | PathKind::Separated(text) => {
                text.len().min(path.len())
            }
            PathKind::Pattern(_) => path.len(),
        }
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn every_kind_of_path() {
        let pattern = PathKind::Pattern(Arc::new(Pattern::parse("/a/[0-9]+").unwrap()));
        for (kind, ignore_case, yes, no) in [
            (PathKind::Prefix("/a".into()), false, "/ab", "/Ab"),
            (PathKind::Prefix("/a".into()), true, "/Ab", "/"),
            (PathKind::Prefix("".into()), false, "", ""),
            (PathKind::Exact("/a".into()), false, "/a", "/a/"),
            (PathKind::Exact("/a".into()), true, "/A", "/b"),
            (PathKind::Separated("/a".into()), false, "/a", "/ab"),
            (PathKind::Separated("/a".into()), false, "/a/b", "/A"),
            (PathKind::Separated("/a".into()), true, "/A/b", "/Ab"),
            (pattern, true, "/a/12", "/A/12"),
        ] {
            let path = PathMatch { kind, ignore_case };
            assert!(path.matches(yes.as_bytes()), "{path:?} {yes}");
            if yes != no {
                assert!(!path.matches(no.as_bytes()), "{path:?} {no}");
            }
        }
    }
}
