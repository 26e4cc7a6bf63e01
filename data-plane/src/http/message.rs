//! The head of a request and of a response, the same for every HTTP version.
//!
//! What HTTP/2 calls pseudo headers and HTTP/1 the start line and `Host` are fields of their own here, so
//! that nothing has to ask which version it came from. The body is not here: it flows beside the head.

use super::{headers::Headers, name::HeaderName};

/// The protocol version of a message as it came.
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq, PartialOrd, Ord)]
pub enum Version {
    Http10,
    #[default]
    Http11,
    Http2,
}

impl Version {
    /// As Envoy's `%PROTOCOL%` prints it.
    pub fn as_str(self) -> &'static str {
        match self {
            Version::Http10 => "HTTP/1.0",
            Version::Http11 => "HTTP/1.1",
            Version::Http2 => "HTTP/2",
        }
    }
}

/// The scheme a request was made with.
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq)]
pub enum Scheme {
    #[default]
    Http,
    Https,
}

impl Scheme {
    pub fn as_str(self) -> &'static str {
        match self {
            Scheme::Http => "http",
            Scheme::Https => "https",
        }
    }
}

/// A request method. The ones with a meaning to the proxy have a name; others are carried as they came.
#[derive(Clone, Debug, Default, PartialEq, Eq)]
pub enum Method {
    #[default]
    Get,
    Head,
    Post,
    Put,
    Delete,
    Connect,
    Options,
    Trace,
    Patch,
    Other(Box<str>),
}

impl Method {
    /// Takes a token as it stands in the request line; methods are case-sensitive.
    pub fn of(token: &str) -> Method {
        match token {
            "GET" => Method::Get,
            "HEAD" => Method::Head,
            "POST" => Method::Post,
            "PUT" => Method::Put,
            "DELETE" => Method::Delete,
            "CONNECT" => Method::Connect,
            "OPTIONS" => Method::Options,
            "TRACE" => Method::Trace,
            "PATCH" => Method::Patch,
            other => Method::Other(other.into()),
        }
    }

    pub fn as_str(&self) -> &str {
        match self {
            Method::Get => "GET",
            Method::Head => "HEAD",
            Method::Post => "POST",
            Method::Put => "PUT",
            Method::Delete => "DELETE",
            Method::Connect => "CONNECT",
            Method::Options => "OPTIONS",
            Method::Trace => "TRACE",
            Method::Patch => "PATCH",
            Method::Other(token) => token,
        }
    }
}

/// The head of a request. Reused from one request to the next on a connection: see [`RequestHead::clear`].
#[derive(Clone, Debug, Default)]
pub struct RequestHead {
    pub method: Method,
    /// Path and query, as routing and the upstream see them (Envoy's `:path`).
    pub path: Vec<u8>,
    /// Host and port (Envoy's `:authority`); empty when the client named none.
    pub authority: Vec<u8>,
    pub scheme: Scheme,
    pub version: Version,
    /// Without `host`: it is `authority`.
    pub headers: Headers,
}

impl RequestHead {
    /// Makes room for the next request and keeps the memory.
    pub fn clear(&mut self) {
        self.method = Method::default();
        self.path.clear();
        self.authority.clear();
        self.scheme = Scheme::default();
        self.version = Version::default();
        self.headers.clear();
    }

    /// The path without its query and without `#fragment`.
    pub fn path_only(&self) -> &[u8] {
        let end = self
            .path
            .iter()
            .position(|byte| matches!(byte, b'?' | b'#'))
            .unwrap_or(self.path.len());
        self.path.get(..end).unwrap_or_default()
    }

    /// The query after `?`, without `#fragment`.
    pub fn query(&self) -> Option<&[u8]> {
        let start = self
            .path
            .iter()
            .position(|byte| matches!(byte, b'?' | b'#'))?;
        let rest = self.path.get(start..)?.strip_prefix(b"?")?;
        let end = rest
            .iter()
            .position(|byte| *byte == b'#')
            .unwrap_or(rest.len());
        rest.get(..end)
    }
}

/// The head of a response.
#[derive(Clone, Debug, Default)]
pub struct ResponseHead {
    pub status: u16,
    pub version: Version,
    pub headers: Headers,
}

impl ResponseHead {
    /// Makes room for the next response and keeps the memory.
    pub fn clear(&mut self) {
        self.status = 0;
        self.version = Version::default();
        self.headers.clear();
    }
}

/// What configuration can ask of a request's head by name: a header or one of Envoy's pseudo headers.
#[derive(Clone, Debug, PartialEq, Eq, Hash)]
pub enum RequestField {
    Method,
    Path,
    Authority,
    Scheme,
    Header(HeaderName),
}

impl RequestField {
    /// Takes a name as an operator writes it: `:path`, `host` or any header.
    pub fn parse(text: &str) -> Result<Self, super::name::InvalidHeaderName> {
        Ok(match text.to_ascii_lowercase().as_str() {
            ":method" => RequestField::Method,
            ":path" => RequestField::Path,
            ":authority" | "host" => RequestField::Authority,
            ":scheme" => RequestField::Scheme,
            _ => RequestField::Header(HeaderName::parse(text)?),
        })
    }

    /// The first value, if the request has one.
    pub fn first<'a>(&self, head: &'a RequestHead) -> Option<&'a [u8]> {
        match self {
            RequestField::Method => Some(head.method.as_str().as_bytes()),
            RequestField::Path => Some(&head.path),
            RequestField::Authority => Some(&head.authority),
            RequestField::Scheme => Some(head.scheme.as_str().as_bytes()),
            RequestField::Header(name) => head.headers.get(name),
        }
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    fn head(path: &str) -> RequestHead {
        RequestHead {
            path: path.into(),
            ..RequestHead::default()
        }
    }

    #[test]
    fn a_path_is_split_from_its_query_and_fragment() {
        for (target, path, query) in [
            ("/a", "/a", None),
            ("/a?b=c", "/a", Some("b=c")),
            ("/a?", "/a", Some("")),
            ("/a?b#c?d", "/a", Some("b")),
            ("/a#b?c", "/a", None),
            ("", "", None),
        ] {
            let head = head(target);
            assert_eq!(head.path_only(), path.as_bytes(), "{target}");
            assert_eq!(head.query(), query.map(str::as_bytes), "{target}");
        }
    }

    #[test]
    fn pseudo_headers_are_asked_for_like_headers() {
        let mut request = head("/x?y");
        request.authority = b"h:1".to_vec();
        request.headers.append(b"X-A", b"1");
        for (name, value) in [
            (":path", "/x?y"),
            ("Host", "h:1"),
            (":authority", "h:1"),
            (":method", "GET"),
            ("x-a", "1"),
        ] {
            let field = RequestField::parse(name).unwrap();
            assert_eq!(field.first(&request), Some(value.as_bytes()), "{name}");
        }
        assert!(RequestField::parse(":nonsense").is_err());
    }
}
