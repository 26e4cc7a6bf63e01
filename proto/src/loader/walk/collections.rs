//! Lists and maps.

use super::plan::FieldPlan;
use super::report::{Step, relate};
use super::{Walker, takes_null};
use crate::encode::{close, open};
use crate::index::rules::{Check, ListRules, MapRules};
use crate::index::{Kind, Rules, WellKnown};
use crate::loader::rules;
use crate::loader::walk::Scalar;
use crate::loader::{Entry, Node, Value};
use rustc_hash::FxHashMap;

/// Keys in the order in which entries are written.
#[derive(Clone, Copy, PartialEq, Eq, PartialOrd, Ord)]
enum Key<'t> {
    Number(i128),
    Text(&'t str),
}

impl<'t> Walker<'t> {
    pub(super) fn list(&mut self, field: &FieldPlan, node: Node<'t>) {
        let mut items = Vec::new();
        match node.value() {
            Value::Sequence(_) => self.flatten(field, node, &mut items),
            _ => {
                self.report
                    .warning(node, || "a single value where a list belongs".into());
                items.push(node);
            }
        }
        let list_rules = match field.rules.as_ref().map(|rules| &rules.check) {
            Some(Check::List(rules)) if self.unruled == 0 => Some(&**rules),
            _ => None,
        };
        let must = list_rules.and_then(|rules| rules::list(rules, items.len() as u64));
        self.must(node, must);
        let item_rules = list_rules.and_then(|rules| rules.items.as_ref());
        let unruled = usize::from(item_rules.is_some_and(|rules| rules.skip));
        self.unruled += unruled;
        if field.packed {
            self.packed(field, item_rules, &items);
        } else {
            for (index, item) in items.iter().enumerate() {
                self.report.path.push(Step::Index(index));
                self.element(field.number, field.kind, item_rules, *item);
                self.report.path.pop();
            }
        }
        self.unruled -= unruled;
        if let Some(rules) = list_rules {
            self.unique(rules, &items);
        }
    }

    /// Envoy's reader takes lists within lists for one list.
    fn flatten(&mut self, field: &FieldPlan, node: Node<'t>, items: &mut Vec<Node<'t>>) {
        let nested_is_a_value = matches!(
            field.kind,
            Kind::Message(message)
                if matches!(message.well_known(), Some(WellKnown::Value | WellKnown::ListValue))
        );
        for item in node.items() {
            match item.value() {
                Value::Sequence(_) if !nested_is_a_value => {
                    self.report.warning(item, || {
                        "a list within a list, which is read as if its items stood here".into()
                    });
                    self.flatten(field, item, items);
                }
                _ => items.push(item),
            }
        }
    }

    /// A list's item or a map's value: always written, null as the empty value.
    fn element(&mut self, number: u32, kind: Kind, rules: Option<&Rules>, node: Node<'t>) {
        match kind {
            Kind::Message(message) if node.is_null() && !takes_null(kind) => {
                self.report
                    .warning(node, || "null, which is read as an empty value".into());
                // An empty message breaks the rules that an empty mapping would.
                let mark = open(&mut self.out, number);
                if message.well_known().is_none() && self.unruled == 0 {
                    self.empty(node, message);
                }
                close(&mut self.out, mark);
            }
            _ => self.put(number, kind, rules, node, true),
        }
    }

