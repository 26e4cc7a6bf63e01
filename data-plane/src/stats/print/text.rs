//! `name: value`, a line each: first all numbers, then all histograms.

use std::fmt::Write;

use super::{Family, Query};
use crate::stats::histogram::Distribution;

/// Pieces of text, a scope's numbers or histograms each.
pub fn text(families: Vec<Family>, query: Query) -> impl Iterator<Item = String> + Send {
    let places: Vec<(bool, usize, usize)> = [false, true]
        .into_iter()
        .flat_map(|histograms| {
            families.iter().enumerate().flat_map(move |(family, it)| {
                (0..it.scopes.len()).map(move |scope| (histograms, family, scope))
            })
        })
        .collect();
    places
        .into_iter()
        .filter_map(move |(histograms, family, scope)| {
            let family = families.get(family)?;
            let scope = family.scopes.get(scope)?;
            let mut out = String::new();
            if histograms {
                for (number, name) in family.histograms.iter().enumerate() {
                    let name = format!("{}{name}", scope.prefix);
                    if query.wants_histogram(&name)
                        && let Some(read) = scope.numbers.histogram(number)
                        && (read.count > 0 || !query.used_only)
                    {
                        histogram(&name, &read, &mut out);
                    }
                }
            } else {
                for cell in &family.cells {
                    let name = format!("{}{}", scope.prefix, cell.name);
                    let value = scope.numbers.cell(cell.number);
                    if query.wants_cell(&name, cell.kind, value) {
                        // A String takes every write.
                        let _ = writeln!(out, "{name}: {value}");
                    }
                }
            }
            Some(out)
        })
}

/// Envoy prints what came in since the last flush beside what came in ever. Nothing here is ever flushed, so
/// that the first stays what Envoy prints when nothing came in.
fn histogram(name: &str, read: &Distribution, out: &mut String) {
    if read.count == 0 {
        let _ = writeln!(out, "{name}: No recorded values");
        return;
    }
    let _ = write!(out, "{name}:");
    for percent in Distribution::QUANTILES {
        let _ = write!(out, " P{percent}(nan,{})", read.quantile(percent));
    }
    out.push('\n');
}
