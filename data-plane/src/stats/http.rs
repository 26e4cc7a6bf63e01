//! What is counted for HTTP, under `http.<stat_prefix>.`, and again for each listener.

use super::{Sheet, histogram::Histogram};

crate::cells! {
    pub enum HttpCell {
        gauge DownstreamCxActive "downstream_cx_active",
        counter DownstreamCxDelayedCloseTimeout "downstream_cx_delayed_close_timeout",
        counter DownstreamCxDestroy "downstream_cx_destroy",
        counter DownstreamCxDrainClose "downstream_cx_drain_close",
        gauge DownstreamCxHttp1Active "downstream_cx_http1_active",
        counter DownstreamCxHttp1Total "downstream_cx_http1_total",
        counter DownstreamCxIdleTimeout "downstream_cx_idle_timeout",
        counter DownstreamCxMaxRequestsReached "downstream_cx_max_requests_reached",
        counter DownstreamCxProtocolError "downstream_cx_protocol_error",
        counter DownstreamCxRxBytesTotal "downstream_cx_rx_bytes_total",
        counter DownstreamCxTotal "downstream_cx_total",
        counter DownstreamCxTxBytesTotal "downstream_cx_tx_bytes_total",
        counter DownstreamRq1xx "downstream_rq_1xx",
        counter DownstreamRq2xx "downstream_rq_2xx",
        counter DownstreamRq3xx "downstream_rq_3xx",
        counter DownstreamRq4xx "downstream_rq_4xx",
        counter DownstreamRq5xx "downstream_rq_5xx",
        gauge DownstreamRqActive "downstream_rq_active",
        counter DownstreamRqCompleted "downstream_rq_completed",
        counter DownstreamRqHeaderTimeout "downstream_rq_header_timeout",
        counter DownstreamRqHttp1Total "downstream_rq_http1_total",
        counter DownstreamRqIdleTimeout "downstream_rq_idle_timeout",
        counter DownstreamRqRxReset "downstream_rq_rx_reset",
        counter DownstreamRqTimeout "downstream_rq_timeout",
        counter DownstreamRqTotal "downstream_rq_total",
        counter DownstreamRqWsOnNonWsRoute "downstream_rq_ws_on_non_ws_route",
        counter NoCluster "no_cluster",
        counter NoRoute "no_route",
        counter RqDirectResponse "rq_direct_response",
        counter RqRedirect "rq_redirect",
        counter RqTotal "rq_total",
    }
}

impl HttpCell {
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

/// The numbers of all connection managers with one `stat_prefix`.
#[derive(Debug)]
pub struct HttpStats {
    pub cells: Sheet<HttpCell>,
    /// From a request's first byte to the end of its response.
    pub time: Histogram,
    /// How long connections lived.
    pub length: Histogram,
}

impl HttpStats {
    pub fn new(threads: usize) -> Self {
        Self {
            cells: Sheet::new(threads),
            time: Histogram::new(threads),
            length: Histogram::new(threads),
        }
    }
}
