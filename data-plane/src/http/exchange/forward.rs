//! Sends a request upstream and brings its answer back.
//!
//! The connection is the worker's warmest to the chosen endpoint, or a new one. Request and response then
//! move at the same time ([`transfer`](super::transfer)); an upstream may answer before it has read everything.
//! Until the response's head is written the client can still get an answer of ours; after that, a failure can
//! only cut the response off, and does so visibly.

use std::{
    future::{Future, poll_fn},
    io,
    task::{Context, Poll},
};

use portway_shared::clock;

use super::super::{
    connection::Downstream,
    flags::{Details, Flag},
    h1,
    local_reply::LocalReply,
    record::Record,
};
use super::{
    After, RequestState,
    decide::Target,
    reply,
    transfer::{self, Broken, ResponseState, Upload, UpstreamSide},
    watch::{Expired, Watch},
};
use crate::{
    clusters::{
        connect::{self, ConnectError},
        pool::{Connection, OpenCount, PendingCount},
    },
    stats::{cluster::ClusterCell, endpoint::EndpointCell, http::HttpCell},
};

/// Forwards, and says what becomes of the client's connection.
pub async fn forward(
    down: &mut Downstream,
    record: &mut Record,
    request: &mut RequestState,
    target: Target,
) -> After {
    let cluster_stats = target.cluster.stats.clone();
    let row = down.worker.row;
    record.upstream.endpoint = Some(target.member.endpoint.clone());
    record.upstream.hostname = Some(target.member.hostname.clone());
    let timeout = super::finish::request_head(down, record, &target);
    let mut watch = Watch::new(&down.listener.config.http.timeouts, timeout, record);

    let threads = down.worker.threads();
    let host = &target.member.endpoint.stats;
    down.count(HttpCell::RqTotal);
    cluster_stats.cells.inc(row, ClusterCell::UpstreamRqTotal);
    cluster_stats.cells.inc(row, ClusterCell::UpstreamRqActive);
    host.inc(row, threads, EndpointCell::RqTotal);
    host.inc(row, threads, EndpointCell::RqActive);
    let ended = exchange(down, record, request, &target, &mut watch).await;
    cluster_stats.cells.dec(row, ClusterCell::UpstreamRqActive);
    host.dec(row, threads, EndpointCell::RqActive);
    if let Some(cell) = outcome(&ended, record) {
        host.inc(row, threads, cell);
    }
    match ended {
        Ok(after) => after,
        Err(Failed::BeforeHead(reply)) => reply::send(down, record, request, reply).await,
        Err(Failed::Cut) => After::Close,
    }
}

/// How a request counts for its endpoint; one that the client gave up counts neither way.
fn outcome(ended: &Result<After, Failed>, record: &Record) -> Option<EndpointCell> {
    match ended {
        Ok(_) if record.response.status < 500 => Some(EndpointCell::RqSuccess),
        Err(Failed::BeforeHead(reply)) if reply.flag == Some(Flag::UpstreamRequestTimeout) => {
            Some(EndpointCell::RqTimeout)
        }
        Err(Failed::Cut) if record.flags.has(Flag::DownstreamConnectionTermination) => None,
        Ok(_) | Err(_) => Some(EndpointCell::RqError),
    }
}

/// Why there is no whole answer.
enum Failed {
    /// The client has seen nothing yet and gets this.
    BeforeHead(LocalReply),
    /// The client has seen a part, or is gone.
    Cut,
}

