//! `AccessLog`: what one of a listener's access logs prints, and where.
//!
//! Offered are Envoy's file, stdout and stderr logs with every form of format; other sinks and filters are
//! refused. A log is parsed without touching its file: [`AccessLog::open`] does, when the listener goes into
//! service.

use std::{collections::BTreeMap, sync::OnceLock};

use portway_proto::{
    path::Segment,
    pb::{
        envoy::{
            config::{
                accesslog::v3 as pb,
                core::v3::{self as core, data_source::Specifier, substitution_format_string},
            },
            extensions::access_loggers::{
                file::v3::{FileAccessLog, file_access_log},
                stream::v3::{
                    StderrAccessLog, StdoutAccessLog, stderr_access_log, stdout_access_log,
                },
            },
        },
        google::protobuf::{self as wkt, value::Kind},
    },
};
use portway_shared::format::{self, Extensions, FormatError, JsonTemplate, Subject, Template};
use prost::Name;
use serde_json::Value;
use tracing::warn;

use super::{
    any,
    at::{At, Parsed, Rejected},
};
use crate::{
    http::field::Field,
    log::{OpenError, Sink, Sinks, Target},
};

/// One access log of a listener.
#[derive(Debug)]
pub struct AccessLog {
    target: Target,
    format: Format,
    /// `None` if it could not be opened.
    sink: OnceLock<Option<Sink>>,
}

#[derive(Debug)]
enum Format {
    Text(Template<Field>),
    Json(JsonTemplate<Field>),
}

impl AccessLog {
    /// Opens the file. A listener whose logs cannot be opened does not go into service.
    pub fn open(&self, sinks: &Sinks) -> Result<(), OpenError> {
        if !matches!(self.sink.get(), Some(Some(_))) {
            let sink = sinks.open(&self.target)?;
            // Whoever came first opened the same one.
            let _ = self.sink.set(Some(sink));
        }
        Ok(())
    }

    /// Where lines go; opened now if nobody has, and tried once.
    pub fn sink(&self, sinks: &Sinks) -> Option<&Sink> {
        self.sink
            .get_or_init(|| match sinks.open(&self.target) {
                Ok(sink) => Some(sink),
                Err(error) => {
                    warn!(%error, "access log not opened, its lines are lost");
                    None
                }
            })
            .as_ref()
    }

    /// Appends a request's line.
    pub fn render(&self, subject: &(impl Subject<Name = Field> + ?Sized), out: &mut Vec<u8>) {
        match &self.format {
            Format::Text(template) => template.render(subject, out),
            Format::Json(template) => template.render(subject, out),
        }
    }
}

/// Parses one element of `access_log`.
pub fn access_log(at: At<'_>, message: pb::AccessLog) -> Parsed<AccessLog> {
    let pb::AccessLog {
        name: _,
        filter,
        config_type,
    } = message;
    at.refuse("filter", &filter);
    let config = config_type.map(|pb::access_log::ConfigType::TypedConfig(config)| config);
    let (target, format) = at.required("typed_config", config, typed_config)?;
    Ok(AccessLog {
        target,
        format,
        sink: OnceLock::new(),
    })
}

fn typed_config(at: At<'_>, config: wkt::Any) -> Parsed<(Target, Format)> {
    let found = any::type_name(&config);
    if found == FileAccessLog::full_name() {
        return file(at, any::decode(at, &config)?);
    }
    if found == StdoutAccessLog::full_name() {
        let StdoutAccessLog { access_log_format } = any::decode(at, &config)?;
        let format =
            access_log_format.map(|stdout_access_log::AccessLogFormat::LogFormat(format)| format);
        return Ok((Target::Stdout, stream_format(at, format)?));
    }
    if found == StderrAccessLog::full_name() {
        let StderrAccessLog { access_log_format } = any::decode(at, &config)?;
        let format =
            access_log_format.map(|stderr_access_log::AccessLogFormat::LogFormat(format)| format);
        return Ok((Target::Stderr, stream_format(at, format)?));
    }
    Err(at.unsupported(format!(
        "access logs of type {found:?} are not supported by this proxy; use FileAccessLog, StdoutAccessLog or StderrAccessLog"
    )))
}

#[expect(deprecated, reason = "every field is answered")]
fn file(at: At<'_>, message: FileAccessLog) -> Parsed<(Target, Format)> {
    use file_access_log::AccessLogFormat as Choice;
    let FileAccessLog {
        path,
        access_log_format,
    } = message;
    let target = match path.as_str() {
        "" => Err(at.field("path", |at| at.error("must not be empty"))),
        "/dev/stdout" => Ok(Target::Stdout),
        "/dev/stderr" => Ok(Target::Stderr),
        path => Ok(Target::File(path.into())),
    };
    let format = match access_log_format {
        None => default_format(at),
        Some(Choice::Format(text)) if text.is_empty() => default_format(at),
        Some(Choice::Format(text)) => at.field("format", |at| {
            text_format(at, &text, Extensions::default(), false)
        }),
        Some(Choice::JsonFormat(json)) => at.field("json_format", |at| {
            json_format(at, json, Extensions::default(), false)
        }),
        Some(Choice::TypedJsonFormat(json)) => at.field("typed_json_format", |at| {
            json_format(at, json, Extensions::default(), false)
        }),
        Some(Choice::LogFormat(format)) => at.field("log_format", |at| log_format(at, format)),
    };
    Ok((target?, format?))
}

fn stream_format(at: At<'_>, format: Option<core::SubstitutionFormatString>) -> Parsed<Format> {
    match at.optional("log_format", format, log_format)? {
        Some(format) => Ok(format),
        None => default_format(at),
    }
}

