//! Chooses what to do with a request: its route, what the filters say of it, and the endpoint.

use std::sync::Arc;

use portway_shared::format::Message;

use super::super::{
    connection::Downstream, flags::Flag, local_reply::LocalReply, name::Known, record::Record,
};
use crate::{
    clusters::{Cluster, endpoints::Member},
    routing::{Action, DirectResponse, Forward, Found, Miss, Redirect, Route, tls_location},
    stats::{cluster::ClusterCell, http::HttpCell},
};

/// What to do.
pub enum Decision {
    Reply(LocalReply),
    Forward(Target),
}

/// Where a request goes.
pub struct Target {
    pub route: Arc<Route>,
    pub cluster: Arc<Cluster>,
    pub member: Member,
}

/// Decides.
pub async fn decide(down: &mut Downstream, record: &mut Record) -> Decision {
    if let Some(reply) = find_route(down, record) {
        return Decision::Reply(reply);
    }
    let listener = down.listener.clone();
    if let Some(reply) = listener.config.http.filters.on_request(record).await {
        return Decision::Reply(reply);
    }
    let Some(route) = record.route.clone() else {
        down.count(HttpCell::NoRoute);
        return Decision::Reply(LocalReply::empty(404, "route_not_found").flag(Flag::NoRouteFound));
    };
    match &route.action {
        Action::Redirect(redirect) => Decision::Reply(redirected(down, record, &route, redirect)),
        Action::Direct(direct) => Decision::Reply(direct_response(down, record, &route, direct)),
        Action::Forward(forward) => to_cluster(down, record, &route, forward),
    }
}

/// Finds the route and remembers it as long as the request lasts; the snapshot is let go. Some hosts want their
/// requests to come again by another scheme: then there is an answer.
fn find_route(down: &Downstream, record: &mut Record) -> Option<LocalReply> {
    record.random = down.worker.random();
    let snapshot = down.worker.shared.snapshot.load();
    let table = snapshot.routes_of(&down.listener.config.http.routes)?;
    match table.find(&record.request, record.random) {
        Ok(Found {
            virtual_host,
            route,
        }) => {
            record.virtual_host = Some(virtual_host.clone());
            record.route = Some(route.clone());
            None
        }
        Err(Miss::NeedsTls(virtual_host)) => {
            record.virtual_host = Some(virtual_host.clone());
            let location = tls_location(&record.request);
            Some(LocalReply::empty(301, "direct_response").header(Known::Location, location))
        }
        Err(Miss::NoRoute(virtual_host)) => {
            record.virtual_host = Some(virtual_host.clone());
            None
        }
        Err(Miss::NoVirtualHost) => None,
    }
}

fn redirected(
    down: &Downstream,
    record: &mut Record,
    route: &Route,
    redirect: &Redirect,
) -> LocalReply {
    down.count(HttpCell::RqRedirect);
    let location = route.location(&record.request).unwrap_or_default();
    // As in Envoy, the log shows the path after a rewrite.
    let mut path = Vec::new();
    if route.rewritten_path(&record.request, &mut path) {
        record.request.path = path;
    }
    LocalReply::empty(redirect.status, "direct_response").header(Known::Location, location)
}

fn direct_response(
    down: &Downstream,
    record: &mut Record,
    route: &Route,
    direct: &DirectResponse,
) -> LocalReply {
    down.count(HttpCell::RqDirectResponse);
    record.edit(Message::Request, None);
    let mut reply = LocalReply::empty(direct.status, "direct_response");
    reply.body = direct.body.clone();
    match route.location(&record.request) {
        Some(location) => reply.header(Known::Location, location),
        None => reply,
    }
}

fn to_cluster(
    down: &Downstream,
    record: &mut Record,
    route: &Arc<Route>,
    forward: &Forward,
) -> Decision {
    let chosen = forward.choose(&record.request, record.random);
    let snapshot = down.worker.shared.snapshot.load();
    let Some(cluster) = chosen
        .and_then(|chosen| snapshot.clusters.get(chosen.cluster))
        .cloned()
    else {
        down.count(HttpCell::NoCluster);
        let reply = LocalReply::empty(forward.cluster_not_found_status, "cluster_not_found");
        return Decision::Reply(reply.flag(Flag::NoClusterFound));
    };
    record.upstream.cluster = Some(cluster.clone());
    let Some(member) = cluster
        .schedule
        .pick(&cluster.endpoints, down.worker.row)
        .cloned()
    else {
        cluster
            .stats
            .cells
            .inc(down.worker.row, ClusterCell::UpstreamCxNoneHealthy);
        let reply = LocalReply::text(503, "no healthy upstream", "no_healthy_upstream");
        return Decision::Reply(reply.flag(Flag::NoHealthyUpstream));
    };
    Decision::Forward(Target {
        route: route.clone(),
        cluster,
        member,
    })
}
