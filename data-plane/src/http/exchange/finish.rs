//! What every request gets, whatever becomes of it: the headers this proxy adds, the counts, the log line.

use std::{io::Write, time::Duration};

use portway_shared::{clock, format::Message};

use super::{
    super::{connection::Downstream, flags::Flag, folding, h1, name::Known, record::Record},
    decide::Target,
};
use crate::{
    resources::hcm::ServerHeaderMode,
    routing::Action,
    stats::{cluster::ClusterCell, http::HttpCell, listener::ListenerHttpCell},
};

/// Counts a request that has begun.
pub fn begin(down: &Downstream, record: &mut Record) {
    record.sizes.request_head = record.request.headers.byte_len() as u64;
    down.count(HttpCell::DownstreamRqTotal);
    down.count(HttpCell::DownstreamRqHttp1Total);
    down.count(HttpCell::DownstreamRqActive);
}

/// Puts the last hand to the request's head on its way up, and says how long the route gives the upstream.
pub fn request_head(down: &Downstream, record: &mut Record, target: &Target) -> Option<Duration> {
    let Action::Forward(forward) = &target.route.action else {
        return None;
    };
    let suppress = down
        .listener
        .config
        .http
        .filters
        .router
        .suppress_envoy_headers;
    let weighted = forward
        .choose(&record.request, record.random)
        .and_then(|chosen| chosen.weighted);
    record.edit(Message::Request, weighted);
    // A host may be taken from the path, as long as it is the client's.
    forward.rewrite_host(
        weighted.and_then(|weighted| weighted.host_rewrite.as_deref()),
        &mut record.request,
        !suppress,
    );
    let mut path = Vec::new();
    if target.route.rewritten_path(&record.request, &mut path) {
        let original = std::mem::replace(&mut record.request.path, path);
        if !suppress {
            folding::set_known(
                &mut record.request.headers,
                Known::XEnvoyOriginalPath,
                &original,
            );
        }
    }
    if let (false, Some(timeout)) = (suppress, forward.timeout) {
        let mut text = Vec::with_capacity(8);
        // Writing to a vector does not fail.
        let _ = write!(text, "{}", timeout.as_millis());
        record
            .request
            .headers
            .set_known(Known::XEnvoyExpectedRqTimeoutMs, &text);
    }
    forward.timeout
}

/// Puts the last hand to an upstream's response head on its way down.
pub fn response_head(down: &Downstream, record: &mut Record, target: &Target) {
    h1::hop::strip_response(
        &mut record.response.headers,
        false,
        down.listener.config.http.codec.strict,
    );
    record.details = Some("via_upstream".into());
    let suppress = down
        .listener
        .config
        .http
        .filters
        .router
        .suppress_envoy_headers;
    // An answer that came before the request was sent took no time that could be told.
    if let (false, Some(sent), Some(answered)) = (
        suppress,
        record.times.upstream_request_complete,
        record.times.upstream_response,
    ) {
        let mut text = Vec::with_capacity(8);
        // Writing to a vector does not fail.
        let _ = write!(
            text,
            "{}",
            answered.saturating_duration_since(sent).as_millis()
        );
        record
            .response
            .headers
            .set_known(Known::XEnvoyUpstreamServiceTime, &text);
    }
    let weighted = match &target.route.action {
        Action::Forward(forward) => forward
            .choose(&record.request, record.random)
            .and_then(|chosen| chosen.weighted),
        Action::Redirect(_) | Action::Direct(_) => None,
    };
    record.edit(Message::Response, weighted);
    count_status(down, record, Some(target));
    finish_head(down, record);
}

/// Puts the last hand to the head of an answer of our own.
pub fn local_response_head(down: &Downstream, record: &mut Record) {
    record.edit(Message::Response, None);
    count_status(down, record, None);
    finish_head(down, record);
}

