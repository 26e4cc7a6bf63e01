//! One match of a rule, with the rule's action, to a Route of Envoy's.

use std::collections::BTreeMap;

use portway_proto::pb::envoy::config::core::v3::{
    DataSource, HeaderValue, HeaderValueOption, data_source::Specifier,
    header_value_option::HeaderAppendAction,
};
use portway_proto::pb::envoy::config::route::v3 as pb;
use portway_proto::pb::envoy::r#type::matcher::v3::{
    RegexMatchAndSubstitute, RegexMatcher, StringMatcher, string_matcher::MatchPattern,
};
use portway_proto::pb::google::protobuf::UInt32Value;

use super::duration;
use crate::model::route::Rule;
use crate::model::route::action::{
    Action, DirectResponse, Forward, PathChange, Redirect, RedirectStatus, Scheme,
};
use crate::model::route::headers::HeaderChanges;
use crate::model::route::matching::{Match, PathMatch, ValueMatch, ValueTest};

pub(super) fn compile(route: &str, index: usize, rule: &Rule, matched: &Match) -> pb::Route {
    let name = match &rule.name {
        Some(name) => name.to_string(),
        None => format!("{route}/{index}"),
    };
    let entry = pb::Route {
        name,
        r#match: Some(conditions(matched)),
        ..Default::default()
    };
    match &rule.action {
        Action::Forward(forward) => self::forward(entry, forward, &matched.path),
        Action::Redirect(redirect) => {
            let action = self::redirect(redirect, &matched.path);
            pb::Route {
                action: Some(pb::route::Action::Redirect(action)),
                ..entry
            }
        }
        Action::Respond(response) => respond(entry, response),
    }
}

fn conditions(matched: &Match) -> pb::RouteMatch {
    use pb::route_match::PathSpecifier;
    let Match {
        path,
        methods,
        headers,
        query,
    } = matched;
    let path = match path {
        PathMatch::Any => PathSpecifier::Prefix("/".to_owned()),
        PathMatch::Exact(path) => PathSpecifier::Path(path.to_string()),
        PathMatch::Regex(text) => PathSpecifier::SafeRegex(regex(text)),
        // A slash at the end bounds the segment by itself.
        PathMatch::Prefix(prefix) if prefix.ends_with('/') => {
            PathSpecifier::Prefix(prefix.to_string())
        }
        PathMatch::Prefix(prefix) => PathSpecifier::PathSeparatedPrefix(prefix.to_string()),
    };
    let methods = self::methods(methods).into_iter();
    pb::RouteMatch {
        path_specifier: Some(path),
        headers: methods.chain(headers.iter().map(header)).collect(),
        query_parameters: query.iter().map(parameter).collect(),
        ..Default::default()
    }
}

fn methods(methods: &[Box<str>]) -> Option<pb::HeaderMatcher> {
    use pb::header_matcher::HeaderMatchSpecifier as Specifier;
    let pattern = match methods {
        [] => return None,
        [only] => MatchPattern::Exact(only.to_string()),
        // Names of methods have no characters that mean something in a regex.
        _ => MatchPattern::SafeRegex(regex(&methods.join("|"))),
    };
    Some(pb::HeaderMatcher {
        name: ":method".to_owned(),
        header_match_specifier: Some(Specifier::StringMatch(text(pattern))),
        ..Default::default()
    })
}

fn header(condition: &ValueMatch) -> pb::HeaderMatcher {
    use pb::header_matcher::HeaderMatchSpecifier as Specifier;
    pb::HeaderMatcher {
        name: condition.name.to_string(),
        header_match_specifier: Some(match value(&condition.test) {
            Ok(matcher) => Specifier::StringMatch(matcher),
            Err(present) => Specifier::PresentMatch(present),
        }),
        ..Default::default()
    }
}

