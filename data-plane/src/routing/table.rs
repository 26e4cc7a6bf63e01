//! A route configuration, ready to be asked: virtual hosts, their routes, and the way to the right one.
//!
//! A request holds on to the [`Route`] and the [`VirtualHost`] it was given; neither leads back to the table,
//! so that a long request keeps no replaced configuration alive.

use std::sync::Arc;

use super::{
    action::{Action, WeightedCluster},
    condition::{Condition, Probe},
    edits::HeaderEdits,
    filters::{FilterOverride, FilterOverrides},
    hosts::Hosts,
    index::PathIndex,
    metadata::Metadata,
    path::PathMatch,
};
use crate::http::{
    message::{RequestHead, Scheme},
    name::Known,
};

/// One route configuration.
#[derive(Debug)]
pub struct RouteTable {
    pub(crate) config: Arc<RouteConfig>,
    pub(crate) hosts: Hosts,
    pub(crate) virtual_hosts: Vec<HostRoutes>,
    /// Every cluster that a route names, once.
    pub(crate) clusters: Box<[Arc<str>]>,
    /// Paths are matched up to their first semicolon.
    pub(crate) ignore_path_parameters: bool,
}

/// What a route configuration says for all its virtual hosts.
#[derive(Debug)]
pub struct RouteConfig {
    pub name: Arc<str>,
    pub edits: HeaderEdits,
    /// Edits run from the least specific level to the most specific, so that the latter have the last word.
    /// Without it the order is the other way round.
    pub most_specific_edits_win: bool,
    pub filters: FilterOverrides,
    pub metadata: Option<Metadata>,
}

/// A virtual host and what it routes.
#[derive(Debug)]
pub(crate) struct HostRoutes {
    pub host: Arc<VirtualHost>,
    pub routes: Box<[Arc<Route>]>,
    pub index: PathIndex,
}

/// What a virtual host says for all its routes.
#[derive(Debug)]
pub struct VirtualHost {
    pub name: Arc<str>,
    pub config: Arc<RouteConfig>,
    pub require_tls: RequireTls,
    pub edits: HeaderEdits,
    pub filters: FilterOverrides,
    pub metadata: Option<Metadata>,
}

/// Which plaintext requests are sent to `https` instead of being routed.
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq)]
pub enum RequireTls {
    #[default]
    No,
    /// Those from outside (without `x-envoy-internal: true`).
    External,
    All,
}

/// One route.
#[derive(Debug)]
pub struct Route {
    /// Empty if it has none.
    pub name: Arc<str>,
    pub path: PathMatch,
    pub conditions: Box<[Condition]>,
    pub action: Action,
    pub edits: Option<Box<HeaderEdits>>,
    pub filters: FilterOverrides,
    pub metadata: Option<Box<Metadata>>,
}

/// Where a request goes.
#[derive(Clone, Copy, Debug)]
pub struct Found<'a> {
    pub virtual_host: &'a Arc<VirtualHost>,
    pub route: &'a Arc<Route>,
}

