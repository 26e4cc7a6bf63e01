//! `ConfigSource`: where a resource is fetched from. This proxy knows one place, the aggregated stream.

use std::time::Duration;

use portway_proto::pb::envoy::config::core::v3 as pb;

use super::{
    at::{At, Parsed},
    scalar,
};

/// The aggregated stream, and how long to wait for a resource from it.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub struct ConfigSource {
    /// `None` waits for ever.
    pub fetch_timeout: Option<Duration>,
}

const DEFAULT_FETCH_TIMEOUT: Duration = Duration::from_secs(15);

/// Parses a source, which must be `ads` (or `self`, which on a stream means the same stream).
#[expect(deprecated, reason = "every field is answered")]
pub fn config_source(at: At<'_>, message: pb::ConfigSource) -> Parsed<ConfigSource> {
    use pb::config_source::ConfigSourceSpecifier;
    let pb::ConfigSource {
        authorities,
        initial_fetch_timeout,
        resource_api_version,
        config_source_specifier,
    } = message;
    at.refuse("authorities", &authorities);
    let version = at.field("resource_api_version", |at| {
        api_version(at, resource_api_version)
    });
    let fetch_timeout = at.optional(
        "initial_fetch_timeout",
        initial_fetch_timeout,
        scalar::duration_or_none,
    );
    match config_source_specifier {
        Some(ConfigSourceSpecifier::Ads(pb::AggregatedConfigSource {})) => {}
        Some(ConfigSourceSpecifier::Self_(pb::SelfConfigSource {
            transport_api_version,
        })) => {
            at.field("self", |at| {
                at.field("transport_api_version", |at| {
                    api_version(at, transport_api_version)
                })
            })?;
        }
        Some(ConfigSourceSpecifier::Path(_)) => return Err(at.field("path", only_ads)),
        Some(ConfigSourceSpecifier::PathConfigSource(_)) => {
            return Err(at.field("path_config_source", only_ads));
        }
        Some(ConfigSourceSpecifier::ApiConfigSource(_)) => {
            return Err(at.field("api_config_source", only_ads));
        }
        None => return Err(at.error("needs a source; write `ads: {}`")),
    }
    version?;
    Ok(ConfigSource {
        fetch_timeout: fetch_timeout?.unwrap_or(Some(DEFAULT_FETCH_TIMEOUT)),
    })
}

fn only_ads(at: At<'_>) -> super::at::Rejected {
    at.unsupported("is not supported by this proxy; write `ads: {}`")
}

/// Version 3 is the only one; leaving it out means 2, which Envoy refuses too.
#[expect(deprecated, reason = "every value is answered")]
pub fn api_version(at: At<'_>, value: i32) -> Parsed<()> {
    match pb::ApiVersion::try_from(value) {
        Ok(pb::ApiVersion::V3 | pb::ApiVersion::Auto) => Ok(()),
        Ok(pb::ApiVersion::V2) => Err(at.error("V2 is gone; write V3")),
        Err(_) => Err(at.error(format!("{value} is no API version; write V3"))),
    }
}
