//! What becomes of a request on a route.

use std::{sync::Arc, time::Duration};

use bytes::Bytes;

use super::{
    edits::HeaderEdits,
    filters::FilterOverrides,
    redirect::Redirect,
    rewrite::{HostRewrite, Rewrite},
};
use crate::http::{message::RequestHead, name::HeaderName};

#[derive(Debug)]
pub enum Action {
    Forward(Forward),
    Redirect(Box<Redirect>),
    Direct(Box<DirectResponse>),
}

/// Sends the request to a cluster.
#[derive(Debug)]
pub struct Forward {
    pub clusters: ClusterChoice,
    /// What to answer if there is no such cluster.
    pub cluster_not_found_status: u16,
    pub rewrite: Option<Box<Rewrite>>,
    pub host_rewrite: Option<Box<HostRewrite>>,
    /// Adds the former authority to `x-forwarded-host` when the host is rewritten.
    pub append_forwarded_host: bool,
    /// From the end of the request to the end of the response.
    pub timeout: Option<Duration>,
    pub idle_timeout: IdleTimeout,
}

/// How long a request may go without a byte in either direction.
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq)]
pub enum IdleTimeout {
    /// As long as the listener says.
    #[default]
    Inherit,
    Never,
    After(Duration),
}

/// Which cluster a request goes to.
#[derive(Debug)]
pub enum ClusterChoice {
    Single(Arc<str>),
    Weighted(Box<Weighted>),
}

/// Clusters that share a route's requests.
#[derive(Debug)]
pub struct Weighted {
    /// Not empty.
    clusters: Box<[WeightedCluster]>,
    total: u64,
    /// A request that has this header once, with a number, brings its own random value.
    random_header: Option<HeaderName>,
}

#[derive(Debug)]
pub struct WeightedCluster {
    pub name: Arc<str>,
    pub weight: u32,
    pub edits: Option<Box<HeaderEdits>>,
    pub host_rewrite: Option<Box<str>>,
    pub filters: FilterOverrides,
}

/// The cluster for one request.
#[derive(Clone, Copy, Debug)]
pub struct Target<'a> {
    pub cluster: &'a Arc<str>,
    /// What the choice adds to the route, if there was one.
    pub weighted: Option<&'a WeightedCluster>,
}

/// Answers without asking anyone.
#[derive(Clone, Debug)]
pub struct DirectResponse {
    pub status: u16,
    pub body: Bytes,
}

/// Why clusters cannot share a route.
#[derive(Clone, Copy, Debug, PartialEq, Eq, thiserror::Error)]
pub enum InvalidWeights {
    #[error("the weights add up to 0; give at least one cluster a weight")]
    Zero,
    #[error("the weights add up to more than 4294967295")]
    TooLarge,
}

impl Weighted {
    pub fn new(
        clusters: Vec<WeightedCluster>,
        random_header: Option<HeaderName>,
    ) -> Result<Self, InvalidWeights> {
        let total = clusters
            .iter()
            .map(|cluster| u64::from(cluster.weight))
            .try_fold(0_u64, u64::checked_add)
            .filter(|total| *total <= u64::from(u32::MAX))
            .ok_or(InvalidWeights::TooLarge)?;
        if total == 0 {
            return Err(InvalidWeights::Zero);
        }
        Ok(Self {
            clusters: clusters.into(),
            total,
            random_header,
        })
    }

    pub fn clusters(&self) -> &[WeightedCluster] {
        &self.clusters
    }

    fn choose(&self, head: &RequestHead, random: u64) -> Option<&WeightedCluster> {
        let mut point = self.random_value(head).unwrap_or(random) % self.total;
        let chosen = self.clusters.iter().find(|cluster| {
            let weight = u64::from(cluster.weight);
            let within = point < weight;
            point = point.saturating_sub(weight);
            within
        });
        chosen.or(self.clusters.first())
    }

    fn random_value(&self, head: &RequestHead) -> Option<u64> {
        let mut values = head.headers.all(self.random_header.as_ref()?);
        let value = values.next().filter(|_| values.next().is_none())?;
        std::str::from_utf8(value.trim_ascii()).ok()?.parse().ok()
    }
}

impl Forward {
    /// The cluster for a request. With the same `random` it is the same again.
    pub fn choose<'a>(&'a self, head: &RequestHead, random: u64) -> Option<Target<'a>> {
        match &self.clusters {
            ClusterChoice::Single(cluster) => Some(Target {
                cluster,
                weighted: None,
            }),
            ClusterChoice::Weighted(weighted) => {
                weighted.choose(head, random).map(|weighted| Target {
                    cluster: &weighted.name,
                    weighted: Some(weighted),
                })
            }
        }
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    fn weighted(weights: &[u32], header: Option<&str>) -> Result<Weighted, InvalidWeights> {
        let clusters = weights
            .iter()
            .zip(b'a'..)
            .map(|(weight, name)| WeightedCluster {
                name: (name as char).to_string().into(),
                weight: *weight,
                edits: None,
                host_rewrite: None,
                filters: FilterOverrides::default(),
            });
        let header = header.map(|name| HeaderName::parse(name).unwrap());
        Weighted::new(clusters.collect(), header)
    }

    fn chosen(weighted: &Weighted, head: &RequestHead, random: u64) -> String {
        weighted.choose(head, random).unwrap().name.to_string()
    }

    #[test]
    fn each_cluster_gets_its_weight() {
        let weighted = weighted(&[1, 0, 3], None).unwrap();
        let head = RequestHead::default();
        let all: String = (0..8)
            .map(|random| chosen(&weighted, &head, random))
            .collect();
        assert_eq!(all, "acccaccc");
        assert_eq!(chosen(&weighted, &head, u64::MAX), "c");
    }

    #[test]
    fn a_request_may_bring_its_random_value() {
        let weighted = weighted(&[1, 1], Some("x-pick")).unwrap();
        let mut head = RequestHead::default();
        head.headers.append(b"x-pick", b"1");
        assert_eq!(chosen(&weighted, &head, 0), "b");
        head.headers.append(b"x-pick", b"1");
        assert_eq!(chosen(&weighted, &head, 0), "a", "twice is not a value");
    }

    #[test]
    fn weights_must_add_up() {
        assert_eq!(weighted(&[0, 0], None).unwrap_err(), InvalidWeights::Zero);
        let error = weighted(&[u32::MAX, 1], None).unwrap_err();
        assert_eq!(error, InvalidWeights::TooLarge);
        assert!(weighted(&[u32::MAX], None).is_ok());
    }
}
