//! Where the programs under test and their peers are.
//!
//! Ours lie beside the test's own executable, where cargo built them; Envoy lies where `tests/run.sh` put it;
//! the rest is looked up in `PATH` and `/usr/sbin`. An environment variable overrides each. A missing program
//! is an error that says how to get it, never a skipped test.

use std::{
    env,
    path::{Path, PathBuf},
};

/// Real Envoy 1.40.
pub fn envoy() -> PathBuf {
    named("PORTWAY_ENVOY").unwrap_or_else(|| {
        let path = target().join("tools/envoy");
        assert!(
            path.exists(),
            "no Envoy at {}: run tests/run.sh, which installs it, or set PORTWAY_ENVOY",
            path.display()
        );
        path
    })
}

/// Our data plane.
pub fn portway_proxy() -> PathBuf {
    ours("portway-proxy", "PORTWAY_PROXY")
}

/// Our control plane and command line.
pub fn portway() -> PathBuf {
    ours("portway", "PORTWAY")
}

/// An example of this package, such as the load generator.
pub fn example(name: &str) -> PathBuf {
    let path = profile().join("examples").join(name);
    assert!(
        path.exists(),
        "no {}: run cargo build -p portway-tests --examples with the same profile",
        path.display()
    );
    path
}

/// A program of the system, from the Debian package `package`.
pub fn system(name: &str, package: &str) -> PathBuf {
    let path = env::var_os("PATH").unwrap_or_default();
    env::split_paths(&path)
        .chain([PathBuf::from("/usr/sbin")])
        .map(|dir| dir.join(name))
        .find(|path| path.exists())
        .unwrap_or_else(|| panic!("{name} is not installed: apt-get install {package}"))
}

fn ours(name: &str, variable: &str) -> PathBuf {
    named(variable).unwrap_or_else(|| {
        let path = profile().join(name);
        assert!(
            path.exists(),
            "no {}: run cargo build --workspace --bins, or set {variable}",
            path.display()
        );
        path
    })
}

fn named(variable: &str) -> Option<PathBuf> {
    let path = PathBuf::from(env::var_os(variable)?);
    assert!(
        path.exists(),
        "{variable} names {}, which does not exist",
        path.display()
    );
    Some(path)
}

/// The folder of the profile that this executable was built with: `target/debug`.
fn profile() -> PathBuf {
    let own = env::current_exe().expect("the path of this executable");
    let dir = own.parent().expect("an executable lies in a folder");
    match dir.file_name().and_then(|name| name.to_str()) {
        Some("deps" | "examples") => dir.parent().expect("deps lies in a profile").into(),
        _ => dir.into(),
    }
}

/// Cargo's target directory.
pub fn target() -> PathBuf {
    profile()
        .parent()
        .map_or_else(PathBuf::new, Path::to_path_buf)
}