fn default_format(at: At<'_>) -> Parsed<Format> {
    text_format(at, format::DEFAULT_ACCESS_LOG, Extensions::default(), false)
}

#[expect(deprecated, reason = "every field is answered")]
fn log_format(at: At<'_>, message: core::SubstitutionFormatString) -> Parsed<Format> {
    use substitution_format_string::Format as Choice;
    let core::SubstitutionFormatString {
        omit_empty_values,
        content_type,
        formatters,
        // Its one option sorts keys, and here they are always sorted.
        json_format_options: _,
        format,
    } = message;
    at.harmless("content_type", &content_type);
    let mut extensions = Extensions::default();
    let known = at.each("formatters", formatters, |at, formatter| {
        formatter_extension(at, formatter, &mut extensions)
    });
    let format = match format {
        None => Err(at.error("needs a format: write text_format_source or json_format")),
        Some(Choice::TextFormat(text)) => at.field("text_format", |at| {
            text_format(at, &text, extensions, omit_empty_values)
        }),
        Some(Choice::TextFormatSource(source)) => at.field("text_format_source", |at| {
            text_format(at, &inline(at, source)?, extensions, omit_empty_values)
        }),
        Some(Choice::JsonFormat(json)) => at.field("json_format", |at| {
            json_format(at, json, extensions, omit_empty_values)
        }),
    };
    known?;
    format
}

fn formatter_extension(
    at: At<'_>,
    message: core::TypedExtensionConfig,
    extensions: &mut Extensions,
) -> Parsed<()> {
    let core::TypedExtensionConfig {
        name: _,
        typed_config,
    } = message;
    at.required("typed_config", typed_config, |at, config| {
        match any::type_name(&config) {
            "envoy.extensions.formatter.req_without_query.v3.ReqWithoutQuery" => {
                extensions.req_without_query = true;
                Ok(())
            }
            // Its operator is always there, and refused where a format uses it.
            "envoy.extensions.formatter.metadata.v3.Metadata" => Ok(()),
            other => Err(at.unsupported(format!(
                "formatters of type {other:?} are not supported by this proxy"
            ))),
        }
    })
}

/// The text of a source that needs no file.
fn inline(at: At<'_>, source: core::DataSource) -> Parsed<String> {
    let core::DataSource {
        watched_directory,
        specifier,
    } = source;
    at.refuse("watched_directory", &watched_directory);
    match specifier {
        Some(Specifier::InlineString(text)) => Ok(text),
        Some(Specifier::InlineBytes(bytes)) => String::from_utf8(bytes)
            .map_err(|_| at.field("inline_bytes", |at| at.error("is not UTF-8"))),
        Some(Specifier::Filename(_)) => Err(at.field("filename", |at| at.unsupported(NOT_INLINE))),
        Some(Specifier::EnvironmentVariable(_)) => {
            Err(at.field("environment_variable", |at| at.unsupported(NOT_INLINE)))
        }
        None => Err(at.error("needs an inline_string")),
    }
}

const NOT_INLINE: &str = "is not supported by this proxy here; use inline_string";

fn text_format(at: At<'_>, text: &str, extensions: Extensions, omit: bool) -> Parsed<Format> {
    let template = Template::parse_with(text, extensions).map_err(|error| report(at, error))?;
    Ok(Format::Text(if omit {
        template.omitting_empty()
    } else {
        template
    }))
}

fn json_format(
    at: At<'_>,
    message: wkt::Struct,
    extensions: Extensions,
    omit: bool,
) -> Parsed<Format> {
    let wkt::Struct { fields } = message;
    let members: BTreeMap<String, Value> = fields
        .into_iter()
        .map(|(key, value)| (key, json(value)))
        .collect();
    JsonTemplate::parse(members, extensions, omit)
        .map(Format::Json)
        .map_err(|error| within(at, &error.path.0, &mut |at| report(at, error.error.clone())))
}

/// Goes to the place of an error inside a JSON format.
fn within(at: At<'_>, path: &[Segment], then: &mut dyn FnMut(At<'_>) -> Rejected) -> Rejected {
    match path {
        [] => then(at),
        [Segment::Field(name), rest @ ..] => at.field(name, |at| within(at, rest, then)),
        [Segment::Index(index), rest @ ..] => at.index(*index, |at| within(at, rest, then)),
        [Segment::Key(key), rest @ ..] => at.key(key, |at| within(at, rest, then)),
    }
}

fn report(at: At<'_>, error: FormatError) -> Rejected {
    if error.unsupported {
        at.unsupported(error.to_string())
    } else {
        at.error(error.to_string())
    }
}

/// Numbers of a `Struct` are doubles; whole ones print without a point.
fn json(value: wkt::Value) -> Value {
    match value.kind {
        None | Some(Kind::NullValue(_)) => Value::Null,
        Some(Kind::BoolValue(value)) => Value::Bool(value),
        Some(Kind::NumberValue(value)) => {
            let whole = value as i64;
            if value.abs() < 9e15 && whole as f64 == value {
                Value::from(whole)
            } else {
                Value::from(value)
            }
        }
        Some(Kind::StringValue(text)) => Value::String(text),
        Some(Kind::StructValue(message)) => Value::Object(
            message
                .fields
                .into_iter()
                .map(|(key, value)| (key, json(value)))
                .collect(),
        ),
        Some(Kind::ListValue(list)) => Value::Array(list.values.into_iter().map(json).collect()),
    }
}

#[cfg(test)]
mod tests;
