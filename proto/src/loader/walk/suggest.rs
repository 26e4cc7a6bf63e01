//! "did you mean": the known name closest to an unknown one.

/// Longer names are not typed by hand.
const LONGEST: usize = 96;

/// The candidate that differs least, if it differs little enough to be what was meant.
pub fn closest<'a>(wanted: &str, candidates: impl Iterator<Item = &'a str>) -> Option<&'a str> {
    let wanted: Vec<char> = fold(wanted).take(LONGEST + 1).collect();
    if wanted.len() > LONGEST || wanted.is_empty() {
        return None;
    }
    let allowed = (wanted.len() / 3).clamp(1, 4);
    let mut best: Option<(usize, &str)> = None;
    for candidate in candidates {
        let folded: Vec<char> = fold(candidate).take(LONGEST + 1).collect();
        if folded.len().abs_diff(wanted.len()) > allowed {
            continue;
        }
        let distance = distance(&wanted, &folded);
        if distance <= allowed && best.is_none_or(|(least, _)| distance < least) {
            best = Some((distance, candidate));
        }
    }
    best.map(|(_, candidate)| candidate)
}

/// Case and word separators do not matter: `statPrefix`, `stat-prefix` and `stat_prefix` are one.
fn fold(name: &str) -> impl Iterator<Item = char> {
    name.chars()
        .filter(|c| !matches!(c, '_' | '-' | ' '))
        .map(|c| c.to_ascii_lowercase())
}

/// Edits that turn one name into the other: insertions, deletions, changes, swaps of neighbours.
fn distance(a: &[char], b: &[char]) -> usize {
    let mut before = vec![0; b.len() + 1];
    let mut last: Vec<usize> = (0..=b.len()).collect();
    for (i, &x) in a.iter().enumerate() {
        let mut row = Vec::with_capacity(b.len() + 1);
        row.push(i + 1);
        for (j, &y) in b.iter().enumerate() {
            let cell = |row: &[usize], at: usize| row.get(at).copied().unwrap_or(usize::MAX / 2);
            let mut least = (cell(&last, j + 1) + 1)
                .min(cell(&row, j) + 1)
                .min(cell(&last, j) + usize::from(x != y));
            let swapped = i > 0 && j > 0 && a.get(i - 1) == Some(&y) && b.get(j - 1) == Some(&x);
            if swapped {
                least = least.min(cell(&before, j - 1) + 1);
            }
            row.push(least);
        }
        before = std::mem::replace(&mut last, row);
    }
    last.last().copied().unwrap_or(0)
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn finds_what_was_meant() {
        let names = [
            "stat_prefix",
            "route_config",
            "http_filters",
            "codec_type",
            "rds",
            "tls",
        ];
        for (typed, meant) in [
            ("stat_prefx", Some("stat_prefix")),
            ("stat-prefix", Some("stat_prefix")),
            ("StatPrefix", Some("stat_prefix")),
            ("http_fitlers", Some("http_filters")),
            ("rd", Some("rds")),
            ("slt", None),
            ("listener", None),
            ("", None),
        ] {
            assert_eq!(closest(typed, names.into_iter()), meant, "{typed}");
        }
        assert_eq!(closest(&"x".repeat(1 << 20), names.into_iter()), None);
    }
}
