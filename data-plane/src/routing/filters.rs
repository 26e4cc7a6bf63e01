//! What a route, a virtual host or a whole configuration says about single HTTP filters.
//!
//! The filters' own types stay with the filters; here they are only carried from the parser to whoever builds
//! a route's filter chain, which takes them out by type.

use std::{any::Any, fmt, sync::Arc};

/// A filter's configuration for a part of the routes.
pub trait FilterConfig: Any + fmt::Debug + Send + Sync {}

impl<T: Any + fmt::Debug + Send + Sync> FilterConfig for T {}

/// What is said about one filter.
#[derive(Clone, Debug)]
pub enum FilterOverride {
    Disabled,
    /// On, with the listener's configuration.
    Enabled,
    Config(Arc<dyn FilterConfig>),
}

impl FilterOverride {
    /// The configuration, if there is one of this type.
    pub fn config<T: Any>(&self) -> Option<&T> {
        match self {
            FilterOverride::Config(config) => {
                let config: &dyn Any = &**config;
                config.downcast_ref()
            }
            FilterOverride::Disabled | FilterOverride::Enabled => None,
        }
    }
}

/// What is said about filters at one level, by the filter's name.
#[derive(Clone, Debug, Default)]
pub struct FilterOverrides(Option<Box<[Named]>>);

type Named = (Box<str>, FilterOverride);

impl FilterOverrides {
    pub fn get(&self, filter: &str) -> Option<&FilterOverride> {
        self.iter()
            .find_map(|(name, said)| (name == filter).then_some(said))
    }

    pub fn iter(&self) -> impl Iterator<Item = (&str, &FilterOverride)> {
        self.0.iter().flatten().map(|(name, said)| (&**name, said))
    }
}

impl FromIterator<(Box<str>, FilterOverride)> for FilterOverrides {
    fn from_iter<I: IntoIterator<Item = (Box<str>, FilterOverride)>>(all: I) -> Self {
        let all: Box<[Named]> = all.into_iter().collect();
        Self(Some(all).filter(|all| !all.is_empty()))
    }
}
