//! An upstream that records every byte it is sent and answers by script.
//!
//! Each connection has a thread of its own that follows its script; what arrives is kept by the [`Wire`], so
//! a test reads exactly what the proxy sent, however odd.

use std::{
    net::{Ipv4Addr, SocketAddr, TcpListener, TcpStream},
    sync::{
        Arc,
        atomic::{AtomicBool, AtomicUsize, Ordering},
    },
    thread::JoinHandle,
    time::Duration,
};

use memchr::memmem;
use parking_lot::Mutex;
use socket2::{Domain, Socket, Type};

use crate::{
    clock::{Deadline, PATIENCE, pause, poll},
    message,
    wire::{End, Wire},
};

/// What an upstream does.
#[derive(Clone, Debug)]
pub enum Upstream {
    /// Answers the n-th complete request it gets, on whatever connection, with the n-th of these bytes; the
    /// last one answers all further ones.
    Answers(Vec<Vec<u8>>),
    /// Its n-th connection follows the n-th script; the last one serves all further connections.
    Scripts(Vec<Vec<Act>>),
    /// Never accepts, and its queue is full: whoever connects waits.
    Deaf,
}

/// One step of an upstream's script.
#[derive(Clone, Debug)]
pub enum Act {
    /// Waits for one more complete request.
    Request,
    /// Waits until these bytes have arrived on this connection.
    Until(Vec<u8>),
    Send(Vec<u8>),
    Pause(Duration),
    HalfClose,
    Close,
    Reset,
    /// Stops reading.
    Hold,
    /// Reads again.
    Resume,
    /// Waits until the proxy ends the connection.
    End,
    /// Begins the script anew.
    Again,
}

/// A connection as the upstream saw it.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Seen {
    pub bytes: Vec<u8>,
    pub end: Option<End>,
    /// The proxy's own address, which logs may name.
    pub peer: SocketAddr,
}

pub struct Recorder {
    pub address: SocketAddr,
    shared: Arc<Shared>,
    acceptor: Option<JoinHandle<()>>,
}

struct Shared {
    behaviour: Upstream,
    connections: Mutex<Vec<Arc<Mutex<Wire>>>>,
    answered: AtomicUsize,
    /// A deaf upstream's queue is full.
    filled: AtomicBool,
    stop: AtomicBool,
}

impl Recorder {
    pub fn start(behaviour: Upstream) -> Self {
        Self::start_at((Ipv4Addr::LOCALHOST, 0).into(), behaviour)
    }

    pub fn start_at(address: SocketAddr, behaviour: Upstream) -> Self {
        let listener = match behaviour {
            Upstream::Deaf => deaf(address),
            _ => TcpListener::bind(address),
        };
        let listener = listener
            .unwrap_or_else(|error| panic!("an upstream cannot listen on {address}: {error}"));
        let address = listener.local_addr().expect("the address listened on");
        let shared = Arc::new(Shared {
            behaviour,
            connections: Mutex::new(Vec::new()),
            answered: AtomicUsize::new(0),
            filled: AtomicBool::new(false),
            stop: AtomicBool::new(false),
        });
        let acceptor = std::thread::spawn({
            let shared = Arc::clone(&shared);
            move || accept(&listener, &shared)
        });
        if matches!(shared.behaviour, Upstream::Deaf) {
            let filled = || shared.filled.load(Ordering::Relaxed).then_some(());
            poll(Deadline::after(PATIENCE), filled).expect("a queue fills up");
        }
        Self {
            address,
            shared,
            acceptor: Some(acceptor),
        }
    }

    /// What every connection carried, in the order of their coming.
    pub fn seen(&self) -> Vec<Seen> {
        let connections = self.shared.connections.lock().clone();
        connections
            .iter()
            .map(|wire| {
                let wire = wire.lock();
                let (bytes, end) = wire.received();
                Seen {
                    bytes,
                    end,
                    peer: wire.peer,
                }
            })
            .collect()
    }
}

impl Drop for Recorder {
    fn drop(&mut self) {
        self.shared.stop.store(true, Ordering::Relaxed);
        if let Some(acceptor) = self.acceptor.take() {
            let _ = acceptor.join();
        }
    }
}

/// A listener with the shortest queue there is.
fn deaf(address: SocketAddr) -> std::io::Result<TcpListener> {
    let socket = Socket::new(Domain::for_address(address), Type::STREAM, None)?;
    socket.bind(&address.into())?;
    socket.listen(0)?;
    Ok(socket.into())
}

/// Fills the queue of a listener that nobody accepts from, and holds it filled.
fn fill(listener: &TcpListener) -> Vec<TcpStream> {
    let address = listener.local_addr().expect("the address listened on");
    let attempt = || TcpStream::connect_timeout(&address, Duration::from_millis(200));
    std::iter::from_fn(|| attempt().ok()).collect()
}

