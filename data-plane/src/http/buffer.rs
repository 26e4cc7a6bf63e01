//! Bytes on their way: what has been read and not yet used, and what is to be written.
//!
//! Both are reused from request to request and from connection to connection (see
//! [`Buffers`](crate::runtime::worker::Buffers)); an idle connection holds neither.

use std::{
    io,
    pin::Pin,
    task::{Context, Poll, ready},
};

use tokio::io::{AsyncRead, AsyncWrite, ReadBuf};

use crate::clusters::io::Io;

/// How much one read takes at most, and the size of a fresh buffer.
pub const CHUNK: usize = 16 * 1024;

/// Bytes read from a peer. The storage is zeroed once and then overwritten, never shrunk to length, so that a
/// read needs no fresh memory.
#[derive(Debug)]
pub struct Inbox {
    storage: Vec<u8>,
    start: usize,
    end: usize,
}

impl Default for Inbox {
    fn default() -> Self {
        Self {
            storage: vec![0; CHUNK],
            start: 0,
            end: 0,
        }
    }
}

impl Inbox {
    /// Holds nothing, and no memory either.
    pub fn unallocated() -> Self {
        Self {
            storage: Vec::new(),
            start: 0,
            end: 0,
        }
    }

    pub fn is_unallocated(&self) -> bool {
        self.storage.is_empty()
    }

    /// What has been read and not used.
    pub fn unread(&self) -> &[u8] {
        self.storage.get(self.start..self.end).unwrap_or_default()
    }

    pub fn is_empty(&self) -> bool {
        self.start == self.end
    }

    /// Marks bytes as used.
    pub fn consume(&mut self, count: usize) {
        self.start = self.start.saturating_add(count).min(self.end);
        if self.start == self.end {
            self.clear();
        }
    }

    pub fn clear(&mut self) {
        self.start = 0;
        self.end = 0;
    }

    /// Whether the storage grew beyond a fresh one, for a large head.
    pub fn is_large(&self) -> bool {
        self.storage.len() > CHUNK
    }

    /// Reads once from the peer; `Ok(0)` is the end. Unused bytes stay; the buffer grows if they fill it, so
    /// whoever calls this again without using any must have a limit.
    pub fn poll_fill(&mut self, io: &mut Io, cx: &mut Context<'_>) -> Poll<io::Result<usize>> {
        if self.end == self.storage.len() {
            if self.start > 0 {
                self.storage.copy_within(self.start..self.end, 0);
                self.end -= self.start;
                self.start = 0;
            } else {
                self.storage
                    .resize(self.storage.len().saturating_mul(2).max(CHUNK), 0);
            }
        }
        let Some(room) = self.storage.get_mut(self.end..) else {
            return Poll::Ready(Ok(0));
        };
        let mut room = ReadBuf::new(room);
        ready!(Pin::new(io).poll_read(cx, &mut room))?;
        let count = room.filled().len();
        self.end += count;
        Poll::Ready(Ok(count))
    }
}

/// Bytes to be written to a peer.
#[derive(Debug, Default)]
pub struct Outbox {
    bytes: Vec<u8>,
    written: usize,
}

impl Outbox {
    /// Where to append.
    pub fn tail(&mut self) -> &mut Vec<u8> {
        &mut self.bytes
    }

    /// How much is waiting.
    pub fn waiting(&self) -> usize {
        self.bytes.len() - self.written
    }

    pub fn is_empty(&self) -> bool {
        self.waiting() == 0
    }

    pub fn clear(&mut self) {
        self.bytes.clear();
        self.written = 0;
    }

    pub fn is_large(&self) -> bool {
        self.bytes.capacity() > 4 * CHUNK
    }

    /// Writes until nothing is left.
    pub fn poll_flush(&mut self, io: &mut Io, cx: &mut Context<'_>) -> Poll<io::Result<()>> {
        while let Some(rest @ [_, ..]) = self.bytes.get(self.written..) {
            let count = ready!(Pin::new(&mut *io).poll_write(cx, rest))?;
            if count == 0 {
                return Poll::Ready(Err(io::ErrorKind::WriteZero.into()));
            }
            self.written += count;
        }
        self.clear();
        Poll::Ready(Ok(()))
    }
}
