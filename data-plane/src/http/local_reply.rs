//! An answer that the proxy gives itself.

use std::borrow::Cow;

use bytes::Bytes;

use super::{
    flags::{Details, Flag},
    name::Known,
};

/// What to answer, and what the log says of it.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct LocalReply {
    pub status: u16,
    pub body: Bytes,
    /// Beside those that every answer gets.
    pub headers: Vec<(Known, Vec<u8>)>,
    pub flag: Option<Flag>,
    pub details: Details,
    /// The connection ends with it.
    pub close: bool,
}

impl LocalReply {
    /// An answer without a body.
    pub fn empty(status: u16, details: impl Into<Details>) -> Self {
        Self {
            status,
            body: Bytes::new(),
            headers: Vec::new(),
            flag: None,
            details: details.into(),
            close: false,
        }
    }

    /// An answer with a text.
    pub fn text(
        status: u16,
        text: impl Into<Cow<'static, str>>,
        details: impl Into<Details>,
    ) -> Self {
        let body = match text.into() {
            Cow::Borrowed(text) => Bytes::from_static(text.as_bytes()),
            Cow::Owned(text) => Bytes::from(text),
        };
        Self {
            status,
            body,
            headers: Vec::new(),
            flag: None,
            details: details.into(),
            close: false,
        }
    }

    pub fn flag(mut self, flag: impl Into<Option<Flag>>) -> Self {
        self.flag = flag.into();
        self
    }

    pub fn closing(self, close: bool) -> Self {
        Self { close, ..self }
    }

    pub fn header(mut self, name: Known, value: Vec<u8>) -> Self {
        self.headers.push((name, value));
        self
    }
}
