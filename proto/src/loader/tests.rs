//! Reading files into trees: what is read, where it stands, what is refused.

use super::*;

fn read(name: &str, text: &str) -> Vec<Document> {
    documents(
        Source {
            name,
            bytes: text.as_bytes(),
        },
        &Limits::default(),
    )
    .unwrap_or_else(|errors| panic!("{text}\n{}", diagnostics::human(&errors)))
}

fn fail(name: &str, bytes: &[u8]) -> Diagnostic {
    fail_within(name, bytes, &Limits::default())
}

fn fail_within(name: &str, bytes: &[u8], limits: &Limits) -> Diagnostic {
    let Err(mut errors) = documents(Source { name, bytes }, limits) else {
        panic!("accepted: {}", String::from_utf8_lossy(bytes));
    };
    assert_eq!(errors.len(), 1);
    errors.remove(0)
}

/// The tree as compact text: strings quoted, numbers bare.
fn show(node: Node<'_>) -> String {
    match node.value() {
        Value::Null => "null".into(),
        Value::Bool(value) => value.to_string(),
        Value::Int(value) => value.to_string(),
        Value::Number(text) => format!("#{text}"),
        Value::String(text) => format!("{text:?}"),
        Value::Sequence(items) => {
            format!("[{}]", items.map(show).collect::<Vec<_>>().join(","))
        }
        Value::Mapping(entries) => {
            let entry = |e: Entry<'_>| format!("{}:{}", e.name(), show(e.value));
            format!("{{{}}}", entries.map(entry).collect::<Vec<_>>().join(","))
        }
    }
}

fn yaml(text: &str) -> String {
    read("a.yaml", text)
        .iter()
        .map(|d| show(d.root()))
        .collect::<Vec<_>>()
        .join(" --- ")
}

fn json(text: &str) -> String {
    show(read("a.json", text)[0].root())
}

