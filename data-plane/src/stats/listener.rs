//! What is counted for a listener, under `listener.<address>.`, and for the HTTP it serves, under
//! `listener.<address>.http.<stat_prefix>.`.

use super::{Sheet, histogram::Histogram};

crate::cells! {
    pub enum ListenerCell {
        gauge DownstreamCxActive "downstream_cx_active",
        counter DownstreamCxDestroy "downstream_cx_destroy",
        counter DownstreamCxTotal "downstream_cx_total",
    }
}

crate::cells! {
    pub enum ListenerHttpCell {
        counter DownstreamRq1xx "downstream_rq_1xx",
        counter DownstreamRq2xx "downstream_rq_2xx",
        counter DownstreamRq3xx "downstream_rq_3xx",
        counter DownstreamRq4xx "downstream_rq_4xx",
        counter DownstreamRq5xx "downstream_rq_5xx",
        counter DownstreamRqCompleted "downstream_rq_completed",
    }
}

impl ListenerHttpCell {
    /// The cell of a class of statuses, given its first digit.
    pub fn of_class(class: u16) -> Option<Self> {
        Some(match class {
            1 => Self::DownstreamRq1xx,
            2 => Self::DownstreamRq2xx,
            3 => Self::DownstreamRq3xx,
            4 => Self::DownstreamRq4xx,
            5 => Self::DownstreamRq5xx,
            _ => return None,
        })
    }
}

/// A listener's numbers. They belong to its address and outlive its updates.
#[derive(Debug)]
pub struct ListenerStats {
    pub cells: Sheet<ListenerCell>,
    /// How long connections lived.
    pub length: Histogram,
}

impl ListenerStats {
    pub fn new(threads: usize) -> Self {
        Self {
            cells: Sheet::new(threads),
            length: Histogram::new(threads),
        }
    }
}

/// The requests of one `stat_prefix` on one listener.
#[derive(Debug)]
pub struct ListenerHttpStats {
    pub cells: Sheet<ListenerHttpCell>,
}

impl ListenerHttpStats {
    pub fn new(threads: usize) -> Self {
        Self {
            cells: Sheet::new(threads),
        }
    }
}
