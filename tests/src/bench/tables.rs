//! Route tables of any size, and requests that find their way through them.
//!
//! All routes live in one virtual host under one long shared prefix, as generated configurations do; the
//! order, the kinds and the conditions depend on the position alone, so every run has the same table.

use std::fmt::Write;

/// Which table of the design's performance section.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum Table {
    /// Prefixes; the last one matches.
    Prefixes,
    /// 70 % prefix, 20 % exact, 9 % separated prefix, 1 % regex, half of them with a condition; requests
    /// take turns over the whole table.
    Mixed,
    /// The mixed table; nothing matches.
    NoMatch,
}

/// A table: routes as Envoy's YAML, requests as the load generator reads them.
pub struct Routes {
    /// Elements of `routes`, one line each, without indentation.
    pub yaml: Vec<String>,
    /// Lines of `load --requests`.
    pub requests: String,
    /// The status that every response has.
    pub expect: u16,
}

const SHARED: &str =
    "/api/v1/tenants/acme-corporation/regions/eu-central-1/projects/backend/services";

/// More turns than this say nothing new and crowd the generator's cache.
const MAX_REQUESTS: usize = 1_000;

impl Table {
    pub fn letter(self) -> char {
        match self {
            Self::Prefixes => 'a',
            Self::Mixed => 'b',
            Self::NoMatch => 'c',
        }
    }

    pub fn routes(self, count: usize, cluster: &str) -> Routes {
        let yaml = (0..count)
            .map(|index| self.kind(index).yaml(index, cluster))
            .collect();
        let requests = match self {
            Self::Prefixes => Kind::Prefix.request(count - 1, Condition::None),
            Self::Mixed => {
                // A step that is coprime to 100 meets every kind.
                let turns = count.min(MAX_REQUESTS);
                let step = (count / turns) | 1;
                (0..turns)
                    .map(|turn| turn * step % count)
                    .map(|index| self.kind(index).request(index, Condition::of(index)))
                    .collect()
            }
            Self::NoMatch => format!("GET\t{SHARED}/nothing-has-this-name/items/42\n"),
        };
        Routes {
            yaml,
            requests,
            expect: if self == Self::NoMatch { 404 } else { 200 },
        }
    }

    fn kind(self, index: usize) -> Kind {
        match index % 100 {
            _ if self == Self::Prefixes => Kind::Prefix,
            // 37 is coprime to 100: the kinds lie mixed, not in runs.
            _ => match index * 37 % 100 {
                0..70 => Kind::ConditionalPrefix,
                70..90 => Kind::Exact,
                90..99 => Kind::Separated,
                _ => Kind::Regex,
            },
        }
    }
}

#[derive(Clone, Copy, PartialEq, Eq)]
enum Kind {
    Prefix,
    ConditionalPrefix,
    Exact,
    Separated,
    Regex,
}

#[derive(Clone, Copy)]
enum Condition {
    None,
    Method,
    Header,
}

impl Condition {
    fn of(index: usize) -> Self {
        match index % 4 {
            1 => Self::Method,
            3 => Self::Header,
            _ => Self::None,
        }
    }
}

impl Kind {
    fn yaml(self, index: usize, cluster: &str) -> String {
        let path = format!("{SHARED}/s{index:06}");
        let mut matcher = match self {
            Self::Prefix | Self::ConditionalPrefix => format!("prefix: \"{path}/\""),
            Self::Exact => format!("path: \"{path}/items\""),
            Self::Separated => format!("path_separated_prefix: \"{path}\""),
            Self::Regex => format!("safe_regex: {{regex: '{path}/[a-z]+/[0-9]+'}}"),
        };
        let condition = match self {
            Self::Prefix => Condition::None,
            _ => Condition::of(index),
        };
        let (name, value) = match condition {
            Condition::None => ("", ""),
            Condition::Method => (":method", "GET"),
            Condition::Header => ("x-tier", "gold"),
        };
        if !name.is_empty() {
            let _ = write!(
                matcher,
                ", headers: [{{name: \"{name}\", string_match: {{exact: {value}}}}}]"
            );
        }
        format!("- {{match: {{{matcher}}}, route: {{cluster: {cluster}}}}}")
    }

    fn request(self, index: usize, condition: Condition) -> String {
        let rest = match self {
            Self::Exact => "items",
            _ => "items/42",
        };
        let field = match condition {
            Condition::Header => "\tx-tier: gold",
            _ => "",
        };
        format!("GET\t{SHARED}/s{index:06}/{rest}{field}\n")
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn the_mixed_table_has_the_shares_it_promises() {
        let routes = Table::Mixed.routes(10_000, "origin");
        let share = |what: &str| {
            routes
                .yaml
                .iter()
                .filter(|line| line.contains(what))
                .count()
        };
        assert_eq!(share("{prefix:"), 7_000);
        assert_eq!(share("{path:"), 2_000);
        assert_eq!(share("{path_separated_prefix:"), 900);
        assert_eq!(share("{safe_regex:"), 100);
        assert_eq!(share("headers:"), 5_000);
        assert_eq!(routes.requests.lines().count(), MAX_REQUESTS);
    }

    #[test]
    fn turns_meet_every_kind_of_route() {
        let routes = Table::Mixed.routes(100_000, "origin");
        assert!(routes.requests.contains("/items\n"));
        assert!(routes.requests.contains("/items/42\n"));
        assert!(routes.requests.contains("\tx-tier: gold\n"));
    }

    #[test]
    fn a_table_of_one_route_has_a_request_for_it() {
        for table in [Table::Prefixes, Table::Mixed, Table::NoMatch] {
            let routes = table.routes(1, "origin");
            assert_eq!(routes.yaml.len(), 1);
            assert_eq!(routes.requests.lines().count(), 1);
        }
    }
}
