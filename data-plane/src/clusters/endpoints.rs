//! The endpoints of a cluster, and what of them outlives an update.
//!
//! An endpoint is known by its cluster and address. An update that keeps it keeps its [`Endpoint`], and with
//! it the pools that workers hold under its id: nothing reconnects. One that is gone is marked retired, so that
//! a worker about to return a connection to its pool closes it instead.

use std::{
    collections::HashMap,
    sync::{
        Arc,
        atomic::{AtomicBool, AtomicU64, Ordering::Relaxed},
    },
};

use crate::{
    resources::{
        address::Address,
        endpoint::{EndpointConfig, Health},
    },
    stats::endpoint::EndpointStats,
};

/// Names an endpoint for the life of the process; never reused.
#[derive(Clone, Copy, Debug, PartialEq, Eq, Hash, PartialOrd, Ord)]
pub struct EndpointId(u64);

/// The part of an endpoint that survives updates.
#[derive(Debug)]
pub struct Endpoint {
    pub id: EndpointId,
    pub address: Address,
    /// As logs print it; made once.
    pub address_text: Box<str>,
    pub stats: EndpointStats,
    retired: AtomicBool,
}

/// An endpoint with what the current assignment says of it.
#[derive(Clone, Debug)]
pub struct Member {
    pub endpoint: Arc<Endpoint>,
    pub hostname: Arc<str>,
    pub weight: u32,
    pub priority: u32,
    pub health: Health,
}

/// The endpoints of a cluster at one moment, in the order of the assignment.
#[derive(Debug, Default)]
pub struct EndpointSet {
    pub members: Vec<Member>,
}

impl Endpoint {
    fn new(address: Address) -> Self {
        static NEXT: AtomicU64 = AtomicU64::new(0);
        let address_text = address.to_string().into();
        Self {
            id: EndpointId(NEXT.fetch_add(1, Relaxed)),
            address,
            address_text,
            stats: EndpointStats::default(),
            retired: AtomicBool::new(false),
        }
    }

    /// Whether no assignment names the endpoint any more.
    pub fn is_retired(&self) -> bool {
        self.retired.load(Relaxed)
    }
}

impl EndpointSet {
    /// The set that follows `before`: endpoints in both keep their identity, those only in `before` retire.
    /// An address named twice is one endpoint; its first mention counts.
    pub fn following(before: &EndpointSet, configs: Vec<EndpointConfig<Address>>) -> Self {
        let mut known: HashMap<&Address, &Arc<Endpoint>> = before
            .members
            .iter()
            .map(|member| (&member.endpoint.address, &member.endpoint))
            .collect();
        let mut members: Vec<Member> = Vec::with_capacity(configs.len());
        let mut seen = std::collections::HashSet::with_capacity(configs.len());
        for EndpointConfig {
            address,
            hostname,
            weight,
            priority,
            health,
        } in configs
        {
            if !seen.insert(address.clone()) {
                continue;
            }
            let endpoint = match known.remove(&address) {
                Some(endpoint) => endpoint.clone(),
                None => Arc::new(Endpoint::new(address)),
            };
            members.push(Member {
                endpoint,
                hostname: hostname.as_ref().into(),
                weight,
                priority,
                health,
            });
        }
        for gone in known.into_values() {
            gone.retired.store(true, Relaxed);
        }
        Self { members }
    }

    /// Retires every endpoint: the cluster itself is gone.
    pub fn retire(&self) {
        for member in &self.members {
            member.endpoint.retired.store(true, Relaxed);
        }
    }

    pub fn healthy(&self) -> usize {
        self.members
            .iter()
            .filter(|member| member.health == Health::Healthy)
            .count()
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    fn config(port: u16) -> EndpointConfig<Address> {
        EndpointConfig {
            address: Address::Ip(([127, 0, 0, 1], port).into()),
            hostname: "".into(),
            weight: 1,
            priority: 0,
            health: Health::Healthy,
        }
    }

    #[test]
    fn x104_an_update_keeps_unchanged_endpoints() {
        let first = EndpointSet::following(&EndpointSet::default(), vec![config(1), config(2)]);
        let second = EndpointSet::following(&first, vec![config(2), config(3), config(2)]);
        assert_eq!(
            second.members.len(),
            2,
            "an address named twice is one endpoint"
        );
        assert!(Arc::ptr_eq(
            &first.members[1].endpoint,
            &second.members[0].endpoint
        ));
        assert!(first.members[0].endpoint.is_retired());
        assert!(!second.members[0].endpoint.is_retired());
        assert_ne!(second.members[1].endpoint.id, first.members[0].endpoint.id);
    }
}
