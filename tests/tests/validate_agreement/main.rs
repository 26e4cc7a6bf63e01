//! `--mode validate` of Envoy and of portway-proxy on hundreds of bootstraps, each wrong (or odd) in one place.
//!
//! They must agree on whether a file is good. Three exceptions, all of them on portway-proxy's side: what it
//! does not offer it refuses by name, and it refuses a key that is given twice, where Envoy silently takes the last,
//! and a header name that is no token.

mod bases;
mod mutations;

use std::{
    env, fs,
    num::NonZero,
    sync::atomic::{AtomicUsize, Ordering},
    thread,
};

use mutations::Mutant;
use portway_tests::engine::Kind;
use tempfile::TempDir;

/// What portway-proxy says about a field that it refuses by name.
const BY_NAME: &str = "not supported by this proxy";

/// What it says about a key that is given twice; what such a key hides may well be another error.
const TWICE: &str = "is given twice";

/// What it says about a header to write or remove whose name is none; Envoy would send it like that.
const NO_TOKEN: &str = "is not a header name";

struct Verdict {
    accepted: bool,
    printed: String,
}

#[test]
fn bases_are_good() {
    for (name, text) in bases::BASES {
        let mutant = Mutant {
            name: name.into(),
            text: text.into(),
        };
        for (kind, verdict) in judge_all(&[mutant]).remove(0) {
            assert!(
                verdict.accepted,
                "{kind} refuses {name}\n{}",
                verdict.printed
            );
        }
    }
}

#[test]
fn both_engines_agree_on_every_mutant() {
    let mutants: Vec<Mutant> = bases::BASES
        .iter()
        .flat_map(|(name, text)| mutations::mutants(name, text))
        .collect();
    assert!(mutants.len() >= 300, "only {} mutants", mutants.len());
    let verdicts = judge_all(&mutants);
    let mut report = String::new();
    let mut accepted = 0;
    let mut disagreements = 0;
    for (mutant, verdicts) in mutants.iter().zip(&verdicts) {
        let [(_, envoy), (_, portway)] = verdicts.as_slice() else {
            panic!("two engines give two verdicts");
        };
        accepted += usize::from(envoy.accepted);
        if envoy.accepted == portway.accepted || envoy.accepted && is_stricter(&portway.printed) {
            continue;
        }
        disagreements += 1;
        let said = match envoy.accepted {
            true => format!("envoy accepts, portway says: {}", errors(&portway.printed)),
            false => format!(
                "portway accepts, envoy says: {}",
                first_line(&envoy.printed)
            ),
        };
        report.push_str(&format!("{}\n    {said}\n", mutant.name));
    }
    // Were all of them good or all of them bad, the list would prove little.
    assert!(
        (mutants.len() / 10..mutants.len() * 9 / 10).contains(&accepted),
        "envoy accepts {accepted} of {}",
        mutants.len()
    );
    assert_eq!(
        disagreements,
        0,
        "{disagreements} disagreements on {} files, of which envoy accepts {accepted}\n{report}",
        mutants.len()
    );
}

/// Whether portway-proxy refuses what Envoy accepts by design.
fn is_stricter(printed: &str) -> bool {
    let mut errors = printed.lines().filter(|line| line.starts_with("error: "));
    errors.clone().any(|line| line.contains(TWICE))
        || errors.clone().next().is_some()
            && errors.all(|line| line.contains(BY_NAME) || line.contains(NO_TOKEN))
}

fn errors(printed: &str) -> String {
    let errors: Vec<&str> = printed
        .lines()
        .filter(|line| line.starts_with("error: ") || line.trim_start().starts_with("= at"))
        .map(str::trim)
        .take(6)
        .collect();
    match errors.is_empty() {
        true => first_line(printed).into(),
        false => errors.join(" "),
    }
}

fn first_line(printed: &str) -> &str {
    let line = printed
        .lines()
        .find(|line| !line.trim().is_empty())
        .unwrap_or("");
    &line[..line
        .char_indices()
        .nth(300)
        .map_or(line.len(), |(at, _)| at)]
}

/// What Envoy and portway-proxy say about each, as many at once as there are cores.
fn judge_all(mutants: &[Mutant]) -> Vec<Vec<(Kind, Verdict)>> {
    let dir = TempDir::new().expect("a temporary directory");
    let next = AtomicUsize::new(0);
    let workers = thread::available_parallelism().map_or(2, NonZero::get);
    let mut judged: Vec<(usize, Vec<(Kind, Verdict)>)> = thread::scope(|scope| {
        let work = || {
            let mut done = Vec::new();
            loop {
                let index = next.fetch_add(1, Ordering::Relaxed);
                let Some(mutant) = mutants.get(index) else {
                    return done;
                };
                let path = dir.path().join(format!("{index}.yaml"));
                fs::write(&path, &mutant.text).expect("write a mutant");
                let verdicts = [Kind::Envoy, Kind::Portway].map(|kind| {
                    let (accepted, printed) = kind.validate(&path);
                    (kind, Verdict { accepted, printed })
                });
                done.push((index, Vec::from(verdicts)));
            }
        };
        let threads: Vec<_> = (0..workers).map(|_| scope.spawn(work)).collect();
        threads
            .into_iter()
            .flat_map(|thread| thread.join().expect("a worker"))
            .collect()
    });
    judged.sort_by_key(|(index, _)| *index);
    if let Some(keep) = env::var_os("PORTWAY_KEEP_MUTANTS") {
        fs::create_dir_all(&keep).expect("make the folder for mutants");
        for (index, mutant) in mutants.iter().enumerate() {
            let path = std::path::Path::new(&keep).join(format!("{index}.yaml"));
            fs::write(path, format!("# {}\n{}", mutant.name, mutant.text)).expect("keep a mutant");
        }
    }
    judged.into_iter().map(|(_, verdicts)| verdicts).collect()
}
