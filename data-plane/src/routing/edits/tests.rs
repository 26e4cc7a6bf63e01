use std::time::{Duration, SystemTime};

use portway_shared::format::{Address, Count, Moment, Peer, Text};

use super::*;

/// A request that knows its headers and nothing else.
#[derive(Default)]
struct Record {
    request: Headers,
    response: Headers,
}

impl Subject for Record {
    type Name = Field;

    fn header(&self, message: Message, name: &Field) -> Option<&[u8]> {
        match message {
            Message::Request => name.of_trailers(&self.request),
            Message::Response => name.of_trailers(&self.response),
            Message::ResponseTrailers => None,
        }
    }

    fn count(&self, _: Count) -> u64 {
        0
    }

    fn moment(&self, _: Moment) -> Option<Duration> {
        None
    }

    fn text(&self, _: Text) -> Option<&[u8]> {
        None
    }

    fn address(&self, _: Peer) -> Option<Address<'_>> {
        None
    }

    fn flags(&self, _: bool, _: &mut dyn FnMut(&'static str)) {}

    fn started(&self) -> SystemTime {
        SystemTime::UNIX_EPOCH
    }

    fn emitted(&self) -> SystemTime {
        SystemTime::UNIX_EPOCH
    }
}

impl Editable for Record {
    fn headers_mut(&mut self, message: Message) -> &mut Headers {
        match message {
            Message::Request => &mut self.request,
            Message::Response | Message::ResponseTrailers => &mut self.response,
        }
    }
}

/// `name op value`, separated by blanks: `+` appends, `?` adds if absent, `=` overwrites or adds, `!`
/// overwrites if it exists; a second `.` after the operator keeps empty values.
fn edits(remove: &[&str], add: &[&str]) -> Edits {
    let edit = |text: &&str| {
        let mut parts = text.splitn(3, ' ');
        let name = parts.next().unwrap();
        let op = parts.next().unwrap();
        Edit {
            name: HeaderName::parse(name).unwrap(),
            value: Template::parse(parts.next().unwrap())
                .unwrap()
                .omitting_empty(),
            action: match op.chars().next().unwrap() {
                '+' => AppendAction::AppendIfExistsOrAdd,
                '?' => AppendAction::AddIfAbsent,
                '=' => AppendAction::OverwriteIfExistsOrAdd,
                '!' => AppendAction::OverwriteIfExists,
                other => panic!("{other}"),
            },
            keep_empty: op.ends_with('.'),
        }
    };
    Edits {
        remove: remove
            .iter()
            .map(|name| HeaderName::parse(name).unwrap())
            .collect(),
        add: add.iter().map(edit).collect(),
    }
}

fn record(fields: &[&str]) -> Record {
    let mut record = Record::default();
    for field in fields {
        let (name, value) = field.split_once(": ").unwrap();
        record.request.append(name.as_bytes(), value.as_bytes());
    }
    record
}

fn lines(headers: &Headers) -> Vec<String> {
    headers
        .iter()
        .map(|field| {
            let text = String::from_utf8_lossy;
            format!("{}: {}", text(field.name), text(field.value))
        })
        .collect()
}

/// Each row was asked of Envoy 1.40.
#[test]
fn a_level_removes_then_computes_then_overwrites_then_adds() {
    let rows: &[[&[&str]; 4]] = &[
        [
            &[],
            &["x + 1", "y + 1", "y + 2"],
            &["x: 0"],
            &["x: 0", "x: 1", "y: 1", "y: 2"],
        ],
        [&[], &["x ? 1", "x ? 2"], &["x: 0"], &["x: 0"]],
        [&[], &["x ? 1", "x ? 2"], &[], &["x: 1", "x: 2"]],
        [&[], &["x = 1", "x = 2"], &["x: 0", "x: 00"], &["x: 2"]],
        [&[], &["x = 1"], &[], &["x: 1"]],
        [&[], &["x ! 1"], &["x: 0"], &["x: 1"]],
        [&[], &["x ! 1"], &[], &[]],
        [
            &[],
            &["x + 1", "x = 2", "x + 3"],
            &["x: 0", "a: 0"],
            &["a: 0", "x: 2", "x: 1", "x: 3"],
        ],
        [&["x"], &["x + %REQ(x)%-1"], &["x: 0"], &["x: -1"]],
        [
            &[],
            &["x = 1", "y + [%REQ(x)%]"],
            &["x: 0"],
            &["x: 1", "y: [0]"],
        ],
        [
            &[],
            &[
                "e + %REQ(no)%",
                "f +. %REQ(no)%",
                "x = %REQ(no)%",
                "g + a%REQ(no)%b",
                "h + ",
            ],
            &["x: 0"],
            &["x: 0", "f: ", "g: ab"],
        ],
        [
            &[],
            &[
                "user-agent + 1",
                "accept-language + 1",
                "content-type + 1",
                "content-type + 2",
            ],
            &["user-agent: 0", "accept-language: 0"],
            &[
                "user-agent: 0,1",
                "accept-language: 0",
                "accept-language: 1",
                "content-type: 1,2",
            ],
        ],
        [
            &[],
            &["cookie + a", "cookie + b"],
            &[],
            &["cookie: a", "cookie: b"],
        ],
        [
            &["X", "y"],
            &[],
            &["x: 0", "z: 0", "Y: 1", "x: 2"],
            &["z: 0"],
        ],
    ];
    for [remove, add, before, after] in rows {
        let mut record = record(before);
        edits(remove, add).apply(&mut record, Message::Request);
        assert_eq!(lines(&record.request), *after, "{remove:?} {add:?}");
    }
}

#[test]
fn edits_one_by_one_see_what_the_last_one_did() {
    let mut record = record(&["x: 0"]);
    for edit in &edits(
        &[],
        &["x = 1", "y + [%REQ(x)%]", "z ? 1", "z ? 2", "e + %REQ(no)%"],
    )
    .add
    {
        edit.apply(&mut record, Message::Request);
    }
    assert_eq!(lines(&record.request), ["x: 1", "y: [1]", "z: 1"]);
}

#[test]
fn a_response_is_edited_with_the_request_at_hand() {
    let mut record = record(&["x: 0"]);
    record.response.append(b"vary", b"a");
    edits(&[], &["vary + b", "y + %REQ(x)%/%RESP(vary)%"]).apply(&mut record, Message::Response);
    assert_eq!(lines(&record.response), ["vary: a,b", "y: 0/a"]);
    assert_eq!(lines(&record.request), ["x: 0"]);
}
