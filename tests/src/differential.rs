//! One configuration and one conversation in raw bytes, put before two engines.
//!
//! A table is a list of [`Case`]s that share one engine process: each has a listener, upstreams and clusters
//! of its own. What a client hears, what upstreams see and what the access log says becomes a text
//! ([`observe`]), in which only what must differ from run to run is replaced, by rule ([`normalise`]).
//! Envoy's text is on record under `tests/golden/`; both engines must produce it ([`table`]).
//!
//! The record is Envoy's behaviour and nothing else: `PORTWAY_BLESS=1` asks Envoy anew and rewrites it.

mod case;
mod compare;
mod config;
mod golden;
mod normalise;
mod observe;
mod stage;
mod table;

pub use case::{Case, case};
pub use table::{Table, run};
