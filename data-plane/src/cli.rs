//! The command line: Envoy's flags, as far as they mean something here.
//!
//! A flag of Envoy's that has no effect in this proxy is accepted, so that an existing command keeps working,
//! and named in one warning.

use std::{path::PathBuf, time::Duration};

use clap::{ArgAction, Parser, ValueEnum};
use portway_proto::pb::envoy::config::bootstrap::v3::Bootstrap;

use crate::xds::apply::UnknownFields;

/// A light proxy that takes Envoy's configuration.
#[derive(Debug, Parser)]
#[command(name = "portway-proxy", version, about, long_about = None, after_help = EXAMPLES)]
pub struct Options {
    /// The bootstrap file, YAML or JSON.
    #[arg(short = 'c', long, value_name = "FILE")]
    pub config_path: Option<PathBuf>,
    /// A bootstrap as YAML text; merged over the file if both are given.
    #[arg(long, value_name = "YAML")]
    pub config_yaml: Option<String>,
    /// Whether to serve, or only to check the configuration.
    #[arg(long, value_enum, default_value_t = Mode::Serve)]
    pub mode: Mode,
    /// How many worker threads; 0 or none: one per core.
    #[arg(long, value_name = "N")]
    pub concurrency: Option<u32>,
    /// trace, debug, info, warning, error, critical or off.
    #[arg(short = 'l', long, value_name = "LEVEL", default_value = "info")]
    pub log_level: String,
    /// How long connections may take to end after SIGTERM, in seconds.
    #[arg(long, value_name = "SECONDS", default_value_t = 30)]
    pub shutdown_time: u64,
    /// How configuration errors are printed.
    #[arg(short = 'o', long, value_enum, default_value_t = Output::Human)]
    pub output: Output,

    /// Overrides node.cluster.
    #[arg(long, value_name = "NAME")]
    pub service_cluster: Option<String>,
    /// Overrides node.id.
    #[arg(long, value_name = "NAME")]
    pub service_node: Option<String>,
    /// Overrides node.locality.zone.
    #[arg(long, value_name = "NAME")]
    pub service_zone: Option<String>,
    /// Where to write this proxy's own log, instead of stderr.
    #[arg(long, value_name = "FILE")]
    pub log_path: Option<PathBuf>,
    /// Take fields that this proxy does not know in the bootstrap.
    #[arg(long)]
    pub allow_unknown_static_fields: bool,
    /// Take fields that this proxy does not know in resources from a stream.
    #[arg(long)]
    pub ignore_unknown_dynamic_fields: bool,
    /// Refuse them, which is the default.
    #[arg(long, conflicts_with = "ignore_unknown_dynamic_fields")]
    pub reject_unknown_dynamic_fields: bool,

    #[arg(long, hide = true, value_name = "SECONDS")]
    drain_time_s: Option<u64>,
    #[arg(long, hide = true, value_name = "LEVELS")]
    component_log_level: Option<String>,
    #[arg(long, hide = true, value_name = "FORMAT")]
    log_format: Option<String>,
    #[arg(long, hide = true, value_name = "ID")]
    base_id: Option<u32>,
    #[arg(long, hide = true, value_name = "N", value_parser = clap::value_parser!(u32).range(0..=0))]
    restart_epoch: Option<u32>,
    #[arg(long, hide = true, action = ArgAction::SetTrue)]
    disable_hot_restart: bool,
}

/// What to do with the configuration.
#[derive(Clone, Copy, Debug, PartialEq, Eq, ValueEnum)]
pub enum Mode {
    Serve,
    Validate,
}

/// How errors are printed.
#[derive(Clone, Copy, Debug, PartialEq, Eq, ValueEnum)]
pub enum Output {
    Human,
    Json,
}

const EXAMPLES: &str = "\
Examples:
  portway-proxy -c envoy.yaml
  portway-proxy -c envoy.yaml --mode validate
  portway-proxy -c envoy.yaml --concurrency 2 --shutdown-time 10";

impl Options {
    /// Flags that were given and do nothing here.
    pub fn without_effect(&self) -> Vec<&'static str> {
        let given = [
            ("--drain-time-s", self.drain_time_s.is_some()),
            ("--component-log-level", self.component_log_level.is_some()),
            ("--log-format", self.log_format.is_some()),
            ("--base-id", self.base_id.is_some()),
            ("--restart-epoch", self.restart_epoch.is_some()),
            ("--disable-hot-restart", self.disable_hot_restart),
        ];
        given
            .into_iter()
            .filter(|(_, given)| *given)
            .map(|(flag, _)| flag)
            .collect()
    }

    /// Puts what the flags say of the node into the bootstrap.
    pub fn override_node(&self, bootstrap: &mut Bootstrap) {
        let Self {
            service_cluster,
            service_node,
            service_zone,
            ..
        } = self;
        if service_cluster.is_none() && service_node.is_none() && service_zone.is_none() {
            return;
        }
        let node = bootstrap.node.get_or_insert_default();
        if let Some(cluster) = service_cluster {
            node.cluster.clone_from(cluster);
        }
        if let Some(id) = service_node {
            node.id.clone_from(id);
        }
        if let Some(zone) = service_zone {
            node.locality.get_or_insert_default().zone.clone_from(zone);
        }
    }

    /// What to do about fields that messages from a stream have and ours do not.
    pub fn unknown_fields(&self) -> UnknownFields {
        if self.ignore_unknown_dynamic_fields {
            UnknownFields::Ignore
        } else {
            UnknownFields::Refuse
        }
    }

    /// How many workers to run.
    pub fn workers(&self) -> usize {
        match self.concurrency {
            Some(count @ 1..) => count as usize,
            Some(0) | None => std::thread::available_parallelism().map_or(1, usize::from),
        }
    }

    pub fn shutdown_time(&self) -> Duration {
        Duration::from_secs(self.shutdown_time)
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn envoys_flags_are_taken_and_idle_ones_named() {
        let options = Options::try_parse_from([
            "portway-proxy",
            "-c",
            "e.yaml",
            "--base-id",
            "3",
            "--restart-epoch",
            "0",
            "-l",
            "debug",
            "--drain-time-s",
            "5",
        ])
        .unwrap();
        assert_eq!(
            options.without_effect(),
            ["--drain-time-s", "--base-id", "--restart-epoch"]
        );
        assert!(Options::try_parse_from(["portway-proxy", "--restart-epoch", "1"]).is_err());
        assert!(Options::try_parse_from(["portway-proxy", "--nonsense"]).is_err());
    }
}
