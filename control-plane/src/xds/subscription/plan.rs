//! The next response of a kind: the target against what was sent, through the gate.

use std::collections::{BTreeMap, BTreeSet};
use std::sync::Arc;
use std::time::{Duration, Instant};

use bytes::Bytes;

use super::{Flight, Subscription, Waiting};
use crate::xds::gate::{Gate, Sending};
use crate::xds::held::Entry;
use crate::xds::kind::Kind;
use crate::xds::request::Variant;
use crate::xds::resource::{Resource, ResourceKey, Version};
use crate::xds::segments::Segments;
use crate::xds::set::{Diff, ResourceSet};

/// A delta response is split below the size that gRPC clients accept by default (X48).
const SPLIT_AT: usize = 4 * 1024 * 1024 - 128 * 1024;

/// A response, but for its nonce.
#[derive(Debug)]
pub(crate) struct Push {
    pub(crate) version: Version,
    pub(crate) resources: Arc<[Arc<Resource>]>,
    /// The encoded `resources` fields.
    pub(crate) fields: Vec<Bytes>,
    pub(crate) removed: Vec<Arc<str>>,
    /// Endpoints that the client waits for anew (X55).
    pub(crate) rewarmed: Vec<Arc<str>>,
    /// What goes although the gate would have held it, because it waited long enough.
    pub(crate) overdue: Vec<(Arc<str>, ResourceKey)>,
}

/// What is to happen to one name.
enum Step {
    Nothing,
    Send(Arc<Resource>),
    Remove,
    /// The client asked for it, and it does not exist (X40).
    SayAbsent,
}

impl Subscription {
    /// Builds the next response, if one is due and none is in flight.
    pub(crate) fn plan(&mut self, target: &Arc<ResourceSet>, gate: &Gate<'_>) -> Option<Push> {
        if self.flight.is_some() {
            return None;
        }
        self.planned = Some(target.version());
        let diff = target.diff_from(self.sent.base());
        let candidates = self.candidates(&diff);
        let mut draft = Draft::default();
        let mut waiting = BTreeMap::new();
        self.retained = 0;
        self.retained_for_now = false;
        for name in &candidates {
            match self.step(name, target, gate, &mut waiting, &mut draft) {
                Step::Nothing => {}
                Step::Send(resource) => draft.send.push(resource),
                Step::Remove => draft.remove.push(name.clone()),
                Step::SayAbsent => draft.absent.push(name.clone()),
            }
        }
        self.unsent = !waiting.is_empty();
        self.waiting = waiting;
        // The first answer tells a starting client what there is: better late than in part (X56).
        let too_early = self.answer && self.waiting.values().any(|w| !w.blocked);
        let push = match (self.variant, self.kind.is_full_state()) {
            _ if too_early => None,
            (Variant::Delta, _) => self.delta(draft, target, &diff),
            (Variant::Sotw, true) => self.full_state(draft, target),
            (Variant::Sotw, false) => self.changes(draft, target, &diff),
        };
        self.sent.rebase(target, &candidates);
        if push.is_none() && self.rejections.is_empty() && self.owed.is_empty() {
            // Nothing is in flight or refused, so what was sent is what is held. Not keeping the older set alive
            // frees what the rest of the group has left behind.
            self.acked = self.sent.clone();
        }
        push
    }

    /// Remembers a response that goes out.
    pub(crate) fn launch(&mut self, push: &Push, nonce: Arc<str>) {
        self.flight = Some(Flight {
            nonce,
            held: self.sent.clone(),
            resources: push.resources.clone(),
            removed: push.removed.clone(),
        });
        self.forget_settled_rejections();
    }

    /// When something that waits is to be looked at again.
    pub(crate) fn deadline(&self, wait: Duration) -> Option<Instant> {
        if self.flight.is_some() {
            return None;
        }
        let waits = self.waiting.values().filter(|w| !w.blocked);
        waits.filter_map(|w| w.since.checked_add(wait)).min()
    }

    /// Every name whose state may have to change, in order.
    fn candidates(&self, diff: &Diff) -> Vec<Arc<str>> {
        let changed = diff.changed.items().iter().map(|r| r.name());
        let all: BTreeSet<&Arc<str>> = changed
            .chain(&diff.removed)
            .chain(self.sent.exceptions().keys())
            .chain(&self.owed)
            .collect();
        let covered = all.into_iter().filter(|name| self.covers(name));
        covered.cloned().collect()
    }

