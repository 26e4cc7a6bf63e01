//! What becomes of a request that matched.

use std::collections::{BTreeMap, BTreeSet};
use std::sync::Arc;
use std::time::Duration;

use portway_data_plane::resources::at::{At, Parsed};
use portway_data_plane::resources::scalar;
use portway_proto::pb::portway::v1 as pb;

use super::headers::{self, HeaderChanges};

/// What becomes of a request.
#[derive(Clone, Debug, PartialEq, Eq)]
pub enum Action {
    Forward(Forward),
    Redirect(Redirect),
    Respond(DirectResponse),
}

/// Sends the request on.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Forward {
    /// Never empty; at least one weight is not 0.
    pub services: Vec<WeightedService>,
    pub prefix_rewrite: Option<Box<str>>,
    pub request_headers: HeaderChanges,
    pub response_headers: HeaderChanges,
    /// `None`: the default of the proxies, 15 s; zero: no limit.
    pub timeout: Option<Duration>,
}

/// A Service and its share.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct WeightedService {
    pub name: Arc<str>,
    pub weight: u32,
}

/// Answers with another location.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Redirect {
    pub scheme: Option<Scheme>,
    pub host: Option<Box<str>>,
    pub port: Option<u16>,
    pub path: PathChange,
    pub strip_query: bool,
    pub status: RedirectStatus,
}

#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum Scheme {
    Http,
    Https,
}

#[derive(Clone, Debug, PartialEq, Eq)]
pub enum PathChange {
    Keep,
    Replace(Box<str>),
    Prefix(Box<str>),
}

#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum RedirectStatus {
    MovedPermanently,
    Found,
    SeeOther,
    TemporaryRedirect,
    PermanentRedirect,
}

/// Answers at once.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct DirectResponse {
    pub status: u16,
    pub body: Box<str>,
    pub headers: BTreeMap<Box<str>, Box<str>>,
}

impl Action {
    /// The field that holds a prefix rewrite, where there is one.
    pub(super) fn prefix_rewrite_field(&self) -> Option<&'static str> {
        match self {
            Self::Forward(forward) => forward.prefix_rewrite.as_ref().map(|_| "forward"),
            Self::Redirect(redirect) => match redirect.path {
                PathChange::Prefix(_) => Some("redirect"),
                PathChange::Keep | PathChange::Replace(_) => None,
            },
            Self::Respond(_) => None,
        }
    }
}

pub(super) fn parse(at: At<'_>, action: Option<pb::route_rule::Action>) -> Parsed<Action> {
    use pb::route_rule::Action as Message;
    match action {
        Some(Message::Forward(message)) => at
            .field("forward", |at| forward(at, message))
            .map(Action::Forward),
        Some(Message::Redirect(message)) => at
            .field("redirect", |at| redirect(at, message))
            .map(Action::Redirect),
        Some(Message::DirectResponse(message)) => at
            .field("direct_response", |at| direct_response(at, message))
            .map(Action::Respond),
        None => Err(at.error("needs one of forward, redirect and direct_response")),
    }
}

fn forward(at: At<'_>, message: pb::Forward) -> Parsed<Forward> {
    let pb::Forward {
        services,
        prefix_rewrite,
        request_headers,
        response_headers,
        timeout,
    } = message;
    let services = weighted(at, services);
    let rewrite = at.optional("prefix_rewrite", prefix_rewrite, new_path);
    let request_headers = at.optional("request_headers", request_headers, headers::parse);
    let response_headers = at.optional("response_headers", response_headers, headers::parse);
    let timeout = at.optional("timeout", timeout, scalar::duration);
    Ok(Forward {
        services: services?,
        prefix_rewrite: rewrite?,
        request_headers: request_headers?.unwrap_or_default(),
        response_headers: response_headers?.unwrap_or_default(),
        timeout: timeout?,
    })
}

fn weighted(at: At<'_>, messages: Vec<pb::WeightedService>) -> Parsed<Vec<WeightedService>> {
    let mut seen = BTreeSet::new();
    let services = at.each("services", messages, |at, message| {
        let pb::WeightedService { name, weight } = message;
        if !seen.insert(name.clone()) {
            return Err(at.error(format!("{name:?} is listed twice; add up the weights")));
        }
        Ok(WeightedService {
            name: name.into(),
            weight: weight.unwrap_or(1),
        })
    })?;
    let total: u64 = services
        .iter()
        .map(|service| u64::from(service.weight))
        .sum();
    let wrong = match u32::try_from(total) {
        Ok(0) => {
            "every weight is 0, so no request could be sent; give one service a weight".to_owned()
        }
        Ok(_) => return Ok(services),
        Err(_) => format!(
            "the weights add up to {total}; their sum may be at most {}",
            u32::MAX
        ),
    };
    Err(at.field("services", |at| at.error(wrong)))
}

