//! What is counted for a cluster, under `cluster.<name>.`.

use super::{Sheet, histogram::Histogram};

crate::cells! {
    pub enum ClusterCell {
        counter MembershipChange "membership_change",
        gauge MembershipDegraded "membership_degraded",
        gauge MembershipHealthy "membership_healthy",
        gauge MembershipTotal "membership_total",
        counter UpdateAttempt "update_attempt",
        counter UpdateEmpty "update_empty",
        counter UpdateFailure "update_failure",
        counter UpdateSuccess "update_success",
        gauge UpstreamCxActive "upstream_cx_active",
        counter UpstreamCxConnectFail "upstream_cx_connect_fail",
        counter UpstreamCxConnectTimeout "upstream_cx_connect_timeout",
        counter UpstreamCxDestroy "upstream_cx_destroy",
        counter UpstreamCxHttp1Total "upstream_cx_http1_total",
        counter UpstreamCxIdleTimeout "upstream_cx_idle_timeout",
        counter UpstreamCxMaxRequests "upstream_cx_max_requests",
        counter UpstreamCxNoneHealthy "upstream_cx_none_healthy",
        counter UpstreamCxRxBytesTotal "upstream_cx_rx_bytes_total",
        counter UpstreamCxTotal "upstream_cx_total",
        counter UpstreamCxTxBytesTotal "upstream_cx_tx_bytes_total",
        gauge UpstreamRqActive "upstream_rq_active",
        counter UpstreamRqCompleted "upstream_rq_completed",
        gauge UpstreamRqPendingActive "upstream_rq_pending_active",
        counter UpstreamRqPendingFailureEject "upstream_rq_pending_failure_eject",
        counter UpstreamRqPendingTotal "upstream_rq_pending_total",
        counter UpstreamRqTimeout "upstream_rq_timeout",
        counter UpstreamRqTotal "upstream_rq_total",
        rare UpstreamRq1xx "upstream_rq_1xx",
        rare UpstreamRq2xx "upstream_rq_2xx",
        rare UpstreamRq3xx "upstream_rq_3xx",
        rare UpstreamRq4xx "upstream_rq_4xx",
        rare UpstreamRq5xx "upstream_rq_5xx",
        rare UpstreamRq200 "upstream_rq_200",
        rare UpstreamRq201 "upstream_rq_201",
        rare UpstreamRq202 "upstream_rq_202",
        rare UpstreamRq204 "upstream_rq_204",
        rare UpstreamRq206 "upstream_rq_206",
        rare UpstreamRq301 "upstream_rq_301",
        rare UpstreamRq302 "upstream_rq_302",
        rare UpstreamRq303 "upstream_rq_303",
        rare UpstreamRq304 "upstream_rq_304",
        rare UpstreamRq307 "upstream_rq_307",
        rare UpstreamRq308 "upstream_rq_308",
        rare UpstreamRq400 "upstream_rq_400",
        rare UpstreamRq401 "upstream_rq_401",
        rare UpstreamRq403 "upstream_rq_403",
        rare UpstreamRq404 "upstream_rq_404",
        rare UpstreamRq405 "upstream_rq_405",
        rare UpstreamRq408 "upstream_rq_408",
        rare UpstreamRq409 "upstream_rq_409",
        rare UpstreamRq410 "upstream_rq_410",
        rare UpstreamRq412 "upstream_rq_412",
        rare UpstreamRq413 "upstream_rq_413",
        rare UpstreamRq415 "upstream_rq_415",
        rare UpstreamRq422 "upstream_rq_422",
        rare UpstreamRq426 "upstream_rq_426",
        rare UpstreamRq429 "upstream_rq_429",
        rare UpstreamRq499 "upstream_rq_499",
        rare UpstreamRq500 "upstream_rq_500",
        rare UpstreamRq501 "upstream_rq_501",
        rare UpstreamRq502 "upstream_rq_502",
        rare UpstreamRq503 "upstream_rq_503",
        rare UpstreamRq504 "upstream_rq_504",
    }
}

impl ClusterCell {
    /// The cell of a class of statuses, given its first digit.
    pub fn of_class(class: u16) -> Option<Self> {
        Some(match class {
            1 => Self::UpstreamRq1xx,
            2 => Self::UpstreamRq2xx,
            3 => Self::UpstreamRq3xx,
            4 => Self::UpstreamRq4xx,
            5 => Self::UpstreamRq5xx,
            _ => return None,
        })
    }

    /// The cell of one status. Envoy counts every number; here the ones in use have a cell and the rest count
    /// in their class alone, so that a row stays small.
    pub fn of_status(status: u16) -> Option<Self> {
        Some(match status {
            200 => Self::UpstreamRq200,
            201 => Self::UpstreamRq201,
            202 => Self::UpstreamRq202,
            204 => Self::UpstreamRq204,
            206 => Self::UpstreamRq206,
            301 => Self::UpstreamRq301,
            302 => Self::UpstreamRq302,
            303 => Self::UpstreamRq303,
            304 => Self::UpstreamRq304,
            307 => Self::UpstreamRq307,
            308 => Self::UpstreamRq308,
            400 => Self::UpstreamRq400,
            401 => Self::UpstreamRq401,
            403 => Self::UpstreamRq403,
            404 => Self::UpstreamRq404,
            405 => Self::UpstreamRq405,
            408 => Self::UpstreamRq408,
            409 => Self::UpstreamRq409,
            410 => Self::UpstreamRq410,
            412 => Self::UpstreamRq412,
            413 => Self::UpstreamRq413,
            415 => Self::UpstreamRq415,
            422 => Self::UpstreamRq422,
            426 => Self::UpstreamRq426,
            429 => Self::UpstreamRq429,
            499 => Self::UpstreamRq499,
            500 => Self::UpstreamRq500,
            501 => Self::UpstreamRq501,
            502 => Self::UpstreamRq502,
            503 => Self::UpstreamRq503,
            504 => Self::UpstreamRq504,
            _ => return None,
        })
    }
}

/// A cluster's numbers. They outlive its updates.
#[derive(Debug)]
pub struct ClusterStats {
    pub cells: Sheet<ClusterCell>,
    /// From the end of the request to the end of the response.
    pub time: Histogram,
}

impl ClusterStats {
    pub fn new(threads: usize) -> Self {
        Self {
            cells: Sheet::new(threads),
            time: Histogram::new(threads),
        }
    }
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::stats::Cell;

    #[test]
    fn a_status_counts_under_its_own_name() {
        for status in 100..600 {
            if let Some(cell) = ClusterCell::of_status(status) {
                assert_eq!(cell.name(), format!("upstream_rq_{status}"));
            }
        }
        for class in 1..6 {
            let name = ClusterCell::of_class(class).map(Cell::name);
            assert_eq!(name, Some(format!("upstream_rq_{class}xx").as_str()));
        }
        assert_eq!(ClusterCell::of_class(0), None);
    }
}
