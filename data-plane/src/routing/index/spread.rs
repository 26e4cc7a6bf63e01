//! Many routes on one text, told apart by the header or query values they insist on.
//!
//! A route that asks for `x-tenant: a` cannot match a request without that value. Each route is filed under
//! the equality that it shares with the fewest others; a request looks up its own values and is shown only
//! what is filed under them, and the routes that insist on nothing.

use std::{collections::HashMap, ops::Range, sync::Arc};

use rustc_hash::FxBuildHasher;

use super::entries::{Entries, Entry};
use crate::{
    http::message::RequestHead,
    routing::{condition::Subject, table::Route},
};

/// Shorter lists are walked: that costs less than a look-up.
const WORTH_SPREADING: usize = 16;

#[derive(Debug)]
pub(super) struct Spread {
    /// Routes that insist on no value.
    rest: Range<u32>,
    by_subject: Box<[(Subject, Values)]>,
}

type Values = HashMap<Box<[u8]>, Range<u32>, FxBuildHasher>;
type Shares<'a> = HashMap<(Subject, &'a [u8]), usize, FxBuildHasher>;

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
        let mut filed: HashMap<Subject, HashMap<&[u8], Vec<Entry>>> = HashMap::new();
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
        let by_subject = filed
            .into_iter()
            .map(|(subject, values)| {
                let values = values
                    .into_iter()
                    .map(|(value, entries)| (value.into(), store.push(&entries)));
                (subject, values.collect())
            })
            .collect();
        Some(Self {
            rest: store.push(&rest),
            by_subject,
        })
    }

    pub fn each_run(&self, head: &RequestHead, mut visit: impl FnMut(&Range<u32>)) {
        for (subject, values) in &self.by_subject {
            subject.values(head, |value| {
                if let Some(run) = values.get(value) {
                    visit(run);
                }
            });
        }
        visit(&self.rest);
    }
}
