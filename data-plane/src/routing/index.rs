//! Finding the first route of a list that matches, without walking the list.
//!
//! A route can only match a path that begins with the route's text (its prefix, its exact path, or what its
//! pattern starts with). A [`radix`] tree over those texts therefore meets, on the way down along a path,
//! every route that can match it. Each carries its place in the list; the smallest place whose conditions
//! hold wins, which is what walking the list would have found. Subtrees that hold only later places are not
//! entered, and patterns are run last, when most of them are already beaten.
//!
//! Routes that share one text are a list again, a sorted one that ends at the first match. Where that list is
//! long, [`spread`] splits it by the header or query values its routes insist on.
//!
//! What stays linear: many routes on one text that differ only in conditions which are no equality (patterns,
//! ranges, inverted ones), and many patterns that start with the same literal.

mod entries;
pub mod radix;
mod spread;

use std::{collections::BTreeMap, sync::Arc};

use smallvec::SmallVec;

use self::{
    entries::{Entries, Entry, Fit},
    radix::{Radix, Ranked},
};
use super::{condition::Probe, path::PathKind, table::Route};
use crate::http::message::Method;

/// Where the routes of a virtual host can match.
#[derive(Debug)]
pub struct PathIndex {
    as_written: Radix<Slot>,
    lower_case: Radix<Slot>,
    entries: Entries,
}

/// The routes that share one text.
#[derive(Debug)]
struct Slot {
    /// Routes for which the text decides.
    texts: entries::List,
    /// Routes whose pattern has to run as well.
    patterns: entries::List,
    first: u32,
}

impl Ranked for Slot {
    fn rank(&self) -> u32 {
        self.first
    }
}

/// A request as the index sees it.
struct Search<'a> {
    index: &'a PathIndex,
    routes: &'a [Arc<Route>],
    probe: &'a Probe<'a>,
    path: &'a [u8],
    method: u16,
}

impl PathIndex {
    /// Indexes a list of routes.
    pub fn new(routes: &[Arc<Route>]) -> Self {
        let mut as_written: BTreeMap<&[u8], Vec<Entry>> = BTreeMap::new();
        let mut lower_case: BTreeMap<Vec<u8>, Vec<Entry>> = BTreeMap::new();
        for (route, position) in routes.iter().zip(0..) {
            let (text, fit): (&[u8], Fit) = match &route.path.kind {
                PathKind::Prefix(text) => (text.as_bytes(), Fit::Any),
                PathKind::Exact(text) => (text.as_bytes(), Fit::End),
                PathKind::Separated(text) => (text.as_bytes(), Fit::EndOrSlash),
                PathKind::Pattern(pattern) => (pattern.literal_start(), Fit::Pattern),
            };
            let entry = Entry::new(position, fit, route);
            if route.path.ignore_case && fit != Fit::Pattern {
                let text = text.to_ascii_lowercase();
                lower_case.entry(text).or_default().push(entry);
            } else {
                as_written.entry(text).or_default().push(entry);
            }
        }
        let mut entries = Entries::default();
        Self {
            as_written: Radix::new(slots(&mut entries, routes, as_written)),
            lower_case: Radix::new(slots(&mut entries, routes, lower_case)),
            entries,
        }
    }

    /// The place of the first route that matches. `routes` is the list that was indexed, `path` the path to
    /// match, without query and fragment.
    pub fn find(&self, routes: &[Arc<Route>], probe: &Probe<'_>, path: &[u8]) -> Option<u32> {
        let search = Search {
            index: self,
            routes,
            probe,
            path,
            method: method_bit(&probe.head.method),
        };
        let first = search.run();
        (first != u32::MAX).then_some(first)
    }
}

impl Search<'_> {
    /// The smallest place that matches, or `u32::MAX`.
    fn run(&self) -> u32 {
        let mut patterns = SmallVec::<[&entries::List; 8]>::new();
        let mut bound = u32::MAX;
        self.index
            .as_written
            .walk(self.path, &mut bound, |depth, slot: &Slot, bound| {
                if !slot.patterns.is_empty() {
                    patterns.push(&slot.patterns);
                }
                self.improve(&slot.texts, depth, bound);
            });
        if !self.index.lower_case.is_empty() {
            let lower: SmallVec<[u8; 256]> = self.path.iter().map(u8::to_ascii_lowercase).collect();
            self.index
                .lower_case
                .walk(&lower, &mut bound, |depth, slot: &Slot, bound| {
                    self.improve(&slot.texts, depth, bound);
                });
        }
        for list in patterns {
            self.improve(list, 0, &mut bound);
        }
        bound
    }

    /// Lowers the bound to the first entry of the list that matches and comes before it.
    fn improve(&self, list: &entries::List, depth: usize, bound: &mut u32) {
        self.index.entries.each_run(list, self.probe.head, |run| {
            for entry in run {
                if entry.position >= *bound {
                    break;
                }
                if self.matches(entry, depth) {
                    *bound = entry.position;
                    break;
                }
            }
        });
    }

    fn matches(&self, entry: &Entry, depth: usize) -> bool {
        if entry.methods & self.method == 0 {
            return false;
        }
        let rest = self.path.get(depth..).unwrap_or_default();
        let fits = match entry.fit {
            Fit::Any | Fit::Pattern => true,
            Fit::End => rest.is_empty(),
            Fit::EndOrSlash => rest.is_empty() || rest.starts_with(b"/"),
        };
        if !fits || (entry.unconditional && entry.fit != Fit::Pattern) {
            return fits;
        }
        let Some(route) = self.routes.get(entry.position as usize) else {
            return false;
        };
        route.first_failing(self.probe).is_none()
            && (entry.fit != Fit::Pattern || route.path.matches(self.path))
    }
}

fn slots<K: AsRef<[u8]>>(
    entries: &mut Entries,
    routes: &[Arc<Route>],
    by_text: BTreeMap<K, Vec<Entry>>,
) -> Vec<(K, Slot)> {
    by_text
        .into_iter()
        .map(|(text, all)| {
            let first = all.iter().map(|entry| entry.position).min();
            let (patterns, texts): (Vec<Entry>, Vec<Entry>) =
                all.into_iter().partition(|entry| entry.fit == Fit::Pattern);
            let slot = Slot {
                texts: entries.add(texts, routes),
                patterns: entries.add(patterns, routes),
                first: first.unwrap_or(u32::MAX),
            };
            (text, slot)
        })
        .collect()
}

/// Methods as a set: one bit for each that has a name, one for all others.
fn method_bit(method: &Method) -> u16 {
    1 << match method {
        Method::Get => 0,
        Method::Head => 1,
        Method::Post => 2,
        Method::Put => 3,
        Method::Delete => 4,
        Method::Connect => 5,
        Method::Options => 6,
        Method::Trace => 7,
        Method::Patch => 8,
        Method::Other(_) => 9,
    }
}

#[cfg(test)]
mod tests;
