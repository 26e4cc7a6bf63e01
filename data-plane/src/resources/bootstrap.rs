//! `Bootstrap`: what a proxy starts from.
//!
//! Static resources stay messages here: they are parsed, each by itself, where all resources are
//! ([`State`](crate::snapshot::state::State)), so that a bootstrap and a stream mean the same by every field.

use std::sync::Arc;

use portway_proto::pb::envoy::config::{
    bootstrap::v3 as pb, cluster::v3::Cluster, core::v3 as core, listener::v3::Listener,
};

use super::{
    address::{Address, address},
    at::{At, Parsed},
    config_source::{ConfigSource, api_version, config_source},
};

/// What a proxy starts from.
#[derive(Debug)]
pub struct Bootstrap {
    pub node: core::Node,
    pub admin: Option<Address>,
    pub clusters: Vec<Cluster>,
    pub listeners: Vec<Listener>,
    pub stream: Option<Stream>,
}

/// The aggregated stream, and what is asked of it from the start.
#[derive(Clone, Debug)]
pub struct Stream {
    /// The cluster of the bootstrap that leads to the server.
    pub cluster: Arc<str>,
    pub variant: Variant,
    pub authority: Option<Box<str>>,
    pub clusters: Option<ConfigSource>,
    pub listeners: Option<ConfigSource>,
}

/// How changes are sent.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum Variant {
    StateOfTheWorld,
    Delta,
}

/// Parses a bootstrap, except for the insides of its static resources.
#[expect(deprecated, reason = "every field is answered")]
pub fn bootstrap(at: At<'_>, message: pb::Bootstrap) -> Parsed<Bootstrap> {
    let pb::Bootstrap {
        node,
        node_context_params,
        static_resources,
        dynamic_resources,
        cluster_manager,
        hds_config,
        flags_path,
        stats_sinks,
        deferred_stat_options,
        stats_config,
        stats_flush_interval,
        watchdog,
        watchdogs,
        tracing,
        layered_runtime,
        admin,
        overload_manager,
        enable_dispatcher_stats,
        header_prefix,
        stats_server_version_override,
        use_tcp_for_dns_lookups,
        dns_resolution_config,
        typed_dns_resolver_config,
        bootstrap_extensions,
        fatal_actions,
        config_sources,
        default_config_source,
        default_socket_interface,
        certificate_provider_instances,
        inline_headers,
        perf_tracing_file_path,
        default_regex_engine,
        xds_delegate_extension,
        xds_config_tracker_extension,
        listener_manager,
        application_log_config,
        grpc_async_client_manager_config,
        memory_allocator_manager,
        enable_worker_cpu_affinity,
        stats_flush,
        stats_eviction,
    } = message;
    at.harmless("node_context_params", &node_context_params);
    at.harmless("deferred_stat_options", &deferred_stat_options);
    at.harmless("stats_config", &stats_config);
    at.harmless("stats_flush_interval", &stats_flush_interval);
    at.harmless("stats_flush", &stats_flush);
    at.harmless("stats_eviction", &stats_eviction);
    at.harmless("watchdog", &watchdog);
    at.harmless("watchdogs", &watchdogs);
    at.harmless("enable_dispatcher_stats", &enable_dispatcher_stats);
    at.harmless(
        "stats_server_version_override",
        &stats_server_version_override,
    );
    at.harmless("inline_headers", &inline_headers);
    at.harmless("perf_tracing_file_path", &perf_tracing_file_path);
    at.harmless("application_log_config", &application_log_config);
    at.harmless(
        "grpc_async_client_manager_config",
        &grpc_async_client_manager_config,
    );
    at.harmless("memory_allocator_manager", &memory_allocator_manager);
    at.harmless("enable_worker_cpu_affinity", &enable_worker_cpu_affinity);
    at.harmless("flags_path", &flags_path);
    at.refuse("hds_config", &hds_config);
    at.refuse("stats_sinks", &stats_sinks);
    at.refuse("tracing", &tracing);
    at.refuse("overload_manager", &overload_manager);
    at.refuse("header_prefix", &header_prefix);
    at.refuse("use_tcp_for_dns_lookups", &use_tcp_for_dns_lookups);
    at.refuse("dns_resolution_config", &dns_resolution_config);
    at.refuse("typed_dns_resolver_config", &typed_dns_resolver_config);
    at.refuse("bootstrap_extensions", &bootstrap_extensions);
    at.refuse("fatal_actions", &fatal_actions);
    at.refuse("config_sources", &config_sources);
    at.refuse("default_config_source", &default_config_source);
    at.refuse("default_socket_interface", &default_socket_interface);
    at.refuse(
        "certificate_provider_instances",
        &certificate_provider_instances,
    );
    at.refuse("default_regex_engine", &default_regex_engine);
    at.refuse("xds_delegate_extension", &xds_delegate_extension);
    at.refuse(
        "xds_config_tracker_extension",
        &xds_config_tracker_extension,
    );
    at.refuse("listener_manager", &listener_manager);
    if let Some(runtime) = layered_runtime {
        at.field("layered_runtime", |at| layers(at, runtime));
    }
    if let Some(manager) = cluster_manager {
        at.field("cluster_manager", |at| {
            let pb::ClusterManager {
                local_cluster_name,
                outlier_detection,
                upstream_bind_config,
                load_stats_config,
                enable_deferred_cluster_creation,
            } = manager;
            at.harmless("local_cluster_name", &local_cluster_name);
            at.harmless(
                "enable_deferred_cluster_creation",
                &enable_deferred_cluster_creation,
            );
            at.refuse("outlier_detection", &outlier_detection);
            at.refuse("upstream_bind_config", &upstream_bind_config);
            at.refuse("load_stats_config", &load_stats_config);
        });
    }
    let admin = at.optional("admin", admin, self::admin);
    let (clusters, listeners) = match static_resources {
        Some(resources) => at.field("static_resources", |at| {
            let pb::bootstrap::StaticResources {
                listeners,
                clusters,
                secrets,
            } = resources;
            at.refuse("secrets", &secrets);
            (clusters, listeners)
        }),
        None => Default::default(),
    };
    let stream = match dynamic_resources {
        Some(resources) => at.field("dynamic_resources", |at| dynamic(at, resources)),
        None => Ok(None),
    };
    let node = node.unwrap_or_default();
    let stream = stream?;
    if stream.is_some() {
        for (name, value) in [("id", &node.id), ("cluster", &node.cluster)] {
            if value.is_empty() {
                at.field("node", |at| {
                    at.field(name, |at| {
                        at.error("must not be empty where configuration comes by a stream")
                    })
                });
            }
        }
    }
    Ok(Bootstrap {
        node,
        admin: admin?.flatten(),
        clusters,
        listeners,
        stream,
    })
}

