//! Opening the engine's files: directory, lock, mode, format, and a first file that is whole or absent.

use std::fs::{self, DirBuilder, File, OpenOptions, Permissions, TryLockError};
use std::io::{self, Read, Seek, Write};
use std::ops::Bound;
use std::os::unix::fs::{DirBuilderExt, OpenOptionsExt, PermissionsExt};
use std::path::{Path, PathBuf};

use ::redb::backends::FileBackend;
use ::redb::{
    BackendError, Builder, Database, DatabaseError, ReadableDatabase, StorageBackend, StorageError,
    TableError,
};
use tokio::sync::watch;

use super::super::{Failpoints, OpenError, Step, StoreError};
use super::{CHUNKS, FORMAT, Inner, META, META_FORMAT, RECORDS, fault, state};

const FILE: &str = "store.redb";
/// Under this name a new file is made. Found on opening, it is what a crash left.
const NEW: &str = "store.redb.new";
const LOCK: &str = "store.lock";

/// Pages kept in memory. A set of 10,000 objects has some 15 MiB.
const CACHE_BYTES: usize = 32 << 20;

pub(super) fn open(dir: &Path, failpoints: Failpoints) -> Result<Inner, OpenError> {
    let mut builder = DirBuilder::new();
    let made = builder.recursive(true).mode(0o700).create(dir);
    made.map_err(io_error("create", dir))?;
    let lock = lock(&dir.join(LOCK))?;
    let path = dir.join(FILE);
    if !path.try_exists().map_err(io_error("look for", &path))? {
        create(dir, &path, &failpoints)?;
    }
    let file = OpenOptions::new().read(true).write(true).open(&path);
    let file = file.map_err(io_error("open", &path))?;
    private(&file, &path)?;
    // redb would make a new store of it, and an empty store reads as an empty configuration.
    if file.metadata().map_err(io_error("read", &path))?.len() == 0 {
        let reason = "it is empty".to_owned();
        return Err(OpenError::NotAStore { path, reason });
    }
    let db = database(file, &path, &failpoints)?;
    attach(db, path, failpoints, Some(lock))
}

/// Checks the format of a database and makes an engine of it.
pub(super) fn attach(
    db: Database,
    path: PathBuf,
    failpoints: Failpoints,
    lock: Option<File>,
) -> Result<Inner, OpenError> {
    let found = match format(&db) {
        Ok(Some(found)) => found,
        Ok(None) => {
            let reason = "it has no format number".to_owned();
            return Err(OpenError::NotAStore { path, reason });
        }
        Err(source) => return Err(OpenError::Store { path, source }),
    };
    if found != FORMAT {
        let supported = FORMAT;
        return Err(OpenError::Format {
            path,
            found,
            supported,
        });
    }
    let read = || {
        let txn = db.begin_read().map_err(fault)?;
        state(&txn.open_table(META).map_err(fault)?)
    };
    let head = match read() {
        Ok(state) => watch::Sender::new(state.head),
        Err(source) => return Err(OpenError::Store { path, source }),
    };
    Ok(Inner {
        db,
        head,
        failpoints,
        _lock: lock,
    })
}

fn format(db: &Database) -> Result<Option<u32>, StoreError> {
    let txn = db.begin_read().map_err(fault)?;
    let meta = match txn.open_table(META) {
        Ok(meta) => meta,
        Err(TableError::TableDoesNotExist(_)) => return Ok(None),
        Err(cause) => return Err(fault(cause)),
    };
    let value = meta.get(META_FORMAT).map_err(fault)?;
    Ok(value.and_then(|value| value.value().try_into().ok().map(u32::from_le_bytes)))
}

/// Makes the file under another name and renames it when it is whole: a crash on the way leaves
/// nothing that the next start could take for a store.
fn create(dir: &Path, path: &Path, failpoints: &Failpoints) -> Result<(), OpenError> {
    let new = dir.join(NEW);
    match fs::remove_file(&new) {
        Err(cause) if cause.kind() != io::ErrorKind::NotFound => {
            return Err(io_error("remove", &new)(cause));
        }
        Ok(()) | Err(_) => {}
    }
    let file = OpenOptions::new()
        .read(true)
        .write(true)
        .create_new(true)
        .mode(0o600)
        .open(&new);
    let file = file.map_err(io_error("create", &new))?;
    failpoints
        .at(Step::CreateFile)
        .map_err(io_error("create", &new))?;
    let db = database(file, &new, failpoints)?;
    initialise(&db).map_err(|source| OpenError::Store {
        path: new.clone(),
        source,
    })?;
    drop(db);
    failpoints
        .at(Step::CreateRename)
        .map_err(io_error("rename", &new))?;
    fs::rename(&new, path).map_err(io_error("rename", &new))?;
    failpoints
        .at(Step::CreateSync)
        .map_err(io_error("sync", dir))?;
    let synced = File::open(dir).and_then(|dir| dir.sync_all());
    synced.map_err(io_error("sync", dir))
}

