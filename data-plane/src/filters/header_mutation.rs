//! Header mutations: `envoy.extensions.filters.http.header_mutation.v3`.
//!
//! The filter's own mutations run first, then those of the route's levels, each one seeing what the one before
//! it did. Mutations of trailers and of query parameters are refused by name.

mod config;
mod filter;

use crate::{
    http::name::HeaderName,
    routing::{edits::Edit, text::TextMatch},
};

/// The filter, as a listener configures it.
#[derive(Debug)]
pub struct HeaderMutation {
    mutations: Mutations,
    /// Levels run from the least specific to the most specific, so that the latter have the last word.
    /// Without it the order is the other way round.
    most_specific_wins: bool,
}

/// What a route, a virtual host or a route configuration adds to it.
#[derive(Debug)]
pub struct HeaderMutationPerRoute {
    mutations: Mutations,
}

/// Mutations of one level, in the order in which they run.
#[derive(Debug, Default)]
struct Mutations {
    request: Box<[Mutation]>,
    response: Box<[Mutation]>,
}

#[derive(Debug)]
enum Mutation {
    Remove(HeaderName),
    /// Removes every header whose name matches.
    RemoveNamed(TextMatch),
    Write(Edit),
}

#[cfg(test)]
mod tests;
