//! One stream's task: reads, asks the core, passes on.

use std::net::SocketAddr;
use std::sync::Arc;
use std::time::{Duration, Instant, SystemTime};

use portway_shared::clock;
use prost::Message as ProstMessage;
use tokio::sync::{mpsc, watch};
use tonic::codec::Streaming;
use tonic::{Code, Status};
use tracing::{debug, info, warn};

use super::Shared;
use super::body::Message;
use super::registry::ConnectedNode;
use crate::xds::encode;
use crate::xds::request::Request;
use crate::xds::status::NodeStatus;
use crate::xds::stream::{Action, CloseReason, Closed, Report, Stream};
use crate::xds::view::Views;

pub(super) struct Task {
    shared: Arc<Shared>,
    stream: Stream,
    messages: mpsc::Sender<Message>,
    peer: Option<SocketAddr>,
    since: SystemTime,
    /// Until when the client must have said who it is.
    first_request: Option<Instant>,
    published: Option<NodeStatus>,
}

/// What a task wakes up for.
enum Event {
    Request(Box<Request>),
    Views(Arc<Views>),
    Tick,
    /// The client ended the stream, or is gone.
    Done(Status),
}

impl Task {
    pub(super) fn new(
        shared: Arc<Shared>,
        stream: Stream,
        peer: Option<SocketAddr>,
        messages: mpsc::Sender<Message>,
    ) -> Self {
        let first_request = clock::now().checked_add(shared.settings.first_request);
        Self {
            shared,
            stream,
            messages,
            peer,
            since: clock::wall(),
            first_request,
            published: None,
        }
    }

    pub(super) async fn run<M>(mut self, mut requests: Streaming<M>)
    where
        M: ProstMessage + Default + Into<Request> + 'static,
    {
        let mut views = self.shared.views.clone();
        let mut closing = self.shared.closing.subscribe();
        let status = loop {
            let event = self.next(&mut requests, &mut views, &mut closing).await;
            let now = clock::now();
            let actions = match event {
                Event::Request(request) => {
                    let current = views.borrow().clone();
                    let Some(current) = current else {
                        break Status::unavailable("no revision is loaded");
                    };
                    self.stream.on_request(*request, &current, now)
                }
                Event::Views(views) => self.stream.on_views(&views, now),
                Event::Tick if self.is_late(now) => {
                    break Status::deadline_exceeded(
                        "no first request arrived in time; open the stream when there is something to ask",
                    );
                }
                Event::Tick => self.stream.on_tick(now),
                Event::Done(status) => break status,
            };
            let closed = self.perform(actions).await;
            self.publish();
            if let Some(closed) = closed {
                warn!(node = self.node(), reason = %closed, "stream refused");
                break to_status(&closed);
            }
        };
        // The client may be gone; then there is nobody to tell.
        if self.messages.send(Message::End(status)).await.is_err() {
            debug!(node = self.node(), "stream ended by the client");
        }
    }

    async fn next<M>(
        &self,
        requests: &mut Streaming<M>,
        views: &mut watch::Receiver<Option<Arc<Views>>>,
        closing: &mut watch::Receiver<bool>,
    ) -> Event
    where
        M: ProstMessage + Default + Into<Request> + 'static,
    {
        let deadline = self.deadline();
        // Requests go ahead of pushes: they say what a push need not hold (XP05).
        tokio::select! {
            biased;
            _ = closing.wait_for(|closing| *closing) => {
                Event::Done(Status::unavailable("the server is shutting down"))
            }
            () = self.messages.closed() => Event::Done(Status::cancelled("the client is gone")),
            message = requests.message() => match message {
                Ok(Some(message)) => Event::Request(Box::new(message.into())),
                Ok(None) => Event::Done(Status::ok("")),
                Err(status) => Event::Done(status),
            },
            changed = views.changed() => match changed {
                Ok(()) => match views.borrow_and_update().clone() {
                    Some(views) => Event::Views(views),
                    None => Event::Done(Status::unavailable("no revision is loaded")),
                },
                Err(_) => Event::Done(Status::unavailable("the server is shutting down")),
            },
            () = sleep_until(deadline) => Event::Tick,
        }
    }

    fn deadline(&self) -> Option<Instant> {
        match self.stream.node() {
            Some(_) => self.stream.deadline(),
            None => self.first_request,
        }
    }

    fn is_late(&self, now: Instant) -> bool {
        self.stream.node().is_none() && self.first_request.is_none_or(|deadline| now >= deadline)
    }

    async fn perform(&mut self, actions: Vec<Action>) -> Option<Closed> {
        for action in actions {
            match action {
                Action::Send(response) => {
                    let frames = encode::frames(response, self.stream.variant());
                    // A failure shows again as a closed queue.
                    if self.messages.send(Message::Data(frames)).await.is_err() {
                        return None;
                    }
                }
                Action::Report(report) => self.log(&report),
                Action::Close(closed) => return Some(closed),
            }
        }
        None
    }

    fn publish(&mut self) {
        let status = self.stream.status();
        if status == self.published {
            return;
        }
        if let Some(status) = &status {
            let node = ConnectedNode {
                since: self.since,
                peer: self.peer,
                status: status.clone(),
            };
            self.shared.registry.publish(self.stream.id(), node);
        }
        self.published = status;
    }

    fn node(&self) -> &str {
        self.stream.node().map_or("", |node| &node.id)
    }

    fn log(&self, report: &Report) {
        let node = self.node();
        match report {
            Report::Acked {
                kind,
                resources,
                removed,
            } => debug!(node, %kind, resources, removed, "response confirmed"),
            Report::Nacked {
                kind,
                text,
                resources,
            } => {
                let origin = resources.first().map(|r| r.provenance().to_string());
                let origin = origin.unwrap_or_default();
                let count = resources.len();
                warn!(node, %kind, resources = count, origin, cause = &**text, "resources rejected");
            }
            Report::Overdue {
                resource,
                waited_for,
            } => warn!(node, %resource, %waited_for, "sent without the confirmation it waited for"),
            Report::Live { revision } => debug!(node, revision, "revision is live"),
            Report::UnknownType { type_url } => {
                info!(node, type_url, "a type was asked for that is not served");
            }
        }
    }
}

impl Drop for Task {
    fn drop(&mut self) {
        self.shared.registry.leave(self.stream.id());
    }
}

async fn sleep_until(deadline: Option<Instant>) {
    match deadline {
        Some(deadline) => {
            let wait = deadline.saturating_duration_since(clock::now());
            // A timer may fire a little early; a short floor spares a busy loop.
            tokio::time::sleep(wait.max(Duration::from_millis(1))).await;
        }
        None => std::future::pending().await,
    }
}

fn to_status(closed: &Closed) -> Status {
    let code = match closed.reason {
        CloseReason::InvalidArgument => Code::InvalidArgument,
        CloseReason::PermissionDenied => Code::PermissionDenied,
        CloseReason::ResourceExhausted => Code::ResourceExhausted,
    };
    Status::new(code, closed.message.clone())
}
