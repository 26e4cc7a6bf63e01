//! What a set is refused for, each mistake at its exact place, and what of it survives the store.

use super::*;

fn load(text: &str) -> Result<Set, Vec<Diagnostic>> {
    load_files(&[("a.yaml", text)])
}

fn load_files(files: &[(&str, &str)]) -> Result<Set, Vec<Diagnostic>> {
    let files: Vec<SourceFile<'_>> = files
        .iter()
        .map(|(name, text)| SourceFile {
            name,
            bytes: text.as_bytes(),
        })
        .collect();
    load_set(&files)
}

fn told(diagnostics: &[Diagnostic]) -> Vec<String> {
    diagnostics.iter().map(Diagnostic::short).collect()
}

#[track_caller]
fn accepts(text: &str) -> Set {
    load(text).unwrap_or_else(|found| panic!("{text}\n{}", told(&found).join("\n")))
}

#[track_caller]
fn refuses(text: &str, wanted: &[&str]) {
    match load(text) {
        Ok(_) => panic!("accepted:\n{text}"),
        Err(found) => assert_eq!(told(&found), wanted, "{text}"),
    }
}

const GATEWAY: &str = "\
apiVersion: portway.v1
kind: Gateway
metadata: {name: public}
spec: {listeners: [{name: http, port: 8080}]}
---
";

const SERVICE: &str = "\
apiVersion: portway.v1
kind: Service
metadata: {name: shop}
spec: {endpoints: [{address: 10.0.0.7, port: 3000}]}
---
";

/// A gateway, a service and a Route whose rules are `rules`, of which the first line is line 16.
fn with_rules(rules: &str) -> String {
    let head = "apiVersion: portway.v1\nkind: Route\nmetadata: {name: r}\nspec:\n  gateways: [public]\n  rules:\n";
    let rules: String = rules.lines().map(|line| format!("  {line}\n")).collect();
    format!("{GATEWAY}{SERVICE}{head}{rules}")
}

#[test]
fn an_envelope_says_what_a_document_is() {
    for (text, wanted) in [
        (
            "[1]\n",
            "a.yaml:1:1: this is no object; write an object: apiVersion: portway.v1, kind: Route, metadata: {name: ...}, spec: {...}",
        ),
        (
            "kind: Route\n",
            "a.yaml:1:1: `apiVersion` is required; write apiVersion: portway.v1",
        ),
        (
            "apiversion: portway.v1\nkind: Route\n",
            "a.yaml:1:1: `apiVersion` is required; write `apiVersion` instead of `apiversion`",
        ),
        (
            "apiVersion: portway.v2\nkind: Route\n",
            "a.yaml:1:13: apiVersion: portway.v2 is no version of the API; write portway.v1",
        ),
        (
            "apiVersion: portway.v1\nkind: Rout\n",
            "a.yaml:2:7: kind: \"Rout\" is no kind of object; did you mean `Route`?",
        ),
        (
            "apiVersion: portway.v1\nkind: 7\n",
            "a.yaml:2:7: kind: \"7\" is no kind of object; write one of EnvoyResources, Gateway, Route, Service",
        ),
        (
            "apiVersion: portway.v1\n",
            "a.yaml:1:1: `kind` is required; write one of EnvoyResources, Gateway, Route, Service",
        ),
        (
            "static_resources: {}\n",
            "a.yaml:1:1: `apiVersion` is required; Envoy's own resources go under kind: EnvoyResources, into the list spec.resources",
        ),
    ] {
        refuses(text, &[wanted]);
    }
}

#[test]
fn every_mistake_of_every_document_is_told_in_one_pass() {
    refuses(
        "\
apiVersion: portway.v1
kind: Gateway
metadata: {name: Public}
spec:
  listener: []
---
apiVersion: portway.v1
kind: Service
metadata: {name: shop}
spec:
  endpoints:
    - {address: shop.local, port: 0}
---
apiVersion: portway.v1
kind: Thing
",
        &[
            "a.yaml:3:18: metadata.name: \"Public\" must match ^[a-z0-9]([-a-z0-9]*[a-z0-9])?$",
            "a.yaml:5:3: spec.listener: unknown field `listener` in portway.v1.GatewaySpec; did you mean `listeners`?",
            "a.yaml:5:3: spec.listeners: `listeners` must not be empty; it is not set",
            "a.yaml:12:17: spec.endpoints[0].address: \"shop.local\" must be an IP address",
            "a.yaml:12:35: spec.endpoints[0].port: 0 must be at least 1 and at most 65535",
            "a.yaml:15:7: kind: \"Thing\" is no kind of object; write one of EnvoyResources, Gateway, Route, Service",
        ],
    );
}

