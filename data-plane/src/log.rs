//! Access logs: lines on their way from a worker to a file.
//!
//! A worker renders a line into a buffer of its own ([`Writer`]) and hands full buffers over to the thread of
//! the [`Sink`], one per file; a timer hands over what is left ([`keep_flushed`]). So a request never waits
//! for a disk or for whoever reads our standard output: where they fall behind, buffers fill up to a bound,
//! and then lines are dropped and counted. [`Sinks`] are the process's: two logs of the same file share one.
//!
//! What a line says is not here: see [`AccessLog`](crate::resources::access_log::AccessLog).

mod sink;
mod writer;

pub use sink::{OpenError, Sink, SinkCounts, Sinks, Target};
pub use writer::{Writer, keep_flushed};

#[cfg(test)]
mod tests;
