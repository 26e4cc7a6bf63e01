//! What the endpoint asks the control loop, and what it is told.

use std::{net::SocketAddr, sync::Arc};

use tokio::sync::oneshot;

use crate::{clusters::Cluster, resources::address::Address, snapshot::state::Raw};

/// Asked over a channel, so that the configuration stays with the loop that owns it.
#[derive(Debug)]
pub enum Question {
    Status(oneshot::Sender<Status>),
    View(oneshot::Sender<Box<View>>),
}

impl Question {
    /// Answers, unless whoever asked has left.
    pub fn answer(self, status: impl FnOnce() -> Status, view: impl FnOnce() -> View) {
        match self {
            Question::Status(to) => drop(to.send(status())),
            Question::View(to) => drop(to.send(Box::new(view()))),
        }
    }
}

/// How far the process has come.
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq)]
pub enum Phase {
    Live,
    Draining,
    /// Clusters are awaited.
    #[default]
    PreInitialising,
    /// Listeners are awaited.
    Initialising,
}

impl Phase {
    pub fn as_str(self) -> &'static str {
        match self {
            Phase::Live => "LIVE",
            Phase::Draining => "DRAINING",
            Phase::PreInitialising => "PRE_INITIALIZING",
            Phase::Initialising => "INITIALIZING",
        }
    }

    /// Envoy's number for it.
    pub fn number(self) -> u8 {
        match self {
            Phase::Live => 0,
            Phase::Draining => 1,
            Phase::PreInitialising => 2,
            Phase::Initialising => 3,
        }
    }
}

/// What probes ask for.
#[derive(Clone, Debug, Default)]
pub struct Status {
    pub phase: Phase,
    /// What is still waited for, in words.
    pub waiting: Vec<String>,
}

/// All that is configured, at one moment.
#[derive(Debug, Default)]
pub struct View {
    /// The bootstrap, as read and overridden by flags.
    pub bootstrap: Option<Raw>,
    /// A cluster that has never been ready has no present version.
    pub clusters: Vec<(Resource, Option<Arc<Cluster>>)>,
    pub endpoints: Vec<Resource>,
    pub listeners: Vec<Resource>,
    pub routes: Vec<Resource>,
    /// Inline ones: a listener holds them.
    pub open: Vec<ListenerView>,
}

/// A resource as it came.
#[derive(Clone, Debug)]
pub struct Resource {
    pub name: Arc<str>,
    pub raw: Raw,
    /// Known, but not yet in force.
    pub warming: bool,
}

/// A listener that accepts connections, and where.
#[derive(Clone, Debug)]
pub struct ListenerView {
    pub name: Arc<str>,
    pub addresses: Vec<Address>,
}

/// An address as Envoy's messages have it.
pub fn address_message(address: &Address) -> portway_proto::pb::envoy::config::core::v3::Address {
    use portway_proto::pb::envoy::config::core::v3 as pb;
    let inside = match address {
        Address::Ip(ip) => pb::address::Address::SocketAddress(socket(*ip)),
        Address::Pipe(path) => pb::address::Address::Pipe(pb::Pipe {
            path: path.display().to_string(),
            mode: 0,
        }),
    };
    pb::Address {
        address: Some(inside),
    }
}

fn socket(ip: SocketAddr) -> portway_proto::pb::envoy::config::core::v3::SocketAddress {
    use portway_proto::pb::envoy::config::core::v3 as pb;
    pb::SocketAddress {
        address: ip.ip().to_string(),
        port_specifier: Some(pb::socket_address::PortSpecifier::PortValue(
            ip.port().into(),
        )),
        ..pb::SocketAddress::default()
    }
}
