use super::*;
use crate::routing::pattern::Pattern;

fn head(fields: &[(&str, &str)]) -> RequestHead {
    let mut head = RequestHead {
        path: b"/".into(),
        ..RequestHead::default()
    };
    for (name, value) in fields {
        head.headers.append(name.as_bytes(), value.as_bytes());
    }
    head
}

fn exact(text: &str) -> HeaderTest {
    HeaderTest::Text(TextMatch::Exact(text.into()))
}

/// Flags: `i` inverts, `e` takes a missing header as an empty one.
fn holds(test: &HeaderTest, flags: &str, fields: &[(&str, &str)]) -> bool {
    let condition = HeaderCondition {
        field: RequestField::parse("x").unwrap(),
        test: test.clone(),
        invert: flags.contains('i'),
        missing_is_empty: flags.contains('e'),
    };
    condition.holds(&head(fields))
}

/// Each row was asked of Envoy 1.40.
#[test]
fn headers_are_compared_as_in_envoy() {
    let range = HeaderTest::Range {
        start: -10,
        end: 10,
    };
    let pattern = HeaderTest::Text(TextMatch::Pattern(Box::new(Pattern::parse("b").unwrap())));
    let one: &[(&str, &str)] = &[("x", "1")];
    let empty: &[(&str, &str)] = &[("x", "")];
    let missing: &[(&str, &str)] = &[];
    let a_and_b: &[(&str, &str)] = &[("x", "a"), ("x", "b")];
    for (test, flags, fields, expected) in [
        (exact("1"), "", one, true),
        (exact("1"), "", missing, false),
        (exact("1"), "i", one, false),
        (exact("1"), "i", missing, false),
        (exact("2"), "i", one, true),
        (exact("1"), "ie", missing, true),
        (exact(""), "e", missing, true),
        (exact(""), "e", empty, true),
        (exact(""), "e", one, false),
        (exact(""), "", missing, false),
        (HeaderTest::Present(true), "", one, true),
        (HeaderTest::Present(true), "", empty, true),
        (HeaderTest::Present(true), "", missing, false),
        (HeaderTest::Present(true), "i", missing, true),
        (HeaderTest::Present(true), "i", one, false),
        (HeaderTest::Present(false), "", missing, true),
        (HeaderTest::Present(false), "", one, false),
        (HeaderTest::Present(false), "i", missing, false),
        (HeaderTest::Present(false), "i", one, true),
        (HeaderTest::Present(true), "e", missing, true),
        (HeaderTest::Present(false), "e", missing, false),
        (range.clone(), "", one, true),
        (range.clone(), "", &[("x", "-10")], true),
        (range.clone(), "", &[("x", "10")], false),
        (range.clone(), "", &[("x", "+3")], true),
        (range.clone(), "", &[("x", "3 4")], false),
        (range.clone(), "", &[("x", "a")], false),
        (range.clone(), "", &[("x", "0x1")], false),
        (range.clone(), "", &[("x", "9223372036854775808")], false),
        (range.clone(), "", missing, false),
        (range.clone(), "i", missing, false),
        (range.clone(), "i", one, false),
        (range.clone(), "i", &[("x", "a")], true),
        (range.clone(), "ie", missing, true),
        (range.clone(), "", &[("x", "20"), ("x", "5")], true),
        (range, "i", &[("x", "5"), ("x", "20")], false),
        (exact("a"), "", a_and_b, true),
        (exact("b"), "", a_and_b, true),
        (exact("a,b"), "", a_and_b, false),
        (exact("a"), "i", a_and_b, false),
        (exact("c"), "i", a_and_b, true),
        (pattern.clone(), "", a_and_b, true),
        (pattern, "", &[("x", "abc")], false),
    ] {
        let held = holds(&test, flags, fields);
        assert_eq!(held, expected, "{test:?} {flags} {fields:?}");
    }
}

#[test]
fn pseudo_headers_are_compared_like_headers() {
    let mut head = head(&[]);
    head.authority = b"h:1".into();
    head.path = b"/a?b".into();
    for (name, value) in [
        (":method", "GET"),
        (":path", "/a?b"),
        ("host", "h:1"),
        (":scheme", "http"),
    ] {
        let condition = |test, invert| HeaderCondition {
            field: RequestField::parse(name).unwrap(),
            test,
            invert,
            missing_is_empty: false,
        };
        assert!(condition(exact(value), false).holds(&head), "{name}");
        assert!(condition(exact("x"), true).holds(&head), "{name}");
        assert!(
            condition(HeaderTest::Present(true), false).holds(&head),
            "{name}"
        );
    }
}

/// Each row was asked of Envoy 1.40.
#[test]
fn the_first_parameter_of_a_name_counts_unescaped() {
    let exact = |text: &str| QueryTest::Text(TextMatch::Exact(text.into()));
    for (test, path, expected) in [
        (QueryTest::Present(true), "/", false),
        (QueryTest::Present(true), "/?a", true),
        (QueryTest::Present(true), "/?a=", true),
        (QueryTest::Present(true), "/?b&a=1", true),
        (QueryTest::Present(true), "/?A=1", false),
        (QueryTest::Present(false), "/", true),
        (QueryTest::Present(false), "/?a", false),
        (exact("1"), "/?a=1", true),
        (exact("1"), "/?a=2&a=1", false),
        (exact("1"), "/?a=1&a=2", true),
        (exact("1"), "/?a=%31", false),
        (exact("1"), "/?%61=1", false),
        (exact("1"), "/?a=1=1", false),
        (exact("1=1"), "/?a=1=1", true),
        (exact("1"), "/?&a=1", true),
        (exact(""), "/?a", true),
        (exact(""), "/?a=", true),
        (exact(""), "/", false),
        (exact(""), "/?&", false),
    ] {
        let mut head = head(&[]);
        head.path = path.into();
        let condition = QueryCondition {
            name: "a".into(),
            test: test.clone(),
        };
        assert_eq!(condition.holds(&head), expected, "{test:?} {path}");
    }
}

#[test]
fn grpc_is_told_by_its_content_type() {
    for (kind, expected) in [
        ("application/grpc", true),
        ("application/grpc+proto", true),
        ("application/grpc-web", false),
        ("application/grpc;x", false),
        ("Application/grpc", false),
    ] {
        let head = head(&[("content-type", kind)]);
        assert_eq!(is_grpc(&head), expected, "{kind}");
    }
    assert!(!is_grpc(&head(&[])));
}

#[test]
fn a_fraction_takes_its_share() {
    let fraction = |numerator, denominator| Fraction {
        numerator,
        denominator,
    };
    for (fraction, random, expected) in [
        (fraction(0, Denominator::Hundred), 0, false),
        (fraction(30, Denominator::Hundred), 129, true),
        (fraction(30, Denominator::Hundred), 130, false),
        (fraction(200, Denominator::Hundred), 99, true),
        (fraction(1, Denominator::TenThousand), 10_000, true),
        (fraction(1, Denominator::TenThousand), 10_001, false),
        (fraction(999_999, Denominator::Million), 1_999_998, true),
        (fraction(999_999, Denominator::Million), 1_999_999, false),
    ] {
        assert_eq!(fraction.holds(random), expected, "{fraction:?} {random}");
    }
}
