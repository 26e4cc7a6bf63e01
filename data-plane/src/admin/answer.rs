//! An answer: status, type, and a body that may be made while it is sent.

use std::{
    convert::Infallible,
    pin::Pin,
    task::{Context, Poll},
};

use bytes::Bytes;
use http::{
    HeaderValue, Response, StatusCode,
    header::{CACHE_CONTROL, CONTENT_TYPE, X_CONTENT_TYPE_OPTIONS},
};
use http_body::Frame;

/// A body in pieces; one is made when the last has been sent.
pub struct Body(Box<dyn Iterator<Item = String> + Send>);

/// Small pieces are put together up to this size: a write each would cost more than they do.
const PIECE: usize = 32 << 10;

impl http_body::Body for Body {
    type Data = Bytes;
    type Error = Infallible;

    fn poll_frame(
        mut self: Pin<&mut Self>,
        _: &mut Context<'_>,
    ) -> Poll<Option<Result<Frame<Bytes>, Infallible>>> {
        let mut piece = String::new();
        while piece.len() < PIECE
            && let Some(next) = self.0.next()
        {
            if piece.is_empty() {
                piece = next;
            } else {
                piece.push_str(&next);
            }
        }
        let piece = (!piece.is_empty()).then(|| Ok(Frame::data(piece.into())));
        Poll::Ready(piece)
    }
}

/// What clients may make of a body.
#[derive(Clone, Copy, Debug)]
pub enum Kind {
    Text,
    Json,
    Html,
}

impl Kind {
    fn as_str(self) -> &'static str {
        match self {
            Kind::Text => "text/plain; charset=UTF-8",
            Kind::Json => "application/json",
            Kind::Html => "text/html; charset=UTF-8",
        }
    }
}

/// An answer made piece by piece.
pub fn stream(kind: Kind, pieces: impl Iterator<Item = String> + Send + 'static) -> Response<Body> {
    let mut response = Response::new(Body(Box::new(pieces)));
    let headers = response.headers_mut();
    headers.insert(CONTENT_TYPE, HeaderValue::from_static(kind.as_str()));
    headers.insert(
        CACHE_CONTROL,
        HeaderValue::from_static("no-cache, max-age=0"),
    );
    headers.insert(X_CONTENT_TYPE_OPTIONS, HeaderValue::from_static("nosniff"));
    response
}

pub fn text(status: StatusCode, body: impl Into<String>) -> Response<Body> {
    let mut response = stream(Kind::Text, std::iter::once(body.into()));
    *response.status_mut() = status;
    response
}

pub fn json(body: String) -> Response<Body> {
    stream(Kind::Json, std::iter::once(body))
}
