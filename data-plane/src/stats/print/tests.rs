use std::time::Duration;

use super::*;
use crate::stats::{RowId, process::ProcessCell};

/// A proxy that has served three requests.
fn served() -> (Arc<Registry>, impl Sized) {
    let registry = Arc::new(Registry::new(2));
    let (up, idle) = (registry.cluster("up"), registry.cluster("idle"));
    let http = registry.http("s\"0");
    let listener = registry.listener("127.0.0.1:80");
    let listener_http = registry.listener_http("127.0.0.1:80", "s0");
    for (worker, millis) in [(0, 3), (1, 3), (0, 12)] {
        let row = RowId(worker);
        up.cells.inc(row, ClusterCell::UpstreamRqTotal);
        up.cells.inc(row, ClusterCell::UpstreamRq2xx);
        up.cells.inc(row, ClusterCell::UpstreamRq200);
        up.cells.inc(row, ClusterCell::UpstreamCxActive);
        http.cells.inc(row, HttpCell::DownstreamRq2xx);
        listener.cells.inc(row, ListenerCell::DownstreamCxTotal);
        listener_http
            .cells
            .inc(row, ListenerHttpCell::DownstreamRq2xx);
        http.time.record(row, Duration::from_millis(millis));
    }
    registry
        .process
        .cells
        .set(RowId(1), ProcessCell::ActiveClusters, 2);
    (registry, (up, idle, http, listener, listener_http))
}

fn extra() -> Vec<Extra> {
    vec![Extra {
        name: "server.live",
        kind: Kind::Gauge,
        value: 1,
    }]
}

fn only(filter: &str) -> Query {
    Query {
        filter: Some(Regex::new(filter).unwrap()),
        ..Query::default()
    }
}

#[test]
fn text_has_envoys_names_and_histograms_last() {
    let (registry, _kept) = served();
    let all: String = text(families(&registry, extra()), Query::default()).collect();
    for line in [
        "cluster.up.upstream_rq_total: 3",
        "cluster.up.upstream_rq_200: 3",
        "cluster.up.upstream_rq_2xx: 3",
        "cluster.up.upstream_cx_active: 3",
        "cluster.idle.upstream_rq_total: 0",
        "cluster_manager.active_clusters: 2",
        "http.s\"0.downstream_rq_2xx: 3",
        "http.s\"0.downstream_rq_5xx: 0",
        "listener.127.0.0.1_80.downstream_cx_total: 3",
        "listener.127.0.0.1_80.http.s0.downstream_rq_2xx: 3",
        "server.live: 1",
        "cluster.up.upstream_rq_time: No recorded values",
        "http.s\"0.downstream_rq_time: P0(nan,3) P25(nan,3.033333333333333) P50(nan,3.066666666666667) \
         P75(nan,12.5) P90(nan,12.5) P95(nan,12.5) P99(nan,12.5) P99.5(nan,12.5) P99.9(nan,12.5) P100(nan,12.5)",
    ] {
        assert!(all.lines().any(|printed| printed == line), "{line}\n{all}");
    }
    assert!(
        !all.contains("upstream_rq_503"),
        "a rare one that has not counted"
    );
    let histogram = all.find("upstream_rq_time:").unwrap();
    assert!(histogram > all.find("server.live").unwrap());
    let roots: Vec<&str> = all
        .lines()
        .take_while(|line| !line.contains("No recorded"))
        .map(|line| line.split('.').next().unwrap())
        .collect();
    assert!(roots.is_sorted(), "{roots:?}");
}

#[test]
fn a_query_narrows_what_is_printed() {
    let (registry, _kept) = served();
    let print = |query: Query| -> String { text(families(&registry, extra()), query).collect() };
    assert_eq!(print(only("^server\\.l")), "server.live: 1\n");
    assert_eq!(
        print(only("up.upstream_rq_(2xx|503)")),
        "cluster.up.upstream_rq_2xx: 3\n"
    );
    let used = print(Query {
        used_only: true,
        ..only("^cluster.(up|idle)")
    });
    let names: Vec<&str> = used.lines().collect();
    assert_eq!(
        names,
        [
            "cluster.up.upstream_cx_active: 3",
            "cluster.up.upstream_rq_200: 3",
            "cluster.up.upstream_rq_2xx: 3",
            "cluster.up.upstream_rq_total: 3"
        ]
    );
    let inverted = print(Query {
        invert_filter: true,
        ..only("^(cluster|http|listener|control|server)")
    });
    assert_eq!(inverted, "");
    let gauges = print(Query {
        types: Types::Gauges,
        ..only("^cluster.up")
    });
    assert!(gauges.contains("upstream_cx_active") && !gauges.contains("rq_total"));
    let histograms = print(Query {
        types: Types::Histograms,
        ..Query::default()
    });
    assert!(
        histograms
            .lines()
            .all(|line| line.contains("_time") || line.contains("_ms"))
    );
}

