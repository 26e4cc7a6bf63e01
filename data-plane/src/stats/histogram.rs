//! How durations are distributed: log-linear buckets, a row per thread.
//!
//! Envoy records whole milliseconds in buckets of two significant digits: one for every value below 100, then
//! ninety per power of ten (100 to 109, ..., 990 to 999, 1000 to 1099, ...). A row holds such a block of
//! buckets only for the powers of ten that occurred, so that a cluster that answers within a few milliseconds
//! costs a few hundred bytes.

use std::{
    sync::{
        OnceLock,
        atomic::{AtomicU64, Ordering::Relaxed},
    },
    time::Duration,
};

use super::RowId;

/// A distribution of durations, a row per thread.
#[derive(Debug)]
pub struct Histogram {
    rows: Box<[OnceLock<Box<Row>>]>,
}

/// Blocks for 0..10, 10..100, and so on; what is longer than twelve days counts in the last bucket.
const BLOCKS: usize = 9;
/// Buckets of the first block, and of every other.
const FIRST: usize = 10;
const BLOCK: usize = 90;

#[derive(Debug, Default)]
struct Row {
    blocks: [OnceLock<Box<[AtomicU64]>>; BLOCKS],
    sum: AtomicU64,
}

impl Histogram {
    /// A histogram for `threads` writers.
    pub fn new(threads: usize) -> Self {
        Self {
            rows: (0..threads).map(|_| OnceLock::new()).collect(),
        }
    }

    /// Counts a duration in whole milliseconds; only the row's own thread may.
    pub fn record(&self, row: RowId, duration: Duration) {
        let Some(row) = self.rows.get(row.0) else {
            return;
        };
        let row = row.get_or_init(Box::default);
        let millis = u64::try_from(duration.as_millis()).unwrap_or(u64::MAX);
        let (block, bucket) = bucket_of(millis);
        let cell = row.blocks.get(block).and_then(|cells| {
            cells
                .get_or_init(|| {
                    let buckets = if block == 0 { FIRST } else { BLOCK };
                    (0..buckets).map(|_| AtomicU64::new(0)).collect()
                })
                .get(bucket)
        });
        for (cell, amount) in cell
            .map(|cell| (cell, 1))
            .into_iter()
            .chain([(&row.sum, millis)])
        {
            cell.store(cell.load(Relaxed).wrapping_add(amount), Relaxed);
        }
    }

    /// Everything counted so far.
    pub fn read(&self) -> Distribution {
        let mut sum = 0_u64;
        let mut counts = [[0_u64; BLOCK]; BLOCKS];
        for row in self.rows.iter().filter_map(OnceLock::get) {
            sum = sum.wrapping_add(row.sum.load(Relaxed));
            for (cells, counts) in row.blocks.iter().zip(&mut counts) {
                for (cell, count) in cells.get().into_iter().flatten().zip(counts) {
                    *count = count.wrapping_add(cell.load(Relaxed));
                }
            }
        }
        let buckets: Vec<Bucket> = counts
            .iter()
            .enumerate()
            .flat_map(|(block, counts)| {
                counts
                    .iter()
                    .enumerate()
                    .filter(|(_, count)| **count > 0)
                    .map(move |(bucket, count)| bucket_at(block, bucket, *count))
            })
            .collect();
        Distribution {
            count: buckets.iter().map(|bucket| bucket.count).sum(),
            sum,
            buckets,
        }
    }
}

/// Block and bucket of a value.
fn bucket_of(millis: u64) -> (usize, usize) {
    let mut scaled = millis;
    let mut block = 0;
    if millis >= 10 {
        block = 1;
        while scaled >= 100 {
            scaled /= 10;
            block += 1;
        }
        scaled -= 10;
    }
    if block >= BLOCKS {
        return (BLOCKS - 1, BLOCK - 1);
    }
    (block, usize::try_from(scaled).unwrap_or(0))
}

fn bucket_at(block: usize, bucket: usize, count: u64) -> Bucket {
    let bucket = bucket as f64;
    let (left, width) = match block {
        0 => (bucket, if bucket > 0.0 { 0.1 } else { 0.0 }),
        _ => {
            let scale = 10_f64.powi(i32::try_from(block).unwrap_or(0) - 1);
            ((bucket + 10.0) * scale, scale)
        }
    };
    Bucket { left, width, count }
}

