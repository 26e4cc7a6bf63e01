//! Generated Rust types of every message: Envoy's as the envoy-types crate has them, and ours
//! beside them in the same tree.
//!
//! `pb::envoy::config::route::v3::Route` is Envoy's; `pb::portway::v1` is ours; `pb::xds` and
//! `pb::udpa` are both, for the few messages that envoy-types lacks.

pub use envoy_types::pb::google::protobuf::Any;
pub use envoy_types::pb::*;

/// The module of one package, as the build script generated it.
macro_rules! generated {
    ($package:literal) => {
        include!(concat!(env!("OUT_DIR"), "/", $package, ".rs"));
    };
}

#[allow(
    clippy::all,
    clippy::allow_attributes_without_reason,
    reason = "generated code is not written to our lints"
)]
pub mod portway {
    pub mod v1 {
        generated!("portway.v1");
    }
}

pub mod udpa {
    pub use envoy_types::pb::udpa::*;
    pub mod r#type {
        pub mod v1 {
            generated!("udpa.r#type.v1");
        }
    }
}

pub mod xds {
    pub use envoy_types::pb::xds::*;
    pub mod r#type {
        pub mod matcher {
            pub mod v3 {
                pub use envoy_types::pb::xds::r#type::matcher::v3::*;
                generated!("xds.r#type.matcher.v3");
            }
        }
        pub mod v3 {
            pub use envoy_types::pb::xds::r#type::v3::*;
            generated!("xds.r#type.v3");
        }
    }
}
