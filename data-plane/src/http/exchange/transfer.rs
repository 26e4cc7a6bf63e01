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

/// The upstream side of an exchange.
pub struct UpstreamSide<'a> {
    pub io: &'a mut Io,
    pub inbox: Inbox,
    pub outbox: Outbox,
    pub scanner: h1::HeadScanner,
    /// Encodes the request's body.
    pub writer: h1::BodyWriter,
    /// Whether trailers of the request may go along.
    pub trailers: bool,
    /// Whether the request has been written to its end.
    pub sent: bool,
    /// The upstream takes no more of the request. What it has answered may still be worth reading.
    pub deaf: bool,
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

/// Moves the request on. Ready when all of it is written.
pub fn poll_request(
    down: &mut Downstream,
    record: &mut Record,
    request: &mut RequestState,
    up: &mut UpstreamSide<'_>,
    cx: &mut Context<'_>,
) -> Poll<Result<(), Broken>> {
    loop {
        if up.deaf {
            return Poll::Ready(Ok(()));
        }
        if !up.outbox.is_empty() {
            let waiting = up.outbox.waiting() as u64;
            match up.outbox.poll_flush(up.io, cx) {
                Poll::Ready(Ok(())) => record.sizes.upstream_sent += waiting,
                Poll::Ready(Err(_)) => {
                    // The answer may have come before the connection broke: reading decides.
                    up.deaf = true;
                    continue;
                }
                Poll::Pending => return Poll::Pending,
            }
        }
        if up.sent {
            return Poll::Ready(Ok(()));
        }
        if request.complete {
            let trailers = request.body.take_trailers().filter(|_| up.trailers);
            up.writer
                .finish(up.outbox.tail(), trailers.as_ref())
                .map_err(|_| Broken::Request(h1::BodyError::Truncated))?;
            up.sent = true;
            record.times.upstream_request_complete = Some(clock::now());
            continue;
        }
        let step = request
            .body
            .read(down.inbox.unread())
            .map_err(Broken::Request)?;
        let (consumed, done) = (step.consumed, step.done);
        record.sizes.request_body += step.data.len() as u64;
        up.writer
            .write(up.outbox.tail(), step.data)
            .map_err(|_| Broken::Request(h1::BodyError::Framing))?;
        down.inbox.consume(consumed);
        record.sizes.downstream_received += consumed as u64;
        if done {
            request.complete = true;
            record.times.request_complete = Some(clock::now());
        } else if consumed == 0 {
            match ready!(down.inbox.poll_fill(&mut down.io, cx)) {
                Ok(0) | Err(_) => return Poll::Ready(Err(Broken::Downstream)),
                Ok(_) => {}
            }
        }
    }
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
            Err(_) => return Poll::Ready(Err(Broken::Upstream)),
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
