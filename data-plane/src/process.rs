//! A proxy from start to stop: the one place that knows all rooms.
//!
//! [`run`] needs a runtime of the current thread and a bootstrap that has been checked. It may run more than
//! once in a process: it holds no global state, installs no signal handler and no logger. Whoever calls it says
//! when to stop.

use std::{collections::BTreeMap, future::Future, sync::Arc, time::Duration};

use tokio::{sync::mpsc, task::JoinHandle};
use tracing::{info, warn};

use crate::{
    bootstrap::Checked,
    clusters::dns::{self, Resolved},
    log,
    runtime::control::Control,
    snapshot::state::{DnsQuery, State},
    stats::registry::Registry,
};

/// How to run.
#[derive(Clone, Copy, Debug)]
pub struct Settings {
    pub workers: usize,
    pub shutdown_time: Duration,
}

/// Why a proxy did not run.
#[derive(Debug, thiserror::Error)]
pub enum RunError {
    #[error("a thread could not be started: {0}")]
    Thread(#[source] std::io::Error),
    #[error(transparent)]
    Listen(#[from] crate::runtime::sockets::BindError),
}

/// News for the control thread are few; whoever has some waits while this many are unread.
const NEWS: usize = 64;

/// Runs a proxy until `stop` is ready, then drains it.
pub async fn run(
    checked: Checked,
    registry: Arc<Registry>,
    settings: Settings,
    stop: impl Future<Output = ()>,
) -> Result<(), RunError> {
    let sinks = log::Sinks::default();
    let mut control = Control::start(checked.state, settings.workers, registry, &sinks)
        .map_err(RunError::Thread)?;
    let (resolved, mut answers) = mpsc::channel(NEWS);
    let mut resolvers = Resolvers::default();
    let mut stop = std::pin::pin!(stop);
    resolvers.follow(&control.state, &resolved);
    if let Some((_, error)) = control.settle().await.into_iter().next() {
        control.shut_down(Duration::ZERO).await;
        return Err(error.into());
    }
    loop {
        let deadline = control.state.next_deadline();
        let until_deadline = async {
            match deadline {
                Some(at) => tokio::time::sleep_until(at.into()).await,
                None => std::future::pending().await,
            }
        };
        tokio::select! {
            () = &mut stop => break,
            Some(Resolved { query, answers }) = answers.recv() => control.state.put_resolved(&query, &answers),
            () = until_deadline => {}
        }
        resolvers.follow(&control.state, &resolved);
        for (name, error) in control.settle().await {
            warn!(listener = %name, %error, "listener not opened");
        }
    }
    info!(within = ?settings.shutdown_time, "draining");
    control.shut_down(settings.shutdown_time).await;
    sinks.shut_down();
    info!("stopped");
    Ok(())
}

/// The tasks that resolve the hosts of clusters.
#[derive(Default)]
struct Resolvers {
    tasks: BTreeMap<Arc<str>, (DnsQuery, JoinHandle<()>)>,
}

impl Resolvers {
    /// Starts and ends tasks so that there is one for each cluster that needs one.
    fn follow(&mut self, state: &State, news: &mpsc::Sender<Resolved>) {
        let wanted: BTreeMap<Arc<str>, DnsQuery> = state
            .dns_queries()
            .map(|query| (query.cluster.clone(), query))
            .collect();
        self.tasks.retain(|cluster, (query, task)| {
            let keep = wanted.get(cluster) == Some(query);
            if !keep {
                task.abort();
            }
            keep
        });
        for (cluster, query) in wanted {
            self.tasks.entry(cluster).or_insert_with(|| {
                let task = tokio::spawn(dns::resolve(query.clone(), news.clone()));
                (query, task)
            });
        }
    }
}

impl Drop for Resolvers {
    fn drop(&mut self) {
        for (_, task) in self.tasks.values() {
            task.abort();
        }
    }
}
