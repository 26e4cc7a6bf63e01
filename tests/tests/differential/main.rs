//! Envoy and portway-proxy side by side, table by table.
//!
//! Each table's record of what Envoy 1.40 does lies in `tests/golden/`. See `portway_tests::differential` for
//! how to run part of it and how to record anew.

mod actions;
mod hosts;
mod http1;
mod logs;
mod matching;
mod mutation;
mod upstreams;
