//! What a client rejected, and which resources its words are about.
//!
//! The protocol's rejection is one text for a whole response. Clients write resource names into it, each in its
//! own way: Envoy `Error adding/updating listener(s) NAME: reason`, several of them separated by a comma or a
//! line end; `portway-proxy` and gRPC `resource "NAME": reason`. A name counts only where such a text puts names,
//! so that a resource called `a` is not found in every sentence.

use std::sync::Arc;

use super::kind::Kind;
use super::resource::Resource;

/// Longer texts are cut.
const MAX_TEXT: usize = 8 * 1024;
/// How many rejections one subscription remembers; the oldest is forgotten first.
const MAX_REJECTIONS: usize = 16;

/// One rejected response, as far as it still matters.
#[derive(Clone, Debug)]
pub(crate) struct Rejection {
    pub(crate) text: Arc<str>,
    /// The resources rejected: those the text names, or else the whole response.
    pub(crate) resources: Arc<[Arc<Resource>]>,
    pub(crate) attributed: bool,
}

/// What is rejected at the moment, newest last.
#[derive(Clone, Debug, Default)]
pub(crate) struct Rejections(Vec<Rejection>);

impl Rejections {
    pub(crate) fn is_empty(&self) -> bool {
        self.0.is_empty()
    }

    pub(crate) fn iter(&self) -> impl Iterator<Item = &Rejection> {
        self.0.iter()
    }

    /// Every rejected resource.
    pub(crate) fn resources(&self) -> impl Iterator<Item = &Arc<Resource>> {
        self.0.iter().flat_map(|r| r.resources.iter())
    }

    /// The rejection that is about exactly this version of a resource.
    pub(crate) fn of(&self, resource: &Resource) -> Option<&Rejection> {
        let is_it = |r: &&Rejection| {
            find(&r.resources, resource.name()).is_some_and(|it| it.version() == resource.version())
        };
        self.0.iter().rev().find(is_it)
    }

    /// Adds a rejection; what it repeats or covers anew is dropped from older ones.
    pub(crate) fn add(&mut self, rejection: Rejection) {
        self.retain(|old| find(&rejection.resources, old.name()).is_none());
        if self.0.len() >= MAX_REJECTIONS {
            self.0.remove(0);
        }
        self.0.push(rejection);
    }

    /// Drops every resource that no longer matters, and rejections left without any.
    pub(crate) fn retain(&mut self, matters: impl Fn(&Arc<Resource>) -> bool) {
        for rejection in &mut self.0 {
            if !rejection.resources.iter().all(&matters) {
                let kept = rejection.resources.iter().filter(|r| matters(r));
                rejection.resources = kept.cloned().collect();
            }
        }
        self.0.retain(|rejection| !rejection.resources.is_empty());
    }
}

/// Reads a rejection of a response that held `sent`, in the order of names.
pub(crate) fn read(kind: Kind, text: &str, sent: &Arc<[Arc<Resource>]>) -> Rejection {
    let mut named = named_in(text, sent);
    if named.is_empty() && sent.len() == 1 {
        named.extend(sent.iter().cloned());
    }
    let attributed = !named.is_empty();
    Rejection {
        text: shorten(kind, text).into(),
        resources: if attributed {
            named.into()
        } else {
            sent.clone()
        },
        attributed,
    }
}

/// Cuts the text to a bound, and that of a secret before a client's dump of it could begin.
fn shorten(kind: Kind, text: &str) -> &str {
    let text = match kind {
        Kind::Secret => text
            .split(['{', '\n'])
            .next()
            .unwrap_or_default()
            .trim_end(),
        _ => text,
    };
    let mut end = text.len().min(MAX_TEXT);
    while !text.is_char_boundary(end) {
        end = end.saturating_sub(1);
    }
    text.get(..end).unwrap_or_default()
}

fn find<'a>(sorted: &'a [Arc<Resource>], name: &str) -> Option<&'a Arc<Resource>> {
    let at = sorted.binary_search_by(|r| r.name().as_ref().cmp(name));
    sorted.get(at.ok()?)
}

fn named_in(text: &str, sent: &[Arc<Resource>]) -> Vec<Arc<Resource>> {
    let mut found: Vec<Arc<Resource>> = names_before_colons(text)
        .filter_map(|name| find(sent, name))
        .cloned()
        .collect();
    if found.is_empty() {
        found.extend(quoted(text).filter_map(|name| find(sent, name)).cloned());
    }
    found.sort_by(|a, b| a.name().cmp(b.name()));
    found.dedup_by(|a, b| a.name() == b.name());
    found
}