#[expect(deprecated, reason = "every field is answered")]
fn admin(at: At<'_>, message: pb::Admin) -> Parsed<Option<Address>> {
    let pb::Admin {
        access_log,
        access_log_path,
        profile_path,
        address: listen,
        socket_options,
        ignore_global_conn_limit,
        allow_paths,
    } = message;
    at.harmless("access_log", &access_log);
    at.harmless("access_log_path", &access_log_path);
    at.harmless("profile_path", &profile_path);
    at.harmless("ignore_global_conn_limit", &ignore_global_conn_limit);
    at.refuse("socket_options", &socket_options);
    at.refuse("allow_paths", &allow_paths);
    at.optional("address", listen, address)
}

/// Runtime layers: this proxy has no runtime keys, so one that sets some asks for what it will not get.
fn layers(at: At<'_>, message: pb::LayeredRuntime) {
    use pb::runtime_layer::LayerSpecifier;
    let pb::LayeredRuntime { layers } = message;
    let _ = at.each("layers", layers, |at, layer| {
        let pb::RuntimeLayer {
            name: _,
            layer_specifier,
        } = layer;
        match layer_specifier {
            Some(LayerSpecifier::StaticLayer(layer)) if !layer.fields.is_empty() => {
                at.field("static_layer", |at| {
                    at.unsupported("runtime keys are not supported by this proxy")
                });
            }
            Some(LayerSpecifier::RtdsLayer(_)) => {
                at.field("rtds_layer", |at| {
                    at.unsupported("is not supported by this proxy")
                });
            }
            Some(LayerSpecifier::DiskLayer(_)) => {
                at.field("disk_layer", |at| {
                    at.unsupported("is not supported by this proxy")
                });
            }
            // An admin layer without an endpoint to change it, and an empty layer, say nothing.
            Some(LayerSpecifier::AdminLayer(_) | LayerSpecifier::StaticLayer(_)) => {}
            None => {
                at.error("needs a layer");
            }
        }
        Ok(())
    });
}

