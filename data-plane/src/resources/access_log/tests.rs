use std::{
    collections::HashMap,
    time::{Duration, SystemTime},
};

use portway_shared::format::{Address, Count, Message, Moment, Peer, Text};

use super::*;
use crate::resources::at;

/// An answer to `GET /x?y`.
struct Answer;

impl Subject for Answer {
    type Name = Field;

    fn header(&self, message: Message, name: &Field) -> Option<&[u8]> {
        let path = Field::OfRequest(crate::http::message::RequestField::Path);
        (message == Message::Request && *name == path).then_some(b"/x?y")
    }

    fn count(&self, count: Count) -> u64 {
        if count == Count::ResponseCode { 200 } else { 0 }
    }

    fn moment(&self, _: Moment) -> Option<Duration> {
        None
    }

    fn text(&self, _: Text) -> Option<&[u8]> {
        None
    }

    fn address(&self, _: Peer) -> Option<Address<'_>> {
        None
    }

    fn flags(&self, _: bool, _: &mut dyn FnMut(&'static str)) {}

    fn started(&self) -> SystemTime {
        SystemTime::UNIX_EPOCH
    }

    fn emitted(&self) -> SystemTime {
        SystemTime::UNIX_EPOCH
    }
}

fn any<M: prost::Message + Name>(message: &M) -> wkt::Any {
    wkt::Any {
        type_url: M::type_url(),
        value: message.encode_to_vec(),
    }
}

fn log(config: wkt::Any) -> pb::AccessLog {
    pb::AccessLog {
        name: "log".into(),
        filter: None,
        config_type: Some(pb::access_log::ConfigType::TypedConfig(config)),
    }
}

fn file_with(path: &str, format: Option<file_access_log::AccessLogFormat>) -> pb::AccessLog {
    log(any(&FileAccessLog {
        path: path.into(),
        access_log_format: format,
    }))
}

fn source(text: &str) -> substitution_format_string::Format {
    substitution_format_string::Format::TextFormatSource(core::DataSource {
        watched_directory: None,
        specifier: Some(Specifier::InlineString(text.into())),
    })
}

fn string(format: substitution_format_string::Format) -> core::SubstitutionFormatString {
    core::SubstitutionFormatString {
        format: Some(format),
        ..core::SubstitutionFormatString::default()
    }
}

fn members(members: &[(&str, Kind)]) -> wkt::Struct {
    let value = |kind: &Kind| wkt::Value {
        kind: Some(kind.clone()),
    };
    wkt::Struct {
        fields: members
            .iter()
            .map(|(key, kind)| ((*key).to_owned(), value(kind)))
            .collect::<HashMap<_, _>>(),
    }
}

fn parse(message: pb::AccessLog) -> Result<(Target, String), Vec<String>> {
    let (log, report) = at::parse(|at| access_log(at, message));
    match log {
        Some(log) => {
            let mut line = Vec::new();
            log.render(&Answer, &mut line);
            Ok((log.target, String::from_utf8(line).unwrap()))
        }
        None => Err(report.errors.iter().map(ToString::to_string).collect()),
    }
}

#[test]
#[expect(deprecated, reason = "deprecated fields are honoured")]
fn every_form_of_format_is_taken() {
    use file_access_log::AccessLogFormat as Choice;
    let default =
        "[1970-01-01T00:00:00.000Z] \"- /x?y -\" 200 - 0 0 - - \"-\" \"-\" \"-\" \"-\" \"-\"\n";
    let typed = members(&[
        ("b", Kind::StringValue("%RESPONSE_CODE%".into())),
        ("a", Kind::NumberValue(3.0)),
        ("c", Kind::NumberValue(0.5)),
        ("d", Kind::StringValue("%REQ(x)%".into())),
    ]);
    let json = "{\"a\":3,\"b\":200,\"c\":0.5,\"d\":null}\n";
    let omitting = core::SubstitutionFormatString {
        omit_empty_values: true,
        ..string(substitution_format_string::Format::JsonFormat(
            typed.clone(),
        ))
    };
    let text_omitting = core::SubstitutionFormatString {
        omit_empty_values: true,
        ..string(source("[%REQ(x)%]"))
    };
    let extended = core::SubstitutionFormatString {
        formatters: vec![core::TypedExtensionConfig {
            name: "x".into(),
            typed_config: Some(wkt::Any {
                type_url: "type.googleapis.com/envoy.extensions.formatter.req_without_query.v3.ReqWithoutQuery".into(),
                value: Vec::new(),
            }),
        }],
        ..string(source("%REQ_WITHOUT_QUERY(:path)%"))
    };
    for (format, line) in [
        (None, default),
        (Some(Choice::Format(String::new())), default),
        (Some(Choice::Format("%RESPONSE_CODE%\n".into())), "200\n"),
        (Some(Choice::JsonFormat(typed.clone())), json),
        (Some(Choice::TypedJsonFormat(typed.clone())), json),
        (
            Some(Choice::LogFormat(string(source("%REQ(:path)%")))),
            "/x?y",
        ),
        (Some(Choice::LogFormat(string(source("")))), ""),
        (
            Some(Choice::LogFormat(string(
                substitution_format_string::Format::TextFormat("[%REQ(x)%]".into()),
            ))),
            "[-]",
        ),
        (
            Some(Choice::LogFormat(string(
                substitution_format_string::Format::JsonFormat(typed.clone()),
            ))),
            json,
        ),
        (
            Some(Choice::LogFormat(omitting)),
            "{\"a\":3,\"b\":200,\"c\":0.5}\n",
        ),
        (Some(Choice::LogFormat(text_omitting)), "[]"),
        (Some(Choice::LogFormat(extended)), "/x"),
    ] {
        let parsed = parse(file_with("/tmp/a.log", format.clone()));
        let wanted = (Target::File("/tmp/a.log".into()), line.to_owned());
        assert_eq!(parsed, Ok(wanted), "{format:?}");
    }
}

#[test]
fn standard_streams_are_targets_of_their_own() {
    for (message, target) in [
        (log(any(&StdoutAccessLog::default())), Target::Stdout),
        (log(any(&StderrAccessLog::default())), Target::Stderr),
        (file_with("/dev/stdout", None), Target::Stdout),
        (file_with("/dev/stderr", None), Target::Stderr),
    ] {
        assert_eq!(parse(message).unwrap().0, target);
    }
}

#[test]
fn what_is_wrong_or_not_offered_is_named_with_its_path() {
    use file_access_log::AccessLogFormat as Choice;
    let format = |format| file_with("/tmp/a.log", Some(Choice::LogFormat(string(format))));
    let nested = members(&[(
        "request",
        Kind::StructValue(members(&[(
            "user",
            Kind::StringValue("%DYNAMIC_METADATA(a:b)%".into()),
        )])),
    )]);
    let from_file = substitution_format_string::Format::TextFormatSource(core::DataSource {
        watched_directory: None,
        specifier: Some(Specifier::Filename("/etc/format".into())),
    });
    let filtered = pb::AccessLog {
        filter: Some(pb::AccessLogFilter::default()),
        ..file_with("", None)
    };
    for (message, errors) in [
        (pb::AccessLog::default(), &["typed_config: is required"][..]),
        (
            filtered,
            &[
                "filter: is not supported by this proxy",
                "typed_config.path: must not be empty",
            ],
        ),
        (
            format(source("a %FOO%")),
            &[
                "typed_config.log_format.text_format_source: at position 2: %FOO% is not an operator",
            ],
        ),
        (
            format(from_file),
            &[
                "typed_config.log_format.text_format_source.filename: is not supported by this proxy here; use inline_string",
            ],
        ),
        (
            format(substitution_format_string::Format::JsonFormat(nested)),
            &[
                "typed_config.log_format.json_format[\"request\"][\"user\"]: at position 0: DYNAMIC_METADATA needs metadata or filter state, which this proxy does not keep",
            ],
        ),
        (
            file_with(
                "/a",
                Some(Choice::LogFormat(core::SubstitutionFormatString::default())),
            ),
            &["typed_config.log_format: needs a format: write text_format_source or json_format"],
        ),
        (
            log(wkt::Any {
                type_url: "type.googleapis.com/a.GrpcLog".into(),
                value: Vec::new(),
            }),
            &[
                "typed_config: access logs of type \"a.GrpcLog\" are not supported by this proxy; use FileAccessLog, StdoutAccessLog or StderrAccessLog",
            ],
        ),
    ] {
        assert_eq!(parse(message).unwrap_err(), errors);
    }
}

#[test]
fn a_log_that_cannot_be_opened_says_why_and_loses_its_lines() {
    let (log, _) = at::parse(|at| access_log(at, file_with("/no/such/directory/log", None)));
    let (log, sinks) = (log.unwrap(), Sinks::default());
    assert!(
        log.open(&sinks)
            .unwrap_err()
            .to_string()
            .contains("/no/such/directory/log")
    );
    assert!(log.sink(&sinks).is_none());
}
