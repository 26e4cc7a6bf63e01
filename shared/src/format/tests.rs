//! Every expectation here is a line that Envoy 1.40 printed for the same request and format.

use std::{
    collections::BTreeMap,
    time::{Duration, UNIX_EPOCH},
};

use proptest::prelude::*;

use super::*;

#[derive(Clone, Debug)]
struct Plain(String);

impl Name for Plain {
    fn parse(text: &str) -> Result<Self, String> {
        let token = text.strip_prefix(':').unwrap_or(text);
        let valid = |c: char| c.is_ascii_alphanumeric() || "-_".contains(c);
        if token.is_empty() || !token.chars().all(valid) {
            return Err(format!("{text:?} is not a header name"));
        }
        Ok(Plain(text.to_ascii_lowercase()))
    }
}

#[derive(Default)]
struct Exchange {
    request: Vec<(&'static str, &'static [u8])>,
    response: Vec<(&'static str, &'static [u8])>,
    trailers: Vec<(&'static str, &'static [u8])>,
    texts: Vec<(Text, &'static str)>,
    flags: Vec<(&'static str, &'static str)>,
    local: bool,
}

impl Subject for Exchange {
    type Name = Plain;

    fn header(&self, message: Message, name: &Plain) -> Option<&[u8]> {
        let headers = match message {
            Message::Request => &self.request,
            Message::Response => &self.response,
            Message::ResponseTrailers => &self.trailers,
        };
        let found = headers.iter().find(|(header, _)| *header == name.0)?;
        Some(found.1)
    }

    fn count(&self, count: Count) -> u64 {
        match count {
            Count::ResponseCode => 200,
            Count::BytesSent => 5,
            Count::UpstreamAttempts => u64::from(!self.local),
            _ => 0,
        }
    }

    fn moment(&self, moment: Moment) -> Option<Duration> {
        match moment {
            Moment::End => Some(Duration::from_micros(3_999)),
            Moment::DownstreamTxEnd => Some(Duration::from_micros(432)),
            Moment::UpstreamRxBegin if !self.local => Some(Duration::from_micros(5_000)),
            _ => None,
        }
    }

    fn text(&self, text: Text) -> Option<&[u8]> {
        let found = self.texts.iter().find(|(key, _)| *key == text)?;
        Some(found.1.as_bytes())
    }

    fn address(&self, peer: Peer) -> Option<Address<'_>> {
        match peer {
            Peer::UpstreamHost if self.local => None,
            Peer::UpstreamLocal => Some(Address::Pipe("/run/up.sock")),
            Peer::DownstreamDirectRemote => {
                Some(Address::Ip("[2001:db8:1:2:3::9]:7".parse().unwrap()))
            }
            _ => Some(Address::Ip("127.1.2.3:50181".parse().unwrap())),
        }
    }

