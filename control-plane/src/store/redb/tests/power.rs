//! A disk that forgets, on losing power, any part of what was not synced, and tears what it keeps.

use std::ops::Bound;

use fastrand::Rng;

use super::*;

/// What a disk keeps whole.
const SECTOR: usize = 512;

#[derive(Debug, Default)]
struct Platter {
    /// As programs see it.
    seen: Vec<u8>,
    /// As it was at the last sync.
    synced: Vec<u8>,
    /// Written since, a sector at most each.
    unsynced: Vec<(usize, Vec<u8>)>,
    /// Writes and syncs until the power goes.
    left: u32,
}

#[derive(Clone, Debug, Default)]
struct Disk(Arc<Mutex<Platter>>);

impl Disk {
    /// The disk after the power came back.
    fn after_power_loss(&self, rng: &mut Rng) -> Self {
        let mut platter = self.0.lock();
        let mut bytes = std::mem::take(&mut platter.synced);
        let odds = rng.u8(..);
        for (offset, data) in std::mem::take(&mut platter.unsynced) {
            if rng.u8(..) > odds {
                continue;
            }
            if bytes.len() < offset + data.len() {
                bytes.resize(offset + data.len(), 0);
            }
            bytes[offset..offset + data.len()].copy_from_slice(&data);
        }
        let fresh = Platter {
            seen: bytes.clone(),
            synced: bytes,
            unsynced: Vec::new(),
            left: u32::MAX,
        };
        Self(Arc::new(Mutex::new(fresh)))
    }
}

impl Platter {
    fn spend(&mut self) -> io::Result<()> {
        match self.left.checked_sub(1) {
            Some(left) => self.left = left,
            None => return Err(io::Error::other("no power")),
        }
        Ok(())
    }
}

impl StorageBackend for Disk {
    fn len(&self) -> io::Result<u64> {
        Ok(u64::try_from(self.0.lock().seen.len()).unwrap())
    }

    fn read(&self, offset: u64, out: &mut [u8]) -> io::Result<()> {
        let platter = self.0.lock();
        let start = usize::try_from(offset).unwrap();
        let bytes = platter.seen.get(start..start + out.len());
        out.copy_from_slice(bytes.ok_or(io::ErrorKind::UnexpectedEof)?);
        Ok(())
    }

    fn set_len(&self, len: u64) -> io::Result<()> {
        let mut platter = self.0.lock();
        platter.spend()?;
        let len = usize::try_from(len).unwrap();
        platter.seen.resize(len, 0);
        // A journalled file system keeps the length in order.
        platter.synced.resize(len, 0);
        platter
            .unsynced
            .retain(|(offset, data)| offset + data.len() <= len);
        Ok(())
    }

    fn sync_data(&self) -> io::Result<()> {
        let mut platter = self.0.lock();
        platter.spend()?;
        platter.synced = platter.seen.clone();
        platter.unsynced.clear();
        Ok(())
    }

    fn write(&self, offset: u64, data: &[u8]) -> io::Result<()> {
        let mut platter = self.0.lock();
        platter.spend()?;
        let start = usize::try_from(offset).unwrap();
        let target = platter.seen.get_mut(start..start + data.len());
        target
            .ok_or(io::ErrorKind::UnexpectedEof)?
            .copy_from_slice(data);
        let mut at = start;
        for piece in data.chunks(SECTOR) {
            platter.unsynced.push((at, piece.to_vec()));
            at += piece.len();
        }
        Ok(())
    }

    fn try_lock_range(&self, _: Bound<u64>, _: Bound<u64>) -> Result<bool, ::redb::BackendError> {
        Ok(true)
    }

    fn unlock_range(&self, _: Bound<u64>, _: Bound<u64>) -> Result<(), ::redb::BackendError> {
        Ok(())
    }
}

#[tokio::test]
async fn losing_power_loses_nothing_acknowledged() {
    let mut cut = 0;
    for seed in 0..120 {
        let mut rng = Rng::with_seed(seed);
        let mut disk = Disk::default();
        disk.0.lock().left = u32::MAX;
        let mut store = Arc::new(RedbStore::on(disk.clone()));
        let mut acknowledged: Option<super::super::super::Revision> = None;
        for life in 0..3 {
            let at = format!("seed {seed}, life {life}");
            disk.0.lock().left = rng.u32(..60);
            let revisions = Revisions::new(Arc::clone(&store) as Arc<dyn Store>);
            for n in 0..6u32 {
                let document = "x".repeat(rng.usize(..12_000));
                let objects = vec![
                    object("Route", "a", n, &document),
                    object("Route", "b", 1, "same"),
                ];
                match revisions.commit(Expected::Any, draft(&at), objects).await {
                    Ok(revision) => acknowledged = Some(revision),
                    Err(_) => {
                        cut += 1;
                        break;
                    }
                }
                revisions.sweep(2, &[]).await.ok();
            }
            drop(revisions);
            disk = disk.after_power_loss(&mut rng);
            drop(store);
            let db = Builder::new().create_with_backend(disk.clone());
            let db = db.unwrap_or_else(|cause| panic!("{at}: {cause}"));
            let inner = file::attach(db, "disk".into(), Failpoints::default(), None);
            store = Arc::new(RedbStore::around(
                inner.unwrap_or_else(|e| panic!("{at}: {e}")),
            ));
            let revisions = Revisions::new(Arc::clone(&store) as Arc<dyn Store>);
            let head = revisions.head().await.unwrap();
            if let Some(wanted) = &acknowledged {
                assert!(head.is_some_and(|head| head.id >= wanted.id), "{at}");
                assert_eq!(
                    revisions.revision(wanted.id).await.unwrap(),
                    *wanted,
                    "{at}"
                );
            }
            for revision in revisions.history(None, 9).await.unwrap() {
                let verified = revisions.verify(revision.id).await;
                verified.unwrap_or_else(|cause| panic!("{at}: {cause}"));
            }
        }
    }
    assert!(cut > 100, "the power went {cut} times during a commit");
}