async fn exchange(
    down: &mut Downstream,
    record: &mut Record,
    request: &mut RequestState,
    target: &Target,
    watch: &mut Watch,
) -> Result<After, Failed> {
    let framing = h1::Framing::for_request(
        &record.request.method,
        &record.request.headers,
        request.length,
    );
    let (inbox, outbox) = down.worker.take_buffers();
    let mut upload = Upload {
        outbox,
        writer: h1::BodyWriter::new(framing),
        trailers: target.cluster.config.codec.enable_trailers,
        encoded: false,
        deaf: false,
    };
    h1::write_request(upload.outbox.tail(), &record.request, framing);
    record.sizes.upstream_head_sent = upload.outbox.waiting() as u64;
    if request.complete {
        let ended = upload.writer.finish(upload.outbox.tail(), None);
        ended.map_err(|_| Failed::Cut)?;
        upload.encoded = true;
    }
    let mut connection = acquire(down, record, request, &mut upload, target, watch).await?;
    connection.requests = connection.requests.saturating_add(1);
    record.upstream.local = connection.local;
    record.upstream.attempts = 1;
    record.times.upstream_request = Some(clock::now());
    let mut up = UpstreamSide {
        io: &mut connection.io,
        inbox,
        scanner: h1::HeadScanner::new(),
    };

    let result = converse(down, record, request, target, &mut upload, &mut up, watch).await;
    let clean = upload.is_sent() && up.inbox.is_empty();
    down.worker.put_buffers(up.inbox, upload.outbox);
    let (after, reusable) = result?;
    let worn = target
        .cluster
        .config
        .max_requests_per_connection
        .is_some_and(|max| connection.requests >= max);
    if worn {
        let cells = &target.cluster.stats.cells;
        cells.inc(down.worker.row, ClusterCell::UpstreamCxMaxRequests);
    }
    if reusable && clean && !worn {
        let now = record.times.response_complete.unwrap_or_else(clock::now);
        let idle_timeout = target.cluster.config.idle_timeout;
        down.worker
            .pool
            .borrow_mut()
            .park(&target.member.endpoint, connection, idle_timeout, now);
    }
    Ok(after)
}

/// A connection to the endpoint: a warm one, or a new one.
async fn acquire(
    down: &mut Downstream,
    record: &mut Record,
    request: &mut RequestState,
    upload: &mut Upload,
    target: &Target,
    watch: &mut Watch,
) -> Result<Connection, Failed> {
    let endpoint = &target.member.endpoint;
    let warm = down
        .worker
        .pool
        .borrow_mut()
        .take(endpoint.id, record.times.start);
    if let Some(connection) = warm {
        return Ok(connection);
    }
    let row = down.worker.row;
    let threads = down.worker.threads();
    let stats = &target.cluster.stats;
    let _pending = PendingCount::new(stats.clone(), row);
    record.times.upstream_connecting = Some(clock::now());
    let mut connecting = Box::pin(connect::connect(
        &endpoint.address,
        target.cluster.config.connect_timeout,
    ));
    let connected = poll_fn(|cx| {
        // What the client has sent already is read while the connection is being made.
        if let Poll::Ready(Err(broken)) =
            transfer::poll_read_request(down, record, request, upload, cx)
        {
            return Poll::Ready(Err(broken_before_head(record, broken)));
        }
        if let Poll::Ready(connected) = connecting.as_mut().poll(cx) {
            return Poll::Ready(Ok(connected));
        }
        if client_left(down, request, cx) {
            return Poll::Ready(Err(broken_before_head(record, Broken::Downstream)));
        }
        watch
            .poll(down, record, request, cx)
            .map(|expired| Err(expired_before_head(expired, request)))
    })
    .await;
    match connected {
        Ok(Ok(connected)) => {
            record.times.upstream_connected = Some(clock::now());
            let open = OpenCount::new(stats.clone(), endpoint.clone(), row, threads);
            Ok(Connection {
                io: connected.io,
                local: connected.local,
                requests: 0,
                open,
            })
        }
        Ok(Err(error)) => {
            stats.cells.inc(row, ClusterCell::UpstreamCxConnectFail);
            stats
                .cells
                .inc(row, ClusterCell::UpstreamRqPendingFailureEject);
            endpoint
                .stats
                .inc(row, threads, EndpointCell::CxConnectFail);
            let reason = match &error {
                ConnectError::Timeout(_) => {
                    stats.cells.inc(row, ClusterCell::UpstreamCxConnectTimeout);
                    "connection timeout".into()
                }
                ConnectError::Refused(error) => refused(record, error),
            };
            Err(Failed::BeforeHead(reset_reply(
                503,
                Flag::UpstreamConnectionFailure,
                reason,
            )))
        }
        Err(failed) => Err(failed),
    }
}