#[test]
fn json_is_one_object_of_envoys_shape() {
    let (registry, _kept) = served();
    let print = |query: Query| -> serde_json::Value {
        let text: String = json(families(&registry, extra()), query).collect();
        serde_json::from_str(&text).unwrap()
    };
    let stats = print(only("server.live|s.0.downstream_rq_time$"));
    assert_eq!(
        stats,
        serde_json::json!({"stats": [
            {"name": "server.live", "value": 1},
            {"histograms": {
                "supported_quantiles": [0, 25, 50, 75, 90, 95, 99, 99.5, 99.9, 100],
                "computed_quantiles": [{"name": "http.s\"0.downstream_rq_time", "values": [
                    {"cumulative": 3, "interval": null},
                    {"cumulative": 3.033333333333333, "interval": null},
                    {"cumulative": 3.066666666666667, "interval": null},
                    {"cumulative": 12.5, "interval": null},
                    {"cumulative": 12.5, "interval": null},
                    {"cumulative": 12.5, "interval": null},
                    {"cumulative": 12.5, "interval": null},
                    {"cumulative": 12.5, "interval": null},
                    {"cumulative": 12.5, "interval": null},
                    {"cumulative": 12.5, "interval": null},
                ]}],
            }},
        ]})
    );
    assert_eq!(print(only("nothing")), serde_json::json!({"stats": []}));
    assert!(print(Query::default())["stats"].as_array().unwrap().len() > 100);
}

#[test]
fn prometheus_gets_labels_for_what_envoy_takes_out_of_names() {
    let (registry, _kept) = served();
    let all: String = prometheus(families(&registry, extra()), Query::default()).collect();
    for lines in [
        "# TYPE envoy_cluster_upstream_rq_total counter\n\
         envoy_cluster_upstream_rq_total{envoy_cluster_name=\"idle\"} 0\n\
         envoy_cluster_upstream_rq_total{envoy_cluster_name=\"up\"} 3\n",
        "# TYPE envoy_cluster_upstream_rq counter\n\
         envoy_cluster_upstream_rq{envoy_response_code=\"200\",envoy_cluster_name=\"up\"} 3\n",
        "# TYPE envoy_cluster_upstream_rq_xx counter\n\
         envoy_cluster_upstream_rq_xx{envoy_response_code_class=\"2\",envoy_cluster_name=\"up\"} 3\n",
        "# TYPE envoy_cluster_upstream_cx_active gauge\n",
        "# TYPE envoy_http_downstream_rq_xx counter\n\
         envoy_http_downstream_rq_xx{envoy_response_code_class=\"1\",envoy_http_conn_manager_prefix=\"s\\\"0\"} 0\n\
         envoy_http_downstream_rq_xx{envoy_response_code_class=\"2\",envoy_http_conn_manager_prefix=\"s\\\"0\"} 3\n",
        "envoy_listener_http_downstream_rq_xx{envoy_response_code_class=\"2\",\
         envoy_http_conn_manager_prefix=\"s0\",envoy_listener_address=\"127.0.0.1_80\"} 3\n",
        "# TYPE envoy_cluster_manager_active_clusters gauge\nenvoy_cluster_manager_active_clusters{} 2\n",
        "# TYPE envoy_server_live gauge\nenvoy_server_live{} 1\n",
        "# TYPE envoy_http_downstream_rq_time histogram\n\
         envoy_http_downstream_rq_time_bucket{envoy_http_conn_manager_prefix=\"s\\\"0\",le=\"0.5\"} 0\n",
        "envoy_http_downstream_rq_time_bucket{envoy_http_conn_manager_prefix=\"s\\\"0\",le=\"5\"} 2\n",
        "envoy_http_downstream_rq_time_bucket{envoy_http_conn_manager_prefix=\"s\\\"0\",le=\"3600000\"} 3\n\
         envoy_http_downstream_rq_time_bucket{envoy_http_conn_manager_prefix=\"s\\\"0\",le=\"+Inf\"} 3\n\
         envoy_http_downstream_rq_time_sum{envoy_http_conn_manager_prefix=\"s\\\"0\"} 18\n\
         envoy_http_downstream_rq_time_count{envoy_http_conn_manager_prefix=\"s\\\"0\"} 3\n",
    ] {
        assert!(all.contains(lines), "{lines}\n{all}");
    }
    let mut types: Vec<&str> = all.lines().filter(|line| line.starts_with('#')).collect();
    let before = types.len();
    types.sort_unstable();
    types.dedup();
    assert_eq!(types.len(), before, "a metric's type is said once");
}

/// The names that Envoy 1.40 has too; ours are a subset but for the ones listed.
#[test]
fn names_are_envoys() {
    let (registry, _kept) = served();
    let envoys = include_str!("envoy_names.txt");
    let known: std::collections::BTreeSet<&str> = envoys.lines().collect();
    let mut ours = families(&registry, Vec::new());
    ours.retain(|family| !family.scopes.is_empty());
    for family in &ours {
        let histograms = family.histograms.iter().copied();
        for name in family.cells.iter().map(|cell| cell.name).chain(histograms) {
            let full = if family.metric == "envoy_listener_http_" {
                format!("listener.*.http.*.{name}")
            } else if family.metric == "envoy_" {
                name.to_owned()
            } else {
                format!("{}*.{name}", family.root)
            };
            let status = name.rsplit_once('_').is_some_and(|(base, last)| {
                base == "upstream_rq" && last.len() == 3 && last.as_bytes()[0].is_ascii_digit()
            });
            assert!(known.contains(&*full) || status, "{full}");
        }
    }
}
