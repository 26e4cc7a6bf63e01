//! From a bootstrap file to a proxy's configuration, with a line for every error.
//!
//! [`load`] reads text into the message, [`check`] takes the message apart and parses every static resource,
//! so that `--mode validate`, a start and a test all say the same. What both find carries field paths; the
//! file's own positions turn them into lines.

mod check;
mod embedded;
mod load;

pub use check::{Checked, check};
pub use embedded::embedded;
pub use load::{LoadOptions, Loaded, load};
