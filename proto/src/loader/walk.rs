//! A tree to the wire bytes of a message, every mistake on the way reported.
//!
//! The walk follows the message's descriptor, never the file: a field is found by its proto or
//! JSON name, its value read as protobuf's JSON mapping says, with the leniencies of the reader that
//! Envoy 1.40 uses (each pinned by running it): a single value where a list belongs, lists within
//! lists, `null` within a list, `{seconds: 5}` for durations. The ones that are more likely a slip
//! than an intention are answered with a warning. Stricter than Envoy in one point: a key that is
//! given twice, in whatever spelling, is an error; Envoy takes either.
//!
//! Fields come out in ascending order and maps sorted by key, whatever their order in the file. A
//! message with errors has bytes too, but they are not to be used.
//!
//! Validation rules are checked where the value is, so that a violation points at it; those of
//! unset fields point at the message that lacks them. Recursion is bounded by the tree's depth.

mod any;
mod collections;
mod number;
mod plan;
mod report;
mod scalar;
mod suggest;
mod well_known;

pub(super) use scalar::Scalar;

use super::diagnostics::Diagnostic;
use super::rules::{self, Rulebook};
use super::tree::{Entries, Entry, Node, Value};
use crate::encode::{close, open};
use crate::index::rules::{Check, Time};
use crate::index::{Deprecation, Kind, Message, Rules, WellKnown};
use crate::wire::{self, Records};
use plan::{FieldPlan, Plan, Plans, Shape};
use report::{Report, Step, help, relate};
pub use suggest::closest;

/// How strictly a message is read.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Options {
    /// Unknown fields and unknown names of enum values are errors; otherwise warnings, and left
    /// out. An unknown `@type` is always an error.
    pub reject_unknown: bool,
    /// Fields that Envoy has and our generated types lack are taken. Only right where the bytes go
    /// on as they are, to a real Envoy: decoding them would drop what those fields say. Otherwise
    /// they are treated as unknown fields are.
    pub accept_undecodable: bool,
    /// Keys beside the fields of the outermost message, for the caller to read: an envelope's.
    pub envelope: &'static [&'static str],
    /// At most so many errors and so many warnings are told.
    pub diagnostics: usize,
}

impl Default for Options {
    fn default() -> Self {
        Self {
            reject_unknown: true,
            accept_undecodable: false,
            envelope: &[],
            diagnostics: 100,
        }
    }
}

pub(super) struct Walker<'t> {
    options: &'t Options,
    plans: Plans,
    rulebook: Rulebook,
    report: Report<'t>,
    /// How many enclosing fields say that the messages in them are not validated.
    unruled: usize,
    out: Vec<u8>,
}

/// The message's bytes and what is wrong with the file, in its order.
pub(super) fn walk(
    root: Node<'_>,
    message: Message,
    options: &Options,
) -> (Vec<u8>, Vec<Diagnostic>) {
    let mut walker = Walker {
        options,
        plans: Plans::default(),
        rulebook: Rulebook::default(),
        report: Report::new(options.diagnostics),
        unruled: 0,
        out: Vec::new(),
    };
    walker.message_value(root, message);
    (walker.out, walker.report.finish())
}

impl<'t> Walker<'t> {
    /// Writes the content of a message; `node` is not null, or its message takes null.
    fn message_value(&mut self, node: Node<'t>, message: Message) {
        let plain = matches!(node.value(), Value::Mapping(_));
        match message.well_known() {
            Some(WellKnown::Any) => self.any(node),
            Some(WellKnown::Struct) => self.structure(node),
            Some(WellKnown::Value) => self.dynamic(node),
            Some(WellKnown::Duration) if !plain => self.duration(node),
            Some(WellKnown::Timestamp) if !plain => self.timestamp(node),
            Some(WellKnown::FieldMask) if !plain => self.field_mask(node),
            Some(WellKnown::ListValue) if !plain => self.dynamic_list(node),
            Some(WellKnown::Wrapper(kind)) if !plain => {
                if let Some(value) = self.scalar(node, kind).filter(|value| !value.is_zero()) {
                    value.put(&mut self.out, 1, kind);
                }
            }
            _ => self.fields(node, message, false),
        }
    }

