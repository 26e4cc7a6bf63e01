//! Where in a message a value stands: the one notion of a field path.
//!
//! Validation that works on decoded messages (a proxy parsing a listener, the compiler checking a route)
//! knows no files. It names the place by path; whoever holds the positions of the text turns the path into
//! file, line and column. A path is built only when something is wrong, so it may own its parts.

use std::fmt;

/// One step from a message into a value inside it.
#[derive(Clone, Debug, PartialEq, Eq, Hash, PartialOrd, Ord)]
pub enum Segment {
    /// A field, by its proto name.
    Field(&'static str),
    /// An element of a repeated field.
    Index(usize),
    /// An entry of a map field, by its key.
    Key(Box<str>),
}

/// The way from the root of a message to one of its values. `Any` adds no step: the fields of the message
/// inside follow the field that holds it, as they do in YAML.
#[derive(Clone, Debug, Default, PartialEq, Eq, Hash, PartialOrd, Ord)]
pub struct FieldPath(pub Vec<Segment>);

impl fmt::Display for FieldPath {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        for (position, segment) in self.0.iter().enumerate() {
            match segment {
                Segment::Field(name) if position == 0 => f.write_str(name)?,
                Segment::Field(name) => write!(f, ".{name}")?,
                Segment::Index(index) => write!(f, "[{index}]")?,
                Segment::Key(key) => write!(f, "[\"{key}\"]")?,
            }
        }
        Ok(())
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_path_reads_like_the_file_it_points_into() {
        let path = FieldPath(vec![
            Segment::Field("filter_chains"),
            Segment::Index(0),
            Segment::Field("typed_per_filter_config"),
            Segment::Key("envoy.filters.http.cors".into()),
        ]);
        assert_eq!(
            path.to_string(),
            r#"filter_chains[0].typed_per_filter_config["envoy.filters.http.cors"]"#
        );
    }
}
