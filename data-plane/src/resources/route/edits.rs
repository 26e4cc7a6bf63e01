//! Header fields to add and remove.

use portway_proto::pb::envoy::config::core::v3 as pb;
use portway_shared::format::Template;

use super::text;
use crate::{
    http::{field::Field, name::HeaderName},
    resources::at::{At, Parsed},
    routing::edits::{AppendAction, Edit, Edits, HeaderEdits},
};

/// The four fields that every level of a route configuration has.
pub(super) struct Messages {
    pub request_headers_to_add: Vec<pb::HeaderValueOption>,
    pub request_headers_to_remove: Vec<String>,
    pub response_headers_to_add: Vec<pb::HeaderValueOption>,
    pub response_headers_to_remove: Vec<String>,
}

/// Envoy takes no more at one level.
const MAX_EDITS: usize = 1000;
const MAX_HEADER_BYTES: usize = 16384;

pub(super) fn header_edits(at: At<'_>, messages: Messages) -> Parsed<HeaderEdits> {
    let Messages {
        request_headers_to_add,
        request_headers_to_remove,
        response_headers_to_add,
        response_headers_to_remove,
    } = messages;
    let request_add = additions(at, "request_headers_to_add", request_headers_to_add);
    let request_remove = at.each(
        "request_headers_to_remove",
        request_headers_to_remove,
        removable,
    );
    let response_add = additions(at, "response_headers_to_add", response_headers_to_add);
    let response_remove = at.each(
        "response_headers_to_remove",
        response_headers_to_remove,
        removable,
    );
    Ok(HeaderEdits {
        request: Edits {
            remove: request_remove?.into(),
            add: request_add?,
        },
        response: Edits {
            remove: response_remove?.into(),
            add: response_add?,
        },
    })
}

fn additions(
    at: At<'_>,
    field: &'static str,
    messages: Vec<pb::HeaderValueOption>,
) -> Parsed<Box<[Edit]>> {
    if messages.len() > MAX_EDITS {
        return Err(at.field(field, |at| {
            at.error(format!(
                "{} headers are more than {MAX_EDITS}",
                messages.len()
            ))
        }));
    }
    Ok(at.each(field, messages, header_value_option)?.into())
}

/// Parses one header to write.
#[expect(deprecated, reason = "every field is answered")]
pub fn header_value_option(at: At<'_>, message: pb::HeaderValueOption) -> Parsed<Edit> {
    let pb::HeaderValueOption {
        header,
        append,
        append_action,
        keep_empty_value,
    } = message;
    let header = at.required("header", header, header_value);
    let action = at.field("append_action", |at| {
        let action = action(at, append_action)?;
        match append {
            None => Ok(action),
            Some(_) if action != AppendAction::default() => {
                Err(at.error("cannot be set together with append; leave append out"))
            }
            Some(append) if append.value => Ok(AppendAction::AppendIfExistsOrAdd),
            Some(_) => Ok(AppendAction::OverwriteIfExistsOrAdd),
        }
    });
    let (name, value) = header?;
    Ok(Edit {
        name,
        value,
        action: action?,
        keep_empty: keep_empty_value,
    })
}

fn header_value(at: At<'_>, message: pb::HeaderValue) -> Parsed<(HeaderName, Template<Field>)> {
    let pb::HeaderValue {
        key,
        value,
        raw_value,
    } = message;
    at.refuse("raw_value", &raw_value);
    let name = at.field("key", |at| changeable(at, &key, "written"));
    let value = at.field("value", |at| {
        text::header_value(at, &value)?;
        if value.len() > MAX_HEADER_BYTES {
            return Err(at.error(format!("must not be longer than {MAX_HEADER_BYTES} bytes")));
        }
        template(at, &value)
    });
    Ok((name?, value?))
}

/// Parses a text with command operators.
pub fn template(at: At<'_>, text: &str) -> Parsed<Template<Field>> {
    match Template::parse(text) {
        Ok(template) => Ok(template.omitting_empty()),
        Err(error) if error.unsupported => Err(at.unsupported(error.to_string())),
        Err(error) => Err(at.error(error.to_string())),
    }
}

fn action(at: At<'_>, value: i32) -> Parsed<AppendAction> {
    use pb::header_value_option::HeaderAppendAction as Message;
    match Message::try_from(value) {
        Ok(Message::AppendIfExistsOrAdd) => Ok(AppendAction::AppendIfExistsOrAdd),
        Ok(Message::AddIfAbsent) => Ok(AppendAction::AddIfAbsent),
        Ok(Message::OverwriteIfExistsOrAdd) => Ok(AppendAction::OverwriteIfExistsOrAdd),
        Ok(Message::OverwriteIfExists) => Ok(AppendAction::OverwriteIfExists),
        Err(_) => Err(at.error(format!("{value} is no append action"))),
    }
}

/// Parses the name of a header to remove.
pub fn removable(at: At<'_>, name: String) -> Parsed<HeaderName> {
    changeable(at, &name, "removed")
}

/// The name of a header that configuration may change.
fn changeable(at: At<'_>, name: &str, how: &str) -> Parsed<HeaderName> {
    if name.starts_with(':') || name.eq_ignore_ascii_case("host") {
        return Err(at.error(format!("{name:?} cannot be {how} this way")));
    }
    if name.len() > MAX_HEADER_BYTES {
        return Err(at.error(format!("must not be longer than {MAX_HEADER_BYTES} bytes")));
    }
    HeaderName::parse(name).map_err(|error| at.error(error.to_string()))
}
