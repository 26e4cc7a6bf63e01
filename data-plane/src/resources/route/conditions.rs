//! `HeaderMatcher`, `QueryParameterMatcher` and fractions.

use portway_proto::pb::envoy::{
    config::{core::v3 as core, route::v3 as pb},
    r#type::v3 as kinds,
};

use super::text;
use crate::{
    http::message::RequestField,
    resources::at::{At, Parsed},
    routing::{
        condition::{
            Denominator, Fraction, HeaderCondition, HeaderTest, QueryCondition, QueryTest,
        },
        text::TextMatch,
    },
};

/// Parses a condition on a header.
#[expect(deprecated, reason = "every field is answered")]
pub fn header(at: At<'_>, message: pb::HeaderMatcher) -> Parsed<HeaderCondition> {
    use pb::header_matcher::HeaderMatchSpecifier as Test;
    let pb::HeaderMatcher {
        name,
        invert_match,
        treat_missing_header_as_empty,
        header_match_specifier,
    } = message;
    let field = at.field("name", |at| {
        RequestField::parse(&name).map_err(|error| at.error(error.to_string()))
    });
    let test = match header_match_specifier {
        None => Ok(HeaderTest::Present(true)),
        Some(Test::PresentMatch(present)) => Ok(HeaderTest::Present(present)),
        // Envoy's old field takes an empty text for "anything".
        Some(Test::ExactMatch(want)) if want.is_empty() => {
            Ok(HeaderTest::Text(TextMatch::Prefix("".into())))
        }
        Some(Test::ExactMatch(want)) => Ok(HeaderTest::Text(TextMatch::Exact(want.into()))),
        Some(Test::PrefixMatch(want)) => at
            .field("prefix_match", |at| text::not_empty(at, want))
            .map(|want| HeaderTest::Text(TextMatch::Prefix(want))),
        Some(Test::SuffixMatch(want)) => at
            .field("suffix_match", |at| text::not_empty(at, want))
            .map(|want| HeaderTest::Text(TextMatch::Suffix(want))),
        Some(Test::ContainsMatch(want)) => at
            .field("contains_match", |at| text::not_empty(at, want))
            .map(|want| HeaderTest::Text(TextMatch::Contains(want))),
        Some(Test::SafeRegexMatch(regex)) => at
            .field("safe_regex_match", |at| text::regex(at, regex))
            .map(|pattern| HeaderTest::Text(TextMatch::Pattern(Box::new(pattern)))),
        Some(Test::StringMatch(matcher)) => at
            .field("string_match", |at| text::string_matcher(at, matcher))
            .map(HeaderTest::Text),
        Some(Test::RangeMatch(kinds::Int64Range { start, end })) => {
            Ok(HeaderTest::Range { start, end })
        }
    };
    Ok(HeaderCondition {
        field: field?,
        test: test?,
        invert: invert_match,
        missing_is_empty: treat_missing_header_as_empty,
    })
}

pub(super) fn query_parameter(
    at: At<'_>,
    message: pb::QueryParameterMatcher,
) -> Parsed<QueryCondition> {
    use pb::query_parameter_matcher::QueryParameterMatchSpecifier as Test;
    let pb::QueryParameterMatcher {
        name,
        query_parameter_match_specifier,
    } = message;
    let name = at.field("name", |at| {
        if name.len() > 1024 {
            return Err(at.error("must not be longer than 1024 bytes"));
        }
        text::not_empty(at, name)
    });
    let test = match query_parameter_match_specifier {
        None => Ok(QueryTest::Present(true)),
        Some(Test::PresentMatch(present)) => Ok(QueryTest::Present(present)),
        Some(Test::StringMatch(matcher)) => at
            .field("string_match", |at| text::string_matcher(at, matcher))
            .map(QueryTest::Text),
    };
    Ok(QueryCondition {
        name: name?,
        test: test?,
    })
}

/// Parses a share of requests. There is no runtime that could change it.
pub(super) fn fraction(at: At<'_>, message: core::RuntimeFractionalPercent) -> Parsed<Fraction> {
    let core::RuntimeFractionalPercent {
        default_value,
        runtime_key,
    } = message;
    at.harmless("runtime_key", &runtime_key);
    at.required("default_value", default_value, percent)
}

fn percent(at: At<'_>, message: kinds::FractionalPercent) -> Parsed<Fraction> {
    use kinds::fractional_percent::DenominatorType;
    let kinds::FractionalPercent {
        numerator,
        denominator,
    } = message;
    let denominator = match DenominatorType::try_from(denominator) {
        Ok(DenominatorType::Hundred) => Denominator::Hundred,
        Ok(DenominatorType::TenThousand) => Denominator::TenThousand,
        Ok(DenominatorType::Million) => Denominator::Million,
        Err(_) => {
            return Err(at.field("denominator", |at| {
                at.error(format!(
                    "{denominator} is no denominator; write HUNDRED, TEN_THOUSAND or MILLION"
                ))
            }));
        }
    };
    Ok(Fraction {
        numerator,
        denominator,
    })
}
