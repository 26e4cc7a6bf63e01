//! What operators attach to routes and virtual hosts for logs and filters to read.

use std::collections::BTreeMap;

use serde_json::Value;

/// Values by namespace.
#[derive(Clone, Debug, Default, PartialEq)]
pub struct Metadata(pub BTreeMap<Box<str>, Value>);

impl Metadata {
    /// Follows a path of keys within a namespace.
    pub fn get<'a>(
        &self,
        namespace: &str,
        path: impl IntoIterator<Item = &'a str>,
    ) -> Option<&Value> {
        path.into_iter()
            .try_fold(self.0.get(namespace)?, |value, key| value.get(key))
    }
}
