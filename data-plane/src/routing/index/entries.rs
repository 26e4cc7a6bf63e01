//! Routes as the index holds them: a few bytes each, in sorted runs.
//!
//! An entry says enough to turn most requests away without touching its route.

use std::{ops::Range, sync::Arc};

use super::{method_bit, spread::Spread};
use crate::{
    http::message::{Method, RequestField, RequestHead},
    routing::{
        condition::{Condition, HeaderCondition},
        table::Route,
    },
};

/// A route in the index.
#[derive(Clone, Copy, Debug)]
pub(super) struct Entry {
    /// Its place in the list of routes.
    pub position: u32,
    /// The methods it can match, as a set.
    pub methods: u16,
    pub fit: Fit,
    /// It asks nothing besides the path.
    pub unconditional: bool,
}

/// What may follow a route's text in a path.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(super) enum Fit {
    Any,
    End,
    EndOrSlash,
    /// The route's pattern says.
    Pattern,
}

impl Entry {
    pub fn new(position: u32, fit: Fit, route: &Route) -> Self {
        Self {
            position,
            methods: methods(&route.conditions),
            fit,
            unconditional: route.conditions.is_empty(),
        }
    }
}

/// The methods that pass every condition on the method. Methods without a name may pass.
fn methods(conditions: &[Condition]) -> u16 {
    let mut set = u16::MAX;
    let conditions = conditions.iter().filter_map(|condition| match condition {
        Condition::Header(header) if header.field == RequestField::Method => Some(header),
        Condition::Header(_) | Condition::Fraction(_) | Condition::Grpc | Condition::Query(_) => {
            None
        }
    });
    for condition in conditions {
        for method in [
            Method::Get,
            Method::Head,
            Method::Post,
            Method::Put,
            Method::Delete,
            Method::Connect,
            Method::Options,
            Method::Trace,
            Method::Patch,
        ] {
            if !passes(condition, &method) {
                set &= !method_bit(&method);
            }
        }
    }
    set
}

fn passes(condition: &HeaderCondition, method: &Method) -> bool {
    condition.holds(&RequestHead {
        method: method.clone(),
        ..RequestHead::default()
    })
}

/// Entries of one text: a sorted run, or several that were told apart by what they insist on.
#[derive(Debug)]
pub(super) enum List {
    Run(Range<u32>),
    Spread(Box<Spread>),
}

impl List {
    pub fn is_empty(&self) -> bool {
        matches!(self, List::Run(run) if run.is_empty())
    }
}

/// Every entry of an index, run after run.
#[derive(Debug, Default)]
pub(super) struct Entries {
    all: Vec<Entry>,
}

impl Entries {
    /// Stores entries that stand in the order of their places.
    pub fn add(&mut self, entries: Vec<Entry>, routes: &[Arc<Route>]) -> List {
        debug_assert!(entries.is_sorted_by_key(|entry| entry.position));
        match Spread::new(self, &entries, routes) {
            Some(spread) => List::Spread(Box::new(spread)),
            None => List::Run(self.push(&entries)),
        }
    }

    pub fn push(&mut self, entries: &[Entry]) -> Range<u32> {
        let end = |all: &Vec<Entry>| u32::try_from(all.len()).unwrap_or(u32::MAX);
        let start = end(&self.all);
        self.all.extend_from_slice(entries);
        start..end(&self.all)
    }

    /// Calls `visit` with every run of the list that can hold a match for the request.
    pub fn each_run(&self, list: &List, head: &RequestHead, mut visit: impl FnMut(&[Entry])) {
        match list {
            List::Run(run) => visit(self.run(run)),
            List::Spread(spread) => spread.each_run(head, |run| visit(self.run(run))),
        }
    }

    fn run(&self, run: &Range<u32>) -> &[Entry] {
        self.all
            .get(run.start as usize..run.end as usize)
            .unwrap_or_default()
    }
}
