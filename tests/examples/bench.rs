//! The benchmark's runner: starts origin and peers, runs the rounds, writes the tables.
//!
//! `tests/bench/run.sh` builds everything and calls it; the method stands in `portway_tests::bench`.

use std::{
    fs,
    net::SocketAddr,
    path::{Path, PathBuf},
    time::Duration,
};

use clap::{Parser, ValueEnum};
use portway_tests::{
    bench::{
        measure::{self, Plan},
        peers::{Peer, Proxy},
        report::{self, Comparison, Memory},
        tables::{Routes, Table},
    },
    clock,
};
use serde_json::json;

#[derive(Parser)]
struct Options {
    /// What to measure; everything when left out.
    #[arg(long, value_enum, value_delimiter = ',')]
    only: Vec<Part>,
    /// The peers; portway is left out where no program is given.
    #[arg(
        long,
        value_enum,
        value_delimiter = ',',
        default_value = "envoy,nginx,haproxy-http,haproxy-tcp,portway"
    )]
    peers: Vec<Name>,
    /// The portway-proxy to measure, built with the dist profile.
    #[arg(long, env = "PORTWAY_PROXY")]
    proxy: Option<PathBuf>,
    #[arg(long, default_value_t = 5)]
    rounds: usize,
    /// Seconds of each peer's turn.
    #[arg(long, default_value_t = 5.0)]
    seconds: f64,
    #[arg(long, default_value_t = 64)]
    connections: usize,
    /// Requests per second for the latency comparison.
    #[arg(long, default_value_t = 10_000.0)]
    rate: f64,
    /// Sizes of the route tables.
    #[arg(long, value_delimiter = ',', default_value = "1,1000,10000,100000")]
    sizes: Vec<usize>,
    /// Envoy scans routes one by one: beyond this many it is not asked.
    #[arg(long, default_value_t = 10_000)]
    envoy_routes: usize,
    #[arg(long, default_value_t = 9_000)]
    idle_connections: usize,
    /// Shows that everything works: one round of one second, small tables.
    #[arg(long)]
    smoke: bool,
    /// Where benchmarks.md and benchmarks.json go.
    #[arg(long, default_value = "tests/bench/out")]
    out: PathBuf,
}

#[derive(Clone, Copy, PartialEq, Eq, ValueEnum)]
enum Part {
    Plain,
    Latency,
    RoutesA,
    RoutesB,
    RoutesC,
    Memory,
}

#[derive(Clone, Copy, PartialEq, Eq, ValueEnum)]
enum Name {
    Envoy,
    Nginx,
    HaproxyHttp,
    HaproxyTcp,
    Portway,
}

struct Bench {
    options: Options,
    proxies: Vec<Proxy>,
    origin: SocketAddr,
    dir: tempfile::TempDir,
}

fn main() {
    let mut options = Options::parse();
    if options.smoke {
        options.rounds = 1;
        options.seconds = 1.0;
        options.sizes.retain(|&size| size <= 1_000);
        options.idle_connections = options.idle_connections.min(500);
    }
    let dir = tempfile::tempdir().expect("a temporary directory");
    let (_origin, origin) = measure::origin(dir.path());
    let bench = Bench {
        proxies: proxies(&options),
        options,
        origin,
        dir,
    };
    bench.run();
}

fn proxies(options: &Options) -> Vec<Proxy> {
    options
        .peers
        .iter()
        .filter_map(|name| match name {
            Name::Envoy => Some(Proxy::Envoy),
            Name::Nginx => Some(Proxy::Nginx),
            Name::HaproxyHttp => Some(Proxy::HaproxyHttp),
            Name::HaproxyTcp => Some(Proxy::HaproxyTcp),
            Name::Portway => match &options.proxy {
                Some(program) => Some(Proxy::Portway(program.clone())),
                None => {
                    eprintln!("portway is left out: give --proxy PROGRAM");
                    None
                }
            },
        })
        .collect()
}

impl Bench {
    fn run(&self) {
        let mut comparisons = Vec::new();
        if self.wanted(Part::Plain) {
            comparisons.push(self.plain("HTTP/1.1, one route", None));
        }
        if self.wanted(Part::Latency) {
            let rate = Some(self.options.rate);
            comparisons.push(self.plain("HTTP/1.1, one route, fixed load", rate));
        }
        for (part, table) in [
            (Part::RoutesA, Table::Prefixes),
            (Part::RoutesB, Table::Mixed),
            (Part::RoutesC, Table::NoMatch),
        ] {
            if self.wanted(part) {
                comparisons.push(self.routes(table));
            }
        }
        let memory = match self.wanted(Part::Memory) {
            true => self.memory(),
            false => Vec::new(),
        };
        self.write(&comparisons, &memory);
        let unexpected: u64 = comparisons.iter().map(Comparison::unexpected).sum();
        assert_eq!(unexpected, 0, "unexpected responses");
    }

