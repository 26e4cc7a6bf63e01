//! Values as YAML for people, in block style.

use serde_json::Value;

/// Writes a value; every line is indented by so many levels.
pub(super) fn write(value: &Value) -> String {
    let mut text = String::new();
    block(&mut text, value, 0);
    text
}

fn block(text: &mut String, value: &Value, level: usize) {
    match value {
        Value::Object(fields) if !fields.is_empty() => {
            for (key, value) in fields {
                indent(text, level);
                field(text, key, value, level);
            }
        }
        Value::Array(items) if !items.is_empty() => {
            for item in items {
                indent(text, level);
                text.push_str("- ");
                match item {
                    Value::Object(fields) if !fields.is_empty() => {
                        for (at, (key, value)) in fields.iter().enumerate() {
                            if at > 0 {
                                indent(text, level + 1);
                            }
                            field(text, key, value, level + 1);
                        }
                    }
                    other => inline(text, other),
                }
            }
        }
        other => inline(text, other),
    }
}

fn field(text: &mut String, key: &str, value: &Value, level: usize) {
    text.push_str(&scalar(key));
    text.push(':');
    match value {
        Value::Object(fields) if !fields.is_empty() => {
            text.push('\n');
            block(text, value, level + 1);
        }
        Value::Array(items) if !items.is_empty() => {
            text.push('\n');
            block(text, value, level + 1);
        }
        other => {
            text.push(' ');
            inline(text, other);
        }
    }
}

fn inline(text: &mut String, value: &Value) {
    match value {
        Value::String(value) => text.push_str(&scalar(value)),
        // JSON is YAML.
        other => text.push_str(&other.to_string()),
    }
    text.push('\n');
}

fn indent(text: &mut String, level: usize) {
    text.extend(std::iter::repeat_n("  ", level));
}

/// A text as a plain scalar where nothing could take it for anything else.
fn scalar(text: &str) -> String {
    let plain = text.starts_with(|c: char| c.is_ascii_alphabetic() || c == '/')
        && text
            .chars()
            .all(|c| c.is_ascii_alphanumeric() || "/._-".contains(c))
        && !["y", "n", "yes", "no", "on", "off", "true", "false", "null"]
            .contains(&text.to_ascii_lowercase().as_str());
    match plain {
        true => text.to_owned(),
        false => Value::from(text).to_string(),
    }
}

#[cfg(test)]
mod tests {
    use portway_proto::loader::{Limits, Source, documents};
    use serde_json::json;

    use super::*;

    #[test]
    fn blocks_read_like_an_operators_file() {
        let value = json!({"kind": "Route", "spec": {"rules": [{"a": "yes", "b": 1}, "x: y", []], "empty": {}}});
        let expected = "kind: Route\nspec:\n  empty: {}\n  rules:\n    - a: \"yes\"\n      b: 1\n    - \"x: y\"\n    - []\n";
        assert_eq!(write(&value), expected);
        let source = Source {
            name: "a.yaml",
            bytes: expected.as_bytes(),
        };
        assert_eq!(documents(source, &Limits::default()).unwrap().len(), 1);
    }
}
