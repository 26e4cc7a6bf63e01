//! When the operator's files changed.
//!
//! Only what ends a change counts: a file closed after writing, a rename, a removal. Editors save by renaming or by
//! writing in place, and a Kubernetes volume by moving a link; a file that is still being written is not read.
//! Directories are watched, never files, because a renamed file is another one.

use std::path::{Path, PathBuf};
use std::time::Duration;

use notify::event::{AccessKind, AccessMode, CreateKind, ModifyKind};
use notify::{EventKind, RecursiveMode, Watcher as _};
use tokio::sync::mpsc;

use crate::cli::Failure;

/// An editor's save is several events; they are taken together.
const SETTLE: Duration = Duration::from_millis(8);

/// Watches files until it is dropped.
pub(super) struct Watcher {
    _watcher: notify::RecommendedWatcher,
    changes: mpsc::Receiver<()>,
}

impl Watcher {
    /// Watches a file or a directory. What happens below `ignored` is not a change.
    pub(super) fn new(path: &Path, ignored: &Path) -> Result<Self, Failure> {
        let (sender, changes) = mpsc::channel(1);
        let path = std::path::absolute(path)?;
        let ignored = std::path::absolute(ignored)?;
        let (dir, mode) = match path.is_dir() {
            true => (path, RecursiveMode::Recursive),
            // The whole directory: the file may be a link into one beside it.
            false => (parent(&path), RecursiveMode::NonRecursive),
        };
        let told = move |event: notify::Result<notify::Event>| {
            let counts = match &event {
                Ok(event) => {
                    ends_a_change(event.kind)
                        && !event.paths.iter().all(|p| p.starts_with(&ignored))
                }
                // Events may have been lost: look.
                Err(_) => true,
            };
            if counts {
                // A full queue holds the same news already.
                let _ = sender.try_send(());
            }
        };
        let mut watcher = notify::recommended_watcher(told)?;
        watcher.watch(&dir, mode)?;
        Ok(Self {
            _watcher: watcher,
            changes,
        })
    }

    /// Waits for the next change, or a few that belong together.
    pub(super) async fn changed(&mut self) {
        if self.changes.recv().await.is_none() {
            return std::future::pending().await;
        }
        tokio::time::sleep(SETTLE).await;
        while self.changes.try_recv().is_ok() {}
    }
}

fn parent(path: &Path) -> PathBuf {
    path.parent().unwrap_or(Path::new("/")).to_owned()
}

fn ends_a_change(kind: EventKind) -> bool {
    match kind {
        EventKind::Access(AccessKind::Close(AccessMode::Write)) => true,
        EventKind::Modify(ModifyKind::Name(_)) => true,
        // A directory that is moved in brings its files along.
        EventKind::Create(CreateKind::Folder) => true,
        EventKind::Remove(_) => true,
        // Events were lost, or the kernel does not say what happened.
        EventKind::Any | EventKind::Other => true,
        EventKind::Access(_) | EventKind::Create(_) | EventKind::Modify(_) => false,
    }
}

#[cfg(test)]
mod tests {
    use std::fs;

    use super::*;

    async fn sees(watcher: &mut Watcher) -> bool {
        tokio::time::timeout(Duration::from_secs(5), watcher.changed())
            .await
            .is_ok()
    }

    async fn sees_nothing(watcher: &mut Watcher) -> bool {
        tokio::time::timeout(Duration::from_millis(150), watcher.changed())
            .await
            .is_err()
    }

    #[tokio::test]
    async fn saves_of_every_pattern_are_seen_and_the_store_is_not() {
        let dir = tempfile::tempdir().unwrap();
        let (file, store) = (dir.path().join("a.yaml"), dir.path().join(".portway"));
        fs::create_dir(&store).unwrap();
        fs::write(&file, "1").unwrap();
        for watched in [file.as_path(), dir.path()] {
            fs::write(&file, "1").unwrap();
            let mut watcher = Watcher::new(watched, &store).unwrap();
            let watcher = &mut watcher;
            assert!(sees_nothing(watcher).await);
            fs::write(&file, "2").unwrap();
            assert!(sees(watcher).await, "written in place");
            fs::write(dir.path().join("a.tmp"), "3").unwrap();
            fs::rename(dir.path().join("a.tmp"), &file).unwrap();
            assert!(sees(watcher).await, "renamed over");
            while !sees_nothing(watcher).await {}
            fs::write(store.join("portway.redb"), "4").unwrap();
            assert!(sees_nothing(watcher).await, "not ours");
        }
        let mut watcher = Watcher::new(&file, &store).unwrap();
        let mut open = fs::File::options().append(true).open(&file).unwrap();
        std::io::Write::write_all(&mut open, b"half").unwrap();
        assert!(sees_nothing(&mut watcher).await, "still being written");
        drop(open);
        assert!(sees(&mut watcher).await, "closed");
    }
}
