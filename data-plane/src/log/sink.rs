//! One file and the thread that writes it.
//!
//! The thread sleeps until a worker brings a buffer. The queue between them is bounded in bytes; a worker that
//! finds it full keeps its buffer and tries again, so that nobody ever waits for the file. A sink closes when
//! the last log that uses it goes, after what it holds is written.

use std::{
    collections::VecDeque,
    fmt,
    fs::{File, OpenOptions},
    io::{self, ErrorKind, Write},
    os::{fd::AsFd, unix::fs::FileTypeExt},
    path::PathBuf,
    sync::{
        Arc, Weak,
        atomic::{AtomicU64, Ordering::Relaxed},
    },
    time::Duration,
};

use parking_lot::{Condvar, Mutex};
use tracing::warn;

use super::writer::Writer;

/// Where lines go.
#[derive(Clone, Debug, PartialEq, Eq, Hash)]
pub enum Target {
    File(PathBuf),
    Stdout,
    Stderr,
}

impl fmt::Display for Target {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        match self {
            Target::File(path) => path.display().fmt(f),
            Target::Stdout => f.write_str("stdout"),
            Target::Stderr => f.write_str("stderr"),
        }
    }
}

/// Why a log cannot be written.
#[derive(Debug, thiserror::Error)]
#[error("unable to open file '{target}': {cause}")]
pub struct OpenError {
    target: Target,
    #[source]
    cause: io::Error,
}

/// All files that are being written, each once.
#[derive(Clone, Debug, Default)]
pub struct Sinks(Arc<All>);

#[derive(Debug, Default)]
struct All {
    known: Mutex<Vec<Known>>,
    counts: Arc<SinkCounts>,
}

/// A sink that somebody uses, or that has not written everything yet.
#[derive(Debug)]
struct Known {
    sink: Weak<Shared>,
    queue: Arc<Queue>,
}

/// What happened to lines, over all sinks. Names are those of Envoy's `filesystem.` statistics.
#[derive(Debug, Default)]
pub struct SinkCounts {
    /// Buffers handed over.
    pub write_buffered: AtomicU64,
    pub write_completed: AtomicU64,
    pub write_failed: AtomicU64,
    pub reopen_failed: AtomicU64,
    /// Bytes handed over and not yet written.
    pub write_total_buffered: AtomicU64,
    /// Lines for which there was no room.
    pub lines_dropped: AtomicU64,
}

/// A file being written. The last handle to go closes it.
#[derive(Clone, Debug)]
pub struct Sink(Arc<Shared>);

#[derive(Debug)]
struct Shared {
    queue: Arc<Queue>,
}

#[derive(Debug)]
struct Queue {
    target: Target,
    counts: Arc<SinkCounts>,
    state: Mutex<State>,
    /// Told when there is something to do.
    work: Condvar,
    /// Told when everything is written.
    quiet: Condvar,
}

#[derive(Debug, Default)]
struct State {
    buffers: VecDeque<Vec<u8>>,
    /// In `buffers` and in the thread's hands.
    bytes: usize,
    reopen: bool,
    closed: bool,
}

/// A file that is not keeping up may hold so much before lines are dropped.
const MAX_PENDING: usize = 1 << 20;
/// The thread only copies buffers into the kernel.
const STACK: usize = 128 << 10;
/// How long the process waits at its end for a file that is slow.
const LAST_WORDS: Duration = Duration::from_secs(1);
/// A standard stream that somebody made non-blocking is asked again after this.
const BUSY: Duration = Duration::from_millis(5);

impl Sinks {
    /// The sink of a target, opening it if no log has it open.
    pub fn open(&self, target: &Target) -> Result<Sink, OpenError> {
        let mut known = self.0.known.lock();
        let same = |known: &Known| known.queue.target == *target;
        if let Some(shared) = known
            .iter()
            .filter(|known| same(known))
            .find_map(|known| known.sink.upgrade())
        {
            return Ok(Sink(shared));
        }
        let failed = |cause| OpenError {
            target: target.clone(),
            cause,
        };
        let file = open_file(target).map_err(failed)?;
        let queue = Arc::new(Queue {
            target: target.clone(),
            counts: self.0.counts.clone(),
            state: Mutex::default(),
            work: Condvar::new(),
            quiet: Condvar::new(),
        });
        let theirs = queue.clone();
        std::thread::Builder::new()
            .name("access-log".into())
            .stack_size(STACK)
            .spawn(move || theirs.write_out(file))
            .map_err(failed)?;
        let shared = Arc::new(Shared {
            queue: queue.clone(),
        });
        known.retain(|known| known.sink.strong_count() > 0 || known.queue.state.lock().bytes > 0);
        known.push(Known {
            sink: Arc::downgrade(&shared),
            queue,
        });
        Ok(Sink(shared))
    }

    /// Makes every file be opened again before its next line: somebody has moved it away (SIGUSR1).
    pub fn reopen(&self) {
        for queue in self.queues() {
            queue.state.lock().reopen = true;
            queue.work.notify_one();
        }
    }

