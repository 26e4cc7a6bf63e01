//! Host names as Routes list them.

use std::fmt;
use std::sync::Arc;

/// A host name in lower case, or a wildcard for every name below one.
#[derive(Clone, Debug, PartialEq, Eq, PartialOrd, Ord, Hash)]
pub struct Hostname(Arc<str>);

/// Why a text is no host name.
#[derive(Clone, Debug, PartialEq, Eq, thiserror::Error)]
#[error("{0}")]
pub struct InvalidHostname(String);

impl Hostname {
    pub fn parse(text: &str) -> Result<Self, InvalidHostname> {
        if text == "*" {
            let help = "\"*\" is no host name; leave hostnames out to take every host";
            return Err(InvalidHostname(help.to_owned()));
        }
        let name = text.strip_prefix("*.").unwrap_or(text);
        if name.contains('*') {
            return Err(InvalidHostname(format!(
                "{text:?} has an asterisk within; write *.example.com"
            )));
        }
        if name.contains(':') {
            return Err(InvalidHostname(format!(
                "{text:?} has a port; host names stand without one"
            )));
        }
        if let Some(lower) = Some(text.to_ascii_lowercase()).filter(|lower| lower != text) {
            return Err(InvalidHostname(format!(
                "{text:?} has capital letters; write {lower:?}"
            )));
        }
        labels(name).map_err(InvalidHostname)?;
        Ok(Self(text.into()))
    }

    pub fn as_str(&self) -> &Arc<str> {
        &self.0
    }
}

impl fmt::Display for Hostname {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.write_str(&self.0)
    }
}

/// Checks the labels of a name. Underscores are no letters of host names but common in them.
pub(in crate::model) fn labels(name: &str) -> Result<(), String> {
    for label in name.split('.') {
        if label.is_empty() {
            return Err(format!(
                "{name:?} has an empty label; write one dot between labels"
            ));
        }
        if label.len() > 63 {
            return Err(format!("{label:?} is longer than the 63 bytes of a label"));
        }
        let odd = |c: char| !(c.is_ascii_alphanumeric() || matches!(c, '-' | '_'));
        if let Some(odd) = label.chars().find(|c| odd(*c)) {
            return Err(format!(
                "{name:?} contains {odd:?}; host names consist of letters, digits, hyphens and dots"
            ));
        }
        if label.starts_with('-') || label.ends_with('-') {
            return Err(format!("{label:?} begins or ends with a hyphen"));
        }
    }
    Ok(())
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn names_wildcards_and_addresses() {
        for good in [
            "a",
            "shop.example.com",
            "*.example.com",
            "10.0.0.1",
            "_x.a-b.c",
        ] {
            assert_eq!(Hostname::parse(good).unwrap().to_string(), good);
        }
        let long = "a".repeat(64);
        for bad in [
            "*", "*.", "a.*.b", "*a.b", "a..b", "a.", ".a", "a:80", "[::1]", "A.b", "a b", "ä.de",
            "-a", "a-.b", &long,
        ] {
            assert!(Hostname::parse(bad).is_err(), "{bad}");
        }
    }
}