/// A reading of a histogram.
#[derive(Clone, Debug, PartialEq)]
pub struct Distribution {
    pub count: u64,
    /// Of whole milliseconds.
    pub sum: u64,
    /// Those that hold something, in order.
    buckets: Vec<Bucket>,
}

#[derive(Clone, Copy, Debug, PartialEq)]
struct Bucket {
    left: f64,
    width: f64,
    count: u64,
}

impl Distribution {
    /// The quantiles Envoy prints, in percent.
    pub const QUANTILES: [f64; 10] = [0.0, 25.0, 50.0, 75.0, 90.0, 95.0, 99.0, 99.5, 99.9, 100.0];

    /// The bounds of Envoy's buckets for Prometheus.
    pub const BOUNDS: [f64; 19] = [
        0.5,
        1.0,
        5.0,
        10.0,
        25.0,
        50.0,
        100.0,
        250.0,
        500.0,
        1_000.0,
        2_500.0,
        5_000.0,
        10_000.0,
        30_000.0,
        60_000.0,
        300_000.0,
        600_000.0,
        1_800_000.0,
        3_600_000.0,
    ];

    /// The value below which that many percent lie: samples are taken to be spread evenly in their bucket.
    pub fn quantile(&self, percent: f64) -> f64 {
        let rank = (percent / 100.0 * self.count as f64).ceil();
        let mut below = 0.0;
        let mut value = 0.0;
        for bucket in &self.buckets {
            let within = (rank - below).clamp(0.0, bucket.count as f64);
            value = bucket.left + bucket.width * (within / (bucket.count as f64 + 1.0));
            below += bucket.count as f64;
            if below >= rank {
                break;
            }
        }
        value
    }

    /// How many samples are in buckets that begin at or before a bound.
    pub fn count_to(&self, bound: f64) -> u64 {
        self.buckets
            .iter()
            .take_while(|bucket| bucket.left <= bound)
            .map(|bucket| bucket.count)
            .sum()
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    fn of(millis: &[u64]) -> Histogram {
        let histogram = Histogram::new(2);
        for (at, millis) in millis.iter().enumerate() {
            histogram.record(RowId(at % 2), Duration::from_millis(*millis));
        }
        histogram
    }

    /// What Envoy 1.40 printed for the same ten requests.
    #[test]
    fn quantiles_and_bounds_are_envoys() {
        let read = of(&[0, 0, 1, 3, 3, 12, 12, 98, 255, 250]).read();
        let quantiles: Vec<String> = Distribution::QUANTILES
            .iter()
            .map(|percent| format!("P{percent}({})", read.quantile(*percent)))
            .collect();
        assert_eq!(
            quantiles.join(" "),
            "P0(0) P25(1.05) P50(3.066666666666667) P75(98.5) P90(253.33333333333334) \
             P95(256.6666666666667) P99(256.6666666666667) P99.5(256.6666666666667) \
             P99.9(256.6666666666667) P100(256.6666666666667)"
        );
        let counts: Vec<u64> = Distribution::BOUNDS
            .iter()
            .map(|bound| read.count_to(*bound))
            .collect();
        assert_eq!(
            counts,
            [
                2, 3, 5, 5, 7, 7, 8, 10, 10, 10, 10, 10, 10, 10, 10, 10, 10, 10, 10
            ]
        );
        assert_eq!((read.count, read.sum), (10, 634));
    }

    #[test]
    fn every_value_falls_into_the_bucket_that_covers_it() {
        let mut value = 0_u64;
        while value < 1_500_000_000 {
            let (block, bucket) = bucket_of(value);
            let Bucket { left, width, .. } = bucket_at(block, bucket, 1);
            let width = width.max(1.0);
            let (from, to) = (left as u64, (left + width) as u64);
            let last = (block, bucket) == (BLOCKS - 1, BLOCK - 1);
            assert!(
                from <= value && (value < to || last),
                "{value} in {from}..{to}"
            );
            value += 1 + value / 37;
        }
        assert_eq!(of(&[u64::MAX]).read().count, 1);
    }

    #[test]
    fn an_empty_one_takes_no_rows() {
        let histogram = Histogram::new(4);
        assert_eq!(histogram.read().count, 0);
        histogram.record(RowId(3), Duration::from_micros(9_999));
        histogram.record(RowId(4), Duration::ZERO);
        assert!(histogram.rows[0].get().is_none());
        let read = histogram.read();
        assert_eq!((read.count, read.sum, read.quantile(0.0)), (1, 9, 9.0));
    }
}
