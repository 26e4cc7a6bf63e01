//! Golden files, and what holds for every compiled set.
//!
//! `golden/NAME.yaml` is what an operator writes, `golden/NAME.out` what it compiles to. `PORTWAY_BLESS=1` rewrites
//! the latter.

use std::collections::BTreeSet;
use std::path::{Path, PathBuf};

use portway_proto::{index, print};

use super::*;
use crate::model::{SourceFile, load_set};
use crate::xds::{Node, View};

fn golden() -> PathBuf {
    Path::new(env!("CARGO_MANIFEST_DIR")).join("src/compile/tests/golden")
}

fn cases() -> Vec<(String, String)> {
    let mut cases: Vec<_> = std::fs::read_dir(golden())
        .unwrap()
        .map(|entry| entry.unwrap().path())
        .filter(|path| {
            path.extension()
                .is_some_and(|extension| extension == "yaml")
        })
        .map(|path| {
            let name = path.file_stem().unwrap().to_str().unwrap().to_owned();
            (name, std::fs::read_to_string(&path).unwrap())
        })
        .collect();
    cases.sort();
    assert!(cases.len() >= 5, "the golden files are gone");
    cases
}

fn load(name: &str, text: &str) -> Set {
    let name = format!("{name}.yaml");
    let file = SourceFile {
        name: &name,
        bytes: text.as_bytes(),
    };
    load_set(&[file]).unwrap_or_else(|found| {
        let told: Vec<String> = found.iter().map(|d| d.short()).collect();
        panic!("{}", told.join("\n"))
    })
}

fn show(set: &Set) -> String {
    let mut drafts = drafts(set);
    drafts.sort_by(|a, b| (&a.key, &a.scope).cmp(&(&b.key, &b.scope)));
    let sections = drafts.iter().map(|draft| {
        let provenance = draft.source.provenance();
        let origins = std::iter::once(provenance.to_string());
        let others = provenance
            .others
            .iter()
            .map(|other| format!("  also {other}\n"));
        let head: String = origins
            .map(|origin| format!("=== {} from {origin}\n", draft.key))
            .chain(others)
            .collect();
        let scope = match &draft.scope {
            all if *all == Scope::default() => String::new(),
            scope => format!("  for {scope:?}\n"),
        };
        let message = index::message_of_type_url(draft.key.kind.type_url()).unwrap();
        let options = print::Options {
            proto_names: true,
            pretty: true,
            redact: false,
        };
        let json = print::json(message, &draft.wire, options).unwrap();
        format!("{head}{scope}{json}\n")
    });
    sections.collect::<Vec<_>>().join("\n")
}

#[test]
fn golden_files() {
    let mut stale = Vec::new();
    let mut names = BTreeSet::new();
    for (name, text) in cases() {
        let shown = show(&load(&name, &text));
        let path = golden().join(format!("{name}.out"));
        names.insert(path.clone());
        if std::env::var_os("PORTWAY_BLESS").is_some() {
            std::fs::write(&path, &shown).unwrap();
        } else if std::fs::read_to_string(&path).unwrap_or_default() != shown {
            stale.push(format!("{name}:\n{shown}"));
        }
    }
    for entry in std::fs::read_dir(golden()).unwrap() {
        let path = entry.unwrap().path();
        let orphan = path.extension().is_some_and(|extension| extension == "out");
        assert!(
            !orphan || names.contains(&path),
            "{} has no input",
            path.display()
        );
    }
    assert!(
        stale.is_empty(),
        "PORTWAY_BLESS=1 rewrites:\n{}",
        stale.join("\n")
    );
}

fn node(class: Class) -> Node {
    Node {
        id: "n".into(),
        cluster: "edge".into(),
        class,
        user_agent: String::new(),
        user_agent_version: String::new(),
    }
}

fn versions(view: &View) -> Vec<String> {
    Kind::ALL
        .into_iter()
        .flat_map(|kind| view.set(kind).resources().to_vec())
        .map(|resource| format!("{resource:?} {}", resource.provenance()))
        .collect()
}

