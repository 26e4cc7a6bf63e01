//! One case before one engine: its upstreams set up, the conversation had, the log read.

use std::{fs, path::Path, time::Duration};

use memchr::memmem;

use super::{case::Case, config::Places, normalise, observe};
use crate::{
    client::{self, Step},
    clock::{Deadline, PATIENCE, now, pause, poll},
    ports,
    recorder::{Recorder, Seen},
};

/// What upstreams saw is final when nothing has been added for this long.
const SETTLED: Duration = Duration::from_millis(300);

/// A case made ready for one engine.
pub struct Stage<'a> {
    pub case: &'a Case,
    pub places: Places,
    recorders: Vec<(String, Recorder)>,
}

/// The conversation, and whose ports appear in it.
pub struct Played {
    text: String,
    ports: Vec<(u16, String)>,
}

impl<'a> Stage<'a> {
    pub fn set(case: &'a Case, dir: &Path) -> Self {
        let recorders: Vec<(String, Recorder)> = case
            .upstreams
            .iter()
            .map(|(name, behaviour)| (name.clone(), Recorder::start(behaviour.clone())))
            .collect();
        let upstreams = recorders
            .iter()
            .map(|(name, recorder)| (name.clone(), recorder.address.port()));
        let places = Places {
            listener: ports::free(),
            upstreams: upstreams.collect(),
            dead: ports::free(),
            log: dir.join(format!("{}.log", case.id)).display().to_string(),
        };
        Self {
            case,
            places,
            recorders,
        }
    }

    /// Has the conversation.
    pub fn play(&self) -> Played {
        let script: Vec<Step> = self
            .case
            .script
            .iter()
            .map(|step| self.fill(step))
            .collect();
        let listener = ([127, 0, 0, 1], self.places.listener).into();
        let heard = client::run(listener, &script, |upstream, bytes| {
            self.has_seen(upstream, bytes)
        });
        let mut text = String::new();
        let mut ports = vec![
            (self.places.listener, "listener".to_owned()),
            (self.places.dead, "dead".to_owned()),
        ];
        for (index, heard) in heard.iter().enumerate() {
            ports.push((heard.local.port(), format!("client {}", index + 1)));
            text.push_str(&observe::client(index + 1, heard));
        }
        for (name, recorder) in &self.recorders {
            ports.push((recorder.address.port(), name.clone()));
            for (index, seen) in settled(recorder).iter().enumerate() {
                ports.push((seen.peer.port(), format!("proxy to {name} {}", index + 1)));
                text.push_str(&observe::upstream(name, index + 1, seen));
            }
        }
        Played { text, ports }
    }

    /// Waits until the log has as many lines as are on record, or no longer grows.
    pub fn wait_log(&self, expected: Option<usize>) {
        let lines = || self.read_log().lines().count();
        match expected {
            Some(expected) => {
                // A log that stays short shows in the comparison.
                poll(Deadline::after(PATIENCE / 4), || {
                    (lines() >= expected).then_some(())
                });
            }
            None => {
                let mut before = usize::MAX;
                while before != lines() {
                    before = lines();
                    pause(Duration::from_millis(500));
                }
            }
        }
    }

    /// Everything that happened, normalised.
    pub fn tell(&self, played: Played) -> String {
        let mut text = played.text;
        text.push_str(&observe::log(&self.read_log()));
        let text = normalise::runs(&normalise::ports(&text, &played.ports));
        normalise::rules(&text, &self.case.masks)
    }

    fn has_seen(&self, upstream: &str, bytes: &[u8]) -> bool {
        let (_, recorder) = self
            .recorders
            .iter()
            .find(|(name, _)| name == upstream)
            .unwrap_or_else(|| panic!("{} has no upstream {upstream}", self.case.id));
        let seen = recorder.seen();
        seen.iter()
            .any(|seen| memmem::find(&seen.bytes, bytes).is_some())
    }

    fn read_log(&self) -> String {
        let bytes = fs::read(&self.places.log).unwrap_or_default();
        String::from_utf8_lossy(&bytes).into_owned()
    }

    fn fill(&self, step: &Step) -> Step {
        match step {
            Step::Send(bytes) if memmem::find(bytes, b"@").is_some() => {
                let text = String::from_utf8_lossy(bytes);
                Step::Send(self.places.fill(self.case, &text).into_bytes())
            }
            other => other.clone(),
        }
    }
}

/// What an upstream saw, once nothing more comes.
fn settled(recorder: &Recorder) -> Vec<Seen> {
    let deadline = Deadline::after(PATIENCE);
    let mut seen = recorder.seen();
    let mut since = now();
    while since.elapsed() < SETTLED && deadline.left().is_some() {
        pause(Duration::from_millis(20));
        let next = recorder.seen();
        if next != seen {
            seen = next;
            since = now();
        }
    }
    seen
}
