//! What both planes use and neither owns.

pub mod clock;
pub mod format;
pub mod telemetry;
