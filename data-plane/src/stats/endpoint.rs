//! What is counted for one endpoint, for `/clusters`.
//!
//! There may be very many endpoints, most of them idle: an endpoint that no request was sent to holds no rows
//! and no list of rows.

use std::sync::OnceLock;

use super::{RowId, Sheet};

crate::cells! {
    pub enum EndpointCell {
        gauge CxActive "cx_active",
        counter CxConnectFail "cx_connect_fail",
        counter CxTotal "cx_total",
        gauge RqActive "rq_active",
        counter RqError "rq_error",
        gauge RqPendingActive "rq_pending_active",
        counter RqSuccess "rq_success",
        counter RqTimeout "rq_timeout",
        counter RqTotal "rq_total",
    }
}

/// An endpoint's numbers.
#[derive(Debug, Default)]
pub struct EndpointStats(OnceLock<Sheet<EndpointCell>>);

impl EndpointStats {
    /// Adds one, as one of `threads` writers.
    pub fn inc(&self, row: RowId, threads: usize, cell: EndpointCell) {
        self.0.get_or_init(|| Sheet::new(threads)).inc(row, cell);
    }

    /// Takes one from a gauge.
    pub fn dec(&self, row: RowId, threads: usize, cell: EndpointCell) {
        self.0.get_or_init(|| Sheet::new(threads)).dec(row, cell);
    }

    pub fn read(&self, cell: EndpointCell) -> u64 {
        self.0.get().map_or(0, |sheet| sheet.read(cell))
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn an_idle_endpoint_holds_nothing() {
        let stats = EndpointStats::default();
        assert_eq!(stats.read(EndpointCell::RqTotal), 0);
        assert!(stats.0.get().is_none());
        stats.inc(RowId(1), 2, EndpointCell::CxActive);
        stats.inc(RowId(0), 2, EndpointCell::CxActive);
        stats.dec(RowId(0), 2, EndpointCell::CxActive);
        assert_eq!(stats.read(EndpointCell::CxActive), 1);
    }
}
