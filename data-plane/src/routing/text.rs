//! How a text is compared: Envoy's `StringMatcher`.

use memchr::memmem;

use super::pattern::Pattern;

/// What a text must be. Case is that of ASCII.
#[derive(Clone, Debug)]
pub enum TextMatch {
    Exact(Box<str>),
    Prefix(Box<str>),
    Suffix(Box<str>),
    Contains(Box<str>),
    ExactIgnoringCase(Box<str>),
    PrefixIgnoringCase(Box<str>),
    SuffixIgnoringCase(Box<str>),
    /// The text to look for is in lower case.
    ContainsIgnoringCase(Box<str>),
    Pattern(Box<Pattern>),
}

impl TextMatch {
    pub fn matches(&self, text: &[u8]) -> bool {
        match self {
            TextMatch::Exact(want) => text == want.as_bytes(),
            TextMatch::Prefix(want) => text.starts_with(want.as_bytes()),
            TextMatch::Suffix(want) => text.ends_with(want.as_bytes()),
            TextMatch::Contains(want) => memmem::find(text, want.as_bytes()).is_some(),
            TextMatch::ExactIgnoringCase(want) => text.eq_ignore_ascii_case(want.as_bytes()),
            TextMatch::PrefixIgnoringCase(want) => text
                .get(..want.len())
                .is_some_and(|start| start.eq_ignore_ascii_case(want.as_bytes())),
            TextMatch::SuffixIgnoringCase(want) => text
                .len()
                .checked_sub(want.len())
                .and_then(|start| text.get(start..))
                .is_some_and(|end| end.eq_ignore_ascii_case(want.as_bytes())),
            TextMatch::ContainsIgnoringCase(want) => {
                memmem::find(&text.to_ascii_lowercase(), want.as_bytes()).is_some()
            }
            TextMatch::Pattern(pattern) => pattern.is_match(text),
        }
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn every_kind_of_comparison() {
        let pattern = TextMatch::Pattern(Box::new(Pattern::parse("a.c").unwrap()));
        for (matcher, yes, no) in [
            (TextMatch::Exact("aB".into()), "aB", "ab"),
            (TextMatch::Prefix("aB".into()), "aBc", "abc"),
            (TextMatch::Suffix("aB".into()), "caB", "cab"),
            (TextMatch::Contains("aB".into()), "caBc", "cabc"),
            (TextMatch::ExactIgnoringCase("aB".into()), "Ab", "Abc"),
            (TextMatch::PrefixIgnoringCase("aB".into()), "Abc", "a"),
            (TextMatch::SuffixIgnoringCase("aB".into()), "cAb", "b"),
            (TextMatch::ContainsIgnoringCase("ab".into()), "cABc", "ac"),
            (pattern, "abc", "abcd"),
        ] {
            assert!(matcher.matches(yes.as_bytes()), "{matcher:?} {yes}");
            assert!(!matcher.matches(no.as_bytes()), "{matcher:?} {no}");
        }
    }
}