/// What stands at the start of a line, after `(s) `, or after a comma, and before a colon, without the word
/// `resource` and without quotes. A name may itself contain `: `, so several ends are tried.
fn names_before_colons(text: &str) -> impl Iterator<Item = &str> {
    let starts = text
        .lines()
        .flat_map(|line| line.split("(s) "))
        .flat_map(|part| {
            let after_commas = part
                .match_indices(", ")
                .filter_map(move |(at, comma)| part.get(at.saturating_add(comma.len())..));
            std::iter::once(part).chain(after_commas)
        });
    starts.flat_map(|start| {
        let start = start.trim_start();
        let start = start.strip_prefix("resource ").unwrap_or(start);
        start
            .match_indices(':')
            .take(4)
            .filter_map(move |(at, _)| start.get(..at))
            .map(|name| name.trim_matches(['"', '\'']))
    })
}

/// Everything between two equal quotes.
fn quoted(text: &str) -> impl Iterator<Item = &str> {
    ['"', '\'', '`']
        .into_iter()
        .flat_map(move |quote| text.split(quote).skip(1).step_by(2))
}

#[cfg(test)]
mod tests {
    use super::super::resource::ResourceKey;
    use super::*;

    fn sent(names: &[&str]) -> Arc<[Arc<Resource>]> {
        let mut names = names.to_vec();
        names.sort_unstable();
        let make = |name: &&str| {
            let key = ResourceKey::new(Kind::Listener, *name);
            Arc::new(Resource::new(key, name.as_bytes(), [], Arc::default()))
        };
        names.iter().map(make).collect()
    }

    fn names(text: &str, of: &[&str]) -> Vec<String> {
        let rejection = read(Kind::Listener, text, &sent(of));
        if !rejection.attributed {
            return vec!["?".into()];
        }
        let names = rejection.resources.iter().map(|r| r.name().to_string());
        names.collect()
    }

    #[test]
    fn finds_the_names_clients_write() {
        let all = ["a", "b", "default/eg:http", "web listener", "0.0.0.0:80"];
        for (text, expected) in [
            (
                "Error adding/updating listener(s) a: no filter chains",
                vec!["a"],
            ),
            (
                "Error adding/updating listener(s) a: bad\nb: worse\n",
                vec!["a", "b"],
            ),
            (
                "Error adding/updating cluster(s) a: bad thing, b: worse",
                vec!["a", "b"],
            ),
            (
                "Error adding/updating listener(s) default/eg:http: a is missing",
                vec!["default/eg:http"],
            ),
            (
                "resource \"web listener\": name: must not be empty",
                vec!["web listener"],
            ),
            (
                "resource \"a\": x\nresource \"0.0.0.0:80\": address: taken\n",
                vec!["0.0.0.0:80", "a"],
            ),
            ("route: unknown cluster 'b'", vec!["b"]),
            ("a rejection that names a thing in b words", vec!["?"]),
            ("", vec!["?"]),
        ] {
            assert_eq!(names(text, &all), expected, "{text}");
        }
    }

    #[test]
    fn the_only_resource_of_a_response_is_the_bad_one() {
        assert_eq!(names("Proto constraint validation failed", &["a"]), ["a"]);
    }

    #[test]
    fn texts_are_bounded() {
        let long = "\u{20ac}".repeat(MAX_TEXT);
        let rejection = read(Kind::Listener, &long, &sent(&["a"]));
        assert!(rejection.text.len() <= MAX_TEXT && !rejection.text.is_empty());
    }

    #[test]
    fn x86_a_dumped_secret_is_cut() {
        let text =
            "Proto constraint validation failed: tls_certificate { private_key { hunter2 } }";
        let rejection = read(Kind::Secret, text, &sent(&["a"]));
        assert!(!rejection.text.contains("hunter2"));
        assert!(rejection.text.starts_with("Proto constraint"));
    }

    #[test]
    fn a_newer_rejection_replaces_what_it_covers() {
        let all = sent(&["a", "b"]);
        let mut rejections = Rejections::default();
        rejections.add(read(Kind::Listener, "boom", &all));
        rejections.add(read(Kind::Listener, "x(s) a: boom", &all));
        let left: Vec<_> = rejections.iter().map(|r| r.resources.len()).collect();
        assert_eq!(left, [1, 1]);
        assert!(rejections.of(&all[0]).unwrap().attributed);
        assert!(!rejections.of(&all[1]).unwrap().attributed);
        for _ in 0..3 * MAX_REJECTIONS {
            rejections.add(read(Kind::Listener, "x(s) b: boom", &all));
        }
        assert_eq!(rejections.iter().count(), 2);
    }
}
