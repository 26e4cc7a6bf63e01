//! Each kind of rule at its bounds, and the promise that no message has a rule beyond them.

use super::*;
use crate::index::{self, Field, Rules};

fn text(rules: &StringRules, value: &str) -> Must {
    let check = Check::String(rules.clone());
    Rulebook::default().scalar(&check, &Scalar::Text(value), None)
}

fn uint(range: &Range<u64>, value: u64) -> Must {
    Rulebook::default().scalar(&Check::Uint(range.clone()), &Scalar::Uint(value), None)
}

#[test]
fn ranges() {
    let between = Range {
        gte: Some(1),
        lt: Some(10),
        ..Range::default()
    };
    assert_eq!(uint(&between, 1), None);
    assert_eq!(uint(&between, 9), None);
    let must = Some("must be at least 1 and less than 10".to_owned());
    assert_eq!(uint(&between, 0), must);
    assert_eq!(uint(&between, 10), must);

    let outside = Range {
        gt: Some(10),
        lte: Some(5),
        ..Range::default()
    };
    assert_eq!(uint(&outside, 5), None);
    assert_eq!(uint(&outside, 11), None);
    for value in [6, 10] {
        let must = uint(&outside, value);
        assert_eq!(
            must.as_deref(),
            Some("must be at most 5 or more than 10"),
            "{value}"
        );
    }

    let above = Range {
        gt: Some(0),
        ignore_empty: true,
        ..Range::default()
    };
    assert_eq!(uint(&above, 0), None);
    let above = Range {
        gt: Some(0),
        ..Range::default()
    };
    assert_eq!(uint(&above, 0).as_deref(), Some("must be more than 0"));
    let below = Range {
        lte: Some(3),
        ..Range::default()
    };
    assert_eq!(uint(&below, 4).as_deref(), Some("must be at most 3"));
    let equals = Range {
        equals: Some(7),
        ..Range::default()
    };
    assert_eq!(uint(&equals, 8).as_deref(), Some("must be 7"));
    let members = Range {
        one_of: vec![1, 2],
        ..Range::default()
    };
    assert_eq!(uint(&members, 3).as_deref(), Some("must be one of 1, 2"));
    let others = Range {
        none_of: vec![1, 2],
        ..Range::default()
    };
    assert_eq!(uint(&others, 2).as_deref(), Some("must not be one of 1, 2"));

    let percent = Check::Float(Range {
        gte: Some(0.0),
        lte: Some(100.0),
        ..Range::default()
    });
    let float = |value| Rulebook::default().scalar(&percent, &Scalar::Float(value), None);
    assert_eq!(float(f64::NAN), None);
    assert!(float(100.5).is_some() && float(f64::NEG_INFINITY).is_some());
}

#[test]
fn texts() {
    let min = StringRules {
        min_len: Some(1),
        ..StringRules::default()
    };
    assert_eq!(text(&min, "").as_deref(), Some("must not be empty"));
    let max = StringRules {
        max_len: Some(2),
        max_bytes: Some(3),
        ..StringRules::default()
    };
    assert_eq!(text(&max, "üa"), None);
    assert_eq!(
        text(&max, "abc").as_deref(),
        Some("must have at most 2 characters")
    );
    assert_eq!(
        text(&max, "üü").as_deref(),
        Some("must have at most 3 bytes")
    );
    let pattern = StringRules {
        pattern: Some("a+|b"),
        ..StringRules::default()
    };
    assert_eq!(text(&pattern, "aa"), None);
    assert_eq!(text(&pattern, "b"), None);
    assert_eq!(text(&pattern, "ab").as_deref(), Some("must match a+|b"));
    assert_eq!(text(&pattern, "a\n").as_deref(), Some("must match a+|b"));
    let affixes = StringRules {
        prefix: Some("/"),
        not_contains: Some(".."),
        ..StringRules::default()
    };
    assert_eq!(text(&affixes, "/x"), None);
    assert_eq!(
        text(&affixes, "x").as_deref(),
        Some("must begin with \"/\"")
    );
    assert_eq!(
        text(&affixes, "/../").as_deref(),
        Some("must not contain \"..\"")
    );
    let members = StringRules {
        one_of: vec!["a", "b"],
        ..StringRules::default()
    };
    assert_eq!(
        text(&members, "c").as_deref(),
        Some("must be one of \"a\", \"b\"")
    );
    let ignored = StringRules {
        ignore_empty: true,
        ..members
    };
    assert_eq!(text(&ignored, ""), None);
}

