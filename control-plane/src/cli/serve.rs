//! `control-plane`: serves until it is told to stop.

use std::path::PathBuf;

use clap::Args;
use tokio::signal::unix::{SignalKind, signal};
use tokio::sync::watch;

use super::{Exit, Failure, Outcome};
use crate::server::{Address, ControlPlane, Token};

/// Run the control plane.
#[derive(Debug, Args)]
#[command(
    after_help = "Example:\n  portway control-plane --data-dir /var/lib/portway --xds-address unix:/run/portway/xds.sock --api-address 127.0.0.1:9901"
)]
pub(super) struct Options {
    /// Where revisions are kept.
    #[arg(long, value_name = "DIR", default_value = ".portway")]
    data_dir: PathBuf,
    /// Where proxies connect: unix:PATH or HOST:PORT. By default xds.sock in the data directory.
    #[arg(long, value_name = "ADDRESS")]
    xds_address: Option<Address>,
    /// Where the command line and programs connect. By default api.sock in the data directory. On TCP each call
    /// must carry the token from the file api-token of the data directory.
    #[arg(long, value_name = "ADDRESS")]
    api_address: Option<Address>,
    /// Allow plain TCP on addresses that other machines reach.
    #[arg(long)]
    insecure_tcp: bool,
}

pub(super) async fn run(options: Options) -> Outcome {
    let (stop, stopped) = watch::channel(false);
    let signals = signals()?;
    let plane = ControlPlane::open(&options.data_dir).await?;
    let token = Token::of(&options.data_dir)?;
    let socket = |name: &str| Address::Unix(options.data_dir.join(name));
    let xds = options.xds_address.unwrap_or_else(|| socket("xds.sock"));
    let api = options.api_address.unwrap_or_else(|| socket("api.sock"));
    let xds = xds.bind(options.insecure_tcp).await?;
    let api = api.bind(options.insecure_tcp).await?;
    tracing::info!(xds = %xds.address(), api = %api.address(), "control plane started");
    let serving = async {
        tokio::try_join!(
            plane.serve_xds(xds, until(stopped.clone())),
            plane.serve_api(api, token, until(stopped.clone())),
        )
    };
    tokio::pin!(serving);
    tokio::select! {
        served = &mut serving => {
            served?;
        }
        () = plane.run() => {}
        () = signals => {
            tracing::info!("stopping");
            stop.send_replace(true);
            // Clients that do not close their connections in time are not waited for.
            let closed = tokio::time::timeout(crate::up::PATIENCE, serving).await;
            closed.unwrap_or(Ok(((), ())))?;
        }
    }
    Ok(Exit::Done)
}

/// Ready once the value is true.
pub(crate) async fn until(mut stopped: watch::Receiver<bool>) {
    // A sender that is gone means the same.
    let _ = stopped.wait_for(|stopped| *stopped).await;
}

/// Ready at the first SIGTERM or SIGINT.
pub(crate) fn signals() -> Result<impl Future<Output = ()>, Failure> {
    let mut terminate = signal(SignalKind::terminate())?;
    let mut interrupt = signal(SignalKind::interrupt())?;
    Ok(async move {
        tokio::select! {
            _ = terminate.recv() => {}
            _ = interrupt.recv() => {}
        }
    })
}
