//! stand-in
use crate::stats::Sheet;
crate::cells! {
    pub enum ClusterCell {
        counter UpstreamCxTotal "upstream_cx_total",
        counter UpstreamCxHttp1Total "upstream_cx_http1_total",
        gauge UpstreamCxActive "upstream_cx_active",
        counter UpstreamCxDestroy "upstream_cx_destroy",
        counter UpstreamCxConnectFail "upstream_cx_connect_fail",
        counter UpstreamCxConnectTimeout "upstream_cx_connect_timeout",
        counter UpstreamCxNoneHealthy "upstream_cx_none_healthy",
        counter UpstreamRqTotal "upstream_rq_total",
        gauge UpstreamRqActive "upstream_rq_active",
        counter UpstreamRqCompleted "upstream_rq_completed",
        counter UpstreamRqTimeout "upstream_rq_timeout",
        counter UpstreamRq1xx "upstream_rq_1xx",
        counter UpstreamRq2xx "upstream_rq_2xx",
        counter UpstreamRq3xx "upstream_rq_3xx",
        counter UpstreamRq4xx "upstream_rq_4xx",
        counter UpstreamRq5xx "upstream_rq_5xx",
    }
}
impl ClusterCell {
    pub fn of_class(class: u16) -> Option<Self> {
        match class {
            1 => Some(Self::UpstreamRq1xx),
            2 => Some(Self::UpstreamRq2xx),
            3 => Some(Self::UpstreamRq3xx),
            4 => Some(Self::UpstreamRq4xx),
            5 => Some(Self::UpstreamRq5xx),
            _ => None,
        }
    }
}
#[derive(Debug)]
pub struct ClusterStats {
    pub cells: Sheet<ClusterCell>,
    pub time: super::http::Timing,
}
