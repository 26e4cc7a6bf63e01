//! The control thread's end of the stream: what is wanted, what is owed an answer.
//!
//! An update is put into the state at once, but answered only when its outcome is known: clusters that still
//! wait for their endpoints hold the answer to the response that brought them (the server sends routes to them
//! only after it), until they are warm or their fetch timeout has passed.

use std::{
    collections::{BTreeMap, BTreeSet},
    sync::Arc,
};

use portway_shared::clock;
use tokio::{sync::mpsc, task::JoinHandle};
use tracing::{debug, warn};

use super::{
    Kind,
    apply::{self, UnknownFields},
    client::{Client, Update},
    stream::{self, News, Order},
};
use crate::{
    clusters::call::Connector, resources::bootstrap::Variant, runtime::control::OpenError,
    snapshot::state::State, stats::process::ProcessCell,
};

/// A stream that has been started.
pub struct Link {
    orders: mpsc::Sender<Order>,
    news: mpsc::Receiver<News>,
    task: JoinHandle<()>,
    unknown_fields: UnknownFields,
    wanted: BTreeMap<Kind, BTreeSet<Arc<str>>>,
    owed: Vec<Owed>,
    connected: bool,
    heard: BTreeSet<Kind>,
}

/// An update that has not been answered.
struct Owed {
    update: Update,
    faults: Vec<String>,
}

/// So many messages may wait between the stream and the control thread.
const QUEUE: usize = 16;

impl Link {
    /// Starts the stream.
    pub fn start(
        client: Client,
        variant: Variant,
        connector: Connector,
        unknown_fields: UnknownFields,
    ) -> Self {
        let (orders, inbound) = mpsc::channel(QUEUE);
        let (outbound, news) = mpsc::channel(QUEUE);
        let task = tokio::spawn(stream::run(client, variant, connector, inbound, outbound));
        Self {
            orders,
            news,
            task,
            unknown_fields,
            wanted: BTreeMap::new(),
            owed: Vec::new(),
            connected: false,
            heard: BTreeSet::new(),
        }
    }

    /// The next news; never, once the stream is gone.
    pub async fn next(&mut self) -> News {
        match self.news.recv().await {
            Some(news) => news,
            None => std::future::pending().await,
        }
    }

    /// Whether the server can be heard.
    pub fn is_connected(&self) -> bool {
        self.connected
    }

    /// Whether the server has ever said anything about a kind.
    pub fn has_heard_of(&self, kind: Kind) -> bool {
        self.heard.contains(&kind)
    }

    /// Takes news into the state.
    pub fn take(&mut self, news: News, state: &mut State) {
        match news {
            News::Connected => {
                self.connected = true;
                state.set(ProcessCell::ControlPlaneConnected, 1);
            }
            News::Disconnected => {
                self.connected = false;
                state.set(ProcessCell::ControlPlaneConnected, 0);
                // What the old stream is owed nobody can receive any more.
                self.owed.clear();
            }
            News::Update(update) => {
                self.heard.insert(update.kind);
                debug!(kind = ?update.kind, resources = update.resources.len(), removed = update.removed.len(), "update");
                let faults = apply::apply(
                    state,
                    &update,
                    self.unknown_fields,
                    clock::now(),
                    clock::wall(),
                );
                self.owed.push(Owed { update, faults });
            }
        }
    }

    /// Asks for what the state wants by name, and answers every update whose outcome is known. Call it after
    /// the state has settled; `unopened` are listeners that could not be opened.
    pub async fn follow(&mut self, state: &mut State, unopened: &[(Arc<str>, OpenError)]) {
        state.keep_wanted_routes();
        let wants = [
            (Kind::Endpoint, state.wanted_assignments()),
            (Kind::Route, state.wanted_routes()),
        ];
        for (kind, names) in wants {
            if self.wanted.get(&kind) != Some(&names) {
                self.wanted.insert(kind, names.clone());
                self.send(Order::Want(kind, names)).await;
            }
        }
        let (due, owed) = std::mem::take(&mut self.owed)
            .into_iter()
            .partition(|owed| owed.is_settled(state));
        self.owed = owed;
        let due: Vec<Owed> = due;
        for Owed { update, mut faults } in due {
            let counted = match update.kind {
                Kind::Cluster => Some((
                    ProcessCell::CdsUpdateAttempt,
                    ProcessCell::CdsUpdateSuccess,
                    ProcessCell::CdsUpdateRejected,
                )),
                Kind::Listener => Some((
                    ProcessCell::LdsUpdateAttempt,
                    ProcessCell::LdsUpdateSuccess,
                    ProcessCell::LdsUpdateRejected,
                )),
                Kind::Endpoint | Kind::Route => None,
            };
            for (name, error) in unopened {
                if update.kind == Kind::Listener
                    && update
                        .resources
                        .iter()
                        .any(|resource| resource.name == *name)
                {
                    faults.push(format!("resource {name:?}: {error}"));
                }
            }
            if let Some((attempt, success, rejected)) = counted {
                state.count(attempt);
                state.count(if faults.is_empty() { success } else { rejected });
            }
            for fault in &faults {
                warn!(%fault, "refused");
            }
            self.send(Order::Answer(update.receipt, faults)).await;
        }
    }

    async fn send(&self, order: Order) {
        // A stream that is gone wants no orders.
        let _ = self.orders.send(order).await;
    }
}

impl Owed {
    fn is_settled(&self, state: &State) -> bool {
        self.update.kind != Kind::Cluster
            || !self
                .update
                .resources
                .iter()
                .any(|resource| state.is_warming(&resource.name))
    }
}

impl Drop for Link {
    fn drop(&mut self) {
        self.task.abort();
    }
}
