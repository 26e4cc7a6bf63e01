//! The proxies that are compared, each on the configuration that means the same.

use std::{
    fs,
    net::{Ipv4Addr, SocketAddr},
    path::{Path, PathBuf},
    process::Command,
    time::Duration,
};

use super::tables::Routes;
use crate::{ports, process::Process, program, wire::Wire};

/// What can be put in the middle.
#[derive(Clone, Debug, PartialEq, Eq)]
pub enum Proxy {
    Envoy,
    Nginx,
    HaproxyHttp,
    HaproxyTcp,
    Portway(PathBuf),
}

impl Proxy {
    pub fn name(&self) -> &'static str {
        match self {
            Self::Envoy => "envoy",
            Self::Nginx => "nginx",
            Self::HaproxyHttp => "haproxy-http",
            Self::HaproxyTcp => "haproxy-tcp",
            Self::Portway(_) => "portway",
        }
    }

    /// Whether it reads Envoy's bootstraps, and so can be given a route table.
    pub fn takes_routes(&self) -> bool {
        matches!(self, Self::Envoy | Self::Portway(_))
    }
}

/// A proxy at work on its own core.
pub struct Peer {
    /// Its name, with the size of its route table where that is what differs.
    pub name: String,
    pub process: Process,
    pub address: SocketAddr,
    /// Requests for it, as the load generator reads them.
    pub requests: PathBuf,
    pub expect: u16,
}

/// The core of the proxies, and that of load and origin.
pub const PEER_CORE: &str = "0";
pub const LOAD_CORE: &str = "1";

/// A command bound to one core. taskset becomes the program, so process ids stay what they seem.
pub fn pinned(core: &str, program: &Path) -> Command {
    let mut command = Command::new(program::system("taskset", "util-linux"));
    command.arg("-c").arg(core).arg(program);
    command
}

impl Peer {
    /// Starts a proxy in front of `origin` with these routes, and waits until it answers.
    pub fn start(
        proxy: &Proxy,
        name: &str,
        origin: SocketAddr,
        routes: &Routes,
        dir: &Path,
    ) -> Self {
        let port = ports::free();
        let address = SocketAddr::from((Ipv4Addr::LOCALHOST, port));
        let requests = dir.join(format!("{name}.requests"));
        fs::write(&requests, &routes.requests).expect("write the requests");
        let config = dir.join(format!("{name}.conf.yaml"));
        let mut command = match proxy {
            Proxy::Envoy => {
                fs::write(&config, bootstrap(port, origin, routes)).expect("write the bootstrap");
                let mut command = pinned(PEER_CORE, &program::envoy());
                command.arg("-c").arg(&config).args(["--concurrency", "1"]);
                command.args(["--disable-hot-restart", "--log-level", "warning"]);
                command
            }
            Proxy::Portway(program) => {
                fs::write(&config, bootstrap(port, origin, routes)).expect("write the bootstrap");
                let mut command = pinned(PEER_CORE, program);
                command.arg("-c").arg(&config).args(["--concurrency", "1"]);
                command
            }
            Proxy::Nginx => {
                fs::write(&config, nginx(port, origin, dir)).expect("write nginx.conf");
                let mut command = pinned(PEER_CORE, &program::system("nginx", "nginx"));
                command.arg("-c").arg(&config).arg("-p").arg(dir);
                command
            }
            Proxy::HaproxyHttp | Proxy::HaproxyTcp => {
                let mode = if *proxy == Proxy::HaproxyTcp {
                    "tcp"
                } else {
                    "http"
                };
                fs::write(&config, haproxy(port, origin, mode)).expect("write haproxy.cfg");
                let mut command = pinned(PEER_CORE, &program::system("haproxy", "haproxy"));
                command.arg("-db").arg("-f").arg(&config);
                command
            }
        };
        let mut process = Process::start(name, &mut command, dir);
        // A hundred thousand routes take a while to load.
        process.wait_ready("listening", Duration::from_secs(300), || {
            Wire::connect(address).is_ok()
        });
        Self {
            name: name.into(),
            process,
            address,
            requests,
            expect: routes.expect,
        }
    }
}

/// The one bootstrap that Envoy and portway-proxy share.
fn bootstrap(port: u16, origin: SocketAddr, routes: &Routes) -> String {
    let admin = ports::free();
    let (origin_host, origin_port) = (origin.ip(), origin.port());
    let mut text = format!(
        r#"admin:
  address: {{socket_address: {{address: 127.0.0.1, port_value: {admin}}}}}
static_resources:
  clusters:
  - name: origin
    type: STATIC
    connect_timeout: 5s
    load_assignment:
      cluster_name: origin
      endpoints:
      - lb_endpoints:
        - endpoint: {{address: {{socket_address: {{address: {origin_host}, port_value: {origin_port}}}}}}}
  listeners:
  - name: bench
    address: {{socket_address: {{address: 127.0.0.1, port_value: {port}}}}}
    filter_chains:
    - filters:
      - name: envoy.filters.network.http_connection_manager
        typed_config:
          "@type": type.googleapis.com/envoy.extensions.filters.network.http_connection_manager.v3.HttpConnectionManager
          stat_prefix: bench
          generate_request_id: false
          http_filters:
          - name: envoy.filters.http.router
            typed_config:
              "@type": type.googleapis.com/envoy.extensions.filters.http.router.v3.Router
              suppress_envoy_headers: true
          route_config:
            name: bench
            virtual_hosts:
            - name: bench
              domains: ["*"]
              routes:
"#
    );
    for route in &routes.yaml {
        text.push_str("              ");
        text.push_str(route);
        text.push('\n');
    }
    text
}

fn nginx(port: u16, origin: SocketAddr, dir: &Path) -> String {
    let dir = dir.display();
    format!(
        "daemon off;
master_process off;
worker_processes 1;
pid {dir}/nginx.pid;
error_log stderr warn;
worker_rlimit_nofile 20000;
events {{ worker_connections 20000; }}
http {{
    access_log off;
    client_body_temp_path {dir}/nginx-body;
    proxy_temp_path {dir}/nginx-proxy;
    fastcgi_temp_path {dir}/nginx-fastcgi;
    uwsgi_temp_path {dir}/nginx-uwsgi;
    scgi_temp_path {dir}/nginx-scgi;
    keepalive_timeout 3600s;
    keepalive_requests 1000000000;
    upstream origin {{
        server {origin};
        keepalive 256;
        keepalive_requests 1000000000;
        keepalive_timeout 3600s;
    }}
    server {{
        listen 127.0.0.1:{port} backlog=4096;
        location / {{
            proxy_pass http://origin;
            proxy_http_version 1.1;
            proxy_set_header Connection \"\";
        }}
    }}
}}
"
    )
}

fn haproxy(port: u16, origin: SocketAddr, mode: &str) -> String {
    let reuse = match mode {
        "http" => "    http-reuse always\n",
        _ => "",
    };
    format!(
        "global
    nbthread 1
    maxconn 9500
defaults
    mode {mode}
    timeout connect 5s
    timeout client 3600s
    timeout server 3600s
listen bench
    bind 127.0.0.1:{port}
{reuse}    server origin {origin}
"
    )
}
