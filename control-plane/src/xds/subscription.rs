//! One kind on one stream: what the client wants, what it was sent, what it confirmed.
//!
//! ```text
//!  request ---> interest, owed            plan: the target set against `sent`,
//!  view ------> (argument of plan)  --->        through the gate
//!                                                 |
//!             acked <--- answer <--- client <--- flight (at most one, X22)
//! ```
//!
//! `sent` is what the client holds if it takes everything it was sent; `acked` is what it confirmed. After a
//! rejection the two differ, and stay so until the content changes: nothing is sent again that the client did
//! not ask for and whose content is the one already sent (X18).

mod interpret;
mod plan;

use std::collections::{BTreeMap, BTreeSet};
use std::sync::Arc;
use std::time::Instant;

use super::held::{Entry, Held};
use super::interest::Interest;
use super::kind::Kind;
use super::rejection::{self, Rejections};
use super::request::Variant;
use super::resource::{Resource, ResourceKey, Version};
use super::set::ResourceSet;

/// The state of one kind on one stream.
#[derive(Debug)]
pub(crate) struct Subscription {
    kind: Kind,
    variant: Variant,
    interest: Interest,
    sent: Held,
    acked: Held,
    flight: Option<Flight>,
    /// Names to be answered whatever was sent before (X36, X40, X43, X55).
    owed: BTreeSet<Arc<str>>,
    /// A response is due even if it is empty (X33, X45).
    answer: bool,
    rejections: Rejections,
    /// Additions and changes that the gate holds back, and since when.
    waiting: BTreeMap<Arc<str>, Waiting>,
    /// How many removals the gate holds back.
    retained: usize,
    /// Whether time alone may let some of them go.
    retained_for_now: bool,
    /// Whether the last plan left additions or changes unsent.
    unsent: bool,
    /// The content of the last set that was planned for.
    planned: Option<Version>,
}

/// A response the client has not answered yet.
#[derive(Debug)]
struct Flight {
    nonce: Arc<str>,
    /// What the client holds if it takes it.
    held: Held,
    resources: Arc<[Arc<Resource>]>,
    removed: Vec<Arc<str>>,
}

/// Why something is not sent yet.
#[derive(Clone, Debug)]
pub(crate) struct Waiting {
    pub(crate) since: Instant,
    pub(crate) on: ResourceKey,
    /// It waits until the content changes, not until a time.
    pub(crate) blocked: bool,
}

/// How a client answered a response.
#[derive(Debug)]
pub(crate) enum Answer {
    Acked { resources: usize, removed: usize },
    Nacked(rejection::Rejection),
}

impl Subscription {
    pub(crate) fn new(kind: Kind, variant: Variant) -> Self {
        Self {
            kind,
            variant,
            interest: Interest::default(),
            sent: Held::nothing(),
            acked: Held::nothing(),
            flight: None,
            owed: BTreeSet::new(),
            answer: false,
            rejections: Rejections::default(),
            waiting: BTreeMap::new(),
            retained: 0,
            retained_for_now: false,
            unsent: false,
            planned: None,
        }
    }

    pub(crate) fn covers(&self, name: &str) -> bool {
        self.interest.covers(name)
    }

    pub(crate) fn interest(&self) -> &Interest {
        &self.interest
    }

    pub(crate) fn rejections(&self) -> &Rejections {
        &self.rejections
    }

    pub(crate) fn waiting(&self) -> &BTreeMap<Arc<str>, Waiting> {
        &self.waiting
    }

    pub(crate) fn retained(&self) -> usize {
        self.retained
    }

    pub(crate) fn retains_for_now(&self) -> bool {
        self.retained_for_now
    }

    /// What the client confirmed to hold.
    pub(crate) fn confirmed(&self, name: &str) -> Entry {
        self.within(&self.acked, name)
    }

    /// Whether the client has some version of it, whatever becomes of the response in flight.
    pub(crate) fn is_surely_held(&self, name: &str) -> bool {
        !self.confirmed(name).is_nothing() && !self.sent(name).is_nothing()
    }

    /// What the client was sent last.
    pub(crate) fn sent(&self, name: &str) -> Entry {
        self.within(&self.sent, name)
    }