fn accept(listener: &TcpListener, shared: &Arc<Shared>) {
    listener.set_nonblocking(true).expect("a polled listener");
    if matches!(shared.behaviour, Upstream::Deaf) {
        let _queue = fill(listener);
        shared.filled.store(true, Ordering::Relaxed);
        while !shared.stop.load(Ordering::Relaxed) {
            pause(Duration::from_millis(20));
        }
        return;
    }
    let mut threads = Vec::new();
    while !shared.stop.load(Ordering::Relaxed) {
        let Ok((stream, _)) = listener.accept() else {
            pause(Duration::from_millis(2));
            continue;
        };
        // A connection that died between accept and here had nothing to say.
        let Ok(wire) = Wire::over(stream) else {
            continue;
        };
        let wire = Arc::new(Mutex::new(wire));
        let index = {
            let mut connections = shared.connections.lock();
            connections.push(Arc::clone(&wire));
            connections.len() - 1
        };
        let shared = Arc::clone(shared);
        threads.push(std::thread::spawn(move || serve(&wire, index, &shared)));
    }
    for thread in threads {
        let _ = thread.join();
    }
}

fn serve(wire: &Mutex<Wire>, index: usize, shared: &Shared) {
    match &shared.behaviour {
        Upstream::Answers(answers) => {
            let mut done = 0;
            while wait(wire, shared, |bytes| {
                message::requests(bytes).complete() > done
            }) {
                done += 1;
                let turn = shared.answered.fetch_add(1, Ordering::Relaxed);
                let Some(answer) = answers.get(turn).or(answers.last()) else {
                    return;
                };
                wire.lock().send(answer);
            }
        }
        Upstream::Scripts(scripts) => {
            if let Some(script) = scripts.get(index).or(scripts.last()) {
                follow(script, wire, shared);
            }
        }
        Upstream::Deaf => {}
    }
}

fn follow(script: &[Act], wire: &Mutex<Wire>, shared: &Shared) {
    let mut requests = 0;
    let mut step = 0;
    while let Some(act) = script.get(step) {
        step += 1;
        let go_on = match act {
            Act::Request => {
                requests += 1;
                wait(wire, shared, |bytes| {
                    message::requests(bytes).complete() >= requests
                })
            }
            Act::Until(pattern) => {
                wait(wire, shared, |bytes| memmem::find(bytes, pattern).is_some())
            }
            Act::Send(bytes) => wire.lock().send(bytes),
            Act::Pause(duration) => {
                pause(*duration);
                true
            }
            Act::HalfClose => {
                wire.lock().half_close();
                true
            }
            Act::Close => {
                wire.lock().close();
                false
            }
            Act::Reset => {
                wire.lock().reset();
                false
            }
            Act::Hold => {
                wire.lock().hold();
                true
            }
            Act::Resume => {
                wire.lock().resume();
                true
            }
            Act::End => !wait(wire, shared, |_| false),
            Act::Again => {
                step = 0;
                true
            }
        };
        if !go_on {
            return;
        }
    }
}

/// Waits until the bytes received satisfy `look`; false when the connection or the test ends first.
fn wait(wire: &Mutex<Wire>, shared: &Shared, mut look: impl FnMut(&[u8]) -> bool) -> bool {
    let give_up = Deadline::after(PATIENCE * 3);
    while !shared.stop.load(Ordering::Relaxed) && give_up.left().is_some() {
        // Short turns, so that the lock is free for whoever reads the record meanwhile.
        let turn = Deadline::after(Duration::from_millis(5));
        let found = wire.lock().wait(turn, |bytes, end| match look(bytes) {
            true => Some(true),
            false => end.map(|_| false),
        });
        if let Some(found) = found {
            return found;
        }
    }
    false
}

/// A plain answer: status 200 and this body.
pub fn ok(body: &str) -> Vec<u8> {
    format!(
        "HTTP/1.1 200 OK\r\ncontent-length: {}\r\n\r\n{body}",
        body.len()
    )
    .into_bytes()
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn every_byte_is_recorded_and_every_request_answered() {
        let recorder = Recorder::start(Upstream::Answers(vec![ok("one"), ok("two")]));
        let mut wire = Wire::connect(recorder.address).unwrap();
        let sent = b"GET / HTTP/1.1\r\n\r\nGET /2 HTTP/1.1\r\n\r\n";
        wire.send(&sent[..5]);
        wire.send(&sent[5..]);
        let answered = wire.wait(Deadline::after(PATIENCE), |bytes, _| {
            (message::responses(bytes, &[], false).complete() == 2).then(|| bytes.to_vec())
        });
        assert!(answered.unwrap().ends_with(b"two"));
        assert_eq!(recorder.seen()[0].bytes, sent);
        assert_eq!(recorder.seen()[0].peer, wire.local);
    }

    #[test]
    fn a_script_may_reset_and_the_next_connection_may_close() {
        let recorder = Recorder::start(Upstream::Scripts(vec![
            vec![Act::Until(b"x".into()), Act::Reset],
            vec![Act::Close],
        ]));
        let mut first = Wire::connect(recorder.address).unwrap();
        first.send(b"x");
        assert_eq!(first.wait_end(Deadline::after(PATIENCE)), Some(End::Reset));
        let second = Wire::connect(recorder.address).unwrap();
        assert_eq!(second.wait_end(Deadline::after(PATIENCE)), Some(End::Eof));
    }
}
