use super::*;

fn matches(pattern: &str, text: &str) -> bool {
    Pattern::parse(pattern).unwrap().is_match(text.as_bytes())
}

#[test]
fn a_pattern_matches_the_whole_text_as_in_re2() {
    for (pattern, yes, no) in [
        ("/a", "/a", "/ab"),
        ("/a|/ab", "/ab", "/abc"),
        (r"/a/\d+", "/a/1", "/b/a/1"),
        (r"/\d", "/1", "/١"),
        (r"/\w+", "/a_Z9", "/é"),
        (r"/\S\s\D\W", "/a\ta-", "/a\u{b}a-"),
        (r"/[\d.]+", "/1.2", "/1,2"),
        (r"/[^\s]+", "/ab", "/a b"),
        (r"/[\w-.]+", "/a-.", "/a,"),
        (r"/a\b.*", "/a.b", "/ab"),
        (r"/a\B.*", "/ab", "/a.b"),
        ("^/a$", "/a", "/a/"),
        ("/a$.*", "/a", "/ab"),
        ("(?i)/a", "/A", "/b"),
        ("(?i:/a)b", "/Ab", "/aB"),
        ("(?U)/a+", "/aa", "/b"),
        ("/{id}", "/{id}", "/id"),
        ("/a{,3}", "/a{,3}", "/aa"),
        ("/a{2}", "/aa", "/a{2}"),
        ("/a{", "/a{", "/a"),
        ("/a}]", "/a}]", "/a"),
        ("[]a]+", "]a", "b"),
        ("[^]a]+", "b", "]"),
        ("/[a&&b]", "/&", "/c"),
        ("/[a[b]", "/[", "/c"),
        ("/[a[bc]]", "/[]", "/["),
        ("/[[:alpha:]]+", "/az", "/1"),
        ("/[[:^alpha:]x]+", "/1x", "/z"),
        (r"\/a\-b\_", "/a-b_", "/a"),
        (r"\<a\>", "<a>", "a"),
        (r"a\b{start}", "a{start}", "astart"),
        (r"\x{41}\x42", "AB", "ab"),
        (r"\Aa\z", "a", "aa"),
        (r"\%", "%", "a"),
        ("(?P<x>a)(?<y>b)", "ab", "a"),
        ("^*a", "a", "b"),
        ("|a", "", "b"),
        ("(a*)*", "aaa", "b"),
    ] {
        assert!(matches(pattern, yes), "{pattern} should match {yes}");
        assert!(!matches(pattern, no), "{pattern} should not match {no}");
    }
}

#[test]
fn what_re2_refuses_is_refused() {
    for pattern in [
        "(", "*a", "a**", "a{2}*", "a*??", "a{1001}", r"\d{2,1}", "[b-a]", "[a--b]", r"[a-\d]",
        r"[.-\w]", r"(a)\1", "(?=a)", "(?x)a", "(?u)a", "(?R)a", r"\u0041", r"\Z", r"\h", r"\e",
        r"a\", "[a",
    ] {
        assert!(Pattern::parse(pattern).is_err(), "{pattern}");
    }
}

#[test]
fn what_only_re2_knows_is_refused() {
    for pattern in [r"\C", r"\Qa\E", r"\012", r"\pL", r"\p{Greek}"] {
        assert!(Pattern::parse(pattern).is_err(), "{pattern}");
    }
    let error = Pattern::parse("(a{1000}){1000}").unwrap_err().to_string();
    assert!(error.contains("size limit"), "{error}");
}

#[test]
fn the_literal_start_is_what_every_match_begins_with() {
    for (pattern, start) in [
        ("/a/b/.*", "/a/b/"),
        ("^/a/(b|c)", "/a/"),
        ("(/a)(/b)+", "/a"),
        ("/a?", "/"),
        ("/a", "/a"),
        (r"/a\.b", "/a.b"),
        ("(?i)/a", "/"),
        ("/a|/b", "/"),
        ("a|b", ""),
        (".*", ""),
        ("$a", ""),
        ("a^b", "a"),
    ] {
        let pattern = Pattern::parse(pattern).unwrap();
        let found = std::str::from_utf8(pattern.literal_start()).unwrap();
        assert_eq!(found, start, "{pattern:?}");
    }
}

fn replaced(pattern: &str, with: &str, text: &str) -> String {
    let mut out = b">".to_vec();
    Substitution::parse(pattern, with)
        .unwrap()
        .replace_all(text.as_bytes(), &mut out);
    String::from_utf8(out).unwrap()
}

#[test]
fn every_match_is_replaced_as_in_re2() {
    for (pattern, with, text, result) in [
        (r"/(\w+)/(\w+)", r"/\2/\1", "/a/b/c/d", ">/b/a/d/c"),
        ("^/x/(.*)$", r"/\1/y", "/x/1", ">/1/y"),
        ("x", r"[\0]\\", "/x", r">/[x]\"),
        ("a*", "-", "/baac", ">-/-b-c-"),
        (".*", "", "/a", ">"),
        ("q", "", "/a", ">/a"),
        ("(a)|(b)", r"<\1\2>", "ab", "><a><b>"),
    ] {
        assert_eq!(replaced(pattern, with, text), result, "{pattern} {with}");
    }
}

#[test]
fn a_substitution_that_cannot_work_is_refused() {
    for (with, reason) in [
        (r"\2", "names group \\2, but the pattern has 1"),
        (r"\q", r"a \ must be followed by a digit or by another \"),
        (r"a\", r"a \ must be followed by a digit or by another \"),
    ] {
        let error = Substitution::parse("(a)", with).unwrap_err();
        assert_eq!(error.to_string(), reason, "{with}");
    }
}