    fn flags(&self, long: bool, each: &mut dyn FnMut(&'static str)) {
        for (short, name) in &self.flags {
            each(if long { name } else { short });
        }
    }

    fn started(&self) -> SystemTime {
        UNIX_EPOCH + Duration::new(1_795_225_684, 742_767_000)
    }

    fn emitted(&self) -> SystemTime {
        self.started() + Duration::from_secs(1)
    }
}

fn post() -> Exchange {
    Exchange {
        request: vec![
            (":method", b"POST"),
            (
                ":path",
                b"/a/b?p=1&p=2&y=a%20b&e=&flag&plus=a+b%2Bc&bad=%zz%4",
            ),
            (":authority", b"h.test:1"),
            (":scheme", b"http"),
            ("user-agent", b"uagent"),
            ("x-odd", b"a\"b\\c\tt\xe9\xc3\xa9"),
            ("x-fine", "a\\\"</>&'é".as_bytes()),
            ("x-empty", b""),
            ("x-accents", "éé".as_bytes()),
        ],
        response: vec![(":status", b"200"), ("x-resp", b"rv")],
        trailers: vec![("x-t", b"tv")],
        texts: vec![
            (Text::Protocol, "HTTP/1.1"),
            (Text::ResponseCodeDetails, "via upstream"),
            (Text::RouteName, "main"),
            (Text::UpstreamCluster, "up"),
        ],
        ..Exchange::default()
    }
}

fn render(text: &str, subject: &Exchange) -> String {
    let mut out = Vec::new();
    Template::parse(text)
        .unwrap_or_else(|error| panic!("{text}: {error}"))
        .render(subject, &mut out);
    String::from_utf8(out).unwrap()
}

#[test]
fn operators_print_what_envoy_prints() {
    for (text, printed) in [
        ("", ""),
        ("plain\n", "plain\n"),
        ("100%% %%", "100% %"),
        (
            "[%REQ(:METHOD)%|%REQ(:PATH):4%|%REQ(:AUTHORITY)%|%REQ(:SCHEME)%]",
            "[POST|/a/b|h.test:1|http]",
        ),
        (
            "%REQ(X-NO?USER-AGENT):3%|%REQ(?USER-AGENT)%|%REQ(X-NO?)%",
            "uag|uagent|-",
        ),
        (
            "%REQUEST_HEADER(user-agent)%%REQ(X-NO)%%REQ(x-empty)%",
            "uagent-",
        ),
        (
            "%RESP(:STATUS)%|%RESP(X-RESP)%|%RESPONSE_HEADER(x-no)%",
            "200|rv|-",
        ),
        ("%TRAILER(X-T)%|%RESPONSE_TRAILER(x-t):1%", "tv|t"),
        ("%REQ(user-agent):0%|%REQ(user-agent):99%", "|uagent"),
        (
            "%PATH(NQ)%|%PATH(NQ:ORIG)%|%PATH(:PATH):3%|%PATH:2%",
            "/a/b|-|/a/|/a",
        ),
        (
            "%QUERY_PARAM(p)%|%QUERY_PARAM(P)%|%QUERY_PARAM(e)%|%QUERY_PARAM(flag)%",
            "1|-||",
        ),
        (
            "%QUERY_PARAM(y)%|%QUERY_PARAM(y):1%|%QUERY_PARAM(plus)%|%QUERY_PARAM(bad)%",
            "a b|a|a+b+c|%zz%4",
        ),
        ("%QUERY_PARAMS:3%|%QUERY_PARAMS(ORIG):4%", "p=1|p=1&"),
        (
            "%RESPONSE_CODE% %BYTES_SENT% %BYTES_RETRANSMITTED%",
            "200 5 0",
        ),
        (
            "%RESPONSE_CODE_DETAILS%|%RESPONSE_CODE_DETAILS(ALLOW_WHITESPACES)%",
            "via_upstream|via upstream",
        ),
        ("%RESPONSE_FLAGS%|%RESPONSE_FLAGS_LONG%", "-|-"),
        (
            "%DURATION%|%RESPONSE_DURATION%|%RESPONSE_TX_DURATION%|%REQUEST_DURATION%",
            "3|5|-|-",
        ),
        (
            "%COMMON_DURATION(DS_RX_BEG:DS_TX_END)%|%COMMON_DURATION(DS_RX_BEG:DS_TX_END:us)%",
            "0|432",
        ),
        (
            "%COMMON_DURATION(DS_TX_END:DS_RX_BEG:ns)%|%COMMON_DURATION(FOO:DS_TX_END:ns)%",
            "-|-",
        ),
        (
            "%DOWNSTREAM_REMOTE_ADDRESS%|%DOWNSTREAM_REMOTE_PORT%",
            "127.1.2.3:50181|50181",
        ),
        ("%DOWNSTREAM_REMOTE_ADDRESS_WITHOUT_PORT%", "127.1.2.3"),
        ("%DOWNSTREAM_REMOTE_ADDRESS_WITHOUT_PORT(8)%", "127.0.0.0/8"),
        ("%DOWNSTREAM_REMOTE_ADDRESS_WITHOUT_PORT(0)%", "0.0.0.0/0"),
        (
            "%DOWNSTREAM_REMOTE_ADDRESS_WITHOUT_PORT(64)%",
            "127.1.2.3/32",
        ),
        (
            "%DOWNSTREAM_DIRECT_REMOTE_ADDRESS%",
            "[2001:db8:1:2:3::9]:7",
        ),
        (
            "%DOWNSTREAM_DIRECT_REMOTE_ADDRESS_WITHOUT_PORT(64)%",
            "2001:db8:1:2::/64",
        ),
        (
            "%DOWNSTREAM_DIRECT_REMOTE_ADDRESS_WITHOUT_PORT%",
            "2001:db8:1:2:3::9",
        ),
        (
            "%UPSTREAM_LOCAL_ADDRESS%|%UPSTREAM_LOCAL_ADDRESS_WITHOUT_PORT%",
            "/run/up.sock|/run/up.sock",
        ),
        (
            "%UPSTREAM_HOST%|%UPSTREAM_HOST_NAME%|%UPSTREAM_HOST_NAME_WITHOUT_PORT%",
            "127.1.2.3:50181|127.1.2.3:50181|127.1.2.3",
        ),
        (
            "%REQUESTED_SERVER_NAME%|%REQUESTED_SERVER_NAME(SNI_FIRST)%|%REQUESTED_SERVER_NAME(SNI_FIRST:ORIG)%",
            "-|h.test:1|-",
        ),
        (
            "%GRPC_STATUS%|%TRACE_ID%|%CUSTOM_FLAGS%|%VIRTUAL_CLUSTER_NAME%",
            "-|-||-",
        ),
        ("%START_TIME%", "2026-11-21T01:48:04.742Z"),
        ("%EMIT_TIME(%S)%", "05"),
        (
            "%START_TIME(%Y/%m/%dT%H:%M:%S%z %Z %s %3f %f %6f %1f %s.%3f %E3S %E*S)%",
            "2026/11/21T01:48:04+0000 UTC 1795225684 742 742767000 742767 7 1795225684.742 04.742 04.742767",
        ),
        (
            "%START_TIME(%a %A %b %B %d %e %j %y %I %p %M %c %D %F %T %R %%)%",
            "Sat Saturday Nov November 21 21 325 26 01 AM 48 Sat Nov 21 01:48:04 2026 11/21/26 2026-11-21 01:48:04 01:48 %",
        ),
        (
            "%START_TIME(%s%3f)%|%START_TIME(%E6S)%|%START_TIME(%ET)%|%START_TIME(plain)%",
            "1795225684742|04.742767|T|plain",
        ),
        (
            "%START_TIME(%u %w %U %W %G %g %V %C %h %k %l %P %r %x %X %t %Ez %E4Y %:z)%",
            "6 6 46 46 2026 26 47 20 Nov  1  1 am 01:48:04 AM 11/21/26 01:48:04 \t +00:00 2026 +00:00",
        ),
        ("%START_TIME(a)b)%", "a)b"),
    ] {
        assert_eq!(render(text, &post()), printed, "{text}");
    }
}

#[test]
fn the_default_line_is_envoys() {
    let line = render(DEFAULT_ACCESS_LOG, &post());
    assert_eq!(
        line,
        "[2026-11-21T01:48:04.742Z] \"POST /a/b?p=1&p=2&y=a%20b&e=&flag&plus=a+b%2Bc&bad=%zz%4 \
         HTTP/1.1\" 200 - 0 5 3 - \"-\" \"uagent\" \"-\" \"h.test:1\" \"127.1.2.3:50181\"\n"
    );
}

#[test]
fn flags_host_names_and_grpc_statuses() {
    let mut subject = post();
    subject.flags = vec![
        ("UF", "UpstreamConnectionFailure"),
        ("URX", "UpstreamRetryLimitExceeded"),
    ];
    subject.texts.push((Text::UpstreamHostName, "[::1]:80"));
    subject
        .request
        .push(("content-type", b"application/grpc+proto"));
    for (text, printed) in [
        ("%RESPONSE_FLAGS%", "UF,URX"),
        (
            "%RESPONSE_FLAGS_LONG%",
            "UpstreamConnectionFailure,UpstreamRetryLimitExceeded",
        ),
        (
            "%UPSTREAM_HOST_NAME%|%UPSTREAM_HOST_NAME_WITHOUT_PORT%",
            "[::1]:80|[::1]",
        ),
        // Neither trailers nor headers carry one: it is made from the HTTP status.
        ("%GRPC_STATUS_NUMBER%", "13"),
    ] {
        assert_eq!(render(text, &subject), printed, "{text}");
    }
    subject.response.push(("grpc-status", b"3"));
    for (text, printed) in [
        ("%GRPC_STATUS%", "InvalidArgument"),
        ("%GRPC_STATUS(SNAKE_STRING)%", "INVALID_ARGUMENT"),
        ("%GRPC_STATUS(NUMBER)%|%GRPC_STATUS_NUMBER%", "3|3"),
    ] {
        assert_eq!(render(text, &subject), printed, "{text}");
    }
}

#[test]
fn what_is_not_an_operator_is_refused_where_it_stands() {
    for (text, position, reason) in [
        ("%", 0, "\"%\" is not an operator"),
        ("ab%%%start%", 4, "\"%start%\" is not an operator"),
        ("%FOO%", 0, "%FOO% is not an operator"),
        ("%REQ(a)%%", 8, "\"%\" is not an operator"),
        ("%REQ(A)", 0, "\"%REQ(A)\" is not an operator"),
        ("%REQ(A):x%", 0, "is not an operator"),
        ("%REQ(A):%", 0, "is not an operator"),
        ("%REQ(A):99999999999999999999999%", 0, "is not an operator"),
        ("%START_TIME(a\nb)%", 0, "is not an operator"),
        ("x%REQ%", 1, "REQ needs parameters"),
        ("%REQ()%", 0, "REQ needs parameters"),
        ("%REQ(A?B?C)%", 0, "more than one alternative"),
        ("%REQ(A b)%", 0, "is not a header name"),
        (
            "%PROTOCOL:3%",
            0,
            "PROTOCOL takes neither parameters nor a length",
        ),
        (
            "%PROTOCOL(x)%",
            0,
            "PROTOCOL takes neither parameters nor a length",
        ),
        ("%START_TIME():5%", 0, "START_TIME takes no length"),
        ("%START_TIME(%n)%", 0, "%n is not a time specifier"),
        ("%START_TIME(%En)%", 0, "%En is not a time specifier"),
        ("%START_TIME(%)%", 0, "ends within a specifier"),
        ("%COMMON_DURATION(a)%", 0, "\"a\" is not a duration"),
        ("%COMMON_DURATION(a:b:s)%", 0, "is not a duration"),
        ("%PATH(16)%", 0, "PATH does not know \"16\""),
        ("%PATH(NQ:X)%", 0, "PATH does not know \"X\""),
        ("%QUERY_PARAMS(16)%", 0, "QUERY_PARAMS does not know \"16\""),
        ("%GRPC_STATUS(x)%", 0, "GRPC_STATUS does not know \"x\""),
        (
            "%REQUESTED_SERVER_NAME(SNI_FIRST:Z)%",
            0,
            "does not know \"Z\"",
        ),
        (
            "%REQ_WITHOUT_QUERY(:path)%",
            0,
            "%REQ_WITHOUT_QUERY% is not an operator",
        ),
        (
            "%DOWNSTREAM_REMOTE_ADDRESS_WITHOUT_PORT(129)%",
            0,
            "is not a prefix length",
        ),
    ] {
        let error = Template::<Plain>::parse(text).unwrap_err();
        assert_eq!(error.position, position, "{text}");
        assert!(error.reason.contains(reason), "{text}: {error}");
        assert!(!error.unsupported, "{text}");
    }
}

#[test]
fn what_envoy_has_and_the_proxy_has_not_is_refused_by_name() {
    for name in [
        "DYNAMIC_METADATA(a:b)",
        "METADATA(ROUTE:a)",
        "FILTER_STATE(a)",
        "UPSTREAM_METADATA(a)",
        "CEL(x)",
        "COALESCE({})",
        "START_TIME_LOCAL",
        "DOWNSTREAM_PEER_SUBJECT",
        "DOWNSTREAM_PEER_ISSUER_FINGERPRINT_256",
        "UPSTREAM_TLS_SESSION_ID",
        "TLS_JA3_FINGERPRINT",
        "UPSTREAM_HOSTS_ATTEMPTED",
        "UPSTREAM_DETECTED_CLOSE_TYPE",
        "QUERY_PARAMS(DECODED)",
    ] {
        let error = Template::<Plain>::parse(&format!("%{name}%")).unwrap_err();
        assert!(error.unsupported, "{name}: {error}");
        let bare = name.split('(').next().unwrap();
        assert!(error.reason.starts_with(bare), "{name}: {error}");
    }
}

#[test]
fn extensions_switch_operators_on() {
    let template = Template::<Plain>::parse_with(
        "%REQ_WITHOUT_QUERY(X-NO?:PATH):3%",
        Extensions {
            req_without_query: true,
        },
    );
    let mut out = Vec::new();
    template.unwrap().render(&post(), &mut out);
    assert_eq!(out, b"/a/");
}

#[test]
fn values_that_are_not_there_can_be_left_out() {
    let template = Template::<Plain>::parse(
        "[%REQ(X-NO)%|%RESPONSE_FLAGS%|%ENVIRONMENT(PORTWAY_NO_SUCH_VARIABLE)%|%RESPONSE_CODE%]",
    );
    let mut out = Vec::new();
    template.unwrap().omitting_empty().render(&post(), &mut out);
    assert_eq!(String::from_utf8(out).unwrap(), "[|-|-|200]");
}

#[test]
fn generated_ids_are_version_4_and_differ() {
    let (one, two) = (
        render("%UNIQUE_ID%", &post()),
        render("%UNIQUE_ID%", &post()),
    );
    assert_ne!(one, two);
    let shape: String = one
        .chars()
        .map(|c| if c.is_ascii_hexdigit() { 'x' } else { c })
        .collect();
    assert_eq!(shape, "xxxxxxxx-xxxx-xxxx-xxxx-xxxxxxxxxxxx");
    assert_eq!(one.as_bytes()[14], b'4');
    assert!(b"89ab".contains(&one.as_bytes()[19]));
}

fn json(format: &str, omit_empty: bool, subject: &Exchange) -> String {
    let members: BTreeMap<_, _> = serde_json::from_str(format).unwrap();
    let template = JsonTemplate::parse(members, Extensions::default(), omit_empty).unwrap();
    let mut out = Vec::new();
    template.render(subject, &mut out);
    let line = String::from_utf8(out).unwrap();
    serde_json::from_str::<serde_json::Value>(&line).unwrap();
    line
}

#[test]
fn json_keeps_types_and_sorts_keys() {
    let format = r#"{"z":"%RESPONSE_CODE%","a":"%REQ(X-NO)%","num":5,"neg":-3,"t":true,"nu":null,"s":"plain",
        "mix":"c=%RESPONSE_CODE%","mixno":"[%REQ(X-NO)%]","list":["%RESPONSE_CODE%","x",7,{"k":"%REQ(X-NO)%"}],
        "o":{"b":"%BYTES_SENT%","a":"%REQ(X-NO)%","deep":{"x":"%ROUTE_NAME%"}},"lit":"q\"\\\n\tü\u0001",
        "port":"%DOWNSTREAM_REMOTE_PORT%","ip":"%DOWNSTREAM_REMOTE_ADDRESS%","empty":"","pct":"100%%",
        "eo":{},"el":[],"two":"%RESPONSE_CODE%%BYTES_SENT%","trail":"%RESPONSE_CODE% ","Z":"1","_":"2",
        "é":"3","rf":"%RESPONSE_FLAGS%","st":"%START_TIME(%s)%","k\"\n":"1",
        "env":"%ENVIRONMENT(PORTWAY_NO_SUCH_VARIABLE)%"}"#;
    let printed = concat!(
        r#"{"Z":"1","_":"2","a":null,"el":[],"empty":"","env":"-","eo":{},"ip":"127.1.2.3:50181","#,
        r#""k\"\n":"1","list":[200,"x",7,{"k":null}],"lit":"q\"\\\n\tü\u0001","mix":"c=200","mixno":"[-]","#,
        r#""neg":-3,"nu":null,"num":5,"o":{"a":null,"b":5,"deep":{"x":"main"}},"pct":"100%","port":50181,"#,
        r#""rf":"-","s":"plain","st":"1795225684","t":true,"trail":"200 ","two":"2005","z":200,"é":"3"}"#,
        "\n"
    );
    assert_eq!(json(format, false, &post()), printed);
}

