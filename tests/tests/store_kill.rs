//! The store under `kill -9`: a process writes revisions in a loop and is killed at random moments, and
//! once at every single step of a write. After each death the file opens, every revision in it hashes
//! to what it must hold, and nothing that was acknowledged is gone.
//!
//! The writer is this very program, started again with [`DIR`] set. What revision n holds follows from
//! n alone, so the judge needs no word of the dead.

use std::env;
use std::io::{self, Write};
use std::path::Path;
use std::process::Stdio;
use std::sync::Arc;
use std::sync::atomic::{AtomicUsize, Ordering::SeqCst};
use std::time::Duration;

use portway_control_plane::store::{
    Draft, Expected, Failpoints, Object, ObjectKey, RedbStore, Revision, RevisionId, Revisions,
    Step, UnixMillis, content_hash,
};
use tokio::io::{AsyncBufReadExt, BufReader};
use tokio::process::{Child, ChildStdout, Command};

/// Where the writer writes; set in the writer only.
const DIR: &str = "PORTWAY_TEST_STORE_DIR";
/// `Step:n`: the writer aborts when it comes to that step for the n-th time, and ends by itself after
/// a few revisions if it never does.
const ABORT: &str = "PORTWAY_TEST_STORE_ABORT";

const LANES: u64 = 4;
const KILLS_PER_LANE: usize = 80;
/// A lane starts over with an empty directory after so many kills.
const KILLS_PER_DIR: usize = 16;

/// How a writer goes about it.
#[derive(Clone, Copy)]
struct Habit {
    commits: u64,
    /// Commits between two sweeps, and revisions that a sweep keeps.
    sweep_every: u64,
    keep: usize,
}

const ENDLESS: Habit = Habit {
    commits: u64::MAX,
    sweep_every: 3,
    keep: 6,
};

/// The shortest life in which every step of a write occurs.
const SHORT: Habit = Habit {
    commits: 2,
    sweep_every: 1,
    keep: 1,
};

fn objects(revision: u64) -> Vec<Object> {
    (0..30)
        .map(|n| {
            // A third changes with each revision, one object is of three chunks now and then.
            let version = if n % 3 == revision % 3 { revision } else { 0 };
            let large = n == 7 && revision.is_multiple_of(5);
            let times = if large { 60_000 } else { 40 };
            Object {
                key: ObjectKey::new("Route", format!("r{n}")),
                file: Arc::from("shop.yaml"),
                line: u32::try_from(n + revision).unwrap(),
                document: Arc::from(format!("route {n} at {version}\n").repeat(times)),
                spec: vec![7; 300].into(),
            }
        })
        .collect()
}

fn draft(revision: u64) -> Draft {
    Draft {
        author: "writer".to_owned(),
        message: format!("revision {revision}"),
        time: UnixMillis(revision),
    }
}

/// The life of a writer. Says `ack n` once revision n is acknowledged.
async fn write(dir: String) {
    let (failpoints, habit) = match env::var(ABORT) {
        Ok(abort) => (abort_point(&abort), SHORT),
        Err(_) => (Failpoints::default(), ENDLESS),
    };
    let store = RedbStore::open_with(dir, failpoints).await.unwrap();
    let revisions = Revisions::new(Arc::new(store));
    // The harness may have begun this line.
    say("\nopen");
    for n in 1..=habit.commits {
        let head = revisions.head().await.unwrap().map(|head| head.id);
        let next = head.map_or(1, |id| id.get() + 1);
        let expected = head.map_or(Expected::Empty, Expected::Revision);
        let revision = revisions
            .commit(expected, draft(next), objects(next))
            .await
            .unwrap();
        say(&format!("ack {}", revision.id));
        if n.is_multiple_of(habit.sweep_every) {
            revisions.sweep(habit.keep, &[]).await.unwrap();
        }
    }
    say("end");
}

fn abort_point(abort: &str) -> Failpoints {
    let (step, nth) = abort.split_once(':').unwrap();
    let step = *Step::ALL.iter().find(|it| it.name() == step).unwrap();
    let nth: usize = nth.parse().unwrap();
    let seen = AtomicUsize::new(0);
    Failpoints::new(move |at| {
        if at == step && seen.fetch_add(1, SeqCst) + 1 == nth {
            std::process::abort();
        }
        Ok(())
    })
}

fn say(line: &str) {
    let mut out = io::stdout().lock();
    out.write_all(format!("{line}\n").as_bytes()).unwrap();
    out.flush().unwrap();
}

/// This program again, to run the test `entry` as a writer.
fn writer(dir: &Path, entry: &str) -> Command {
    let mut command = Command::new(env::current_exe().unwrap());
    command.args([entry, "--exact", "--nocapture", "--test-threads=1"]);
    command
        .env(DIR, dir)
        .stdout(Stdio::piped())
        .stderr(Stdio::null())
        .kill_on_drop(true);
    command
}

/// What a writer has said so far.
#[derive(Default)]
struct Heard {
    acknowledged: u64,
    acks: usize,
    end: bool,
}

impl Heard {
    /// Listens until there are `acks` acknowledgements or the pipe ends.
    async fn listen(&mut self, out: &mut BufReader<ChildStdout>, acks: usize) {
        let mut line = String::new();
        while self.acks < acks {
            line.clear();
            out.read_line(&mut line).await.unwrap();
            let Some(said) = line.strip_suffix('\n') else {
                return; // the end, or a word cut short by the kill
            };
            if let Some(id) = said.strip_prefix("ack ") {
                self.acknowledged = id.parse().unwrap();
                self.acks += 1;
            }
            self.end |= said == "end";
        }
    }
}

