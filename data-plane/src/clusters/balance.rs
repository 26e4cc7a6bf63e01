//! Which endpoint is next: round robin, by weight, in the best priority that has one.
//!
//! The order is worked out when the endpoints change, not when a request comes: a [`Schedule`] is a list in
//! which each endpoint stands as often as its weight says, spread out evenly. A worker walks it with a counter
//! of its own, which it starts at a random place so that workers do not march in step.
//!
//! Envoy's rules for health: degraded endpoints of a priority are used when no healthy one is left anywhere,
//! and with too few healthy ones (its panic threshold, half) health is ignored altogether.

use std::sync::atomic::{AtomicUsize, Ordering::Relaxed};

use super::endpoints::{EndpointSet, Member};
use crate::{resources::endpoint::Health, stats::RowId};

/// Positions in the endpoint set, in the order in which they are used, and how far each worker has come.
#[derive(Debug)]
pub struct Schedule {
    turns: Vec<u32>,
    cursors: Box<[Cursor]>,
}

/// A cache line of its own, so that workers do not slow each other down.
#[derive(Debug)]
#[repr(align(64))]
struct Cursor(AtomicUsize);

/// Weights are scaled down until a schedule is no longer than this.
const MAX_TURNS: u64 = 4096;

impl Schedule {
    /// A schedule for so many workers, each of which begins where `start` says.
    pub fn new(set: &EndpointSet, workers: usize, mut start: impl FnMut() -> usize) -> Self {
        let chosen = choose(set);
        let weights: Vec<(u32, u64)> = chosen
            .into_iter()
            .map(|(position, member)| (position, u64::from(member.weight)))
            .collect();
        let cursors = (0..workers)
            .map(|_| Cursor(AtomicUsize::new(start())))
            .collect();
        Self {
            turns: spread(&weights),
            cursors,
        }
    }

    /// The endpoint whose turn it is on this worker.
    pub fn pick<'a>(&self, set: &'a EndpointSet, worker: RowId) -> Option<&'a Member> {
        let Cursor(cursor) = self.cursors.get(worker.0)?;
        let turn = cursor.load(Relaxed);
        cursor.store(turn.wrapping_add(1), Relaxed);
        let position = self.turns.get(turn.checked_rem(self.turns.len())?)?;
        set.members.get(*position as usize)
    }
}

/// The endpoints that take turns: of the first priority that can serve.
fn choose(set: &EndpointSet) -> Vec<(u32, &Member)> {
    let numbered = || (0u32..).zip(&set.members);
    let mut priorities: Vec<u32> = set.members.iter().map(|member| member.priority).collect();
    priorities.sort_unstable();
    priorities.dedup();
    for wanted in [Health::Healthy, Health::Degraded] {
        for priority in &priorities {
            let of_priority: Vec<_> = numbered()
                .filter(|(_, member)| member.priority == *priority)
                .collect();
            let able: Vec<_> = of_priority
                .iter()
                .copied()
                .filter(|(_, member)| member.health == wanted)
                .collect();
            if able.is_empty() {
                continue;
            }
            let usable = of_priority
                .iter()
                .filter(|(_, member)| member.health != Health::Unhealthy)
                .count();
            let only_priority = priorities.len() == 1;
            // Panic: under half of the only priority is usable, so health says more about the check than
            // about the endpoints.
            if only_priority && usable * 2 < of_priority.len() {
                return of_priority;
            }
            return able;
        }
    }
    // Nothing is healthy: Envoy's panic mode spreads over the first priority.
    let first = priorities.first().copied().unwrap_or_default();
    numbered()
        .filter(|(_, member)| member.priority == first)
        .collect()
}

