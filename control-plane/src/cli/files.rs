//! The operator's files: what `-f` and arguments name, read.
//!
//! A directory stands for every YAML and JSON file below it, hidden ones left out, in the order of their paths.

use std::io::{self, Read};
use std::path::{Path, PathBuf};

use bytes::Bytes;
use portway_proto::loader::{Diagnostic, Severity};
use portway_proto::pb::portway::v1::SourceFile;

/// How deep directories may lie in one another, and how many files a set may have.
const DEPTH: usize = 16;
const FILES: usize = 10_000;

/// Reads files and directories; `-` is standard input. Every fault is told.
pub(crate) fn read(paths: &[PathBuf]) -> Result<Vec<SourceFile>, Vec<Diagnostic>> {
    let mut files = Vec::new();
    let mut faults = Vec::new();
    for path in paths {
        if path.as_os_str() == "-" {
            let mut content = Vec::new();
            match io::stdin().read_to_end(&mut content) {
                Ok(_) => files.push(source("standard input", content)),
                Err(cause) => faults.push(unreadable(path, &cause)),
            }
            continue;
        }
        let mut found = Vec::new();
        match path.is_dir() {
            true => {
                if let Err(fault) = walk(path, 0, &mut found) {
                    faults.push(*fault);
                }
                if found.is_empty() {
                    let message = "holds no .yaml, .yml or .json file";
                    faults.push(fault(path, message.to_owned()));
                }
            }
            false => found.push(path.clone()),
        }
        for path in found {
            match std::fs::read(&path) {
                Ok(content) => files.push(source(&path.display().to_string(), content)),
                Err(cause) => faults.push(unreadable(&path, &cause)),
            }
        }
    }
    match faults.is_empty() {
        true => Ok(files),
        false => Err(faults),
    }
}

fn walk(dir: &Path, depth: usize, found: &mut Vec<PathBuf>) -> Result<(), Box<Diagnostic>> {
    if depth > DEPTH {
        let message = format!("lies deeper than {DEPTH} directories");
        return Err(Box::new(fault(dir, message)));
    }
    let failed = |cause: io::Error| Box::new(unreadable(dir, &cause));
    let entries = std::fs::read_dir(dir).map_err(failed)?;
    let entries: Result<Vec<_>, _> = entries.collect();
    let mut paths: Vec<PathBuf> = entries.map_err(failed)?.iter().map(|e| e.path()).collect();
    paths.sort();
    for path in paths {
        if is_hidden(&path) {
            continue;
        }
        if path.is_dir() {
            walk(&path, depth + 1, found)?;
        } else if is_configuration(&path) {
            if found.len() >= FILES {
                return Err(Box::new(fault(
                    dir,
                    format!("holds more than {FILES} files"),
                )));
            }
            found.push(path);
        }
    }
    Ok(())
}

fn is_hidden(path: &Path) -> bool {
    let name = path.file_name().and_then(|name| name.to_str());
    name.is_none_or(|name| name.starts_with('.'))
}

fn is_configuration(path: &Path) -> bool {
    let ending = path.extension().and_then(|ending| ending.to_str());
    ending.is_some_and(|ending| ["yaml", "yml", "json"].contains(&ending))
}

fn source(name: &str, content: Vec<u8>) -> SourceFile {
    SourceFile {
        name: name.to_owned(),
        content: Bytes::from(content),
    }
}

fn unreadable(path: &Path, cause: &io::Error) -> Diagnostic {
    fault(path, format!("cannot be read: {cause}"))
}

fn fault(path: &Path, message: String) -> Diagnostic {
    Diagnostic::of_file(&path.display().to_string(), Severity::Error, message)
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_directory_is_its_files_in_order_without_hidden_ones() {
        let dir = tempfile::tempdir().unwrap();
        for name in [
            "b.yaml",
            "a/c.json",
            "a/.d.yaml",
            ".portway/e.yaml",
            "f.txt",
            "g.yml",
        ] {
            let path = dir.path().join(name);
            std::fs::create_dir_all(path.parent().unwrap()).unwrap();
            std::fs::write(path, "x").unwrap();
        }
        let files = read(&[dir.path().to_owned()]).unwrap();
        let prefix = format!("{}/", dir.path().display());
        let names: Vec<_> = files
            .iter()
            .map(|f| f.name.strip_prefix(&prefix).unwrap())
            .collect();
        assert_eq!(names, ["a/c.json", "b.yaml", "g.yml"]);
    }

    #[test]
    fn every_missing_file_is_told() {
        let faults = read(&["no-such-a".into(), "no-such-b".into()]).unwrap_err();
        let files: Vec<_> = faults.iter().map(|f| &*f.file).collect();
        assert_eq!(files, ["no-such-a", "no-such-b"]);
    }
}
