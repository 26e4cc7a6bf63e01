//! Which virtual host a request belongs to.

use portway_tests::differential::{Case, Table, case, run};

#[test]
fn hosts() {
    run(&Table {
        name: "hosts",
        cases: cases(),
    });
}

/// Virtual hosts that each answer with their own name.
fn named(hosts: &[(&str, &[&str])]) -> String {
    hosts
        .iter()
        .map(|(name, domains)| {
            format!(
                "- name: {name}\n  domains: {domains:?}\n  routes:\n  - match: {{prefix: \"/\"}}\n    direct_response: {{status: 200, body: {{inline_string: \"{name}\"}}}}\n"
            )
        })
        .collect()
}

fn cases() -> Vec<Case> {
    vec![
        case("exact_suffix_prefix_any")
            .virtual_hosts(&named(&[
                ("any", &["*"]),
                ("prefix", &["www.*"]),
                ("suffix", &["*.example"]),
                ("exact", &["www.example"]),
            ]))
            .host("www.example")
            .host("www.other")
            .host("api.example")
            .host("a.b.example")
            .host(".example")
            .host("example")
            .host("www.")
            .host("www"),
        case("longest_wildcard_wins")
            .virtual_hosts(&named(&[
                ("short-suffix", &["*.example"]),
                ("long-suffix", &["*.b.example"]),
                ("dash-suffix", &["*-x.b.example"]),
                ("short-prefix", &["www.*"]),
                ("long-prefix", &["www.a.*"]),
            ]))
            .host("a.example")
            .host("a.b.example")
            .host("a-x.b.example")
            .host("-x.b.example")
            .host("www.a.b.example")
            .host("www.a.net")
            .host("www.net")
            .host("net"),
        case("case_does_not_matter")
            .virtual_hosts(&named(&[
                ("exact", &["WWW.Example"]),
                ("suffix", &["*.Example"]),
                ("prefix", &["Api.*"]),
            ]))
            .host("www.example")
            .host("WWW.EXAMPLE")
            .host("X.eXample")
            .host("aPI.net"),
        case("ports_are_part_of_the_name")
            .virtual_hosts(&named(&[
                ("without", &["www.example"]),
                ("with", &["www.example:8080"]),
                ("suffix", &["*.example:8081"]),
                ("prefix", &["api.*"]),
                ("listener", &["own.example:@listener:port"]),
            ]))
            .host("www.example")
            .host("www.example:8080")
            .host("www.example:80")
            .host("www.example:8081")
            .host("api.net:99")
            .host("own.example:@listener:port")
            .host("own.example"),
        case("no_virtual_host_is_404")
            .virtual_hosts(&named(&[("exact", &["www.example"])]))
            .host("www.example.")
            .host("ww.example")
            .host("www.example.net")
            .host("www.example"),
        case("addresses_as_hosts")
            .virtual_hosts(&named(&[
                ("four", &["127.0.0.1", "127.0.0.1:@listener:port"]),
                ("six", &["[::1]", "[::1]:8080"]),
                ("any", &["*"]),
            ]))
            .host("127.0.0.1")
            .host("127.0.0.1:@listener:port")
            .host("[::1]")
            .host("[::1]:8080")
            .host("[::1]:8081"),
        case("one_virtual_host_has_several_domains_and_its_routes_are_its_own")
            .virtual_hosts(
                r#"
- name: one
  domains: [a.example, b.example, "*.c.example"]
  routes:
  - match: {path: "/one"}
    direct_response: {status: 200, body: {inline_string: one}}
- name: rest
  domains: ["*"]
  routes:
  - match: {prefix: "/"}
    direct_response: {status: 200, body: {inline_string: rest}}
"#,
            )
            .exchange("GET /one HTTP/1.1\r\nhost: b.example\r\n\r\n")
            .exchange("GET /one HTTP/1.1\r\nhost: x.c.example\r\n\r\n")
            .exchange("GET /two HTTP/1.1\r\nhost: a.example\r\n\r\n")
            .exchange("GET /two HTTP/1.1\r\nhost: c.example\r\n\r\n"),
        case("odd_hosts")
            .virtual_hosts(&named(&[("any", &["*"])]))
            .host("a_b.example")
            .host("a.example:")
            .connect()
            .host("a b")
            .connect()
            .host("a, b")
            .connect()
            .host("user@a.example")
            .connect()
            .host("a/b")
            .connect()
            .host("a.example:port")
            .connect()
            .host("ä.example")
            .connect()
            .host("a%2eexample"),
    ]
}
