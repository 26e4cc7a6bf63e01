//! What only the whole set can tell: references that lead nowhere, listeners that want the same port.

use std::collections::BTreeMap;
use std::net::SocketAddr;
use std::sync::Arc;

use portway_proto::loader::{Diagnostic, Severity, closest};

use super::route::action::Action;
use super::{Builder, Declared, ObjectKind, Origin, Route};

pub(super) fn check(builder: &mut Builder) {
    let mut found = Vec::new();
    addresses(builder, &mut found);
    for route in builder.set.routes.values() {
        gateways(builder, route, &mut found);
        services(builder, route, &mut found);
    }
    builder.diagnostics.append(&mut found);
}

/// No two listeners of a set may share address and port.
fn addresses(builder: &Builder, found: &mut Vec<Diagnostic>) {
    let mut taken: BTreeMap<SocketAddr, (String, &Origin)> = BTreeMap::new();
    for (name, gateway) in &builder.set.gateways {
        for (index, listener) in gateway.value.listeners.iter().enumerate() {
            let own = format!("{name}/{}", listener.name);
            match taken.get(&listener.address) {
                Some((first, origin)) => {
                    let path = format!("spec.listeners[{index}].port");
                    let message = format!("{} is taken by listener {first:?}", listener.address);
                    let help = format!(
                        "choose another port or address; {first:?} is declared at {origin}"
                    );
                    let diagnostic = gateway.origin.diagnostic(Severity::Error, &path, message);
                    found.push(diagnostic.with_help(help));
                }
                None => {
                    taken.insert(listener.address, (own, &gateway.origin));
                }
            }
        }
    }
}

fn gateways(builder: &Builder, route: &Declared<Route>, found: &mut Vec<Diagnostic>) {
    for (index, reference) in route.value.gateways.iter().enumerate() {
        let path = format!("spec.gateways[{index}]");
        let Some(gateway) = builder.set.gateways.get(&reference.gateway) else {
            found.extend(unknown(
                builder,
                ObjectKind::Gateway,
                &reference.gateway,
                route,
                &path,
            ));
            continue;
        };
        let Some(wanted) = &reference.listener else {
            continue;
        };
        let names = gateway
            .value
            .listeners
            .iter()
            .map(|listener| &*listener.name);
        if names.clone().any(|name| name == &**wanted) {
            continue;
        }
        let message = format!(
            "Gateway {:?} has no listener {:?}",
            &*reference.gateway, &**wanted
        );
        let help = match closest(wanted, names.clone()) {
            Some(name) => format!(
                "did you mean {:?}?",
                format!("{}/{name}", reference.gateway)
            ),
            None => format!("it has {}", names.collect::<Vec<_>>().join(", ")),
        };
        let diagnostic = route.origin.diagnostic(Severity::Error, &path, message);
        found.push(diagnostic.with_help(help));
    }
}

fn services(builder: &Builder, route: &Declared<Route>, found: &mut Vec<Diagnostic>) {
    for (rule, of) in route.value.rules.iter().enumerate() {
        let services = match &of.action {
            Action::Forward(forward) => forward.services.as_slice(),
            Action::Redirect(_) | Action::Respond(_) => &[],
        };
        for (index, service) in services.iter().enumerate() {
            if !builder.set.services.contains_key(&service.name) {
                let path = format!("spec.rules[{rule}].forward.services[{index}].name");
                let name = &service.name;
                found.extend(unknown(builder, ObjectKind::Service, name, route, &path));
            }
        }
    }
}

/// Where a name leads to nothing, and not merely to something faulty or unreadable.
fn unknown(
    builder: &Builder,
    kind: ObjectKind,
    name: &Arc<str>,
    route: &Declared<Route>,
    path: &str,
) -> Option<Diagnostic> {
    if builder.incomplete || builder.faulty.contains(&(kind, Arc::clone(name))) {
        return None;
    }
    let declared = builder.declared.keys();
    let names = declared
        .filter(|(of, _)| *of == kind)
        .map(|(_, name)| &**name);
    let help = match closest(name, names) {
        Some(name) => format!("did you mean {name:?}?"),
        None => format!("declare it: kind: {kind}, metadata: {{name: {name}}}"),
    };
    let message = format!("there is no {kind} {:?}", &**name);
    let diagnostic = route.origin.diagnostic(Severity::Error, path, message);
    Some(diagnostic.with_help(help))
}
