//! How two texts differ, as a unified diff.
//!
//! Texts are operators' documents, a few dozen lines each. Beyond [`MAX_CELLS`] the middle that differs is shown as
//! removed and added whole: right, if not minimal.

use std::fmt::Write as _;

/// Lines shown around a change.
const CONTEXT: usize = 3;
/// The largest table of the longest common subsequence.
const MAX_CELLS: usize = 4_000_000;

#[derive(Clone, Copy, PartialEq, Eq)]
enum Side {
    Both,
    Old,
    New,
}

/// The hunks of a unified diff, without file names; empty if the texts are the same.
pub(super) fn unified(old: &str, new: &str) -> String {
    let old: Vec<&str> = old.lines().collect();
    let new: Vec<&str> = new.lines().collect();
    let script = script(&old, &new);
    let changed: Vec<usize> = (0..script.len())
        .filter(|at| script.get(*at).is_some_and(|(side, _)| *side != Side::Both))
        .collect();
    let mut out = String::new();
    let mut rest = changed.as_slice();
    while let Some((first, _)) = rest.split_first() {
        // Changes whose context would touch share a hunk.
        let mut count = 1;
        while let (Some(a), Some(b)) = (rest.get(count - 1), rest.get(count)) {
            if b - a > 2 * CONTEXT {
                break;
            }
            count += 1;
        }
        let last = rest.get(count - 1).unwrap_or(first);
        let from = first.saturating_sub(CONTEXT);
        let to = (last + 1 + CONTEXT).min(script.len());
        hunk(&mut out, &script, from, to);
        rest = rest.get(count..).unwrap_or_default();
    }
    out
}

fn hunk(out: &mut String, script: &[(Side, &str)], from: usize, to: usize) {
    let count = |part: &[(Side, &str)], not: Side| part.iter().filter(|(s, _)| *s != not).count();
    let before = script.get(..from).unwrap_or_default();
    let part = script.get(from..to).unwrap_or_default();
    let range = |not: Side| {
        let lines = count(part, not);
        // An empty side is named by the line before it.
        let start = count(before, not) + usize::from(lines > 0);
        format!("{start},{lines}")
    };
    let _ = writeln!(out, "@@ -{} +{} @@", range(Side::New), range(Side::Old));
    for (side, line) in part {
        let mark = match side {
            Side::Both => ' ',
            Side::Old => '-',
            Side::New => '+',
        };
        let _ = writeln!(out, "{mark}{line}");
    }
}

/// Every line of both texts once, in order, with the side it is on.
fn script<'a>(old: &[&'a str], new: &[&'a str]) -> Vec<(Side, &'a str)> {
    let head = old.iter().zip(new).take_while(|(a, b)| a == b).count();
    let (_, old_rest) = old.split_at(head);
    let (_, new_rest) = new.split_at(head);
    let tail = old_rest
        .iter()
        .rev()
        .zip(new_rest.iter().rev())
        .take_while(|(a, b)| a == b)
        .count();
    let (old_mid, end) = old_rest.split_at(old_rest.len() - tail);
    let (new_mid, _) = new_rest.split_at(new_rest.len() - tail);
    let mut script: Vec<_> = old.iter().take(head).map(|l| (Side::Both, *l)).collect();
    middle(&mut script, old_mid, new_mid);
    script.extend(end.iter().map(|l| (Side::Both, *l)));
    script
}

fn middle<'a>(script: &mut Vec<(Side, &'a str)>, old: &[&'a str], new: &[&'a str]) {
    let width = new.len() + 1;
    let cells = width.saturating_mul(old.len() + 1);
    let mut common = Vec::new();
    if cells <= MAX_CELLS {
        // common[i * width + j]: the most lines that old[i..] and new[j..] have in common.
        common = vec![0u32; cells];
        for (i, a) in old.iter().enumerate().rev() {
            for (j, b) in new.iter().enumerate().rev() {
                let at = |i: usize, j: usize| common.get(i * width + j).copied().unwrap_or(0);
                let best = match a == b {
                    true => at(i + 1, j + 1) + 1,
                    false => at(i + 1, j).max(at(i, j + 1)),
                };
                if let Some(cell) = common.get_mut(i * width + j) {
                    *cell = best;
                }
            }
        }
    }
    let at = |i: usize, j: usize| common.get(i * width + j).copied().unwrap_or(0);
    let (mut i, mut j) = (0, 0);
    loop {
        match (old.get(i), new.get(j)) {
            (Some(a), Some(b)) if a == b && !common.is_empty() => {
                script.push((Side::Both, a));
                (i, j) = (i + 1, j + 1);
            }
            (Some(a), b) if b.is_none() || at(i + 1, j) >= at(i, j + 1) => {
                script.push((Side::Old, a));
                i += 1;
            }
            (_, Some(b)) => {
                script.push((Side::New, b));
                j += 1;
            }
            (_, None) => return,
        }
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn hunks_show_what_changed_and_three_lines_around() {
        let old = "a\nb\nc\nd\ne\nf\ng\nh\n";
        let new = "a\nb\nc\nd\nE\nf\ng\nh\n";
        let expected = "@@ -2,7 +2,7 @@\n b\n c\n d\n-e\n+E\n f\n g\n h\n";
        assert_eq!(unified(old, new), expected);
        assert_eq!(unified(old, old), "");
        assert_eq!(unified("", "a\nb\n"), "@@ -0,0 +1,2 @@\n+a\n+b\n");
        assert_eq!(unified("a\n", ""), "@@ -1,1 +0,0 @@\n-a\n");
    }

    #[test]
    fn changes_far_apart_are_two_hunks() {
        let old: String = (0..30).map(|n| format!("{n}\n")).collect();
        let new = old.replace("\n5\n", "\nfive\n").replace("\n25\n", "\n");
        let diff = unified(&old, &new);
        assert_eq!(diff.matches("@@ -").count(), 2, "{diff}");
    }

    /// Either side can be had back from the script, whatever the texts.
    #[test]
    fn a_script_holds_both_texts() {
        fastrand::seed(7);
        for _ in 0..500 {
            let text = |n: usize| -> Vec<&str> {
                (0..n)
                    .map(|_| ["a", "b", "c", "d"][fastrand::usize(..4)])
                    .collect()
            };
            let (old, new) = (text(fastrand::usize(..12)), text(fastrand::usize(..12)));
            let script = script(&old, &new);
            let side = |not: Side| -> Vec<&str> {
                let lines = script.iter().filter(|(side, _)| *side != not);
                lines.map(|(_, line)| *line).collect()
            };
            assert_eq!(side(Side::New), old);
            assert_eq!(side(Side::Old), new);
        }
    }
}
