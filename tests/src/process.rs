//! A real program, started, watched, and ended with the test that started it.
//!
//! A [`Process`] is ended by its own id when it is dropped, so a failing test leaves nothing behind. Its output
//! goes to files, which cannot fill up and block it, and is shown when something does not come about.

use std::{
    fs::{self, File},
    path::{Path, PathBuf},
    process::{Child, Command, ExitStatus, Stdio},
    time::Duration,
};

use rustix::process::{Pid, Signal, kill_process};

use crate::clock::{Deadline, poll};

/// How many lines of a program's output an error shows, and how much of each.
const TAIL: usize = 30;
const WIDTH: usize = 1_000;

pub struct Process {
    name: String,
    child: Child,
    output: PathBuf,
}

/// Processor time a process has used, in seconds.
#[derive(Clone, Copy, Debug, Default, PartialEq)]
pub struct CpuTime {
    pub user: f64,
    pub system: f64,
}

impl CpuTime {
    pub fn total(self) -> f64 {
        self.user + self.system
    }
}

impl Process {
    /// Starts a program; `name` names it in errors and its output file in `dir`.
    pub fn start(name: &str, command: &mut Command, dir: &Path) -> Self {
        let output = dir.join(format!("{name}.log"));
        let log = File::create(&output).expect("create the program's log");
        let child = command
            .stdin(Stdio::null())
            .stdout(log.try_clone().expect("share the program's log"))
            .stderr(log)
            .spawn()
            .unwrap_or_else(|error| {
                panic!(
                    "cannot start {name} ({}): {error}",
                    command.get_program().to_string_lossy()
                )
            });
        Self {
            name: name.into(),
            child,
            output,
        }
    }

    pub fn pid(&self) -> u32 {
        self.child.id()
    }

    /// Waits until `ready` says so; panics with the program's output when it exits or time is over.
    pub fn wait_ready(&mut self, what: &str, within: Duration, mut ready: impl FnMut() -> bool) {
        let deadline = Deadline::after(within);
        let outcome = poll(deadline, || {
            if let Some(status) = self.child.try_wait().expect("ask for the exit status") {
                return Some(Err(status));
            }
            ready().then_some(Ok(()))
        });
        match outcome {
            Some(Ok(())) => {}
            Some(Err(status)) => {
                panic!(
                    "{} ended before {what} ({status})\n{}",
                    self.name,
                    self.tail()
                )
            }
            None => panic!(
                "{}: not {what} within {within:?}\n{}",
                self.name,
                self.tail()
            ),
        }
    }

    pub fn signal(&self, signal: Signal) {
        // The child is ours and not yet reaped, so the id cannot have passed to another process.
        let pid = Pid::from_raw(self.pid() as i32).expect("a child has a process id");
        kill_process(pid, signal).expect("signal a child of our own");
    }

    /// Waits for the program to end by itself.
    pub fn wait_exit(&mut self, within: Duration) -> ExitStatus {
        poll(Deadline::after(within), || {
            self.child.try_wait().expect("ask for the exit status")
        })
        .unwrap_or_else(|| panic!("{} still runs after {within:?}\n{}", self.name, self.tail()))
    }

    pub fn is_running(&mut self) -> bool {
        matches!(self.child.try_wait(), Ok(None))
    }

    /// Everything the program has printed.
    pub fn output(&self) -> String {
        String::from_utf8_lossy(&fs::read(&self.output).unwrap_or_default()).into_owned()
    }

    /// The end of what the program has printed; Envoy's longest lines are whole configurations.
    pub fn tail(&self) -> String {
        let output = self.output();
        let lines: Vec<&str> = output.lines().collect();
        let shown = lines[lines.len().saturating_sub(TAIL)..]
            .iter()
            .map(|line| {
                let cut = line
                    .char_indices()
                    .nth(WIDTH)
                    .map_or(line.len(), |(at, _)| at);
                format!("{}\n", &line[..cut])
            });
        let shown: String = shown.collect();
        format!("--- end of {}'s output\n{shown}---", self.name)
    }

    pub fn cpu(&self) -> CpuTime {
        let stat = fs::read_to_string(format!("/proc/{}/stat", self.pid())).expect("read stat");
        // The program's name may hold spaces and brackets; fields count from behind the last bracket.
        let fields: Vec<&str> = stat
            .rsplit_once(')')
            .expect("stat names the program in brackets")
            .1
            .split_whitespace()
            .collect();
        let ticks = rustix::param::clock_ticks_per_second() as f64;
        let seconds = |index: usize| fields[index].parse::<f64>().expect("ticks") / ticks;
        CpuTime {
            user: seconds(11),
            system: seconds(12),
        }
    }

    /// Resident memory in bytes.
    pub fn resident(&self) -> u64 {
        let status = fs::read_to_string(format!("/proc/{}/status", self.pid())).expect("status");
        let line = status
            .lines()
            .find_map(|line| line.strip_prefix("VmRSS:"))
            .expect("a living process has resident memory");
        let kib: u64 = line
            .trim()
            .trim_end_matches("kB")
            .trim()
            .parse()
            .expect("VmRSS is a number of kB");
        kib * 1024
    }
}

impl Drop for Process {
    fn drop(&mut self) {
        // Either fails only when the child has ended already.
        let _ = self.child.kill();
        let _ = self.child.wait();
    }
}