#[test]
fn x11_the_order_of_files_and_documents_does_not_show() {
    let mut random = fastrand::Rng::with_seed(7);
    for (name, text) in cases() {
        let wanted = {
            let set = load(&name, &text);
            let views = compile(&set, 1, None);
            Class::ALL.map(|class| versions(&views.of(&node(class))))
        };
        // A file of its own for each document, blank lines before it so that it stays on its line.
        let mut line = 0;
        let mut documents: Vec<String> = text
            .split("---\n")
            .map(|document| {
                let padded = format!("{}{document}", "\n".repeat(line));
                line += document.matches('\n').count() + 1;
                padded
            })
            .collect();
        let file = format!("{name}.yaml");
        for _ in 0..5 {
            random.shuffle(&mut documents);
            let files: Vec<SourceFile<'_>> = documents
                .iter()
                .map(|document| SourceFile {
                    name: &file,
                    bytes: document.as_bytes(),
                })
                .collect();
            let set = load_set(&files).unwrap();
            let views = compile(&set, 1, None);
            assert_eq!(
                Class::ALL.map(|class| versions(&views.of(&node(class)))),
                wanted,
                "{name}"
            );
            // Nor does the way through the store.
            let stored = Set::from_objects(set.objects()).unwrap();
            let views = compile(&stored, 1, None);
            assert_eq!(
                Class::ALL.map(|class| versions(&views.of(&node(class)))),
                wanted,
                "{name}"
            );
        }
    }
}

#[test]
fn the_proxy_takes_what_is_compiled_without_a_word() {
    for (name, text) in cases() {
        let set = load(&name, &text);
        let found: Vec<String> = verify(&set).iter().map(|d| d.short()).collect();
        assert!(found.is_empty(), "{name}: {found:?}");
        assert!(set.warnings().is_empty(), "{name}: {:?}", set.warnings());
    }
}

#[test]
fn x11_equal_content_is_carried_over() {
    let (name, text) = cases().remove(0);
    let set = load(&name, &text);
    let first = compile(&set, 1, None);
    let old = first.of(&node(Class::Envoy));
    let second = compile(&set, 2, Some(&first));
    let new = second.of(&node(Class::Envoy));
    assert_eq!(new.revision(), 2);
    for kind in Kind::ALL {
        assert!(Arc::ptr_eq(old.set(kind), new.set(kind)), "{kind}");
    }
}

#[test]
fn a_change_of_endpoints_changes_the_endpoints_alone() {
    let text = |port: u16| {
        format!(
            "apiVersion: portway.v1\nkind: Service\nmetadata: {{name: s}}\nspec: {{endpoints: [{{address: 127.0.0.1, port: {port}}}]}}\n"
        )
    };
    let of = |port| versions(&compile(&load("a", &text(port)), 1, None).of(&node(Class::Envoy)));
    let (old, new) = (of(1), of(2));
    assert_eq!(old.len(), 2);
    assert_eq!(old[0], new[0], "the cluster");
    assert_ne!(old[1], new[1], "its endpoints");
}

#[test]
fn classes_get_what_they_can_use() {
    let text = "\
apiVersion: portway.v1
kind: Gateway
metadata: {name: g}
spec: {listeners: [{name: h, port: 80}]}
---
apiVersion: portway.v1
kind: Service
metadata: {name: s}
spec: {endpoints: [{address: 127.0.0.1, port: 1}]}
---
apiVersion: portway.v1
kind: EnvoyResources
metadata: {name: raw}
spec:
  nodes: {classes: [GRPC]}
  resources:
  - '@type': type.googleapis.com/envoy.config.route.v3.RouteConfiguration
    name: s
";
    let views = compile(&load("a", text), 1, None);
    let keys = |class| -> Vec<String> {
        let view = views.of(&node(class));
        let of = |kind| view.set(kind).resources().to_vec();
        Kind::ALL
            .into_iter()
            .flat_map(of)
            .map(|r| r.key().to_string())
            .collect()
    };
    let proxy = [
        "cluster \"s\"",
        "endpoints \"s\"",
        "listener \"g/h\"",
        "route configuration \"g/h\"",
    ];
    assert_eq!(keys(Class::Portway), proxy);
    assert_eq!(keys(Class::Envoy), proxy);
    assert_eq!(
        keys(Class::Grpc),
        [
            "cluster \"s\"",
            "endpoints \"s\"",
            "route configuration \"s\""
        ]
    );
}
