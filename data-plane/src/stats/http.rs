//! stand-in
use crate::stats::{RowId, Sheet};
crate::cells! {
    pub enum HttpCell {
        counter DownstreamCxTotal "downstream_cx_total",
        counter DownstreamCxHttp1Total "downstream_cx_http1_total",
        gauge DownstreamCxActive "downstream_cx_active",
        gauge DownstreamCxHttp1Active "downstream_cx_http1_active",
        counter DownstreamCxDestroy "downstream_cx_destroy",
        counter DownstreamCxProtocolError "downstream_cx_protocol_error",
        counter DownstreamCxIdleTimeout "downstream_cx_idle_timeout",
        counter DownstreamCxMaxRequestsReached "downstream_cx_max_requests_reached",
        counter DownstreamRqTotal "downstream_rq_total",
        counter DownstreamRqHttp1Total "downstream_rq_http1_total",
        gauge DownstreamRqActive "downstream_rq_active",
        counter DownstreamRqCompleted "downstream_rq_completed",
        counter DownstreamRq1xx "downstream_rq_1xx",
        counter DownstreamRq2xx "downstream_rq_2xx",
        counter DownstreamRq3xx "downstream_rq_3xx",
        counter DownstreamRq4xx "downstream_rq_4xx",
        counter DownstreamRq5xx "downstream_rq_5xx",
        counter DownstreamRqHeaderTimeout "downstream_rq_header_timeout",
        counter DownstreamRqWsOnNonWsRoute "downstream_rq_ws_on_non_ws_route",
        counter NoRoute "no_route",
        counter NoCluster "no_cluster",
        counter RqRedirect "rq_redirect",
        counter RqDirectResponse "rq_direct_response",
    }
}
impl HttpCell {
    pub fn of_class(class: u16) -> Option<Self> {
        match class {
            1 => Some(Self::DownstreamRq1xx),
            2 => Some(Self::DownstreamRq2xx),
            3 => Some(Self::DownstreamRq3xx),
            4 => Some(Self::DownstreamRq4xx),
            5 => Some(Self::DownstreamRq5xx),
            _ => None,
        }
    }
}
#[derive(Debug)]
pub struct HttpStats {
    pub cells: Sheet<HttpCell>,
    pub time: Timing,
}
#[derive(Debug)]
pub struct Timing;
impl Timing {
    pub fn record(&self, _row: RowId, _d: std::time::Duration) {}
}
