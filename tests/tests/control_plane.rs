//! The control plane as operators meet it: real programs, from a file to an answered request and back to the file.

use std::{
    fs,
    net::{Ipv4Addr, SocketAddr},
    path::{Path, PathBuf},
    process::{Command, Output},
    time::Duration,
};

use portway_tests::{
    client,
    clock::{Deadline, PATIENCE, now, poll},
    engine::Kind,
    ports,
    process::Process,
    program,
};
use rustix::process::Signal;
use serde_json::Value;
use tempfile::TempDir;

/// A directory with the operator's files and the control plane's data.
struct Site {
    dir: TempDir,
    port: u16,
}

impl Site {
    fn new() -> Self {
        Self {
            dir: tempfile::tempdir().expect("a directory"),
            port: ports::free(),
        }
    }

    fn path(&self, name: &str) -> PathBuf {
        self.dir.path().join(name)
    }

    /// A gateway that answers every request itself.
    fn configuration(&self, body: &str) -> String {
        let port = self.port;
        format!(
            "apiVersion: portway.v1
kind: Gateway
metadata: {{name: public}}
spec:
  listeners: [{{name: http, address: 127.0.0.1, port: {port}}}]
---
apiVersion: portway.v1
kind: Route
metadata: {{name: all}}
spec:
  gateways: [public]
  rules:
    - direct_response: {{status: 200, body: {body}}}
"
        )
    }

    /// Saves the way editors do.
    fn save(&self, name: &str, text: &str) {
        let draft = self.path(&format!(".{name}.tmp"));
        fs::write(&draft, text).expect("write the draft");
        fs::rename(draft, self.path(name)).expect("rename the draft");
    }

    fn portway(&self, arguments: &[&str]) -> Command {
        let mut command = Command::new(program::portway());
        command
            .args(arguments)
            .current_dir(self.dir.path())
            .env("PORTWAY_API_ADDRESS", "unix:.portway/api.sock");
        command
    }

    fn run(&self, arguments: &[&str]) -> Output {
        self.portway(arguments).output().expect("start portway")
    }

    /// What a verb prints with `-o json`.
    fn json(&self, arguments: &[&str]) -> Value {
        let output = self.run(&[arguments, &["-o", "json"]].concat());
        serde_json::from_slice(&output.stdout).unwrap_or_else(|error| {
            let told = String::from_utf8_lossy(&output.stderr);
            panic!("{arguments:?} printed no JSON: {error}\n{told}")
        })
    }

    fn start_control_plane(&self) -> Process {
        let mut command = self.portway(&["control-plane"]);
        let mut process = Process::start("control-plane", &mut command, self.dir.path());
        let socket = self.path(".portway/api.sock");
        process.wait_ready("listening", PATIENCE, || socket.exists());
        process
    }

    /// A proxy that joins with the bootstrap that `portway envoy bootstrap` prints.
    fn start_proxy(&self, kind: Kind, id: &str) -> Process {
        let bootstrap = self.run(&["envoy", "bootstrap", "--node-id", id]);
        let path = self.path(&format!(".{id}-bootstrap.yaml"));
        fs::write(&path, bootstrap.stdout).expect("write the bootstrap");
        Process::start(id, &mut kind.command(&path), self.dir.path())
    }

    fn get(&self) -> Option<String> {
        let address = SocketAddr::from((Ipv4Addr::LOCALHOST, self.port));
        let request = "GET / HTTP/1.1\r\nhost: shop\r\nconnection: close\r\n\r\n";
        let answer = client::fetch(address, request)?;
        (answer.status() == 200).then(|| String::from_utf8_lossy(&answer.body).into_owned())
    }

    fn wait_for(&self, body: &str) -> bool {
        let answered = || (self.get().as_deref() == Some(body)).then_some(());
        poll(Deadline::after(PATIENCE), answered).is_some()
    }

    /// The status row of a node, once it satisfies the condition.
    fn row(&self, id: &str, satisfies: impl Fn(&Value) -> bool) -> Value {
        let found = poll(Deadline::after(PATIENCE), || {
            let status = self.json(&["status", id]);
            let row = status["nodes"].get(0)?;
            satisfies(row).then(|| row.clone())
        });
        found.unwrap_or_else(|| panic!("{id}: {:#}", self.json(&["status"])))
    }
}

