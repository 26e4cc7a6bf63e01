//! The only place that reads the clock.
//!
//! Protocol state takes time as an argument, so that a test can hand it any; the shells that drive it ask
//! here. Two readings exist, because they answer different questions: [`now`] measures how long something
//! took and never goes back, [`wall`] says when it happened.

use std::time::{Instant, SystemTime};

/// The monotonic clock.
#[expect(clippy::disallowed_methods, reason = "this is the clock module")]
pub fn now() -> Instant {
    Instant::now()
}

/// The wall clock.
#[expect(clippy::disallowed_methods, reason = "this is the clock module")]
pub fn wall() -> SystemTime {
    SystemTime::now()
}