    fn packed(&mut self, field: &FieldPlan, rules: Option<&Rules>, items: &[Node<'t>]) {
        if items.is_empty() {
            return;
        }
        let mark = open(&mut self.out, field.number);
        for (index, item) in items.iter().enumerate() {
            self.report.path.push(Step::Index(index));
            if let Some(value) = self.checked_scalar(*item, field.kind, rules) {
                value.put_bare(&mut self.out, field.kind);
            }
            self.report.path.pop();
        }
        close(&mut self.out, mark);
    }

    fn unique(&mut self, rules: &ListRules, items: &[Node<'t>]) {
        if !rules.unique {
            return;
        }
        let mut seen: FxHashMap<&str, Node<'t>> = FxHashMap::default();
        for (index, item) in items.iter().enumerate() {
            let text = item.as_str().unwrap_or_else(|| item.source());
            let Some(first) = seen.get(text).copied() else {
                seen.insert(text, *item);
                continue;
            };
            self.report.path.push(Step::Index(index));
            let shown = self.report.shown(*item);
            let diagnostic = self
                .report
                .error(*item, || format!("{shown} must not repeat"));
            relate(diagnostic, first, "first given");
            self.report.path.pop();
        }
    }

    pub(super) fn map(&mut self, field: &FieldPlan, node: Node<'t>) {
        let (Value::Mapping(entries), Kind::Message(entry_message)) = (node.value(), field.kind)
        else {
            self.report.expected("a mapping", node);
            return;
        };
        let kind = |number| {
            entry_message
                .field_by_number(number)
                .map(|field| field.kind())
        };
        let (Some(key_kind), Some(value_kind)) = (kind(1), kind(2)) else {
            return;
        };
        let map_rules = match field.rules.as_ref().map(|rules| &rules.check) {
            Some(Check::Map(rules)) if self.unruled == 0 => Some(&**rules),
            _ => None,
        };
        let must = map_rules.and_then(|rules| rules::map(rules, entries.len() as u64));
        self.must(node, must);
        let mut sorted: Vec<(Key<'t>, Entry<'t>)> = Vec::with_capacity(entries.len());
        for entry in entries {
            match parse_key(entry.name(), key_kind) {
                Some(key) => sorted.push((key, entry)),
                None => {
                    let shown = self.report.shown(entry.key);
                    self.report
                        .error(entry.key, || format!("{shown} is not a key of this map"));
                }
            }
        }
        sorted.sort_by_key(|(key, _)| *key);
        let mut last: Option<(Key<'t>, Entry<'t>)> = None;
        for (key, entry) in sorted {
            if let Some((_, first)) = last.filter(|(last, _)| *last == key) {
                self.given_twice(first.key, entry.key, entry.name());
                continue;
            }
            last = Some((key, entry));
            self.report.path.push(Step::Key(entry.name()));
            let mark = open(&mut self.out, field.number);
            self.map_entry(key, key_kind, value_kind, map_rules, entry);
            close(&mut self.out, mark);
            self.report.path.pop();
        }
    }

    fn map_entry(
        &mut self,
        key: Key<'t>,
        key_kind: Kind,
        value_kind: Kind,
        rules: Option<&MapRules>,
        entry: Entry<'t>,
    ) {
        let key = match key {
            Key::Text(text) => Scalar::Text(text),
            Key::Number(number) => match Scalar::zero(key_kind) {
                Scalar::Bool(_) => Scalar::Bool(number != 0),
                Scalar::Uint(_) => Scalar::Uint(u64::try_from(number).unwrap_or_default()),
                _ => Scalar::Int(i64::try_from(number).unwrap_or_default()),
            },
        };
        if let Some(key_rules) = rules.and_then(|rules| rules.keys.as_ref()) {
            let must = self.rulebook.scalar(&key_rules.check, &key, None);
            self.must(entry.key, must);
        }
        if rules.is_some_and(|rules| rules.no_sparse) && entry.value.is_null() {
            self.report
                .error(entry.key, || "the value must be set".into());
        }
        key.put(&mut self.out, 1, key_kind);
        let value_rules = rules.and_then(|rules| rules.values.as_ref());
        let unruled = usize::from(value_rules.is_some_and(|rules| rules.skip));
        self.unruled += unruled;
        self.element(2, value_kind, value_rules, entry.value);
        self.unruled -= unruled;
    }
}

fn parse_key(name: &str, kind: Kind) -> Option<Key<'_>> {
    let number = |low: i128, high: i128| {
        let number: i128 = name.parse().ok()?;
        (low..=high)
            .contains(&number)
            .then_some(Key::Number(number))
    };
    match kind {
        Kind::Bool => match name {
            "true" => Some(Key::Number(1)),
            "false" => Some(Key::Number(0)),
            _ => None,
        },
        Kind::Int32 | Kind::Sint32 | Kind::Sfixed32 => number(i32::MIN.into(), i32::MAX.into()),
        Kind::Int64 | Kind::Sint64 | Kind::Sfixed64 => number(i64::MIN.into(), i64::MAX.into()),
        Kind::Uint32 | Kind::Fixed32 => number(0, u32::MAX.into()),
        Kind::Uint64 | Kind::Fixed64 => number(0, u64::MAX.into()),
        _ => Some(Key::Text(name)),
    }
}
