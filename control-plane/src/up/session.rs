//! One run of a gateway in this process, from the first look at the files to the last connection.

use std::collections::BTreeSet;
use std::net::{IpAddr, Ipv4Addr, SocketAddr, TcpListener};
use std::path::PathBuf;
use std::time::Duration;

use portway_proto::loader::Diagnostic;
use portway_proto::pb::portway::v1::{self as pb, SourceFile};
use portway_shared::clock;
use prost::Message;
use tokio::sync::watch;

use super::engine::{Engine, NODE};
use super::starter::{self, Starter};
use super::watch::Watcher;
use super::{PATIENCE, echo};
use crate::api::apply::{self, Applied, Outcome as Ended};
use crate::cli::{Exit, Failure, Format, Outcome, files, output, serve, status};
use crate::model::{self, Set, load_set};
use crate::server::{Address, ControlPlane, Token};
use crate::store::{Object, RevisionId};
use crate::xds::status::State;

/// How long the proxy may take to answer a revision before that is said.
const ANSWER: Duration = Duration::from_secs(5);

/// A port that was given up a moment ago may still be closing.
const CLOSING: (usize, Duration) = (10, Duration::from_millis(100));

/// Where the configuration comes from.
#[derive(Clone)]
pub(super) enum Input {
    /// Followed as they change.
    Files(PathBuf),
    Fixed(SourceFile),
}

/// What is to run.
pub(super) struct Session {
    pub(super) input: Input,
    pub(super) data_dir: PathBuf,
    pub(super) starter: Option<Starter>,
    pub(super) workers: usize,
}

/// What became of a look at the files.
enum Looked {
    /// There is a new revision.
    New(Applied),
    Same,
    /// It was told what is wrong.
    Wrong,
}

impl Session {
    pub(super) async fn run(self) -> Outcome {
        let signals = serve::signals()?;
        // Before the files are read, so that no save falls between.
        let mut watcher = match &self.input {
            Input::Files(path) => Some(Watcher::new(path, &self.data_dir)?),
            Input::Fixed(_) => None,
        };
        let plane = ControlPlane::open(&self.data_dir).await?;
        let mut open = None;
        match self.look(&plane, &mut open).await? {
            Looked::New(_) | Looked::Same => {}
            Looked::Wrong => return Ok(Exit::Configuration),
        }
        let head = plane.revisions().head().await?.map(|head| head.id);
        let revision = head.ok_or("the files hold no object")?;
        let objects = plane.revisions().load(revision).await?;

        let token = Token::of(&self.data_dir)?;
        let socket = |name: &str| Address::Unix(self.data_dir.join(name));
        let xds = socket("xds.sock").bind(false).await?;
        let api = socket("api.sock").bind(false).await?;
        let echoing = self.echo(&objects).await;
        let (stop, stopped) = watch::channel(false);
        let (mut engine, pipes) = Engine::start(self.workers, stopped.clone())?;
        let serving = async {
            let piped = plane.xds().serve(pipes, serve::until(stopped.clone()));
            tokio::try_join!(
                async { piped.await.map_err(Failure::from) },
                async {
                    let stop = serve::until(stopped.clone());
                    plane.serve_xds(xds, stop).await.map_err(Failure::from)
                },
                async {
                    let stop = serve::until(stopped.clone());
                    let served = plane.serve_api(api, token, stop).await;
                    served.map_err(Failure::from)
                },
            )
        };
        let following = async {
            let live = settled(&plane, revision).await;
            self.welcome(&objects, revision, live);
            let Some(watcher) = &mut watcher else {
                return std::future::pending::<Outcome>().await;
            };
            loop {
                watcher.changed().await;
                let seen = clock::now();
                if let Looked::New(applied) = self.look(&plane, &mut open).await? {
                    tell(&plane, &applied, seen).await;
                }
            }
        };
        let outcome = tokio::select! {
            served = serving => match served {
                Ok(_) => Ok(Exit::Done),
                Err(failure) => Err(failure),
            },
            () = plane.run() => Ok(Exit::Done),
            ended = engine.ended() => ended.map(|()| Exit::Done),
            () = echoing => Ok(Exit::Done),
            followed = following => followed,
            () = signals => {
                stop.send_replace(true);
                let again = serve::signals()?;
                tokio::select! {
                    () = again => Err("stopped at once by a second signal".into()),
                    ended = tokio::time::timeout(PATIENCE + ANSWER, engine.ended()) => {
                        ended.unwrap_or(Ok(())).map(|()| Exit::Done)
                    }
                }
            }
        };
        for name in ["xds.sock", "api.sock"] {
            // What is left of them harms nobody: the next start replaces them.
            let _ = std::fs::remove_file(self.data_dir.join(name));
        }
        outcome
    }

