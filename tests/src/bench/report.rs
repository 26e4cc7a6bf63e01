//! Rounds to medians, medians to a table.

use std::fmt::Write;

use serde_json::{Value, json};

use super::measure::{Plan, Round};

/// One comparison: the same load on several peers.
pub struct Comparison {
    pub title: String,
    /// The peer that the ratios refer to, one column each.
    pub against: Vec<String>,
    pub rounds: Vec<Vec<Round>>,
    pub plan: Plan,
}

/// Memory of one peer.
pub struct Memory {
    pub peer: String,
    pub idle: u64,
    /// How many idle connections, and resident memory with them.
    pub held: Option<(usize, u64)>,
}

impl Comparison {
    fn peers(&self) -> impl Iterator<Item = (usize, &str)> {
        self.rounds
            .first()
            .into_iter()
            .flatten()
            .map(|round| round.peer.as_str())
            .enumerate()
    }

    fn median(&self, peer: usize, value: impl Fn(&Round) -> f64) -> f64 {
        median(
            self.rounds
                .iter()
                .map(|round| value(&round[peer]))
                .collect(),
        )
    }

    /// Median of the per-round ratios of processor time per request.
    fn ratio(&self, peer: usize, base: &str) -> Option<f64> {
        let (base, _) = self.peers().find(|(_, name)| *name == base)?;
        let ratios = self
            .rounds
            .iter()
            .map(|round| round[peer].cpu_us / round[base].cpu_us);
        Some(median(ratios.collect()))
    }

    /// Answers that were none, or had the wrong status.
    pub fn unexpected(&self) -> u64 {
        self.rounds
            .iter()
            .flatten()
            .map(|round| round.unexpected)
            .sum()
    }

    pub fn markdown(&self) -> String {
        let plan = self.plan;
        let load = match plan.rate {
            Some(rate) => format!("{rate} requests per second offered"),
            None => "closed loop".into(),
        };
        let mut text = format!(
            "### {}\n\n{} rounds of {} s, {} connections, {load}.\n\n",
            self.title, plan.rounds, plan.seconds, plan.connections
        );
        let against = self.against.iter().map(|base| format!(" CPU / {base} |"));
        let head: String = against.clone().collect();
        let rule: String = against.map(|_| "---:|").collect();
        let _ = writeln!(
            text,
            "| peer | CPU per request |{head} requests/s | p50 | p99 | p99.9 |"
        );
        let _ = writeln!(text, "|---|---:|{rule}---:|---:|---:|---:|");
        for (peer, name) in self.peers() {
            let mut ratios = String::new();
            for base in &self.against {
                let _ = match self.ratio(peer, base) {
                    Some(ratio) => write!(ratios, " {ratio:.2} |"),
                    None => write!(ratios, " |"),
                };
            }
            let _ = writeln!(
                text,
                "| {name} | {:.1} us |{ratios} {:.0} | {:.0} us | {:.0} us | {:.0} us |",
                self.median(peer, |round| round.cpu_us),
                self.median(peer, |round| round.rps),
                self.median(peer, |round| round.p50_us),
                self.median(peer, |round| round.p99_us),
                self.median(peer, |round| round.p999_us),
            );
        }
        match self.unexpected() {
            0 => {}
            count => {
                let _ = writeln!(
                    text,
                    "\n**{count} unexpected responses: this measures nothing.**"
                );
            }
        }
        text
    }

    pub fn json(&self) -> Value {
        let peers: Vec<Value> = self
            .peers()
            .map(|(peer, name)| {
                let ratios: serde_json::Map<String, Value> = self
                    .against
                    .iter()
                    .map(|base| (base.clone(), json!(self.ratio(peer, base))))
                    .collect();
                json!({
                    "peer": name,
                    "cpu_us": self.median(peer, |round| round.cpu_us),
                    "cpu_us_rounds": self.rounds.iter().map(|round| round[peer].cpu_us).collect::<Vec<_>>(),
                    "cpu_ratio": ratios,
                    "rps": self.median(peer, |round| round.rps),
                    "p50_us": self.median(peer, |round| round.p50_us),
                    "p99_us": self.median(peer, |round| round.p99_us),
                    "p999_us": self.median(peer, |round| round.p999_us),
                    "unexpected": self.rounds.iter().map(|round| round[peer].unexpected).sum::<u64>(),
                })
            })
            .collect();
        json!({
            "title": self.title,
            "rounds": self.plan.rounds,
            "seconds": self.plan.seconds,
            "connections": self.plan.connections,
            "rate": self.plan.rate,
            "peers": peers,
        })
    }
}

/// The table of memory.
pub fn memory_markdown(rows: &[Memory]) -> String {
    let mut text = String::from(
        "### Memory\n\nResident, one worker thread; each idle connection has served one request.\n\n\
         | peer | idle | with connections | per connection |\n|---|---:|---:|---:|\n",
    );
    for row in rows {
        let _ = write!(text, "| {} | {:.1} MiB |", row.peer, mib(row.idle));
        let _ = match row.held {
            Some((count, resident)) => writeln!(
                text,
                " {count}: {:.1} MiB | {:.1} KiB |",
                mib(resident),
                resident.saturating_sub(row.idle) as f64 / 1024.0 / count as f64
            ),
            None => writeln!(text, " | |"),
        };
    }
    text
}

pub fn memory_json(rows: &[Memory]) -> Value {
    rows.iter()
        .map(|row| {
            json!({
                "peer": row.peer,
                "idle_bytes": row.idle,
                "connections": row.held.map(|(count, _)| count),
                "held_bytes": row.held.map(|(_, resident)| resident),
            })
        })
        .collect()
}

fn mib(bytes: u64) -> f64 {
    bytes as f64 / 1024.0 / 1024.0
}

fn median(mut values: Vec<f64>) -> f64 {
    values.sort_unstable_by(f64::total_cmp);
    match values.len() {
        0 => f64::NAN,
        count if count % 2 == 1 => values[count / 2],
        count => (values[count / 2 - 1] + values[count / 2]) / 2.0,
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    fn round(peer: &str, cpu_us: f64) -> Round {
        Round {
            peer: peer.into(),
            cpu_us,
            rps: 1.0,
            p50_us: 1.0,
            p99_us: 1.0,
            p999_us: 1.0,
            unexpected: 0,
        }
    }

    #[test]
    fn the_ratio_is_the_median_of_rounds_and_not_the_ratio_of_medians() {
        let comparison = Comparison {
            title: "t".into(),
            against: vec!["b".into()],
            rounds: vec![
                vec![round("a", 10.0), round("b", 20.0)],
                vec![round("a", 30.0), round("b", 30.0)],
                vec![round("a", 20.0), round("b", 80.0)],
            ],
            plan: Plan {
                rounds: 3,
                warmup: 0.0,
                seconds: 1.0,
                connections: 1,
                rate: None,
            },
        };
        assert_eq!(comparison.ratio(0, "b"), Some(0.5));
        assert_eq!(comparison.ratio(0, "c"), None);
        assert!(comparison.markdown().contains("| a | 20.0 us | 0.50 |"));
    }
}
