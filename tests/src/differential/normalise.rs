//! What may differ between two runs, and nothing else.

use std::sync::LazyLock;

use regex::Regex;

/// Replacements that hold for every observation.
static RULES: LazyLock<Vec<(Regex, &str)>> = LazyLock::new(|| {
    [
        // The clock; a date of another century is one that a test made up.
        (
            r"(?m)^(\s*[<>] date: )\w{3}, \d\d \w{3} 20\d\d \d\d:\d\d:\d\d GMT$",
            "$1<date>",
        ),
        (r"\d{4}-\d\d-\d\dT\d\d:\d\d:\d\d(\.\d+)?Z", "<time>"),
        // How long the upstream took: not more than a test's patience.
        (
            r"(?m)^(\s*[<>] x-envoy-upstream-service-time: )\d{1,4}$",
            "$1<ms>",
        ),
        // Random identifiers; their shape is checked, their value is not.
        (
            r"[0-9a-f]{8}-[0-9a-f]{4}-[0-9a-f]{4}-[0-9a-f]{4}-[0-9a-f]{12}",
            "<uuid>",
        ),
    ]
    .map(|(pattern, with)| (Regex::new(pattern).expect("a rule's pattern"), with))
    .into()
});

/// Applies the common rules and a case's own.
pub fn rules(text: &str, masks: &[(Regex, &str)]) -> String {
    let mut text = text.to_owned();
    for (pattern, with) in RULES
        .iter()
        .map(|(p, w)| (p, *w))
        .chain(masks.iter().map(|(p, w)| (p, *w)))
    {
        text = pattern.replace_all(&text, with).into_owned();
    }
    text
}

/// Shortens what a test filled up with one character.
pub fn runs(text: &str) -> String {
    let mut short = String::with_capacity(text.len());
    let mut rest = text;
    while let Some(first) = rest.chars().next() {
        let after = rest.trim_start_matches(first);
        let run = &rest[..rest.len() - after.len()];
        match run.len() / first.len_utf8() {
            count if count >= LONG_RUN => short.push_str(&format!("<{count} x {first}>")),
            _ => short.push_str(run),
        }
        rest = after;
    }
    short
}

const LONG_RUN: usize = 200;

/// Gives ports the names of those who own them.
pub fn ports(text: &str, names: &[(u16, String)]) -> String {
    static PORT: LazyLock<Regex> = LazyLock::new(|| Regex::new(r":(\d{4,5})\b").expect("a port"));
    PORT.replace_all(text, |found: &regex::Captures<'_>| {
        let named = found[1]
            .parse()
            .ok()
            .and_then(|port: u16| names.iter().find(|(own, _)| *own == port));
        match named {
            Some((_, name)) => format!(":<{name}>"),
            None => found[0].to_owned(),
        }
    })
    .into_owned()
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn only_values_that_must_differ_are_replaced() {
        let text = "  < date: Sat, 21 Nov 2026 01:47:00 GMT\n  < x-envoy-upstream-service-time: 12\n  < content-length: 12";
        assert_eq!(
            rules(text, &[]),
            "  < date: <date>\n  < x-envoy-upstream-service-time: <ms>\n  < content-length: 12"
        );
    }

    #[test]
    fn long_runs_are_counted_and_short_ones_kept() {
        let text = format!("aab{}b", "c".repeat(LONG_RUN));
        assert_eq!(runs(&text), "aab<200 x c>b");
    }

    #[test]
    fn a_port_is_named_only_where_it_is_one() {
        let names = [(11_001, "up".to_owned())];
        assert_eq!(
            ports("127.0.0.1:11001 11001 :110011", &names),
            "127.0.0.1:<up> 11001 :110011"
        );
    }
}