#[test]
fn json_escapes_each_value_for_what_it_is() {
    let format = r#"{"a":"%REQ(x-fine)%","b":"%REQ(x-odd)%","c3":"%REQ(x-accents):3%","d":"%REQ(x-accents)%x",
        "n":"%REQ(x-odd)%%REQ(x-fine)%"}"#;
    let odd = r"a\u0022b\u005cc\u0009t\u00e9\u00c3\u00a9";
    let fine = r#"a\\\"</>&'é"#;
    let printed = format!(
        "{{\"a\":\"{fine}\",\"b\":\"{odd}\",\"c3\":\"\\u00c3\\u00a9\\u00c3\",\"d\":\"ééx\",\"n\":\"{odd}{fine}\"}}\n"
    );
    assert_eq!(json(format, false, &post()), printed);
}

#[test]
fn json_leaves_out_what_is_empty() {
    let format = r#"{"a":"%REQ(X-NO)%","mixno":"[%REQ(X-NO)%]","lit":{},"litl":[],"n":1,"nu":null,"empty":"",
        "eh":"%REQ(x-empty)%","o":{"a":"%REQ(X-NO)%","b":"x"},"oo":{"o":{"o":"%REQ(X-NO)%"}},
        "ol":{"l":["%REQ(X-NO)%"]},"l":[{},{"a":"%REQ(X-NO)%"},[],[["%REQ(X-NO)%"]]],"z":"%REQ(X-NO)%"}"#;
    assert_eq!(
        json(format, true, &post()),
        "{\"eh\":\"\",\"empty\":\"\",\"l\":[[],[[]]],\"litl\":[],\"mixno\":\"[]\",\"n\":1,\"o\":{\"b\":\"x\"},\"ol\":{\"l\":[]}}\n"
    );
    assert_eq!(json(r#"{"a":"%REQ(X-NO)%"}"#, true, &post()), "{}\n");
}

#[test]
fn json_errors_name_their_string() {
    let members: BTreeMap<_, _> = serde_json::from_str(r#"{"b":["x",{"c":"a %NOPE%"}]}"#).unwrap();
    let error = JsonTemplate::<Plain>::parse(members, Extensions::default(), false).unwrap_err();
    assert_eq!(
        error.to_string(),
        "[\"b\"][1][\"c\"]: at position 2: %NOPE% is not an operator"
    );
}

#[test]
fn calendar_turns_at_the_edges() {
    let print = |seconds: u64, pattern: &str| {
        let mut out = Vec::new();
        time::Pattern::parse(pattern)
            .unwrap()
            .write(UNIX_EPOCH + Duration::from_secs(seconds), &mut out);
        String::from_utf8(out).unwrap()
    };
    for (seconds, printed) in [
        (0, "1970-01-01 00:00:00 Thu 001 1970-W01 12AM 00 00"),
        (
            951_782_400,
            "2000-02-29 00:00:00 Tue 060 2000-W09 12AM 09 09",
        ),
        (
            1_230_768_000,
            "2009-01-01 00:00:00 Thu 001 2009-W01 12AM 00 00",
        ),
        (
            1_262_304_000,
            "2010-01-01 00:00:00 Fri 001 2009-W53 12AM 00 00",
        ),
        (
            1_230_681_599,
            "2008-12-30 23:59:59 Tue 365 2009-W01 11PM 52 52",
        ),
        (
            4_107_542_400,
            "2100-03-01 00:00:00 Mon 060 2100-W09 12AM 09 09",
        ),
    ] {
        assert_eq!(print(seconds, "%F %T %a %j %G-W%V %I%p %U %W"), printed);
    }
}

proptest! {
    #[test]
    fn no_text_makes_the_parser_or_renderer_panic(text in "[%(){}A-Z_:a-z0-9?\n é-]{0,40}") {
        if let Ok(template) = Template::<Plain>::parse(&text) {
            template.render(&post(), &mut Vec::new());
        }
    }

    #[test]
    fn json_lines_are_json_whatever_the_bytes(bytes in proptest::collection::vec(any::<u8>(), 0..40)) {
        let mut out = vec![b'"'];
        out.extend_from_slice(&bytes);
        escape::escape_from(1, &mut out);
        out.push(b'"');
        let text: String = serde_json::from_slice(&out).unwrap();
        match std::str::from_utf8(&bytes) {
            Ok(plain) => prop_assert_eq!(text, plain),
            Err(_) => prop_assert_eq!(text, bytes.iter().map(|b| char::from(*b)).collect::<String>()),
        }
    }
}
