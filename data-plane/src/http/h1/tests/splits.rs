//! Every message of the tables, cut at every byte: the same outcome.

use super::*;

/// Cuts before each byte, and one byte at a time.
fn all_ways(length: usize) -> impl Iterator<Item = Vec<usize>> {
    (0..=length)
        .map(|cut| vec![cut])
        .chain([(0..length).collect()])
}

#[test]
fn requests_do_not_depend_on_where_they_are_cut() {
    for (name, options, input, _) in super::envoy::requests() {
        for options in [options.clone(), options.strict()] {
            let whole = serve(&input, &[], &options);
            for cuts in all_ways(input.len()) {
                assert_eq!(
                    normal(serve(&input, &cuts, &options)),
                    normal(whole.clone()),
                    "{name} cut at {cuts:?}, strict {}",
                    options.strict
                );
            }
        }
    }
}

/// Chunks may be cut differently on their way; all else is the same.
fn normal(served: Served) -> Served {
    let outcomes = served.outcomes.into_iter().map(|outcome| match outcome {
        Outcome::Upstream(bytes) => Outcome::Upstream(merge_chunks(bytes)),
        other => other,
    });
    Served {
        outcomes: outcomes.collect(),
        closed: served.closed,
    }
}

fn merge_chunks(message: Vec<u8>) -> Vec<u8> {
    let end = memchr::memmem::find(&message, b"\r\n\r\n").unwrap() + 4;
    let (head, body) = message.split_at(end);
    if memchr::memmem::find(head, b"transfer-encoding: chunked").is_none() {
        return message;
    }
    let options = Options {
        enable_trailers: true,
        ..Options::requests()
    };
    let Ok((data, mut reader, rest)) = read_body(BodyLength::Chunked, body, &options) else {
        panic!("unreadable chunks: {}", escape(&message));
    };
    assert!(rest.is_empty());
    let mut merged = head.to_vec();
    let mut writer = BodyWriter::new(Framing::Chunked);
    writer.write(&mut merged, &data).unwrap();
    if reader.is_done() {
        let trailers = reader.take_trailers();
        writer.finish(&mut merged, trailers.as_ref()).unwrap();
    }
    merged
}

#[test]
fn responses_do_not_depend_on_where_they_are_cut() {
    for row in super::envoy::responses() {
        let input = row.pieces.concat();
        for options in [Options::responses(), Options::responses().strict()] {
            let run = |cuts: &[usize]| {
                let mut pieces = Vec::new();
                let mut from = 0;
                for cut in cuts.iter().copied().chain([input.len()]) {
                    pieces.push(&input[from..cut]);
                    from = cut;
                }
                let mut answered = answer(&pieces, row.close, &row.method, &options);
                if !answered.downstream.is_empty() {
                    answered.downstream = merge_chunks(answered.downstream);
                }
                answered
            };
            let whole = run(&[]);
            for cuts in all_ways(input.len()) {
                let cut = run(&cuts);
                // Data in front of an error may have gone through before the error was seen.
                if !matches!(whole.end, AnswerEnd::Cut(_)) {
                    assert_eq!(cut.downstream, whole.downstream, "{} {cuts:?}", row.name);
                }
                assert_eq!(
                    (cut.end, cut.reuse),
                    (whole.end.clone(), whole.reuse),
                    "{} {cuts:?}",
                    row.name
                );
            }
        }
    }
}
