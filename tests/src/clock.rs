//! Deadlines for tests that watch real programs.
//!
//! Protocol state elsewhere takes time as an argument; a test that watches another process cannot, so it
//! waits for a condition until a deadline. [`pause`] exists for the scripts that are about time (a slow
//! client, a late upstream) and for polling another process, and for nothing else.

use std::time::{Duration, Instant};

pub use portway_shared::clock::{now, wall};

/// How long anything that should happen at once may take on a busy machine.
pub const PATIENCE: Duration = Duration::from_secs(20);

/// A moment after which waiting is over.
#[derive(Clone, Copy, Debug)]
pub struct Deadline(Instant);

impl Deadline {
    pub fn after(duration: Duration) -> Self {
        Self(now() + duration)
    }

    /// What is left, or `None` when it has passed.
    pub fn left(self) -> Option<Duration> {
        let left = self.0.saturating_duration_since(now());
        (!left.is_zero()).then_some(left)
    }

    pub fn instant(self) -> Instant {
        self.0
    }
}

/// Lets time pass.
#[expect(
    clippy::disallowed_methods,
    reason = "a test's own thread may block; no worker runs on it"
)]
pub fn pause(duration: Duration) {
    std::thread::sleep(duration);
}

/// Asks until there is an answer or the deadline has passed.
pub fn poll<T>(deadline: Deadline, mut ask: impl FnMut() -> Option<T>) -> Option<T> {
    loop {
        if let Some(answer) = ask() {
            return Some(answer);
        }
        let left = deadline.left()?;
        pause(left.min(Duration::from_millis(10)));
    }
}