#[test]
fn formats() {
    for (format, strict, good, bad) in [
        (
            StringFormat::HttpHeaderName,
            None,
            vec!["x-a", ":path", "a.b", "~"],
            vec!["", ":", "a b", "a:b", "é", "a\n"],
        ),
        (
            StringFormat::HttpHeaderName,
            Some(false),
            vec!["", "a b", "é"],
            vec!["a\n", "a\0"],
        ),
        (
            StringFormat::HttpHeaderValue,
            None,
            vec!["", "a b\té"],
            vec!["a\n", "\u{1}", "\u{7f}"],
        ),
        (
            StringFormat::HttpHeaderValue,
            Some(false),
            vec!["", "\u{1}"],
            vec!["a\r", "\0"],
        ),
        (
            StringFormat::Hostname,
            None,
            vec!["a.b-c", "a."],
            vec!["", "-a", "a..b", "a_b", "é"],
        ),
        (
            StringFormat::Address,
            None,
            vec!["a.b", "::1", "1.2.3.4"],
            vec!["", "a b"],
        ),
        (
            StringFormat::Ip,
            None,
            vec!["::1", "1.2.3.4"],
            vec!["", "a", "1.2.3"],
        ),
        (StringFormat::Ipv4, None, vec!["1.2.3.4"], vec!["::1"]),
        (StringFormat::Ipv6, None, vec!["::1"], vec!["1.2.3.4"]),
        (
            StringFormat::Uuid,
            None,
            vec!["123e4567-e89b-12d3-a456-426614174000"],
            vec![
                "",
                "123e4567e89b12d3a456426614174000",
                "123e4567-e89b-12d3-a456-42661417400g",
            ],
        ),
    ] {
        let rules = StringRules {
            format: Some(format),
            strict,
            ..StringRules::default()
        };
        for value in good {
            assert_eq!(text(&rules, value), None, "{format:?} {strict:?} {value:?}");
        }
        for value in bad {
            assert!(
                text(&rules, value).is_some(),
                "{format:?} {strict:?} {value:?}"
            );
        }
    }
}

#[test]
fn times_bytes_and_counts() {
    let rules = TimeRules {
        range: Range {
            gt: Some(Time::default()),
            ..Range::default()
        },
        ..TimeRules::default()
    };
    assert_eq!(
        time(
            &rules,
            Time {
                seconds: 0,
                nanos: 1
            }
        ),
        None
    );
    assert_eq!(
        time(&rules, Time::default()).as_deref(),
        Some("must be more than 0s")
    );
    assert!(
        time(
            &rules,
            Time {
                seconds: 0,
                nanos: -1
            }
        )
        .is_some()
    );
    assert_eq!(
        Shown(Time {
            seconds: 0,
            nanos: -500_000_000
        })
        .to_string(),
        "-0.5s"
    );
    assert_eq!(
        Shown(Time {
            seconds: 1,
            nanos: 1_000_000
        })
        .to_string(),
        "1.001s"
    );

    let rules = BytesRules {
        min_len: Some(1),
        max_len: Some(2),
        ..BytesRules::default()
    };
    assert_eq!(bytes_rules(&rules, b""), Some("must not be empty".into()));
    assert_eq!(
        bytes_rules(&rules, b"abc"),
        Some("must have at most 2 bytes".into())
    );
    let rules = ListRules {
        min_items: Some(1),
        ..ListRules::default()
    };
    assert_eq!(list(&rules, 0).as_deref(), Some("must not be empty"));
    let rules = ListRules {
        ignore_empty: true,
        ..rules
    };
    assert_eq!(list(&rules, 0), None);
    let rules = MapRules {
        max_pairs: Some(1),
        ..MapRules::default()
    };
    assert_eq!(
        map(&rules, 2).as_deref(),
        Some("must have at most 1 entries")
    );
}

#[test]
fn enums_are_named() {
    let of = index::enumeration("envoy.config.cluster.v3.Cluster.DiscoveryType").unwrap();
    let rules = EnumRules {
        defined_only: true,
        none_of: vec![3],
        ..EnumRules::default()
    };
    assert_eq!(enum_rules(&rules, 0, Some(of)), None);
    assert!(
        enum_rules(&rules, 99, Some(of))
            .unwrap()
            .contains("DiscoveryType")
    );
    assert_eq!(
        enum_rules(&rules, 3, Some(of)).as_deref(),
        Some("must not be one of EDS")
    );
}

fn all_rules(field: Field) -> Vec<Rules> {
    let mut all: Vec<Rules> = field.rules().into_iter().collect();
    let mut at = 0;
    while let Some(rules) = all.get(at) {
        let inner: Vec<Rules> = match &rules.check {
            Check::List(list) => list.items.clone().into_iter().collect(),
            Check::Map(map) => map
                .keys
                .clone()
                .into_iter()
                .chain(map.values.clone())
                .collect(),
            _ => Vec::new(),
        };
        all.extend(inner);
        at += 1;
    }
    all
}

/// What the module leaves out must stay unused, and every pattern must compile.
#[test]
fn no_known_message_has_a_rule_that_is_not_checked() {
    let mut counted = 0;
    for field in index::messages().flat_map(|message| message.fields()) {
        for rules in all_rules(field) {
            counted += 1;
            match rules.check {
                Check::String(rules) => {
                    assert!(
                        !matches!(
                            rules.format,
                            Some(
                                StringFormat::Email
                                    | StringFormat::Uri
                                    | StringFormat::UriReference
                            )
                        ),
                        "{field:?}"
                    );
                    if let Some(pattern) = rules.pattern {
                        assert!(whole(pattern).is_some(), "{field:?} {pattern}");
                    }
                }
                Check::Bytes(rules) => assert_eq!(rules.pattern, None, "{field:?}"),
                Check::Duration(rules) | Check::Timestamp(rules) => {
                    assert!(
                        !rules.lt_now && !rules.gt_now && rules.within.is_none(),
                        "{field:?}"
                    );
                }
                _ => {}
            }
        }
    }
    assert!(counted > 1_000, "{counted}");
}
