//! One timer per connection, armed rarely.
//!
//! Every wait has a deadline, and nearly all waits end long before it. Moving a timer for each would cost
//! more than the wait. This one stays armed for the earliest deadline it was ever told and, when it fires too
//! early, is moved to the one that counts then: a busy connection touches the timer wheel once per timeout,
//! not once per request.

use std::{
    future::Future,
    pin::Pin,
    task::{Context, Poll},
    time::Instant,
};

use tokio::time::{Sleep, sleep_until};

/// A connection's timer.
#[derive(Default)]
pub struct Deadline {
    sleep: Option<Pin<Box<Sleep>>>,
}

impl Deadline {
    /// Ready once `at` has passed; `None` never passes. Call it whenever the task is polled and waits.
    pub fn poll(&mut self, cx: &mut Context<'_>, at: Option<Instant>) -> Poll<()> {
        let Some(at) = at else { return Poll::Pending };
        let target = tokio::time::Instant::from_std(at);
        let sleep = self
            .sleep
            .get_or_insert_with(|| Box::pin(sleep_until(target)));
        if sleep.deadline() > target {
            sleep.as_mut().reset(target);
        }
        while sleep.as_mut().poll(cx).is_ready() {
            if sleep.deadline() >= target {
                return Poll::Ready(());
            }
            sleep.as_mut().reset(target);
        }
        Poll::Pending
    }
}

/// The earlier of two deadlines, where `None` is never.
pub fn earliest(a: Option<Instant>, b: Option<Instant>) -> Option<Instant> {
    match (a, b) {
        (Some(a), Some(b)) => Some(a.min(b)),
        (a, b) => a.or(b),
    }
}

#[cfg(test)]
mod tests {
    use super::*;
    use std::{future::poll_fn, time::Duration};

    #[tokio::test(start_paused = true)]
    #[expect(
        clippy::disallowed_methods,
        reason = "time stands still here but for the timer"
    )]
    async fn a_later_deadline_is_met_though_the_timer_was_armed_for_an_earlier_one() {
        let start = tokio::time::Instant::now();
        let mut deadline = Deadline::default();
        let at = |seconds| Some((start + Duration::from_secs(seconds)).into_std());
        assert!(
            poll_fn(|cx| Poll::Ready(deadline.poll(cx, at(1))))
                .await
                .is_pending()
        );
        poll_fn(|cx| deadline.poll(cx, at(5))).await;
        assert_eq!(start.elapsed(), Duration::from_secs(5));
        poll_fn(|cx| deadline.poll(cx, at(6))).await;
        assert_eq!(start.elapsed(), Duration::from_secs(6));
        assert!(
            poll_fn(|cx| Poll::Ready(deadline.poll(cx, None)))
                .await
                .is_pending()
        );
    }
}
