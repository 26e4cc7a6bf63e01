//! What a route changes in a request's path and authority before it goes upstream.

use super::{
    action::{Action, Forward},
    path::PathMatch,
    pattern::Substitution,
    redirect::RedirectPath,
    table::Route,
};
use crate::http::{
    folding,
    message::RequestHead,
    name::{HeaderName, Known},
};

/// A change of the path; the query stays.
#[derive(Clone, Debug)]
pub enum Rewrite {
    /// Takes the place of what the route's own path matched.
    Prefix(Box<str>),
    /// Runs over the whole path.
    Pattern(Substitution),
}

impl Rewrite {
    /// Appends the new path and query; says whether there is one. A pattern that leaves nothing of the path
    /// changes nothing. What comes out is sent as it is, with or without a slash.
    pub(super) fn apply(&self, matched: &PathMatch, head: &RequestHead, out: &mut Vec<u8>) -> bool {
        let path = head.path_only();
        let start = out.len();
        let kept = match self {
            Rewrite::Prefix(prefix) => {
                out.extend_from_slice(prefix.as_bytes());
                matched.matched_len(path)
            }
            Rewrite::Pattern(substitution) => {
                substitution.replace_all(path, out);
                path.len()
            }
        };
        if out.len() == start {
            return false;
        }
        out.extend_from_slice(head.path.get(kept..).unwrap_or_default());
        true
    }
}

/// A change of the authority.
#[derive(Clone, Debug)]
pub enum HostRewrite {
    Literal(Box<str>),
    /// The value of a request header, if it is there and not empty.
    Header(HeaderName),
    /// The path, without its query, after a substitution.
    Path(Substitution),
}

impl Route {
    /// Writes the path that the upstream, or after a redirect the log, is to see; says whether the route changes it.
    pub fn rewritten_path(&self, head: &RequestHead, out: &mut Vec<u8>) -> bool {
        let rewrite = match &self.action {
            Action::Forward(Forward {
                rewrite: Some(rewrite),
                ..
            }) => rewrite,
            Action::Redirect(redirect) => match &redirect.path {
                RedirectPath::Rewrite(rewrite) => rewrite,
                RedirectPath::Keep | RedirectPath::Replace(_) => return false,
            },
            Action::Forward(_) | Action::Direct(_) => return false,
        };
        out.clear();
        rewrite.apply(&self.path, head, out)
    }
}

impl Forward {
    /// Changes the authority as the route asks. `weighted` is the literal of the chosen cluster; the route's
    /// own rewrite has the last word. With `keep_original` the former authority stays readable in
    /// `x-envoy-original-host`.
    pub fn rewrite_host(
        &self,
        weighted: Option<&str>,
        head: &mut RequestHead,
        keep_original: bool,
    ) {
        if let Some(host) = weighted {
            head.authority.clear();
            head.authority.extend_from_slice(host.as_bytes());
        }
        let mut host = Vec::new();
        match self.host_rewrite.as_deref() {
            None => return,
            Some(HostRewrite::Literal(literal)) => host.extend_from_slice(literal.as_bytes()),
            Some(HostRewrite::Header(name)) => {
                host.extend_from_slice(head.headers.get(name).unwrap_or_default());
            }
            Some(HostRewrite::Path(substitution)) => {
                substitution.replace_all(head.path_only(), &mut host);
            }
        }
        if host.is_empty() {
            return;
        }
        if keep_original {
            let known = Known::XEnvoyOriginalHost;
            folding::set_known(&mut head.headers, known, &head.authority);
        }
        if self.append_forwarded_host {
            append_forwarded_host(head);
        }
        head.authority = host;
    }
}

/// Adds the authority to `x-forwarded-host`, unless it is the last one there already.
fn append_forwarded_host(head: &mut RequestHead) {
    let RequestHead {
        authority, headers, ..
    } = head;
    let known = headers.get_known(Known::XForwardedHost).unwrap_or_default();
    // Blanks are part of what is compared, as in Envoy.
    let last = known
        .rsplit(|byte| *byte == b',')
        .find(|host| !host.is_empty());
    if authority.is_empty() || last == Some(authority) {
        return;
    }
    let value = if known.is_empty() {
        authority.clone()
    } else {
        [known, b",", &authority[..]].concat()
    };
    folding::set_known(headers, Known::XForwardedHost, &value);
}

#[cfg(test)]
mod tests;
