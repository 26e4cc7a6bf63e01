//! Listening sockets. The process opens them, one per worker and address where the kernel can split the load,
//! and keeps them as long as any listener has the address: a changed listener never closes its door.

use std::{
    collections::BTreeMap,
    io,
    net::TcpListener,
    os::unix::{fs::FileTypeExt, net::UnixListener},
    path::Path,
};

use socket2::{Domain, Protocol, SockAddr, Type};

use crate::resources::{address::Address, listener::ListenerConfig};

/// A listening socket in a worker's hands.
#[derive(Debug)]
pub enum Socket {
    Tcp(TcpListener),
    Unix(UnixListener),
}

/// Why an address cannot be listened on.
#[derive(Debug, thiserror::Error)]
#[error("cannot listen on {address}: {cause}")]
pub struct BindError {
    address: Address,
    #[source]
    cause: io::Error,
}

/// The sockets of the process.
#[derive(Debug, Default)]
pub struct Sockets {
    open: BTreeMap<Address, Vec<Socket>>,
}

impl Sockets {
    /// A handle for each worker on each address of a listener, opening what is not open yet. On failure
    /// nothing new stays open.
    pub fn lend(
        &mut self,
        config: &ListenerConfig,
        workers: usize,
    ) -> Result<Vec<Vec<Socket>>, BindError> {
        let mut opened = Vec::new();
        let mut handles: Vec<Vec<Socket>> = (0..workers).map(|_| Vec::new()).collect();
        let result = config.addresses.iter().try_for_each(|address| {
            let failed = |cause| BindError {
                address: address.clone(),
                cause,
            };
            if !self.open.contains_key(address) {
                self.open.insert(
                    address.clone(),
                    open(address, config, workers).map_err(failed)?,
                );
                opened.push(address.clone());
            }
            let sockets = self
                .open
                .get(address)
                .map(Vec::as_slice)
                .unwrap_or_default();
            // Fewer sockets than workers (a Unix socket): workers take turns at accepting.
            for (handles, socket) in handles.iter_mut().zip(sockets.iter().cycle()) {
                handles.push(socket.try_clone().map_err(failed)?);
            }
            Ok(())
        });
        if let Err(error) = result {
            for address in opened {
                self.open.remove(&address);
            }
            return Err(error);
        }
        Ok(handles)
    }

    /// Closes the sockets of addresses that no listener has.
    pub fn keep_only(&mut self, wanted: impl Fn(&Address) -> bool) {
        self.open.retain(|address, _| wanted(address));
    }

    /// The address a listener really got: port 0 asks the kernel for one.
    pub fn bound(&self, address: &Address) -> Option<Address> {
        match self.open.get(address)?.first()? {
            Socket::Tcp(socket) => socket.local_addr().ok().map(Address::Ip),
            Socket::Unix(_) => Some(address.clone()),
        }
    }
}

impl Socket {
    fn try_clone(&self) -> io::Result<Self> {
        match self {
            Socket::Tcp(socket) => socket.try_clone().map(Socket::Tcp),
            Socket::Unix(socket) => socket.try_clone().map(Socket::Unix),
        }
    }
}

fn open(address: &Address, config: &ListenerConfig, workers: usize) -> io::Result<Vec<Socket>> {
    let backlog = i32::try_from(config.backlog).unwrap_or(i32::MAX);
    match address {
        Address::Ip(ip) => {
            let mut sockets: Vec<Socket> = Vec::new();
            let mut at = *ip;
            for _ in 0..if config.reuse_port { workers } else { 1 } {
                let socket = socket2::Socket::new(
                    Domain::for_address(at),
                    Type::STREAM,
                    Some(Protocol::TCP),
                )?;
                socket.set_reuse_address(true)?;
                socket.set_reuse_port(config.reuse_port)?;
                if at.is_ipv6() {
                    socket.set_only_v6(true)?;
                }
                socket.set_nonblocking(true)?;
                socket.bind(&SockAddr::from(at))?;
                socket.listen(backlog)?;
                let socket = TcpListener::from(socket);
                // With port 0 the kernel chose for the first one; the others share its choice.
                at = socket.local_addr()?;
                sockets.push(Socket::Tcp(socket));
            }
            Ok(sockets)
        }
        Address::Pipe(path) => {
            remove_stale(path)?;
            let socket = UnixListener::bind(path)?;
            socket.set_nonblocking(true)?;
            Ok(vec![Socket::Unix(socket)])
        }
    }
}

/// A socket file left by a process that is gone would keep the address taken for ever.
pub fn remove_stale(path: &Path) -> io::Result<()> {
    match std::fs::symlink_metadata(path) {
        Ok(found)
            if found.file_type().is_socket()
                && std::os::unix::net::UnixStream::connect(path).is_err() =>
        {
            std::fs::remove_file(path)
        }
        Ok(_) | Err(_) => Ok(()),
    }
}
