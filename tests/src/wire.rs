//! One TCP connection in raw bytes, read in the background.
//!
//! A reader thread collects what arrives, so that a script may send a large body while the other side already
//! answers, and may wait for a condition on everything received so far. Reading can be held back, which is
//! how backpressure is tested.

use std::{
    io::{ErrorKind, Read, Write},
    net::{Shutdown, SocketAddr, TcpStream},
    sync::Arc,
    thread::JoinHandle,
    time::Duration,
};

use parking_lot::{Condvar, Mutex};
use socket2::SockRef;

use crate::clock::{Deadline, PATIENCE};

/// How a connection ended, as seen from our side.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum End {
    /// The peer closed in order.
    Eof,
    /// The peer reset the connection.
    Reset,
    /// We ended it ourselves.
    Ours,
}

#[derive(Default)]
struct State {
    bytes: Vec<u8>,
    end: Option<End>,
    held: bool,
    stop: bool,
}

#[derive(Default)]
struct Shared {
    state: Mutex<State>,
    changed: Condvar,
}

pub struct Wire {
    stream: Option<TcpStream>,
    shared: Arc<Shared>,
    reader: Option<JoinHandle<()>>,
    pub local: SocketAddr,
    pub peer: SocketAddr,
}

/// How often an idle reader looks whether it should stop.
const TICK: Duration = Duration::from_millis(10);

impl Wire {
    /// Connects; the error is the operating system's.
    pub fn connect(to: SocketAddr) -> std::io::Result<Self> {
        Self::over(TcpStream::connect_timeout(&to, PATIENCE)?)
    }

    /// Takes over an established connection.
    pub fn over(stream: TcpStream) -> std::io::Result<Self> {
        stream.set_nodelay(true)?;
        stream.set_nonblocking(false)?;
        stream.set_read_timeout(Some(TICK))?;
        stream.set_write_timeout(Some(PATIENCE))?;
        let shared = Arc::new(Shared::default());
        let reader = std::thread::spawn({
            let stream = stream.try_clone()?;
            let shared = Arc::clone(&shared);
            move || read(stream, &shared)
        });
        Ok(Self {
            local: stream.local_addr()?,
            peer: stream.peer_addr()?,
            stream: Some(stream),
            shared,
            reader: Some(reader),
        })
    }

    /// Sends bytes. False when the peer no longer takes them, which is for the script to judge.
    pub fn send(&mut self, bytes: &[u8]) -> bool {
        self.stream
            .as_mut()
            .is_some_and(|stream| stream.write_all(bytes).is_ok())
    }

    /// Everything received so far, and the connection's end if it has one.
    pub fn received(&self) -> (Vec<u8>, Option<End>) {
        let state = self.shared.state.lock();
        (state.bytes.clone(), state.end)
    }

    /// Waits until `look` finds what it seeks; it is asked again whenever something changed.
    pub fn wait<T>(
        &self,
        deadline: Deadline,
        mut look: impl FnMut(&[u8], Option<End>) -> Option<T>,
    ) -> Option<T> {
        let mut state = self.shared.state.lock();
        loop {
            if let Some(found) = look(&state.bytes, state.end) {
                return Some(found);
            }
            if self
                .shared
                .changed
                .wait_until(&mut state, deadline.instant())
                .timed_out()
            {
                return look(&state.bytes, state.end);
            }
        }
    }

    /// Waits for the connection's end.
    pub fn wait_end(&self, deadline: Deadline) -> Option<End> {
        self.wait(deadline, |_, end| end)
    }

    /// Stops taking bytes from the socket, so that the peer's sending comes to a halt.
    pub fn hold(&self) {
        self.shared.state.lock().held = true;
    }

    /// Takes bytes again.
    pub fn resume(&self) {
        self.shared.state.lock().held = false;
        self.shared.changed.notify_all();
    }

    /// Says that nothing more will be sent; what the peer sends is still read.
    pub fn half_close(&mut self) {
        if let Some(stream) = &self.stream {
            // Fails only when the connection has ended.
            let _ = stream.shutdown(Shutdown::Write);
        }
    }

    /// Closes in order.
    pub fn close(&mut self) {
        self.finish(false);
    }

    /// Resets the connection.
    pub fn reset(&mut self) {
        self.finish(true);
    }

    fn finish(&mut self, reset: bool) {
        {
            let mut state = self.shared.state.lock();
            state.stop = true;
            state.end.get_or_insert(End::Ours);
        }
        self.shared.changed.notify_all();
        // The reader shares the socket; only when it has let go does dropping ours close it.
        if let Some(reader) = self.reader.take() {
            let _ = reader.join();
        }
        if let Some(stream) = self.stream.take()
            && reset
        {
            let _ = SockRef::from(&stream).set_linger(Some(Duration::ZERO));
        }
    }
}

impl Drop for Wire {
    fn drop(&mut self) {
        self.finish(false);
    }
}

fn read(mut stream: TcpStream, shared: &Shared) {
    let mut buffer = vec![0; 64 * 1024];
    loop {
        {
            let mut state = shared.state.lock();
            while state.held && !state.stop {
                shared.changed.wait_for(&mut state, TICK);
            }
            if state.stop {
                return;
            }
        }
        let end = match stream.read(&mut buffer) {
            Ok(0) => End::Eof,
            Ok(count) => {
                shared
                    .state
                    .lock()
                    .bytes
                    .extend_from_slice(&buffer[..count]);
                shared.changed.notify_all();
                continue;
            }
            Err(error)
                if matches!(
                    error.kind(),
                    ErrorKind::WouldBlock | ErrorKind::TimedOut | ErrorKind::Interrupted
                ) =>
            {
                continue;
            }
            Err(_) => End::Reset,
        };
        shared.state.lock().end.get_or_insert(end);
        shared.changed.notify_all();
        return;
    }
}
