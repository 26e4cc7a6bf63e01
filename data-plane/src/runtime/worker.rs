//! A worker: one thread that accepts connections, serves their requests and keeps its own upstream pools.
//!
//! Everything here lives on that thread and is reached through `Rc` and `RefCell`; no borrow is held across an
//! await. What the worker lends to connections (buffers, records) it keeps for the next one, up to a bound.

use std::{
    cell::{Cell, RefCell},
    collections::HashMap,
    future::poll_fn,
    rc::{Rc, Weak},
    sync::Arc,
    task::Poll,
    time::{Duration, Instant, SystemTime},
};

use portway_shared::clock;
use tokio::{
    net::{TcpListener, UnixListener},
    sync::mpsc,
    task::JoinHandle,
};
use tracing::warn;

use super::{Shared, drain::DrainSignal, mail::Mail, sockets::Socket};
use crate::{
    clusters::{io::Io, pool::Pool},
    http::{
        buffer::{Inbox, Outbox},
        connection::{self, Downstream},
        date::DateCache,
        deadline::Deadline,
        record::{ConnectionFacts, Record},
    },
    listeners::Listener,
    log,
    resources::{access_log::AccessLog, address::Address},
    stats::RowId,
};

/// A worker's own things.
pub struct Worker {
    pub row: RowId,
    pub shared: Arc<Shared>,
    pub pool: RefCell<Pool>,
    buffers: RefCell<Vec<(Inbox, Outbox)>>,
    #[expect(
        clippy::vec_box,
        reason = "records are handed out boxed; moving them in and out would copy them"
    )]
    records: RefCell<Vec<Box<Record>>>,
    random: Cell<u64>,
    date: RefCell<DateCache>,
    log: RefCell<log::Writer>,
    connections: RefCell<HashMap<u64, Open>>,
    /// Told when the last connection ends.
    empty: tokio::sync::Notify,
}

/// An open connection, as the worker knows it.
struct Open {
    listener: Weak<ListenerSlot>,
    version: *const Listener,
    drain: Rc<DrainSignal>,
}

/// A listener on this worker: its present version, and the tasks that accept for it.
struct ListenerSlot {
    current: RefCell<Arc<Listener>>,
}

struct Listening {
    slot: Rc<ListenerSlot>,
    accepting: Vec<(Address, JoinHandle<()>)>,
}

/// So many buffers and records are kept for later; a burst beyond that gives its memory back.
const KEPT: usize = 256;
/// So many connections are taken from a socket before others have their turn.
const ACCEPTS_PER_TURN: usize = 64;

impl Worker {
    pub fn new(row: RowId, shared: Arc<Shared>, log: log::Writer) -> Self {
        Self {
            row,
            shared,
            pool: RefCell::default(),
            buffers: RefCell::default(),
            records: RefCell::default(),
            random: Cell::new(fastrand::u64(..) | 1),
            date: RefCell::default(),
            log: RefCell::new(log),
            connections: RefCell::default(),
            empty: tokio::sync::Notify::new(),
        }
    }

    /// A random number, good enough to spread load and name requests (xorshift64*).
    pub fn random(&self) -> u64 {
        let mut state = self.random.get();
        state ^= state >> 12;
        state ^= state << 25;
        state ^= state >> 27;
        self.random.set(state);
        state.wrapping_mul(0x2545_f491_4f6c_dd1d)
    }

    /// How many threads count: the workers and the control thread.
    pub fn threads(&self) -> usize {
        self.shared.workers + 1
    }

    /// The time as HTTP writes it.
    pub fn date(&self, now: SystemTime) -> [u8; 29] {
        self.date.borrow_mut().at(now)
    }

    pub fn take_buffers(&self) -> (Inbox, Outbox) {
        self.buffers.borrow_mut().pop().unwrap_or_default()
    }

    /// Takes buffers back; large ones are let go.
    pub fn put_buffers(&self, mut inbox: Inbox, mut outbox: Outbox) {
        let mut kept = self.buffers.borrow_mut();
        if kept.len() < KEPT && !inbox.is_unallocated() && !inbox.is_large() && !outbox.is_large() {
            inbox.clear();
            outbox.clear();
            kept.push((inbox, outbox));
        }
    }

