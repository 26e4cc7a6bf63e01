//! Counting without sharing: every worker has a row of its own, readers add the rows up.
//!
//! A [`Sheet`] is a set of counters and gauges named by an enum, with one row per thread that counts. Only
//! the owner writes a row, so counting is a load and a store, no locked instruction; a reader sees each cell
//! whole and the sum a moment late, which is all a scrape asks. Rows of a sheet appear when their thread
//! first counts: ten thousand unused clusters cost ten thousand small headers and no rows. A [`Histogram`]
//! works the same way.
//!
//! [`cluster`], [`endpoint`], [`http`], [`listener`] and [`process`] name what is counted, in Envoy's words; the
//! [`registry`] knows all sheets by scope, and [`print`] writes them as text, JSON or for Prometheus.

pub mod cluster;
pub mod endpoint;
pub mod histogram;
pub mod http;
pub mod listener;
pub mod print;
pub mod process;
pub mod registry;

use std::{
    marker::PhantomData,
    sync::{
        OnceLock,
        atomic::{AtomicU64, Ordering::Relaxed},
    },
};

/// Which row of every sheet a thread writes: workers count up from 0, the control thread has the last.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub struct RowId(pub usize);

/// The cells of a sheet: an enum whose variants are numbered from 0 without gaps. See [`cells!`](crate::cells).
pub trait Cell: Copy + 'static {
    /// In the order of their numbers.
    const ALL: &'static [Self];

    fn number(self) -> usize;

    /// Envoy's name, without the sheet's prefix.
    fn name(self) -> &'static str;

    fn kind(self) -> Kind;
}

/// What a cell's number means.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum Kind {
    Counter,
    /// A counter that is not printed until it has counted, as Envoy's per-status ones.
    Rare,
    Gauge,
}

/// Declares the cells of a sheet: `counter Name "name",`, `rare Name "name",` or `gauge Name "name",`.
#[macro_export]
macro_rules! cells {
    ($(#[$meta:meta])* $vis:vis enum $cells:ident { $($kind:ident $variant:ident $name:literal,)* }) => {
        $(#[$meta])*
        #[derive(Clone, Copy, Debug, PartialEq, Eq)]
        $vis enum $cells { $(#[doc = $name] $variant,)* }

        impl $crate::stats::Cell for $cells {
            const ALL: &'static [Self] = &[$(Self::$variant,)*];

            fn number(self) -> usize {
                self as usize
            }

            fn name(self) -> &'static str {
                match self { $(Self::$variant => $name,)* }
            }

            fn kind(self) -> $crate::stats::Kind {
                match self { $(Self::$variant => $crate::cells!(@kind $kind),)* }
            }
        }
    };
    (@kind counter) => { $crate::stats::Kind::Counter };
    (@kind rare) => { $crate::stats::Kind::Rare };
    (@kind gauge) => { $crate::stats::Kind::Gauge };
}

/// A set of counters and gauges, a row per thread.
#[derive(Debug)]
pub struct Sheet<C> {
    rows: Box<[OnceLock<Box<[AtomicU64]>>]>,
    cells: PhantomData<C>,
}

impl<C: Cell> Sheet<C> {
    /// A sheet for `threads` writers.
    pub fn new(threads: usize) -> Self {
        Self {
            rows: (0..threads).map(|_| OnceLock::new()).collect(),
            cells: PhantomData,
        }
    }

    /// Adds to a counter or gauge; only the row's own thread may.
    pub fn add(&self, row: RowId, cell: C, amount: u64) {
        if let Some(value) = self.cell(row, cell) {
            value.store(value.load(Relaxed).wrapping_add(amount), Relaxed);
        }
    }

    pub fn inc(&self, row: RowId, cell: C) {
        self.add(row, cell, 1);
    }

    /// Takes one from a gauge. A thread may take what another added: only the sum means anything.
    pub fn dec(&self, row: RowId, cell: C) {
        self.add(row, cell, u64::MAX);
    }

    /// Sets a gauge that only one thread ever writes.
    pub fn set(&self, row: RowId, cell: C, value: u64) {
        if let Some(own) = self.cell(row, cell) {
            own.store(value, Relaxed);
        }
    }

    /// The sum over all rows.
    pub fn read(&self, cell: C) -> u64 {
        self.sum(cell.number())
    }

    fn sum(&self, number: usize) -> u64 {
        self.rows
            .iter()
            .filter_map(|row| row.get()?.get(number))
            .fold(0, |sum, value| sum.wrapping_add(value.load(Relaxed)))
    }

    fn cell(&self, row: RowId, cell: C) -> Option<&AtomicU64> {
        let row = self
            .rows
            .get(row.0)?
            .get_or_init(|| C::ALL.iter().map(|_| AtomicU64::new(0)).collect());
        row.get(cell.number())
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    crate::cells! {
        enum Probe {
            counter Total "total",
            gauge Active "active",
        }
    }

    #[test]
    fn rows_add_up_and_gauges_may_cross_threads() {
        let sheet = Sheet::new(2);
        sheet.inc(RowId(0), Probe::Total);
        sheet.add(RowId(1), Probe::Total, 4);
        sheet.inc(RowId(0), Probe::Active);
        sheet.dec(RowId(1), Probe::Active);
        assert_eq!(
            (sheet.read(Probe::Total), sheet.read(Probe::Active)),
            (5, 0)
        );
        assert_eq!(
            (
                Probe::Active.name(),
                Probe::Active.kind(),
                Probe::Total.kind()
            ),
            ("active", Kind::Gauge, Kind::Counter)
        );
        sheet.set(RowId(1), Probe::Active, 7);
        assert_eq!(sheet.read(Probe::Active), 8);
        sheet.inc(RowId(9), Probe::Total);
        assert_eq!(
            sheet.read(Probe::Total),
            5,
            "a row that does not exist counts nothing"
        );
    }
}