fn out(child: &mut Child) -> BufReader<ChildStdout> {
    BufReader::new(child.stdout.take().unwrap())
}

/// Opens what the dead left and checks all of it; `acknowledged` is the last one that was (0: none).
async fn judge(dir: &Path, acknowledged: u64, keep: usize, at: &str) {
    let store = RedbStore::open(dir)
        .await
        .unwrap_or_else(|refused| panic!("{at}: {refused}"));
    let revisions = Revisions::new(Arc::new(store));
    let head = revisions
        .head()
        .await
        .unwrap_or_else(|cause| panic!("{at}: {cause}"));
    let head = head.map_or(0, |head| head.id.get());
    assert!(
        head >= acknowledged,
        "{at}: acknowledged {acknowledged}, kept {head}"
    );
    let history = revisions.history(None, 100).await.unwrap();
    let kept: Vec<_> = history.iter().map(|it| it.id.get()).collect();
    let wanted: Vec<_> = (1..=head).rev().take(kept.len()).collect();
    assert_eq!(kept, wanted, "{at}: the history has a hole");
    assert!(
        kept.len() >= keep.min(usize::try_from(head).unwrap()),
        "{at}: {kept:?}"
    );
    for (n, revision) in history.iter().enumerate() {
        let number = revision.id.get();
        assert_eq!(
            revision.content_hash,
            content_hash(&objects(number)),
            "{at}: {number}"
        );
        assert_eq!(revision.message, draft(number).message, "{at}");
        let parent = history.get(n + 1).map(Revision::head);
        assert!(
            parent.is_none() || parent == revision.parent,
            "{at}: {number}"
        );
        let verified = revisions.verify(RevisionId::new(number)).await;
        verified.unwrap_or_else(|cause| panic!("{at}: revision {number}: {cause}"));
    }
}

/// One lane of random kills: how many writers died, and how many revisions they acknowledged.
async fn lane(seed: u64) -> (usize, usize) {
    let mut rng = fastrand::Rng::with_seed(seed);
    let mut dir = tempfile::tempdir().unwrap();
    let (mut acks, mut last) = (0, 0);
    for kill in 0..KILLS_PER_LANE {
        if kill % KILLS_PER_DIR == 0 {
            dir = tempfile::tempdir().unwrap();
            last = 0;
        }
        let entry = "a_writer_killed_at_any_moment_loses_nothing_acknowledged";
        let mut child = writer(dir.path(), entry).spawn().unwrap();
        let mut out = out(&mut child);
        let mut heard = Heard::default();
        // Half die in mid-loop, half on the way there.
        let pause = if rng.bool() {
            heard.listen(&mut out, rng.usize(1..5)).await;
            rng.u64(..12_000)
        } else {
            rng.u64(..60_000)
        };
        tokio::time::sleep(Duration::from_micros(pause)).await;
        child.kill().await.unwrap();
        heard.listen(&mut out, usize::MAX).await;
        assert!(!heard.end);
        last = last.max(heard.acknowledged);
        judge(
            dir.path(),
            last,
            ENDLESS.keep,
            &format!("seed {seed}, kill {kill}"),
        )
        .await;
        acks += heard.acks;
    }
    (KILLS_PER_LANE, acks)
}

#[tokio::test(flavor = "multi_thread", worker_threads = 2)]
async fn a_writer_killed_at_any_moment_loses_nothing_acknowledged() {
    if let Ok(dir) = env::var(DIR) {
        return write(dir).await;
    }
    let lanes: Vec<_> = (0..LANES).map(|seed| tokio::spawn(lane(seed))).collect();
    let (mut kills, mut acks) = (0, 0);
    for lane in lanes {
        let (killed, acknowledged) = lane.await.unwrap();
        kills += killed;
        acks += acknowledged;
    }
    println!("{kills} kills, {acks} revisions acknowledged");
    assert!(
        kills >= 300 && acks >= 300,
        "{kills} kills, {acks} acknowledged"
    );
}

/// A writer that dies when it comes to `step` for the n-th time; false if it never did.
async fn dies_at(step: Step, nth: usize) -> bool {
    let at = format!("{}:{nth}", step.name());
    let dir = tempfile::tempdir().unwrap();
    let entry = "a_writer_cut_off_at_any_step_loses_nothing_acknowledged";
    let mut child = writer(dir.path(), entry).env(ABORT, &at).spawn().unwrap();
    let mut heard = Heard::default();
    heard.listen(&mut out(&mut child), usize::MAX).await;
    let status = child.wait().await.unwrap();
    let died = !status.success();
    // The last writes come after the end is said, when the file is closed.
    assert!(heard.end || died, "{at}: {status}");
    judge(dir.path(), heard.acknowledged, SHORT.keep, &at).await;
    died
}

#[tokio::test(flavor = "multi_thread", worker_threads = 2)]
async fn a_writer_cut_off_at_any_step_loses_nothing_acknowledged() {
    if let Ok(dir) = env::var(DIR) {
        return write(dir).await;
    }
    for step in Step::ALL {
        let (mut deaths, mut nth, mut alive) = (0, 1, false);
        // Two at a time, for two cores, until the writer lives to its end.
        while !alive {
            let (first, second) = tokio::join!(dies_at(*step, nth), dies_at(*step, nth + 1));
            deaths += usize::from(first) + usize::from(second);
            alive = !(first && second);
            nth += 2;
        }
        println!("{}: {deaths} deaths", step.name());
        assert!(deaths > 0, "{} was never reached", step.name());
    }
}