    /// Reads the files, and makes a revision of them if they are right and new. `open` holds the addresses that the
    /// proxy listens on already, once there was a first revision.
    async fn look(
        &self,
        plane: &ControlPlane,
        open: &mut Option<BTreeSet<SocketAddr>>,
    ) -> Result<Looked, Failure> {
        let input = self.input.clone();
        let checked = tokio::task::spawn_blocking(move || read(&input)).await?;
        let (files, set) = match checked {
            Ok(checked) => checked,
            Err(found) => return wrong(plane, &found).await,
        };
        if set.objects().is_empty() {
            // A file that is being written is empty for a moment; and whoever wants to serve nothing stops.
            output::err("portway: the files hold no objects; nothing was changed\n");
            return Ok(Looked::Wrong);
        }
        let listening = listening(&set);
        let mut tries = match open {
            Some(_) => CLOSING.0,
            None => 1,
        };
        while let Some(taken) = listening
            .iter()
            .find_map(|address| taken(*address, open.as_ref()))
        {
            if open.is_none() {
                return Err(taken);
            }
            tries -= 1;
            if tries > 0 {
                tokio::time::sleep(CLOSING.1).await;
                continue;
            }
            output::err(&format!("portway: {taken}; nothing was changed\n"));
            return Ok(Looked::Wrong);
        }
        let request = pb::ApplyRequest {
            files,
            prune: true,
            author: std::env::var("USER").unwrap_or_default(),
            message: "portway up".to_owned(),
            ..pb::ApplyRequest::default()
        };
        let applied = apply::apply(plane.revisions(), request).await?;
        match applied.outcome {
            Ended::Refused => wrong(plane, &applied.diagnostics).await,
            Ended::Applied | Ended::Unchanged | Ended::Valid => {
                output::diagnostics(&applied.diagnostics, Format::Human);
                *open = Some(listening);
                Ok(match applied.outcome {
                    Ended::Applied => Looked::New(applied),
                    _ => Looked::Same,
                })
            }
        }
    }

    /// Answers for the starter file's Service, if nothing else does. Ends never.
    async fn echo(&self, objects: &[Object]) -> impl Future<Output = ()> + use<> {
        let wanted = self.starter.as_ref().and_then(|_| starter::wanted(objects));
        let listener = match wanted {
            // Somebody else answers there, which is what the file is for.
            Some(address) => tokio::net::TcpListener::bind(address).await.ok(),
            None => None,
        };
        async move {
            match listener {
                Some(listener) => echo::serve(listener).await,
                None => std::future::pending().await,
            }
        }
    }

    fn welcome(&self, objects: &[Object], revision: RevisionId, live: Result<(), String>) {
        let mut text = String::new();
        match &self.starter {
            Some(starter) if starter.written => {
                text.push_str(&format!(
                    "wrote {}, a file to start from\n",
                    starter.path.display()
                ));
            }
            _ => {}
        }
        let count = output::count(objects.len(), "object");
        match live {
            Ok(()) => text.push_str(&format!("revision {revision} is live: {count}\n")),
            Err(why) => {
                output::err(&why);
                text.push_str(&format!(
                    "revision {revision} is not live everywhere: {count}\n"
                ));
            }
        }
        let urls: Vec<String> = addresses(objects).iter().map(url).collect();
        for url in &urls {
            text.push_str(&format!("  {url}\n"));
        }
        if let Some(url) = urls.first() {
            let path = self.starter.as_ref().map_or("/", |_| "/hello");
            text.push_str(&format!("try:  curl -i {url}{path}\n"));
        }
        if let Input::Files(path) = &self.input {
            let data_dir = self.data_dir.display();
            text.push_str(&format!(
                "following {}; stop with Ctrl-C\nstatus:  portway status --api-address unix:{data_dir}/api.sock\n",
                path.display()
            ));
        }
        output::out(&text);
    }
}

/// The files and the set that they make.
fn read(input: &Input) -> Result<(Vec<SourceFile>, Set), Vec<Diagnostic>> {
    let files = match input {
        Input::Files(path) => files::read(std::slice::from_ref(path))?,
        Input::Fixed(file) => vec![file.clone()],
    };
    let sources: Vec<_> = files
        .iter()
        .map(|file| model::SourceFile {
            name: &file.name,
            bytes: &file.content,
        })
        .collect();
    let set = load_set(&sources)?;
    Ok((files, set))
}

