//! `/stats` and `/stats/prometheus`.

use std::sync::atomic::{AtomicU64, Ordering::Relaxed};

use http::{Response, StatusCode};
use portway_shared::clock;
use regex::RegexBuilder;

use super::{
    Admin, Phase,
    answer::{self, Body, Kind as Media},
    params::Params,
};
use crate::stats::{
    Kind,
    print::{self, Extra, Query, Types},
};

/// A filter may not compile to more than this.
const MAX_FILTER: usize = 1 << 20;

pub async fn answer(admin: &Admin, params: &Params) -> Response<Body> {
    match params.get("format") {
        None | Some("" | "text") => with_query(admin, params, Media::Text, print::text).await,
        Some("json") => with_query(admin, params, Media::Json, print::json).await,
        Some("prometheus") => prometheus(admin, params).await,
        Some(other) => answer::text(
            StatusCode::BAD_REQUEST,
            format!("{other:?} is not a format\nusage: /stats?format=(json|prometheus|text)\n"),
        ),
    }
}

pub async fn prometheus(admin: &Admin, params: &Params) -> Response<Body> {
    with_query(admin, params, Media::Text, print::prometheus).await
}

async fn with_query<I>(
    admin: &Admin,
    params: &Params,
    media: Media,
    print: impl FnOnce(Vec<print::Family>, Query) -> I,
) -> Response<Body>
where
    I: Iterator<Item = String> + Send + 'static,
{
    match query(params) {
        Ok(query) => {
            let families = print::families(&admin.registry, extra(admin).await);
            answer::stream(media, print(families, query))
        }
        Err(reason) => answer::text(StatusCode::BAD_REQUEST, reason),
    }
}

fn query(params: &Params) -> Result<Query, String> {
    let filter = params
        .get("filter")
        .filter(|filter| !filter.is_empty())
        .map(|filter| {
            RegexBuilder::new(filter)
                .size_limit(MAX_FILTER)
                .build()
                .map_err(|error| format!("invalid filter: {error}\n"))
        })
        .transpose()?;
    if let Some(mode) = params.get("histogram_buckets")
        && !matches!(mode, "" | "none" | "summary")
    {
        return Err(format!(
            "histogram_buckets={mode} is not offered; write summary\n"
        ));
    }
    let types = match params.get("type") {
        None | Some("All") => Types::All,
        Some("Counters") => Types::Counters,
        Some("Gauges") => Types::Gauges,
        Some("Histograms") => Types::Histograms,
        Some(other) => {
            return Err(format!(
                "{other:?} is not a type; write All, Counters, Gauges or Histograms\n"
            ));
        }
    };
    Ok(Query {
        filter,
        invert_filter: params.has("invert_filter"),
        used_only: params.has("usedonly"),
        types,
    })
}

/// What the process knows of itself, and no sheet counts.
async fn extra(admin: &Admin) -> Vec<Extra> {
    let phase = admin.status().await.phase;
    let uptime = clock::now().saturating_duration_since(admin.started);
    let gauge = |name, value| Extra {
        name,
        kind: Kind::Gauge,
        value,
    };
    let counter = |name, value: &AtomicU64| Extra {
        name,
        kind: Kind::Counter,
        value: value.load(Relaxed),
    };
    let logs = admin.sinks.counts();
    vec![
        gauge("server.live", u64::from(phase != Phase::Draining)),
        gauge("server.state", u64::from(phase.number())),
        gauge("server.uptime", uptime.as_secs()),
        gauge("server.concurrency", admin.workers as u64),
        gauge(
            "server.total_connections",
            print::open_connections(&admin.registry),
        ),
        gauge("server.version", version()),
        gauge("server.memory_physical_size", resident()),
        gauge("server.hot_restart_epoch", 0),
        gauge("server.parent_connections", 0),
        counter("filesystem.write_buffered", &logs.write_buffered),
        counter("filesystem.write_completed", &logs.write_completed),
        counter("filesystem.write_failed", &logs.write_failed),
        counter("filesystem.reopen_failed", &logs.reopen_failed),
        counter("filesystem.lines_dropped", &logs.lines_dropped),
        gauge(
            "filesystem.write_total_buffered",
            logs.write_total_buffered.load(Relaxed),
        ),
    ]
}

/// The version as one number: 1.2.3 is 1002003.
fn version() -> u64 {
    [
        env!("CARGO_PKG_VERSION_MAJOR"),
        env!("CARGO_PKG_VERSION_MINOR"),
        env!("CARGO_PKG_VERSION_PATCH"),
    ]
    .iter()
    .fold(0, |number, part| {
        number * 1_000 + part.parse::<u64>().unwrap_or(0)
    })
}

/// Bytes of memory in use, as the kernel counts them.
fn resident() -> u64 {
    let status = std::fs::read_to_string("/proc/self/status").unwrap_or_default();
    let line = status.lines().find_map(|line| line.strip_prefix("VmRSS:"));
    let kib = line.and_then(|line| line.split_whitespace().next()?.parse::<u64>().ok());
    kib.unwrap_or(0).saturating_mul(1024)
}
