//! `StringMatcher`, `RegexMatcher` and `RegexMatchAndSubstitute`.

use portway_proto::pb::envoy::r#type::matcher::v3 as pb;

use crate::{
    resources::at::{At, Parsed},
    routing::{
        pattern::{Pattern, Substitution},
        text::TextMatch,
    },
};

/// Parses a comparison of texts.
pub fn string_matcher(at: At<'_>, message: pb::StringMatcher) -> Parsed<TextMatch> {
    use pb::string_matcher::MatchPattern as Match;
    let pb::StringMatcher {
        ignore_case,
        match_pattern,
    } = message;
    Ok(match (match_pattern, ignore_case) {
        (Some(Match::Exact(want)), false) => TextMatch::Exact(want.into()),
        (Some(Match::Exact(want)), true) => TextMatch::ExactIgnoringCase(want.into()),
        (Some(Match::Prefix(want)), ignore_case) => {
            let want = at.field("prefix", |at| not_empty(at, want))?;
            if ignore_case {
                TextMatch::PrefixIgnoringCase(want)
            } else {
                TextMatch::Prefix(want)
            }
        }
        (Some(Match::Suffix(want)), ignore_case) => {
            let want = at.field("suffix", |at| not_empty(at, want))?;
            if ignore_case {
                TextMatch::SuffixIgnoringCase(want)
            } else {
                TextMatch::Suffix(want)
            }
        }
        (Some(Match::Contains(want)), ignore_case) => {
            let want = at.field("contains", |at| not_empty(at, want))?;
            if ignore_case {
                TextMatch::ContainsIgnoringCase(want.to_ascii_lowercase().into())
            } else {
                TextMatch::Contains(want)
            }
        }
        (Some(Match::SafeRegex(_)), true) => {
            return Err(at.field("ignore_case", |at| {
                at.error("has no effect on safe_regex; begin the pattern with (?i)")
            }));
        }
        (Some(Match::SafeRegex(message)), false) => {
            TextMatch::Pattern(Box::new(at.field("safe_regex", |at| regex(at, message))?))
        }
        (Some(Match::Custom(_)), _) => {
            return Err(at.field("custom", |at| {
                at.unsupported("is not supported by this proxy")
            }));
        }
        (None, _) => {
            return Err(at.error("needs one of exact, prefix, suffix, contains and safe_regex"));
        }
    })
}

/// Parses a regular expression.
pub fn regex(at: At<'_>, message: pb::RegexMatcher) -> Parsed<Pattern> {
    let text = regex_text(at, message)?;
    at.field("regex", |at| {
        Pattern::parse(&text).map_err(|error| at.error(error.to_string()))
    })
}

/// Parses a regular expression and what takes the place of its matches.
pub fn substitution(at: At<'_>, message: pb::RegexMatchAndSubstitute) -> Parsed<Substitution> {
    let pb::RegexMatchAndSubstitute {
        pattern,
        substitution,
    } = message;
    let pattern = at.required("pattern", pattern, regex_text)?;
    at.field("substitution", |at| header_value(at, &substitution))?;
    Substitution::parse(&pattern, &substitution).map_err(|error| at.error(error.to_string()))
}

/// The text of a regular expression.
#[expect(deprecated, reason = "every field is answered")]
pub(super) fn regex_text(at: At<'_>, message: pb::RegexMatcher) -> Parsed<String> {
    use pb::regex_matcher::{EngineType, GoogleRe2};
    let pb::RegexMatcher { regex, engine_type } = message;
    if let Some(EngineType::GoogleRe2(GoogleRe2 { max_program_size })) = engine_type {
        // A bound on RE2's memory; the engine here has its own.
        at.field("google_re2", |at| {
            at.harmless("max_program_size", &max_program_size)
        });
    }
    if regex.is_empty() {
        return Err(at.field("regex", |at| at.error("must not be empty")));
    }
    Ok(regex)
}

/// A text that must say something.
pub(super) fn not_empty(at: At<'_>, text: String) -> Parsed<Box<str>> {
    if text.is_empty() {
        return Err(at.error("must not be empty"));
    }
    Ok(text.into())
}

/// Checks that a text can stand in a header.
pub fn header_value(at: At<'_>, text: &str) -> Parsed<()> {
    match text.chars().find(|c| matches!(c, '\0' | '\r' | '\n')) {
        Some(bad) => Err(at.error(format!("{text:?} must not contain {bad:?}"))),
        None => Ok(()),
    }
}
