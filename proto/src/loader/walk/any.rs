//! `Any`: a message that names its own type, its fields beside `@type`.
//!
//! `@type` may stand anywhere in the mapping; `{}` is an empty `Any`. A well-known type has its
//! value under `value`. The fields are walked like those of any other message, rules included. A
//! `TypedStruct` is walked twice: as the struct that is encoded, and, where its type is known, as
//! the message that Envoy will make of it.

use super::Walker;
use super::report::{Step, help, quoted, relate};
use super::suggest::closest;
use crate::encode::{close, open, put_bytes};
use crate::index::{self, Message, WellKnown};
use crate::loader::{Entry, Node, Value};

const TYPE: &str = "@type";

impl<'t> Walker<'t> {
    pub(super) fn any(&mut self, node: Node<'t>) {
        let Value::Mapping(entries) = node.value() else {
            self.report.expected("a mapping with `@type`", node);
            return;
        };
        if entries.len() == 0 {
            return;
        }
        let mut types = entries.filter(|entry| entry.name() == TYPE);
        let Some(first) = types.next() else {
            let diagnostic = self.report.error(node, || "`@type` is missing".into());
            help(diagnostic, || {
                "name the message, as in \"@type\": type.googleapis.com/envoy...".into()
            });
            return;
        };
        if let Some(second) = types.next() {
            let diagnostic = self
                .report
                .error(second.key, || "`@type` is given twice".into());
            relate(diagnostic, first.key, "first given");
        }
        self.report.path.push(Step::Field(TYPE));
        let named = self.named_message(first.value);
        self.report.path.pop();
        let Some((url, message)) = named else {
            return;
        };
        put_bytes(&mut self.out, 1, url.as_bytes());
        let before = self.out.len();
        let mark = open(&mut self.out, 2);
        match message.well_known() {
            None | Some(WellKnown::Empty) => self.fields(node, message, true),
            Some(_) => self.well_known_any(node, message),
        }
        if self.out.len() == mark.start() {
            self.out.truncate(before);
        } else {
            close(&mut self.out, mark);
        }
    }

    fn named_message(&mut self, node: Node<'t>) -> Option<(&'t str, Message)> {
        let url = self.string(node)?;
        let host = url.split('/').next().unwrap_or_default();
        if host.is_empty() || host.len() == url.len() {
            let shown = self.report.shown(node);
            let diagnostic = self
                .report
                .error(node, || format!("{shown} is not a type URL"));
            help(diagnostic, || {
                format!("write type.googleapis.com/{}", url.trim_start_matches('/'))
            });
            return None;
        }
        let name = url.rsplit('/').next().unwrap_or_default();
        let message = index::message(name);
        if message.is_none() {
            let diagnostic = self
                .report
                .error(node, || format!("unknown message {}", quoted(name)));
            if let Some(known) = diagnostic
                .is_some()
                .then(|| closest_message(name))
                .flatten()
            {
                help(diagnostic, || format!("did you mean `{known}`?"));
            }
        }
        message.map(|message| (url, message))
    }

    fn well_known_any(&mut self, node: Node<'t>, message: Message) {
        let mut given: Option<Entry<'t>> = None;
        for entry in node.entries().filter(|entry| entry.name() != TYPE) {
            let name = entry.name();
            if name != "value" {
                self.report.error(entry.key, || {
                    format!("{} takes only `@type` and `value`", message.full_name())
                });
            } else if let Some(first) = given {
                let diagnostic = self
                    .report
                    .error(entry.key, || "`value` is given twice".into());
                relate(diagnostic, first.key, "first given");
            } else {
                given = Some(entry);
                self.report.path.push(Step::Field("value"));
                if !entry.value.is_null() || message.well_known() == Some(WellKnown::Value) {
                    self.message_value(entry.value, message);
                }
                self.report.path.pop();
            }
        }
    }

    /// After the struct itself was walked. Its mistakes, if it is no struct, are told already.
    pub(super) fn typed_struct(&mut self, node: Node<'t>) {
        let url = node
            .get("type_url")
            .or_else(|| node.get("typeUrl"))
            .and_then(Node::as_str);
        let Some(message) = url.and_then(index::message_of_type_url) else {
            return;
        };
        let length = self.out.len();
        self.report.path.push(Step::Field("value"));
        match node.get("value") {
            Some(value) if matches!(value.value(), Value::Mapping(_)) => {
                self.message_value(value, message);
            }
            Some(value) if value.is_null() => self.empty(value, message),
            Some(_) => {}
            None => self.empty(node, message),
        }
        self.report.path.pop();
        self.out.truncate(length);
    }
}

/// Compares the last part first: people mistype the name, or the package in front of it.
fn closest_message(wanted: &str) -> Option<&'static str> {
    let last = |name: &'static str| name.rsplit('.').next().unwrap_or(name);
    let wanted_last = wanted.rsplit('.').next().unwrap_or(wanted);
    let messages = || {
        index::messages()
            .filter(|m| !m.is_map_entry())
            .map(Message::full_name)
    };
    closest(wanted, messages()).or_else(|| {
        let short = closest(wanted_last, messages().map(last))?;
        let mut full = messages().filter(|name| last(name) == short);
        full.next().filter(|_| full.next().is_none())
    })
}
