//! The list of paths, and the pages that are short.

use std::fmt::Write;

use http::{Response, StatusCode};
use portway_proto::{
    index,
    pb::envoy::admin::v3::{self as pb, server_info},
    print,
};
use portway_shared::clock;
use prost::{Message, Name};
use tracing::error;

use super::{
    Admin, Phase, View,
    answer::{self, Body},
    params::Params,
    view::address_message,
};

/// A path, and what it is for.
pub struct Page {
    pub path: &'static str,
    /// Whether it changes something, and so wants POST.
    pub changes: bool,
    about: &'static str,
    params: &'static [(&'static str, &'static str)],
}

const fn shows(path: &'static str, about: &'static str) -> Page {
    Page {
        path,
        changes: false,
        about,
        params: &[],
    }
}

const fn changes(path: &'static str, about: &'static str) -> Page {
    Page {
        path,
        changes: true,
        about,
        params: &[],
    }
}

/// Every path, sorted.
pub const ALL: &[Page] = &[
    shows("/", "this list, as a page"),
    Page {
        params: &[
            ("format", "text or json"),
            ("filter", "regular expression that cluster names must match"),
        ],
        ..shows("/clusters", "clusters and their endpoints")
    },
    Page {
        params: &[
            (
                "resource",
                "only this field of the dump, such as dynamic_active_clusters",
            ),
            ("name_regex", "only resources whose names match"),
            ("include_eds", "endpoints too"),
        ],
        ..shows(
            "/config_dump",
            "the configuration in force, without secrets",
        )
    },
    changes(
        "/healthcheck/fail",
        "make /ready say that the proxy is draining",
    ),
    changes("/healthcheck/ok", "take that back"),
    shows("/help", "this list"),
    shows("/hot_restart_version", "always disabled"),
    Page {
        params: &[("format", "text or json")],
        ..shows("/listeners", "open listeners and their addresses")
    },
    changes("/quitquitquit", "drain and stop the proxy"),
    shows(
        "/ready",
        "LIVE with 200, or what the proxy waits for with 503",
    ),
    changes(
        "/reopen_logs",
        "open access logs again after they were moved",
    ),
    shows("/server_info", "version, state and node"),
    Page {
        params: &[
            ("format", "text, json or prometheus"),
            ("filter", "regular expression that names must match"),
            ("invert_filter", "names must not match it"),
            ("usedonly", "only what has counted something"),
            ("type", "All, Counters, Gauges or Histograms"),
        ],
        ..shows("/stats", "statistics")
    },
    Page {
        params: &[
            ("filter", "regular expression that names must match"),
            ("invert_filter", "names must not match it"),
            ("usedonly", "only what has counted something"),
        ],
        ..shows("/stats/prometheus", "statistics for Prometheus")
    },
];

pub fn help() -> String {
    let mut out = "admin commands are:\n".to_owned();
    for page in ALL {
        let post = if page.changes { " (POST)" } else { "" };
        // A String takes every write.
        let _ = writeln!(out, "  {}{post}: {}", page.path, page.about);
        for (name, about) in page.params {
            let _ = writeln!(out, "      {name}: {about}");
        }
    }
    out
}

pub fn home() -> String {
    let mut out =
        "<!DOCTYPE html>\n<html lang=\"en\">\n<title>Portway admin</title>\n<ul>\n".to_owned();
    for page in ALL {
        let Page { path, about, .. } = page;
        let _ = if page.changes {
            writeln!(
                out,
                "<li><form action=\".{path}\" method=\"post\"><button>{path}</button> {about}</form>"
            )
        } else {
            writeln!(out, "<li><a href=\".{path}\">{path}</a> {about}")
        };
    }
    out.push_str("</ul>\n</html>\n");
    out
}

pub fn listeners(view: &View, params: &Params) -> Response<Body> {
    if params.get("format") != Some("json") {
        let mut out = String::new();
        for open in &view.open {
            for address in &open.addresses {
                let _ = writeln!(out, "{}::{address}", open.name);
            }
        }
        return answer::text(StatusCode::OK, out);
    }
    let statuses = view.open.iter().map(|open| {
        let mut addresses = open.addresses.iter();
        pb::ListenerStatus {
            name: open.name.to_string(),
            local_address: addresses.next().map(address_message),
            additional_local_addresses: addresses.map(address_message).collect(),
        }
    });
    message(&pb::Listeners {
        listener_statuses: statuses.collect(),
    })
}

pub fn server_info(admin: &Admin, phase: Phase) -> Response<Body> {
    let uptime = clock::now().saturating_duration_since(admin.started);
    let uptime = portway_proto::pb::google::protobuf::Duration {
        seconds: i64::try_from(uptime.as_secs()).unwrap_or(i64::MAX),
        nanos: 0,
    };
    let state = match phase {
        Phase::Live => server_info::State::Live,
        Phase::Draining => server_info::State::Draining,
        Phase::PreInitialising => server_info::State::PreInitializing,
        Phase::Initialising => server_info::State::Initializing,
    };
    let info = pb::ServerInfo {
        version: concat!("portway/", env!("CARGO_PKG_VERSION")).to_owned(),
        state: state.into(),
        uptime_current_epoch: Some(uptime),
        uptime_all_epochs: Some(uptime),
        hot_restart_version: "disabled".to_owned(),
        command_line_options: Some(pb::CommandLineOptions {
            concurrency: u32::try_from(admin.workers).unwrap_or(u32::MAX),
            ..pb::CommandLineOptions::default()
        }),
        node: Some(admin.node.clone()),
        ..pb::ServerInfo::default()
    };
    // LIVE is the number 0, which JSON of messages leaves out; scripts look for the word.
    let live = |json: String| match phase {
        Phase::Live => json.replacen('{', "{\n  \"state\": \"LIVE\",", 1),
        Phase::Draining | Phase::PreInitialising | Phase::Initialising => json,
    };
    json(printed(&pb::ServerInfo::full_name(), &info.encode_to_vec()).map(live))
}

/// A message as JSON.
pub fn message<M: Message + Name>(message: &M) -> Response<Body> {
    json(printed(&M::full_name(), &message.encode_to_vec()))
}

fn json(printed: Result<String, String>) -> Response<Body> {
    match printed {
        Ok(json) => answer::json(json),
        Err(reason) => {
            error!(%reason, "admin answer not printed");
            answer::text(StatusCode::INTERNAL_SERVER_ERROR, reason)
        }
    }
}

/// Prints an encoded message as Envoy does, secrets hidden.
pub fn printed(name: &str, wire: &[u8]) -> Result<String, String> {
    let descriptor =
        index::message(name).ok_or_else(|| format!("there is no description of {name}"))?;
    let options = print::Options {
        proto_names: true,
        pretty: true,
        redact: true,
    };
    print::json(descriptor, wire, options)
        .map(|json| json + "\n")
        .map_err(|error| error.to_string())
}