#[test]
fn references_are_checked_across_files() {
    let route = "\
apiVersion: portway.v1
kind: Route
metadata: {name: r}
spec:
  gateways: [publik, public/htp, public/other]
  rules:
    - forward:
        services:
          - name: shop
          - {name: shopp, weight: 2}
          - name: somewhere
";
    let found = load_files(&[
        ("b.yaml", route),
        ("a.yaml", &format!("{GATEWAY}{SERVICE}")),
    ]);
    assert_eq!(
        told(&found.unwrap_err()),
        [
            "b.yaml:5:14: spec.gateways[0]: there is no Gateway \"publik\"; did you mean \"public\"?",
            "b.yaml:5:22: spec.gateways[1]: Gateway \"public\" has no listener \"htp\"; did you mean \"public/http\"?",
            "b.yaml:5:34: spec.gateways[2]: Gateway \"public\" has no listener \"other\"; it has http",
            "b.yaml:10:20: spec.rules[0].forward.services[1].name: there is no Service \"shopp\"; did you mean \"shop\"?",
            "b.yaml:11:19: spec.rules[0].forward.services[2].name: there is no Service \"somewhere\"; declare it: kind: Service, metadata: {name: somewhere}",
        ]
    );
}

#[test]
fn a_reference_to_a_faulty_object_is_no_second_mistake() {
    let rules = with_rules("- forward: {services: [{name: shop}]}");
    refuses(
        &rules.replace("port: 3000", "port: 0"),
        &["a.yaml:9:46: spec.endpoints[0].port: 0 must be at least 1 and at most 65535"],
    );
    let broken = load_files(&[
        ("a.yaml", &rules.replace("kind: Service", "kind: Servce")),
        ("b.yaml", "a: [\n"),
    ]);
    let broken = told(&broken.unwrap_err());
    assert_eq!(broken.len(), 2, "{broken:?}");
    assert!(broken[0].starts_with("a.yaml:7:7: kind:"), "{broken:?}");
    assert!(broken[1].starts_with("b.yaml:"), "{broken:?}");
}

#[test]
fn names_and_ports_are_given_once() {
    let other = GATEWAY
        .replace("name: public", "name: inner")
        .replace("port: 8080", "address: 0.0.0.0, port: 8080");
    let found = load_files(&[
        ("b.yaml", GATEWAY),
        ("c.yaml", &other),
        ("a.yaml", SERVICE),
        ("d.yaml", SERVICE),
    ]);
    assert_eq!(
        told(&found.unwrap_err()),
        [
            "b.yaml:4:39: spec.listeners[0].port: 0.0.0.0:8080 is taken by listener \"inner/http\"; choose another port or address; \"inner/http\" is declared at c.yaml:1",
            "d.yaml:3:18: metadata.name: Service \"shop\" is declared twice; rename or remove one of them; the other is at a.yaml:1",
        ]
    );
    refuses(
        "apiVersion: portway.v1\nkind: Gateway\nmetadata: {name: g}\nspec: {listeners: [{name: a, port: 1}, {name: a, port: 2}]}\n",
        &["a.yaml:4:47: spec.listeners[1].name: \"a\" is already the name of listeners[0]"],
    );
}