/// All tables exist from the start, so that readers need not ask.
pub(super) fn initialise(db: &Database) -> Result<(), StoreError> {
    let mut txn = db.begin_write().map_err(fault)?;
    txn.set_quick_repair(true);
    txn.open_table(RECORDS).map_err(fault)?;
    txn.open_table(CHUNKS).map_err(fault)?;
    let format = FORMAT.to_le_bytes();
    let mut meta = txn.open_table(META).map_err(fault)?;
    meta.insert(META_FORMAT, format.as_slice()).map_err(fault)?;
    drop(meta);
    txn.commit().map_err(fault)
}

/// `flock`, because the kernel drops it with the process, however that ends.
fn lock(path: &Path) -> Result<File, OpenError> {
    let mut options = OpenOptions::new();
    options
        .read(true)
        .write(true)
        .create(true)
        .truncate(false)
        .mode(0o600);
    let mut file = options.open(path).map_err(io_error("open", path))?;
    match file.try_lock() {
        Ok(()) => {}
        Err(TryLockError::WouldBlock) => {
            let mut holder = String::new();
            let read = file.take(20).read_to_string(&mut holder);
            return Err(OpenError::InUse {
                path: path.to_owned(),
                holder: read.ok().and_then(|_| holder.trim().parse().ok()),
            });
        }
        Err(TryLockError::Error(cause)) => return Err(io_error("lock", path)(cause)),
    }
    private(&file, path)?;
    let written = file
        .set_len(0)
        .and_then(|()| file.rewind())
        .and_then(|()| writeln!(file, "{}", std::process::id()));
    written.map_err(io_error("write", path))?;
    Ok(file)
}

/// The file may have come from a backup with another mode.
fn private(file: &File, path: &Path) -> Result<(), OpenError> {
    let mode = file
        .metadata()
        .map_err(io_error("read", path))?
        .permissions()
        .mode();
    if mode & 0o077 != 0 {
        tracing::warn!(path = %path.display(), mode = %format_args!("{:o}", mode & 0o777), "others could read this file, mode set to 0600");
        let set = file.set_permissions(Permissions::from_mode(0o600));
        set.map_err(io_error("protect", path))?;
    }
    Ok(())
}

fn database(file: File, path: &Path, failpoints: &Failpoints) -> Result<Database, OpenError> {
    let mut builder = Builder::new();
    builder.set_cache_size(CACHE_BYTES);
    let opened = if failpoints.are_set() {
        FileBackend::new(file).and_then(|file| {
            let failpoints = failpoints.clone();
            builder.create_with_backend(Watched { file, failpoints })
        })
    } else {
        builder.create_file(file)
    };
    opened.map_err(|cause| {
        let path = path.to_owned();
        match cause {
            DatabaseError::DatabaseAlreadyOpen => OpenError::InUse { path, holder: None },
            cause if is_foreign(&cause) => OpenError::NotAStore {
                path,
                reason: cause.to_string(),
            },
            cause => OpenError::Store {
                path,
                source: fault(cause),
            },
        }
    })
}

/// Whether the file's bytes are at fault, rather than the disk.
fn is_foreign(cause: &DatabaseError) -> bool {
    match cause {
        DatabaseError::UpgradeRequired(_) | DatabaseError::Storage(StorageError::Corrupted(_)) => {
            true
        }
        DatabaseError::Storage(StorageError::Io(cause)) => matches!(
            cause.kind(),
            io::ErrorKind::InvalidData | io::ErrorKind::UnexpectedEof
        ),
        _ => false, // non-exhaustive
    }
}

fn io_error<'a>(action: &'static str, path: &'a Path) -> impl FnOnce(io::Error) -> OpenError + 'a {
    move |source| OpenError::Io {
        action,
        path: path.to_owned(),
        source,
    }
}

/// redb's file with a failpoint before each change to it.
#[derive(Debug)]
struct Watched {
    file: FileBackend,
    failpoints: Failpoints,
}

impl StorageBackend for Watched {
    fn len(&self) -> io::Result<u64> {
        self.file.len()
    }

    fn read(&self, offset: u64, out: &mut [u8]) -> io::Result<()> {
        self.file.read(offset, out)
    }

    fn set_len(&self, len: u64) -> io::Result<()> {
        self.failpoints.at(Step::FileResize)?;
        self.file.set_len(len)
    }

    fn sync_data(&self) -> io::Result<()> {
        self.failpoints.at(Step::FileSync)?;
        self.file.sync_data()
    }

    fn write(&self, offset: u64, data: &[u8]) -> io::Result<()> {
        self.failpoints.at(Step::FileWrite)?;
        self.file.write(offset, data)
    }

    fn close(&self) -> io::Result<()> {
        self.file.close()
    }

    fn try_lock_range(&self, start: Bound<u64>, end: Bound<u64>) -> Result<bool, BackendError> {
        self.file.try_lock_range(start, end)
    }

    fn unlock_range(&self, start: Bound<u64>, end: Bound<u64>) -> Result<(), BackendError> {
        self.file.unlock_range(start, end)
    }
}
