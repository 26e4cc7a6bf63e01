//! Headers to change.

use std::collections::{BTreeMap, HashMap};

use portway_data_plane::resources::at::{At, Parsed};
use portway_proto::pb::portway::v1 as pb;

/// Applied in this order: remove, set, add. Names are in lower case and sorted; values are literal.
#[derive(Clone, Debug, Default, PartialEq, Eq)]
pub struct HeaderChanges {
    pub remove: Vec<Box<str>>,
    pub set: BTreeMap<Box<str>, Box<str>>,
    pub add: BTreeMap<Box<str>, Box<str>>,
}

pub(super) fn parse(at: At<'_>, message: pb::HeaderChanges) -> Parsed<HeaderChanges> {
    let pb::HeaderChanges { set, add, remove } = message;
    let remove = at.each("remove", remove, |at, name| changeable(at, &name));
    let set = at.field("set", |at| values(at, set));
    let add = at.field("add", |at| values(at, add));
    let mut remove = remove?;
    remove.sort();
    remove.dedup();
    Ok(HeaderChanges {
        remove,
        set: set?,
        add: add?,
    })
}

pub(super) fn values(
    at: At<'_>,
    message: HashMap<String, String>,
) -> Parsed<BTreeMap<Box<str>, Box<str>>> {
    // The map comes in random order, and errors should not.
    let message: BTreeMap<String, String> = message.into_iter().collect();
    let mut values = BTreeMap::new();
    let mut result = Ok(());
    for (key, value) in message {
        let done = at.key(&key, |at| {
            let name = changeable(at, &key)?;
            if values.insert(name, value.into()).is_some() {
                return Err(at.error(format!("{key:?} is given twice; case makes no difference")));
            }
            Ok(())
        });
        result = result.and(done);
    }
    result.map(|()| values)
}

fn changeable(at: At<'_>, name: &str) -> Parsed<Box<str>> {
    let lower = name.to_ascii_lowercase();
    if lower.starts_with(':') || lower == "host" {
        return Err(at.error(format!("{name:?} cannot be changed as a header")));
    }
    Ok(lower.into())
}