/// Envoy's words for a connection that could not be made.
fn refused(record: &mut Record, error: &io::Error) -> Details {
    let reason = match error.kind() {
        io::ErrorKind::ConnectionRefused => "Connection refused".to_owned(),
        _ => error.to_string(),
    };
    let failure = format!("delayed connect error: {reason}");
    record.upstream.failure = Some(failure.clone().into());
    format!("remote connection failure, transport failure reason: {failure}").into()
}

/// Writes the request, reads the answer and writes it down. Says what becomes of the client's connection and
/// whether the upstream's can be used again.
async fn converse(
    down: &mut Downstream,
    record: &mut Record,
    request: &mut RequestState,
    target: &Target,
    upload: &mut Upload,
    up: &mut UpstreamSide<'_>,
    watch: &mut Watch,
) -> Result<(After, bool), Failed> {
    let options = &target.cluster.config.codec;
    let head = poll_fn(|cx| {
        if let Poll::Ready(Err(broken)) =
            transfer::poll_request(down, record, request, upload, up, cx)
        {
            return Poll::Ready(Err(broken_before_head(record, broken)));
        }
        match transfer::poll_response_head(up, record, options, cx) {
            Poll::Ready(Ok(frame)) => return Poll::Ready(Ok(frame)),
            Poll::Ready(Err(broken)) => {
                return Poll::Ready(Err(broken_before_head(record, broken)));
            }
            Poll::Pending => {}
        }
        if client_left(down, request, cx) {
            return Poll::Ready(Err(broken_before_head(record, Broken::Downstream)));
        }
        watch
            .poll(down, record, request, cx)
            .map(|expired| Err(expired_before_head(expired, request)))
    })
    .await;
    let frame = match head {
        Ok(frame) => frame,
        Err(failed) => {
            if matches!(&failed, Failed::BeforeHead(reply) if reply.flag == Some(Flag::UpstreamRequestTimeout))
            {
                target
                    .cluster
                    .stats
                    .cells
                    .inc(down.worker.row, ClusterCell::UpstreamRqTimeout);
            }
            return Err(failed);
        }
    };
    record.times.upstream_response = Some(clock::now());

    let keep_alive = request.keep_alive && request.complete && !down.drain.is_set();
    super::finish::response_head(down, record, target);
    let (method, version, head) = (
        &record.request.method,
        record.request.version,
        &record.response,
    );
    let (announced, framing) =
        h1::response_framing(method, version, head.status, &head.headers, frame.body);
    let connection = h1::ConnectionField::choose(version, keep_alive, announced);
    let interim = down.outbox.waiting();
    h1::write_response(down.outbox.tail(), head, version, announced, connection);
    record.sizes.response_head = (down.outbox.waiting() - interim) as u64;
    record.times.response = record.times.upstream_response;
    let mut response = ResponseState {
        body: h1::BodyReader::new(frame.body, options),
        writer: h1::BodyWriter::new(framing),
        encoded: false,
    };
    if response.body.is_done() {
        response
            .finish(down, record)
            .map_err(|broken| broken_after_head(record, broken))?;
    }
    let body = poll_fn(|cx| {
        if let Poll::Ready(Err(broken)) =
            transfer::poll_request(down, record, request, upload, up, cx)
        {
            return Poll::Ready(Err(broken_after_head(record, broken)));
        }
        match transfer::poll_response(down, record, &mut response, up, cx) {
            Poll::Ready(Ok(())) => return Poll::Ready(Ok(())),
            Poll::Ready(Err(broken)) => return Poll::Ready(Err(broken_after_head(record, broken))),
            Poll::Pending => {}
        }
        if request.complete
            && down.outbox.is_empty()
            && transfer::poll_departure(down, cx).is_ready()
        {
            return Poll::Ready(Err(broken_after_head(record, Broken::Downstream)));
        }
        watch
            .poll(down, record, request, cx)
            .map(|expired| Err(expired_after_head(record, expired)))
    })
    .await;
    record.times.response_complete = Some(clock::now());
    body?;
    let after = if connection == h1::ConnectionField::Close || !request.complete {
        After::Close
    } else {
        After::KeepAlive
    };
    Ok((after, frame.keep_alive))
}