/// Says what is wrong, and what is served still.
async fn wrong(plane: &ControlPlane, found: &[Diagnostic]) -> Result<Looked, Failure> {
    output::diagnostics(found, Format::Human);
    let views = plane.views().borrow().clone();
    if let Some(views) = views {
        let revision = views.revision();
        output::err(&format!(
            "nothing was changed: revision {revision} stays live\n"
        ));
    }
    Ok(Looked::Wrong)
}

/// Waits for the proxy's answer to a new revision, and tells it.
async fn tell(plane: &ControlPlane, applied: &Applied, seen: std::time::Instant) {
    let revision = RevisionId::new(applied.revision);
    let count = output::count(applied.changes.len(), "object");
    match settled(plane, revision).await {
        Ok(()) => {
            let took = clock::now().saturating_duration_since(seen).as_millis();
            output::out(&format!(
                "revision {revision} is live: {count} changed ({took} ms)\n"
            ));
        }
        Err(why) => output::err(&format!(
            "{why}revision {revision} is not live everywhere: {count} changed\n"
        )),
    }
}

/// Waits until the proxy in this process has answered for all of a revision; what it refused is the error.
async fn settled(plane: &ControlPlane, revision: RevisionId) -> Result<(), String> {
    let mut changes = plane.xds().changes();
    let waited = tokio::time::timeout(ANSWER, async {
        loop {
            changes.borrow_and_update();
            let nodes = plane.xds().nodes();
            let own = nodes.iter().find(|node| node.status.node.id == NODE);
            if let Some(node) = own {
                let status = &node.status;
                if status.live >= Some(revision.get()) {
                    return Ok(());
                }
                let pending = status.kinds.iter().any(|kind| kind.state == State::Pending);
                let nacked = status.kinds.iter().any(|kind| kind.state == State::Nacked);
                if status.target >= revision.get() && nacked && !pending {
                    return Err(refusals(plane));
                }
            }
            if changes.changed().await.is_err() {
                return Err("the server is gone\n".to_owned());
            }
        }
    });
    let late = || format!("the proxy has not answered within {} s\n", ANSWER.as_secs());
    waited.await.unwrap_or_else(|_| Err(late()))
}

fn refusals(plane: &ControlPlane) -> String {
    let rows = crate::api::rows(plane);
    let own = rows.iter().filter(|node| node.id == NODE);
    let reasons = own.flat_map(|node| {
        let rejections = node.types.iter().flat_map(|kind| &kind.rejections);
        rejections.map(move |rejection| status::reason(node, rejection))
    });
    reasons.collect()
}

/// The addresses of all gateways of a set.
fn listening(set: &Set) -> BTreeSet<SocketAddr> {
    addresses(set.objects()).into_iter().collect()
}

fn addresses(objects: &[Object]) -> Vec<SocketAddr> {
    let gateways = objects.iter().filter(|object| object.key.kind == "Gateway");
    let specs = gateways.filter_map(|object| pb::GatewaySpec::decode(object.spec.clone()).ok());
    let listeners = specs.flat_map(|spec| spec.listeners);
    let addresses = listeners.filter_map(|listener| {
        let ip = match listener.address.as_str() {
            "" => IpAddr::V4(Ipv4Addr::UNSPECIFIED),
            address => address.parse().ok()?,
        };
        Some(SocketAddr::new(ip, u16::try_from(listener.port).ok()?))
    });
    addresses.collect()
}

/// Why an address cannot be had. The proxy shares its ports among its threads, so it would not notice that another
/// process of the same user has the same port: half of the connections would end up there.
///
/// Its own ports are not asked for: one that moves to another address of the machine is still held by the proxy.
fn taken(address: SocketAddr, open: Option<&BTreeSet<SocketAddr>>) -> Option<Failure> {
    let own = |open: &BTreeSet<SocketAddr>| open.iter().any(|own| own.port() == address.port());
    if open.is_some_and(own) {
        return None;
    }
    let cause = TcpListener::bind(address).err()?;
    Some(format!("cannot listen on {address}: {cause}").into())
}

fn url(address: &SocketAddr) -> String {
    let host = match address.ip() {
        ip if ip.is_unspecified() => "localhost".to_owned(),
        IpAddr::V4(ip) => ip.to_string(),
        IpAddr::V6(ip) => format!("[{ip}]"),
    };
    format!("http://{host}:{}", address.port())
}
