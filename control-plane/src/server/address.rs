//! Addresses as an operator writes them, and sockets on them.
//!
//! A Unix socket appears under its name with mode 0600 already set: it is made under another name, closed to
//! others, and moved into place. One that a dead process left behind is replaced; one that answers is not.

use std::fmt;
use std::io;
use std::net::SocketAddr;
use std::os::unix::fs::PermissionsExt;
use std::path::{Path, PathBuf};
use std::str::FromStr;

use tokio::net::{TcpListener, UnixListener, UnixStream};

/// `unix:PATH` or `host:port`.
#[derive(Clone, Debug, PartialEq, Eq)]
pub enum Address {
    Unix(PathBuf),
    Tcp { host: String, port: u16 },
}

/// A text that is no address.
#[derive(Clone, Debug, PartialEq, Eq, thiserror::Error)]
#[error(
    "{0:?} is no address; write unix:PATH or HOST:PORT, such as unix:/run/portway/api.sock or 127.0.0.1:9000"
)]
pub struct AddressError(String);

impl FromStr for Address {
    type Err = AddressError;

    fn from_str(text: &str) -> Result<Self, AddressError> {
        let wrong = || AddressError(text.to_owned());
        if let Some(path) = text.strip_prefix("unix:") {
            let path = path.strip_prefix("//").unwrap_or(path);
            return match path {
                "" => Err(wrong()),
                path => Ok(Self::Unix(path.into())),
            };
        }
        let (host, port) = text.rsplit_once(':').ok_or_else(wrong)?;
        let bare = host.strip_prefix('[').and_then(|h| h.strip_suffix(']'));
        let host = match bare {
            Some(bare) => bare,
            None if host.contains(':') || host.contains('/') => return Err(wrong()),
            None => host,
        };
        let port = port.parse().map_err(|_| wrong())?;
        let host = match host {
            "" => "0.0.0.0",
            host => host,
        };
        Ok(Self::Tcp {
            host: host.to_owned(),
            port,
        })
    }
}

impl fmt::Display for Address {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        match self {
            Self::Unix(path) => write!(f, "unix:{}", path.display()),
            Self::Tcp { host, port } if host.contains(':') => write!(f, "[{host}]:{port}"),
            Self::Tcp { host, port } => write!(f, "{host}:{port}"),
        }
    }
}

/// Why there is no socket on an address.
#[derive(Debug, thiserror::Error)]
pub enum BindError {
    #[error("{0}: another process serves there; stop it first, or choose another address")]
    InUse(Address),
    #[error(
        "{0} is reachable from other machines and plain TCP protects nothing; use a loopback address or a Unix socket, or pass --insecure-tcp"
    )]
    Exposed(Address),
    #[error(
        "{address}: the path is longer than the 107 bytes that a Unix socket may have; choose a shorter one"
    )]
    TooLong { address: Address },
    #[error("cannot listen on {address}: {cause}")]
    Io { address: Address, cause: io::Error },
}

/// A listening socket.
#[derive(Debug)]
pub enum Bound {
    Unix(UnixSocket),
    /// With the port that was taken, if the address left it open.
    Tcp(Address, TcpListener),
}

#[derive(Debug)]
pub struct UnixSocket {
    address: Address,
    pub(super) listener: UnixListener,
}

impl Bound {
    pub fn address(&self) -> &Address {
        match self {
            Self::Unix(socket) => &socket.address,
            Self::Tcp(address, _) => address,
        }
    }
}