/// A path that takes the place of another. A query would be glued to the request's own.
fn new_path(at: At<'_>, path: String) -> Parsed<Box<str>> {
    match path
        .chars()
        .find(|c| matches!(c, '?' | '#') || c.is_control())
    {
        Some(found) => Err(at.error(format!("{path:?} contains {found:?}, which no path does"))),
        None => Ok(path.into()),
    }
}

fn redirect(at: At<'_>, message: pb::Redirect) -> Parsed<Redirect> {
    use pb::redirect::PathChange as Message;
    let pb::Redirect {
        scheme,
        host,
        port,
        strip_query,
        status,
        path_change,
    } = message;
    let scheme = match scheme.as_str() {
        "" => Ok(None),
        "http" => Ok(Some(Scheme::Http)),
        "https" => Ok(Some(Scheme::Https)),
        other => Err(at.field("scheme", |at| {
            at.error(format!("{other:?} is no scheme; write http or https"))
        })),
    };
    let port = at.optional("port", port, |at, port| {
        u16::try_from(port).map_err(|_| at.error(format!("{port} is no port")))
    });
    let host = at.optional(
        "host",
        Some(host).filter(|host| !host.is_empty()),
        redirect_host,
    );
    let path = match path_change {
        None => Ok(PathChange::Keep),
        Some(Message::Path(path)) => {
            at.field("path", |at| match path.chars().find(|c| c.is_control()) {
                Some(found) => {
                    Err(at.error(format!("{path:?} contains {found:?}, which no path does")))
                }
                None => Ok(PathChange::Replace(path.into())),
            })
        }
        Some(Message::PrefixRewrite(prefix)) => at
            .field("prefix_rewrite", |at| new_path(at, prefix))
            .map(PathChange::Prefix),
    };
    let status = at.field("status", |at| match status {
        None | Some(302) => Ok(RedirectStatus::Found),
        Some(301) => Ok(RedirectStatus::MovedPermanently),
        Some(303) => Ok(RedirectStatus::SeeOther),
        Some(307) => Ok(RedirectStatus::TemporaryRedirect),
        Some(308) => Ok(RedirectStatus::PermanentRedirect),
        Some(other) => Err(at.error(format!(
            "{other} is no redirect; write 301, 302, 303, 307 or 308"
        ))),
    });
    let redirect = Redirect {
        scheme: scheme?,
        host: host?,
        port: port?,
        path: path?,
        strip_query,
        status: status?,
    };
    let leads_elsewhere = redirect.scheme.is_some()
        || redirect.host.is_some()
        || redirect.port.is_some()
        || redirect.path != PathChange::Keep
        || redirect.strip_query;
    if !leads_elsewhere {
        return Err(at.error(
            "would send the client to where it came from; set scheme, host, port, path, prefix_rewrite or strip_query",
        ));
    }
    Ok(redirect)
}

fn redirect_host(at: At<'_>, host: String) -> Parsed<Box<str>> {
    let bracketed = host
        .strip_prefix('[')
        .and_then(|rest| rest.strip_suffix(']'));
    if bracketed.is_some_and(|inner| inner.parse::<std::net::Ipv6Addr>().is_ok()) {
        return Ok(host.into());
    }
    if host.contains(':') {
        return Err(at.error(format!("{host:?} has a colon; the port goes under port")));
    }
    match super::hostname::labels(&host) {
        Ok(()) => Ok(host.into()),
        Err(error) => Err(at.error(error)),
    }
}

fn direct_response(at: At<'_>, message: pb::DirectResponse) -> Parsed<DirectResponse> {
    let pb::DirectResponse {
        status,
        body,
        headers,
    } = message;
    let status = at.field("status", |at| match u16::try_from(status) {
        Ok(status @ 200..=599) => Ok(status),
        _ => Err(at.error(format!("{status} is not within 200 to 599"))),
    });
    let headers = at.field("headers", |at| headers::values(at, headers));
    Ok(DirectResponse {
        status: status?,
        body: body.into(),
        headers: headers?,
    })
}
