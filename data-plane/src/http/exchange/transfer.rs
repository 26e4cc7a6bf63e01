//! Moves a request up and its response down, at the same time and no faster than either side takes it.
//!
//! Everything here is polled by the one task of the client's connection. Each direction is a small machine:
//! what has been read is decoded, encoded into the other side's outbox, and flushed before more is read. So
//! at most a chunk and what the codec adds is ever held per direction, which is the whole of backpressure.

use std::task::{Context, Poll, ready};

use portway_shared::clock;

use super::{
    super::{
        buffer::{CHUNK, Inbox, Outbox},
        connection::Downstream,
        h1,
        record::Record,
    },
    RequestState,
};
use crate::clusters::io::Io;

/// The request on its way up.
pub struct Upload {
    pub outbox: Outbox,
    /// Encodes the body.
    pub writer: h1::BodyWriter,
    /// Whether trailers may go along.
    pub trailers: bool,
    /// Whether its end has been encoded.
    pub encoded: bool,
    /// The upstream takes no more. What it has answered may still be worth reading.
    pub deaf: bool,
}

impl Upload {
    /// Whether the upstream has all of it.
    pub fn is_sent(&self) -> bool {
        self.encoded && self.outbox.is_empty() && !self.deaf
    }
}

/// The upstream's connection and what it says.
pub struct UpstreamSide<'a> {
    pub io: &'a mut Io,
    pub inbox: Inbox,
    pub scanner: h1::HeadScanner,
}

/// Why an exchange ended before its time.
#[derive(Debug)]
pub enum Broken {
    /// The client is gone.
    Downstream,
    /// The client's body makes no sense.
    Request(h1::BodyError),
    /// The upstream closed or reset the connection.
    Upstream,
    /// The upstream's answer makes no sense, or ended too soon.
    Response,
}

/// Reads the request on, as far as there is room. Ready when its end has been encoded, or the room is full.
pub fn poll_read_request(
    down: &mut Downstream,
    record: &mut Record,
    request: &mut RequestState,
    upload: &mut Upload,
    cx: &mut Context<'_>,
) -> Poll<Result<(), Broken>> {
    while !upload.encoded && upload.outbox.waiting() < CHUNK {
        let step = request
            .body
            .read(down.inbox.unread())
            .map_err(Broken::Request)?;
        let (consumed, done) = (step.consumed, step.done);
        record.sizes.request_body += step.data.len() as u64;
        let written = upload.writer.write(upload.outbox.tail(), step.data);
        written.map_err(|_| Broken::Request(h1::BodyError::Framing))?;
        down.inbox.consume(consumed);
        record.sizes.downstream_received += consumed as u64;
        if done {
            request.complete = true;
            record.times.request_complete = Some(clock::now());
            let trailers = request.body.take_trailers().filter(|_| upload.trailers);
            let ended = upload
                .writer
                .finish(upload.outbox.tail(), trailers.as_ref());
            ended.map_err(|_| Broken::Request(h1::BodyError::Truncated))?;
            upload.encoded = true;
        } else if consumed == 0 {
            match ready!(down.inbox.poll_fill(&mut down.io, cx)) {
                Ok(0) | Err(_) => return Poll::Ready(Err(Broken::Downstream)),
                Ok(_) => {}
            }
        }
    }
    Poll::Ready(Ok(()))
}

/// Moves the request on. Ready when the upstream has all of it, or takes no more.
pub fn poll_request(
    down: &mut Downstream,
    record: &mut Record,
    request: &mut RequestState,
    upload: &mut Upload,
    up: &mut UpstreamSide<'_>,
    cx: &mut Context<'_>,
) -> Poll<Result<(), Broken>> {
    while !upload.deaf && !upload.is_sent() {
        let reading = poll_read_request(down, record, request, upload, cx);
        if let Poll::Ready(Err(broken)) = reading {
            return Poll::Ready(Err(broken));
        }
        let waiting = upload.outbox.waiting() as u64;
        if waiting == 0 && reading.is_pending() {
            return Poll::Pending;
        }
        match upload.outbox.poll_flush(up.io, cx) {
            Poll::Ready(Ok(())) => {
                record.sizes.upstream_sent += waiting;
                if upload.encoded {
                    record.times.upstream_request_complete = Some(clock::now());
                }
            }
            // The answer may have come before the connection broke: reading decides.
            Poll::Ready(Err(_)) => upload.deaf = true,
            Poll::Pending => return Poll::Pending,
        }
    }
    Poll::Ready(Ok(()))
}