    /// A mapping of field names; `in_any` when `@type` stands among them.
    fn fields(&mut self, node: Node<'t>, message: Message, in_any: bool) {
        let Value::Mapping(entries) = node.value() else {
            let name = message.full_name();
            let name = name.rsplit('.').next().unwrap_or(name);
            self.report.expected(&format!("a mapping ({name})"), node);
            return;
        };
        self.members(node, entries, message, in_any);
        if matches!(
            message.full_name(),
            "xds.type.v3.TypedStruct" | "udpa.type.v1.TypedStruct"
        ) {
            self.typed_struct(node);
        }
    }

    /// The rules that an empty message breaks.
    fn empty(&mut self, node: Node<'t>, message: Message) {
        self.members(node, Entries::none(node), message, false);
    }

    fn members(&mut self, node: Node<'t>, entries: Entries<'t>, message: Message, in_any: bool) {
        let plan = self.plans.of(message);
        let mut given: Vec<Option<Entry<'t>>> = vec![None; plan.fields.len()];
        for entry in entries {
            let name = entry.name();
            let outermost = self.report.path.is_empty();
            if (in_any && name == "@type") || (outermost && self.options.envelope.contains(&name)) {
                continue;
            }
            let Some(at) = plan.find(name) else {
                self.unknown_field(entry, &plan);
                continue;
            };
            match given.get_mut(at) {
                Some(Some(first)) => {
                    let first = first.key;
                    let secret = plan.fields.get(at).is_some_and(|field| field.sensitive);
                    self.report.secret += usize::from(secret);
                    self.report.path.push(Step::Field(name));
                    self.given_twice(first, entry.key, name);
                    self.report.path.pop();
                    self.report.secret -= usize::from(secret);
                }
                Some(free) => *free = Some(entry),
                None => {}
            }
        }
        self.oneof_conflicts(&plan, &mut given);
        for (field, entry) in plan.fields.iter().zip(&given) {
            if let Some(entry) = entry.filter(|entry| is_set(field, entry.value)) {
                if field.field.is_generated() || self.options.accept_undecodable {
                    self.field(field, entry);
                } else {
                    self.undecodable(entry, message);
                }
                continue;
            }
            if let Some(rules) = field.rules.as_ref().filter(|_| self.unruled == 0) {
                self.unset(field, rules, node);
            }
            if let Some(deprecation) = field.default_deprecation {
                self.deprecated(node, Some(deprecation), || {
                    format!("`{}` is not set, and its default", field.name)
                });
            }
        }
        if self.unruled == 0 {
            self.required_oneofs(&plan, &given, node);
        }
    }

    fn field(&mut self, field: &FieldPlan, entry: Entry<'t>) {
        self.report.path.push(Step::Field(field.name));
        let ruled = field.rules.as_ref();
        let unruled = ruled.is_some_and(|rules| rules.skip);
        self.report.secret += usize::from(field.sensitive);
        self.unruled += usize::from(unruled);
        self.deprecated(entry.key, field.deprecation, || {
            format!("field `{}`", field.name)
        });
        match field.shape {
            Shape::Single => {
                self.put(field.number, field.kind, ruled, entry.value, field.presence);
            }
            Shape::List => self.list(field, entry.value),
            Shape::Map => self.map(field, entry.value),
        }
        self.unruled -= usize::from(unruled);
        self.report.secret -= usize::from(field.sensitive);
        self.report.path.pop();
    }

    /// One value with its tag. Without `always`, the zero of a scalar is left out.
    fn put(
        &mut self,
        number: u32,
        kind: Kind,
        rules: Option<&Rules>,
        node: Node<'t>,
        always: bool,
    ) {
        match kind {
            Kind::Message(message) => {
                let errors = self.report.errors();
                let mark = open(&mut self.out, number);
                self.message_value(node, message);
                if let Some(rules) = rules.filter(|_| self.report.errors() == errors) {
                    self.check_message(node, message, rules, mark.start());
                }
                close(&mut self.out, mark);
            }
            _ => {
                if let Some(value) = self.checked_scalar(node, kind, rules)
                    && (always || !value.is_zero())
                {
                    value.put(&mut self.out, number, kind);
                }
            }
        }
    }

