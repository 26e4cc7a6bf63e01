//! How a connection learns that its listener is going away.

use std::{
    cell::{Cell, RefCell},
    task::{Context, Waker},
};

/// Set once, by the worker, for every connection of a listener that goes; wakes the one that is idle.
#[derive(Debug, Default)]
pub struct DrainSignal {
    set: Cell<bool>,
    waker: RefCell<Option<Waker>>,
}

impl DrainSignal {
    pub fn is_set(&self) -> bool {
        self.set.get()
    }

    /// Whether it is set; if not, the task will be woken when it is.
    pub fn watch(&self, cx: &mut Context<'_>) -> bool {
        if self.set.get() {
            return true;
        }
        let mut waker = self.waker.borrow_mut();
        if !waker
            .as_ref()
            .is_some_and(|waker| waker.will_wake(cx.waker()))
        {
            *waker = Some(cx.waker().clone());
        }
        false
    }

    pub fn set(&self) {
        self.set.set(true);
        if let Some(waker) = self.waker.borrow_mut().take() {
            waker.wake();
        }
    }
}
