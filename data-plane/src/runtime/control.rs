//! The control thread: owns the configuration and the sockets, tells the workers what changed.
//!
//! Everything that is not a request happens here: names are resolved, the stream to the control plane is
//! read, the admin endpoint answers, signals are heard. Whoever brings news puts it into the [`State`]; what
//! follows from it is carried out by [`Control::settle`] and nowhere else.

use std::{collections::BTreeSet, sync::Arc, thread, time::Duration};

use portway_shared::clock;
use tokio::sync::mpsc;
use tracing::{error, info};

use super::{
    Shared,
    mail::Mail,
    sockets::{BindError, Socket, Sockets},
    worker::{self, Worker},
};
use crate::{
    listeners::Listener,
    log,
    resources::address::Address,
    snapshot::state::{Changes, State},
    stats::{RowId, process::ProcessCell, registry::Registry},
};

/// Why a listener does not accept connections.
#[derive(Debug, thiserror::Error)]
pub enum OpenError {
    #[error(transparent)]
    Socket(#[from] BindError),
    #[error(transparent)]
    AccessLog(#[from] log::OpenError),
}

/// The process's configuration and what carries it out.
pub struct Control {
    pub state: State,
    pub shared: Arc<Shared>,
    pub registry: Arc<Registry>,
    sockets: Sockets,
    logs: log::Sinks,
    workers: Vec<Hand>,
    open: Vec<Arc<Listener>>,
}

/// What the control thread holds of a worker.
struct Hand {
    mailbox: mpsc::Sender<Mail>,
    thread: thread::JoinHandle<()>,
}

/// A mailbox holds so many messages; more than one per listener change is never under way.
const MAILBOX: usize = 256;

impl Control {
    /// Starts the workers; they have nothing to do yet.
    pub fn start(
        state: State,
        workers: usize,
        registry: Arc<Registry>,
        log: &log::Sinks,
    ) -> std::io::Result<Self> {
        let shared = Arc::new(Shared::new(workers));
        let hands = (0..workers)
            .map(|number| {
                let (mailbox, mail) = mpsc::channel(MAILBOX);
                let (shared, writer) = (shared.clone(), log.writer());
                let thread = thread::Builder::new()
                    .name(format!("worker_{number}"))
                    .spawn(move || run_worker(RowId(number), shared, writer, mail))?;
                Ok(Hand { mailbox, thread })
            })
            .collect::<std::io::Result<Vec<_>>>()?;
        state.set(ProcessCell::WorkersStarted, 1);
        Ok(Self {
            state,
            shared,
            registry,
            sockets: Sockets::default(),
            logs: log.clone(),
            workers: hands,
            open: Vec::new(),
        })
    }

    /// Carries out what follows from changes to the state. Listeners that cannot be opened are returned; the
    /// rest of the change is in force all the same.
    pub async fn settle(&mut self) -> Vec<(Arc<str>, OpenError)> {
        let Changes {
            snapshot,
            listen,
            unlisten,
            prune,
        } = self.state.settle(clock::now());
        if let Some(snapshot) = snapshot {
            self.shared.snapshot.store(snapshot);
        }
        let mut failed = Vec::new();
        for listener in listen {
            let name = listener.config.name.clone();
            match self.open(&listener) {
                Ok(handles) => {
                    self.state.count(ProcessCell::ListenerCreateSuccess);
                    self.open.retain(|open| open.config.name != name);
                    self.open.push(listener.clone());
                    for (hand, sockets) in self.workers.iter().zip(handles) {
                        hand.tell(Mail::Listen {
                            listener: listener.clone(),
                            sockets,
                        })
                        .await;
                    }
                    info!(listener = %name, address = %self.address_text(&listener), "listening");
                }
                Err(error) => {
                    self.state.count(ProcessCell::ListenerCreateFailure);
                    error!(listener = %name, %error, "listener not opened");
                    failed.push((name, error));
                }
            }
        }
        for name in unlisten {
            self.open.retain(|open| open.config.name != name);
            for hand in &self.workers {
                hand.tell(Mail::Unlisten { name: name.clone() }).await;
            }
            info!(listener = %name, "listener removed");
        }
        let wanted: BTreeSet<&Address> = self
            .open
            .iter()
            .flat_map(|open| &open.config.addresses)
            .collect();
        self.sockets.keep_only(|address| wanted.contains(address));
        if prune {
            for hand in &self.workers {
                hand.tell(Mail::Prune).await;
            }
        }
        failed
    }

    /// Opens what a listener needs: its access logs, and a socket for each worker.
    fn open(&mut self, listener: &Listener) -> Result<Vec<Vec<Socket>>, OpenError> {
        for access_log in &listener.config.http.access_logs {
            access_log.open(&self.logs)?;
        }
        Ok(self.sockets.lend(&listener.config, self.workers.len())?)
    }

    /// The listeners that are open, each with the addresses it really has.
    pub fn listening(&self) -> Vec<(Arc<Listener>, Vec<Address>)> {
        let bound = |address: &Address| {
            self.sockets
                .bound(address)
                .unwrap_or_else(|| address.clone())
        };
        self.open
            .iter()
            .map(|listener| {
                (
                    listener.clone(),
                    listener.config.addresses.iter().map(bound).collect(),
                )
            })
            .collect()
    }

    fn address_text(&self, listener: &Listener) -> String {
        let bound = |address| {
            self.sockets
                .bound(address)
                .unwrap_or_else(|| address.clone())
                .to_string()
        };
        listener
            .config
            .addresses
            .iter()
            .map(bound)
            .collect::<Vec<_>>()
            .join(", ")
    }

    /// Drains and ends all workers; blocks until they are done.
    pub async fn shut_down(self, within: Duration) {
        for hand in &self.workers {
            hand.tell(Mail::Shutdown { within }).await;
        }
        let threads: Vec<_> = self.workers.into_iter().map(|hand| hand.thread).collect();
        let joined = tokio::task::spawn_blocking(move || {
            for thread in threads {
                if thread.join().is_err() {
                    error!("a worker ended by a panic");
                }
            }
        });
        if joined.await.is_err() {
            error!("the workers could not be waited for");
        }
    }
}

impl Hand {
    async fn tell(&self, mail: Mail) {
        if self.mailbox.send(mail).await.is_err() {
            error!("a worker is gone");
        }
    }
}

fn run_worker(row: RowId, shared: Arc<Shared>, log: log::Writer, mail: mpsc::Receiver<Mail>) {
    let runtime = tokio::runtime::Builder::new_current_thread()
        .enable_all()
        .build_local(tokio::runtime::LocalOptions::default());
    match runtime {
        Ok(runtime) => {
            let worker = std::rc::Rc::new(Worker::new(row, shared, log));
            runtime.block_on(worker::run(worker, mail));
        }
        Err(cause) => error!(%cause, "a worker has no runtime"),
    }
}
