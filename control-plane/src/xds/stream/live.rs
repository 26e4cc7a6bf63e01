//! When a client runs a revision: what it confirmed, and what it is about to ask for.

use std::time::{Duration, Instant};

use super::{Action, Report, Service, Stream};
use crate::xds::kind::Kind;
use crate::xds::node::Class;
use crate::xds::view::View;

/// How long a revision is not called live while the client has not asked for what it will need.
pub(super) const GRACE: Duration = Duration::from_secs(15);

impl Stream {
    pub(super) fn update_live(&mut self, now: Instant, view: &View, actions: &mut Vec<Action>) {
        let revision = view.revision();
        if self.live == Some(revision) || !self.is_confirmed(view) {
            return;
        }
        if self.expects_more(now, view) {
            return;
        }
        self.live = Some(revision);
        actions.push(Action::Report(Report::Live { revision }));
    }

    /// Whether the client confirmed everything it asked for, and asked for anything.
    pub(super) fn is_confirmed(&self, view: &View) -> bool {
        let mut some = false;
        for (kind, subscription) in self.subscriptions.iter() {
            if let Some(subscription) = subscription {
                if !subscription.is_synced(view.set(kind)) {
                    return false;
                }
                some = true;
            }
        }
        some
    }

    /// Whether the client is likely about to ask for more: a starting Envoy asks for listeners after its clusters
    /// are warm, and for routes after it has read its listeners.
    fn expects_more(&self, now: Instant, view: &View) -> bool {
        let Some(client) = &self.client else {
            return true;
        };
        let graced = now.saturating_duration_since(client.since) < GRACE;
        if !graced || self.service != Service::Aggregated {
            return false;
        }
        if client.node.class != Class::Grpc {
            let not_asked = |kind: Kind| {
                self.subscriptions[kind].is_none() && !view.set(kind).resources().is_empty()
            };
            if not_asked(Kind::Cluster) || not_asked(Kind::Listener) {
                return true;
            }
        }
        [Kind::Cluster, Kind::Listener, Kind::Route]
            .into_iter()
            .any(|kind| {
                let Some(subscription) = self.subscription(kind) else {
                    return false;
                };
                let resources = view.set(kind).resources().iter();
                let held = resources.filter(|r| subscription.covers(r.name()));
                held.flat_map(|r| r.refers_to()).any(|named| {
                    let covered = self.subscription(named.kind);
                    view.set(named.kind).get(&named.name).is_some()
                        && !covered.is_some_and(|s| s.covers(&named.name))
                })
            })
    }
}