fn dynamic(at: At<'_>, message: pb::bootstrap::DynamicResources) -> Parsed<Option<Stream>> {
    let pb::bootstrap::DynamicResources {
        lds_config,
        lds_resources_locator,
        cds_config,
        cds_resources_locator,
        ads_config,
    } = message;
    at.refuse("lds_resources_locator", &lds_resources_locator);
    at.refuse("cds_resources_locator", &cds_resources_locator);
    let listeners = at.optional("lds_config", lds_config, config_source);
    let clusters = at.optional("cds_config", cds_config, config_source);
    let source = at.optional("ads_config", ads_config, ads);
    let (listeners, clusters, source) = (listeners?, clusters?, source?);
    match source {
        Some((cluster, variant, authority)) => Ok(Some(Stream {
            cluster,
            variant,
            authority,
            clusters,
            listeners,
        })),
        None if listeners.is_some() || clusters.is_some() => Err(at.field("ads_config", |at| {
            at.error("is required where lds_config or cds_config name `ads`")
        })),
        None => Ok(None),
    }
}

fn ads(
    at: At<'_>,
    message: core::ApiConfigSource,
) -> Parsed<(Arc<str>, Variant, Option<Box<str>>)> {
    use core::api_config_source::ApiType;
    let core::ApiConfigSource {
        api_type,
        transport_api_version,
        cluster_names,
        grpc_services,
        refresh_delay,
        request_timeout,
        rate_limit_settings,
        set_node_on_first_message_only,
        config_validators,
    } = message;
    // The node is on a stream's first message, whether asked for or not.
    let _ = set_node_on_first_message_only;
    at.harmless("refresh_delay", &refresh_delay);
    at.harmless("request_timeout", &request_timeout);
    at.harmless("rate_limit_settings", &rate_limit_settings);
    at.refuse("cluster_names", &cluster_names);
    at.refuse("config_validators", &config_validators);
    let variant = at.field("api_type", |at| match ApiType::try_from(api_type) {
        Ok(ApiType::Grpc | ApiType::AggregatedGrpc) => Ok(Variant::StateOfTheWorld),
        Ok(ApiType::DeltaGrpc | ApiType::AggregatedDeltaGrpc) => Ok(Variant::Delta),
        Ok(_) => Err(at.unsupported("is not supported by this proxy; write GRPC or DELTA_GRPC")),
        Err(_) => Err(at.error(format!("{api_type} is no api type"))),
    });
    let version = at.field("transport_api_version", |at| {
        api_version(at, transport_api_version)
    });
    let mut services = grpc_services.into_iter();
    let target = match (services.next(), services.next()) {
        (Some(only), None) => at.field("grpc_services", |at| {
            at.index(0, |at| grpc_service(at, only))
        }),
        (None, _) => Err(at.field("grpc_services", |at| at.error("needs a service"))),
        (Some(_), Some(_)) => Err(at.field("grpc_services", |at| {
            at.unsupported("takes one service in this proxy")
        })),
    };
    version?;
    let (cluster, authority) = target?;
    Ok((cluster, variant?, authority))
}

fn grpc_service(at: At<'_>, message: core::GrpcService) -> Parsed<(Arc<str>, Option<Box<str>>)> {
    use core::grpc_service::{EnvoyGrpc, TargetSpecifier};
    let core::GrpcService {
        timeout,
        initial_metadata,
        retry_policy,
        target_specifier,
    } = message;
    at.harmless("timeout", &timeout);
    at.harmless("retry_policy", &retry_policy);
    at.refuse("initial_metadata", &initial_metadata);
    match target_specifier {
        Some(TargetSpecifier::EnvoyGrpc(envoy)) => at.field("envoy_grpc", |at| {
            let EnvoyGrpc {
                cluster_name,
                authority,
                retry_policy,
                max_receive_message_length,
                skip_envoy_headers,
            } = envoy;
            at.harmless("retry_policy", &retry_policy);
            at.harmless("max_receive_message_length", &max_receive_message_length);
            at.harmless("skip_envoy_headers", &skip_envoy_headers);
            if cluster_name.is_empty() {
                return Err(at.field("cluster_name", |at| at.error("must not be empty")));
            }
            Ok((
                cluster_name.into(),
                Some(authority)
                    .filter(|text| !text.is_empty())
                    .map(Into::into),
            ))
        }),
        Some(TargetSpecifier::GoogleGrpc(_)) => Err(at.field("google_grpc", |at| {
            at.unsupported("is not supported by this proxy; write envoy_grpc")
        })),
        None => Err(at.error("needs envoy_grpc")),
    }
}