    pub fn take_record(
        &self,
        facts: &Arc<ConnectionFacts>,
        now: Instant,
        wall: SystemTime,
    ) -> Box<Record> {
        match self.records.borrow_mut().pop() {
            Some(mut record) => {
                record.reset(facts, now, wall);
                record
            }
            None => Box::new(Record::new(facts.clone(), now, wall)),
        }
    }

    pub fn put_record(&self, mut record: Box<Record>) {
        let mut kept = self.records.borrow_mut();
        if kept.len() < KEPT {
            record.clear();
            kept.push(record);
        }
    }

    /// Writes a request's line to a log.
    pub fn log(&self, log: &AccessLog, record: &Record) {
        self.log.borrow_mut().request(log, record);
    }
}

/// Runs a worker until it is told to shut down. Call it on the worker's own runtime.
pub async fn run(worker: Rc<Worker>, mut mailbox: mpsc::Receiver<Mail>) {
    let reaper = tokio::task::spawn_local(reap(worker.clone()));
    let flusher = tokio::task::spawn_local(flush_logs(worker.clone()));
    let mut listening: HashMap<Arc<str>, Listening> = HashMap::new();
    let mut within = Duration::ZERO;
    while let Some(mail) = mailbox.recv().await {
        match mail {
            Mail::Listen { listener, sockets } => {
                listen(&worker, &mut listening, listener, sockets)
            }
            Mail::Unlisten { name } => {
                if let Some(gone) = listening.remove(&name) {
                    stop_accepting(gone.accepting).await;
                    worker
                        .drain(|open| std::ptr::eq(open.listener.as_ptr(), Rc::as_ptr(&gone.slot)));
                }
            }
            Mail::Prune => worker.pool.borrow().wake_reaper(),
            Mail::Shutdown { within: time } => {
                within = time;
                break;
            }
        }
    }
    for (_, gone) in listening.drain() {
        stop_accepting(gone.accepting).await;
    }
    worker.drain(|_| true);
    let emptied = async {
        while !worker.connections.borrow().is_empty() {
            worker.empty.notified().await;
        }
    };
    // What is left when the time has passed is cut off with the runtime.
    let _ = tokio::time::timeout(within, emptied).await;
    reaper.abort();
    flusher.abort();
    worker.log.borrow_mut().flush();
}

impl Worker {
    fn drain(&self, which: impl Fn(&Open) -> bool) {
        for open in self
            .connections
            .borrow()
            .values()
            .filter(|open| which(open))
        {
            open.drain.set();
        }
    }
}

fn listen(
    worker: &Rc<Worker>,
    listening: &mut HashMap<Arc<str>, Listening>,
    listener: Arc<Listener>,
    sockets: Vec<Socket>,
) {
    let name = listener.config.name.clone();
    let addresses = listener.config.addresses.clone();
    let entry = listening.entry(name).or_insert_with(|| Listening {
        slot: Rc::new(ListenerSlot {
            current: RefCell::new(listener.clone()),
        }),
        accepting: Vec::new(),
    });
    let version = Arc::as_ptr(&listener);
    *entry.slot.current.borrow_mut() = listener;
    let slot = Rc::as_ptr(&entry.slot);
    worker.drain(|open| std::ptr::eq(open.listener.as_ptr(), slot) && open.version != version);
    let mut old = std::mem::take(&mut entry.accepting);
    for (address, socket) in addresses.into_iter().zip(sockets) {
        // The same address: its task goes on with its handle on the same socket, now for the new version.
        if let Some(position) = old.iter().position(|(accepting, _)| *accepting == address) {
            entry.accepting.push(old.swap_remove(position));
            continue;
        }
        let task = tokio::task::spawn_local(accept(
            worker.clone(),
            entry.slot.clone(),
            address.clone(),
            socket,
        ));
        entry.accepting.push((address, task));
    }
    for (_, task) in old {
        task.abort();
    }
}