/// Each position as often as its weight, as evenly spread as possible (smooth weighted round robin).
fn spread(weights: &[(u32, u64)]) -> Vec<u32> {
    let divisor = weights
        .iter()
        .fold(0, |divisor, (_, weight)| gcd(divisor, *weight))
        .max(1);
    let total: u64 = weights.iter().map(|(_, weight)| weight / divisor).sum();
    let scale = total.div_ceil(MAX_TURNS).max(1);
    let mut slots: Vec<(u32, i64, i64)> = weights
        .iter()
        .map(|(position, weight)| {
            let weight = (weight / divisor).div_ceil(scale);
            (*position, i64::try_from(weight).unwrap_or(1), 0)
        })
        .collect();
    if slots.iter().all(|(_, weight, _)| *weight == 1) {
        return slots.into_iter().map(|(position, ..)| position).collect();
    }
    let total: i64 = slots.iter().map(|(_, weight, _)| weight).sum();
    let mut turns = Vec::new();
    for _ in 0..total {
        for (_, weight, credit) in &mut slots {
            *credit += *weight;
        }
        // The first of the richest goes: ties keep the order of the assignment.
        let mut best: Option<&mut (u32, i64, i64)> = None;
        for slot in &mut slots {
            if best.as_ref().is_none_or(|best| slot.2 > best.2) {
                best = Some(slot);
            }
        }
        if let Some(best) = best {
            best.2 -= total;
            turns.push(best.0);
        }
    }
    turns
}

fn gcd(a: u64, b: u64) -> u64 {
    if b == 0 { a } else { gcd(b, a % b) }
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::resources::{address::Address, endpoint::EndpointConfig};

    fn set(members: &[(u32, u32, Health)]) -> EndpointSet {
        let configs = (1u16..)
            .zip(members)
            .map(|(port, (weight, priority, health))| EndpointConfig {
                address: Address::Ip(([127, 0, 0, 1], port).into()),
                hostname: "".into(),
                weight: *weight,
                priority: *priority,
                health: *health,
            })
            .collect();
        EndpointSet::following(&EndpointSet::default(), configs)
    }

    fn ports(set: &EndpointSet, picks: usize) -> Vec<u16> {
        let schedule = Schedule::new(set, 1, || 0);
        let port = |member: &Member| match member.endpoint.address {
            Address::Ip(address) => address.port(),
            Address::Pipe(_) => 0,
        };
        (0..picks)
            .filter_map(|_| schedule.pick(set, RowId(0)).map(port))
            .collect()
    }

    #[test]
    fn endpoints_take_turns() {
        use Health::Healthy;
        assert_eq!(
            ports(
                &set(&[(1, 0, Healthy), (1, 0, Healthy), (1, 0, Healthy)]),
                5
            ),
            [1, 2, 3, 1, 2]
        );
        assert_eq!(ports(&set(&[]), 1), [0u16; 0]);
    }

    #[test]
    fn weights_are_kept_and_spread() {
        use Health::Healthy;
        assert_eq!(
            ports(&set(&[(10, 0, Healthy), (5, 0, Healthy)]), 6),
            [1, 2, 1, 1, 2, 1]
        );
        let many = ports(&set(&[(u32::MAX, 0, Healthy), (1, 0, Healthy)]), 5000);
        assert!(many.contains(&2), "the smallest weight still has its turn");
    }

    #[test]
    fn health_and_priority_decide() {
        use Health::{Degraded, Healthy, Unhealthy};
        assert_eq!(
            ports(
                &set(&[(1, 0, Unhealthy), (1, 0, Healthy), (1, 0, Healthy)]),
                3
            ),
            [2, 3, 2]
        );
        assert_eq!(
            ports(&set(&[(1, 0, Unhealthy), (1, 1, Healthy)]), 2),
            [2, 2]
        );
        assert_eq!(
            ports(&set(&[(1, 0, Degraded), (1, 0, Degraded)]), 2),
            [1, 2]
        );
        assert_eq!(
            ports(
                &set(&[(1, 0, Unhealthy), (1, 0, Unhealthy), (1, 0, Healthy)]),
                3
            ),
            [1, 2, 3],
            "panic"
        );
        assert_eq!(ports(&set(&[(1, 0, Unhealthy)]), 1), [1], "panic");
    }
}