/// Whether a node runs a revision completely.
fn on(revision: &'static str) -> impl Fn(&Value) -> bool {
    move |row| row["revision"] == revision
}

fn code(output: &Output) -> Option<i32> {
    output.status.code()
}

fn told(output: &Output) -> String {
    String::from_utf8_lossy(&output.stderr).into_owned()
}

#[test]
fn one_revision_is_live_on_both_engines_and_a_bad_resource_leads_back_to_its_line() {
    let site = Site::new();
    let _plane = site.start_control_plane();
    let ours = site.start_proxy(Kind::Portway, "ours");
    let _envoy = site.start_proxy(Kind::Envoy, "envoy");
    site.save("shop.yaml", &site.configuration("first"));
    let applied = site.run(&["apply", "shop.yaml"]);
    assert_eq!(code(&applied), Some(0), "{}", told(&applied));
    assert!(site.wait_for("first"));
    assert_eq!(site.row("ours", on("1"))["class"], "PORTWAY");
    assert_eq!(site.row("envoy", on("1"))["class"], "ENVOY");

    // Envoy alone gets a cluster that only it can judge, and with it a change of the route.
    site.save("shop.yaml", &site.configuration("second"));
    let raw = "# for Envoy only
apiVersion: portway.v1
kind: EnvoyResources
metadata: {name: odd}
spec:
  nodes: {classes: [ENVOY]}
  resources:
    - \"@type\": type.googleapis.com/envoy.config.cluster.v3.Cluster
      name: odd
      type: ORIGINAL_DST
      lb_policy: ROUND_ROBIN
";
    site.save("odd.yaml", raw);
    let applied = site.run(&["apply", "shop.yaml", "odd.yaml"]);
    assert_eq!(code(&applied), Some(0), "{}", told(&applied));
    site.row("ours", on("2"));
    let nacked = |row: &Value| {
        let types = row["types"].as_array();
        types.is_some_and(|types| types.iter().any(|kind| kind["state"] == "NACKED"))
    };
    let row = site.row("envoy", nacked);
    let kinds = row["types"].as_array().expect("types");
    let kind = kinds.iter().find(|kind| kind["state"] == "NACKED");
    let rejection = &kind.expect("a type is NACKED")["rejections"][0];
    assert_eq!(rejection["object"]["name"], "odd", "{row:#}");
    assert_eq!(rejection["file"], "odd.yaml");
    assert_eq!(rejection["line"], 2);
    let human = site.run(&["status"]);
    let human = String::from_utf8_lossy(&human.stdout);
    assert!(
        human.contains("from EnvoyResources/odd at odd.yaml:2"),
        "{human}"
    );

    // Without our proxy on the port, what answers is Envoy: the siblings are live there too.
    drop(ours);
    assert!(site.wait_for("second"));

    // The old revision comes back whole, and Envoy is content again.
    let back = site.run(&["rollback", "1"]);
    assert_eq!(code(&back), Some(0), "{}", told(&back));
    site.row("envoy", on("3"));
    assert!(site.wait_for("first"));
    let diff = site.run(&["diff", "1", "3"]);
    assert_eq!(code(&diff), Some(0));
    let diff = site.run(&["diff", "1", "2"]);
    assert_eq!(code(&diff), Some(2));
}

#[test]
fn verbs_end_with_the_codes_that_they_promise() {
    let site = Site::new();
    let missing = site.run(&["status"]);
    assert_eq!(code(&missing), Some(1));
    assert!(
        told(&missing).contains("no control plane answers"),
        "{}",
        told(&missing)
    );
    assert_eq!(code(&site.run(&["no-such-verb"])), Some(1));
    assert_eq!(code(&site.run(&["apply", "--help"])), Some(0));

    let bad = site.configuration("a").replace("200", "2000");
    site.save("bad.yaml", &bad);
    let refused = site.run(&["validate", "bad.yaml"]);
    assert_eq!(code(&refused), Some(78));
    assert!(
        told(&refused).contains("bad.yaml:13:"),
        "{}",
        told(&refused)
    );
    site.save("good.yaml", &site.configuration("a"));
    assert_eq!(code(&site.run(&["validate", "good.yaml"])), Some(0));

    let mut plane = site.start_control_plane();
    assert_eq!(code(&site.run(&["apply", "bad.yaml"])), Some(78));
    assert_eq!(code(&site.run(&["diff", "-f", "good.yaml"])), Some(2));
    assert_eq!(code(&site.run(&["apply", "good.yaml"])), Some(0));
    assert_eq!(code(&site.run(&["diff", "-f", "good.yaml"])), Some(0));
    let stale = site.run(&["apply", "--expected-revision", "0", "good.yaml"]);
    assert_eq!(code(&stale), Some(1), "{}", told(&stale));
    plane.signal(Signal::TERM);
    let ended = plane.wait_exit(PATIENCE);
    assert_eq!(ended.code(), Some(0), "{}", plane.tail());
}

