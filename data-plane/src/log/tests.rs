use std::{
    fs::{self, File},
    io::Read,
    path::Path,
    process::Command,
    sync::atomic::Ordering::Relaxed,
    time::Duration,
};

use portway_shared::clock;

use super::*;

const SOON: Duration = Duration::from_secs(10);

fn file(path: &Path) -> Target {
    Target::File(path.to_owned())
}

#[test]
fn lines_reach_the_file_in_order_and_once_flushed() {
    let dir = tempfile::tempdir().unwrap();
    let path = dir.path().join("access.log");
    fs::write(&path, "before\n").unwrap();
    let sinks = Sinks::default();
    let sink = sinks.open(&file(&path)).unwrap();
    let mut writer = sinks.writer();
    for number in 0..5_000 {
        writer.write(&sink, format!("line {number}\n").as_bytes());
    }
    assert!(writer.flush());
    assert!(sinks.flush(SOON));
    let written = fs::read_to_string(&path).unwrap();
    let wanted: String = (0..5_000)
        .map(|number| format!("line {number}\n"))
        .collect();
    assert_eq!(
        written,
        format!("before\n{wanted}"),
        "appended, complete, in order"
    );
    assert_eq!(sinks.counts().lines_dropped.load(Relaxed), 0);
    assert_eq!(sinks.counts().write_total_buffered.load(Relaxed), 0);
}

#[test]
fn two_logs_of_a_file_share_it_and_the_last_closes_it() {
    let dir = tempfile::tempdir().unwrap();
    let path = dir.path().join("access.log");
    let sinks = Sinks::default();
    let one = sinks.open(&file(&path)).unwrap();
    let two = sinks.open(&file(&path)).unwrap();
    assert!(one.is(&two));
    let mut writer = sinks.writer();
    writer.write(&one, b"one\n");
    drop(one);
    writer.write(&two, b"two\n");
    drop(two);
    // Handing over lets go of a log that nobody has any more; its last lines are still waited for.
    assert!(writer.flush() && sinks.flush(SOON));
    assert_eq!(fs::read_to_string(&path).unwrap(), "one\ntwo\n");
    fs::remove_file(&path).unwrap();
    let again = sinks.open(&file(&path)).unwrap();
    writer.write(&again, b"three\n");
    assert!(writer.flush() && sinks.flush(SOON));
    assert_eq!(
        fs::read_to_string(&path).unwrap(),
        "three\n",
        "it was opened anew"
    );
}

#[test]
fn a_moved_file_is_reopened_when_told() {
    let dir = tempfile::tempdir().unwrap();
    let (path, moved) = (
        dir.path().join("access.log"),
        dir.path().join("access.log.1"),
    );
    let sinks = Sinks::default();
    let sink = sinks.open(&file(&path)).unwrap();
    let mut writer = sinks.writer();
    let mut say = |line: &str| {
        writer.write(&sink, line.as_bytes());
        assert!(writer.flush() && sinks.flush(SOON));
    };
    say("one\n");
    fs::rename(&path, &moved).unwrap();
    say("two\n");
    sinks.reopen();
    say("three\n");
    assert_eq!(fs::read_to_string(&moved).unwrap(), "one\ntwo\n");
    assert_eq!(fs::read_to_string(&path).unwrap(), "three\n");
    // Its directory gone, there is nothing to reopen: the old file serves on.
    fs::remove_dir_all(dir.path()).unwrap();
    sinks.reopen();
    say("four\n");
    assert_eq!(sinks.counts().reopen_failed.load(Relaxed), 1);
    assert_eq!(sinks.counts().write_failed.load(Relaxed), 0);
}