#[test]
fn a_rule_must_be_able_to_act() {
    let mut wrong = Vec::new();
    for (rules, wanted) in [
        (
            "- matches: [{path: {regex: '/a['}}]\n  direct_response: {status: 204}",
            "a.yaml:17:30: spec.rules[0].matches[0].path.regex: \"/a[\" is not a regular expression",
        ),
        (
            "- matches: [{path: {prefix: '/a?b'}}]\n  direct_response: {status: 204}",
            "a.yaml:17:31: spec.rules[0].matches[0].path.prefix: \"/a?b\" contains '?'",
        ),
        (
            "- matches: [{path: {regex: /a}}]\n  forward: {services: [{name: shop}], prefix_rewrite: /}",
            "a.yaml:18:57: spec.rules[0].forward.prefix_rewrite: needs a path to rewrite",
        ),
        (
            "- redirect: {status: 301}",
            "a.yaml:17:15: spec.rules[0].redirect: would send the client to where it came from",
        ),
        (
            "- redirect: {host: 'a:80'}",
            "a.yaml:17:22: spec.rules[0].redirect.host: \"a:80\" has a colon",
        ),
        (
            "- forward: {services: [{name: shop, weight: 0}]}",
            "a.yaml:17:25: spec.rules[0].forward.services: every weight is 0",
        ),
        (
            "- forward: {services: [{name: shop}, {name: shop}]}",
            "a.yaml:17:40: spec.rules[0].forward.services[1]: \"shop\" is listed twice",
        ),
        (
            "- forward: {services: [{name: shop}], request_headers: {set: {Host: x}}}",
            "a.yaml:17:71: spec.rules[0].forward.request_headers.set[\"Host\"]: \"Host\" cannot be changed as a header",
        ),
        (
            "- direct_response: {status: 204, headers: {X-A: '1', x-a: '2'}}",
            "a.yaml:17:61: spec.rules[0].direct_response.headers[\"x-a\"]: \"x-a\" is given twice",
        ),
        (
            "- matches: []",
            "a.yaml:17:5: spec.rules[0]: one of `forward`, `redirect`, `direct_response` must be set",
        ),
    ] {
        let found = told(&load(&with_rules(rules)).unwrap_err());
        if found.len() != 1 || !found[0].starts_with(wanted) {
            wrong.push(format!(
                "{rules}
  {found:#?}
  not {wanted:?}"
            ));
        }
    }
    assert!(
        wrong.is_empty(),
        "{}",
        wrong.join(
            "
"
        )
    );
}

#[test]
fn hostnames_stand_without_port_and_in_lower_case() {
    let text = with_rules("- direct_response: {status: 204}").replace(
        "  rules:",
        "  hostnames: [a.example.com, 'b:80', C.d]\n  rules:",
    );
    refuses(
        &text,
        &[
            "a.yaml:16:30: spec.hostnames[1]: \"b:80\" has a port; host names stand without one",
            "a.yaml:16:38: spec.hostnames[2]: \"C.d\" has capital letters; write \"c.d\"",
        ],
    );
}

#[test]
fn a_service_is_in_one_place() {
    for (spec, wanted) in [
        (
            "{}",
            "a.yaml:4:7: spec: must say where the service is; write endpoints or dns",
        ),
        (
            "{endpoints: [{address: '::1', port: 1}], dns: {name: a, port: 1}}",
            "a.yaml:4:53: spec.dns: cannot stand beside endpoints; write only one of them",
        ),
        (
            "{endpoints: [{address: '::1', port: 1}, {address: '0::1', port: 1}]}",
            "a.yaml:4:47: spec.endpoints[1]: [::1]:1 is listed twice; give it a weight instead",
        ),
        (
            "{dns: {name: 10.0.0.1, port: 1}}",
            "a.yaml:4:20: spec.dns.name: \"10.0.0.1\" is an address; write it under endpoints",
        ),
    ] {
        let text =
            format!("apiVersion: portway.v1\nkind: Service\nmetadata: {{name: s}}\nspec: {spec}\n");
        refuses(&text, &[wanted]);
    }
}

/// Raw resources with `spec` below, of which the first line is line 5.
fn raw(name: &str, spec: &str) -> String {
    format!(
        "apiVersion: portway.v1\nkind: EnvoyResources\nmetadata: {{name: {name}}}\nspec:\n{spec}---\n"
    )
}

#[test]
fn raw_resources_are_checked_as_envoy_and_the_proxy_do() {
    let mut wrong = Vec::new();
    let cluster = "'@type': type.googleapis.com/envoy.config.cluster.v3.Cluster";
    for (spec, wanted) in [
        (
            format!("  resources:\n  - {{{cluster}, name: a, conect_timeout: 1s}}\n"),
            "a.yaml:6:77: spec.resources[0].conect_timeout: unknown field `conect_timeout` in envoy.config.cluster.v3.Cluster; did you mean `connect_timeout`?",
        ),
        (
            format!("  resources:\n  - {{{cluster}, name: ''}}\n"),
            "a.yaml:6:74: spec.resources[0].name: \"\" must not be empty",
        ),
        (
            "  resources:\n  - {'@type': type.googleapis.com/google.protobuf.Empty}\n".to_owned(),
            "a.yaml:6:5: spec.resources[0]: \"type.googleapis.com/google.protobuf.Empty\" is no resource that is served; the types are ",
        ),
        (
            format!("  resources:\n  - {{{cluster}, name: a, lb_policy: MAGLEV}}\n"),
            "a.yaml:6:88: spec.resources[0].lb_policy: cluster \"a\": MAGLEV is not supported by this proxy; use ROUND_ROBIN; limit the resource to clients that have it: spec.nodes.classes: [ENVOY]",
        ),
    ] {
        let found = told(&load(&raw("a", &spec)).unwrap_err());
        if found.len() != 1 || !found[0].starts_with(wanted) {
            wrong.push(format!(
                "{spec}  {found:#?}
  not {wanted:?}"
            ));
        }
    }
    assert!(
        wrong.is_empty(),
        "{}",
        wrong.join(
            "
"
        )
    );
    // Who does not get it cannot refuse it, and need not know all its fields.
    accepts(&raw(
        "a",
        &format!(
            "  nodes: {{classes: [ENVOY]}}\n  resources:\n  - {{{cluster}, name: a, lb_policy: MAGLEV}}\n"
        ),
    ));
}

#[test]
fn files_of_the_proxy_are_not_read_here() {
    let routes = "  resources:
  - '@type': type.googleapis.com/envoy.config.route.v3.RouteConfiguration
    name: r
    virtual_hosts:
    - name: v
      domains: ['*']
      routes:
      - {match: {prefix: /}, direct_response: {status: 200, body: {filename: /nonexistent/page}}}
";
    accepts(&raw("a", routes));
}

#[test]
fn a_name_belongs_to_one_resource_of_a_node() {
    let shop =
        "{'@type': type.googleapis.com/envoy.config.cluster.v3.Cluster, name: shop, type: STATIC}";
    let of = |name: &str, nodes: &str| {
        raw(
            name,
            &format!("  nodes: {nodes}\n  resources:\n  - {shop}\n"),
        )
    };
    refuses(
        &format!("{SERVICE}{}", of("a", "{}")),
        &[
            "a.yaml:12:5: spec.resources[0]: there is another cluster \"shop\" for the same nodes; rename one of them, or choose other nodes; the other comes from Service \"shop\" (a.yaml:1:1)",
        ],
    );
    refuses(
        &format!(
            "{}{}",
            of("a", "{ids: [one, two]}"),
            of("b", "{ids: [two], classes: [ENVOY]}")
        ),
        &[
            "a.yaml:15:5: spec.resources[0]: there is another cluster \"shop\" for the same nodes; rename one of them, or choose other nodes; the other comes from EnvoyResources \"a\" (a.yaml:1:1)",
        ],
    );
    accepts(&format!(
        "{}{}",
        of("a", "{ids: [one]}"),
        of("b", "{ids: [two]}")
    ));
    accepts(&format!(
        "{}{}",
        of("a", "{classes: [ENVOY]}"),
        of("b", "{classes: [PORTWAY, GRPC]}")
    ));
}

#[test]
fn a_set_outlives_its_files() {
    let text = format!(
        "# ours\n{}{}",
        with_rules("- {direct_response: {status: 204}}"),
        "--- {apiVersion: portway.v1, kind: Service, metadata: {name: t},\n spec: {dns: {name: a, port: 1}}}\n"
    );
    let set = accepts(&text);
    let places: Vec<_> = set
        .objects()
        .iter()
        .map(|object| (object.key.to_string(), object.line))
        .collect();
    let wanted = [
        ("Gateway/public", 2),
        ("Route/r", 12),
        ("Service/shop", 7),
        ("Service/t", 19),
    ];
    assert_eq!(places, wanted.map(|(key, line)| (key.to_owned(), line)));
    assert_eq!(
        &*set.objects()[0].document,
        "apiVersion: portway.v1\nkind: Gateway\nmetadata: {name: public}\nspec: {listeners: [{name: http, port: 8080}]}\n"
    );

    let again = Set::from_objects(set.objects()).unwrap();
    assert_eq!(again.objects(), set.objects());
    assert_eq!(again.routes()["r"].value, set.routes()["r"].value);
    assert_eq!(again.routes()["r"].origin.to_string(), "a.yaml:12");

    // The kept text of each object is a file of its own with the same meaning.
    for object in set.objects() {
        let mut builder = Builder::default();
        let source = loader::Source {
            name: "x.yaml",
            bytes: object.document.as_bytes(),
        };
        builder.add_document(&loader::documents(source, &Limits::default()).unwrap()[0]);
        assert_eq!(builder.set.objects[0].spec, object.spec, "{}", object.key);
    }

    let mut broken = set.objects().to_vec();
    broken[1].spec = bytes::Bytes::from_static(b"\xff");
    let found = told(&Set::from_objects(&broken).unwrap_err());
    assert!(
        found[0].starts_with("a.yaml:12:1: spec: Route/r has a spec that cannot be read"),
        "{found:?}"
    );
}

#[test]
fn empty_documents_declare_nothing() {
    assert!(accepts("---\n---\n").objects().is_empty());
    assert!(accepts("").objects().is_empty());
    assert!(load_set(&[]).unwrap().objects().is_empty());
}