fn parameter(condition: &ValueMatch) -> pb::QueryParameterMatcher {
    use pb::query_parameter_matcher::QueryParameterMatchSpecifier as Specifier;
    pb::QueryParameterMatcher {
        name: condition.name.to_string(),
        query_parameter_match_specifier: Some(match value(&condition.test) {
            Ok(matcher) => Specifier::StringMatch(matcher),
            Err(present) => Specifier::PresentMatch(present),
        }),
    }
}

/// A comparison of texts, or else whether the value is to be there at all.
fn value(test: &ValueTest) -> Result<StringMatcher, bool> {
    Ok(text(match test {
        ValueTest::Exact(value) => MatchPattern::Exact(value.to_string()),
        ValueTest::Prefix(value) => MatchPattern::Prefix(value.to_string()),
        ValueTest::Suffix(value) => MatchPattern::Suffix(value.to_string()),
        ValueTest::Regex(pattern) => MatchPattern::SafeRegex(regex(pattern)),
        ValueTest::Present(present) => return Err(*present),
    }))
}

fn text(pattern: MatchPattern) -> StringMatcher {
    StringMatcher {
        match_pattern: Some(pattern),
        ..Default::default()
    }
}

fn regex(text: &str) -> RegexMatcher {
    RegexMatcher {
        regex: text.to_owned(),
        ..Default::default()
    }
}

fn forward(entry: pb::Route, forward: &Forward, path: &PathMatch) -> pb::Route {
    use pb::route_action::ClusterSpecifier;
    let Forward {
        services,
        prefix_rewrite,
        request_headers,
        response_headers,
        timeout,
    } = forward;
    let cluster = match services.as_slice() {
        [only] => ClusterSpecifier::Cluster(only.name.to_string()),
        several => ClusterSpecifier::WeightedClusters(pb::WeightedCluster {
            clusters: several
                .iter()
                .map(|service| pb::weighted_cluster::ClusterWeight {
                    name: service.name.to_string(),
                    weight: Some(UInt32Value {
                        value: service.weight,
                    }),
                    ..Default::default()
                })
                .collect(),
            ..Default::default()
        }),
    };
    let mut action = pb::RouteAction {
        cluster_specifier: Some(cluster),
        timeout: timeout.map(duration),
        ..Default::default()
    };
    match prefix_rewrite.as_deref().map(|new| rewrite(path, new)) {
        Some(Rewrite::Prefix(prefix)) => action.prefix_rewrite = prefix,
        Some(Rewrite::Regex(substitute)) => action.regex_rewrite = Some(substitute),
        None => {}
    }
    pb::Route {
        action: Some(pb::route::Action::Route(action)),
        request_headers_to_remove: removed(request_headers),
        request_headers_to_add: written(request_headers),
        response_headers_to_remove: removed(response_headers),
        response_headers_to_add: written(response_headers),
        ..entry
    }
}

enum Rewrite {
    Prefix(String),
    Regex(RegexMatchAndSubstitute),
}

/// Replaces what the match named, in whole segments. The engines replace bytes: `/` in place of `/api` would turn
/// `/api/users` into `//users`, and `/v1` in place of `/` would turn `/users` into `/v1users`.
fn rewrite(path: &PathMatch, new: &str) -> Rewrite {
    let old = match path {
        PathMatch::Prefix(old) => old,
        // The whole path is replaced; the other two were refused beside a rewrite.
        PathMatch::Exact(_) | PathMatch::Regex(_) | PathMatch::Any => {
            return Rewrite::Prefix(new.to_owned());
        }
    };
    match (old.ends_with('/'), new.ends_with('/')) {
        (false, false) | (true, true) => Rewrite::Prefix(new.to_owned()),
        (true, false) => Rewrite::Prefix(format!("{new}/")),
        (false, true) => Rewrite::Regex(RegexMatchAndSubstitute {
            pattern: Some(regex(&format!("^{}/?", literal(old)))),
            substitution: new.replace('\\', r"\\"),
        }),
    }
}