fn finish_head(down: &Downstream, record: &mut Record) {
    let listener = down.listener.clone();
    let http = &listener.config.http;
    http.filters.on_response(record);
    let headers = &mut record.response.headers;
    if !headers.contains_known(Known::Date) {
        headers.append_known(Known::Date, &down.worker.date(record.times.wall));
    }
    let local = record.times.upstream_response.is_none();
    match http.server.mode {
        ServerHeaderMode::Overwrite => {
            folding::set_known(headers, Known::Server, http.server.name.as_bytes())
        }
        ServerHeaderMode::AppendIfAbsent if !headers.contains_known(Known::Server) => {
            headers.append_known(Known::Server, http.server.name.as_bytes());
        }
        ServerHeaderMode::PassThrough if local => {
            folding::set_known(headers, Known::Server, http.server.name.as_bytes())
        }
        ServerHeaderMode::AppendIfAbsent | ServerHeaderMode::PassThrough => {}
    }
    if http.request_id.always_in_response
        && let Some(id) = record.request.headers.get_known(Known::XRequestId)
    {
        record.response.headers.set_known(Known::XRequestId, id);
    }
    if let Some(via) = &http.via {
        record
            .response
            .headers
            .append_known(Known::Via, via.as_bytes());
    }
}

fn count_status(down: &Downstream, record: &Record, target: Option<&Target>) {
    let class = record.response.status / 100;
    if let Some(cell) = HttpCell::of_class(class) {
        down.count(cell);
    }
    let row = down.worker.row;
    if let Some(cell) = ListenerHttpCell::of_class(class) {
        down.listener.own_http_stats.cells.inc(row, cell);
    }
    if let Some(target) = target {
        let cells = &target.cluster.stats.cells;
        let by_status = [
            ClusterCell::of_class(class),
            ClusterCell::of_status(record.response.status),
            Some(ClusterCell::UpstreamRqCompleted),
        ];
        for cell in by_status.into_iter().flatten() {
            cells.inc(row, cell);
        }
    }
}

/// Counts and logs a request that is over.
pub fn end(down: &Downstream, record: &mut Record) {
    let now = *record
        .times
        .response_complete
        .get_or_insert_with(clock::now);
    down.uncount(HttpCell::DownstreamRqActive);
    down.count(HttpCell::DownstreamRqCompleted);
    let row = down.worker.row;
    let own = &down.listener.own_http_stats.cells;
    own.inc(row, ListenerHttpCell::DownstreamRqCompleted);
    let sizes = &record.sizes;
    down.count_bytes(
        HttpCell::DownstreamCxRxBytesTotal,
        sizes.downstream_received,
    );
    down.count_bytes(HttpCell::DownstreamCxTxBytesTotal, sizes.downstream_sent);
    if record.flags.has(Flag::DownstreamConnectionTermination) {
        down.count(HttpCell::DownstreamRqRxReset);
    }
    match record.details.as_deref() {
        Some("stream_idle_timeout") => down.count(HttpCell::DownstreamRqIdleTimeout),
        Some("request_overall_timeout") => down.count(HttpCell::DownstreamRqTimeout),
        Some(_) | None => {}
    }
    if let Some(cluster) = &record.upstream.cluster {
        let cells = &cluster.stats.cells;
        cells.add(
            row,
            ClusterCell::UpstreamCxRxBytesTotal,
            sizes.upstream_received,
        );
        cells.add(
            row,
            ClusterCell::UpstreamCxTxBytesTotal,
            sizes.upstream_sent,
        );
    }
    let stats = &down.listener.http_stats;
    stats.time.record(
        down.worker.row,
        now.saturating_duration_since(record.times.start),
    );
    if let (Some(cluster), Some(_)) = (&record.upstream.cluster, record.times.upstream_response) {
        let start = record.times.request_complete.unwrap_or(record.times.start);
        cluster
            .stats
            .time
            .record(down.worker.row, now.saturating_duration_since(start));
    }
    for log in &down.listener.config.http.access_logs {
        down.worker.log(log, record);
    }
}
