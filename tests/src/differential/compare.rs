//! Two texts side by side.

const WIDTH: usize = 72;

/// Both texts in columns; a mark in the middle says where they differ.
pub fn side_by_side(left_title: &str, left: &str, right_title: &str, right: &str) -> String {
    let mut rows = vec![row(left_title, ' ', right_title)];
    let left: Vec<&str> = left.lines().collect();
    let right: Vec<&str> = right.lines().collect();
    let common = longest_common(&left, &right);
    let (mut l, mut r) = (0, 0);
    for (next_l, next_r) in common.into_iter().chain([(left.len(), right.len())]) {
        // What lies between two common lines differs; pair it up as far as it goes.
        while l < next_l || r < next_r {
            let (one, other) = (
                left.get(l).filter(|_| l < next_l),
                right.get(r).filter(|_| r < next_r),
            );
            let mark = match (one, other) {
                (Some(_), Some(_)) => '|',
                (Some(_), None) => '<',
                _ => '>',
            };
            rows.push(row(one.unwrap_or(&""), mark, other.unwrap_or(&"")));
            l += usize::from(one.is_some());
            r += usize::from(other.is_some());
        }
        if let (Some(one), Some(other)) = (left.get(l), right.get(r)) {
            rows.push(row(one, ' ', other));
            l += 1;
            r += 1;
        }
    }
    rows.concat()
}

fn row(left: &str, mark: char, right: &str) -> String {
    let mut text = String::new();
    let (mut left, mut right) = (left, right);
    // Long lines go on below, so that nothing is hidden.
    loop {
        let (one, left_rest) = cut(left);
        let (other, right_rest) = cut(right);
        text.push_str(format!("{one:WIDTH$} {mark} {other}").trim_end());
        text.push('\n');
        if left_rest.is_empty() && right_rest.is_empty() {
            return text;
        }
        (left, right) = (left_rest, right_rest);
    }
}

fn cut(line: &str) -> (&str, &str) {
    let at = line
        .char_indices()
        .nth(WIDTH)
        .map_or(line.len(), |(at, _)| at);
    line.split_at(at)
}

/// Positions of a longest common subsequence.
fn longest_common(left: &[&str], right: &[&str]) -> Vec<(usize, usize)> {
    let width = right.len() + 1;
    let mut length = vec![0u32; (left.len() + 1) * width];
    for l in (0..left.len()).rev() {
        for r in (0..right.len()).rev() {
            length[l * width + r] = match left[l] == right[r] {
                true => length[(l + 1) * width + r + 1] + 1,
                false => length[(l + 1) * width + r].max(length[l * width + r + 1]),
            };
        }
    }
    let (mut l, mut r) = (0, 0);
    let mut common = Vec::new();
    while l < left.len() && r < right.len() {
        if left[l] == right[r] {
            common.push((l, r));
            l += 1;
            r += 1;
        } else if length[(l + 1) * width + r] >= length[l * width + r + 1] {
            l += 1;
        } else {
            r += 1;
        }
    }
    common
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn differing_lines_are_marked_and_common_ones_aligned() {
        let text = side_by_side("one", "a\nb\nc", "two", "a\nx\nc\nd");
        let marks: Vec<char> = text
            .lines()
            .map(|line| line.chars().nth(WIDTH + 1).unwrap_or(' '))
            .collect();
        assert_eq!(marks, [' ', ' ', '|', ' ', '>']);
    }
}