    fn wanted(&self, part: Part) -> bool {
        self.options.only.is_empty() || self.options.only.contains(&part)
    }

    fn plan(&self, rate: Option<f64>) -> Plan {
        Plan {
            rounds: self.options.rounds,
            warmup: 0.5,
            seconds: self.options.seconds,
            connections: self.options.connections,
            rate,
        }
    }

    fn start(&self, proxy: &Proxy, name: &str, routes: &Routes) -> Peer {
        Peer::start(proxy, name, self.origin, routes, self.dir.path())
    }

    fn compare(
        &self,
        title: String,
        against: &[String],
        peers: &[Peer],
        rate: Option<f64>,
    ) -> Comparison {
        eprintln!("{title}");
        let plan = self.plan(rate);
        let rounds = measure::rounds(peers, plan, |round| {
            eprintln!(
                "  {:<20} {:>8.1} us {:>8.0} rps  p99 {:>6.0} us  unexpected {}",
                round.peer, round.cpu_us, round.rps, round.p99_us, round.unexpected
            );
        });
        Comparison {
            title,
            against: against.to_vec(),
            rounds,
            plan,
        }
    }

    fn plain(&self, title: &str, rate: Option<f64>) -> Comparison {
        let routes = plain_route();
        let peers: Vec<Peer> = self
            .proxies
            .iter()
            .map(|proxy| self.start(proxy, proxy.name(), &routes))
            .collect();
        let against: Vec<String> = self
            .proxies
            .iter()
            .filter(|proxy| !matches!(proxy, Proxy::Portway(_) | Proxy::HaproxyHttp))
            .map(|proxy| proxy.name().into())
            .collect();
        self.compare(title.into(), &against, &peers, rate)
    }

    fn routes(&self, table: Table) -> Comparison {
        let mut peers = Vec::new();
        let mut against = Vec::new();
        for proxy in self.proxies.iter().filter(|proxy| proxy.takes_routes()) {
            for &size in &self.options.sizes {
                if *proxy == Proxy::Envoy && size > self.options.envoy_routes {
                    continue;
                }
                let name = format!("{}-{size}", proxy.name());
                peers.push(self.start(proxy, &name, &table.routes(size, "origin")));
            }
            if let Some(first) = self.options.sizes.first() {
                against.push(format!("{}-{first}", proxy.name()));
            }
        }
        let title = format!("Route table ({})", table.letter());
        self.compare(title, &against, &peers, None)
    }

    fn memory(&self) -> Vec<Memory> {
        let routes = plain_route();
        let count = self.options.idle_connections;
        self.proxies
            .iter()
            .map(|proxy| {
                let peer = self.start(proxy, &format!("{}-memory", proxy.name()), &routes);
                clock::pause(Duration::from_secs(if self.options.smoke { 1 } else { 10 }));
                let idle = peer.process.resident();
                // The relay holds an upstream connection for each: the origin's memory, not a proxy's art.
                let held = (*proxy != Proxy::HaproxyTcp).then(|| {
                    let (_, resident) = measure::idle_connections(&peer, count);
                    (count, resident)
                });
                eprintln!("  {:<20} idle {} held {held:?}", peer.name, idle);
                Memory {
                    peer: proxy.name().into(),
                    idle,
                    held,
                }
            })
            .collect()
    }

    fn write(&self, comparisons: &[Comparison], memory: &[Memory]) {
        let mut text: Vec<String> = comparisons.iter().map(Comparison::markdown).collect();
        if !memory.is_empty() {
            text.push(report::memory_markdown(memory));
        }
        let text = text.join("\n");
        println!("{text}");
        let values: Vec<_> = comparisons.iter().map(Comparison::json).collect();
        let result = json!({ "comparisons": values, "memory": report::memory_json(memory) });
        let out = &self.options.out;
        fs::create_dir_all(out).expect("make the folder for results");
        write(&out.join("benchmarks.md"), &text);
        write(&out.join("benchmarks.json"), &format!("{result:#}\n"));
    }
}

fn write(path: &Path, text: &str) {
    fs::write(path, text)
        .unwrap_or_else(|error| panic!("cannot write {}: {error}", path.display()));
    eprintln!("wrote {}", path.display());
}

fn plain_route() -> Routes {
    Routes {
        yaml: vec!["- {match: {prefix: \"/\"}, route: {cluster: origin}}".into()],
        requests: "GET\t/\n".into(),
        expect: 200,
    }
}
