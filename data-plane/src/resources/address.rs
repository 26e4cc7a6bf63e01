//! Addresses: where listeners listen and endpoints are.

use std::{
    fmt,
    net::{IpAddr, SocketAddr},
    path::PathBuf,
};

use portway_proto::pb::envoy::config::core::v3 as pb;

use super::at::{At, Parsed};

/// Something to listen on or connect to.
#[derive(Clone, Debug, PartialEq, Eq, Hash, PartialOrd, Ord)]
pub enum Address {
    Ip(SocketAddr),
    Pipe(PathBuf),
}

/// A socket address whose host may still be a name.
#[derive(Clone, Debug, PartialEq, Eq, Hash)]
pub struct HostPort {
    pub host: Box<str>,
    pub port: u16,
}

impl fmt::Display for Address {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        match self {
            Address::Ip(address) => address.fmt(f),
            Address::Pipe(path) => path.display().fmt(f),
        }
    }
}

/// An address without names.
pub fn address(at: At<'_>, message: pb::Address) -> Parsed<Address> {
    match specifier(at, message)? {
        Specifier::Pipe(path) => Ok(Address::Pipe(path)),
        Specifier::Socket(HostPort { host, port }) => match host.parse::<IpAddr>() {
            Ok(ip) => Ok(Address::Ip(SocketAddr::new(ip, port))),
            Err(_) => Err(at.field("socket_address", |at| {
                at.field("address", |at| {
                    at.error(format!("malformed IP address: {host}"))
                })
            })),
        },
    }
}

/// An address whose host may be a name, as STRICT_DNS clusters have them.
pub fn host_port(at: At<'_>, message: pb::Address) -> Parsed<HostPort> {
    match specifier(at, message)? {
        Specifier::Socket(address) => Ok(address),
        Specifier::Pipe(_) => Err(at.field("pipe", |at| {
            at.error("a name to resolve is needed here, not a path")
        })),
    }
}

enum Specifier {
    Socket(HostPort),
    Pipe(PathBuf),
}

fn specifier(at: At<'_>, message: pb::Address) -> Parsed<Specifier> {
    let pb::Address { address } = message;
    match address {
        Some(pb::address::Address::SocketAddress(socket)) => at
            .field("socket_address", |at| self::socket(at, socket))
            .map(Specifier::Socket),
        Some(pb::address::Address::Pipe(pipe)) => at.field("pipe", |at| {
            let pb::Pipe { path, mode } = pipe;
            if mode != 0 {
                return Err(at.field("mode", |at| {
                    at.unsupported("is not supported by this proxy")
                }));
            }
            if path.starts_with('@') {
                return Err(at.field("path", |at| {
                    at.unsupported("abstract sockets are not supported by this proxy")
                }));
            }
            Ok(Specifier::Pipe(path.into()))
        }),
        Some(pb::address::Address::EnvoyInternalAddress(_)) => Err(at
            .field("envoy_internal_address", |at| {
                at.unsupported("is not supported by this proxy")
            })),
        None => Err(at.error("needs a socket_address or a pipe")),
    }
}

fn socket(at: At<'_>, message: pb::SocketAddress) -> Parsed<HostPort> {
    let pb::SocketAddress {
        protocol,
        address,
        resolver_name,
        ipv4_compat,
        network_namespace_filepath,
        port_specifier,
    } = message;
    at.refuse("resolver_name", &resolver_name);
    at.refuse("ipv4_compat", &ipv4_compat);
    at.refuse("network_namespace_filepath", &network_namespace_filepath);
    at.refuse("protocol", &protocol);
    let port = match port_specifier {
        Some(pb::socket_address::PortSpecifier::PortValue(port)) => {
            u16::try_from(port).map_err(|_| {
                at.field("port_value", |at| {
                    at.error(format!("{port} is no port; ports end at 65535"))
                })
            })
        }
        Some(pb::socket_address::PortSpecifier::NamedPort(_)) => Err(at
            .field("named_port", |at| {
                at.unsupported("is not supported by this proxy")
            })),
        None => Err(at.error("needs a port_value")),
    };
    if address.is_empty() {
        return Err(at.field("address", |at| at.error("must not be empty")));
    }
    Ok(HostPort {
        host: address.into(),
        port: port?,
    })
}
