//! Resolving the hosts of STRICT_DNS clusters, now and again.
//!
//! One task per cluster on the control thread asks the system's resolver, which blocks, on a thread of the
//! blocking pool. A host without an answer keeps its former addresses; the next attempt comes after the failure
//! interval.

use std::net::SocketAddr;

use tokio::sync::mpsc;
use tracing::warn;

use crate::{
    resources::{address::HostPort, cluster::DnsFamily},
    snapshot::state::DnsQuery,
};

/// What the hosts of a cluster resolve to: in the order of its endpoints, `None` where there was no answer.
#[derive(Debug)]
pub struct Resolved {
    pub query: DnsQuery,
    pub answers: Vec<Option<Vec<SocketAddr>>>,
}

/// Resolves until the receiver is gone or the task is aborted.
pub async fn resolve(query: DnsQuery, news: mpsc::Sender<Resolved>) {
    loop {
        let mut answers = Vec::new();
        for host in &query.config.assignment.endpoints {
            answers.push(addresses(&query, &host.address).await);
        }
        let failed = answers.iter().any(Option::is_none);
        if news
            .send(Resolved {
                query: query.clone(),
                answers,
            })
            .await
            .is_err()
        {
            return;
        }
        let pause = if failed {
            query.config.failure_refresh
        } else {
            query.config.refresh
        };
        tokio::time::sleep(pause).await;
    }
}

async fn addresses(
    query: &DnsQuery,
    HostPort { host, port }: &HostPort,
) -> Option<Vec<SocketAddr>> {
    match tokio::net::lookup_host((host.as_ref(), *port)).await {
        Ok(found) => Some(of_family(query.config.family, found.collect())),
        Err(cause) => {
            warn!(cluster = %query.cluster, %host, %cause, "host not resolved");
            None
        }
    }
}

fn of_family(family: DnsFamily, mut found: Vec<SocketAddr>) -> Vec<SocketAddr> {
    let any_v6 = found.iter().any(SocketAddr::is_ipv6);
    let any_v4 = found.iter().any(SocketAddr::is_ipv4);
    found.retain(|address| match family {
        DnsFamily::All => true,
        DnsFamily::V4Only => address.is_ipv4(),
        DnsFamily::V6Only => address.is_ipv6(),
        DnsFamily::Auto => address.is_ipv6() == any_v6,
        DnsFamily::V4Preferred => address.is_ipv4() == any_v4,
    });
    found.sort_unstable();
    found.dedup();
    found
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn the_family_decides_which_addresses_count() {
        let found = || vec!["[::1]:80".parse().unwrap(), "127.0.0.1:80".parse().unwrap()];
        let texts = |family, found| {
            of_family(family, found)
                .iter()
                .map(ToString::to_string)
                .collect::<Vec<_>>()
        };
        assert_eq!(texts(DnsFamily::All, found()), ["127.0.0.1:80", "[::1]:80"]);
        assert_eq!(texts(DnsFamily::Auto, found()), ["[::1]:80"]);
        assert_eq!(texts(DnsFamily::V4Preferred, found()), ["127.0.0.1:80"]);
        assert_eq!(texts(DnsFamily::V6Only, found()), ["[::1]:80"]);
        assert_eq!(texts(DnsFamily::V4Only, found()), ["127.0.0.1:80"]);
        assert_eq!(
            texts(DnsFamily::Auto, vec!["127.0.0.1:80".parse().unwrap()]),
            ["127.0.0.1:80"]
        );
    }
}
