//! What a hostile file may cost. Alone in its program, since it asks the kernel for the program's
//! highest memory use.

use portway_proto::index;
use portway_proto::loader::{Limits, Options, Source, documents, load};

const MEBIBYTE: usize = 1 << 20;

fn filled(start: &str, unit: &str, size: usize) -> Vec<u8> {
    let mut bytes = Vec::with_capacity(size + 8);
    bytes.extend_from_slice(start.as_bytes());
    bytes.extend_from_slice(unit.repeat((size - start.len()) / unit.len()).as_bytes());
    bytes
}

fn highest_kibibytes() -> Option<usize> {
    let status = std::fs::read_to_string("/proc/self/status").ok()?;
    let line = status.lines().find(|line| line.starts_with("VmHWM:"))?;
    let digits: String = line.chars().filter(char::is_ascii_digit).collect();
    digits.parse().ok()
}

/// Files at the limit of size that end at the limit of values, of anchors, or as one mistake per
/// value; the caller's copy of the file is counted too.
#[test]
fn hostile_files_stay_within_256_mebibytes() {
    let limits = Limits::default();
    let bootstrap = index::message("envoy.config.bootstrap.v3.Bootstrap").expect("known");
    let anchors = || {
        (0..200_000)
            .map(|n| format!("- &a{n} x\n"))
            .collect::<String>()
    };
    let bomb = || {
        (1..40)
            .map(|n| format!("a{n}: &a{n} [*a{0},*a{0}]\n", n - 1))
            .collect::<String>()
    };
    let cases: [(&str, &dyn Fn() -> Vec<u8>); 5] = [
        ("objects.json", &|| filled("{", "\"a\":0,", limits.bytes)),
        ("wrong.json", &|| {
            let start = "{\"static_resources\":{\"clusters\":[{}";
            let mut bytes = filled(start, ",{\"nam\":1}", MEBIBYTE);
            bytes.extend_from_slice(b"]}}");
            bytes
        }),
        ("anchors.yaml", &|| anchors().into_bytes()),
        ("bomb.yaml", &|| {
            format!("a0: &a0 [x]\n{}", bomb()).into_bytes()
        }),
        ("long.json", &|| filled("", "x", limits.bytes + 1)),
    ];
    for (name, make) in cases {
        let bytes = make();
        let source = Source {
            name,
            bytes: &bytes,
        };
        match documents(source, &limits) {
            Ok(documents) => {
                for document in documents {
                    let loaded = load(document.root(), bootstrap, &Options::default());
                    assert!(loaded.has_errors(), "{name}");
                    assert!(loaded.diagnostics.len() <= 201, "{name}");
                }
            }
            Err(errors) => assert_eq!(errors.len(), 1, "{name}"),
        }
        drop(bytes);
        let used = highest_kibibytes().expect("Linux") / 1024;
        assert!(used < 256, "{name}: {used} MiB");
    }
}
