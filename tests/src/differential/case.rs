//! One case: configuration fragments, upstreams, and what the client says.

use std::time::Duration;

use regex::Regex;

use crate::{
    client::Step,
    recorder::{Act, Upstream, ok},
};

/// What is configured and said. In fragments of configuration and in what the client sends, `@name` is the
/// cluster of the upstream `name`, `@name:port` its port, `@listener:port` the case's own, `@dead:port` one
/// where nothing listens, `@log` the access log's path.
#[derive(Clone)]
pub struct Case {
    pub(super) id: &'static str,
    /// Fields of the route configuration.
    pub(super) route_config: String,
    /// Further fields of the HTTP connection manager.
    pub(super) manager: String,
    /// HTTP filters before the router, as a list.
    pub(super) filters: String,
    /// Fields of the router.
    pub(super) router: String,
    /// Fields of the file access log.
    pub(super) log: String,
    pub(super) upstreams: Vec<(String, Upstream)>,
    /// Clusters by name, their fields as YAML, without the name.
    pub(super) clusters: Vec<(String, String)>,
    pub(super) script: Vec<Step>,
    /// What is replaced besides the common rules.
    pub(super) masks: Vec<(Regex, &'static str)>,
}

/// What every line of a case's log says, unless the case is about the log.
const LOG: &str = r#"log_format:
  text_format_source:
    inline_string: "%REQ(:METHOD)% %REQ(:PATH)% %PROTOCOL% %RESPONSE_CODE% %RESPONSE_FLAGS% %RESPONSE_CODE_DETAILS% received=%BYTES_RECEIVED% sent=%BYTES_SENT% upstream=%UPSTREAM_HOST% route=%ROUTE_NAME%\n"
"#;

/// Begins a case: every path goes to the upstream `up`, which answers `up`.
pub fn case(id: &'static str) -> Case {
    Case {
        id,
        route_config: "virtual_hosts:\n\
                       - name: all\n  domains: [\"*\"]\n  routes:\n  \
                       - {match: {prefix: \"/\"}, route: {cluster: @up}}\n"
            .into(),
        manager: String::new(),
        filters: String::new(),
        router: String::new(),
        log: LOG.into(),
        upstreams: vec![("up".into(), Upstream::Answers(vec![ok("up")]))],
        clusters: Vec::new(),
        script: Vec::new(),
        masks: Vec::new(),
    }
}

impl Case {
    /// The routes of one virtual host for every domain.
    pub fn routes(self, yaml: &str) -> Self {
        let head = "virtual_hosts:\n- name: all\n  domains: [\"*\"]\n  routes:\n";
        self.route_config(&format!("{head}{}", super::config::indent(yaml, 2)))
    }

    /// A list of virtual hosts.
    pub fn virtual_hosts(self, yaml: &str) -> Self {
        self.route_config(&format!("virtual_hosts:\n{yaml}"))
    }

    /// Fields of the route configuration.
    pub fn route_config(mut self, yaml: &str) -> Self {
        self.route_config = dedent(yaml);
        self
    }

    /// Further fields of the HTTP connection manager.
    pub fn manager(mut self, yaml: &str) -> Self {
        self.manager = dedent(yaml);
        self
    }

    /// HTTP filters before the router, as a list.
    pub fn filters(mut self, yaml: &str) -> Self {
        self.filters = dedent(yaml);
        self
    }

    /// Fields of the router.
    pub fn router(mut self, yaml: &str) -> Self {
        self.router = dedent(yaml);
        self
    }

    /// Fields of the file access log, in place of the usual format.
    pub fn log(mut self, yaml: &str) -> Self {
        self.log = dedent(yaml);
        self
    }

    /// Adds an upstream, or says how `up` behaves; its cluster has one static endpoint.
    pub fn upstream(mut self, name: &str, behaviour: Upstream) -> Self {
        self.upstreams.retain(|(own, _)| own != name);
        self.upstreams.push((name.into(), behaviour));
        self
    }

    /// Adds upstreams that answer their own names.
    pub fn upstreams(self, names: &[&str]) -> Self {
        names.iter().fold(self, |case, name| {
            case.upstream(name, Upstream::Answers(vec![ok(name)]))
        })
    }

