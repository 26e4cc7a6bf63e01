//! Which virtual host a request's authority belongs to.
//!
//! Envoy's order: the exact name, then the longest `*suffix`, then the longest `prefix*`, then `*`. A
//! wildcard stands for at least one character. Case does not matter. A port is part of the name unless the
//! configuration says to ignore it.

use std::collections::{BTreeMap, HashMap};

use rustc_hash::FxBuildHasher;
use smallvec::SmallVec;

use super::index::radix::{Radix, Ranked};

/// The domains of a route configuration while they are gathered.
#[derive(Debug, Default)]
pub struct Domains {
    exact: HashMap<Box<[u8]>, Host, FxBuildHasher>,
    /// By the reversed text after the asterisk.
    suffixes: BTreeMap<Vec<u8>, Host>,
    prefixes: BTreeMap<Vec<u8>, Host>,
    any: Option<Host>,
}

/// A virtual host by its place in the configuration.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub struct Host(pub u32);

impl Ranked for Host {
    /// Hosts have no order among themselves.
    fn rank(&self) -> u32 {
        0
    }
}

/// The domain is already taken by a virtual host.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub struct Taken(pub Host);

impl Domains {
    /// Gives a domain to a virtual host.
    pub fn insert(&mut self, domain: &str, host: Host) -> Result<(), Taken> {
        let lower = domain.to_ascii_lowercase();
        let previous = if lower == "*" {
            let previous = self.any;
            self.any = previous.or(Some(host));
            previous
        } else if let Some(suffix) = lower.strip_prefix('*') {
            let reversed = suffix.bytes().rev().collect();
            insert_new(self.suffixes.entry(reversed), host)
        } else if let Some(prefix) = lower.strip_suffix('*') {
            insert_new(self.prefixes.entry(prefix.into()), host)
        } else {
            let previous = self.exact.get(lower.as_bytes()).copied();
            if previous.is_none() {
                self.exact.insert(lower.into_bytes().into(), host);
            }
            previous
        };
        previous.map_or(Ok(()), |host| Err(Taken(host)))
    }

    pub fn build(mut self, ignore_port: bool) -> Hosts {
        self.exact.shrink_to_fit();
        Hosts {
            exact: self.exact,
            suffixes: Radix::new(self.suffixes.into_iter().collect()),
            prefixes: Radix::new(self.prefixes.into_iter().collect()),
            any: self.any,
            ignore_port,
        }
    }
}

fn insert_new(
    entry: std::collections::btree_map::Entry<'_, Vec<u8>, Host>,
    host: Host,
) -> Option<Host> {
    match entry {
        std::collections::btree_map::Entry::Occupied(taken) => Some(*taken.get()),
        std::collections::btree_map::Entry::Vacant(free) => {
            free.insert(host);
            None
        }
    }
}

/// The domains of a route configuration.
#[derive(Debug)]
pub struct Hosts {
    exact: HashMap<Box<[u8]>, Host, FxBuildHasher>,
    suffixes: Radix<Host>,
    prefixes: Radix<Host>,
    any: Option<Host>,
    ignore_port: bool,
}

impl Hosts {
    pub fn find(&self, authority: &[u8]) -> Option<Host> {
        if self.exact.is_empty() && self.suffixes.is_empty() && self.prefixes.is_empty() {
            return self.any;
        }
        let name = if self.ignore_port {
            without_port(authority)
        } else {
            authority
        };
        let lower: SmallVec<[u8; 128]> = name.iter().map(u8::to_ascii_lowercase).collect();
        if let Some(host) = self.exact.get(&lower[..]) {
            return Some(*host);
        }
        let reversed: SmallVec<[u8; 128]> = lower.iter().rev().copied().collect();
        longest(&self.suffixes, &reversed)
            .or_else(|| longest(&self.prefixes, &lower))
            .or(self.any)
    }
}

/// The longest key that the name begins with and is longer than.
fn longest(tree: &Radix<Host>, name: &[u8]) -> Option<Host> {
    let mut longest = None;
    tree.walk(name, &mut { u32::MAX }, |len, host, _| {
        if len < name.len() {
            longest = Some(*host);
        }
    });
    longest
}

fn without_port(authority: &[u8]) -> &[u8] {
    let bracket = authority.iter().rposition(|byte| *byte == b']');
    match authority.iter().rposition(|byte| *byte == b':') {
        Some(colon) if bracket.is_none_or(|bracket| bracket < colon) => {
            authority.get(..colon).unwrap_or_default()
        }
        _ => authority,
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    fn hosts(domains: &[&str], ignore_port: bool) -> Hosts {
        let mut all = Domains::default();
        for (domain, place) in domains.iter().zip(0..) {
            all.insert(domain, Host(place)).unwrap();
        }
        all.build(ignore_port)
    }

    #[test]
    fn exact_then_suffix_then_prefix_then_any() {
        let domains = [
            "a.Example.com",
            "*.example.com",
            "*-b.example.com",
            "a.*",
            "a.example*",
            "*",
            "a.example.com:8080",
        ];
        let hosts = hosts(&domains, false);
        for (authority, domain) in [
            ("A.example.COM", "a.Example.com"),
            ("b.example.com", "*.example.com"),
            ("x-b.example.com", "*-b.example.com"),
            ("-b.example.com", "*.example.com"),
            (".example.com", "*"),
            ("a.org", "a.*"),
            ("a.example.org", "a.example*"),
            ("a.example", "a.*"),
            ("a.", "*"),
            ("a.example.com:8080", "a.example.com:8080"),
            ("a.example.com:80", "a.example*"),
            ("", "*"),
        ] {
            let found = hosts.find(authority.as_bytes()).unwrap().0 as usize;
            assert_eq!(domains[found], domain, "{authority}");
        }
    }

    #[test]
    fn a31_the_port_is_ignored_where_asked() {
        let mut domains: Vec<String> = (0..10_000).map(|n| format!("h{n}.example.com")).collect();
        domains.push("[::1]".into());
        let domains: Vec<&str> = domains.iter().map(String::as_str).collect();
        for (ignore_port, authority, found) in [
            (true, "H77.Example.com:8443", Some(77)),
            (false, "H77.Example.com:8443", None),
            (true, "h77.example.com", Some(77)),
            (true, "h77.example.com:", Some(77)),
            (true, "[::1]:80", Some(10_000)),
            (true, "[::1]", Some(10_000)),
        ] {
            let hosts = hosts(&domains, ignore_port);
            let host = hosts.find(authority.as_bytes());
            assert_eq!(host.map(|host| host.0), found, "{authority}");
        }
    }

    #[test]
    fn a_domain_belongs_to_one_host() {
        let mut domains = Domains::default();
        for (domain, host, outcome) in [
            ("a.com", 0, Ok(())),
            ("*", 1, Ok(())),
            ("*.com", 2, Ok(())),
            ("a.*", 3, Ok(())),
            ("A.com", 4, Err(Taken(Host(0)))),
            ("*", 4, Err(Taken(Host(1)))),
            ("*.COM", 4, Err(Taken(Host(2)))),
            ("a.*", 4, Err(Taken(Host(3)))),
        ] {
            assert_eq!(domains.insert(domain, Host(host)), outcome, "{domain}");
        }
    }
}
