//! How long to wait before the next attempt: longer each time, never the same for two proxies.

use std::time::Duration;

const FIRST: Duration = Duration::from_millis(500);
const MOST: Duration = Duration::from_secs(30);

/// The state of a series of attempts.
#[derive(Debug)]
pub struct Backoff {
    next: Duration,
}

impl Default for Backoff {
    fn default() -> Self {
        Self { next: FIRST }
    }
}

impl Backoff {
    /// The next pause, given a random number in `0.0..1.0`.
    pub fn pause(&mut self, random: f64) -> Duration {
        let pause = self.next.mul_f64(0.8 + 0.4 * random.clamp(0.0, 1.0));
        self.next = self.next.mul_f64(1.6).min(MOST);
        pause
    }

    /// An attempt went well.
    pub fn reset(&mut self) {
        self.next = FIRST;
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn x96_pauses_grow_with_jitter_up_to_a_limit() {
        let mut backoff = Backoff::default();
        assert_eq!(backoff.pause(0.5), Duration::from_millis(500));
        assert_eq!(backoff.pause(0.0), Duration::from_millis(640));
        assert_eq!(backoff.pause(1.0), Duration::from_millis(1536));
        for _ in 0..20 {
            assert!(backoff.pause(1.0) <= Duration::from_secs(36));
        }
        backoff.reset();
        assert_eq!(backoff.pause(0.5), Duration::from_millis(500));
    }
}
