//! A proxy from start to stop: the one place that knows all rooms.
//!
//! [`run`] needs a runtime of the current thread and a bootstrap that has been checked. It may run more than
//! once in a process: it holds no global state, installs no signal handler and no logger. Whoever calls it says
//! when to stop.

mod inspect;
mod startup;

use std::{
    collections::BTreeMap,
    future::Future,
    sync::{Arc, atomic::AtomicBool},
    time::Duration,
};

use portway_proto::pb::envoy::config::core::v3::{self as core, Node};
use portway_shared::clock;
use tokio::{
    sync::{Notify, mpsc},
    task::JoinHandle,
};
use tracing::info;

use crate::{
    admin::{self, Admin},
    bootstrap::Checked,
    clusters::{
        call::{Connector, Dial, Way},
        dns::{self, Resolved},
    },
    log,
    resources::bootstrap::{Bootstrap, Stream},
    runtime::control::Control,
    snapshot::state::{DnsQuery, State},
    stats::{RowId, registry::Registry},
    xds::{Kind, apply::UnknownFields, client::Client, link::Link, stream::News},
};
use startup::Startup;

/// How to run.
#[derive(Clone)]
pub struct Settings {
    pub workers: usize,
    pub shutdown_time: Duration,
    pub unknown_fields: UnknownFields,
    /// Leads to a control plane in this process, instead of the bootstrap's cluster.
    pub pipe: Option<Dial>,
    /// Told when access logs have been moved away and must be opened again.
    pub reopen_logs: Arc<Notify>,
}

/// Why a proxy did not run.
#[derive(Debug, thiserror::Error)]
pub enum RunError {
    #[error("a thread could not be started: {0}")]
    Thread(#[source] std::io::Error),
    #[error(transparent)]
    Listen(#[from] crate::runtime::control::OpenError),
    #[error(transparent)]
    Admin(#[from] admin::BindError),
    #[error("ads_config: {0:?} is no authority")]
    Authority(Box<str>),
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
    let Checked {
        bootstrap,
        state,
        raw,
        report: _,
    } = checked;
    // The state has taken them; nobody needs the messages any more.
    let bootstrap = Bootstrap {
        clusters: Vec::new(),
        listeners: Vec::new(),
        ..bootstrap
    };
    let started = clock::now();
    let endpoint = bootstrap.admin.as_ref().map(admin::Server::bind);
    let endpoint = endpoint.transpose()?;
    let mut control = Control::start(state, settings.workers, registry.clone(), &sinks)
        .map_err(RunError::Thread)?;
    let quit = Arc::new(Notify::new());
    let (ask, mut questions) = mpsc::channel(NEWS);
    let admin = Arc::new(Admin {
        registry,
        sinks: sinks.clone(),
        node: node(&bootstrap.node),
        workers: settings.workers,
        started,
        stop: quit.clone(),
        questions: ask,
        unwell: AtomicBool::new(false),
    });
    let _endpoint = endpoint.map(|endpoint| Task(tokio::spawn(endpoint.serve(admin))));
    let mut startup = Startup::new(bootstrap.stream.clone(), started);
    let (resolved, mut answers) = mpsc::channel(NEWS);
    let mut resolvers = Resolvers::default();
    let mut stop = std::pin::pin!(stop);
    resolvers.follow(&control.state, &resolved);
    if let Some((_, error)) = control.settle().await.into_iter().next() {
        control.shut_down(Duration::ZERO).await;
        return Err(error.into());
    }
    let mut link = match &bootstrap.stream {
        Some(stream) => Some(link(&bootstrap, stream, &control, &settings)?),
        None => None,
    };
    loop {
        startup.look(&control.state, link.as_ref(), clock::now());
        let deadline = [control.state.next_deadline(), startup.next_deadline()];
        let deadline = deadline.into_iter().flatten().min();
        let until_deadline = async {
            match deadline {
                Some(at) => tokio::time::sleep_until(at.into()).await,
                None => std::future::pending().await,
            }
        };
        tokio::select! {
            () = &mut stop => break,
            () = quit.notified() => break,
            () = settings.reopen_logs.notified() => sinks.reopen(),
            Some(question) = questions.recv() => question.answer(
                || startup.status(&control.state, link.as_ref()),
                || inspect::view(&raw, &control),
            ),
            Some(Resolved { query, answers }) = answers.recv() => control.state.put_resolved(&query, &answers),
            news = next(&mut link) => {
                if let Some(link) = &mut link {
                    link.take(news, &mut control.state);
                }
            }
            () = until_deadline => {}
        }
        resolvers.follow(&control.state, &resolved);
        let unopened = control.settle().await;
        if let Some(link) = &mut link {
            link.follow(&mut control.state, &unopened).await;
        }
    }
    info!(within = ?settings.shutdown_time, "draining");
    drop((link, questions));
    control.shut_down(settings.shutdown_time).await;
    sinks.shut_down();
    info!("stopped");
    Ok(())
}

async fn next(link: &mut Option<Link>) -> News {
    match link {
        Some(link) => link.next().await,
        None => std::future::pending().await,
    }
}

/// Starts the stream to the control plane.
fn link(
    bootstrap: &Bootstrap,
    stream: &Stream,
    control: &Control,
    settings: &Settings,
) -> Result<Link, RunError> {
    let mut wildcards = Vec::new();
    if stream.clusters.is_some() {
        wildcards.push(Kind::Cluster);
    }
    if stream.listeners.is_some() {
        wildcards.push(Kind::Listener);
    }
    let authority = stream.authority.as_deref().unwrap_or(&stream.cluster);
    let origin = format!("http://{authority}")
        .parse()
        .map_err(|_| RunError::Authority(authority.into()))?;
    let way = match &settings.pipe {
        Some(dial) => Way::Pipe(dial.clone()),
        None => Way::Cluster {
            shared: control.shared.clone(),
            name: stream.cluster.clone(),
            row: RowId(settings.workers),
        },
    };
    let client = Client::new(node(&bootstrap.node), stream.variant, &wildcards);
    Ok(Link::start(
        client,
        stream.variant,
        Connector { way, origin },
        settings.unknown_fields,
    ))
}

/// How this proxy introduces itself: as the bootstrap says, plus what it is.
fn node(configured: &Node) -> Node {
    let version = env!("CARGO_PKG_VERSION");
    Node {
        user_agent_name: "portway".to_owned(),
        user_agent_version_type: Some(core::node::UserAgentVersionType::UserAgentVersion(
            version.to_owned(),
        )),
        ..configured.clone()
    }
}

/// A task that ends with its owner.
struct Task<T>(JoinHandle<T>);

impl<T> Drop for Task<T> {
    fn drop(&mut self) {
        self.0.abort();
    }
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
