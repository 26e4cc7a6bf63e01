//! A request's wishes: what they change in the interest, and what the server thereby owes.

use std::collections::HashMap;
use std::sync::Arc;

use super::Subscription;
use crate::xds::held::{Entry, Held};
use crate::xds::interest::WILDCARD;
use crate::xds::kind::Kind;
use crate::xds::node::Class;
use crate::xds::set::ResourceSet;

impl Subscription {
    /// A state-of-the-world request: its list is the whole interest.
    pub(crate) fn on_list(
        &mut self,
        names: Vec<String>,
        version: &str,
        first: bool,
        class: Class,
        target: &Arc<ResourceSet>,
    ) {
        let list = names.into_iter().map(|name| shared(name, target)).collect();
        let wildcard = self.kind.has_wildcard();
        let next = self
            .interest
            .replaced_by(list, wildcard, class.has_legacy_wildcard());

        let opened = next.is_wildcard() && !self.interest.is_wildcard();
        if opened {
            self.restrict_to_names();
        }
        let fresh: Vec<Arc<str>> = next
            .names()
            .iter()
            .filter(|name| !self.interest.covers(name))
            .cloned()
            .collect();
        for name in &fresh {
            self.forget(name);
        }
        self.interest = next;
        if self.kind.is_full_state() && self.flight.is_some() && (opened || !fresh.is_empty()) {
            // The client may have read the response in flight with its new wishes in mind: what that response held
            // and the target does not must be seen to be absent.
            self.answer = true;
        }
        if self.kind == Kind::Endpoint {
            // What does not exist must be answered too, as long as the client has a cluster for it.
            self.owed.extend(fresh);
        }
        self.owed.retain(|name| self.interest.covers(name));
        self.forget_settled_rejections();

        if first && wildcard && !self.interest.is_empty() {
            let everything = self.interest.is_wildcard() && self.interest.names().is_empty();
            if everything && version == target.version().as_str() {
                // The only reconnection that a version can vouch for (X32).
                self.sent = Held::all_of(target.clone());
                self.acked = self.sent.clone();
            } else {
                self.answer = true;
            }
        }
    }

    /// A delta request: subscribe first, then unsubscribe (X42).
    pub(crate) fn on_delta(
        &mut self,
        subscribe: Vec<String>,
        unsubscribe: Vec<String>,
        initial: &HashMap<String, String>,
        first: bool,
        class: Class,
        target: &Arc<ResourceSet>,
    ) {
        let wildcard_exists = self.kind.has_wildcard();
        if first && wildcard_exists && subscribe.is_empty() && class.has_legacy_wildcard() {
            self.interest.set_wildcard(true);
            self.answer = true;
        }
        for name in subscribe {
            if wildcard_exists && name == WILDCARD {
                self.subscribe_all();
                continue;
            }
            let name = shared(name, target);
            if !self.interest.covers(&name) {
                self.forget(&name);
            }
            self.interest.insert(name.clone());
            // What the client says it holds is compared, not resent (X37).
            if !first || !initial.contains_key(&*name) {
                self.owed.insert(name);
            }
        }
        for name in unsubscribe {
            if wildcard_exists && name == WILDCARD {
                self.interest.set_wildcard(false);
                self.answer = false;
            } else if self.interest.remove(&name) && self.interest.is_wildcard() {
                // The client may have dropped it, though the wildcard still wants it (X43).
                self.owed.insert(shared(name, target));
            }
        }
        if first {
            for (name, version) in initial {
                self.on_initial(name, version, target);
            }
        }
        self.owed.retain(|name| self.interest.covers(name));
        self.forget_settled_rejections();
    }

    /// `*` in a subscription: everything, once more if it was there before (X36).
    fn subscribe_all(&mut self) {
        if self.interest.is_wildcard() {
            self.sent = Held::nothing();
        } else {
            self.restrict_to_names();
            self.interest.set_wildcard(true);
        }
        self.answer = true;
    }

    /// What the client brought along from an earlier stream (X38).
    fn on_initial(&mut self, name: &str, version: &str, target: &ResourceSet) {
        if !self.interest.covers(name) {
            return;
        }
        let entry = match target.get(name) {
            // Envoy forgets endpoints when it reconnects, whatever it says (X39).
            Some(_) if self.kind == Kind::Endpoint => Entry::Unknown,
            Some(now) if now.version().as_str() == version => Entry::Has(now.clone()),
            _ => Entry::Unknown,
        };
        let name = shared(name.to_owned(), target);
        self.acked.set(&name, entry.clone());
        self.sent.set(&name, entry);
    }

    /// Before the wildcard begins, only the names were known to be held.
    fn restrict_to_names(&mut self) {
        let names = self.interest.names();
        self.sent.restrict(names);
        self.acked.restrict(names);
        if let Some(flight) = &mut self.flight {
            flight.held.restrict(names);
        }
    }

    /// A name that comes anew, or comes back, holds nothing (X30).
    fn forget(&mut self, name: &Arc<str>) {
        self.sent.set(name, Entry::Nothing);
        self.acked.set(name, Entry::Nothing);
        if let Some(flight) = &mut self.flight {
            flight.held.set(name, Entry::Nothing);
        }
    }
}

/// The name as the resource holds it, so that streams share one copy.
fn shared(name: String, target: &ResourceSet) -> Arc<str> {
    match target.get(&name) {
        Some(resource) => resource.name().clone(),
        None => name.into(),
    }
}
