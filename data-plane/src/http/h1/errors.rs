//! Why a message was refused, in the words that Envoy's access log uses for it.

use crate::http::flags::{Details, Flag};

/// What is wrong with bytes, before it is known whose they are.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(super) enum Fault {
    Syntax,
    InvalidCharacters,
    HeadersTooLarge,
    TooManyHeaders,
    InvalidTransferEncoding,
    LengthAndChunked,
    TransferEncodingNotAllowed,
    ContentLengthNotAllowed,
}

macro_rules! request_errors {
    ($($(#[$doc:meta])* $variant:ident $status:literal $details:literal $flag:expr,)*) => {
        /// Why a request was refused.
        #[derive(Clone, Copy, Debug, PartialEq, Eq)]
        pub enum RequestErrorKind { $($(#[$doc])* $variant,)* }

        impl RequestErrorKind {
            fn parts(self) -> (u16, &'static str, Option<Flag>) {
                match self { $(RequestErrorKind::$variant => ($status, $details, $flag),)* }
            }
        }
    };
}

const DPE: Option<Flag> = Some(Flag::DownstreamProtocolError);

request_errors! {
    /// The bytes are no HTTP/1 message.
    Syntax 400 "http1.codec_error" DPE,
    /// A control character where none may be.
    InvalidCharacters 400 "http1.invalid_characters" DPE,
    HeadersTooLarge 431 "http1.headers_too_large" DPE,
    TooManyHeaders 431 "http1.too_many_headers" DPE,
    InvalidUrl 400 "http1.invalid_url" DPE,
    InvalidScheme 400 "http1.invalid_scheme" DPE,
    /// HTTP/1.0 or older where only 1.1 is served.
    LowVersion 426 "low_version" DPE,
    /// Strict: neither HTTP/1.0 nor 1.1.
    UnsupportedVersion 505 "http1.unsupported_version" DPE,
    /// Strict: over the target limit.
    TargetTooLong 414 "http1.target_too_long" DPE,
    UnsupportedTransferEncoding 501 "http1.invalid_transfer_encoding" DPE,
    /// Strict: the same, as a malformed request.
    InvalidTransferEncoding 400 "http1.invalid_transfer_encoding" DPE,
    LengthAndChunked 400 "http1.content_length_and_chunked_not_allowed" DPE,
    /// `Connection` names a field that it may not remove.
    ConnectionRejected 400 "http1.connection_header_rejected" DPE,
    /// `CONNECT` with a body.
    BodyDisallowed 400 "http1.body_disallowed" DPE,
    InvalidAuthority 400 "http.invalid_authority" DPE,
    /// Strict: a field that must be there once was sent twice.
    DuplicateField 400 "http1.duplicate_header" DPE,
    /// Strict: the target names another host than `Host`.
    HostMismatch 400 "http1.host_mismatch" DPE,
    /// The body ended before its announced length.
    Truncated 400 "http1.codec_error" DPE,
    MissingHost 400 "missing_host_header" None,
    /// The target is no path: `*`, or `?query` behind an absolute host.
    NotAPath 404 "absolute_path_rejected" None,
    /// Strict: `*` with another method than `OPTIONS`.
    AsteriskRejected 400 "absolute_path_rejected" None,
    /// `#` in the path.
    Fragment 400 "path_normalization_failed" None,
    /// `QUERY` without `Content-Type`.
    QueryContentType 400 "query_missing_content_type" None,
    /// Strict: an expectation other than `100-continue`.
    Expectation 417 "http1.expectation_failed" None,
}

/// A refused request: what the local reply and the access log say.
#[derive(Clone, Copy, Debug, PartialEq, Eq, thiserror::Error)]
#[error("{}", self.kind.parts().1)]
pub struct RequestError {
    pub kind: RequestErrorKind,
}

impl RequestError {
    pub fn status(self) -> u16 {
        self.kind.parts().0
    }

    pub fn details(self) -> Details {
        Details::Borrowed(self.kind.parts().1)
    }

    /// None where Envoy raises none: the refusals of [`admit`](super::admit()).
    pub fn flag(self) -> Option<Flag> {
        self.kind.parts().2
    }

    /// Whether the head came through whole and may be logged. A codec error leaves an empty head.
    pub fn has_head(self) -> bool {
        self.flag().is_none()
    }

    /// Whether the connection ends with the reply. What follows a codec error is never a request.
    pub fn closes(self) -> bool {
        self.kind != RequestErrorKind::NotAPath
    }

    /// The text of the reply: the reason phrase for codec errors, nothing for the others.
    pub fn body(self) -> &'static str {
        if self.has_head() {
            ""
        } else {
            super::reason(self.status())
        }
    }
}

impl From<RequestErrorKind> for RequestError {
    fn from(kind: RequestErrorKind) -> Self {
        Self { kind }
    }
}

impl From<Fault> for RequestErrorKind {
    fn from(fault: Fault) -> Self {
        match fault {
            Fault::Syntax | Fault::TransferEncodingNotAllowed | Fault::ContentLengthNotAllowed => {
                RequestErrorKind::Syntax
            }
            Fault::InvalidCharacters => RequestErrorKind::InvalidCharacters,
            Fault::HeadersTooLarge => RequestErrorKind::HeadersTooLarge,
            Fault::TooManyHeaders => RequestErrorKind::TooManyHeaders,
            Fault::InvalidTransferEncoding => RequestErrorKind::UnsupportedTransferEncoding,
            Fault::LengthAndChunked => RequestErrorKind::LengthAndChunked,
        }
    }
}

impl From<Fault> for RequestError {
    fn from(fault: Fault) -> Self {
        RequestErrorKind::from(fault).into()
    }
}

/// Why a response cannot be used: its connection goes, the request fails with a protocol error.
#[derive(Clone, Copy, Debug, PartialEq, Eq, thiserror::Error)]
pub enum ResponseError {
    #[error("the bytes are no HTTP/1 response")]
    Syntax,
    #[error("a header holds a control character")]
    InvalidCharacters,
    #[error("the head is over its size limit")]
    HeadersTooLarge,
    #[error("the head has too many fields")]
    TooManyHeaders,
    #[error("a transfer encoding other than chunked")]
    InvalidTransferEncoding,
    #[error("content-length beside transfer-encoding")]
    LengthAndChunked,
    #[error("transfer-encoding on a status without a body")]
    TransferEncodingNotAllowed,
    #[error("content-length on a status without a body")]
    ContentLengthNotAllowed,
    #[error("the protocol was switched without being asked to")]
    UnaskedSwitch,
}

impl ResponseError {
    pub fn flag(self) -> Flag {
        Flag::UpstreamProtocolError
    }
}

impl From<Fault> for ResponseError {
    fn from(fault: Fault) -> Self {
        match fault {
            Fault::Syntax => ResponseError::Syntax,
            Fault::InvalidCharacters => ResponseError::InvalidCharacters,
            Fault::HeadersTooLarge => ResponseError::HeadersTooLarge,
            Fault::TooManyHeaders => ResponseError::TooManyHeaders,
            Fault::InvalidTransferEncoding => ResponseError::InvalidTransferEncoding,
            Fault::LengthAndChunked => ResponseError::LengthAndChunked,
            Fault::TransferEncodingNotAllowed => ResponseError::TransferEncodingNotAllowed,
            Fault::ContentLengthNotAllowed => ResponseError::ContentLengthNotAllowed,
        }
    }
}

/// Why a body cannot be read on.
#[derive(Clone, Copy, Debug, PartialEq, Eq, thiserror::Error)]
pub enum BodyError {
    #[error("the chunk framing is broken")]
    Framing,
    #[error("the chunk extensions are over their limit")]
    ExtensionsTooLarge,
    #[error("a trailer holds a control character")]
    InvalidCharacters,
    #[error("the trailers are over their size limit")]
    TrailersTooLarge,
    #[error("the trailers have too many fields")]
    TooManyTrailers,
    #[error("the connection ended before the body did")]
    Truncated,
}

impl BodyError {
    /// The reply to a client that sent such a body; upstream it is a protocol error like any other.
    pub fn refusal(self) -> RequestError {
        match self {
            BodyError::Framing | BodyError::ExtensionsTooLarge => RequestErrorKind::Syntax,
            BodyError::InvalidCharacters => RequestErrorKind::InvalidCharacters,
            BodyError::TrailersTooLarge => RequestErrorKind::HeadersTooLarge,
            BodyError::TooManyTrailers => RequestErrorKind::TooManyHeaders,
            BodyError::Truncated => RequestErrorKind::Truncated,
        }
        .into()
    }
}

impl From<Fault> for BodyError {
    fn from(fault: Fault) -> Self {
        match fault {
            Fault::InvalidCharacters => BodyError::InvalidCharacters,
            Fault::HeadersTooLarge => BodyError::TrailersTooLarge,
            Fault::TooManyHeaders => BodyError::TooManyTrailers,
            Fault::Syntax
            | Fault::InvalidTransferEncoding
            | Fault::LengthAndChunked
            | Fault::TransferEncodingNotAllowed
            | Fault::ContentLengthNotAllowed => BodyError::Framing,
        }
    }
}
