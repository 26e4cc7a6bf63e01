//! A client that says exactly what its script says.

use std::{net::SocketAddr, time::Duration};

use memchr::memmem;

use crate::{
    clock::{Deadline, PATIENCE, pause, poll},
    message::{self, Message, Messages},
    wire::{End, Wire},
};

/// One step of a client's script.
#[derive(Clone, Debug)]
pub enum Step {
    /// Opens a connection; later steps act on it. The first one is implied.
    Connect,
    Send(Vec<u8>),
    /// Waits for one more final response, to a request of this method.
    Response(String),
    /// Waits until these bytes have arrived.
    Until(Vec<u8>),
    /// Waits until an upstream has seen these bytes.
    Seen(String, Vec<u8>),
    /// Waits until the proxy ends the connection.
    End,
    Pause(Duration),
    HalfClose,
    Close,
    Reset,
    /// Stops reading.
    Hold,
    /// Reads again.
    Resume,
}

/// One connection as the client saw it.
#[derive(Clone, Debug)]
pub struct Heard {
    pub messages: Messages,
    /// `None`: still open after everything had been said.
    pub end: Option<End>,
    pub local: SocketAddr,
    /// Steps that waited in vain.
    pub missed: Vec<String>,
}

/// How long a connection must stay open to count as left open.
const QUIET: Duration = Duration::from_millis(500);

struct Connection {
    wire: Wire,
    methods: Vec<String>,
    missed: Vec<String>,
}

/// Follows the script against a listener and tells what was heard on each connection. `seen` says whether an
/// upstream has been sent certain bytes.
pub fn run(to: SocketAddr, script: &[Step], seen: impl Fn(&str, &[u8]) -> bool) -> Vec<Heard> {
    let mut connections = Vec::new();
    if !matches!(script.first(), Some(Step::Connect)) {
        connections.push(Connection::open(to));
    }
    for step in script {
        match (step, connections.last_mut()) {
            (Step::Connect, _) => connections.push(Connection::open(to)),
            (Step::Seen(upstream, bytes), Some(connection)) => {
                let deadline = Deadline::after(PATIENCE);
                let found = poll(deadline, || seen(upstream, bytes).then_some(()));
                if found.is_none() {
                    connection.missed.push(format!("{step:?}"));
                }
            }
            (step, Some(connection)) => connection.follow(step),
            (_, None) => {}
        }
    }
    connections.into_iter().map(Connection::finish).collect()
}

impl Connection {
    fn open(to: SocketAddr) -> Self {
        let wire =
            Wire::connect(to).unwrap_or_else(|error| panic!("cannot connect to {to}: {error}"));
        Self {
            wire,
            methods: Vec::new(),
            missed: Vec::new(),
        }
    }

    fn follow(&mut self, step: &Step) {
        let deadline = Deadline::after(PATIENCE);
        let reached = match step {
            Step::Connect | Step::Seen(..) => true,
            Step::Send(bytes) => {
                // That the peer takes no more shows in how the connection ends.
                self.wire.send(bytes);
                true
            }
            Step::Response(method) => {
                self.methods.push(method.clone());
                let wanted = self.methods.len();
                let found = self.wire.wait(deadline, |bytes, end| {
                    let heard = message::responses(bytes, &self.methods, end.is_some());
                    (heard.complete() >= wanted || end.is_some()).then_some(())
                });
                found.is_some()
            }
            Step::Until(pattern) => self
                .wire
                .wait(deadline, |bytes, end| {
                    (memmem::find(bytes, pattern).is_some() || end.is_some()).then_some(())
                })
                .is_some(),
            Step::End => self.wire.wait_end(deadline).is_some(),
            Step::Pause(duration) => {
                pause(*duration);
                true
            }
            Step::HalfClose => {
                self.wire.half_close();
                true
            }
            Step::Close => {
                self.wire.close();
                true
            }
            Step::Reset => {
                self.wire.reset();
                true
            }
            Step::Hold => {
                self.wire.hold();
                true
            }
            Step::Resume => {
                self.wire.resume();
                true
            }
        };
        if !reached {
            self.missed.push(format!("{step:?}"));
        }
    }

    fn finish(self) -> Heard {
        let said_close = self
            .wire
            .wait(Deadline::after(Duration::ZERO), |bytes, end| {
                let heard = message::responses(bytes, &self.methods, end.is_some());
                heard.messages.last().map(|message| {
                    message
                        .field("connection")
                        .is_some_and(|value| value.eq_ignore_ascii_case("close"))
                })
            });
        // Who announces the close must do it, however busy the machine; otherwise a while must be enough.
        let patience = match said_close {
            Some(true) => PATIENCE,
            _ => QUIET,
        };
        self.wire.wait_end(Deadline::after(patience));
        let (bytes, end) = self.wire.received();
        Heard {
            messages: message::responses(&bytes, &self.methods, end.is_some()),
            end,
            local: self.wire.local,
            missed: self.missed,
        }
    }
}

/// One exchange on a connection of its own; `None` when there is no connection or no complete response.
pub fn fetch(to: SocketAddr, request: &str) -> Option<Message> {
    let mut connection = Connection {
        wire: Wire::connect(to).ok()?,
        methods: Vec::new(),
        missed: Vec::new(),
    };
    let method = request.split(' ').next().unwrap_or("GET").to_owned();
    connection.follow(&Step::Send(request.as_bytes().into()));
    connection.follow(&Step::Response(method));
    let (bytes, end) = connection.wire.received();
    let heard = message::responses(&bytes, &connection.methods, end.is_some());
    heard.messages.into_iter().rfind(|message| message.complete)
}