    /// The upstream `up` gives these answers in turn.
    pub fn answers(self, answers: &[&str]) -> Self {
        let answers = answers.iter().map(|answer| answer.as_bytes().into());
        self.upstream("up", Upstream::Answers(answers.collect()))
    }

    /// A cluster's fields, in place of the one static endpoint.
    pub fn cluster(mut self, name: &str, yaml: &str) -> Self {
        self.clusters.push((name.into(), dedent(yaml)));
        self
    }

    /// Replaces what the pattern finds in the observation.
    pub fn mask(mut self, pattern: &str, with: &'static str) -> Self {
        let pattern = Regex::new(pattern).expect("a mask is a regular expression");
        self.masks.push((pattern, with));
        self
    }

    pub fn step(mut self, step: Step) -> Self {
        self.script.push(step);
        self
    }

    /// Opens another connection.
    pub fn connect(self) -> Self {
        self.step(Step::Connect)
    }

    pub fn send(self, bytes: impl AsRef<[u8]>) -> Self {
        self.step(Step::Send(bytes.as_ref().into()))
    }

    pub fn response(self, method: &str) -> Self {
        self.step(Step::Response(method.into()))
    }

    pub fn until(self, bytes: impl AsRef<[u8]>) -> Self {
        self.step(Step::Until(bytes.as_ref().into()))
    }

    /// Waits until the upstream `up` has seen these bytes.
    pub fn seen(self, bytes: impl AsRef<[u8]>) -> Self {
        self.step(Step::Seen("up".into(), bytes.as_ref().into()))
    }

    /// Every connection to the upstream `up` follows this script.
    pub fn script(self, acts: Vec<Act>) -> Self {
        self.scripts(vec![acts])
    }

    /// The n-th connection to the upstream `up` follows the n-th script.
    pub fn scripts(self, scripts: Vec<Vec<Act>>) -> Self {
        self.upstream("up", Upstream::Scripts(scripts))
    }

    /// Stops reading.
    pub fn hold(self) -> Self {
        self.step(Step::Hold)
    }

    /// Reads again.
    pub fn resume(self) -> Self {
        self.step(Step::Resume)
    }

    /// Closes the client's side for sending.
    pub fn half_close(self) -> Self {
        self.step(Step::HalfClose)
    }

    /// Closes the client's connection.
    pub fn close(self) -> Self {
        self.step(Step::Close)
    }

    pub fn end(self) -> Self {
        self.step(Step::End)
    }

    pub fn pause(self, milliseconds: u64) -> Self {
        self.step(Step::Pause(Duration::from_millis(milliseconds)))
    }

    /// Sends a request and waits for its response.
    pub fn exchange(self, request: &str) -> Self {
        let method = request.split(' ').next().unwrap_or("GET").to_owned();
        self.send(request).response(&method)
    }

    /// A plain GET, with further fields such as `"x: y\r\n"`.
    pub fn get(self, path: &str, fields: &str) -> Self {
        self.ask("GET", path, fields)
    }

    /// A request without a body.
    pub fn ask(self, method: &str, path: &str, fields: &str) -> Self {
        self.exchange(&format!(
            "{method} {path} HTTP/1.1\r\nhost: test.example\r\n{fields}\r\n"
        ))
    }

    /// A plain GET for a host.
    pub fn host(self, host: &str) -> Self {
        self.exchange(&format!("GET / HTTP/1.1\r\nhost: {host}\r\n\r\n"))
    }
}

/// Removes the indentation that all lines share, so that fragments may be indented as the code around them.
fn dedent(yaml: &str) -> String {
    let lines = || yaml.lines().filter(|line| !line.trim().is_empty());
    let shared = lines()
        .map(|line| line.len() - line.trim_start_matches(' ').len())
        .min()
        .unwrap_or(0);
    lines()
        .map(|line| format!("{}\n", &line[shared..]))
        .collect()
}

#[cfg(test)]
mod tests {
    #[test]
    fn shared_indentation_goes_and_the_rest_stays() {
        assert_eq!(
            super::dedent("\n    a:\n      b: 1\n    c: 2"),
            "a:\n  b: 1\nc: 2\n"
        );
    }
}