    fn within(&self, held: &Held, name: &str) -> Entry {
        if self.covers(name) {
            held.get(name)
        } else {
            Entry::Nothing
        }
    }

    pub(crate) fn is_rejected_by_name(&self, resource: &Resource) -> bool {
        self.rejections.of(resource).is_some_and(|r| r.attributed)
    }

    /// Whether the client holds, or may hold, something that refers to `key` and that is still to be replaced.
    /// What stays as it is holds nothing back: an operator who removes the target of a route means it.
    pub(crate) fn still_names(&self, key: &ResourceKey, target: &ResourceSet) -> bool {
        let passing = |r: &&Arc<Resource>| {
            self.covers(r.name())
                && target
                    .get(r.name())
                    .is_none_or(|new| new.version() != r.version())
        };
        let in_flight = self.flight.iter().flat_map(|f| f.held.naming(key));
        let all = self.acked.naming(key).chain(self.sent.naming(key));
        all.chain(in_flight).any(|r| passing(&r))
    }

    /// Whether nothing is left of which only the client knows the content.
    pub(crate) fn knows_all_held(&self) -> bool {
        !self.acked.has_unknown()
    }

    /// Whether the client confirmed everything that the target holds for it. Removals that wait for a route to
    /// let go of a cluster do not count: the target is in force already.
    pub(crate) fn is_synced(&self, target: &ResourceSet) -> bool {
        self.is_delivered(target) && self.rejections.is_empty()
    }

    /// Whether everything was sent and answered, well or ill.
    pub(crate) fn is_delivered(&self, target: &ResourceSet) -> bool {
        self.flight.is_none() && !self.unsent && self.planned == Some(target.version())
    }

    /// Owes the client a name again, if it asked for it (X55).
    pub(crate) fn owe(&mut self, name: &Arc<str>) {
        if self.covers(name) {
            self.owed.insert(name.clone());
        }
    }

    /// Takes a client's answer. Any other nonce than that of the response in flight is stale, foreign or left
    /// over from an earlier stream, and neither confirms nor rejects (X21).
    pub(crate) fn on_answer(&mut self, nonce: &str, error: Option<&str>) -> Option<Answer> {
        let flight = self.flight.take_if(|flight| &*flight.nonce == nonce)?;
        let Flight {
            held,
            resources,
            removed,
            ..
        } = flight;
        let answer = match error {
            None => {
                // A state-of-the-world response of clusters or listeners also repeats what was rejected before;
                // confirming it confirms that.
                self.rejections
                    .retain(|r| !in_list(&resources, r.name()) && !removed.contains(r.name()));
                self.confirm(held, &[]);
                Answer::Acked {
                    resources: resources.len(),
                    removed: removed.len(),
                }
            }
            Some(text) => {
                let rejection = rejection::read(self.kind, text, &resources);
                // What the text does not accuse was applied, as far as anyone can know (X19).
                let not_removed: &[_] = if rejection.attributed { &[] } else { &removed };
                if !rejection.resources.is_empty() {
                    self.rejections.add(rejection.clone());
                }
                self.confirm(held, not_removed);
                Answer::Nacked(rejection)
            }
        };
        self.forget_settled_rejections();
        Some(answer)
    }

    /// Makes `held` the confirmed state, but for what is rejected, now or since earlier.
    fn confirm(&mut self, mut held: Held, not_removed: &[Arc<str>]) {
        let rejected = self.rejections.resources().map(|r| r.name());
        for name in rejected.chain(not_removed) {
            held.set(name, self.acked.get(name));
        }
        self.acked = held;
    }

    /// A rejection matters while what it rejects is what was sent last.
    fn forget_settled_rejections(&mut self) {
        let (interest, sent) = (&self.interest, &self.sent);
        self.rejections.retain(|r| {
            interest.covers(r.name())
                && matches!(sent.get(r.name()), Entry::Has(now) if now.version() == r.version())
        });
    }
}

fn in_list(sorted: &[Arc<Resource>], name: &str) -> bool {
    sorted
        .binary_search_by(|r| r.name().as_ref().cmp(name))
        .is_ok()
}
