//! Answers that send the client elsewhere.

use super::{
    action::Action,
    path::PathMatch,
    rewrite::Rewrite,
    table::{Route, forwarded_proto},
};
use crate::http::message::RequestHead;

/// Where a request is sent instead.
#[derive(Clone, Debug, Default)]
pub struct Redirect {
    pub status: u16,
    /// The request's own where there is none.
    pub scheme: Option<Box<str>>,
    pub host: Option<Box<str>>,
    pub port: Option<u32>,
    pub path: RedirectPath,
    pub strip_query: bool,
}

#[derive(Clone, Debug, Default)]
pub enum RedirectPath {
    #[default]
    Keep,
    /// The request's query follows, unless this has one of its own.
    Replace(Box<str>),
    Rewrite(Rewrite),
}

impl Route {
    /// The `location` to answer with, if this route's answer has one. Envoy sends one with every 201 and
    /// redirection, its direct responses included.
    pub fn location(&self, head: &RequestHead) -> Option<Vec<u8>> {
        match &self.action {
            Action::Redirect(redirect) => Some(redirect.location(&self.path, head)),
            Action::Direct(direct) if matches!(direct.status, 201 | 300..400) => {
                Some(Redirect::default().location(&self.path, head))
            }
            Action::Direct(_) | Action::Forward(_) => None,
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
        let path = self.new_path(matched, head);
        if !path.starts_with(b"/") {
            location.push(b'/');
        }
        location.extend_from_slice(&path);
        location
    }

    fn new_path(&self, matched: &PathMatch, head: &RequestHead) -> Vec<u8> {
        let query_of = |path: &[u8]| path.iter().position(|byte| *byte == b'?');
        let mut new = Vec::new();
        match &self.path {
            RedirectPath::Replace(path) if path.contains('?') => return path.as_bytes().into(),
            RedirectPath::Replace(path) => {
                new.extend_from_slice(path.as_bytes());
                let query = query_of(&head.path).and_then(|start| head.path.get(start..));
                new.extend_from_slice(query.unwrap_or_default());
            }
            RedirectPath::Rewrite(rewrite) if rewrite.apply(matched, head, &mut new) => {}
            RedirectPath::Rewrite(_) | RedirectPath::Keep => new.extend_from_slice(&head.path),
        }
        if self.strip_query
            && let Some(start) = query_of(&new)
        {
            new.truncate(start);
        }
        new
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
