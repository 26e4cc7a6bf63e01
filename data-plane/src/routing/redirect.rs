//! Answers that send the client elsewhere.

use super::{
    action::Action,
    path::PathMatch,
    rewrite::Rewrite,
    table::{Route, forwarded_proto},
};
use crate::http::message::RequestHead;

/// Where a request is sent instead.
#[derive(Clone, Debug)]
pub struct Redirect {
    pub status: u16,
    /// The request's own where there is none.
    pub scheme: Option<Box<str>>,
    pub host: Option<Box<str>>,
    pub port: Option<u16>,
    pub path: RedirectPath,
    pub strip_query: bool,
}

#[derive(Clone, Debug)]
pub enum RedirectPath {
    Keep,
    /// The request's query follows, unless this has one of its own.
    Replace(Box<str>),
    Rewrite(Rewrite),
}

impl Route {
    /// The `location` of this route's redirect, if it is one.
    pub fn location(&self, head: &RequestHead) -> Option<Vec<u8>> {
        match &self.action {
            Action::Redirect(redirect) => Some(redirect.location(&self.path, head)),
            Action::Forward(_) | Action::Direct(_) => None,
        }
    }
}

impl Redirect {
    fn location(&self, matched: &PathMatch, head: &RequestHead) -> Vec<u8> {
        let scheme = match &self.scheme {
            Some(scheme) => scheme.as_bytes(),
            None => head.scheme.as_str().as_bytes(),
        };
        let mut location = [scheme, b"://"].concat();
        match &self.host {
            Some(host) => location.extend_from_slice(host.as_bytes()),
            None => location.extend_from_slice(self.request_host(scheme, head)),
        }
        if let Some(port) = self.port {
            location.extend_from_slice(format!(":{port}").as_bytes());
        }
        let path_start = location.len();
        let query = head.path.iter().position(|byte| *byte == b'?');
        let query = query.and_then(|start| head.path.get(start..));
        let mut own_query = false;
        match &self.path {
            RedirectPath::Keep => location.extend_from_slice(&head.path),
            RedirectPath::Rewrite(rewrite) => rewrite.apply(matched, head, &mut location),
            RedirectPath::Replace(path) => {
                location.extend_from_slice(path.as_bytes());
                own_query = path.contains('?');
                if !own_query {
                    location.extend_from_slice(query.unwrap_or_default());
                }
            }
        }
        if self.strip_query && !own_query {
            let path = location.get(path_start..).unwrap_or_default();
            if let Some(end) = path.iter().position(|byte| *byte == b'?') {
                location.truncate(path_start + end);
            }
        }
        location
    }

    /// The request's host, without a port that would no longer be right.
    fn request_host<'a>(&self, scheme: &[u8], head: &'a RequestHead) -> &'a [u8] {
        let authority = &head.authority[..];
        let colon = if authority.starts_with(b"[") {
            let bracket = authority.windows(2).rposition(|pair| pair == b"]:");
            bracket.map(|bracket| bracket + 1)
        } else {
            authority.iter().rposition(|byte| *byte == b':')
        };
        let Some((host, port)) = colon.and_then(|colon| authority.split_at_checked(colon)) else {
            return authority;
        };
        let proto = forwarded_proto(head);
        let stale =
            proto != scheme && matches!((proto, port), (b"https", b":443") | (b"http", b":80"));
        if self.port.is_some() || stale {
            host
        } else {
            authority
        }
    }
}

#[cfg(test)]
mod tests;
