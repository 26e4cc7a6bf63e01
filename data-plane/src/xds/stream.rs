//! Carries the protocol: connects to the control plane, reads and writes, comes back after a failure.
//!
//! The task decides nothing about configuration. It hands every update to the control thread and sends what
//! that answers; so the configuration is changed in one place, and an acknowledgement leaves when the outcome is
//! known and not before.

use std::{collections::BTreeSet, sync::Arc, time::Duration};

use portway_proto::pb::envoy::service::discovery::v3::{
    DeltaDiscoveryRequest, DiscoveryRequest,
    aggregated_discovery_service_client::AggregatedDiscoveryServiceClient,
};
use tokio::sync::mpsc;
use tokio_stream::wrappers::ReceiverStream;
use tracing::{info, warn};

use super::{
    Kind,
    backoff::Backoff,
    client::{Client, Receipt, Request, Update},
};
use crate::{
    clusters::call::{self, Connector},
    resources::bootstrap::Variant,
};

/// What the control thread tells the stream.
#[derive(Debug)]
pub enum Order {
    /// These are wanted by name from now on.
    Want(Kind, BTreeSet<Arc<str>>),
    /// The outcome of an update: nothing wrong, or these.
    Answer(Receipt, Vec<String>),
}

/// What the stream tells the control thread.
#[derive(Debug)]
pub enum News {
    Connected,
    Disconnected,
    Update(Update),
}

/// A response may be as large as this.
const MAX_RESPONSE: usize = 64 << 20;
/// Requests wait here while the server does not read.
const REQUESTS: usize = 64;
/// A stream that lasted so long was a success, however it ended.
const SETTLED: Duration = Duration::from_secs(10);

/// Keeps a stream up for as long as anybody listens.
pub async fn run(
    mut client: Client,
    variant: Variant,
    connector: Connector,
    mut orders: mpsc::Receiver<Order>,
    news: mpsc::Sender<News>,
) {
    let mut backoff = Backoff::default();
    loop {
        let began = portway_shared::clock::now();
        let ended = match variant {
            Variant::Delta => delta(&mut client, &connector, &mut orders, &news).await,
            Variant::StateOfTheWorld => sotw(&mut client, &connector, &mut orders, &news).await,
        };
        match ended {
            Ended::NobodyListens => return,
            Ended::Lost(cause) => {
                warn!(%cause, "the stream to the control plane ended; keeping the last configuration")
            }
        }
        if news.send(News::Disconnected).await.is_err() {
            return;
        }
        if began.elapsed() >= SETTLED {
            backoff.reset();
        }
        let pause = tokio::time::sleep(backoff.pause(fastrand::f64()));
        tokio::pin!(pause);
        loop {
            tokio::select! {
                () = &mut pause => break,
                order = orders.recv() => match order {
                    // Wants are remembered for the next stream; answers died with theirs.
                    Some(Order::Want(kind, names)) => drop(client.want(kind, names)),
                    Some(Order::Answer(..)) => {}
                    None => return,
                },
            }
        }
    }
}

enum Ended {
    NobodyListens,
    Lost(String),
}

macro_rules! carry {
    ($name:ident, $request:ident, $pick:path, $method:ident, $response:ident) => {
        async fn $name(
            client: &mut Client,
            connector: &Connector,
            orders: &mut mpsc::Receiver<Order>,
            news: &mpsc::Sender<News>,
        ) -> Ended {
            let channel = match call::connect(connector).await {
                Ok(channel) => channel,
                Err(error) => return Ended::Lost(error.to_string()),
            };
            let mut service =
                AggregatedDiscoveryServiceClient::with_origin(channel, connector.origin.clone())
                    .max_decoding_message_size(MAX_RESPONSE);
            let (requests, outgoing) = mpsc::channel::<$request>(REQUESTS);
            let pick = |request| match request {
                $pick(request) => Some(request),
                _ => None,
            };
            for request in client.connect().into_iter().filter_map(pick) {
                if requests.send(request).await.is_err() {
                    return Ended::Lost("the request stream closed".to_owned());
                }
            }
            let mut responses = match service.$method(ReceiverStream::new(outgoing)).await {
                Ok(response) => response.into_inner(),
                Err(status) => return Ended::Lost(describe(&status)),
            };
            info!("connected to the control plane");
            if news.send(News::Connected).await.is_err() {
                return Ended::NobodyListens;
            }
            loop {
                let request = tokio::select! {
                    response = responses.message() => match response {
                        Ok(Some(response)) => {
                            match client.$response(response) {
                                Ok(update) => {
                                    if news.send(News::Update(update)).await.is_err() {
                                        return Ended::NobodyListens;
                                    }
                                }
                                Err(error) => warn!(%error, "a response was ignored"),
                            }
                            None
                        }
                        Ok(None) => return Ended::Lost("closed by the server".to_owned()),
                        Err(status) => return Ended::Lost(describe(&status)),
                    },
                    order = orders.recv() => match order {
                        Some(Order::Want(kind, names)) => client.want(kind, names),
                        Some(Order::Answer(receipt, faults)) => client.answer(&receipt, &faults),
                        None => return Ended::NobodyListens,
                    },
                };
                if let Some(request) = request.and_then(pick)
                    && requests.send(request).await.is_err()
                {
                    return Ended::Lost("the request stream closed".to_owned());
                }
            }
        }
    };
}

carry!(
    delta,
    DeltaDiscoveryRequest,
    Request::Delta,
    delta_aggregated_resources,
    delta_response
);
carry!(
    sotw,
    DiscoveryRequest,
    Request::Sotw,
    stream_aggregated_resources,
    sotw_response
);

fn describe(status: &tonic::Status) -> String {
    format!("{}: {}", status.code(), status.message())
}