    fn step(
        &mut self,
        name: &Arc<str>,
        target: &ResourceSet,
        gate: &Gate<'_>,
        waiting: &mut BTreeMap<Arc<str>, Waiting>,
        draft: &mut Draft,
    ) -> Step {
        let held = self.sent.get(name);
        let Some(wanted) = target.get(name) else {
            return self.step_away(name, &held, gate);
        };
        let same = matches!(&held, Entry::Has(now) if now.version() == wanted.version());
        if same && !self.owed.contains(name) {
            return Step::Nothing;
        }
        let (on, blocked) = match gate.sending(wanted) {
            Sending::Go => return Step::Send(wanted.clone()),
            Sending::Wait(on) => (on, false),
            Sending::Blocked(on) => (on, true),
        };
        // A wait begins anew when the client can confirm again what it had refused.
        let earlier = self.waiting.get(name).filter(|w| w.blocked == blocked);
        let since = earlier.map_or(gate.now, |w| w.since);
        if !blocked && gate.now.saturating_duration_since(since) >= gate.wait {
            draft.overdue.push((name.clone(), on));
            return Step::Send(wanted.clone());
        }
        let entry = Waiting { since, on, blocked };
        waiting.insert(name.clone(), entry);
        Step::Nothing
    }

    /// What to do about a name that the target does not have.
    fn step_away(&mut self, name: &Arc<str>, held: &Entry, gate: &Gate<'_>) -> Step {
        let owed = self.owed.contains(name);
        let key = ResourceKey {
            kind: self.kind,
            name: name.clone(),
        };
        if self.kind == Kind::Endpoint && !gate.removing(&key) {
            // The client still has the cluster, which neither warms nor leaves without an answer (X55, X56).
            let earlier = || gate.earlier_endpoints.get(name).cloned();
            let answer = match held {
                Entry::Has(resource) if owed => Some(resource.clone()),
                Entry::Has(_) => None,
                Entry::Unknown if !owed => earlier(),
                Entry::Nothing if !owed => None,
                Entry::Nothing | Entry::Unknown => {
                    Some(earlier().unwrap_or_else(|| Arc::new(Resource::empty_assignment(name))))
                }
            };
            if let Some(resource) = answer {
                return Step::Send(resource);
            }
        }
        if held.is_nothing() {
            return if owed && self.variant == Variant::Delta {
                Step::SayAbsent
            } else {
                Step::Nothing
            };
        }
        let deletes = self.variant == Variant::Delta || self.kind.is_full_state();
        if !deletes {
            // The client drops it with the last resource that names it (X26).
            return Step::Nothing;
        }
        if gate.removing(&key) {
            return Step::Remove;
        }
        self.retained = self.retained.saturating_add(1);
        self.retained_for_now |= gate.is_patient();
        Step::Nothing
    }

    /// Adds and changes first; what they replace leaves with the last of them (X51).
    fn delta(&mut self, mut draft: Draft, target: &ResourceSet, diff: &Diff) -> Option<Push> {
        let mut size = 0_usize;
        let fits = draft.send.iter().take_while(|resource| {
            size = size.saturating_add(resource.field_size(Variant::Delta));
            size <= SPLIT_AT
        });
        // One that is too large by itself goes by itself.
        let parted = fits.count().max(1).min(draft.send.len());
        let complete = parted == draft.send.len();
        draft.send.truncate(parted);
        let mut removed = draft.absent;
        if complete {
            removed.append(&mut draft.remove);
        } else {
            self.unsent = true;
        }
        if draft.send.is_empty() && removed.is_empty() && !self.answer {
            return None;
        }
        removed.sort();
        for name in &removed {
            self.sent.set(name, Entry::Nothing);
        }
        Some(self.push(
            target.version(),
            draft.send,
            diff,
            target,
            removed,
            draft.overdue,
        ))
    }