#[test]
fn yaml_values() {
    for (text, tree) in [
        ("a: b", r#"{a:"b"}"#),
        (
            "a: 1\nb: yes\nc: 1.5\nd: '1'\ne:\nf: ~",
            r#"{a:1,b:true,c:"1.5",d:"1",e:null,f:null}"#,
        ),
        ("- a\n- [b, {c: d}]\n-\n", r#"["a",["b",{c:"d"}],null]"#),
        (
            "a: |\n  x\n  y\nb: >-\n  x\n  y\n",
            r#"{a:"x\ny\n",b:"x y"}"#,
        ),
        ("a: \"\\u00e9\\n\"\n", "{a:\"é\\n\"}"),
        (
            "yes: 1\n0x10: 2\n~: 3\n\"q\": 4\n1.0: 5",
            "{yes:1,0x10:2,null:3,q:4,1.0:5}",
        ),
        (
            "a: !!str 5\nb: !!int \"5\"\nc: ! 5\nd: !!str ~\ne: !!str\nf: !x yes",
            r#"{a:5,b:5,c:"5",d:"~",e:"",f:true}"#,
        ),
        (
            "a: 0xffffffff\nb: 18446744073709551615",
            r#"{a:"4294967295",b:"18446744073709551615"}"#,
        ),
        (
            "a: &x {b: 1}\nc: *x\nd: [*x, *x]",
            "{a:{b:1},c:{b:1},d:[{b:1},{b:1}]}",
        ),
        ("a: &x s\n*x : 1", r#"{a:"s",s:1}"#),
        ("{}", "{}"),
        ("# only a comment\n", ""),
        ("a: 1\n---\nb: 2\n...\n---\n", "{a:1} --- {b:2} --- null"),
        ("!ignore t: &x {p: 1}\na: *x", "{a:{p:1}}"),
        ("a: 1\r\nb: [\r\n  x\r\n]\r\n", r#"{a:1,b:["x"]}"#),
        ("\u{feff}a: 1", "{a:1}"),
    ] {
        assert_eq!(yaml(text), tree, "{text}");
    }
}

#[test]
fn merge_keys() {
    for (text, tree) in [
        (
            "x: &m {a: 1, b: 2}\ny: {<<: *m, b: 3}",
            "{x:{a:1,b:2},y:{b:3,a:1}}",
        ),
        (
            "x: &m {a: 1, b: 2}\ny: {b: 3, <<: *m}",
            "{x:{a:1,b:2},y:{b:3,a:1}}",
        ),
        (
            "- &m {a: 1}\n- &n {a: 2, b: 2}\n- {<<: [*m, *n], c: 3}",
            "[{a:1},{a:2,b:2},{c:3,a:1,b:2}]",
        ),
        ("<<: {a: 1}\nb: 2", "{b:2,a:1}"),
        // Quoted, it is an ordinary key.
        ("\"<<\": {a: 1}", "{<<:{a:1}}"),
        // A merge of a merge.
        (
            "- &a {p: 1}\n- &b {<<: *a, q: 2}\n- {<<: *b}",
            "[{p:1},{q:2,p:1},{q:2,p:1}]",
        ),
    ] {
        assert_eq!(yaml(text), tree, "{text}");
    }
    for text in ["<<: 1", "<<: [1]", "<<:", "<<: [[{}]]"] {
        let error = fail("a.yaml", text.as_bytes());
        assert_eq!(
            error.message, "`<<` takes a mapping or a list of mappings",
            "{text}"
        );
        assert_eq!(error.line, 1);
    }
}

#[test]
fn json_values() {
    for (text, tree) in [
        (
            r#"{"a": 1, "b": [true, false, null], "c": {}}"#,
            "{a:#1,b:[true,false,null],c:{}}",
        ),
        (
            r#"[1.50, -0, 1e3, 18446744073709551615, 0.1E-7]"#,
            "[#1.50,#-0,#1e3,#18446744073709551615,#0.1E-7]",
        ),
        (
            r#""\ud83d\ude00 \u00e9 \"\\\/\b\f\n\r\t""#,
            r#""😀 é \"\\/\u{8}\u{c}\n\r\t""#,
        ),
        ("'it'", r#""it""#),
        (r#"{a: 'b', $c_1: "d",}"#, r#"{a:"b",$c_1:"d"}"#),
        ("[1,]", "[#1]"),
        ("\"a\nb\"", r#""a\nb""#),
        (" [ ] ", "[]"),
        ("\u{feff}{}", "{}"),
    ] {
        assert_eq!(json(text), tree, "{text}");
    }
}

#[test]
fn json_errors_have_places() {
    for (text, line, column, message) in [
        ("", 1, 1, "expected a value, found the end of the file"),
        (
            "{\"a\": 1\n",
            1,
            8,
            "expected `,` or `}`, found the end of the file",
        ),
        ("{\"a\": \n}", 2, 1, "expected a value, found `}`"),
        ("{\"a\" 1}", 1, 6, "expected `:`, found `1`"),
        ("{1: 2}", 1, 2, "expected a key in double quotes, found `1`"),
        ("[1 2]", 1, 4, "expected `,` or `]`, found `2`"),
        ("[1}", 1, 3, "expected `,` or `]`, found `}`"),
        ("{} x", 1, 4, "expected the end of the file, found `x`"),
        ("[,]", 1, 2, "expected a value, found `,`"),
        ("[01]", 1, 2, "a number must not begin with 0"),
        ("[1.]", 1, 2, "a number needs digits after its point"),
        ("[-]", 1, 2, "a number needs digits"),
        ("[1e]", 1, 2, "a number needs digits in its exponent"),
        ("[1e400]", 1, 2, "this number is too large"),
        ("[+1]", 1, 2, "expected a value, found `+`"),
        ("[NaN]", 1, 2, "expected a value, found `N`"),
        ("[nul]", 1, 2, "expected a value, found `n`"),
        ("[\"abc]", 1, 2, "a string that never ends"),
        ("[\"ab\\", 1, 5, "an escape JSON does not know"),
        ("[\"\\x\"]", 1, 3, "an escape JSON does not know"),
        ("[\"\\ud83d\"]", 1, 3, "half of a surrogate pair"),
        ("[\"\\ude00\"]", 1, 3, "half of a surrogate pair"),
        ("[\"\\ud83d\\u0041\"]", 1, 3, "half of a surrogate pair"),
        ("[\"\\u12g4\"]", 1, 3, "\\u needs four hexadecimal digits"),
        ("[\"\\u12é\"]", 1, 3, "\\u needs four hexadecimal digits"),
        ("/* c */ {}", 1, 1, "expected a value, found `/`"),
    ] {
        let error = fail("a.json", text.as_bytes());
        assert_eq!(
            (error.line, error.column, error.message.as_str()),
            (line, column, message),
            "{text}"
        );
    }
}

#[test]
fn yaml_errors_have_places() {
    for (text, line, column, message) in [
        ("a: *b", 1, 4, "this alias names no anchor above it"),
        (
            "a: &x [*x]",
            1,
            8,
            "this alias stands inside the value that it names",
        ),
        ("a:\n\tb: 1", 2, 1, "a tab where YAML allows only spaces"),
        ("a: b: c", 1, 5, "`:` cannot start a value here"),
        ("a: 1\nb: \"x", 2, 4, "a quoted string that never ends"),
        (
            "[a]: 1",
            1,
            1,
            "a key must be a single word or string, not a list or a mapping",
        ),
        (
            "? {a: b}\n: 1",
            1,
            3,
            "a key must be a single word or string, not a list or a mapping",
        ),
        (
            "- &x [a]\n- *x : 1",
            2,
            3,
            "a key must be a single word or string, not a list or a mapping",
        ),
    ] {
        let error = fail("a.yaml", text.as_bytes());
        assert_eq!(
            (error.line, error.column, error.message.as_str()),
            (line, column, message),
            "{text}"
        );
    }
    // The parser's own words, but always a place inside the file.
    for (text, line) in [
        ("a: [1, 2\n", 1),
        ("a: {b: c\nd: e\n", 2),
        ("a: 1\n b: 2\n", 2),
        ("a: 1\n- b\n", 2),
        ("a: @x", 1),
        ("%YAML 9.0\n---\na: 1", 1),
        ("a: !y!z 1", 1),
        ("a: \"\\q\"", 1),
        ("a: 'x' y", 1),
    ] {
        let error = fail("a.yaml", text.as_bytes());
        assert_eq!(error.line, line, "{text}: {error}");
        assert!(
            !error.message.is_empty() && error.excerpt.is_some(),
            "{text}: {error:?}"
        );
    }
}

#[test]
fn encodings() {
    let error = fail("a.yaml", b"a: 1\nb: \"x\xff\xfey\"\nc: 1\n");
    assert_eq!((error.line, error.column), (2, 6));
    assert_eq!(error.message, "byte 0xff is not UTF-8");
    let error = fail("a.yaml", b"a: \xc3");
    assert_eq!((error.line, error.column), (1, 4));
    assert!(fail("a.json", b"\xff\xfea\0").message.contains("UTF-16"));
    assert!(fail("a.yaml", b"\xfe\xff\0a").message.contains("UTF-16"));
}

#[test]
fn spans_mark_what_was_written() {
    let documents = read(
        "a.yaml",
        "top: &t\n  name: \"x y\"\n  list: [1, two]\nuse: *t\n",
    );
    let root = documents[0].root();
    let top = root.get("top").unwrap();
    assert_eq!(top.get("name").unwrap().source(), "\"x y\"");
    assert_eq!(top.get("list").unwrap().source(), "[1, two]");
    assert_eq!(top.source(), "name: \"x y\"\n  list: [1, two]");
    assert_eq!(top.place(), Place { line: 2, column: 3 });
    // An alias stands where it is used, its inner values where they are defined.
    let used = root.get("use").unwrap();
    assert_eq!((used.source(), used.place().line), ("*t", 4));
    assert_eq!(used.get("name").unwrap().place().line, 2);
    let key = root.entries().nth(1).unwrap().key;
    assert_eq!(key.place(), Place { line: 4, column: 1 });

    let documents = read("a.json", "{\"a\": [10, \"x\"],\n \"b\": {}}");
    let root = documents[0].root();
    assert_eq!(root.get("a").unwrap().source(), "[10, \"x\"]");
    assert_eq!(
        root.get("a").unwrap().items().nth(1).unwrap().source(),
        "\"x\""
    );
    assert_eq!(root.get("b").unwrap().place(), Place { line: 2, column: 7 });
}

#[test]
fn names_without_an_extension_are_read_as_what_they_look_like() {
    assert_eq!(show(read("-", "{\"a\": 1.5}")[0].root()), "{a:#1.5}");
    assert_eq!(show(read("-", "{a: b 1.5}")[0].root()), "{a:\"b 1.5\"}");
    assert_eq!(show(read("-", "a: 1")[0].root()), "{a:1}");
    assert_eq!(
        fail("-", b"{\"a\": [}").message,
        "expected a value, found `}`"
    );
}

#[test]
fn limits_hold() {
    let limits = Limits {
        bytes: 100,
        depth: 5,
        values: 20,
        anchors: 3,
    };
    let error = fail_within("a.yaml", &[b'a'; 101], &limits);
    assert_eq!(error.message, "101 bytes are more than the limit of 100");

    for (name, text) in [
        ("a.yaml", "[[[[[[]]]]]]"),
        ("a.json", "[[[[[[]]]]]]"),
        ("a.yaml", "a:\n b:\n  c:\n   d:\n    e:\n     f: 1"),
        // Each alias is shallow, together they are not.
        ("a.yaml", "- &a [[[]]]\n- [[[*a]]]"),
    ] {
        let error = fail_within(name, text.as_bytes(), &limits);
        assert_eq!(error.message, "nested more than 5 levels deep", "{text}");
    }
    read_within("a.yaml", "[[[[[]]]]]", &limits);
    read_within("a.json", "[[[[[]]]]]", &limits);

    let many = "- 1\n".repeat(20);
    let error = fail_within("a.yaml", many.as_bytes(), &limits);
    assert_eq!(
        (error.message.as_str(), error.line),
        ("more than 20 values in one file", 20)
    );
    read_within("a.yaml", &"- 1\n".repeat(19), &limits);
    // Keys are not values.
    read_within(
        "a.yaml",
        "{a: 1, b: 1, c: 1, d: 1, e: 1, f: 1, g: 1, h: 1, i: 1, j: 1, k: 1}",
        &limits,
    );

    let bomb = "a: &a [1,1,1]\nb: &b [*a,*a,*a]\nc: [*b,*b]\n";
    let error = fail_within("a.yaml", bomb.as_bytes(), &limits);
    assert_eq!(
        (error.line, error.message.as_str()),
        (3, "more than 20 values in one file")
    );
    assert_eq!(
        error.help.as_deref(),
        Some("this alias stands for too many values")
    );
}

#[test]
fn anchors_are_counted() {
    let limits = Limits {
        anchors: 3,
        ..Limits::default()
    };
    read_within(
        "a.yaml",
        "- &a 1\n- &b 1\n---\n- &a [*a]\n"
            .replace("*a", "1")
            .as_str(),
        &limits,
    );
    let error = fail_within("a.yaml", b"- &a 1\n- &b 1\n- &c 1\n- &d x\n", &limits);
    assert_eq!(
        (error.line, error.column, error.message.as_str()),
        (4, 6, "more than 3 anchors in one file")
    );
}

fn read_within(name: &str, text: &str, limits: &Limits) {
    let source = Source {
        name,
        bytes: text.as_bytes(),
    };
    if let Err(errors) = documents(source, limits) {
        panic!("{text}: {}", errors[0]);
    }
}

/// Whatever the bytes are, reading ends with documents or with a placed error.
#[test]
fn hostile_bytes_end_in_an_answer() {
    let depth = 200_000;
    let merges: String = (1..400)
        .map(|n| format!("k{n}: &a{n} {{<<: *a{}, x{n}: 1}}\n", n - 1))
        .collect();
    let bomb: String = (1..60)
        .map(|n| format!("k{n}: &a{n} [*a{0},*a{0}]\n", n - 1))
        .collect();
    let cases: Vec<(&str, Vec<u8>)> = vec![
        ("deep.json", "[".repeat(depth).into_bytes()),
        ("deep.yaml", "[".repeat(depth).into_bytes()),
        ("maps.json", "{\"a\":".repeat(depth).into_bytes()),
        ("maps.yaml", "{a: ".repeat(depth).into_bytes()),
        ("dashes.yaml", "- ".repeat(depth).into_bytes()),
        ("keys.yaml", "? ".repeat(depth).into_bytes()),
        ("quotes.yaml", b"\"".repeat(depth)),
        ("bangs.yaml", b"!".repeat(depth)),
        ("anchors.yaml", "&a ".repeat(depth).into_bytes()),
        ("stars.yaml", "*a ".repeat(depth).into_bytes()),
        ("nul.yaml", vec![0; depth]),
        ("nul.json", vec![0; depth]),
        ("high.yaml", vec![0xf0; depth]),
        ("bomb.yaml", format!("k0: &a0 [1]\n{bomb}").into_bytes()),
        (
            "merges.yaml",
            format!("k0: &a0 {{x: 1}}\n{merges}").into_bytes(),
        ),
        (
            "escape.json",
            format!("\"{}", "\\".repeat(depth)).into_bytes(),
        ),
    ];
    for (name, bytes) in cases {
        if let Err(errors) = documents(
            Source {
                name,
                bytes: &bytes,
            },
            &Limits::default(),
        ) {
            let error = &errors[0];
            assert!(
                error.line >= 1 && error.column >= 1 && !error.message.is_empty(),
                "{error}"
            );
        }
    }
}

proptest::proptest! {
    #![proptest_config(proptest::prelude::ProptestConfig {
        cases: 2_000,
        failure_persistence: None,
        ..Default::default()
    })]

    /// Text made of what means something to the readers: no panic, and places inside the file.
    #[test]
    fn any_text_ends_in_an_answer(
        text in "[-a1.:{}\\[\\],&*!|>'\"#%@ \n\t\ré~<?\\\\u\\u{feff}\\u{2028}0]{0,48}",
        name in "[-aj](\\.json|\\.yaml)?",
    ) {
        let source = Source { name: &name, bytes: text.as_bytes() };
        let message = crate::index::message("envoy.config.bootstrap.v3.Bootstrap").unwrap();
        let told = match documents(source, &Limits::default()) {
            Ok(documents) => documents
                .iter()
                .flat_map(|d| load(d.root(), message, &Options::default()).diagnostics)
                .collect(),
            Err(errors) => errors,
        };
        let lines = text.matches('\n').count() + 1;
        for diagnostic in told {
            proptest::prop_assert!(diagnostic.line as usize <= lines, "{}", diagnostic);
            proptest::prop_assert!(diagnostic.span.end as usize <= text.len(), "{}", diagnostic);
            diagnostic.human();
        }
    }
}

#[test]
fn every_truncation_ends_in_an_answer() {
    let yaml = "a: &x {b: [1, \"two\\u00e9\", 'three'], c: |\n   text\n  }\nd:\n- *x\n- <<: *x\n  ü: 1\n---\nx: y\n";
    let json = "{\"a\": [1.5e3, \"\\ud83d\\ude00\", null], 'b': {\"ü\": true}}";
    for (name, text) in [("a.yaml", yaml), ("a.json", json), ("-", json)] {
        for end in 0..text.len() {
            let bytes = &text.as_bytes()[..end];
            if let Err(errors) = documents(Source { name, bytes }, &Limits::default()) {
                assert!(errors[0].line >= 1, "{name} at {end}");
            }
        }
    }
}
