//! Envoy's behaviour on record: one file per table, one section per case.

use std::{collections::BTreeMap, fs, path::PathBuf};

const MARK: &str = "=== ";

pub struct Golden {
    path: PathBuf,
    cases: BTreeMap<String, String>,
}

impl Golden {
    /// Reads a table's record; an empty one if there is none yet.
    pub fn read(table: &str) -> Self {
        let path = PathBuf::from(env!("CARGO_MANIFEST_DIR"))
            .join("golden")
            .join(format!("{table}.txt"));
        let text = fs::read_to_string(&path).unwrap_or_default();
        let cases = text
            .split(&format!("\n{MARK}"))
            .filter_map(|section| section.split_once('\n'))
            .map(|(id, text)| {
                (
                    id.trim_start_matches(MARK).to_owned(),
                    format!("{}\n", text.trim_end()),
                )
            })
            .collect();
        Self { path, cases }
    }

    pub fn case(&self, id: &str) -> Option<&str> {
        self.cases.get(id).map(String::as_str)
    }

    /// How many log lines a case should come to.
    pub fn log_lines(&self, id: &str) -> Option<usize> {
        let text = self.case(id)?;
        let (_, log) = text.rsplit_once("\nlog\n")?;
        Some(log.lines().count())
    }

    /// Replaces the record; cases that are gone disappear from it.
    pub fn write(&self, observed: &[(&str, String)]) {
        let text: Vec<String> = observed
            .iter()
            .map(|(id, text)| format!("{MARK}{id}\n{text}"))
            .collect();
        let folder = self.path.parent().expect("a record lies in a folder");
        fs::create_dir_all(folder).expect("make the folder of records");
        fs::write(&self.path, text.join("\n"))
            .unwrap_or_else(|error| panic!("cannot write {}: {error}", self.path.display()));
    }
}
