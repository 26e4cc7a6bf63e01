//! The steps at which a write to disk can be cut off, and a hook that runs at each of them.
//!
//! The kill test aborts the process in the hook, the engine's own tests let it return an error as a
//! full disk would. Without a hook a step costs one comparison, beside an fsync.

use std::fmt;
use std::io;
use std::sync::Arc;

macro_rules! steps {
    ($($(#[$doc:meta])* $step:ident),* $(,)?) => {
        /// A moment within a write.
        #[derive(Clone, Copy, Debug, PartialEq, Eq, Hash)]
        pub enum Step {
            $($(#[$doc])* $step),*
        }

        impl Step {
            pub const ALL: &'static [Self] = &[$(Self::$step),*];

            pub fn name(self) -> &'static str {
                match self {
                    $(Self::$step => stringify!($step)),*
                }
            }
        }
    };
}

steps! {
    /// The new file exists under its temporary name, empty.
    CreateFile,
    /// The new file is whole and closed, not yet renamed.
    CreateRename,
    /// The file has its name; the directory is not yet synced.
    CreateSync,
    PutBegin,
    /// A chunk is in the open transaction.
    PutChunk,
    PutCommit,
    PutDone,
    AdvanceBegin,
    /// The record is in the open transaction, the head is not.
    AdvanceRecord,
    AdvanceHead,
    AdvanceCommit,
    /// The head has moved on disk and nobody knows yet.
    AdvanceDone,
    RemoveBegin,
    RemoveRecord,
    RemoveChunk,
    RemoveCommit,
    RemoveDone,
    /// The engine is about to write to, sync or resize its file.
    FileWrite,
    FileSync,
    FileResize,
}

type Hook = dyn Fn(Step) -> io::Result<()> + Send + Sync;

/// None by default.
#[derive(Clone, Default)]
pub struct Failpoints(Option<Arc<Hook>>);

impl Failpoints {
    pub fn new(hook: impl Fn(Step) -> io::Result<()> + Send + Sync + 'static) -> Self {
        Self(Some(Arc::new(hook)))
    }

    pub(super) fn are_set(&self) -> bool {
        self.0.is_some()
    }

    pub(super) fn at(&self, step: Step) -> io::Result<()> {
        self.0.as_ref().map_or(Ok(()), |hook| hook(step))
    }
}

impl fmt::Debug for Failpoints {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.debug_tuple("Failpoints").field(&self.are_set()).finish()
    }
}
