//! stand-in
use super::Verdict;
use crate::{
    http::record::Record,
    resources::at::{At, Parsed},
};
use portway_proto::pb::{
    envoy::extensions::filters::http::header_mutation::v3 as pb, google::protobuf::Any,
};
#[derive(Debug)]
pub struct HeaderMutation;
#[derive(Debug)]
pub struct HeaderMutationPerRoute;
impl HeaderMutation {
    pub fn parse(at: At<'_>, _m: pb::HeaderMutation) -> Parsed<Self> {
        Err(at.unsupported("x"))
    }
    pub fn on_request(&self, _n: &str, _r: &mut Record) -> Verdict {
        Verdict::Continue
    }
    pub fn on_response(&self, _n: &str, _r: &mut Record) {}
}
impl HeaderMutationPerRoute {
    pub fn parse(at: At<'_>, _m: &Any) -> Parsed<Self> {
        Err(at.unsupported("x"))
    }
}
