//! Many routes on one text, told apart by the header or query values they insist on.
//!
//! A route that asks for `x-tenant: a` cannot match a request without that value. Each route is filed under
//! the equality that it shares with the fewest others; a request looks up the values that it brings and is
//! shown only what is filed under them, and the routes that insist on nothing. What that costs depends on the
//! request, not on how many names and values the routes use.

use std::{collections::HashMap, ops::Range, sync::Arc};

use rustc_hash::FxBuildHasher;

use super::entries::{Entries, Entry};
use crate::{
    http::message::{RequestField, RequestHead},
    routing::{
        condition::{Subject, parameters},
        table::Route,
    },
};

/// Shorter lists are walked: that costs less than a look-up.
const WORTH_SPREADING: usize = 16;

#[derive(Debug)]
pub(super) struct Spread {
    /// Routes that insist on no value.
    rest: Range<u32>,
    /// By the method, the path and the like.
    pseudo: Vec<(RequestField, Values)>,
    headers: Names,
    parameters: Names,
}

type Names = HashMap<Box<[u8]>, Values, FxBuildHasher>;
type Values = HashMap<Box<[u8]>, Range<u32>, FxBuildHasher>;
type Shares<'a> = HashMap<(Subject, &'a [u8]), usize, FxBuildHasher>;
type Filed<'a> = HashMap<Subject, HashMap<&'a [u8], Vec<Entry>>, FxBuildHasher>;

impl Spread {
    /// `None` if the list is short or its routes insist on nothing.
    pub fn new(store: &mut Entries, entries: &[Entry], routes: &[Arc<Route>]) -> Option<Self> {
        if entries.len() < WORTH_SPREADING {
            return None;
        }
        let equalities = |entry: &Entry| {
            let route = routes.get(entry.position as usize);
            route
                .into_iter()
                .flat_map(|route| route.conditions.iter())
                .filter_map(|condition| condition.equality())
        };
        let mut shares = Shares::default();
        for equality in entries.iter().flat_map(equalities) {
            *shares.entry(equality).or_default() += 1;
        }
        let mut rest = Vec::new();
        let mut filed = Filed::default();
        for entry in entries {
            let rarest = equalities(entry).min_by_key(|equality| shares.get(equality).copied());
            match rarest {
                Some((subject, value)) => {
                    let values = filed.entry(subject).or_default();
                    values.entry(value).or_default().push(*entry);
                }
                None => rest.push(*entry),
            }
        }
        if filed.is_empty() {
            return None;
        }
        let mut spread = Self {
            rest: store.push(&rest),
            pseudo: Vec::new(),
            headers: Names::default(),
            parameters: Names::default(),
        };
        for (subject, values) in filed {
            let values = values
                .into_iter()
                .map(|(value, entries)| (value.into(), store.push(&entries)));
            let values: Values = values.collect();
            match subject {
                Subject::Header(RequestField::Header(name)) => {
                    spread
                        .headers
                        .insert(name.as_str().as_bytes().into(), values);
                }
                Subject::Header(field) => spread.pseudo.push((field, values)),
                Subject::Query(name) => {
                    spread.parameters.insert(name.as_bytes().into(), values);
                }
            }
        }
        Some(spread)
    }

    /// Calls `visit` with the runs under every value that the request has, and the rest. A value that counts
    /// for nothing, such as the second of a query parameter, only shows routes that will not match.
    pub fn each_run(&self, head: &RequestHead, mut visit: impl FnMut(&Range<u32>)) {
        for (field, values) in &self.pseudo {
            let run = field.first(head).and_then(|value| values.get(value));
            run.into_iter().for_each(&mut visit);
        }
        if !self.headers.is_empty() {
            for field in head.headers.iter() {
                let values = self.headers.get(field.name);
                let run = values.and_then(|values| values.get(field.value));
                run.into_iter().for_each(&mut visit);
            }
        }
        if !self.parameters.is_empty() {
            for (name, value) in parameters(head) {
                let run = self
                    .parameters
                    .get(name)
                    .and_then(|values| values.get(value));
                run.into_iter().for_each(&mut visit);
            }
        }
        visit(&self.rest);
    }
}
