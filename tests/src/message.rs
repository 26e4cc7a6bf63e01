//! Just enough HTTP/1 to compare what two engines sent.
//!
//! This reads well-formed messages and leaves everything else as raw bytes, which are then compared as they
//! are. It is deliberately not the product's codec: a fault there must not hide itself here. Chunk boundaries
//! are dropped, for they follow the timing of reads; everything else is kept.

use memchr::memmem;

/// How a body's end is known.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum Framing {
    /// There can be none.
    None,
    Length(u64),
    Chunked,
    /// A response that lasts until the connection closes.
    UntilClose,
}

/// One message, as far as it has arrived.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Message {
    /// Request line or status line.
    pub line: String,
    /// In the order received, names in the case received.
    pub fields: Vec<(String, String)>,
    pub framing: Framing,
    pub body: Vec<u8>,
    pub trailers: Vec<(String, String)>,
    pub complete: bool,
}

impl Message {
    /// The first value of a field.
    pub fn field(&self, name: &str) -> Option<&str> {
        self.fields
            .iter()
            .find(|(own, _)| own.eq_ignore_ascii_case(name))
            .map(|(_, value)| value.as_str())
    }

    /// A response's status; 0 if there is none.
    pub fn status(&self) -> u16 {
        self.line
            .split(' ')
            .nth(1)
            .and_then(|status| status.parse().ok())
            .unwrap_or(0)
    }

    /// An interim response, which the final one follows.
    pub fn is_interim(&self) -> bool {
        (100..200).contains(&self.status()) && self.status() != 101
    }
}

/// Messages in a row, and the bytes behind them that are none.
#[derive(Clone, Debug, Default, PartialEq, Eq)]
pub struct Messages {
    pub messages: Vec<Message>,
    pub rest: Vec<u8>,
}

impl Messages {
    /// How many messages are complete, interim responses not counted.
    pub fn complete(&self) -> usize {
        self.messages
            .iter()
            .filter(|message| message.complete && !message.is_interim())
            .count()
    }
}

/// Reads requests.
pub fn requests(bytes: &[u8]) -> Messages {
    let mut found = Messages::default();
    let mut rest = bytes;
    while let Some((mut message, after)) = head(rest) {
        message.framing = match framing(&message) {
            Framing::UntilClose => Framing::None,
            framed => framed,
        };
        rest = body(&mut message, after);
        let complete = message.complete;
        found.messages.push(message);
        if !complete {
            break;
        }
    }
    found.rest = rest.to_vec();
    found
}

/// Reads responses to requests with these methods (GET where the list ends); `closed` says that nothing
/// more will come.
pub fn responses(bytes: &[u8], methods: &[String], closed: bool) -> Messages {
    let mut found = Messages::default();
    let mut rest = bytes;
    let mut finals = 0;
    while let Some((mut message, after)) = head(rest) {
        let method = methods.get(finals).map_or("GET", String::as_str);
        let status = message.status();
        let tunnel = status == 101 || method == "CONNECT" && (200..300).contains(&status);
        message.framing = match status {
            100..200 | 204 | 304 => Framing::None,
            _ if tunnel || method == "HEAD" => Framing::None,
            _ => framing(&message),
        };
        rest = body(&mut message, after);
        if message.framing == Framing::UntilClose {
            message.complete = closed;
        }
        let go_on = message.complete && !tunnel;
        if !message.is_interim() {
            finals += 1;
        }
        found.messages.push(message);
        if !go_on {
            break;
        }
    }
    found.rest = rest.to_vec();
    found
}

/// Printable text of bytes: what is neither printable ASCII nor a tab is written as \xNN.
pub fn printable(bytes: &[u8]) -> String {
    let mut text = String::with_capacity(bytes.len());
    for &byte in bytes {
        match byte {
            b'\r' => text.push_str("\\r"),
            b'\n' => text.push_str("\\n"),
            b'\t' => text.push_str("\\t"),
            b' '..=b'~' => text.push(byte.into()),
            _ => text.push_str(&format!("\\x{byte:02x}")),
        }
    }
    text
}

fn head(bytes: &[u8]) -> Option<(Message, &[u8])> {
    let end = memmem::find(bytes, b"\r\n\r\n")?;
    let mut lines = bytes[..end].split(|&byte| byte == b'\n');
    let line = printable(lines.next()?.trim_ascii_end());
    if !line.contains("HTTP/") {
        return None;
    }
    let fields = lines.map(field).collect();
    let message = Message {
        line,
        fields,
        framing: Framing::None,
        body: Vec::new(),
        trailers: Vec::new(),
        complete: false,
    };
    Some((message, &bytes[end + 4..]))
}

fn field(line: &[u8]) -> (String, String) {
    let line = line.strip_suffix(b"\r").unwrap_or(line);
    match memchr::memchr(b':', line) {
        Some(at) => (
            printable(&line[..at]),
            printable(line[at + 1..].trim_ascii()),
        ),
        None => (printable(line), String::new()),
    }
}

