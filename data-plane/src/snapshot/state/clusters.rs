//! Clusters and their endpoints.

use std::{
    collections::{BTreeMap, BTreeSet, HashSet},
    net::SocketAddr,
    sync::Arc,
    time::Instant,
};

use portway_proto::pb::envoy::config::{
    cluster::v3::Cluster as ClusterMessage, endpoint::v3::ClusterLoadAssignment,
};
use rustc_hash::FxHashMap;

use super::{Origin, Raw, Refused, State, Tally, parsed};
use crate::{
    clusters::{
        Cluster,
        endpoints::{EndpointId, EndpointSet},
    },
    resources::{
        address::Address,
        at::Problem,
        cluster::{self, ClusterConfig, Discovery, DnsConfig, UpstreamProtocol},
        endpoint::{self, Assignment, EndpointConfig, Health},
    },
    stats::{
        RowId,
        cluster::{ClusterCell, ClusterStats},
        process::ProcessCell,
    },
};

#[derive(Debug, Default)]
pub struct Clusters {
    entries: BTreeMap<Arc<str>, Entry>,
    /// By the name under which they are asked for.
    assignments: BTreeMap<Arc<str>, Held>,
    retired: bool,
    /// Clusters that were refused: whoever names one is not to blame.
    refused: BTreeSet<Box<str>>,
}

#[derive(Debug)]
struct Entry {
    config: Arc<ClusterConfig>,
    raw: Raw,
    stats: Arc<ClusterStats>,
    /// What requests use: of this configuration, or of the one before while this one waits.
    active: Option<Arc<Cluster>>,
    endpoints: Arc<EndpointSet>,
    phase: Phase,
    /// Whether `active` is behind.
    stale: bool,
}

#[derive(Clone, Copy, Debug, PartialEq, Eq)]
enum Phase {
    /// Endpoints are awaited, until then.
    Waiting {
        until: Option<Instant>,
    },
    Ready,
}

#[derive(Debug)]
struct Held {
    assignment: Assignment<Address>,
    raw: Raw,
}

/// Names that a cluster wants resolved.
#[derive(Clone, Debug, PartialEq)]
pub struct DnsQuery {
    pub cluster: Arc<str>,
    pub config: DnsConfig,
}

impl State {
    /// Takes a cluster, new or changed.
    pub fn put_cluster(
        &mut self,
        message: ClusterMessage,
        raw: Raw,
        now: Instant,
    ) -> Result<Vec<Problem>, Refused> {
        let name = message.name.clone();
        let outcome = parsed(&name, |at| cluster::cluster(at, message));
        if outcome.is_err() {
            self.clusters.refused.insert(name.into());
        }
        let (config, warnings) = outcome?;
        self.clusters.check_origin(&config.name, raw.origin)?;
        self.put_parsed_cluster(config, raw, now);
        Ok(warnings)
    }

    fn put_parsed_cluster(&mut self, config: ClusterConfig, raw: Raw, now: Instant) {
        let row = self.row();
        let config = Arc::new(config);
        let stats = self.registry.cluster(&config.stat_name);
        self.clusters.refused.remove(&*config.name);
        let before = self.clusters.entries.remove(&config.name);
        let unchanged = before
            .as_ref()
            .is_some_and(|before| before.config == config);
        match &before {
            None => self.count(ProcessCell::ClusterAdded),
            Some(_) if !unchanged => self.count(ProcessCell::ClusterModified),
            Some(_) => {}
        }
        let (active, endpoints, phase) = match before {
            Some(before) => (before.active, before.endpoints, before.phase),
            None => (None, Arc::default(), Phase::Waiting { until: None }),
        };
        let mut entry = Entry {
            config: config.clone(),
            raw,
            stats,
            active,
            endpoints,
            phase,
            stale: false,
        };
        if !unchanged {
            entry.stale = true;
            entry.phase = match &config.discovery {
                Discovery::Static(assignment) => {
                    entry.follow(
                        assignment.endpoints.clone(),
                        row,
                        &mut self.clusters.retired,
                    );
                    Phase::Ready
                }
                Discovery::StrictDns(_) => Phase::Waiting { until: None },
                Discovery::Eds {
                    service_name,
                    source,
                } => match self.clusters.assignments.get(service_name) {
                    Some(held) => {
                        entry.follow(
                            held.assignment.endpoints.clone(),
                            row,
                            &mut self.clusters.retired,
                        );
                        Phase::Ready
                    }
                    None => Phase::Waiting {
                        until: source
                            .fetch_timeout
                            .and_then(|timeout| now.checked_add(timeout)),
                    },
                },
            };
        }
        self.clusters.entries.insert(config.name.clone(), entry);
    }

