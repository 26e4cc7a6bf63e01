//! From cases to resources, and from resources to a bootstrap.
//!
//! A case becomes one listener and its clusters, as YAML texts; how these reach an engine is another matter,
//! so that the same text may go into a file or through a control plane.

use std::{fmt::Write, path::Path, sync::LazyLock};

use regex::{Captures, Regex};

use super::case::Case;

/// Envoy resources as YAML, each the fields of its message.
#[derive(Clone, Debug, Default)]
pub struct Resources {
    pub listeners: Vec<String>,
    pub clusters: Vec<String>,
}

/// Where a case's parts are in one run.
pub struct Places {
    pub listener: u16,
    /// Upstreams by name, with their ports.
    pub upstreams: Vec<(String, u16)>,
    /// A port where nothing listens.
    pub dead: u16,
    pub log: String,
}

impl Places {
    /// Puts ports and names in the place of `@...`.
    pub fn fill(&self, case: &Case, text: &str) -> String {
        static NAME: LazyLock<Regex> =
            LazyLock::new(|| Regex::new(r"@([a-z]+)(:port)?\b").expect("a placeholder"));
        NAME.replace_all(text, |found: &Captures<'_>| {
            let known = match found.get(2) {
                Some(_) => self.port(&found[1]).map(|port| port.to_string()),
                None if &found[1] == "log" => Some(self.log.clone()),
                None => self
                    .is_cluster(case, &found[1])
                    .then(|| cluster_name(case, &found[1])),
            };
            // What is no placeholder, such as `@type`, stays.
            known.unwrap_or_else(|| found[0].to_owned())
        })
        .into_owned()
    }

    fn port(&self, name: &str) -> Option<u16> {
        match name {
            "listener" => Some(self.listener),
            "dead" => Some(self.dead),
            _ => {
                let (_, port) = self.upstreams.iter().find(|(own, _)| own == name)?;
                Some(*port)
            }
        }
    }

    fn is_cluster(&self, case: &Case, name: &str) -> bool {
        let upstreams = self.upstreams.iter().map(|(own, _)| own);
        let clusters = case.clusters.iter().map(|(own, _)| own);
        upstreams.chain(clusters).any(|own| own == name)
    }
}

/// Clusters of all cases share an engine, so their names say whose they are.
fn cluster_name(case: &Case, name: &str) -> String {
    format!("{name}.{}", case.id)
}

impl Resources {
    /// Adds what a case needs.
    pub fn add(&mut self, case: &Case, places: &Places) {
        self.listeners
            .push(places.fill(case, &listener(case, places.listener)));
        for (name, fields) in &case.clusters {
            let text = format!("name: {}\n{fields}", cluster_name(case, name));
            self.clusters.push(places.fill(case, &text));
        }
        for (name, _) in &places.upstreams {
            if case.clusters.iter().any(|(own, _)| own == name) {
                continue;
            }
            let text = format!(
                "name: {}\n{}",
                cluster_name(case, name),
                static_cluster(name)
            );
            self.clusters.push(places.fill(case, &text));
        }
    }

    /// The bootstrap that carries everything as static resources.
    pub fn bootstrap(&self, admin: u16, dir: &Path) -> String {
        let mut text = format!(
            "node: {{id: differential, cluster: differential}}\n\
             admin:\n  \
               address: {{socket_address: {{address: 127.0.0.1, port_value: {admin}}}}}\n  \
               access_log:\n  \
               - name: envoy.access_loggers.file\n    \
                 typed_config:\n      \
                   \"@type\": type.googleapis.com/envoy.extensions.access_loggers.file.v3.FileAccessLog\n      \
                   path: {}/admin.log\n\
             static_resources:\n",
            dir.display()
        );
        for (field, resources) in [("listeners", &self.listeners), ("clusters", &self.clusters)] {
            let _ = writeln!(text, "  {field}:");
            for resource in resources {
                let element = indent(resource, 4);
                let _ = write!(text, "  - {}", element.trim_start());
            }
        }
        text
    }
}

/// One endpoint: the upstream itself.
fn static_cluster(upstream: &str) -> String {
    format!(
        "type: STATIC
connect_timeout: 2s
load_assignment:
  cluster_name: @{upstream}
  endpoints:
  - lb_endpoints:
    - endpoint: {{address: {{socket_address: {{address: 127.0.0.1, port_value: @{upstream}:port}}}}}}
"
    )
}

fn listener(case: &Case, port: u16) -> String {
    let mut text = format!(
        "name: {id}
address: {{socket_address: {{address: 127.0.0.1, port_value: {port}}}}}
filter_chains:
- filters:
  - name: envoy.filters.network.http_connection_manager
    typed_config:
      \"@type\": type.googleapis.com/envoy.extensions.filters.network.http_connection_manager.v3.HttpConnectionManager
      stat_prefix: {id}
",
        id = case.id
    );
    text.push_str(&indent(&case.manager, 6));
    text.push_str(
        "      access_log:
      - name: envoy.access_loggers.file
        typed_config:
          \"@type\": type.googleapis.com/envoy.extensions.access_loggers.file.v3.FileAccessLog
          path: @log
",
    );
    text.push_str(&indent(&case.log, 10));
    text.push_str("      http_filters:\n");
    text.push_str(&indent(&case.filters, 6));
    text.push_str(
        "      - name: envoy.filters.http.router
        typed_config:
          \"@type\": type.googleapis.com/envoy.extensions.filters.http.router.v3.Router
",
    );
    text.push_str(&indent(&case.router, 10));
    text.push_str("      route_config:\n");
    let _ = writeln!(text, "        name: {}", case.id);
    text.push_str(&indent(&case.route_config, 8));
    text
}

/// Moves every line to the right.
pub fn indent(yaml: &str, by: usize) -> String {
    yaml.lines()
        .map(|line| format!("{:by$}{line}\n", ""))
        .collect()
}
