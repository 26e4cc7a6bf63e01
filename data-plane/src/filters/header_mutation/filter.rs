//! The filter at work.

use portway_shared::format::Message;

use super::{HeaderMutation, HeaderMutationPerRoute, Mutation, Mutations};
use crate::{
    filters::Verdict,
    http::record::Record,
    routing::{edits::Editable, filters::FilterOverride},
};

impl HeaderMutation {
    /// Changes a request's head. `name` is the filter's, by which routes add to it.
    pub fn on_request(&self, name: &str, record: &mut Record) -> Verdict {
        self.run(name, record, Message::Request);
        Verdict::Continue
    }

    /// Changes a response's head.
    pub fn on_response(&self, name: &str, record: &mut Record) {
        self.run(name, record, Message::Response);
    }

    fn run(&self, name: &str, record: &mut Record, message: Message) {
        self.mutations.run(record, message);
        let (Some(host), Some(route)) = (record.virtual_host.clone(), record.route.clone()) else {
            return;
        };
        let weighted = route.weighted_cluster(&record.request, record.random);
        let levels = host
            .overrides(name, &route, weighted)
            .filter_map(FilterOverride::config::<HeaderMutationPerRoute>);
        if self.most_specific_wins {
            levels.for_each(|level| level.mutations.run(record, message));
        } else {
            levels
                .rev()
                .for_each(|level| level.mutations.run(record, message));
        }
    }
}

impl Mutations {
    fn run(&self, record: &mut impl Editable, message: Message) {
        let mutations = match message {
            Message::Request => &self.request,
            Message::Response => &self.response,
            Message::ResponseTrailers => return,
        };
        for mutation in mutations {
            match mutation {
                Mutation::Remove(name) => {
                    record.headers_mut(message).remove(name);
                }
                Mutation::RemoveNamed(names) => {
                    record
                        .headers_mut(message)
                        .retain(|field| !names.matches(field.name));
                }
                Mutation::Write(edit) => edit.apply(record, message),
            }
        }
    }
}
