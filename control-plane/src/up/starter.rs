//! The file to start from, and the echo service behind it.

use std::io::{self, Write};
use std::net::{Ipv4Addr, SocketAddr, TcpListener};
use std::path::{Path, PathBuf};

use portway_proto::pb::portway::v1 as pb;
use prost::Message;

use crate::cli::Failure;
use crate::store::Object;

const NAME: &str = "portway.yaml";
/// Where the echo service listens unless that port is taken.
const ECHO_PORT: u16 = 8081;
/// The Service that the echo service stands in for.
const SERVICE: &str = "echo";

/// The file that `portway up` without arguments serves.
pub(super) struct Starter {
    pub(super) path: PathBuf,
    /// It was not there before.
    pub(super) written: bool,
}

/// Writes the starter file, unless it exists.
pub(super) fn prepare(dir: &Path) -> Result<Starter, Failure> {
    let path = match dir.as_os_str() == "." {
        true => PathBuf::from(NAME),
        false => dir.join(NAME),
    };
    let made = std::fs::File::options()
        .write(true)
        .create_new(true)
        .open(&path);
    let written = match made {
        Ok(mut file) => {
            file.write_all(text(free_port()?).as_bytes())?;
            true
        }
        Err(cause) if cause.kind() == io::ErrorKind::AlreadyExists => false,
        Err(cause) => return Err(format!("cannot write {}: {cause}", path.display()).into()),
    };
    Ok(Starter { path, written })
}

fn free_port() -> io::Result<u16> {
    let try_port = |port| TcpListener::bind((Ipv4Addr::LOCALHOST, port));
    let listener = try_port(ECHO_PORT).or_else(|_| try_port(0))?;
    Ok(listener.local_addr()?.port())
}

/// Where the echo service is wanted: the only endpoint of a Service `echo`, if it is on this machine.
pub(super) fn wanted(objects: &[Object]) -> Option<SocketAddr> {
    let object = objects
        .iter()
        .find(|object| object.key.kind == "Service" && object.key.name == SERVICE)?;
    let spec = pb::ServiceSpec::decode(object.spec.clone()).ok()?;
    let [endpoint] = spec.endpoints.as_slice() else {
        return None;
    };
    let address = SocketAddr::new(
        endpoint.address.parse().ok()?,
        u16::try_from(endpoint.port).ok()?,
    );
    address.ip().is_loopback().then_some(address)
}

fn text(echo_port: u16) -> String {
    format!(
        r#"# A gateway to start from. `portway up` serves this file and follows it: save a change, and it is live.
# A mistake changes nothing; it is shown with its line, and what was served before stays.

# Where the proxy listens.
apiVersion: portway.v1
kind: Gateway
metadata: {{name: public}}
spec:
  listeners:
    - {{name: http, address: 127.0.0.1, port: 8080}}
---
# Which requests go where. The first rule that matches acts.
apiVersion: portway.v1
kind: Route
metadata: {{name: start}}
spec:
  gateways: [public]
  # hostnames: [www.example.com]      # without it: every host
  rules:
    - matches:
        - path: {{exact: /hello}}
      direct_response: {{status: 200, body: "hello from portway\n"}}
    # - matches:
    #     - path: {{prefix: /old}}
    #   redirect: {{prefix_rewrite: /new, status: 301}}
    - forward:
        services: [{{name: echo}}]
        timeout: 5s
---
# What requests are forwarded to. While nothing else listens there, `portway up` without -f answers itself and
# shows the request as it arrived. Put your own server's address here.
apiVersion: portway.v1
kind: Service
metadata: {{name: echo}}
spec:
  endpoints:
    - {{address: 127.0.0.1, port: {echo_port}}}
  # dns: {{name: shop.internal, port: 3000}}      # instead of endpoints
"#
    )
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::model::{SourceFile, load_set};

    #[test]
    fn the_starter_file_is_valid_names_the_echo_service_and_is_written_once() {
        let dir = tempfile::tempdir().unwrap();
        let starter = prepare(dir.path()).unwrap();
        assert!(starter.written);
        let bytes = std::fs::read(&starter.path).unwrap();
        let file = SourceFile {
            name: "portway.yaml",
            bytes: &bytes,
        };
        let set = load_set(&[file]).unwrap_or_else(|found| panic!("{found:?}"));
        assert!(set.warnings().is_empty());
        let echo = wanted(set.objects()).unwrap();
        assert_eq!(echo.ip(), Ipv4Addr::LOCALHOST);
        std::fs::write(&starter.path, "mine").unwrap();
        assert!(!prepare(dir.path()).unwrap().written);
        assert_eq!(std::fs::read_to_string(&starter.path).unwrap(), "mine");
    }
}
