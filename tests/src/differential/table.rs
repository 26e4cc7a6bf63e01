//! Runs a table on each engine and compares what happened with the record.

use std::{env, fs, path::Path, thread, time::Duration};

use tempfile::TempDir;

use super::{
    case::Case,
    compare::side_by_side,
    config::Resources,
    golden::Golden,
    stage::{Played, Stage},
};
use crate::{
    clock::pause,
    engine::{Engine, Kind},
    ports,
};

/// Cases that share an engine, and the name of their record.
pub struct Table {
    pub name: &'static str,
    pub cases: Vec<Case>,
}

/// Runs a table. `PORTWAY_ENGINES` limits the engines (`envoy`, `portway`), `PORTWAY_CASES` the cases, by a
/// part of their names; `PORTWAY_BLESS=1` records what Envoy does.
pub fn run(table: &Table) {
    let golden = Golden::read(table.name);
    let only = env::var("PORTWAY_CASES").unwrap_or_default();
    let cases: Vec<&Case> = table
        .cases
        .iter()
        .filter(|case| case.id.contains(&only))
        .collect();
    if env::var_os("PORTWAY_BLESS").is_some() {
        assert!(only.is_empty(), "a table is recorded as a whole");
        golden.write(&observe_all(Kind::Envoy, &cases, &golden));
        return;
    }
    let mut failures = Vec::new();
    let observed = thread::scope(|scope| {
        let runs: Vec<_> = engines()
            .into_iter()
            .map(|kind| {
                let (cases, golden) = (&cases, &golden);
                scope.spawn(move || (kind, observe_all(kind, cases, golden)))
            })
            .collect();
        runs.into_iter().map(joined).collect::<Vec<_>>()
    });
    for (kind, cases) in observed {
        for (id, text) in cases {
            match golden.case(id) {
                Some(recorded) if recorded == text => {}
                Some(recorded) => failures.push(format!(
                    "{}/{id}\n{}",
                    table.name,
                    side_by_side("envoy, on record", recorded, &format!("{kind}, now"), &text)
                )),
                None => failures.push(format!(
                    "{}/{id} is not on record: PORTWAY_BLESS=1 records it\n{text}",
                    table.name
                )),
            }
        }
    }
    assert!(
        failures.is_empty(),
        "{} of {} cases differ\n\n{}",
        failures.len(),
        cases.len(),
        failures.join("\n")
    );
}

fn engines() -> Vec<Kind> {
    let named = env::var("PORTWAY_ENGINES").unwrap_or_else(|_| "envoy,portway".into());
    named
        .split(',')
        .map(|name| match name {
            "envoy" => Kind::Envoy,
            "portway" => Kind::Portway,
            other => panic!("PORTWAY_ENGINES names {other:?}; it knows envoy and portway"),
        })
        .collect()
}

fn observe_all<'a>(kind: Kind, cases: &[&'a Case], golden: &Golden) -> Vec<(&'a str, String)> {
    let dir = TempDir::new().expect("a temporary directory");
    let stages: Vec<Stage<'a>> = cases
        .iter()
        .map(|case| Stage::set(case, dir.path()))
        .collect();
    let mut told: Vec<Option<String>> = stages.iter().map(|_| None).collect();
    // One case that an engine refuses must not hide what it makes of the others.
    if refusal(kind, &stages.iter().collect::<Vec<_>>(), dir.path()).is_some() {
        for (stage, told) in stages.iter().zip(&mut told) {
            *told = refusal(kind, &[stage], dir.path());
        }
    }
    let accepted = || stages.iter().zip(&told).filter(|(_, told)| told.is_none());
    let playing: Vec<&Stage<'_>> = accepted().map(|(stage, _)| stage).collect();
    let mut played = play(kind, &playing, golden, dir.path()).into_iter();
    stages
        .iter()
        .zip(&told)
        .map(|(stage, refused)| {
            let text = match refused {
                Some(refused) => refused.clone(),
                None => played.next().expect("every accepted case is played"),
            };
            (stage.case.id, text)
        })
        .collect()
}

/// Why an engine does not take the configuration of these cases.
fn refusal(kind: Kind, stages: &[&Stage<'_>], dir: &Path) -> Option<String> {
    let config = dir.join(format!("{kind}-validate.yaml"));
    fs::write(&config, bootstrap(stages, ports::free(), dir)).expect("write the bootstrap");
    let (accepted, printed) = kind.validate(&config);
    (!accepted).then(|| format!("refused\n{printed}"))
}

fn bootstrap(stages: &[&Stage<'_>], admin: u16, dir: &Path) -> String {
    let mut resources = Resources::default();
    for stage in stages {
        resources.add(stage.case, &stage.places);
    }
    resources.bootstrap(admin, dir)
}

/// Plays cases on one process; a case is mostly waiting, so all of them run at once.
fn play(kind: Kind, stages: &[&Stage<'_>], golden: &Golden, dir: &Path) -> Vec<String> {
    if stages.is_empty() {
        return Vec::new();
    }
    let admin = ports::free();
    let mut engine = Engine::start(kind, &bootstrap(stages, admin, dir), admin, dir);
    let played: Vec<Played> = thread::scope(|scope| {
        let runs: Vec<_> = stages
            .iter()
            .map(|stage| scope.spawn(|| stage.play()))
            .collect();
        runs.into_iter().map(joined).collect()
    });
    assert!(
        engine.process.is_running(),
        "{kind} has ended\n{}",
        engine.process.tail()
    );
    for stage in stages {
        stage.wait_log(golden.log_lines(stage.case.id));
    }
    // Lines too many would come now.
    pause(Duration::from_millis(200));
    stages
        .iter()
        .zip(played)
        .map(|(stage, played)| stage.tell(played))
        .collect()
}

fn joined<T>(run: thread::ScopedJoinHandle<'_, T>) -> T {
    run.join()
        .unwrap_or_else(|panic| std::panic::resume_unwind(panic))
}
