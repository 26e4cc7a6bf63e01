use super::*;
use crate::loader::{Limits, Source, documents};

const FILE: &str = "\
static_resources:
  listeners:
  - name: in
    filterChains:
    - filters:
      - name: hcm
        typed_config:
          \"@type\": type.googleapis.com/x.Hcm
          stat_prefix: a
          timeout: &t {\"@type\": type.googleapis.com/google.protobuf.Struct, value: {q: 1}}
          other: *t
  clusters: {name: only}
  map: {\"a.b[0]\": {x: 1}}
";

fn line(path: &str) -> (u32, bool) {
    let source = Source {
        name: "a.yaml",
        bytes: FILE.as_bytes(),
    };
    let documents = documents(source, &Limits::default()).unwrap();
    let positions = Positions::of(documents[0].root());
    let found = positions.find_text(path);
    (found.node.place().line, found.exact)
}

#[test]
fn written_paths_lead_to_lines() {
    for (path, wanted, exact) in [
        ("", 1, true),
        (".static_resources.listeners[0].name", 3, true),
        (
            "staticResources.listeners[0].filter_chains[0].filters[0].name",
            6,
            true,
        ),
        (
            ".static_resources.listeners[0].filter_chains[0].filters[0].typed_config.stat_prefix",
            9,
            true,
        ),
        (
            ".static_resources.listeners[0].filter_chains[0].filters[0].typed_config.timeout.q",
            10,
            true,
        ),
        (
            ".static_resources.listeners[0].filter_chains[0].filters[0].typed_config.other",
            11,
            true,
        ),
        (".static_resources.clusters[0].name", 12, true),
        (".static_resources.map[\"a.b[0]\"].x", 13, true),
        // Missing values are answered with what encloses them.
        (".static_resources.listeners[0].address.port", 3, false),
        (".static_resources.listeners[7].name", 3, false),
        (".static_resources.map[\"nope\"]", 13, false),
        (".static_resources.map[\"open", 13, false),
        ("nope", 1, false),
        ("...", 1, false),
        ("[", 1, false),
    ] {
        assert_eq!(line(path), (wanted, exact), "{path}");
    }
}

#[test]
fn field_paths_lead_to_the_same_places() {
    let source = Source {
        name: "a.yaml",
        bytes: FILE.as_bytes(),
    };
    let documents = documents(source, &Limits::default()).unwrap();
    let positions = Positions::of(documents[0].root());
    let path = FieldPath(vec![
        Segment::Field("static_resources"),
        Segment::Field("map"),
        Segment::Key("a.b[0]".into()),
        Segment::Field("x"),
    ]);
    assert_eq!(positions.place(&path).line, 13);
    assert!(positions.find(&path).exact);
    let diagnostic = positions.diagnostic(Severity::Error, &path, "wrong");
    assert_eq!(
        diagnostic.short(),
        "a.yaml:13:23: static_resources.map[\"a.b[0]\"].x: wrong"
    );
    let diagnostic = positions.diagnostic_text(Severity::Error, "static_resources.nope", "missing");
    assert_eq!(
        diagnostic.short(),
        "a.yaml:2:3: static_resources.nope: missing"
    );
}
