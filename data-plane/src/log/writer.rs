//! A worker's end of the logs: one buffer per sink, filled line by line.

use std::{sync::Arc, time::Duration};

use portway_shared::format::Subject;
use tokio::sync::Notify;

use super::sink::{Sink, Sinks};
use crate::{http::field::Field, resources::access_log::AccessLog};

/// A worker's buffers.
#[derive(Debug)]
pub struct Writer {
    sinks: Sinks,
    buffers: Vec<Buffer>,
    /// Set from the first line after a flush to the next flush.
    dirty: bool,
    wake: Arc<Notify>,
}

#[derive(Debug)]
struct Buffer {
    sink: Sink,
    bytes: Vec<u8>,
}

/// A buffer of this size is handed over at once.
const FULL: usize = 16 << 10;
/// A buffer that its sink does not take grows so far; then lines are dropped.
const MAX: usize = 64 << 10;
/// Lines wait at most so long for others to share a write with.
const FLUSH_AFTER: Duration = Duration::from_millis(100);

impl Writer {
    pub(super) fn new(sinks: Sinks) -> Self {
        Self {
            sinks,
            buffers: Vec::new(),
            dirty: false,
            wake: Arc::default(),
        }
    }

    /// Writes a request's line to one of its logs.
    pub fn request(&mut self, log: &AccessLog, subject: &impl Subject<Name = Field>) {
        // A listener opens its logs before it serves anyone; should that have failed, they were told why.
        if let Some(sink) = log.sink(&self.sinks) {
            self.line(sink, |out| log.render(subject, out));
        }
    }

    /// Writes a line that `render` appends to what it is given.
    pub fn line(&mut self, sink: &Sink, render: impl FnOnce(&mut Vec<u8>)) {
        let buffer = match self.buffers.iter().position(|buffer| buffer.sink.is(sink)) {
            Some(at) => self.buffers.get_mut(at),
            None => {
                self.buffers.push(Buffer {
                    sink: sink.clone(),
                    bytes: Vec::new(),
                });
                self.buffers.last_mut()
            }
        };
        let Some(buffer) = buffer else { return };
        let before = buffer.bytes.len();
        if before >= MAX && !buffer.hand_over() {
            sink.dropped(1);
            return;
        }
        let before = before.min(buffer.bytes.len());
        render(&mut buffer.bytes);
        if before > 0 && buffer.bytes.len() > MAX {
            // Too long to share a buffer with the lines that wait: they go first.
            let line = buffer.bytes.split_off(before);
            if buffer.hand_over() {
                buffer.bytes = line;
            } else {
                sink.dropped(1);
            }
        }
        if buffer.bytes.len() >= FULL {
            buffer.hand_over();
        }
        if !self.dirty {
            self.dirty = true;
            self.wake.notify_one();
        }
    }

    /// Writes a line, its line break included.
    pub fn write(&mut self, sink: &Sink, line: &[u8]) {
        self.line(sink, |out| out.extend_from_slice(line));
    }

    /// Hands everything over; says whether the sinks took it.
    pub fn flush(&mut self) -> bool {
        let mut clean = true;
        for buffer in &mut self.buffers {
            clean &= buffer.hand_over();
        }
        // Logs that are gone: this was the last handle, and dropping it closes the file.
        self.buffers
            .retain(|buffer| !buffer.bytes.is_empty() || !buffer.sink.is_last());
        self.dirty = !clean;
        clean
    }

    /// Told when there is something to flush; for [`keep_flushed`].
    pub fn wake(&self) -> Arc<Notify> {
        self.wake.clone()
    }
}

impl Drop for Writer {
    fn drop(&mut self) {
        self.flush();
    }
}

impl Buffer {
    fn hand_over(&mut self) -> bool {
        if self.bytes.is_empty() {
            return true;
        }
        match self.sink.push(std::mem::take(&mut self.bytes)) {
            Ok(()) => true,
            Err(bytes) => {
                self.bytes = bytes;
                false
            }
        }
    }
}

/// Flushes a worker's writer a moment after its first line, again and again; asleep while nothing is logged.
/// `flush` is [`Writer::flush`] on the worker's own writer.
pub async fn keep_flushed(wake: Arc<Notify>, mut flush: impl FnMut() -> bool) {
    loop {
        wake.notified().await;
        loop {
            tokio::time::sleep(FLUSH_AFTER).await;
            if flush() {
                break;
            }
        }
    }
}
