//! How formats (`%REQ(X-Id)%`, `%RESP(:status)%`) name a field of a message.
//!
//! Like [`RequestField`], but for either message: a name is read before it is known which one it will be
//! asked of, and a message that has no such field has no value. Formats may also name pseudo headers of
//! versions that are not served here; those are never there.

use portway_shared::format::Name;

use super::{
    headers::Headers,
    message::{RequestField, RequestHead, ResponseHead},
    name::{HeaderName, InvalidHeaderName},
};

/// A header or pseudo header, as a format names it.
#[derive(Clone, Debug, PartialEq, Eq)]
pub enum Field {
    OfRequest(RequestField),
    Status,
    Header(HeaderName),
    /// A pseudo header that no message here has.
    Absent,
}

impl Field {
    /// The first value in a request; an empty path or authority is none.
    pub fn of_request<'a>(&self, head: &'a RequestHead) -> Option<&'a [u8]> {
        match self {
            Field::OfRequest(field) => field.first(head).filter(|value| !value.is_empty()),
            Field::Header(name) => head.headers.get(name),
            Field::Status | Field::Absent => None,
        }
    }

    /// The first value in a response.
    pub fn of_response<'a>(&self, head: &'a ResponseHead) -> Option<&'a [u8]> {
        match self {
            Field::Status => DIGITS
                .get(usize::from(head.status))
                .filter(|_| head.status > 0)
                .map(<[u8; 3]>::as_slice),
            _ => self.of_trailers(&head.headers),
        }
    }

    /// The first value among plain fields.
    pub fn of_trailers<'a>(&self, headers: &'a Headers) -> Option<&'a [u8]> {
        match self {
            Field::Header(name) => headers.get(name),
            Field::OfRequest(_) | Field::Status | Field::Absent => None,
        }
    }
}

impl Name for Field {
    fn parse(text: &str) -> Result<Self, String> {
        if text.eq_ignore_ascii_case(":status") {
            return Ok(Field::Status);
        }
        match RequestField::parse(text) {
            Ok(RequestField::Header(name)) => Ok(Field::Header(name)),
            Ok(field) => Ok(Field::OfRequest(field)),
            Err(InvalidHeaderName::Empty) => Err(InvalidHeaderName::Empty.to_string()),
            Err(error) => match text.strip_prefix(':').map(HeaderName::parse) {
                Some(Ok(_)) => Ok(Field::Absent),
                Some(Err(_)) | None => Err(error.to_string()),
            },
        }
    }
}

/// Every status as text, to be borrowed.
static DIGITS: [[u8; 3]; 1000] = {
    let mut digits = [[b'0'; 3]; 1000];
    let mut number = 0;
    while number < digits.len() {
        digits[number] = [
            b'0' + (number / 100) as u8,
            b'0' + (number / 10 % 10) as u8,
            b'0' + (number % 10) as u8,
        ];
        number += 1;
    }
    digits
};

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn fields_are_found_in_the_message_that_has_them() {
        let mut request = RequestHead {
            path: b"/p".to_vec(),
            ..RequestHead::default()
        };
        request.headers.append(b"x-a", b"1");
        let mut response = ResponseHead {
            status: 204,
            ..ResponseHead::default()
        };
        response.headers.append(b"x-a", b"2");
        for (name, in_request, in_response) in [
            (":path", Some("/p"), None),
            (":METHOD", Some("GET"), None),
            ("host", None, None),
            (":status", None, Some("204")),
            ("X-A", Some("1"), Some("2")),
            (":protocol", None, None),
        ] {
            let field = Field::parse(name).unwrap();
            let text = |value: Option<&str>| value.map(|value| value.as_bytes().to_vec());
            assert_eq!(
                field.of_request(&request).map(<[u8]>::to_vec),
                text(in_request),
                "{name}"
            );
            assert_eq!(
                field.of_response(&response).map(<[u8]>::to_vec),
                text(in_response),
                "{name}"
            );
        }
        assert_eq!(Field::Status.of_response(&ResponseHead::default()), None);
        for bad in ["", ":", "a b", "a:b", "é"] {
            assert!(Field::parse(bad).is_err(), "{bad}");
        }
    }
}