impl Address {
    /// Listens. `insecure` allows plain TCP beyond this machine.
    pub async fn bind(&self, insecure: bool) -> Result<Bound, BindError> {
        let failed = |cause| BindError::Io {
            address: self.clone(),
            cause,
        };
        match self {
            Self::Unix(path) => {
                if path.as_os_str().len() > 107 {
                    return Err(BindError::TooLong {
                        address: self.clone(),
                    });
                }
                if UnixStream::connect(path).await.is_ok() {
                    return Err(BindError::InUse(self.clone()));
                }
                let listener = private(path).map_err(failed)?;
                Ok(Bound::Unix(UnixSocket {
                    address: self.clone(),
                    listener,
                }))
            }
            Self::Tcp { host, port } => {
                let found = tokio::net::lookup_host((host.as_str(), *port)).await;
                let found: Vec<SocketAddr> = found.map_err(failed)?.collect();
                if !insecure && found.iter().any(|address| !address.ip().is_loopback()) {
                    return Err(BindError::Exposed(self.clone()));
                }
                let listener = TcpListener::bind(found.as_slice()).await;
                let listener = listener.map_err(|cause| match cause.kind() {
                    io::ErrorKind::AddrInUse => BindError::InUse(self.clone()),
                    _ => failed(cause),
                })?;
                let port = listener.local_addr().map_err(failed)?.port();
                let address = Self::Tcp {
                    host: host.clone(),
                    port,
                };
                Ok(Bound::Tcp(address, listener))
            }
        }
    }
}

/// A Unix socket that only its owner can open, from the first moment on.
fn private(path: &Path) -> io::Result<UnixListener> {
    let dir = match path.parent() {
        Some(dir) if !dir.as_os_str().is_empty() => dir,
        _ => Path::new("."),
    };
    std::fs::create_dir_all(dir)?;
    // Short, because the path of a socket may only have 107 bytes.
    let made = dir.join(format!(".{:x}", fastrand::u32(..)));
    let listener = UnixListener::bind(&made)?;
    let placed = std::fs::set_permissions(&made, std::fs::Permissions::from_mode(0o600))
        .and_then(|()| std::fs::rename(&made, path));
    if let Err(cause) = placed {
        // The name is ours; what remains of it is only litter.
        let _ = std::fs::remove_file(&made);
        return Err(cause);
    }
    Ok(listener)
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn addresses_are_read_and_written() {
        for (text, written) in [
            ("unix:/run/a.sock", "unix:/run/a.sock"),
            ("unix:a.sock", "unix:a.sock"),
            ("127.0.0.1:9000", "127.0.0.1:9000"),
            (":9000", "0.0.0.0:9000"),
            ("[::1]:9000", "[::1]:9000"),
            ("localhost:0", "localhost:0"),
        ] {
            let address: Address = text.parse().unwrap();
            assert_eq!(address.to_string(), written);
            assert_eq!(written.parse::<Address>().unwrap(), address);
        }
        for text in [
            "",
            "unix:",
            "9000",
            "localhost",
            "a:b",
            "::1:9000",
            "h:70000",
            "http://h:1",
        ] {
            let error = text.parse::<Address>().unwrap_err().to_string();
            assert!(error.contains("unix:PATH"), "{error}");
        }
    }

    #[tokio::test]
    async fn a_unix_socket_is_private_and_replaces_only_the_dead() {
        let dir = tempfile::tempdir().unwrap();
        let path = dir.path().join("deep/a.sock");
        let address = Address::Unix(path.clone());
        let first = address.bind(false).await.unwrap();
        let mode = std::fs::metadata(&path).unwrap().permissions().mode();
        assert_eq!(mode & 0o777, 0o600);
        let error = address.bind(false).await.unwrap_err();
        assert!(matches!(error, BindError::InUse(_)), "{error}");
        drop(first);
        address.bind(false).await.unwrap();
    }

    #[tokio::test]
    async fn plain_tcp_stays_on_the_machine_unless_asked() {
        let open: Address = "0.0.0.0:0".parse().unwrap();
        let error = open.bind(false).await.unwrap_err();
        assert!(matches!(error, BindError::Exposed(_)), "{error}");
        let near: Address = "127.0.0.1:0".parse().unwrap();
        let bound = near.bind(false).await.unwrap();
        let error = bound.address().bind(false).await.unwrap_err();
        assert!(matches!(error, BindError::InUse(_)), "{error}");
    }
}