    fn checked_scalar(
        &mut self,
        node: Node<'t>,
        kind: Kind,
        rules: Option<&Rules>,
    ) -> Option<Scalar<'t>> {
        // `NullValue` has one value and `null` is its name.
        let value = match (node.value(), kind) {
            (Value::Null, _) => Scalar::zero(kind),
            _ => self.scalar(node, kind)?,
        };
        if let Some(rules) = rules.filter(|_| self.unruled == 0) {
            let must = self.rulebook.scalar(&rules.check, &value, enum_of(kind));
            self.must(node, must);
        }
        Some(value)
    }

    /// Rules on the message that was just written from `start` on.
    fn check_message(&mut self, node: Node<'t>, message: Message, rules: &Rules, start: usize) {
        if self.unruled > usize::from(rules.skip) {
            return;
        }
        let content = self.out.get(start..).unwrap_or_default();
        let must = match (&rules.check, message.well_known()) {
            (Check::Duration(rules) | Check::Timestamp(rules), _) => {
                rules::time(rules, time_of(content))
            }
            (Check::Any(rules), _) => rules::any(rules, any_type(content)),
            (check, Some(WellKnown::Wrapper(kind))) => {
                self.rulebook
                    .scalar(check, &wrapped(content, kind), enum_of(kind))
            }
            _ => None,
        };
        self.must(node, must);
    }

    fn must(&mut self, node: Node<'t>, must: Option<String>) {
        if let Some(must) = must {
            let shown = self.report.shown(node);
            self.report.error(node, || format!("{shown} {must}"));
        }
    }

    /// Rules that a field breaks by not being there.
    fn unset(&mut self, field: &FieldPlan, rules: &Rules, parent: Node<'t>) {
        // Rules on a member of a oneof speak to who chooses it.
        if field.oneof.is_some() {
            return;
        }
        let required = rules.required
            || match &rules.check {
                Check::Any(rules) => rules.required,
                Check::Duration(rules) | Check::Timestamp(rules) => rules.required,
                _ => false,
            };
        let must = match (&rules.check, field.shape) {
            _ if required => Some("is required".into()),
            (Check::List(rules), _) => rules::list(rules, 0),
            (Check::Map(rules), _) => rules::map(rules, 0),
            (check, Shape::Single) if !field.presence => {
                self.rulebook
                    .scalar(check, &Scalar::zero(field.kind), enum_of(field.kind))
            }
            _ => None,
        };
        if let Some(must) = must {
            self.report.path.push(Step::Field(field.name));
            let diagnostic = self
                .report
                .error(parent, || format!("`{}` {must}", field.name));
            if !required {
                help(diagnostic, || "it is not set".into());
            }
            self.report.path.pop();
        }
    }

    fn oneof_conflicts(&mut self, plan: &Plan, given: &mut [Option<Entry<'t>>]) {
        let mut members: Vec<(usize, crate::index::Oneof, Entry<'t>)> = Vec::new();
        for (at, (field, entry)) in plan.fields.iter().zip(given.iter()).enumerate() {
            if let (Some(oneof), Some(entry)) = (field.oneof, entry)
                && is_set(field, entry.value)
            {
                members.push((at, oneof, *entry));
            }
        }
        // What stands first in the file is what the author thought of first.
        members.sort_by_key(|(_, _, entry)| entry.key.span().start);
        for (position, (at, oneof, entry)) in members.iter().enumerate() {
            let earlier = members
                .iter()
                .take(position)
                .find(|(_, other, _)| other == oneof);
            let Some((_, _, first)) = earlier else {
                continue;
            };
            let (name, other) = (entry.name(), first.name());
            self.report.path.push(Step::Field(name));
            let diagnostic = self.report.error(entry.key, || {
                format!(
                    "`{name}` conflicts with `{other}`: only one of {} may be set",
                    oneof.name()
                )
            });
            relate(diagnostic, first.key, &format!("`{other}` is set"));
            self.report.path.pop();
            if let Some(entry) = given.get_mut(*at) {
                *entry = None;
            }
        }
    }

    fn required_oneofs(&mut self, plan: &Plan, given: &[Option<Entry<'t>>], node: Node<'t>) {
        for oneof in &plan.required_oneofs {
            let set = plan.fields.iter().zip(given).any(|(field, entry)| {
                field.oneof == Some(*oneof) && entry.is_some_and(|entry| is_set(field, entry.value))
            });
            if set {
                continue;
            }
            self.report.error(node, || {
                let names: Vec<_> = oneof
                    .fields()
                    .map(|field| format!("`{}`", field.name()))
                    .collect();
                match names.as_slice() {
                    [name] => format!("{name} is required"),
                    _ => format!("one of {} must be set", names.join(", ")),
                }
            });
        }
    }

    fn unknown_field(&mut self, entry: Entry<'t>, plan: &Plan) {
        let name = entry.name();
        let severity = self.unknown_severity();
        let message = plan.message;
        self.report.path.push(Step::Field(name));
        let diagnostic = self
            .report
            .add(severity, entry.key.tree, entry.key.span(), || {
                let name = report::quoted(name).replace('"', "`");
                if message.is_reserved_name(entry.name()) {
                    format!("field {name} was removed from {}", message.full_name())
                } else {
                    format!("unknown field {name} in {}", message.full_name())
                }
            });
        if let Some(diagnostic) = diagnostic
            && let Some(known) = closest(name, plan.fields.iter().map(|field| field.name))
        {
            diagnostic.help = Some(format!("did you mean `{known}`?"));
        }
        self.report.path.pop();
    }

    fn undecodable(&mut self, entry: Entry<'t>, message: Message) {
        let severity = self.unknown_severity();
        let (name, of) = (entry.name(), message.full_name());
        self.report.path.push(Step::Field(name));
        self.report
            .add(severity, entry.key.tree, entry.key.span(), || {
                format!("field `{name}` of {of} is not supported; only Envoy has it")
            });
        self.report.path.pop();
    }

    fn deprecated(
        &mut self,
        node: Node<'t>,
        deprecation: Option<Deprecation>,
        what: impl FnOnce() -> String,
    ) {
        match deprecation {
            None => {}
            Some(Deprecation::Warned) => {
                self.report
                    .warning(node, || format!("{} is deprecated", what()));
            }
            Some(Deprecation::Disallowed) => {
                let diagnostic = self.report.error(node, || {
                    format!("{} is deprecated and no longer allowed", what())
                });
                help(diagnostic, || {
                    "Envoy refuses it unless a runtime key allows it".into()
                });
            }
        }
    }
}

/// Null means "not set" for all but the two types that have a null of their own.
fn is_set(field: &FieldPlan, node: Node<'_>) -> bool {
    !node.is_null() || (field.shape == Shape::Single && takes_null(field.kind))
}

fn takes_null(kind: Kind) -> bool {
    match kind {
        Kind::Message(message) => message.well_known() == Some(WellKnown::Value),
        Kind::Enum(of) => of.full_name() == "google.protobuf.NullValue",
        _ => false,
    }
}

fn enum_of(kind: Kind) -> Option<crate::index::Enum> {
    match kind {
        Kind::Enum(of) => Some(of),
        _ => None,
    }
}

fn records(content: &[u8]) -> impl Iterator<Item = wire::Record<'_>> {
    Records::new(content).map_while(Result::ok)
}

fn time_of(content: &[u8]) -> Time {
    let mut time = Time::default();
    for record in records(content) {
        match (record.number, record.value) {
            (1, wire::Value::Varint(value)) => time.seconds = value as i64,
            (2, wire::Value::Varint(value)) => time.nanos = value as i32,
            _ => {}
        }
    }
    time
}

fn any_type(content: &[u8]) -> &str {
    records(content)
        .find_map(|record| match (record.number, record.value) {
            (1, wire::Value::Bytes(url)) => str::from_utf8(url).ok(),
            _ => None,
        })
        .unwrap_or_default()
}

fn wrapped(content: &[u8], kind: Kind) -> Scalar<'_> {
    let value = records(content)
        .find(|record| record.number == 1)
        .map(|record| record.value);
    match (value, kind) {
        (Some(wire::Value::Varint(value)), Kind::Bool) => Scalar::Bool(value != 0),
        (Some(wire::Value::Varint(value)), Kind::Int32 | Kind::Int64) => Scalar::Int(value as i64),
        (Some(wire::Value::Varint(value)), _) => Scalar::Uint(value),
        (Some(wire::Value::Fixed64(bits)), _) => Scalar::Float(f64::from_bits(bits)),
        (Some(wire::Value::Fixed32(bits)), _) => Scalar::Float(f64::from(f32::from_bits(bits))),
        (Some(wire::Value::Bytes(text)), Kind::String) => {
            Scalar::Text(str::from_utf8(text).unwrap_or_default())
        }
        (Some(wire::Value::Bytes(bytes)), _) => Scalar::Bytes(bytes.to_vec()),
        (None | Some(wire::Value::Group(_)), kind) => Scalar::zero(kind),
    }
}

#[cfg(test)]
mod tests;