/// A text as a regex that matches it and nothing else.
fn literal(text: &str) -> String {
    let mut out = String::with_capacity(text.len());
    for c in text.chars() {
        if r"\.+*?()|[]{}^$".contains(c) {
            out.push('\\');
        }
        out.push(c);
    }
    out
}

fn removed(changes: &HeaderChanges) -> Vec<String> {
    changes.remove.iter().map(ToString::to_string).collect()
}

fn written(changes: &HeaderChanges) -> Vec<HeaderValueOption> {
    let added = changes
        .add
        .iter()
        .map(|(name, value)| option(name, value, HeaderAppendAction::AppendIfExistsOrAdd));
    overwritten(&changes.set).chain(added).collect()
}

fn overwritten(headers: &BTreeMap<Box<str>, Box<str>>) -> impl Iterator<Item = HeaderValueOption> {
    headers
        .iter()
        .map(|(name, value)| option(name, value, HeaderAppendAction::OverwriteIfExistsOrAdd))
}

fn option(name: &str, value: &str, action: HeaderAppendAction) -> HeaderValueOption {
    HeaderValueOption {
        header: Some(HeaderValue {
            key: name.to_owned(),
            // Values are literal, and a percent sign begins a command operator.
            value: value.replace('%', "%%"),
            ..Default::default()
        }),
        append_action: action.into(),
        keep_empty_value: value.is_empty(),
        ..Default::default()
    }
}

fn redirect(redirect: &Redirect, path: &PathMatch) -> pb::RedirectAction {
    use pb::redirect_action::{PathRewriteSpecifier, RedirectResponseCode, SchemeRewriteSpecifier};
    let Redirect {
        scheme,
        host,
        port,
        path: change,
        strip_query,
        status,
    } = redirect;
    let (scheme, own_port) = match scheme {
        None => (None, None),
        Some(Scheme::Http) => (Some("http"), Some(80)),
        Some(Scheme::Https) => (Some("https"), Some(443)),
    };
    // The engines keep the request's port beside a new scheme, unless a new host replaces it.
    let port = port.or(own_port.filter(|_| host.is_none()));
    let status = match status {
        RedirectStatus::MovedPermanently => RedirectResponseCode::MovedPermanently,
        RedirectStatus::Found => RedirectResponseCode::Found,
        RedirectStatus::SeeOther => RedirectResponseCode::SeeOther,
        RedirectStatus::TemporaryRedirect => RedirectResponseCode::TemporaryRedirect,
        RedirectStatus::PermanentRedirect => RedirectResponseCode::PermanentRedirect,
    };
    let change = match change {
        PathChange::Keep => None,
        PathChange::Replace(path) => Some(PathRewriteSpecifier::PathRedirect(path.to_string())),
        PathChange::Prefix(new) => Some(match rewrite(path, new) {
            Rewrite::Prefix(prefix) => PathRewriteSpecifier::PrefixRewrite(prefix),
            Rewrite::Regex(substitute) => PathRewriteSpecifier::RegexRewrite(substitute),
        }),
    };
    pb::RedirectAction {
        host_redirect: host.as_deref().unwrap_or_default().to_owned(),
        port_redirect: port.map_or(0, u32::from),
        scheme_rewrite_specifier: scheme
            .map(|scheme| SchemeRewriteSpecifier::SchemeRedirect(scheme.to_owned())),
        path_rewrite_specifier: change,
        response_code: status.into(),
        strip_query: *strip_query,
    }
}

fn respond(entry: pb::Route, response: &DirectResponse) -> pb::Route {
    let DirectResponse {
        status,
        body,
        headers,
    } = response;
    let body = (!body.is_empty()).then(|| DataSource {
        specifier: Some(Specifier::InlineString(body.to_string())),
        ..Default::default()
    });
    let action = pb::DirectResponseAction {
        status: u32::from(*status),
        body,
        ..Default::default()
    };
    pb::Route {
        action: Some(pb::route::Action::DirectResponse(action)),
        response_headers_to_add: overwritten(headers).collect(),
        ..entry
    }
}
