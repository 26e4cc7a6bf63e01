//! `Gateway`: where proxies listen.

use std::collections::BTreeMap;
use std::net::{IpAddr, Ipv4Addr, SocketAddr};
use std::sync::Arc;

use portway_data_plane::resources::at::{At, Parsed};
use portway_proto::pb::portway::v1 as pb;

/// Where proxies listen.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Gateway {
    pub listeners: Vec<Listener>,
}

/// One address and port.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Listener {
    /// Unique within the gateway.
    pub name: Arc<str>,
    pub address: SocketAddr,
    pub protocol: Protocol,
}

/// What a listener's clients speak.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum Protocol {
    Http,
}

pub(super) fn parse(at: At<'_>, message: pb::GatewaySpec) -> Parsed<Gateway> {
    let pb::GatewaySpec { listeners } = message;
    let mut names: BTreeMap<Arc<str>, usize> = BTreeMap::new();
    let mut index = 0;
    let listeners = at.each("listeners", listeners, |at, message| {
        let listener = listener(at, message)?;
        if let Some(first) = names.get(&listener.name) {
            let text = format!(
                "{:?} is already the name of listeners[{first}]",
                &*listener.name
            );
            return Err(at.field("name", |at| at.error(text)));
        }
        names.insert(listener.name.clone(), index);
        index += 1;
        Ok(listener)
    });
    Ok(Gateway {
        listeners: listeners?,
    })
}

fn listener(at: At<'_>, message: pb::Listener) -> Parsed<Listener> {
    let pb::Listener {
        name,
        address,
        port,
        protocol,
    } = message;
    let ip = at.field("address", |at| match address.as_str() {
        "" => Ok(IpAddr::V4(Ipv4Addr::UNSPECIFIED)),
        text => text
            .parse::<IpAddr>()
            .map_err(|_| at.error(format!("{text:?} is no IP address"))),
    });
    let port = at.field("port", |at| {
        u16::try_from(port).map_err(|_| at.error(format!("{port} is no port")))
    });
    let protocol = at.field("protocol", |at| {
        match pb::listener::Protocol::try_from(protocol) {
            Ok(pb::listener::Protocol::Http) => Ok(Protocol::Http),
            Err(_) => Err(at.error(format!("{protocol} is no protocol; write HTTP"))),
        }
    });
    Ok(Listener {
        name: name.into(),
        address: SocketAddr::new(ip?, port?),
        protocol: protocol?,
    })
}
