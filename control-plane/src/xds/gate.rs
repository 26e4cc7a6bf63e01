//! Make before break across kinds (X53, X54, X49), seen from one stream.
//!
//! A route is not warmed by its client, so one that names a new cluster waits until the client has confirmed that
//! cluster; a resource leaves only when nothing the client holds names it any more. Only kinds of the same
//! stream count: streams of their own are independent of each other (X10). Nor does a cluster count that the
//! client does not ask for: gRPC asks for clusters after it has read its routes.

use std::time::{Duration, Instant};

use super::kind::Kind;
use super::resource::{Resource, ResourceKey};
use super::set::{PerKind, ResourceSet};
use super::subscription::Subscription;
use super::view::View;

/// How long a stream may take to tell what its client brought along. Shorter than any wait for a confirmation,
/// because that may come only when this is over.
pub(crate) const PATIENCE: Duration = Duration::from_secs(5);

/// What an addition or change must do.
#[derive(Clone, Debug, PartialEq, Eq)]
pub(crate) enum Sending {
    Go,
    /// Not before the client has confirmed this, but not for ever.
    Wait(ResourceKey),
    /// The client rejected this; it must change first.
    Blocked(ResourceKey),
}

/// The other kinds of a stream while one of them is being pushed.
pub(crate) struct Gate<'a> {
    pub(crate) others: &'a PerKind<Option<Box<Subscription>>>,
    pub(crate) view: &'a View,
    /// The endpoints of the view from which the client got its clusters last.
    pub(crate) earlier_endpoints: &'a ResourceSet,
    /// Whether the client holds resources of an earlier stream. On a stream of one kind nothing follows from it.
    pub(crate) brought_along: bool,
    pub(crate) started: Instant,
    pub(crate) now: Instant,
    pub(crate) wait: Duration,
}

impl Gate<'_> {
    pub(crate) fn sending(&self, resource: &Resource) -> Sending {
        let Some(clusters) = &self.others[Kind::Cluster] else {
            return Sending::Go;
        };
        let mut verdict = Sending::Go;
        for named in resource.refers_to() {
            if named.kind != Kind::Cluster || !clusters.covers(&named.name) {
                continue;
            }
            let Some(target) = self.view.set(Kind::Cluster).get(&named.name) else {
                continue;
            };
            if clusters.is_surely_held(&named.name) {
                continue;
            }
            if clusters.is_rejected_by_name(target) {
                return Sending::Blocked(named.clone());
            }
            if verdict == Sending::Go {
                verdict = Sending::Wait(named.clone());
            }
        }
        verdict
    }

    /// Whether what the client holds under this key may be taken away.
    pub(crate) fn removing(&self, key: &ResourceKey) -> bool {
        let referrers = key.kind.referrers();
        let named = referrers.iter().any(|kind| {
            self.others[*kind]
                .as_ref()
                .is_some_and(|sub| sub.still_names(key, self.view.set(*kind)))
        });
        if named {
            return false;
        }
        if !self.brought_along {
            return true;
        }
        // The client holds things of an earlier stream, and what it has not yet told of, or what this server does
        // not know the content of, may name anything.
        let patient = self.is_patient();
        referrers.iter().all(|kind| match &self.others[*kind] {
            // A cluster that leaves may in turn wait for word of its endpoints.
            Some(_) if key.kind == Kind::Endpoint && !patient => true,
            Some(subscription) => subscription.knows_all_held(),
            // A client asks for listeners and clusters whatever there is, for other kinds as it is told to.
            None if !patient => true,
            None => !kind.has_wildcard() && self.view.set(*kind).resources().is_empty(),
        })
    }

    /// Whether the client may still be about to tell what it brought along.
    pub(crate) fn is_patient(&self) -> bool {
        self.brought_along && self.now.saturating_duration_since(self.started) < PATIENCE
    }
}