#[test]
fn an_api_on_tcp_asks_for_its_token() {
    let site = Site::new();
    let address = format!("127.0.0.1:{}", site.port);
    let start = ["control-plane", "--api-address", &address];
    let mut plane = Process::start("control-plane", &mut site.portway(&start), site.dir.path());
    let socket = SocketAddr::from((Ipv4Addr::LOCALHOST, site.port));
    plane.wait_ready("listening", PATIENCE, || {
        std::net::TcpStream::connect(socket).is_ok()
    });
    let without = site.run(&["history", "--api-address", &address]);
    assert_eq!(code(&without), Some(1));
    assert!(
        told(&without).contains("bearer token"),
        "{}",
        told(&without)
    );
    let token = ["--token-file", ".portway/api-token"];
    let with = site.run(&[&["history", "--api-address", &address], &token[..]].concat());
    assert_eq!(code(&with), Some(0), "{}", told(&with));
}

#[test]
fn up_follows_its_file_and_a_mistake_changes_nothing() {
    let site = Site::new();
    site.save("gateway.yaml", &site.configuration("one"));
    let started = now();
    let mut up = start_up(&site);
    assert!(site.wait_for("one"), "{}", up.tail());
    let first = started.elapsed();

    let saved = now();
    site.save("gateway.yaml", &site.configuration("two"));
    assert!(site.wait_for("two"), "{}", up.tail());
    let reload = saved.elapsed();
    // A busy machine and a debug build: the bound is generous, the figures are in the output.
    println!("first request after {first:?}, reload after {reload:?}");
    assert!(reload < Duration::from_secs(5));

    let bad = site
        .configuration("three")
        .replace("status: 200", "status: 2000");
    site.save("gateway.yaml", &bad);
    up.wait_ready("told of the mistake", PATIENCE, || {
        log(site.dir.path()).contains("gateway.yaml:13:")
    });
    assert_eq!(site.get().as_deref(), Some("two"));
    assert_eq!(site.json(&["status"])["revision"], "2");
    site.save("gateway.yaml", &site.configuration("four"));
    assert!(site.wait_for("four"), "{}", up.tail());

    // A port that another process has is an error and not a half.
    let second = Site::new();
    let taken = Site {
        port: site.port,
        ..second
    };
    taken.save("gateway.yaml", &taken.configuration("five"));
    let refused = taken.run(&["up", "-f", "gateway.yaml"]);
    assert_eq!(code(&refused), Some(1));
    assert!(
        told(&refused).contains("cannot listen on"),
        "{}",
        told(&refused)
    );
    taken.save("gateway.yaml", "kind: Nonsense\n");
    assert_eq!(code(&taken.run(&["up", "-f", "gateway.yaml"])), Some(78));

    up.signal(Signal::TERM);
    assert_eq!(up.wait_exit(PATIENCE).code(), Some(0), "{}", up.tail());
}

fn start_up(site: &Site) -> Process {
    let mut command = site.portway(&["up", "-f", "gateway.yaml"]);
    Process::start("up", &mut command, site.dir.path())
}

fn log(dir: &Path) -> String {
    fs::read_to_string(dir.join("up.log")).unwrap_or_default()
}

#[test]
fn proxy_needs_no_file() {
    let site = Site::new();
    let origin = Site::new();
    origin.save("gateway.yaml", &origin.configuration("origin"));
    let _origin = start_up(&origin);
    assert!(origin.wait_for("origin"));
    let from = format!("127.0.0.1:{}", site.port);
    let to = format!("localhost:{}", origin.port);
    let mut command = site.portway(&["proxy", "--from", &from, "--to", &to]);
    let proxy = Process::start("proxy", &mut command, site.dir.path());
    assert!(site.wait_for("origin"), "{}", proxy.tail());
}
