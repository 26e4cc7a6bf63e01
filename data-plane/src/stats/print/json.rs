//! `{"stats":[{"name":...,"value":...},...,{"histograms":{...}}]}`.

use std::fmt::Write;

use super::{Family, Query};
use crate::stats::histogram::Distribution;

/// Pieces of one JSON object.
pub fn json(families: Vec<Family>, query: Query) -> impl Iterator<Item = String> + Send {
    let mut first = true;
    let places: Vec<(usize, usize)> = families
        .iter()
        .enumerate()
        .flat_map(|(family, it)| (0..it.scopes.len()).map(move |scope| (family, scope)))
        .collect();
    let mut histograms = Vec::new();
    let steps = places.into_iter().map(Some).chain([None]);
    let pieces = steps.filter_map(move |place| {
        let Some((family, scope)) = place else {
            return Some(tail(&histograms, first));
        };
        let family = families.get(family)?;
        let scope = family.scopes.get(scope)?;
        let mut out = String::new();
        for cell in &family.cells {
            let name = format!("{}{}", scope.prefix, cell.name);
            let value = scope.numbers.cell(cell.number);
            if query.wants_cell(&name, cell.kind, value) {
                if !std::mem::take(&mut first) {
                    out.push(',');
                }
                // A String takes every write.
                let _ = write!(out, "{{\"name\":{},\"value\":{value}}}", quoted(&name));
            }
        }
        for (number, name) in family.histograms.iter().enumerate() {
            let name = format!("{}{name}", scope.prefix);
            if query.wants_histogram(&name)
                && let Some(read) = scope.numbers.histogram(number)
                && (read.count > 0 || !query.used_only)
            {
                histograms.push(histogram(&name, &read));
            }
        }
        Some(out)
    });
    std::iter::once("{\"stats\":[".to_owned()).chain(pieces)
}

fn histogram(name: &str, read: &Distribution) -> String {
    let values: Vec<String> = Distribution::QUANTILES
        .iter()
        .map(|percent| match read.count {
            0 => "{\"cumulative\":null,\"interval\":null}".to_owned(),
            _ => format!(
                "{{\"cumulative\":{},\"interval\":null}}",
                read.quantile(*percent)
            ),
        })
        .collect();
    format!(
        "{{\"name\":{},\"values\":[{}]}}",
        quoted(name),
        values.join(",")
    )
}

fn tail(histograms: &[String], first: bool) -> String {
    if histograms.is_empty() {
        return "]}".to_owned();
    }
    let quantiles: Vec<String> = Distribution::QUANTILES.iter().map(f64::to_string).collect();
    format!(
        "{}{{\"histograms\":{{\"supported_quantiles\":[{}],\"computed_quantiles\":[{}]}}}}]}}",
        if first { "" } else { "," },
        quantiles.join(","),
        histograms.join(",")
    )
}

fn quoted(name: &str) -> String {
    serde_json::Value::from(name).to_string()
}
