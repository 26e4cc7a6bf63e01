//! `portway up` and `portway proxy`: a whole gateway in one process.
//!
//! A control plane with its store, and a proxy that joins it by a pipe with real xDS on it (`engine`). `starter` has
//! the file that is written where there is none, and the echo service behind it; `watch` says when the files
//! changed. What is in the files goes through the same door as `portway apply`, so that history, rollback and status
//! work beside it, and a real Envoy can join over the Unix socket.
//!
//! A file with errors changes nothing: what was served before stays.

mod echo;
mod engine;
mod session;
mod starter;
mod watch;

use std::path::{Path, PathBuf};
use std::time::Duration;

use clap::Args;
use portway_proto::pb::portway::v1::SourceFile;

use self::session::{Input, Session};
use crate::cli::{Failure, Outcome};
use crate::server::Address;

/// How long open connections are waited for at the end.
pub(crate) const PATIENCE: Duration = Duration::from_secs(10);

/// Run a gateway from files, and follow them as they change.
#[derive(Debug, Args)]
#[command(
    after_help = "Examples:\n  portway up\n  portway up -f config/\n\nWithout -f the file is portway.yaml of this directory; where there is none, one to start from is written."
)]
pub(crate) struct UpOptions {
    /// A file, or a directory with files.
    #[arg(short = 'f', long = "file", value_name = "PATH")]
    file: Option<PathBuf>,
    /// Where revisions are kept. By default .portway beside the files.
    #[arg(long, value_name = "DIR")]
    data_dir: Option<PathBuf>,
    /// Threads of the proxy. By default one per core.
    #[arg(long, value_name = "N")]
    concurrency: Option<usize>,
}

/// Forward everything from one port to one server.
#[derive(Debug, Args)]
#[command(after_help = "Example:\n  portway proxy --from :8080 --to localhost:3000")]
pub(crate) struct ProxyOptions {
    /// Where to listen: HOST:PORT, or :PORT for every address.
    #[arg(long, value_name = "ADDRESS")]
    from: Address,
    /// Where to forward to: HOST:PORT.
    #[arg(long, value_name = "ADDRESS")]
    to: Address,
    /// Threads of the proxy. By default one per core.
    #[arg(long, value_name = "N")]
    concurrency: Option<usize>,
}

pub(crate) async fn up(options: UpOptions) -> Outcome {
    let (path, starter) = match options.file {
        Some(path) => (path, None),
        None => {
            let starter = starter::prepare(Path::new("."))?;
            (starter.path.clone(), Some(starter))
        }
    };
    let data_dir = options.data_dir.unwrap_or_else(|| beside(&path));
    let session = Session {
        input: Input::Files(path),
        data_dir,
        starter,
        workers: workers(options.concurrency),
    };
    session.run().await
}

pub(crate) async fn proxy(options: ProxyOptions) -> Outcome {
    let text = forwarding(&options.from, &options.to)?;
    let file = SourceFile {
        name: "portway proxy".to_owned(),
        content: text.into(),
    };
    // Removed at the end.
    let data_dir = tempfile::tempdir()?;
    let session = Session {
        input: Input::Fixed(file),
        data_dir: data_dir.path().to_owned(),
        starter: None,
        workers: workers(options.concurrency),
    };
    session.run().await
}

fn workers(wanted: Option<usize>) -> usize {
    match wanted {
        Some(wanted) if wanted > 0 => wanted,
        _ => std::thread::available_parallelism().map_or(1, usize::from),
    }
}

/// The data directory of files that have none.
fn beside(path: &Path) -> PathBuf {
    let dir = match path.is_dir() {
        true => path,
        false => path.parent().unwrap_or(Path::new("")),
    };
    dir.join(".portway")
}

fn forwarding(from: &Address, to: &Address) -> Result<String, Failure> {
    let Address::Tcp { host, port } = from else {
        return Err("--from: write HOST:PORT or :PORT".into());
    };
    let Address::Tcp {
        host: server,
        port: server_port,
    } = to
    else {
        return Err("--to: write HOST:PORT".into());
    };
    let listen = match host.as_str() {
        "localhost" => "127.0.0.1",
        host => host,
    };
    if listen.parse::<std::net::IpAddr>().is_err() {
        return Err(format!(
            "--from: {listen:?} is no address of this machine; write an IP address, or :{port}"
        )
        .into());
    }
    let place = match server.parse::<std::net::IpAddr>() {
        Ok(address) => format!("endpoints: [{{address: \"{address}\", port: {server_port}}}]"),
        Err(_) => {
            let name = serde_json::Value::from(server.as_str());
            format!("dns: {{name: {name}, port: {server_port}}}")
        }
    };
    Ok(format!(
        "apiVersion: portway.v1\nkind: Gateway\nmetadata: {{name: from}}\nspec:\n  listeners: [{{name: http, address: \"{listen}\", port: {port}}}]\n\
         ---\napiVersion: portway.v1\nkind: Route\nmetadata: {{name: all}}\nspec:\n  gateways: [from]\n  rules: [{{forward: {{services: [{{name: to}}], timeout: 0s}}}}]\n\
         ---\napiVersion: portway.v1\nkind: Service\nmetadata: {{name: to}}\nspec:\n  {place}\n"
    ))
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::model::{SourceFile, load_set};

    #[test]
    fn a_proxy_without_a_file_is_a_configuration_like_any_other() {
        for (from, to) in [
            (":8080", "localhost:3000"),
            ("127.0.0.1:8080", "127.0.0.1:3000"),
            ("[::1]:8080", "[::1]:3000"),
            ("localhost:8080", "shop.example.com:80"),
        ] {
            let text = forwarding(&from.parse().unwrap(), &to.parse().unwrap()).unwrap();
            let file = SourceFile {
                name: "proxy",
                bytes: text.as_bytes(),
            };
            let set = load_set(&[file]).unwrap_or_else(|found| panic!("{found:?}\n{text}"));
            assert_eq!(set.objects().len(), 3);
        }
        let elsewhere = forwarding(&"example.com:1".parse().unwrap(), &":2".parse().unwrap());
        assert!(elsewhere.is_err());
    }
}
