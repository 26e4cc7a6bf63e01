//! Rounds of load, and the processor time they cost.

use std::{
    io::{BufRead, BufReader, Lines},
    net::SocketAddr,
    path::Path,
    process::{Child, ChildStdout, Command, Stdio},
    time::Duration,
};

use serde_json::Value;

use super::peers::{LOAD_CORE, Peer, pinned};
use crate::{ports, process::Process, program, wire::Wire};

/// How long and how often.
#[derive(Clone, Copy, Debug)]
pub struct Plan {
    pub rounds: usize,
    pub warmup: f64,
    pub seconds: f64,
    pub connections: usize,
    /// Requests per second; `None` for a closed loop.
    pub rate: Option<f64>,
}

/// What one peer did in one round.
#[derive(Clone, Debug)]
pub struct Round {
    pub peer: String,
    /// Processor time per request in microseconds.
    pub cpu_us: f64,
    pub rps: f64,
    pub p50_us: f64,
    pub p99_us: f64,
    pub p999_us: f64,
    /// Responses that had another status, or none. Such a round measures nothing.
    pub unexpected: u64,
}

/// The origin, on the load's core.
pub fn origin(dir: &Path) -> (Process, SocketAddr) {
    let address = SocketAddr::from(([127, 0, 0, 1], ports::free()));
    let mut command = pinned(LOAD_CORE, &program::example("origin"));
    command.arg("--listen").arg(address.to_string());
    let mut process = Process::start("origin", &mut command, dir);
    process.wait_ready("listening", Duration::from_secs(10), || {
        Wire::connect(address).is_ok()
    });
    (process, address)
}

/// Every peer once per round, each round beginning with another one.
pub fn rounds(peers: &[Peer], plan: Plan, mut told: impl FnMut(&Round)) -> Vec<Vec<Round>> {
    (0..plan.rounds)
        .map(|round| {
            let mut measured: Vec<Round> = (0..peers.len())
                .map(|turn| {
                    let peer = &peers[(round + turn) % peers.len()];
                    let result = one(peer, plan);
                    told(&result);
                    result
                })
                .collect();
            // Back into the order of the peers.
            let shift = round % peers.len();
            measured.rotate_right(shift);
            measured
        })
        .collect()
}

fn one(peer: &Peer, plan: Plan) -> Round {
    let mut load = Load::start(peer, |command| {
        command.args(["--connections", &plan.connections.to_string()]);
        command.args(["--warmup", &plan.warmup.to_string()]);
        command.args(["--duration", &plan.seconds.to_string()]);
        if let Some(rate) = plan.rate {
            command.args(["--rate", &rate.to_string()]);
        }
    });
    assert_eq!(load.line(), "warm", "the load generator's first word");
    let before = peer.process.cpu().total();
    let result: Value = serde_json::from_str(&load.line()).expect("the load generator's result");
    let used = peer.process.cpu().total() - before;
    let number = |key: &str| result[key].as_f64().unwrap_or(f64::NAN);
    Round {
        peer: peer.name.clone(),
        cpu_us: used * 1e6 / number("requests"),
        rps: number("rps"),
        p50_us: number("p50_us"),
        p99_us: number("p99_us"),
        p999_us: number("p999_us"),
        unexpected: result["unexpected"].as_u64().unwrap_or(u64::MAX),
    }
}

/// Resident memory before and while `count` connections, each of which has served a request, lie idle.
pub fn idle_connections(peer: &Peer, count: usize) -> (u64, u64) {
    let before = peer.process.resident();
    let mut load = Load::start(peer, |command| {
        command.arg("--hold");
        command.args(["--connections", &count.to_string()]);
    });
    let held = load.line();
    assert_eq!(
        held,
        format!("held {count} unexpected 0"),
        "{} does not hold {count} connections",
        peer.name
    );
    // Whatever the peer frees lazily should be gone.
    crate::clock::pause(Duration::from_secs(2));
    (before, peer.process.resident())
}

struct Load {
    child: Child,
    lines: Lines<BufReader<ChildStdout>>,
}

impl Load {
    fn start(peer: &Peer, adjust: impl FnOnce(&mut Command)) -> Self {
        let mut command = pinned(LOAD_CORE, &program::example("load"));
        command.arg("--to").arg(peer.address.to_string());
        command.arg("--requests").arg(&peer.requests);
        command.args(["--expect", &peer.expect.to_string()]);
        adjust(&mut command);
        let mut child = command
            .stdin(Stdio::piped())
            .stdout(Stdio::piped())
            .spawn()
            .expect("start the load generator");
        let stdout = child.stdout.take().expect("a piped output");
        Self {
            child,
            lines: BufReader::new(stdout).lines(),
        }
    }

    fn line(&mut self) -> String {
        self.lines
            .next()
            .expect("the load generator ended early; its error stands above")
            .expect("read from the load generator")
    }
}

impl Drop for Load {
    fn drop(&mut self) {
        // Either fails only when it has ended already.
        let _ = self.child.kill();
        let _ = self.child.wait();
    }
}