    /// Removes a cluster that a stream brought.
    pub fn remove_cluster(&mut self, name: &str) {
        if self
            .clusters
            .entries
            .get(name)
            .is_some_and(|entry| entry.raw.origin == Origin::Stream)
            && let Some(gone) = self.clusters.entries.remove(name)
        {
            gone.endpoints.retire();
            self.clusters.retired = true;
            self.changed = true;
            self.count(ProcessCell::ClusterRemoved);
        }
        let wanted = self.clusters.wanted_assignments();
        self.clusters
            .assignments
            .retain(|name, _| wanted.contains(name));
    }

    /// Takes the endpoints of an EDS cluster.
    pub fn put_assignment(
        &mut self,
        message: ClusterLoadAssignment,
        raw: Raw,
    ) -> Result<Vec<Problem>, Refused> {
        let row = self.row();
        let name = message.cluster_name.clone();
        let (assignment, warnings) = parsed(&name, |at| endpoint::literal(at, message))?;
        let name: Arc<str> = name.into();
        for entry in self
            .clusters
            .entries
            .values_mut()
            .filter(|entry| entry.asks_for(&name))
        {
            entry.follow(
                assignment.endpoints.clone(),
                row,
                &mut self.clusters.retired,
            );
            let outcome = if assignment.endpoints.is_empty() {
                ClusterCell::UpdateEmpty
            } else {
                ClusterCell::UpdateSuccess
            };
            entry.count_update(outcome, row);
            entry.phase = Phase::Ready;
        }
        self.clusters
            .assignments
            .insert(name, Held { assignment, raw });
        Ok(warnings)
    }

    /// The server says that there is no such assignment: its cluster goes on without endpoints.
    pub fn remove_assignment(&mut self, name: &str) {
        let row = self.row();
        self.clusters.assignments.remove(name);
        for entry in self
            .clusters
            .entries
            .values_mut()
            .filter(|entry| entry.asks_for(name))
        {
            entry.follow(Vec::new(), row, &mut self.clusters.retired);
            entry.phase = Phase::Ready;
        }
    }

    /// Takes the addresses that the hosts of a DNS cluster have now; `None` for a host that has no answer and
    /// keeps its former addresses. In the order of the cluster's endpoints.
    pub fn put_resolved(&mut self, query: &DnsQuery, answers: &[Option<Vec<SocketAddr>>]) {
        let row = self.row();
        let Some(entry) = self.clusters.entries.get_mut(&query.cluster) else {
            return;
        };
        if !matches!(&entry.config.discovery, Discovery::StrictDns(config) if *config == query.config)
        {
            return;
        }
        let mut endpoints = Vec::new();
        for (host, answer) in query.config.assignment.endpoints.iter().zip(answers) {
            let hostname = if host.hostname.is_empty() {
                host.address.host.clone()
            } else {
                host.hostname.clone()
            };
            let former = || {
                let of_host = entry
                    .endpoints
                    .members
                    .iter()
                    .filter(|member| *member.hostname == *hostname);
                of_host
                    .map(|member| member.endpoint.address.clone())
                    .collect()
            };
            let addresses: Vec<Address> = match answer {
                Some(addresses) => addresses.iter().copied().map(Address::Ip).collect(),
                None => former(),
            };
            endpoints.extend(addresses.into_iter().map(|address| EndpointConfig {
                address,
                hostname: hostname.clone(),
                weight: host.weight,
                priority: host.priority,
                health: host.health,
            }));
        }
        let outcome = if answers.iter().all(Option::is_none) {
            ClusterCell::UpdateFailure
        } else {
            ClusterCell::UpdateSuccess
        };
        entry.count_update(outcome, row);
        entry.follow(endpoints, row, &mut self.clusters.retired);
        entry.phase = Phase::Ready;
    }

    /// What is to be resolved, now and again.
    pub fn dns_queries(&self) -> impl Iterator<Item = DnsQuery> {
        self.clusters
            .entries
            .values()
            .filter_map(|entry| match &entry.config.discovery {
                Discovery::StrictDns(config) => Some(DnsQuery {
                    cluster: entry.config.name.clone(),
                    config: config.clone(),
                }),
                Discovery::Static(_) | Discovery::Eds { .. } => None,
            })
    }

    /// Every cluster with its message, by name.
    pub fn clusters(&self) -> impl Iterator<Item = (&Arc<str>, &Raw, Option<&Arc<Cluster>>)> {
        self.clusters
            .entries
            .iter()
            .map(|(name, entry)| (name, &entry.raw, entry.active.as_ref()))
    }

    /// Every assignment with its message, by name.
    pub fn assignments(&self) -> impl Iterator<Item = (&Arc<str>, &Raw)> {
        self.clusters
            .assignments
            .iter()
            .map(|(name, held)| (name, &held.raw))
    }

    /// What a cluster's endpoints speak.
    pub fn cluster_protocol(&self, name: &str) -> Option<UpstreamProtocol> {
        self.clusters
            .entries
            .get(name)
            .map(|entry| entry.config.protocol)
    }

