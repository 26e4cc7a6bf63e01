//! Random bytes, and round trips of random messages.

use proptest::{collection::vec, prelude::*};

use super::*;

/// Bytes that look enough like HTTP to get past the first line.
fn soup() -> impl Strategy<Value = Vec<u8>> {
    const PIECES: &[&[u8]] = &[
        b"GET / HTTP/1.1\r\n",
        b"POST /a?b HTTP/1.0\r\n",
        b"HTTP/1.1 200 OK\r\n",
        b"HTTP/1.1 100 C\r\n\r\n",
        b"Host: a\r\n",
        b"Content-Length: 3\r\n",
        b"Transfer-Encoding: chunked\r\n",
        b"Connection: close, x, te\r\n",
        b"Connection: upgrade\r\nUpgrade: h2c\r\n",
        b"\r\n",
        b"\n",
        b"\r",
        b" ",
        b"\t",
        b":",
        b"3\r\nabc\r\n",
        b"0\r\n",
        b"5;x=\"y\"\r\n",
        b"abc",
        b"http://u@h:1/p",
        b"\xff",
        b"\0",
    ];
    vec(proptest::sample::select(PIECES), 0..24).prop_map(|pieces| pieces.concat())
}

fn all_options() -> [Options; 3] {
    let every = Options {
        accept_http_10: true,
        enable_trailers: true,
        allow_chunked_length: true,
        allow_custom_methods: true,
        default_host_for_http_10: Some("d".into()),
        ..Options::requests()
    };
    [Options::requests(), every.clone(), every.strict()]
}

proptest! {
    #![proptest_config(ProptestConfig { cases: 2_000, failure_persistence: None, ..ProptestConfig::default() })]

    #[test]
    fn no_bytes_panic_or_are_read_beyond_their_end(input in prop_oneof![soup(), vec(any::<u8>(), 0..200)]) {
        for options in all_options() {
            let whole = serve(&input, &[], &options);
            let middle = input.len() / 2;
            prop_assert_eq!(whole.closed, serve(&input, &[middle], &options).closed);
            for method in [Method::Get, Method::Head, Method::Connect] {
                answer(&[&input], true, &method, &options);
            }
            for length in [BodyLength::Chunked, BodyLength::Length(5), BodyLength::UntilClose] {
                if let Ok((body, _, rest)) = read_body(length, &input, &options) {
                    prop_assert!(body.len() + rest.len() <= input.len());
                }
            }
        }
    }

    #[test]
    fn strict_takes_nothing_that_loose_refuses(input in soup()) {
        // 101 switches and HTTP/1.0 aside, strict reading is a subset: what it serves, loose serves alike.
        let loose = Options { allow_custom_methods: true, ..Options::requests() };
        let strict = serve(&input, &[], &loose.clone().strict());
        if let [Outcome::Upstream(bytes), ..] = strict.outcomes.as_slice() {
            let loose = serve(&input, &[], &loose);
            match loose.outcomes.as_slice() {
                [Outcome::Upstream(other), ..] => prop_assert_eq!(bytes, other),
                [Outcome::Upgrade, ..] => {}
                other => prop_assert!(false, "{:?}", other),
            }
        }
    }

    #[test]
    fn a_written_request_reads_back(
        method in prop_oneof![Just("GET"), Just("POST"), Just("PURGE")],
        path in "/[!-\"$-~]{0,40}",
        host in "[a-z][a-z0-9.-]{0,20}(:[1-9][0-9]{0,3})?",
        fields in vec(("x-[a-z0-9]{1,8}", "([!-~\u{80}-\u{ff}]([ -~]{0,20}[!-~])?)?"), 0..12),
        body in prop_oneof![
            Just(None),
            vec(any::<u8>(), 0..300).prop_map(|body| Some((body, true))),
            vec(any::<u8>(), 0..300).prop_map(|body| Some((body, false))),
        ],
        piece in 1usize..64,
    ) {
        let mut head = RequestHead {
            method: Method::of(method),
            path: path.into_bytes(),
            authority: host.into_bytes(),
            ..RequestHead::default()
        };
        for (name, value) in &fields {
            head.headers.append(name.as_bytes(), value.as_bytes());
        }
        let framing = match &body {
            None => Framing::None,
            Some((body, true)) => Framing::Length(body.len() as u64),
            Some((_, false)) => Framing::Chunked,
        };
        let data = body.map(|(body, _)| body).unwrap_or_default();
        let mut wire = Vec::new();
        write_request(&mut wire, &head, framing);
        let mut writer = BodyWriter::new(framing);
        for piece in data.chunks(piece) {
            writer.write(&mut wire, piece).unwrap();
        }
        writer.finish(&mut wire, None).unwrap();

        for options in all_options() {
            let mut read = RequestHead::default();
            let frame = read_request(&wire, &mut HeadScanner::new(), &options, &mut read)
                .unwrap()
                .unwrap();
            prop_assert_eq!(&read.method, &head.method);
            prop_assert_eq!(&read.path, &head.path);
            prop_assert_eq!(&read.authority, &head.authority);
            let pairs = |head: &RequestHead| -> Vec<(Vec<u8>, Vec<u8>)> {
                head.headers
                    .iter()
                    .filter(|field| !matches!(field.known, Some(Known::ContentLength | Known::TransferEncoding)))
                    .map(|field| (field.name.to_vec(), field.value.to_vec()))
                    .collect()
            };
            prop_assert_eq!(pairs(&read), pairs(&head));
            let (body, reader, rest) =
                read_body(frame.body, &wire[frame.consumed..], &options).unwrap();
            prop_assert!(reader.is_done());
            prop_assert!(rest.is_empty());
            prop_assert_eq!(&body, &data);
        }
    }

    #[test]
    fn a_written_response_reads_back(
        status in prop_oneof![Just(200u16), Just(404), Just(503), Just(599)],
        fields in vec(("x-[a-z0-9]{1,8}", "([!-~]([ -~]{0,20}[!-~])?)?"), 0..12),
        data in vec(any::<u8>(), 0..300),
        framing in 0..3,
        piece in 1usize..64,
    ) {
        let mut head = ResponseHead { status, ..ResponseHead::default() };
        for (name, value) in &fields {
            head.headers.append(name.as_bytes(), value.as_bytes());
        }
        let framing = match framing {
            0 => Framing::Length(data.len() as u64),
            1 => Framing::Chunked,
            _ => Framing::Close,
        };
        let mut wire = Vec::new();
        write_response(&mut wire, &head, Version::Http11, framing, ConnectionField::Omit);
        let mut writer = BodyWriter::new(framing);
        for piece in data.chunks(piece) {
            writer.write(&mut wire, piece).unwrap();
        }
        writer.finish(&mut wire, None).unwrap();
        for options in all_options() {
            let mut read = ResponseHead::default();
            let frame =
                read_response(&wire, &mut HeadScanner::new(), &options, &Method::Get, &mut read)
                    .unwrap()
                    .unwrap();
            prop_assert_eq!(read.status, status);
            let (body, mut reader, rest) =
                read_body(frame.body, &wire[frame.consumed..], &options).unwrap();
            prop_assert!(reader.on_eof().is_ok());
            prop_assert!(rest.is_empty());
            prop_assert_eq!(&body, &data);
        }
    }
}
