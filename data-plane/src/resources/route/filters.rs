//! `typed_per_filter_config`.

use std::{
    collections::{BTreeMap, HashMap},
    sync::Arc,
};

use portway_proto::pb::{envoy::config::route::v3 as pb, google::protobuf::Any};

use super::Shared;
use crate::{
    resources::{
        any,
        at::{At, Parsed},
    },
    routing::filters::{FilterConfig, FilterOverride, FilterOverrides},
};

pub(super) fn overrides(
    at: At<'_>,
    configs: HashMap<String, Any>,
    shared: &Shared<'_>,
) -> Parsed<FilterOverrides> {
    let configs: BTreeMap<String, Any> = configs.into_iter().collect();
    at.field("typed_per_filter_config", |at| {
        let said: Vec<Parsed<(Box<str>, FilterOverride)>> = configs
            .into_iter()
            .map(|(name, config)| {
                let said = at.key(&name, |at| filter_override(at, &name, &config, shared))?;
                Ok((name.into(), said))
            })
            .collect();
        said.into_iter().collect()
    })
}

fn filter_override(
    at: At<'_>,
    name: &str,
    config: &Any,
    shared: &Shared<'_>,
) -> Parsed<FilterOverride> {
    let wrapped = any::type_name(config) == <pb::FilterConfig as prost::Name>::full_name();
    if !wrapped {
        return filter_config(at, name, config, shared)?
            .map(FilterOverride::Config)
            .ok_or_else(|| unknown(at, config));
    }
    let pb::FilterConfig {
        config,
        is_optional,
        disabled,
    } = any::decode(at, config)?;
    if disabled {
        return Ok(FilterOverride::Disabled);
    }
    let Some(config) = config else {
        return Err(at.field("config", |at| {
            at.error("is required; an empty one switches the filter on")
        }));
    };
    if config.type_url.is_empty() {
        return Ok(FilterOverride::Enabled);
    }
    at.field("config", |at| {
        match filter_config(at, name, &config, shared)? {
            Some(config) => Ok(FilterOverride::Config(config)),
            // Envoy takes a filter that is named as switched on, even where it cannot use what is said.
            None if is_optional => Ok(FilterOverride::Enabled),
            None => Err(unknown(at, &config)),
        }
    })
}

fn filter_config(
    at: At<'_>,
    name: &str,
    config: &Any,
    shared: &Shared<'_>,
) -> Parsed<Option<Arc<dyn FilterConfig>>> {
    (shared.context.filter_config)(at, name, config).transpose()
}

fn unknown(at: At<'_>, config: &Any) -> crate::resources::at::Rejected {
    at.unsupported(format!(
        "{:?} is no filter configuration that this proxy supports for routes",
        any::type_name(config)
    ))
}