    /// Whether a cluster is there and waits for its endpoints.
    pub fn is_warming(&self, cluster: &str) -> bool {
        self.clusters
            .entries
            .get(cluster)
            .is_some_and(|entry| entry.phase != Phase::Ready)
    }
}

impl Entry {
    fn asks_for(&self, assignment: &str) -> bool {
        matches!(&self.config.discovery, Discovery::Eds { service_name, .. } if **service_name == *assignment)
    }

    fn follow(&mut self, endpoints: Vec<EndpointConfig<Address>>, row: RowId, retired: &mut bool) {
        let endpoints = EndpointSet::following(&self.endpoints, endpoints);
        self.count_members(&endpoints, row);
        self.endpoints = Arc::new(endpoints);
        *retired = true;
        self.stale = true;
    }
}

impl Entry {
    fn count_members(&self, after: &EndpointSet, row: RowId) {
        let ids = |set: &EndpointSet| -> HashSet<EndpointId> {
            set.members
                .iter()
                .map(|member| member.endpoint.id)
                .collect()
        };
        if ids(&self.endpoints) != ids(after) {
            self.stats.cells.inc(row, ClusterCell::MembershipChange);
        }
        let of = |health| {
            let members = after.members.iter();
            members.filter(|member| member.health == health).count() as u64
        };
        for (cell, value) in [
            (ClusterCell::MembershipTotal, after.members.len() as u64),
            (ClusterCell::MembershipHealthy, of(Health::Healthy)),
            (ClusterCell::MembershipDegraded, of(Health::Degraded)),
        ] {
            self.stats.cells.set(row, cell, value);
        }
    }

    /// Counts an update of the endpoints.
    fn count_update(&self, outcome: ClusterCell, row: RowId) {
        self.stats.cells.inc(row, ClusterCell::UpdateAttempt);
        self.stats.cells.inc(row, outcome);
    }
}

impl Clusters {
    /// Whether there is, or was to be, a cluster of that name.
    pub fn is_known(&self, name: &str) -> bool {
        self.entries.contains_key(name) || self.refused.contains(name)
    }

    pub fn count(&self) -> Tally {
        let waiting = self
            .entries
            .values()
            .filter(|entry| entry.phase != Phase::Ready)
            .count();
        Tally {
            ready: self.entries.len() - waiting,
            waiting,
        }
    }

    fn check_origin(&self, name: &Arc<str>, origin: Origin) -> Result<(), Refused> {
        match self.entries.get(name) {
            Some(entry) if origin == Origin::Stream && entry.raw.origin == Origin::Bootstrap => {
                Err(Refused {
                    name: name.as_ref().into(),
                    problems: vec![Problem {
                        path: portway_proto::path::FieldPath::default(),
                        reason:
                            "a cluster of this name stands in the bootstrap and cannot be replaced"
                                .to_owned(),
                        unsupported: false,
                    }],
                })
            }
            Some(_) | None => Ok(()),
        }
    }

    /// Puts in force what no longer has to wait. Says whether endpoints have gone.
    pub fn settle(&mut self, now: Instant, threads: usize, changed: &mut bool) -> bool {
        for entry in self.entries.values_mut() {
            if let Phase::Waiting { until: Some(until) } = entry.phase
                && until <= now
            {
                entry.phase = Phase::Ready;
            }
            if entry.stale && entry.phase == Phase::Ready {
                let (config, endpoints) = (entry.config.clone(), entry.endpoints.clone());
                entry.active = Some(Arc::new(Cluster::new(
                    config,
                    endpoints,
                    entry.stats.clone(),
                    threads,
                )));
                entry.stale = false;
                *changed = true;
            }
        }
        std::mem::take(&mut self.retired)
    }

    pub fn active(&self) -> FxHashMap<Arc<str>, Arc<Cluster>> {
        self.entries
            .iter()
            .filter_map(|(name, entry)| Some((name.clone(), entry.active.clone()?)))
            .collect()
    }

    /// Clusters that keep listeners from opening.
    pub fn waiting(&self) -> impl Iterator<Item = &Arc<str>> {
        self.entries
            .iter()
            .filter(|(_, entry)| entry.phase != Phase::Ready && entry.config.wait_for_warm)
            .map(|(name, _)| name)
    }

    pub fn deadlines(&self) -> impl Iterator<Item = Instant> {
        self.entries.values().filter_map(|entry| match entry.phase {
            Phase::Waiting { until } => until,
            Phase::Ready => None,
        })
    }

    pub fn wanted_assignments(&self) -> BTreeSet<Arc<str>> {
        let of_entry = |entry: &Entry| match &entry.config.discovery {
            Discovery::Eds { service_name, .. } => Some(service_name.clone()),
            Discovery::Static(_) | Discovery::StrictDns(_) => None,
        };
        self.entries.values().filter_map(of_entry).collect()
    }
}
