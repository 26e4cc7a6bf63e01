//! What the walk asks of a message type, gathered once per file.
//!
//! The index answers from packed tables and decodes rules anew at each call; a file of a hundred
//! thousand routes asks the same few questions each time.

use crate::index::{Deprecation, Field, Kind, Message, Oneof, Rules};
use rustc_hash::FxHashMap;
use std::rc::Rc;

#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub(super) enum Shape {
    Single,
    List,
    Map,
}

#[derive(Debug)]
pub(super) struct FieldPlan {
    pub(super) field: Field,
    pub(super) name: &'static str,
    pub(super) number: u32,
    pub(super) kind: Kind,
    pub(super) shape: Shape,
    pub(super) oneof: Option<Oneof>,
    pub(super) presence: bool,
    pub(super) packed: bool,
    pub(super) sensitive: bool,
    pub(super) deprecation: Option<Deprecation>,
    /// Of the enum value that the field has when it is not set.
    pub(super) default_deprecation: Option<Deprecation>,
    /// None where the message switches its rules off.
    pub(super) rules: Option<Rules>,
}

#[derive(Debug)]
pub(super) struct Plan {
    pub(super) message: Message,
    /// Ascending by number: the order in which they are encoded.
    pub(super) fields: Vec<FieldPlan>,
    names: FxHashMap<&'static str, usize>,
    pub(super) required_oneofs: Vec<Oneof>,
}

impl Plan {
    fn new(message: Message) -> Self {
        let ruled = !message.rules_disabled();
        let fields: Vec<_> = message
            .fields()
            .map(|field| FieldPlan::new(field, ruled))
            .collect();
        let mut names = FxHashMap::default();
        for (at, plan) in fields.iter().enumerate() {
            names.entry(plan.field.json_name()).or_insert(at);
        }
        for (at, plan) in fields.iter().enumerate() {
            names.insert(plan.name, at);
        }
        let required_oneofs = message.oneofs().filter(|o| ruled && o.required()).collect();
        Self {
            message,
            fields,
            names,
            required_oneofs,
        }
    }

    pub(super) fn find(&self, name: &str) -> Option<usize> {
        self.names.get(name).copied()
    }
}

impl FieldPlan {
    fn new(field: Field, ruled: bool) -> Self {
        let shape = if field.is_map() {
            Shape::Map
        } else if field.is_list() {
            Shape::List
        } else {
            Shape::Single
        };
        let deprecation = field
            .deprecated_by_envoy()
            .or_else(|| field.deprecated().then_some(Deprecation::Warned));
        let default_deprecation = match field.kind() {
            Kind::Enum(of) if shape == Shape::Single && !field.has_presence() => {
                of.deprecated_by_envoy(0)
            }
            _ => None,
        };
        Self {
            field,
            default_deprecation,
            name: field.name(),
            number: field.number(),
            kind: field.kind(),
            shape,
            oneof: field.oneof(),
            presence: field.has_presence(),
            packed: field.packed(),
            sensitive: field.sensitive(),
            deprecation,
            rules: if ruled { field.rules() } else { None },
        }
    }
}

#[derive(Debug, Default)]
pub(super) struct Plans(FxHashMap<Message, Rc<Plan>>);

impl Plans {
    pub(super) fn of(&mut self, message: Message) -> Rc<Plan> {
        Rc::clone(
            self.0
                .entry(message)
                .or_insert_with(|| Rc::new(Plan::new(message))),
        )
    }
}
