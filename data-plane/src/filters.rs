//! What happens to a request between routing and the upstream, and to its answer on the way back.
//!
//! A filter is immutable configuration in the snapshot; what it needs per request lives in the
//! [`Record`](crate::http::record::Record). Its calls are synchronous and return a [`Verdict`]; only
//! [`Verdict::Wait`] allocates. The router is not in the list: it is what the list leads to.

pub mod header_mutation;

use std::{future::Future, pin::Pin};

use crate::{
    http::{local_reply::LocalReply, record::Record},
    routing::filters::FilterOverride,
};
use header_mutation::HeaderMutation;

/// The filters of a listener, in the order of the configuration.
#[derive(Debug)]
pub struct FilterChain {
    filters: Box<[NamedFilter]>,
    pub router: RouterConfig,
}

/// A filter under the name by which routes override its configuration.
#[derive(Debug)]
pub struct NamedFilter {
    pub name: Box<str>,
    pub filter: Filter,
}

/// Every filter there is.
#[derive(Debug)]
pub enum Filter {
    HeaderMutation(HeaderMutation),
}

/// The end of the chain.
#[derive(Clone, Copy, Debug, Default)]
pub struct RouterConfig {
    pub suppress_envoy_headers: bool,
}

/// What a filter says of a request.
pub enum Verdict {
    Continue,
    /// Goes no further; this is the answer.
    Reply(LocalReply),
    /// Not decided yet.
    Wait(Pin<Box<dyn Future<Output = Verdict>>>),
}

impl FilterChain {
    pub fn new(filters: Vec<NamedFilter>, router: RouterConfig) -> Self {
        Self {
            filters: filters.into(),
            router,
        }
    }

    /// Shows the request's head to every filter; an answer ends the walk.
    pub async fn on_request(&self, record: &mut Record) -> Option<LocalReply> {
        for filter in &self.filters {
            let mut verdict = filter.on_request(record);
            loop {
                match verdict {
                    Verdict::Continue => break,
                    Verdict::Reply(reply) => return Some(reply),
                    Verdict::Wait(later) => verdict = later.await,
                }
            }
        }
        None
    }

    /// Shows the response's head to every filter, the last one first.
    pub fn on_response(&self, record: &mut Record) {
        for filter in self.filters.iter().rev() {
            filter.on_response(record);
        }
    }
}

impl NamedFilter {
    /// Whether the request's route leaves the filter on.
    fn is_on(&self, record: &Record) -> bool {
        let (Some(host), Some(route)) = (&record.virtual_host, &record.route) else {
            return true;
        };
        let weighted = route.weighted_cluster(&record.request, record.random);
        let last = host.overrides(&self.name, route, weighted).last();
        !matches!(last, Some(FilterOverride::Disabled))
    }

    fn on_request(&self, record: &mut Record) -> Verdict {
        if !self.is_on(record) {
            return Verdict::Continue;
        }
        match &self.filter {
            Filter::HeaderMutation(filter) => filter.on_request(&self.name, record),
        }
    }

    fn on_response(&self, record: &mut Record) {
        if !self.is_on(record) {
            return;
        }
        match &self.filter {
            Filter::HeaderMutation(filter) => filter.on_response(&self.name, record),
        }
    }
}
