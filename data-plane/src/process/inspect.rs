//! What the admin endpoint sees of the configuration.

use std::sync::Arc;

use crate::{
    admin::{ListenerView, Resource, View},
    runtime::control::Control,
    snapshot::state::Raw,
};

/// All of it, sharing what is large.
pub fn view(bootstrap: &Raw, control: &Control) -> View {
    let state = &control.state;
    let resource = |name: &Arc<str>, raw: &Raw, warming| Resource {
        name: name.clone(),
        raw: raw.clone(),
        warming,
    };
    View {
        bootstrap: Some(bootstrap.clone()),
        clusters: state
            .clusters()
            .map(|(name, raw, active)| {
                let warming = state.is_warming(name);
                (resource(name, raw, warming), active.cloned())
            })
            .collect(),
        endpoints: state
            .assignments()
            .map(|(name, raw)| resource(name, raw, false))
            .collect(),
        listeners: state
            .listeners()
            .map(|(listener, raw)| {
                let name = &listener.config.name;
                resource(name, raw, state.is_waiting(name))
            })
            .collect(),
        routes: state
            .routes()
            .map(|(name, raw)| resource(name, raw, false))
            .collect(),
        open: control
            .listening()
            .into_iter()
            .map(|(listener, addresses)| ListenerView {
                name: listener.config.name.clone(),
                addresses,
            })
            .collect(),
    }
}
