//! The two proxies that every table compares, started alike.

use std::{
    fmt,
    net::{Ipv4Addr, SocketAddr},
    path::{Path, PathBuf},
    process::Command,
    time::Duration,
};

use crate::{client, process::Process, program};

/// Which proxy.
#[derive(Clone, Copy, Debug, PartialEq, Eq, Hash)]
pub enum Kind {
    Envoy,
    Portway,
}

impl Kind {
    pub fn program(self) -> PathBuf {
        match self {
            Self::Envoy => program::envoy(),
            Self::Portway => program::portway_proxy(),
        }
    }

    /// The command line both understand, and what only Envoy needs to be still and prompt.
    pub fn command(self, config: &Path) -> Command {
        let mut command = Command::new(self.program());
        command.arg("-c").arg(config).args(["--concurrency", "1"]);
        if self == Self::Envoy {
            command.args(["--disable-hot-restart", "--log-level", "warning"]);
            command.args(["--file-flush-interval-msec", "50"]);
        }
        command
    }

    /// Asks the engine's validate mode; gives the verdict and what was printed.
    pub fn validate(self, config: &Path) -> (bool, String) {
        let output = self
            .command(config)
            .args(["--mode", "validate"])
            .output()
            .unwrap_or_else(|error| panic!("cannot start {self} to validate: {error}"));
        let mut printed = String::from_utf8_lossy(&output.stdout).into_owned();
        printed.push_str(&String::from_utf8_lossy(&output.stderr));
        (output.status.success(), printed)
    }
}

impl fmt::Display for Kind {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.write_str(match self {
            Self::Envoy => "envoy",
            Self::Portway => "portway",
        })
    }
}

/// A running proxy.
pub struct Engine {
    pub kind: Kind,
    pub process: Process,
    pub admin: SocketAddr,
}

impl Engine {
    /// Starts a proxy on a bootstrap whose admin listens on `admin` of 127.0.0.1, and waits until it is ready.
    /// The bootstrap and the log stay in `dir`.
    pub fn start(kind: Kind, bootstrap: &str, admin: u16, dir: &Path) -> Self {
        let config = dir.join(format!("{kind}.yaml"));
        std::fs::write(&config, bootstrap).expect("write the bootstrap");
        Self::start_file(kind, &config, admin, dir, |_| {})
    }

    /// The same with a bootstrap that lies ready; `adjust` may add to the command line.
    pub fn start_file(
        kind: Kind,
        config: &Path,
        admin: u16,
        dir: &Path,
        adjust: impl FnOnce(&mut Command),
    ) -> Self {
        let mut command = kind.command(config);
        adjust(&mut command);
        let mut process = Process::start(&kind.to_string(), &mut command, dir);
        let admin = SocketAddr::from((Ipv4Addr::LOCALHOST, admin));
        process.wait_ready("ready", Duration::from_secs(120), || is_ready(admin));
        Self {
            kind,
            process,
            admin,
        }
    }

    /// The body of an admin page.
    pub fn admin(&self, path: &str) -> String {
        let page = client::fetch(self.admin, &request(path))
            .unwrap_or_else(|| panic!("{}'s admin does not answer {path}", self.kind));
        assert_eq!(page.status(), 200, "admin {path} answered {}", page.line);
        String::from_utf8_lossy(&page.body).into_owned()
    }
}

fn is_ready(admin: SocketAddr) -> bool {
    // Before the admin listens there is no answer; that is no error yet.
    client::fetch(admin, &request("/ready")).is_some_and(|page| page.status() == 200)
}

fn request(path: &str) -> String {
    format!("GET {path} HTTP/1.1\r\nhost: admin\r\nconnection: close\r\n\r\n")
}
