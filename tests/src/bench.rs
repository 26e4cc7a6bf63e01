//! What a request costs: peers on one core, load and origin on the other.
//!
//! [`tables`] writes route tables and the requests that go with them, [`peers`] starts each proxy on the
//! equivalent configuration, [`measure`] runs the rounds, [`report`] turns them into a table. The method is
//! the design's: processor time of the peer's process while it serves, peers interleaved, median of the
//! per-round ratios. Throughput and latency are told beside it, for a noisy machine distorts them more.

pub mod measure;
pub mod peers;
pub mod report;
pub mod tables;