    /// Waits until everything handed over is written; says whether it was in time.
    pub fn flush(&self, within: Duration) -> bool {
        let until = portway_shared::clock::now().checked_add(within);
        self.queues().into_iter().all(|queue| {
            let mut state = queue.state.lock();
            while state.bytes > 0 {
                let timed_out = match until {
                    Some(until) => queue.quiet.wait_until(&mut state, until).timed_out(),
                    None => true,
                };
                if timed_out {
                    return state.bytes == 0;
                }
            }
            true
        })
    }

    /// The end: writes what workers have handed over, as far as files take it soon.
    pub fn shut_down(self) {
        if !self.flush(LAST_WORDS) {
            warn!("access logs are not complete: a file or its reader does not keep up");
        }
    }

    /// A worker's end of all sinks.
    pub fn writer(&self) -> Writer {
        Writer::new(self.clone())
    }

    pub fn counts(&self) -> &Arc<SinkCounts> {
        &self.0.counts
    }

    fn queues(&self) -> Vec<Arc<Queue>> {
        let known = self.0.known.lock();
        known.iter().map(|known| known.queue.clone()).collect()
    }
}

impl Sink {
    /// Hands a buffer over; gives it back if there is no room.
    pub(super) fn push(&self, buffer: Vec<u8>) -> Result<(), Vec<u8>> {
        let queue = &self.0.queue;
        let mut state = queue.state.lock();
        let room = state.bytes == 0 || state.bytes.saturating_add(buffer.len()) <= MAX_PENDING;
        if !room {
            return Err(buffer);
        }
        state.bytes += buffer.len();
        queue
            .counts
            .write_total_buffered
            .fetch_add(buffer.len() as u64, Relaxed);
        queue.counts.write_buffered.fetch_add(1, Relaxed);
        state.buffers.push_back(buffer);
        drop(state);
        queue.work.notify_one();
        Ok(())
    }

    pub(super) fn dropped(&self, lines: u64) {
        self.0.queue.counts.lines_dropped.fetch_add(lines, Relaxed);
    }

    pub(super) fn is(&self, other: &Sink) -> bool {
        Arc::ptr_eq(&self.0, &other.0)
    }

    /// Whether this handle is the last.
    pub(super) fn is_last(&self) -> bool {
        Arc::strong_count(&self.0) == 1
    }
}

impl Drop for Shared {
    fn drop(&mut self) {
        self.queue.state.lock().closed = true;
        self.queue.work.notify_one();
    }
}

impl Queue {
    /// The thread: writes buffers in the order in which they come, until the sink is closed.
    fn write_out(&self, mut file: File) {
        let mut failing = false;
        loop {
            let (buffer, reopen) = {
                let mut state = self.state.lock();
                loop {
                    let reopen = std::mem::take(&mut state.reopen);
                    let buffer = state.buffers.pop_front();
                    if reopen || buffer.is_some() {
                        break (buffer, reopen);
                    }
                    if state.closed {
                        return;
                    }
                    self.work.wait(&mut state);
                }
            };
            if reopen {
                match open_file(&self.target) {
                    Ok(fresh) => file = fresh,
                    Err(cause) => {
                        self.counts.reopen_failed.fetch_add(1, Relaxed);
                        warn!(target = %self.target, %cause, "access log not reopened, writing to the old file");
                    }
                }
            }
            let Some(buffer) = buffer else { continue };
            match self.write_all(&mut file, &buffer) {
                Ok(()) => {
                    failing = false;
                    self.counts.write_completed.fetch_add(1, Relaxed);
                }
                Err(cause) => {
                    self.counts.write_failed.fetch_add(1, Relaxed);
                    // Once per outage: a full disk must not fill the program's own log.
                    if !std::mem::replace(&mut failing, true) {
                        warn!(target = %self.target, %cause, "access log not written, lines are lost");
                    }
                }
            }
            self.counts
                .write_total_buffered
                .fetch_sub(buffer.len() as u64, Relaxed);
            let mut state = self.state.lock();
            state.bytes -= buffer.len();
            if state.bytes == 0 {
                self.quiet.notify_all();
            }
        }
    }

    fn write_all(&self, file: &mut File, mut rest: &[u8]) -> io::Result<()> {
        while !rest.is_empty() {
            match file.write(rest) {
                Ok(0) => return Err(ErrorKind::WriteZero.into()),
                Ok(written) => rest = rest.get(written..).unwrap_or_default(),
                Err(error) if error.kind() == ErrorKind::Interrupted => {}
                Err(error) if error.kind() == ErrorKind::WouldBlock => {
                    let mut state = self.state.lock();
                    self.work.wait_for(&mut state, BUSY);
                    if state.closed {
                        return Err(error);
                    }
                }
                Err(error) => return Err(error),
            }
        }
        Ok(())
    }
}

fn open_file(target: &Target) -> io::Result<File> {
    let fd = match target {
        Target::Stdout => io::stdout().as_fd().try_clone_to_owned()?,
        Target::Stderr => io::stderr().as_fd().try_clone_to_owned()?,
        Target::File(path) => {
            // Opening a FIFO to write waits for a reader; opening it both ways does not.
            let fifo = std::fs::metadata(path).is_ok_and(|found| found.file_type().is_fifo());
            return OpenOptions::new()
                .create(!fifo)
                .append(true)
                .read(fifo)
                .open(path);
        }
    };
    Ok(fd.into())
}