#[test]
fn a_reader_that_does_not_read_blocks_nobody() {
    let dir = tempfile::tempdir().unwrap();
    let path = dir.path().join("fifo");
    assert!(
        Command::new("mkfifo")
            .arg(&path)
            .status()
            .unwrap()
            .success()
    );
    let sinks = Sinks::default();
    // Without a reader, a FIFO opened to write would wait for one.
    let sink = sinks.open(&file(&path)).unwrap();
    let mut reader = File::open(&path).unwrap();
    let mut writer = sinks.writer();
    const LINES: u64 = 100_000;
    let before = clock::now();
    for number in 0..LINES {
        writer.write(&sink, format!("line {number:040}\n").as_bytes());
    }
    assert!(!writer.flush(), "the sink is full");
    assert!(before.elapsed() < SOON);
    assert!(!sinks.flush(Duration::from_millis(1)));
    let dropped = sinks.counts().lines_dropped.load(Relaxed);
    assert!(dropped > LINES / 2, "4.6 MB do not fit: {dropped}");
    // The reader wakes up: everything kept arrives whole, and new lines do too.
    let kept = LINES - dropped;
    let reading = std::thread::spawn(move || {
        let mut lines = vec![0; usize::try_from(kept + 1).unwrap() * 46];
        reader.read_exact(&mut lines).unwrap();
        String::from_utf8(lines).unwrap()
    });
    while !writer.flush() {
        std::thread::yield_now();
    }
    writer.write(&sink, format!("line {LINES:040}\n").as_bytes());
    assert!(writer.flush() && sinks.flush(SOON));
    let lines = reading.join().unwrap();
    let numbers: Vec<u64> = lines
        .lines()
        .map(|line| line.strip_prefix("line ").unwrap().parse().unwrap())
        .collect();
    assert!(numbers.is_sorted());
    assert_eq!(numbers.len() as u64, kept + 1);
    assert_eq!(numbers.last(), Some(&LINES));
    assert_eq!(sinks.counts().lines_dropped.load(Relaxed), dropped);
}

#[test]
fn a_line_longer_than_a_buffer_is_written_whole() {
    let dir = tempfile::tempdir().unwrap();
    let path = dir.path().join("access.log");
    let sinks = Sinks::default();
    let sink = sinks.open(&file(&path)).unwrap();
    let mut writer = sinks.writer();
    let long = format!("{}\n", "x".repeat(3 << 20));
    for lines in [["short\n", &long], ["more\n", "end\n"]] {
        for line in lines {
            writer.write(&sink, line.as_bytes());
        }
        // Even one that is longer than the queue: it goes when the queue is empty.
        while !writer.flush() {
            std::thread::yield_now();
        }
    }
    assert!(sinks.flush(SOON));
    let written = fs::read_to_string(&path).unwrap();
    let whole = written == format!("short\n{long}more\nend\n");
    assert!(whole, "{} bytes", written.len());
}

#[test]
fn a_full_disk_loses_lines_and_counts_it() {
    let sinks = Sinks::default();
    let sink = sinks.open(&file(Path::new("/dev/full"))).unwrap();
    let mut writer = sinks.writer();
    writer.write(&sink, b"line\n");
    assert!(writer.flush() && sinks.flush(SOON));
    assert_eq!(sinks.counts().write_failed.load(Relaxed), 1);
}

#[test]
fn what_cannot_be_opened_says_so() {
    let error = Sinks::default()
        .open(&file(Path::new("/no/such/directory/log")))
        .unwrap_err();
    assert_eq!(
        error.to_string(),
        "unable to open file '/no/such/directory/log': No such file or directory (os error 2)"
    );
}

#[tokio::test(start_paused = true)]
async fn the_timer_flushes_a_moment_after_a_line_and_sleeps_otherwise() {
    let dir = tempfile::tempdir().unwrap();
    let path = dir.path().join("access.log");
    let sinks = Sinks::default();
    let sink = sinks.open(&file(&path)).unwrap();
    let writer = std::cell::RefCell::new(sinks.writer());
    let wake = writer.borrow().wake();
    let flushes = std::cell::Cell::new(0);
    let timer = keep_flushed(wake, || {
        flushes.set(flushes.get() + 1);
        writer.borrow_mut().flush()
    });
    let traffic = async {
        tokio::time::sleep(SOON).await;
        assert_eq!(flushes.get(), 0);
        for _ in 0..3 {
            writer.borrow_mut().write(&sink, b"line\n");
        }
        tokio::time::sleep(Duration::from_millis(99)).await;
        assert_eq!(flushes.get(), 0);
        tokio::time::sleep(SOON).await;
        assert_eq!(flushes.get(), 1);
    };
    tokio::select! {
        () = timer => {}
        () = traffic => {}
    }
    assert!(sinks.flush(SOON));
    assert_eq!(fs::read_to_string(&path).unwrap(), "line\nline\nline\n");
}