    /// Everything the client wants, when anything of it changed (X25).
    fn full_state(&mut self, draft: Draft, target: &Arc<ResourceSet>) -> Option<Push> {
        if draft.send.is_empty() && draft.remove.is_empty() && !self.answer {
            return None;
        }
        let rewarmed = self.rewarmed(&draft.send);
        for resource in draft.send {
            let name = resource.name().clone();
            self.sent.set(&name, Entry::Has(resource));
        }
        for name in &draft.remove {
            self.sent.set(name, Entry::Nothing);
        }
        let nothing_held_back = self.waiting.is_empty() && self.retained == 0;
        let (version, resources) = if self.interest.is_wildcard() && nothing_held_back {
            (target.version(), target.all().items().clone())
        } else {
            let names = self.names_held(target);
            let held = names.iter().filter_map(|name| match self.sent.get(name) {
                Entry::Has(resource) => Some(resource),
                Entry::Nothing | Entry::Unknown => None,
            });
            let held: Arc<[Arc<Resource>]> = held.collect();
            (Version::of_list(held.iter()), held)
        };
        self.answer = false;
        Some(Push {
            version,
            fields: target.all().fields(&resources, self.variant),
            resources,
            removed: draft.remove,
            rewarmed,
            overdue: draft.overdue,
        })
    }

    /// Only what changed or is newly wanted (X26).
    fn changes(&mut self, draft: Draft, target: &ResourceSet, diff: &Diff) -> Option<Push> {
        self.owed.retain(|name| target.get(name).is_some());
        if draft.send.is_empty() {
            return None;
        }
        let version = target.version();
        Some(self.push(version, draft.send, diff, target, Vec::new(), draft.overdue))
    }

    fn push(
        &mut self,
        version: Version,
        send: Vec<Arc<Resource>>,
        diff: &Diff,
        target: &ResourceSet,
        removed: Vec<Arc<str>>,
        overdue: Vec<(Arc<str>, ResourceKey)>,
    ) -> Push {
        let rewarmed = self.rewarmed(&send);
        for resource in &send {
            self.owed.remove(resource.name());
            self.sent.set(resource.name(), Entry::Has(resource.clone()));
        }
        for name in &removed {
            self.owed.remove(name);
        }
        self.answer = false;
        let source = nearest(&send, diff, target);
        let fields = source.fields(&send, self.variant);
        let same = send.len() == source.items().len()
            && send
                .iter()
                .zip(source.items().iter())
                .all(|(a, b)| Arc::ptr_eq(a, b));
        Push {
            version,
            resources: if same {
                source.items().clone()
            } else {
                send.into()
            },
            fields,
            removed,
            rewarmed,
            overdue,
        }
    }

    /// Every name that may be held: those of the target and those that differ from it.
    fn names_held(&self, target: &ResourceSet) -> Vec<Arc<str>> {
        if !self.interest.is_wildcard() {
            return self.interest.names().iter().cloned().collect();
        }
        let targeted = target.resources().iter().map(|r| r.name());
        let base = self.sent.base().resources().iter().map(|r| r.name());
        let names: BTreeSet<&Arc<str>> = targeted
            .chain(base)
            .chain(self.sent.exceptions().keys())
            .collect();
        names.into_iter().cloned().collect()
    }

    /// The endpoints of clusters whose content changes with this response.
    fn rewarmed(&self, send: &[Arc<Resource>]) -> Vec<Arc<str>> {
        if self.kind != Kind::Cluster {
            return Vec::new();
        }
        let mut names = Vec::new();
        for cluster in send {
            let unchanged = matches!(
                self.sent.get(cluster.name()),
                Entry::Has(before) if before.version() == cluster.version()
            );
            if !unchanged {
                let endpoints = cluster.refers_to().iter();
                let endpoints = endpoints.filter(|key| key.kind == Kind::Endpoint);
                names.extend(endpoints.map(|key| key.name.clone()));
            }
        }
        names
    }
}

/// What one response is made of.
#[derive(Default)]
struct Draft {
    send: Vec<Arc<Resource>>,
    remove: Vec<Arc<str>>,
    absent: Vec<Arc<str>>,
    overdue: Vec<(Arc<str>, ResourceKey)>,
}

/// The glued list most likely to hold what is sent.
fn nearest<'a>(send: &[Arc<Resource>], diff: &'a Diff, target: &'a ResourceSet) -> &'a Segments {
    if send.len() <= diff.changed.items().len() {
        &diff.changed
    } else {
        target.all()
    }
}