/// Why a request goes nowhere.
#[derive(Clone, Copy, Debug)]
pub enum Miss<'a> {
    NoVirtualHost,
    NoRoute(&'a Arc<VirtualHost>),
    /// The request has to come again by `https`: see [`tls_location`].
    NeedsTls(&'a Arc<VirtualHost>),
}

impl RouteTable {
    pub fn name(&self) -> &Arc<str> {
        &self.config.name
    }

    /// Every cluster that a route names, each once.
    pub fn clusters(&self) -> impl ExactSizeIterator<Item = &Arc<str>> {
        self.clusters.iter()
    }

    pub fn virtual_hosts(&self) -> impl ExactSizeIterator<Item = &Arc<VirtualHost>> {
        self.virtual_hosts
            .iter()
            .map(|virtual_host| &virtual_host.host)
    }

    /// The routes of every virtual host, each list in its order.
    pub fn routes(&self) -> impl Iterator<Item = (&Arc<VirtualHost>, &[Arc<Route>])> {
        self.virtual_hosts
            .iter()
            .map(|virtual_host| (&virtual_host.host, &*virtual_host.routes))
    }

    /// The first route that matches a request. `random` decides fractions; it should stay the same for one
    /// request, however often it is routed.
    pub fn find<'a>(&'a self, head: &RequestHead, random: u64) -> Result<Found<'a>, Miss<'a>> {
        let HostRoutes {
            host,
            routes,
            index,
        } = self
            .hosts
            .find(&head.authority)
            .and_then(|host| self.virtual_hosts.get(host.0 as usize))
            .ok_or(Miss::NoVirtualHost)?;
        if host.needs_tls(head) {
            return Err(Miss::NeedsTls(host));
        }
        let probe = Probe { head, random };
        let route = index
            .find(routes, &probe, self.path_to_match(head))
            .and_then(|place| routes.get(place as usize))
            .ok_or(Miss::NoRoute(host))?;
        Ok(Found {
            virtual_host: host,
            route,
        })
    }

    fn path_to_match<'a>(&self, head: &'a RequestHead) -> &'a [u8] {
        let path = head.path_only();
        if !self.ignore_path_parameters {
            return path;
        }
        path.split(|byte| *byte == b';').next().unwrap_or_default()
    }
}

impl VirtualHost {
    fn needs_tls(&self, head: &RequestHead) -> bool {
        let wanted = match self.require_tls {
            RequireTls::No => false,
            RequireTls::External => {
                head.headers.get_known(Known::XEnvoyInternal) != Some(&b"true"[..])
            }
            RequireTls::All => true,
        };
        wanted && forwarded_proto(head) != Scheme::Https.as_str().as_bytes()
    }

    /// The edits that apply to a request on one of this host's routes, in the order in which they run.
    pub fn edits<'a>(
        &'a self,
        route: &'a Route,
        cluster: Option<&'a WeightedCluster>,
    ) -> impl Iterator<Item = &'a HeaderEdits> {
        let mut levels = [
            route.edits.as_deref(),
            Some(&self.edits),
            Some(&self.config.edits),
        ];
        if self.config.most_specific_edits_win {
            levels.reverse();
        }
        let cluster = cluster.and_then(|cluster| cluster.edits.as_deref());
        std::iter::once(cluster).chain(levels).flatten()
    }

    /// What the levels that a request on one of this host's routes passes say about a filter, the least
    /// specific first. The last that says anything decides whether the filter runs.
    pub fn overrides<'a>(
        &'a self,
        filter: &str,
        route: &'a Route,
        cluster: Option<&'a WeightedCluster>,
    ) -> impl DoubleEndedIterator<Item = &'a FilterOverride> {
        [
            self.config.filters.get(filter),
            self.filters.get(filter),
            route.filters.get(filter),
            cluster.and_then(|cluster| cluster.filters.get(filter)),
        ]
        .into_iter()
        .flatten()
    }
}

impl Route {
    /// What the choice of a cluster adds, on a route with several.
    pub fn weighted_cluster(&self, head: &RequestHead, random: u64) -> Option<&WeightedCluster> {
        match &self.action {
            Action::Forward(forward) => forward.choose(head, random)?.weighted,
            Action::Redirect(_) | Action::Direct(_) => None,
        }
    }

    /// The first of the route's conditions that the request does not meet.
    pub fn first_failing(&self, probe: &Probe<'_>) -> Option<&Condition> {
        self.conditions
            .iter()
            .find(|condition| !condition.holds(probe))
    }
}

/// Where a request that needs TLS should come again.
pub fn tls_location(head: &RequestHead) -> Vec<u8> {
    [b"https://", &head.authority[..], &head.path[..]].concat()
}

/// The scheme that the client used, as the first proxy saw it.
pub(super) fn forwarded_proto(head: &RequestHead) -> &[u8] {
    let proto = head.headers.get_known(Known::XForwardedProto);
    proto.unwrap_or(head.scheme.as_str().as_bytes())
}
