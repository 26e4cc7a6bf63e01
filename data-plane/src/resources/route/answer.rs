//! `RedirectAction` and `DirectResponseAction`: answers the proxy gives itself.

use std::{fs, io};

use bytes::Bytes;
use portway_proto::pb::envoy::config::{core::v3 as core, route::v3 as pb};

use super::{Shared, text};
use crate::{
    resources::at::{At, Parsed},
    routing::{
        action::DirectResponse,
        redirect::{Redirect, RedirectPath},
        rewrite::Rewrite,
    },
};

pub(super) fn redirect(at: At<'_>, message: pb::RedirectAction) -> Parsed<Redirect> {
    use pb::redirect_action::SchemeRewriteSpecifier as Scheme;
    let pb::RedirectAction {
        host_redirect,
        port_redirect,
        response_code,
        strip_query,
        scheme_rewrite_specifier,
        path_rewrite_specifier,
    } = message;
    let status = at.field("response_code", |at| redirect_status(at, response_code));
    let host = at.field("host_redirect", |at| text::header_value(at, &host_redirect));
    let scheme = match scheme_rewrite_specifier {
        Some(Scheme::HttpsRedirect(true)) => Ok(Some("https".into())),
        Some(Scheme::SchemeRedirect(scheme)) => at
            .field("scheme_redirect", |at| text::header_value(at, &scheme))
            .map(|()| {
                Some(scheme)
                    .filter(|scheme| !scheme.is_empty())
                    .map(Into::into)
            }),
        None | Some(Scheme::HttpsRedirect(false)) => Ok(None),
    };
    let path = redirect_path(at, path_rewrite_specifier);
    host?;
    Ok(Redirect {
        status: status?,
        scheme: scheme?,
        host: Some(host_redirect)
            .filter(|host| !host.is_empty())
            .map(Into::into),
        port: Some(port_redirect).filter(|port| *port != 0),
        path: path?,
        strip_query,
    })
}

fn redirect_path(
    at: At<'_>,
    specifier: Option<pb::redirect_action::PathRewriteSpecifier>,
) -> Parsed<RedirectPath> {
    use pb::redirect_action::PathRewriteSpecifier as Path;
    match specifier {
        None => Ok(RedirectPath::Keep),
        Some(Path::PathRedirect(path)) => at.field("path_redirect", |at| {
            text::header_value(at, &path)?;
            Ok(if path.is_empty() {
                RedirectPath::Keep
            } else {
                RedirectPath::Replace(path.into())
            })
        }),
        Some(Path::PrefixRewrite(prefix)) => at.field("prefix_rewrite", |at| {
            text::header_value(at, &prefix)?;
            Ok(if prefix.is_empty() {
                RedirectPath::Keep
            } else {
                RedirectPath::Rewrite(Rewrite::Prefix(prefix.into()))
            })
        }),
        Some(Path::RegexRewrite(message)) => at
            .field("regex_rewrite", |at| text::substitution(at, message))
            .map(|pattern| RedirectPath::Rewrite(Rewrite::Pattern(pattern))),
        Some(Path::PathRewrite(_)) => Err(at.field("path_rewrite", |at| {
            at.unsupported("is not supported by this proxy")
        })),
    }
}

fn redirect_status(at: At<'_>, value: i32) -> Parsed<u16> {
    use pb::redirect_action::RedirectResponseCode as Code;
    match Code::try_from(value) {
        Ok(Code::MovedPermanently) => Ok(301),
        Ok(Code::Found) => Ok(302),
        Ok(Code::SeeOther) => Ok(303),
        Ok(Code::TemporaryRedirect) => Ok(307),
        Ok(Code::PermanentRedirect) => Ok(308),
        Err(_) => Err(at.error(format!("{value} is no redirect code"))),
    }
}

pub(super) fn direct_response(
    at: At<'_>,
    message: pb::DirectResponseAction,
    shared: &Shared<'_>,
) -> Parsed<DirectResponse> {
    let pb::DirectResponseAction {
        status,
        body,
        body_format,
    } = message;
    at.refuse("body_format", &body_format);
    let status = at.field("status", |at| match u16::try_from(status) {
        Ok(status @ 200..600) => Ok(status),
        _ => Err(at.error(format!("{status} is not within 200 to 599"))),
    });
    let body = at.optional("body", body, |at, body| {
        data_source(at, body, shared.max_body)
    });
    Ok(DirectResponse {
        status: status?,
        body: body?.unwrap_or_default(),
    })
}

/// Reads a data source of at most `limit` bytes. Files are read once, here.
fn data_source(at: At<'_>, message: core::DataSource, limit: usize) -> Parsed<Bytes> {
    use core::data_source::Specifier as Source;
    let core::DataSource {
        watched_directory,
        specifier,
    } = message;
    at.refuse("watched_directory", &watched_directory);
    let (field, bytes) = match specifier {
        Some(Source::InlineBytes(bytes)) => ("inline_bytes", Ok(bytes)),
        Some(Source::InlineString(text)) => ("inline_string", Ok(text.into_bytes())),
        Some(Source::Filename(path)) => (
            "filename",
            read_file(&path, limit).map_err(|error| format!("cannot read {path:?}: {error}")),
        ),
        Some(Source::EnvironmentVariable(name)) => (
            "environment_variable",
            std::env::var(&name)
                .map(String::into_bytes)
                .map_err(|error| format!("cannot read {name:?}: {error}")),
        ),
        None => {
            return Err(at.error(
                "needs one of inline_string, inline_bytes, filename and environment_variable",
            ));
        }
    };
    at.field(field, |at| match bytes {
        Ok(bytes) if bytes.len() > limit => Err(at.error(format!(
            "is larger than the {limit} bytes that max_direct_response_body_size_bytes allows"
        ))),
        Ok(bytes) => Ok(bytes.into()),
        Err(error) => Err(at.error(error)),
    })
}

/// Reads no more than shows that a file is too large.
fn read_file(path: &str, limit: usize) -> io::Result<Vec<u8>> {
    let mut bytes = Vec::new();
    let most = u64::try_from(limit).unwrap_or(u64::MAX).saturating_add(1);
    io::Read::read_to_end(&mut io::Read::take(fs::File::open(path)?, most), &mut bytes)?;
    Ok(bytes)
}
