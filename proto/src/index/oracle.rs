//! The same descriptors in prost-reflect's hands: what tests compare with, and messages made up
//! from them.

pub(crate) mod generate;

use prost_reflect::DescriptorPool;
use std::sync::LazyLock;

static POOL: LazyLock<DescriptorPool> = LazyLock::new(|| {
    let set = include_bytes!(concat!(env!("OUT_DIR"), "/descriptors.bin"));
    DescriptorPool::decode(set.as_slice()).expect("the build script wrote a valid set")
});

pub(crate) fn pool() -> &'static DescriptorPool {
    &POOL
}
