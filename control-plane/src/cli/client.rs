//! The way to a control plane.

use std::path::PathBuf;
use std::time::Duration;

use clap::Args;
use portway_proto::pb::portway::v1::management_client::ManagementClient;
use tonic::metadata::{Ascii, MetadataValue};
use tonic::service::interceptor::InterceptedService;
use tonic::transport::{Channel, Endpoint};
use tonic::{Request, Status};

use super::Failure;
use crate::server::{Address, Token};

#[derive(Clone, Debug, Args)]
pub(super) struct ClientOptions {
    /// Where the control plane's API is: unix:PATH or HOST:PORT.
    #[arg(
        long,
        value_name = "ADDRESS",
        env = "PORTWAY_API_ADDRESS",
        default_value = "unix:.portway/api.sock"
    )]
    api_address: Address,
    /// The file with the bearer token that an API on TCP asks for.
    #[arg(long, value_name = "FILE", env = "PORTWAY_TOKEN_FILE")]
    token_file: Option<PathBuf>,
}

pub(super) type Client = ManagementClient<InterceptedService<Channel, Bearer>>;

/// Adds the token to each call.
#[derive(Clone)]
pub(super) struct Bearer(Option<MetadataValue<Ascii>>);

impl tonic::service::Interceptor for Bearer {
    fn call(&mut self, mut request: Request<()>) -> Result<Request<()>, Status> {
        if let Some(token) = &self.0 {
            request
                .metadata_mut()
                .insert("authorization", token.clone());
        }
        Ok(request)
    }
}

impl ClientOptions {
    pub(super) async fn connect(&self) -> Result<Client, Failure> {
        let token = match &self.token_file {
            Some(path) => Some(Token::read(path)?.header().parse()?),
            None => None,
        };
        let uri = match &self.api_address {
            Address::Unix(path) => format!("unix:{}", path.display()),
            tcp => format!("http://{tcp}"),
        };
        let endpoint = Endpoint::from_shared(uri)?.connect_timeout(Duration::from_secs(5));
        let channel = endpoint.connect().await.map_err(|cause| {
            format!(
                "no control plane answers at {}: {}; start one with `portway up` or `portway control-plane`, or name its address with --api-address",
                self.api_address,
                super::output::chain(&cause),
            )
        })?;
        let client = ManagementClient::with_interceptor(channel, Bearer(token));
        Ok(client.max_decoding_message_size(usize::MAX))
    }
}

/// What a refused call says.
pub(super) fn told(status: Status) -> Failure {
    status.message().to_owned().into()
}
