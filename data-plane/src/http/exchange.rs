//! One request, from its head to its log line.
//!
//! [`run`] is the way: [`prepare`] makes the head trustworthy, the route is chosen, the filters see it, then
//! either the proxy answers itself ([`reply`]) or [`forward`] sends the request upstream and brings the answer
//! back with the help of [`transfer`]. [`finish`] counts and logs, whatever happened.

mod decide;
mod finish;
mod forward;
mod prepare;
mod reply;
mod transfer;
mod watch;

use super::{
    connection::Downstream, flags::Flag, h1, local_reply::LocalReply, message::Method,
    record::Record,
};
use decide::Decision;
pub use prepare::refusal;

/// What becomes of the client's connection.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum After {
    KeepAlive,
    Close,
}

/// Serves one request whose head has been read.
pub async fn run(down: &mut Downstream, record: &mut Record, frame: h1::RequestFrame) -> After {
    let mut request = RequestState::new(down, record, &frame);
    finish::begin(down, record);
    let decision = match prepare::prepare(down, record, &frame, &mut request) {
        Ok(()) => decide::decide(down, record).await,
        Err(reply) => Decision::Reply(reply),
    };
    let after = match decision {
        Decision::Reply(reply) => reply::send(down, record, &mut request, reply).await,
        Decision::Forward(target) => forward::forward(down, record, &mut request, target).await,
    };
    finish::end(down, record);
    after
}

/// Answers a request that could not be read, and closes.
pub async fn refuse(down: &mut Downstream, record: &mut Record, reply: LocalReply) -> After {
    // What could not be read has no method, and the log says so.
    record.request.method = Method::Other("".into());
    finish::begin(down, record);
    let mut request = RequestState::unreadable(down);
    let after = reply::send(down, record, &mut request, reply).await;
    finish::end(down, record);
    after
}

/// Logs a request whose client left before its head was complete.
pub fn abandoned(down: &Downstream, record: &mut Record) {
    record.request.method = Method::Other("".into());
    record.fail(
        Flag::DownstreamConnectionTermination,
        "downstream_remote_disconnect",
    );
    finish::begin(down, record);
    finish::end(down, record);
}

/// How far the request has come.
pub struct RequestState {
    body: h1::BodyReader,
    length: h1::BodyLength,
    /// Whether all of it has been read.
    complete: bool,
    /// Whether the client wants to keep the connection.
    keep_alive: bool,
}

impl RequestState {
    fn new(down: &Downstream, record: &mut Record, frame: &h1::RequestFrame) -> Self {
        let body = h1::BodyReader::new(frame.body, &down.listener.config.http.codec);
        let complete = body.is_done();
        if complete {
            record.times.request_complete = Some(record.times.start);
        }
        Self {
            body,
            length: frame.body,
            complete,
            keep_alive: frame.keep_alive,
        }
    }

    fn unreadable(down: &Downstream) -> Self {
        let length = h1::BodyLength::Empty;
        let body = h1::BodyReader::new(length, &down.listener.config.http.codec);
        Self {
            body,
            length,
            complete: false,
            keep_alive: false,
        }
    }
}
