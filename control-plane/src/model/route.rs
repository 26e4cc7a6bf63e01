//! `Route`: which requests go where.
//!
//! The parts in the order of a request: [`hostname`], [`matching`], [`action`] with the [`headers`] it changes.
//! What is parsed here can be compiled: expressions are known to be valid, rewrites to have something to rewrite.

pub mod action;
pub mod headers;
pub mod hostname;
pub mod matching;

use std::fmt;
use std::sync::Arc;

use portway_data_plane::resources::at::{At, Parsed};
use portway_proto::pb::portway::v1 as pb;

use self::action::Action;
use self::hostname::Hostname;
use self::matching::{Match, PathMatch};

/// Which requests go where.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Route {
    pub gateways: Vec<GatewayRef>,
    /// Empty: every host.
    pub hostnames: Vec<Hostname>,
    pub rules: Vec<Rule>,
}

/// The listeners of a gateway, or one of them.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct GatewayRef {
    pub gateway: Arc<str>,
    pub listener: Option<Arc<str>>,
}

impl fmt::Display for GatewayRef {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.write_str(&self.gateway)?;
        match &self.listener {
            Some(listener) => write!(f, "/{listener}"),
            None => Ok(()),
        }
    }
}

/// What to do with some requests.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Rule {
    pub name: Option<Box<str>>,
    /// Never empty; any one of them is enough.
    pub matches: Vec<Match>,
    pub action: Action,
}

pub(super) fn parse(at: At<'_>, message: pb::RouteSpec) -> Parsed<Route> {
    let pb::RouteSpec {
        gateways,
        hostnames,
        rules,
    } = message;
    let gateways = gateways.iter().map(|text| match text.split_once('/') {
        Some((gateway, listener)) => GatewayRef {
            gateway: gateway.into(),
            listener: Some(listener.into()),
        },
        None => GatewayRef {
            gateway: text.as_str().into(),
            listener: None,
        },
    });
    let gateways = gateways.collect();
    let hostnames = at.each("hostnames", hostnames, |at, text| {
        Hostname::parse(&text).map_err(|error| at.error(error.to_string()))
    });
    let rules = at.each("rules", rules, rule);
    Ok(Route {
        gateways,
        hostnames: hostnames?,
        rules: rules?,
    })
}

fn rule(at: At<'_>, message: pb::RouteRule) -> Parsed<Rule> {
    let pb::RouteRule {
        name,
        matches,
        action,
    } = message;
    let matches = at.each("matches", matches, matching::parse);
    let action = action::parse(at, action);
    let mut matches = matches?;
    if matches.is_empty() {
        matches.push(Match::default());
    }
    let rule = Rule {
        name: Some(name).filter(|name| !name.is_empty()).map(Into::into),
        matches,
        action: action?,
    };
    rewritable(at, &rule)?;
    Ok(rule)
}

/// A prefix can be rewritten where every match names one.
fn rewritable(at: At<'_>, rule: &Rule) -> Parsed<()> {
    let Some(field) = rule.action.prefix_rewrite_field() else {
        return Ok(());
    };
    let bad = rule.matches.iter().find(|matched| match matched.path {
        PathMatch::Exact(_) | PathMatch::Prefix(_) => false,
        PathMatch::Any | PathMatch::Regex(_) => true,
    });
    match bad {
        Some(_) => Err(at.field(field, |at| {
            at.field("prefix_rewrite", |at| {
                at.error("needs a path to rewrite; give every match of the rule an exact path or a prefix")
            })
        })),
        None => Ok(()),
    }
}
