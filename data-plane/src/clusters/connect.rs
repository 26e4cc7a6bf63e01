//! Opening a connection to an endpoint.

use std::{io, net::SocketAddr, time::Duration};

use tokio::net::{TcpStream, UnixStream};

use super::io::Io;
use crate::resources::address::Address;

/// An open connection, and the address it has on this side.
pub struct Connected {
    pub io: Io,
    pub local: Option<SocketAddr>,
}

/// Why there is no connection.
#[derive(Debug, thiserror::Error)]
pub enum ConnectError {
    #[error("no connection within {0:?}")]
    Timeout(Duration),
    #[error("{0}")]
    Refused(#[from] io::Error),
}

/// Connects within the time given.
pub async fn connect(address: &Address, within: Duration) -> Result<Connected, ConnectError> {
    match tokio::time::timeout(within, open(address)).await {
        Ok(connected) => Ok(connected?),
        Err(_) => Err(ConnectError::Timeout(within)),
    }
}

async fn open(address: &Address) -> io::Result<Connected> {
    match address {
        Address::Ip(address) => {
            let stream = TcpStream::connect(address).await?;
            // A message is written whole; waiting for more would only add latency.
            stream.set_nodelay(true)?;
            let local = stream.local_addr().ok();
            Ok(Connected {
                io: Io::Tcp(stream),
                local,
            })
        }
        Address::Pipe(path) => {
            let stream = UnixStream::connect(path).await?;
            Ok(Connected {
                io: Io::Unix(stream),
                local: None,
            })
        }
    }
}
