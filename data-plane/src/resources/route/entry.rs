//! `Route` and its `RouteMatch`.

use portway_proto::pb::envoy::config::route::v3 as pb;

use super::{Shared, answer, conditions, edits, filters, forward, metadata, text};
use crate::{
    resources::{
        at::{At, Parsed},
        scalar,
    },
    routing::{
        action::Action,
        condition::Condition,
        path::{PathKind, PathMatch},
        table::Route,
    },
};

#[expect(deprecated, reason = "every field is answered")]
pub(super) fn route(at: At<'_>, message: pb::Route, shared: &Shared<'_>) -> Parsed<Route> {
    let pb::Route {
        name,
        r#match,
        metadata,
        decorator,
        typed_per_filter_config,
        request_headers_to_add,
        request_headers_to_remove,
        response_headers_to_add,
        response_headers_to_remove,
        tracing,
        per_request_buffer_limit_bytes,
        stat_prefix,
        request_body_buffer_limit,
        route_specifiers,
        action,
    } = message;
    at.refuse("decorator", &decorator);
    at.refuse("tracing", &tracing);
    at.refuse(
        "per_request_buffer_limit_bytes",
        &per_request_buffer_limit_bytes,
    );
    at.refuse("stat_prefix", &stat_prefix);
    at.refuse("request_body_buffer_limit", &request_body_buffer_limit);
    at.refuse("route_specifiers", &route_specifiers);
    let matched = at.required("match", r#match, |at, message| {
        route_match(at, message, shared)
    });
    let metadata = at.optional("metadata", metadata, metadata::metadata);
    let filters = filters::overrides(at, typed_per_filter_config, shared);
    let edits = edits::header_edits(
        at,
        edits::Messages {
            request_headers_to_add,
            request_headers_to_remove,
            response_headers_to_add,
            response_headers_to_remove,
        },
    );
    let action = route_action(at, action, shared);
    let (path, conditions) = matched?;
    Ok(Route {
        name: shared.name(name),
        path,
        conditions,
        action: action?,
        edits: Some(edits?).filter(|edits| !edits.is_empty()).map(Box::new),
        filters: filters?,
        metadata: metadata?.map(Box::new),
    })
}

fn route_action(
    at: At<'_>,
    action: Option<pb::route::Action>,
    shared: &Shared<'_>,
) -> Parsed<Action> {
    use pb::route::Action as Message;
    match action {
        Some(Message::Route(message)) => at
            .field("route", |at| forward::route_action(at, message, shared))
            .map(Action::Forward),
        Some(Message::Redirect(message)) => at
            .field("redirect", |at| answer::redirect(at, message))
            .map(|redirect| Action::Redirect(Box::new(redirect))),
        Some(Message::DirectResponse(message)) => at
            .field("direct_response", |at| {
                answer::direct_response(at, message, shared)
            })
            .map(|response| Action::Direct(Box::new(response))),
        Some(Message::FilterAction(_)) => {
            at.refuse("filter_action", &true);
            Err(crate::resources::at::Rejected)
        }
        Some(Message::NonForwardingAction(pb::NonForwardingAction {})) => {
            at.refuse("non_forwarding_action", &true);
            Err(crate::resources::at::Rejected)
        }
        None => Err(at.error("needs one of route, redirect and direct_response")),
    }
}

fn route_match(
    at: At<'_>,
    message: pb::RouteMatch,
    shared: &Shared<'_>,
) -> Parsed<(PathMatch, Box<[Condition]>)> {
    let pb::RouteMatch {
        case_sensitive,
        runtime_fraction,
        headers,
        query_parameters,
        cookies,
        grpc,
        tls_context,
        dynamic_metadata,
        filter_state,
        path_specifier,
    } = message;
    at.refuse("cookies", &cookies);
    at.refuse("tls_context", &tls_context);
    at.refuse("dynamic_metadata", &dynamic_metadata);
    at.refuse("filter_state", &filter_state);
    let kind = path_kind(at, path_specifier, shared);
    let fraction = at.optional("runtime_fraction", runtime_fraction, conditions::fraction);
    let headers = at.each("headers", headers, conditions::header);
    let query = at.each(
        "query_parameters",
        query_parameters,
        conditions::query_parameter,
    );
    let path = PathMatch {
        kind: kind?,
        ignore_case: !scalar::bool_or(case_sensitive, true),
    };
    // In the order in which Envoy looks at them.
    let conditions = fraction?
        .map(Condition::Fraction)
        .into_iter()
        .chain(grpc.map(|pb::route_match::GrpcRouteMatchOptions {}| Condition::Grpc))
        .chain(headers?.into_iter().map(Condition::Header))
        .chain(query?.into_iter().map(Condition::Query));
    Ok((path, conditions.collect()))
}

fn path_kind(
    at: At<'_>,
    specifier: Option<pb::route_match::PathSpecifier>,
    shared: &Shared<'_>,
) -> Parsed<PathKind> {
    use pb::route_match::PathSpecifier as Path;
    match specifier {
        Some(Path::Prefix(prefix)) => Ok(PathKind::Prefix(prefix.into())),
        Some(Path::Path(path)) => Ok(PathKind::Exact(path.into())),
        Some(Path::SafeRegex(message)) => at.field("safe_regex", |at| {
            let (at, pattern) = (at, text::regex_text(at, message)?);
            at.field("regex", |at| shared.pattern(at, &pattern))
                .map(PathKind::Pattern)
        }),
        Some(Path::PathSeparatedPrefix(prefix)) => at.field("path_separated_prefix", |at| {
            if prefix.len() < 2 || prefix.contains(['?', '#']) || prefix.ends_with('/') {
                return Err(at.error(format!(
                    "{prefix:?} must be a path such as /api, without ?, # or a slash at its end"
                )));
            }
            Ok(PathKind::Separated(prefix.into()))
        }),
        Some(Path::ConnectMatcher(_)) => {
            at.refuse("connect_matcher", &true);
            Err(crate::resources::at::Rejected)
        }
        Some(Path::PathMatchPolicy(_)) => {
            at.refuse("path_match_policy", &true);
            Err(crate::resources::at::Rejected)
        }
        None => Err(at.error("needs one of prefix, path, path_separated_prefix and safe_regex")),
    }
}
