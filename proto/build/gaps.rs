//! Merges `gaps/envoy.proto`, the fields that Envoy has and envoy-types lacks, into the schema.

use crate::descriptors::{Enum, Message, Schema};
use std::collections::HashMap;
use std::error::Error;

/// The file, as its imports would name it.
pub const FILE: &str = "envoy.proto";

/// Each declaration goes where its `of` option says: into the message or enum of that name, or, if
/// there is none, beside the others as a new one.
pub fn merge(schema: &mut Schema, gaps: Schema) -> Result<(), Box<dyn Error>> {
    let mut targets = HashMap::new();
    for message in &gaps.messages {
        targets.insert(message.name.clone(), message.stands_for.clone());
    }
    for declared in &gaps.enums {
        targets.insert(declared.name.clone(), declared.stands_for.clone());
    }
    if let Some((name, _)) = targets.iter().find(|(_, target)| target.is_empty()) {
        return Err(format!("{name} does not say what it is part of").into());
    }
    for mut message in gaps.messages {
        for field in &mut message.fields {
            if let Some(target) = targets.get(&field.type_name) {
                field.type_name.clone_from(target);
            }
            field.generated = false;
        }
        message.name = std::mem::take(&mut message.stands_for);
        merge_message(schema, message);
    }
    for mut declared in gaps.enums {
        declared.name = std::mem::take(&mut declared.stands_for);
        merge_enum(schema, declared);
    }
    schema.sort();
    Ok(())
}

fn merge_message(schema: &mut Schema, message: Message) {
    let Some(known) = schema
        .messages
        .iter_mut()
        .find(|known| known.name == message.name)
    else {
        schema.messages.push(message);
        return;
    };
    for field in message.fields {
        match known
            .fields
            .iter_mut()
            .find(|other| other.number == field.number)
        {
            // Declared once more for the sake of its rules.
            Some(other) => other.rules = field.rules,
            None => known.fields.push(field),
        }
    }
    known.fields.sort_by_key(|field| field.number);
}

fn merge_enum(schema: &mut Schema, declared: Enum) {
    let Some(known) = schema
        .enums
        .iter_mut()
        .find(|known| known.name == declared.name)
    else {
        schema.enums.push(declared);
        return;
    };
    for value in declared.values {
        if known
            .values
            .iter()
            .all(|other| other.number != value.number)
        {
            known.values.push(value);
        }
    }
}
