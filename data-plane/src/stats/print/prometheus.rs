//! The text format of Prometheus, with the labels Envoy takes out of its names.

use std::fmt::Write;

use super::{Family, Query, Scope};
use crate::stats::{Kind, histogram::Distribution};

/// Pieces of text, a metric with all its scopes each.
pub fn prometheus(families: Vec<Family>, query: Query) -> impl Iterator<Item = String> + Send {
    let places: Vec<(usize, Metric)> = families
        .iter()
        .enumerate()
        .flat_map(|(at, family)| metrics(family).into_iter().map(move |metric| (at, metric)))
        .collect();
    places.into_iter().filter_map(move |(family, metric)| {
        let family = families.get(family)?;
        Some(match metric {
            Metric::Cells { name, cells } => print_cells(family, &query, &name, &cells),
            Metric::Histogram(number) => print_histogram(family, &query, number),
        })
    })
}

enum Metric {
    /// Cells that differ in a label alone.
    Cells {
        name: String,
        cells: Vec<usize>,
    },
    Histogram(usize),
}

fn metrics(family: &Family) -> Vec<Metric> {
    let mut metrics: Vec<Metric> = Vec::new();
    for (at, cell) in family.cells.iter().enumerate() {
        let (base, _) = status_label(cell.name);
        let full = metric_name(family.metric, base);
        let same = metrics.iter_mut().find_map(|metric| match metric {
            Metric::Cells { name, cells } if *name == full => Some(cells),
            Metric::Cells { .. } | Metric::Histogram(_) => None,
        });
        match same {
            Some(cells) => cells.push(at),
            None => metrics.push(Metric::Cells {
                name: full,
                cells: vec![at],
            }),
        }
    }
    metrics.extend((0..family.histograms.len()).map(Metric::Histogram));
    metrics
}

fn print_cells(family: &Family, query: &Query, metric: &str, cells: &[usize]) -> String {
    let mut lines = String::new();
    let mut kind = Kind::Counter;
    for scope in &family.scopes {
        for cell in cells.iter().filter_map(|at| family.cells.get(*at)) {
            let value = scope.numbers.cell(cell.number);
            if query.wants_cell(&format!("{}{}", scope.prefix, cell.name), cell.kind, value) {
                kind = cell.kind;
                let labels = labels(status_label(cell.name).1, scope);
                // A String takes every write.
                let _ = writeln!(lines, "{metric}{{{labels}}} {value}");
            }
        }
    }
    let kind = match kind {
        Kind::Counter | Kind::Rare => "counter",
        Kind::Gauge => "gauge",
    };
    with_type(metric, kind, lines)
}

fn print_histogram(family: &Family, query: &Query, number: usize) -> String {
    let Some(name) = family.histograms.get(number) else {
        return String::new();
    };
    let metric = metric_name(family.metric, name);
    let mut lines = String::new();
    for scope in &family.scopes {
        if !query.wants_histogram(&format!("{}{name}", scope.prefix)) {
            continue;
        }
        let Some(read) = scope.numbers.histogram(number) else {
            continue;
        };
        if query.used_only && read.count == 0 {
            continue;
        }
        let labels = labels(None, scope);
        let comma = if labels.is_empty() { "" } else { "," };
        for bound in Distribution::BOUNDS {
            let count = read.count_to(bound);
            let _ = writeln!(
                lines,
                "{metric}_bucket{{{labels}{comma}le=\"{bound}\"}} {count}"
            );
        }
        let Distribution { count, sum, .. } = read;
        let _ = writeln!(
            lines,
            "{metric}_bucket{{{labels}{comma}le=\"+Inf\"}} {count}"
        );
        let _ = writeln!(lines, "{metric}_sum{{{labels}}} {sum}");
        let _ = writeln!(lines, "{metric}_count{{{labels}}} {count}");
    }
    with_type(&metric, "histogram", lines)
}

fn with_type(metric: &str, kind: &str, lines: String) -> String {
    if lines.is_empty() {
        return lines;
    }
    format!("# TYPE {metric} {kind}\n{lines}")
}

/// Takes a status, or its class, out of a name: `rq_2xx` is `rq_xx` with a label, `rq_200` is `rq` with one.
fn status_label(name: &str) -> (String, Option<(&'static str, &str)>) {
    let Some((base, last)) = name.rsplit_once('_') else {
        return (name.to_owned(), None);
    };
    let digits = last.bytes().take_while(u8::is_ascii_digit).count();
    match (digits, last.len()) {
        (3, 3) => (base.to_owned(), Some(("envoy_response_code", last))),
        (1, 3) if last.ends_with("xx") => (
            format!("{base}_xx"),
            Some((
                "envoy_response_code_class",
                last.get(..1).unwrap_or_default(),
            )),
        ),
        _ => (name.to_owned(), None),
    }
}

fn labels(status: Option<(&'static str, &str)>, scope: &Scope) -> String {
    let mut out = String::new();
    let of_scope = scope.labels.iter().map(|(name, value)| (*name, &**value));
    for (name, value) in status.into_iter().chain(of_scope) {
        if !out.is_empty() {
            out.push(',');
        }
        let value = value
            .replace('\\', "\\\\")
            .replace('"', "\\\"")
            .replace('\n', "\\n");
        let _ = write!(out, "{name}=\"{value}\"");
    }
    out
}

fn metric_name(prefix: &str, name: impl AsRef<str>) -> String {
    let plain = |c: char| if c.is_ascii_alphanumeric() { c } else { '_' };
    prefix
        .chars()
        .chain(name.as_ref().chars())
        .map(plain)
        .collect()
}
