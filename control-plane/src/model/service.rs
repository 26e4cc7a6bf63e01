//! `Service`: what requests are forwarded to.

use std::collections::BTreeSet;
use std::net::{IpAddr, SocketAddr};
use std::time::Duration;

use portway_data_plane::resources::at::{At, Parsed};
use portway_data_plane::resources::scalar;
use portway_proto::pb::portway::v1 as pb;

/// What requests are forwarded to.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Service {
    pub endpoints: Endpoints,
    pub load_balancing: LoadBalancing,
    /// `None`: the default of the proxies, 5 s.
    pub connect_timeout: Option<Duration>,
}

/// Where a service is.
#[derive(Clone, Debug, PartialEq, Eq)]
pub enum Endpoints {
    Static(Vec<Endpoint>),
    Dns { name: Box<str>, port: u16 },
}

/// One address of a service.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Endpoint {
    pub address: SocketAddr,
    pub weight: Option<u32>,
}

/// How requests are shared out among the endpoints.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum LoadBalancing {
    RoundRobin,
}

pub(super) fn parse(at: At<'_>, message: pb::ServiceSpec) -> Parsed<Service> {
    let pb::ServiceSpec {
        endpoints,
        dns,
        load_balancing,
        connect_timeout,
    } = message;
    let endpoints = match (endpoints.is_empty(), dns) {
        (false, None) => static_endpoints(at, endpoints),
        (true, Some(dns)) => at.field("dns", |at| self::dns(at, dns)),
        (true, None) => Err(at.error("must say where the service is; write endpoints or dns")),
        (false, Some(_)) => Err(at.field("dns", |at| {
            at.error("cannot stand beside endpoints; write only one of them")
        })),
    };
    let load_balancing = at.field("load_balancing", |at| {
        use pb::service_spec::LoadBalancing as Message;
        match Message::try_from(load_balancing) {
            Ok(Message::RoundRobin) => Ok(LoadBalancing::RoundRobin),
            Err(_) => Err(at.error(format!(
                "{load_balancing} is no way of balancing; write ROUND_ROBIN"
            ))),
        }
    });
    let connect_timeout = at.optional(
        "connect_timeout",
        connect_timeout,
        scalar::positive_duration,
    );
    Ok(Service {
        endpoints: endpoints?,
        load_balancing: load_balancing?,
        connect_timeout: connect_timeout?,
    })
}

fn static_endpoints(at: At<'_>, messages: Vec<pb::Endpoint>) -> Parsed<Endpoints> {
    let mut seen = BTreeSet::new();
    let endpoints = at.each("endpoints", messages, |at, message| {
        let endpoint = endpoint(at, message)?;
        if !seen.insert(endpoint.address) {
            return Err(at.error(format!(
                "{} is listed twice; give it a weight instead",
                endpoint.address
            )));
        }
        Ok(endpoint)
    })?;
    let total: u64 = endpoints
        .iter()
        .map(|endpoint| u64::from(endpoint.weight.unwrap_or(1)))
        .sum();
    if u32::try_from(total).is_err() {
        return Err(at.field("endpoints", |at| {
            at.error(format!(
                "the weights add up to {total}; their sum may be at most {}",
                u32::MAX
            ))
        }));
    }
    Ok(Endpoints::Static(endpoints))
}

fn endpoint(at: At<'_>, message: pb::Endpoint) -> Parsed<Endpoint> {
    let pb::Endpoint {
        address,
        port,
        weight,
    } = message;
    let ip = at.field("address", |at| {
        address
            .parse::<IpAddr>()
            .map_err(|_| at.error(format!("{address:?} is no IP address; names go under dns")))
    });
    let port = self::port(at, port);
    Ok(Endpoint {
        address: SocketAddr::new(ip?, port?),
        weight,
    })
}

fn dns(at: At<'_>, message: pb::DnsEndpoints) -> Parsed<Endpoints> {
    let pb::DnsEndpoints { name, port } = message;
    let name = at.field("name", |at| {
        if name.parse::<IpAddr>().is_ok() {
            return Err(at.error(format!("{name:?} is an address; write it under endpoints")));
        }
        if name.contains(':') {
            return Err(at.error(format!("{name:?} has a colon; the port goes under port")));
        }
        let whole = name.strip_suffix('.').unwrap_or(&name);
        match super::route::hostname::labels(whole) {
            Ok(()) => Ok(name.into()),
            Err(error) => Err(at.error(error)),
        }
    });
    let port = self::port(at, port);
    Ok(Endpoints::Dns {
        name: name?,
        port: port?,
    })
}

fn port(at: At<'_>, port: u32) -> Parsed<u16> {
    at.field("port", |at| {
        u16::try_from(port).map_err(|_| at.error(format!("{port} is no port")))
    })
}