/// Ends accepting after one more turn, in which connections that the kernel has completed are taken.
async fn stop_accepting(tasks: Vec<(Address, JoinHandle<()>)>) {
    tokio::task::yield_now().await;
    for (_, task) in tasks {
        task.abort();
    }
}

async fn accept(worker: Rc<Worker>, slot: Rc<ListenerSlot>, address: Address, socket: Socket) {
    let door = match Door::open(socket) {
        Ok(door) => door,
        Err(cause) => return warn!(%address, %cause, "a listening socket cannot be used"),
    };
    let mut taken = 0;
    loop {
        match door.accept(&address).await {
            Ok((io, peer, local)) => {
                serve(&worker, &slot, io, peer, local);
                taken += 1;
                if taken % ACCEPTS_PER_TURN == 0 {
                    tokio::task::yield_now().await;
                }
            }
            Err(cause) => {
                // Out of descriptors, most likely: going round at once would only burn the CPU.
                warn!(%address, %cause, "a connection could not be accepted");
                tokio::time::sleep(Duration::from_millis(50)).await;
            }
        }
    }
}

/// A listening socket on the worker's reactor.
enum Door {
    Tcp(TcpListener),
    Unix(UnixListener),
}

impl Door {
    fn open(socket: Socket) -> std::io::Result<Self> {
        match socket {
            Socket::Tcp(socket) => TcpListener::from_std(socket).map(Door::Tcp),
            Socket::Unix(socket) => UnixListener::from_std(socket).map(Door::Unix),
        }
    }

    async fn accept(
        &self,
        address: &Address,
    ) -> std::io::Result<(Io, Option<std::net::SocketAddr>, Address)> {
        match self {
            Door::Tcp(listener) => {
                let (stream, peer) = listener.accept().await?;
                // Answers are written whole; waiting for more would only add latency.
                stream.set_nodelay(true)?;
                let local = stream
                    .local_addr()
                    .map_or_else(|_| address.clone(), Address::Ip);
                Ok((Io::Tcp(stream), Some(peer), local))
            }
            Door::Unix(listener) => {
                let (stream, _) = listener.accept().await?;
                Ok((Io::Unix(stream), None, address.clone()))
            }
        }
    }
}

fn serve(
    worker: &Rc<Worker>,
    slot: &Rc<ListenerSlot>,
    io: Io,
    peer: Option<std::net::SocketAddr>,
    local: Address,
) {
    let listener = slot.current.borrow().clone();
    let id = worker.shared.next_connection();
    let drain = Rc::new(DrainSignal::default());
    let open = Open {
        listener: Rc::downgrade(slot),
        version: Arc::as_ptr(&listener),
        drain: drain.clone(),
    };
    worker.connections.borrow_mut().insert(id, open);
    let down = Downstream {
        io,
        inbox: Inbox::unallocated(),
        outbox: Outbox::default(),
        deadline: Deadline::default(),
        facts: Arc::new(ConnectionFacts { id, peer, local }),
        listener,
        worker: worker.clone(),
        drain,
        requests: 0,
    };
    let registered = Registered {
        worker: worker.clone(),
        id,
    };
    tokio::task::spawn_local(async move {
        let _registered = registered;
        connection::serve(down).await;
    });
}

/// Takes a connection off the worker's list when its task ends, however it ends.
struct Registered {
    worker: Rc<Worker>,
    id: u64,
}

impl Drop for Registered {
    fn drop(&mut self) {
        let mut connections = self.worker.connections.borrow_mut();
        connections.remove(&self.id);
        if connections.is_empty() {
            self.worker.empty.notify_one();
        }
    }
}

/// Hands log lines over a moment after they were written.
async fn flush_logs(worker: Rc<Worker>) {
    let wake = worker.log.borrow().wake();
    log::keep_flushed(wake, || worker.log.borrow_mut().flush()).await;
}

/// Watches idle upstream connections: see [`Pool`].
async fn reap(worker: Rc<Worker>) {
    let mut deadline = Deadline::default();
    poll_fn(|cx| {
        loop {
            let next = worker.pool.borrow_mut().reap(cx, clock::now());
            if deadline.poll(cx, next).is_pending() {
                return Poll::<()>::Pending;
            }
        }
    })
    .await;
}