fn framing(message: &Message) -> Framing {
    let chunked = message
        .field("transfer-encoding")
        .is_some_and(|value| value.to_ascii_lowercase().ends_with("chunked"));
    if chunked {
        return Framing::Chunked;
    }
    match message
        .field("content-length")
        .and_then(|value| value.parse().ok())
    {
        Some(length) => Framing::Length(length),
        None => Framing::UntilClose,
    }
}

/// Fills in the body and says what is behind it.
fn body<'a>(message: &mut Message, bytes: &'a [u8]) -> &'a [u8] {
    match message.framing {
        Framing::None => {
            message.complete = true;
            bytes
        }
        Framing::Length(length) => {
            let take = bytes
                .len()
                .min(usize::try_from(length).unwrap_or(usize::MAX));
            message.body = bytes[..take].to_vec();
            message.complete = take as u64 == length;
            &bytes[take..]
        }
        Framing::UntilClose => {
            message.body = bytes.to_vec();
            &[]
        }
        Framing::Chunked => chunks(message, bytes),
    }
}

fn chunks<'a>(message: &mut Message, mut bytes: &'a [u8]) -> &'a [u8] {
    loop {
        let Some(end) = memmem::find(bytes, b"\r\n") else {
            return bytes;
        };
        let size = std::str::from_utf8(&bytes[..end])
            .ok()
            .and_then(|line| line.split(';').next())
            .and_then(|size| usize::from_str_radix(size.trim(), 16).ok());
        let Some(size) = size else {
            return bytes;
        };
        let data = &bytes[end + 2..];
        if size == 0 {
            return trailers(message, data).unwrap_or(bytes);
        }
        // A chunk that has arrived in part counts in part: when it came is a matter of timing.
        message
            .body
            .extend_from_slice(&data[..size.min(data.len())]);
        if data.len() < size + 2 {
            return &[];
        }
        if &data[size..size + 2] != b"\r\n" {
            return &data[size..];
        }
        bytes = &data[size + 2..];
    }
}

/// `None` until the last trailer has arrived.
fn trailers<'a>(message: &mut Message, bytes: &'a [u8]) -> Option<&'a [u8]> {
    if let Some(rest) = bytes.strip_prefix(b"\r\n") {
        message.complete = true;
        return Some(rest);
    }
    let end = memmem::find(bytes, b"\r\n\r\n")?;
    message.trailers = bytes[..end]
        .split(|&byte| byte == b'\n')
        .map(field)
        .collect();
    message.complete = true;
    Some(&bytes[end + 4..])
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn requests_are_read_one_after_the_other_and_the_rest_is_kept() {
        let bytes = b"POST /a HTTP/1.1\r\nhost: x\r\ncontent-length: 2\r\n\r\nokGET /b HTTP/1.1\r\n\r\nGET /";
        let found = requests(bytes);
        assert_eq!(found.complete(), 2);
        assert_eq!(found.messages[0].body, b"ok");
        assert_eq!(found.messages[1].line, "GET /b HTTP/1.1");
        assert_eq!(found.rest, b"GET /");
    }

    #[test]
    fn chunks_are_joined_and_trailers_kept() {
        let bytes = b"HTTP/1.1 200 OK\r\nTransfer-Encoding: chunked\r\n\r\n2;x=y\r\nab\r\n1\r\nc\r\n0\r\nT: v\r\n\r\nmore";
        let found = responses(bytes, &[], false);
        assert_eq!(found.messages[0].body, b"abc");
        assert_eq!(
            found.messages[0].trailers,
            [("T".to_owned(), "v".to_owned())]
        );
        assert!(found.messages[0].complete);
        assert_eq!(found.rest, b"more");
    }

    #[test]
    fn a_response_without_length_lasts_until_the_connection_closes() {
        let bytes = b"HTTP/1.1 200 OK\r\n\r\nabc";
        assert_eq!(responses(bytes, &[], false).complete(), 0);
        assert_eq!(responses(bytes, &[], true).complete(), 1);
    }

    #[test]
    fn head_and_interim_responses_have_no_body() {
        let bytes = b"HTTP/1.1 100 Continue\r\n\r\nHTTP/1.1 200 OK\r\ncontent-length: 9\r\n\r\nHTTP/1.1 204 No Content\r\n\r\n";
        let found = responses(bytes, &["HEAD".into()], false);
        assert_eq!(found.messages.len(), 3);
        assert_eq!(found.complete(), 2);
        assert!(found.rest.is_empty());
    }

    #[test]
    fn what_is_not_http_stays_raw() {
        assert_eq!(requests(b"\x16\x03\x01\r\n\r\n").rest.len(), 7);
        assert_eq!(printable(b"a\x00\"\r\n"), "a\\x00\"\\r\\n");
    }
}
