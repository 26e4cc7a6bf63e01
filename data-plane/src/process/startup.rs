//! How far a proxy has come since it was started.
//!
//! It is live once its clusters, its listeners and the control plane's first word about either are there, or
//! their time is up; and stays so whatever an update makes it wait for later.

use std::time::Instant;

use crate::{
    admin::{Phase, Status},
    resources::{bootstrap::Stream, config_source::ConfigSource},
    snapshot::state::State,
    xds::{Kind, link::Link},
};

pub struct Startup {
    stream: Option<Stream>,
    started: Instant,
    now: Instant,
    live: bool,
}

impl Startup {
    pub fn new(stream: Option<Stream>, started: Instant) -> Self {
        Self {
            stream,
            started,
            now: started,
            live: false,
        }
    }

    /// Takes note of what is there by now.
    pub fn look(&mut self, state: &State, link: Option<&Link>, now: Instant) {
        self.now = now;
        self.live = self.live || self.waiting(state, link).is_empty();
    }

    pub fn status(&self, state: &State, link: Option<&Link>) -> Status {
        if self.live {
            return Status {
                phase: Phase::Live,
                waiting: Vec::new(),
            };
        }
        let unheard = self.unheard(link);
        let clusters = unheard.iter().any(|(kind, _)| *kind == Kind::Cluster);
        Status {
            phase: if clusters || !state.is_initialised() {
                Phase::PreInitialising
            } else {
                Phase::Initialising
            },
            waiting: self.waiting(state, link),
        }
    }

    /// When waiting for the control plane ends.
    pub fn next_deadline(&self) -> Option<Instant> {
        let deadlines = self
            .asked()
            .into_iter()
            .filter_map(|(_, source)| self.until(source));
        deadlines
            .filter(|deadline| !self.live && *deadline > self.now)
            .min()
    }

    fn waiting(&self, state: &State, link: Option<&Link>) -> Vec<String> {
        let unheard = self.unheard(link);
        let mut waiting: Vec<String> = unheard
            .iter()
            .map(|(_, what)| format!("{what} from the control plane"))
            .collect();
        waiting.extend(state.waiting());
        waiting
    }

    /// Kinds that the control plane owes a first word about.
    fn unheard(&self, link: Option<&Link>) -> Vec<(Kind, &'static str)> {
        let asked = self.asked().into_iter();
        asked
            .filter(|((kind, _), source)| {
                !link.is_some_and(|link| link.has_heard_of(*kind))
                    && self.until(source).is_none_or(|until| until > self.now)
            })
            .map(|(what, _)| what)
            .collect()
    }

    fn asked(&self) -> Vec<((Kind, &'static str), &ConfigSource)> {
        let Some(stream) = &self.stream else {
            return Vec::new();
        };
        let clusters = stream.clusters.as_ref();
        let listeners = stream.listeners.as_ref();
        clusters
            .map(|source| ((Kind::Cluster, "clusters"), source))
            .into_iter()
            .chain(listeners.map(|source| ((Kind::Listener, "listeners"), source)))
            .collect()
    }

    fn until(&self, source: &ConfigSource) -> Option<Instant> {
        self.started.checked_add(source.fetch_timeout?)
    }
}
