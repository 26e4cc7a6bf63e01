//! One change to one line of a bootstrap, the same list every time.

/// Values that YAML, JSON and people disagree about. Each line of a base gets a few of them in turn.
const ODD: [&str; 36] = [
    "{}",
    "8080",
    "yes",
    "[]",
    "null",
    "\"8080\"",
    "-1",
    "abc",
    "1.5",
    "5s",
    "true",
    "\"\"",
    "0",
    "[a]",
    "no",
    "{a: b}",
    "0x10",
    "99999999999999999999",
    "~",
    "1e3",
    "\"true\"",
    "5 s",
    "017",
    "4294967296",
    "on",
    "\"1.5\"",
    "-0",
    "1_000",
    "0.5s",
    ".inf",
    "-5s",
    "!!str 8080",
    "2020-01-01",
    "8080.0",
    "\"\\u0000\"",
    "1ms",
];

/// How many odd values each line gets.
const PER_LINE: usize = 3;

/// A base with one change, and what the change was.
pub struct Mutant {
    pub name: String,
    pub text: String,
}

/// Every mutant of a base.
pub fn mutants(base: &str, text: &str) -> Vec<Mutant> {
    let lines: Vec<&str> = text.lines().collect();
    let mut found = Vec::new();
    let mut turn = 0;
    for (index, line) in lines.iter().enumerate() {
        if line.trim().is_empty() {
            continue;
        }
        let mut add = |what: &str, replacement: &[&str]| {
            found.push(Mutant {
                name: format!("{base}:{index}: {what}"),
                text: with(&lines, index, replacement),
            });
        };
        if let Some((key, _)) = value(line) {
            for _ in 0..PER_LINE {
                let odd = ODD[turn % ODD.len()];
                turn += 1;
                let changed = format!("{key} {odd}");
                add(changed.trim(), &[&changed]);
            }
        }
        let what = line.trim();
        match index % 4 {
            0 => add(&format!("{what} left out"), &[]),
            1 => add(&format!("{what} twice"), &[line, line]),
            2 => {
                let renamed = line.replacen(':', "x:", 1);
                add(&format!("{what} renamed"), &[&renamed]);
            }
            _ => {
                let moved = format!("  {line}");
                add(&format!("{what} moved to the right"), &[&moved]);
            }
        }
    }
    found
}

/// The part of a line up to its value's beginning, and the value, where there is one.
fn value(line: &str) -> Option<(&str, &str)> {
    let at = line.find(": ")?;
    Some((&line[..=at], line[at + 2..].trim()))
}

fn with(lines: &[&str], index: usize, replacement: &[&str]) -> String {
    let before = lines[..index].iter();
    let after = lines[index + 1..].iter();
    let all: Vec<&str> = before.chain(replacement).chain(after).copied().collect();
    all.join("\n") + "\n"
}