/// Waits for the response's head. What comes before it (1xx) is handed to `interim`.
pub fn poll_response_head(
    up: &mut UpstreamSide<'_>,
    record: &mut Record,
    options: &h1::Options,
    cx: &mut Context<'_>,
) -> Poll<Result<h1::ResponseFrame, Broken>> {
    loop {
        if !up.inbox.is_empty() {
            let method = &record.request.method;
            let read = h1::read_response(
                up.inbox.unread(),
                &mut up.scanner,
                options,
                method,
                &mut record.response,
            );
            if let Some(frame) = read.map_err(|_| Broken::Response)? {
                up.inbox.consume(frame.consumed);
                record.sizes.upstream_received += frame.consumed as u64;
                if frame.informational {
                    record.response.clear();
                    continue;
                }
                record.sizes.upstream_head_received = frame.consumed as u64;
                return Poll::Ready(Ok(frame));
            }
        }
        match ready!(up.inbox.poll_fill(up.io, cx)) {
            // An end inside a head is no way to end.
            Ok(0) if !up.inbox.is_empty() => return Poll::Ready(Err(Broken::Response)),
            Ok(0) => return Poll::Ready(Err(Broken::Upstream)),
            Ok(_) => {}
            Err(_) => return Poll::Ready(Err(Broken::Upstream)),
        }
    }
}

/// The response on its way down.
pub struct ResponseState {
    pub body: h1::BodyReader,
    pub writer: h1::BodyWriter,
    /// Whether its end has been encoded.
    pub encoded: bool,
}

impl ResponseState {
    /// Encodes the end.
    pub fn finish(&mut self, down: &mut Downstream, record: &mut Record) -> Result<(), Broken> {
        if let Some(trailers) = self.body.take_trailers() {
            record.response_trailers = trailers;
        }
        let allowed = down.listener.config.http.codec.enable_trailers;
        let trailers =
            Some(&record.response_trailers).filter(|trailers| allowed && !trailers.is_empty());
        self.encoded = true;
        self.writer
            .finish(down.outbox.tail(), trailers)
            .map_err(|_| Broken::Response)
    }
}

/// Moves the response on. Ready when all of it is written.
pub fn poll_response(
    down: &mut Downstream,
    record: &mut Record,
    response: &mut ResponseState,
    up: &mut UpstreamSide<'_>,
    cx: &mut Context<'_>,
) -> Poll<Result<(), Broken>> {
    loop {
        while !response.encoded && down.outbox.waiting() < CHUNK {
            let step = response
                .body
                .read(up.inbox.unread())
                .map_err(|_| Broken::Response)?;
            let (consumed, done) = (step.consumed, step.done);
            record.sizes.response_body += step.data.len() as u64;
            response
                .writer
                .write(down.outbox.tail(), step.data)
                .map_err(|_| Broken::Response)?;
            up.inbox.consume(consumed);
            record.sizes.upstream_received += consumed as u64;
            if done {
                response.finish(down, record)?;
            } else if consumed == 0 {
                break;
            }
        }
        if !down.outbox.is_empty() {
            let waiting = down.outbox.waiting() as u64;
            if ready!(down.outbox.poll_flush(&mut down.io, cx)).is_err() {
                return Poll::Ready(Err(Broken::Downstream));
            }
            record.sizes.downstream_sent += waiting;
        }
        if response.encoded {
            return Poll::Ready(Ok(()));
        }
        match ready!(up.inbox.poll_fill(up.io, cx)) {
            Ok(0) => {
                response.body.on_eof().map_err(|_| Broken::Response)?;
                response.finish(down, record)?;
            }
            Ok(_) => {}
            Err(_) => return Poll::Ready(Err(Broken::Response)),
        }
    }
}

/// Notices a client that leaves while it waits. What it sends meanwhile (pipelined requests) is kept, up to a
/// chunk; after that it has to wait until this request is done.
pub fn poll_departure(down: &mut Downstream, cx: &mut Context<'_>) -> Poll<()> {
    while down.inbox.unread().len() < CHUNK {
        match ready!(down.inbox.poll_fill(&mut down.io, cx)) {
            Ok(0) | Err(_) => return Poll::Ready(()),
            Ok(_) => {}
        }
    }
    Poll::Pending
}