/// Flushes what is owed to a waiting client (100 Continue) and notices if it is gone.
fn client_left(down: &mut Downstream, request: &RequestState, cx: &mut Context<'_>) -> bool {
    if !down.outbox.is_empty()
        && matches!(
            down.outbox.poll_flush(&mut down.io, cx),
            Poll::Ready(Err(_))
        )
    {
        return true;
    }
    request.complete && transfer::poll_departure(down, cx).is_ready()
}

fn broken_before_head(record: &mut Record, broken: Broken) -> Failed {
    match broken {
        Broken::Downstream => {
            record.fail(
                Flag::DownstreamConnectionTermination,
                "downstream_remote_disconnect",
            );
            Failed::Cut
        }
        Broken::Request(error) => Failed::BeforeHead(super::refusal(error.refusal())),
        Broken::Upstream => Failed::BeforeHead(reset_reply(
            503,
            Flag::UpstreamConnectionTermination,
            "connection termination".into(),
        )),
        Broken::Response => Failed::BeforeHead(reset_reply(
            502,
            Flag::UpstreamProtocolError,
            "protocol error".into(),
        )),
    }
}

fn broken_after_head(record: &mut Record, broken: Broken) -> Failed {
    match broken {
        Broken::Downstream => record.fail(
            Flag::DownstreamConnectionTermination,
            "downstream_remote_disconnect",
        ),
        Broken::Request(error) => {
            record.fail(Flag::DownstreamProtocolError, error.refusal().details())
        }
        Broken::Upstream => record.fail(
            Flag::UpstreamConnectionTermination,
            "upstream_reset_after_response_started{connection_termination}",
        ),
        Broken::Response => {
            record.fail(
                Flag::UpstreamProtocolError,
                "upstream_reset_after_response_started{protocol_error}",
            );
        }
    }
    Failed::Cut
}

fn expired_before_head(expired: Expired, request: &RequestState) -> Failed {
    Failed::BeforeHead(match expired {
        Expired::Route => LocalReply::text(504, "upstream request timeout", "response_timeout")
            .flag(Flag::UpstreamRequestTimeout),
        Expired::StreamIdle => LocalReply::text(
            if request.complete { 504 } else { 408 },
            "stream timeout",
            "stream_idle_timeout",
        )
        .flag(Flag::StreamIdleTimeout),
        Expired::Request => LocalReply::text(408, "request timeout", "request_overall_timeout"),
    })
}

fn expired_after_head(record: &mut Record, expired: Expired) -> Failed {
    match expired {
        Expired::Route => record.fail(Flag::UpstreamRequestTimeout, "response_timeout"),
        Expired::StreamIdle => record.fail(Flag::StreamIdleTimeout, "stream_idle_timeout"),
        Expired::Request => record.details = Some("request_overall_timeout".into()),
    }
    Failed::Cut
}

/// Envoy's answer when an upstream connection came to nothing. Clients learn the reason, the log also what the
/// kernel said.
fn reset_reply(status: u16, flag: Flag, reason: Details) -> LocalReply {
    let told = reason
        .split(", transport failure reason: ")
        .next()
        .unwrap_or_default();
    let body =
        format!("upstream connect error or disconnect/reset before headers. reset reason: {told}");
    let details = reason
        .replace(", transport failure reason: ", "|")
        .replace(' ', "_");
    LocalReply::text(
        status,
        body,
        format!("upstream_reset_before_response_started{{{details}}}"),
    )
    .flag(flag)
}
