//! What went wrong with a request, in Envoy's words: response flags and response-code details.
//!
//! A flag is a letter code for dashboards (`UF`), the details a sentence for one request
//! (`upstream_reset_before_response_started{connection_termination}`). Both end in the access log.

use std::borrow::Cow;

macro_rules! flags {
    ($($variant:ident $short:literal $long:literal,)*) => {
        /// One response flag.
        #[derive(Clone, Copy, Debug, PartialEq, Eq)]
        #[repr(u8)]
        pub enum Flag { $($variant,)* }

        impl Flag {
            /// Every flag, in the order in which Envoy prints several.
            pub const ALL: &'static [Flag] = &[$(Flag::$variant,)*];

            /// As `%RESPONSE_FLAGS%` prints it.
            pub fn short(self) -> &'static str {
                match self { $(Flag::$variant => $short,)* }
            }

            /// As `%RESPONSE_FLAGS_LONG%` prints it.
            pub fn long(self) -> &'static str {
                match self { $(Flag::$variant => $long,)* }
            }
        }
    };
}

flags! {
    FailedLocalHealthCheck "LH" "FailedLocalHealthCheck",
    NoHealthyUpstream "UH" "NoHealthyUpstream",
    UpstreamRequestTimeout "UT" "UpstreamRequestTimeout",
    LocalReset "LR" "LocalReset",
    UpstreamRemoteReset "UR" "UpstreamRemoteReset",
    UpstreamConnectionFailure "UF" "UpstreamConnectionFailure",
    UpstreamConnectionTermination "UC" "UpstreamConnectionTermination",
    UpstreamOverflow "UO" "UpstreamOverflow",
    NoRouteFound "NR" "NoRouteFound",
    DelayInjected "DI" "DelayInjected",
    FaultInjected "FI" "FaultInjected",
    RateLimited "RL" "RateLimited",
    UnauthorizedExternalService "UAEX" "UnauthorizedExternalService",
    RateLimitServiceError "RLSE" "RateLimitServiceError",
    DownstreamConnectionTermination "DC" "DownstreamConnectionTermination",
    UpstreamRetryLimitExceeded "URX" "UpstreamRetryLimitExceeded",
    StreamIdleTimeout "SI" "StreamIdleTimeout",
    InvalidEnvoyRequestHeaders "IH" "InvalidEnvoyRequestHeaders",
    DownstreamProtocolError "DPE" "DownstreamProtocolError",
    UpstreamMaxStreamDurationReached "UMSDR" "UpstreamMaxStreamDurationReached",
    ResponseFromCacheFilter "RFCF" "ResponseFromCacheFilter",
    NoFilterConfigFound "NFCF" "NoFilterConfigFound",
    DurationTimeout "DT" "DurationTimeout",
    UpstreamProtocolError "UPE" "UpstreamProtocolError",
    NoClusterFound "NC" "NoClusterFound",
    OverloadManager "OM" "OverloadManagerTerminated",
    DnsResolutionFailed "DF" "DnsResolutionFailed",
    DropOverload "DO" "DropOverload",
    DownstreamRemoteReset "DR" "DownstreamRemoteReset",
    UnconditionalDropOverload "UDO" "UnconditionalDropOverload",
}

/// The flags of one request.
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq)]
pub struct Flags(u64);

impl Flags {
    pub fn set(&mut self, flag: Flag) {
        self.0 |= 1 << (flag as u8);
    }

    pub fn has(self, flag: Flag) -> bool {
        self.0 & (1 << (flag as u8)) != 0
    }

    pub fn is_empty(self) -> bool {
        self.0 == 0
    }

    pub fn iter(self) -> impl Iterator<Item = Flag> {
        Flag::ALL
            .iter()
            .copied()
            .filter(move |flag| self.has(*flag))
    }
}

impl From<Flag> for Flags {
    fn from(flag: Flag) -> Self {
        let mut flags = Flags::default();
        flags.set(flag);
        flags
    }
}

/// Response-code details; Envoy's fixed texts borrow.
pub type Details = Cow<'static, str>;

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn flags_print_in_envoys_order() {
        let mut flags = Flags::default();
        assert!(flags.is_empty());
        flags.set(Flag::DownstreamConnectionTermination);
        flags.set(Flag::NoHealthyUpstream);
        assert_eq!(
            flags.iter().map(Flag::short).collect::<Vec<_>>(),
            ["UH", "DC"]
        );
    }
}
