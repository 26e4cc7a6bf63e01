//! The filter's messages.

use portway_proto::pb::{
    envoy::{
        config::common::mutation_rules::v3 as rules,
        extensions::filters::http::header_mutation::v3 as pb,
    },
    google::protobuf::Any,
};

use super::{HeaderMutation, HeaderMutationPerRoute, Mutation, Mutations};
use crate::resources::{
    any,
    at::{At, Parsed},
    route::{edits, text},
};

impl HeaderMutation {
    /// Parses the filter's configuration.
    pub fn parse(at: At<'_>, message: pb::HeaderMutation) -> Parsed<Self> {
        let pb::HeaderMutation {
            mutations: all,
            most_specific_header_mutations_wins,
        } = message;
        Ok(Self {
            mutations: at
                .optional("mutations", all, mutations)?
                .unwrap_or_default(),
            most_specific_wins: most_specific_header_mutations_wins,
        })
    }
}

impl HeaderMutationPerRoute {
    /// Parses what a level of the routes says.
    pub fn parse(at: At<'_>, message: &Any) -> Parsed<Self> {
        let pb::HeaderMutationPerRoute { mutations: all } = any::decode(at, message)?;
        Ok(Self {
            mutations: at
                .optional("mutations", all, mutations)?
                .unwrap_or_default(),
        })
    }
}

fn mutations(at: At<'_>, message: pb::Mutations) -> Parsed<Mutations> {
    let pb::Mutations {
        request_mutations,
        query_parameter_mutations,
        response_mutations,
        response_trailers_mutations,
        request_trailers_mutations,
    } = message;
    at.refuse("query_parameter_mutations", &query_parameter_mutations);
    at.refuse("response_trailers_mutations", &response_trailers_mutations);
    at.refuse("request_trailers_mutations", &request_trailers_mutations);
    let request = at.each("request_mutations", request_mutations, mutation);
    let response = at.each("response_mutations", response_mutations, mutation);
    Ok(Mutations {
        request: request?.into(),
        response: response?.into(),
    })
}

fn mutation(at: At<'_>, message: rules::HeaderMutation) -> Parsed<Mutation> {
    use rules::header_mutation::{Action, RemoveOnMatch};
    match message.action {
        Some(Action::Remove(name)) => at
            .field("remove", |at| edits::removable(at, name))
            .map(Mutation::Remove),
        Some(Action::RemoveOnMatch(RemoveOnMatch { key_matcher })) => at
            .field("remove_on_match", |at| {
                at.required("key_matcher", key_matcher, text::string_matcher)
            })
            .map(Mutation::RemoveNamed),
        Some(Action::Append(message)) => at
            .field("append", |at| edits::header_value_option(at, message))
            .map(Mutation::Write),
        None => Err(at.error("needs one of append, remove and remove_on_match")),
    }
}
