//! One resource as it travels: encoded once, hashed once, shared by every stream that sends it.
//!
//! A resource knows its name, its version (a hash of its content, so that it means the same on every replica
//! and after a restart), the operator's object it came from, and the resources it names. It knows nothing of
//! messages: the bytes are the compiler's.

use std::fmt;
use std::sync::Arc;

use bytes::{BufMut, Bytes, BytesMut};

use super::kind::Kind;
use super::wire;

/// Names one resource.
#[derive(Clone, Debug, PartialEq, Eq, PartialOrd, Ord, Hash)]
pub struct ResourceKey {
    pub kind: Kind,
    pub name: Arc<str>,
}

impl ResourceKey {
    pub fn new(kind: Kind, name: impl Into<Arc<str>>) -> Self {
        Self {
            kind,
            name: name.into(),
        }
    }
}

impl fmt::Display for ResourceKey {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        write!(f, "{} {:?}", self.kind, self.name)
    }
}

/// Where a resource comes from: the operator's object and its place.
#[derive(Clone, Debug, Default, PartialEq, Eq)]
pub struct Provenance {
    /// `Route`, `Gateway`, `EnvoyResources`, ...
    pub kind: String,
    pub name: String,
    /// The file as the operator named it; empty when the object did not come from a file.
    pub file: String,
    /// From 1; 0 when unknown.
    pub line: u32,
    /// From 1; 0 when unknown.
    pub column: u32,
    /// Further objects, where several make one resource.
    pub others: Vec<Provenance>,
}

impl fmt::Display for Provenance {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        write!(f, "{} {:?}", self.kind, self.name)?;
        if !self.file.is_empty() {
            write!(f, " ({}:{}:{})", self.file, self.line, self.column)?;
        }
        if !self.others.is_empty() {
            write!(f, " and {} more", self.others.len())?;
        }
        Ok(())
    }
}

/// A content hash: 80 bits of BLAKE3, held as the 20 hexadecimal digits that go on the wire.
#[derive(Clone, Copy, PartialEq, Eq, PartialOrd, Ord, Hash)]
pub struct Version([u8; 20]);

impl Version {
    /// The version of these bytes.
    pub fn of(bytes: &[u8]) -> Self {
        Self::from_hash(&blake3::hash(bytes))
    }

    fn from_hash(hash: &blake3::Hash) -> Self {
        let mut hex = [b'0'; 20];
        for (pair, byte) in hex.chunks_exact_mut(2).zip(hash.as_bytes()) {
            for (digit, nibble) in pair.iter_mut().zip([byte >> 4, byte & 0xf]) {
                *digit = match nibble {
                    0..=9 => b'0' + nibble,
                    _ => b'a' + (nibble - 10),
                };
            }
        }
        Self(hex)
    }

    /// The version of a list of resources in the order of their names.
    pub(crate) fn of_list<'a>(resources: impl IntoIterator<Item = &'a Arc<Resource>>) -> Self {
        let mut hasher = blake3::Hasher::new();
        for resource in resources {
            let name = resource.name();
            hasher.update(&(name.len() as u64).to_le_bytes());
            hasher.update(name.as_bytes());
            hasher.update(&resource.version.0);
        }
        Self::from_hash(&hasher.finalize())
    }

    pub fn as_str(&self) -> &str {
        // Only hexadecimal digits are ever stored.
        std::str::from_utf8(&self.0).unwrap_or_default()
    }
}

impl fmt::Display for Version {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.write_str(self.as_str())
    }
}

impl fmt::Debug for Version {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.write_str(self.as_str())
    }
}

/// An encoded resource.
///
/// One allocation serves both protocol variants, because the field that holds the `Any` has the same number in
/// the delta variant's `Resource` as in a state-of-the-world response:
///
/// ```text
/// | field 2 of DeltaDiscoveryResponse                      |
/// | tag, length | version, name | tag, length, Any         |
///                               | field 2 of DiscoveryResponse |
/// ```
pub struct Resource {
    key: ResourceKey,
    version: Version,
    delta: Bytes,
    sotw_at: usize,
    message_at: usize,
    refers_to: Arc<[ResourceKey]>,
    provenance: Arc<Provenance>,
}

impl Resource {
    /// Wraps a message's deterministic encoding.
    pub fn new(
        key: ResourceKey,
        message: &[u8],
        refers_to: impl Into<Arc<[ResourceKey]>>,
        provenance: Arc<Provenance>,
    ) -> Self {
        let url = key.kind.type_url().as_bytes();
        let version = Version::of(message);
        let name = key.name.as_bytes();

        let any_len = wire::field_len(wire::ANY_TYPE_URL, url.len())
            + wire::field_len(wire::ANY_VALUE, message.len());
        let sotw_len = wire::field_len(wire::RESOURCES, any_len);
        let own_len = wire::field_len(wire::RESOURCE_VERSION, version.0.len())
            + wire::field_len(wire::RESOURCE_NAME, name.len());
        let total = wire::field_len(wire::RESOURCES, own_len + sotw_len);

        let mut bytes = BytesMut::with_capacity(total);
        wire::put_head(&mut bytes, wire::RESOURCES, own_len + sotw_len);
        wire::put_field(&mut bytes, wire::RESOURCE_VERSION, &version.0);
        wire::put_field(&mut bytes, wire::RESOURCE_NAME, name);
        let sotw_at = bytes.len();
        wire::put_head(&mut bytes, wire::RESOURCES, any_len);
        wire::put_field(&mut bytes, wire::ANY_TYPE_URL, url);
        wire::put_head(&mut bytes, wire::ANY_VALUE, message.len());
        let message_at = bytes.len();
        bytes.put_slice(message);
        debug_assert_eq!(bytes.len(), total);

        Self {
            key,
            version,
            delta: bytes.freeze(),
            sotw_at,
            message_at,
            refers_to: refers_to.into(),
            provenance,
        }
    }

    /// The assignment of a cluster without endpoints.
    pub(crate) fn empty_assignment(name: &Arc<str>) -> Self {
        let mut message = BytesMut::new();
        wire::put_field(&mut message, wire::CLUSTER_NAME, name.as_bytes());
        let key = ResourceKey {
            kind: Kind::Endpoint,
            name: name.clone(),
        };
        Self::new(key, &message, [], Arc::default())
    }

    /// The same with another origin.
    pub(crate) fn with_provenance(self, provenance: Arc<Provenance>) -> Self {
        Self { provenance, ..self }
    }

    pub fn key(&self) -> &ResourceKey {
        &self.key
    }

    pub fn kind(&self) -> Kind {
        self.key.kind
    }

    pub fn name(&self) -> &Arc<str> {
        &self.key.name
    }

    pub fn version(&self) -> Version {
        self.version
    }

    /// The encoded message.
    pub fn message(&self) -> Bytes {
        self.delta.slice(self.message_at..)
    }

    /// The resources this one names.
    pub fn refers_to(&self) -> &[ResourceKey] {
        &self.refers_to
    }

    pub fn provenance(&self) -> &Arc<Provenance> {
        &self.provenance
    }

    /// The `resources` field of a delta response.
    pub(crate) fn delta_field(&self) -> Bytes {
        self.delta.clone()
    }

    /// The `resources` field of a state-of-the-world response.
    pub(crate) fn sotw_field(&self) -> Bytes {
        self.delta.slice(self.sotw_at..)
    }

    pub(crate) fn field(&self, variant: super::Variant) -> Bytes {
        match variant {
            super::Variant::Sotw => self.sotw_field(),
            super::Variant::Delta => self.delta_field(),
        }
    }

    pub(crate) fn field_size(&self, variant: super::Variant) -> usize {
        match variant {
            super::Variant::Sotw => self.delta.len().saturating_sub(self.sotw_at),
            super::Variant::Delta => self.delta.len(),
        }
    }
}

impl fmt::Debug for Resource {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        // Not the bytes: they may hold a key.
        write!(f, "{}@{}", self.key, self.version)
    }
}

#[cfg(test)]
mod tests {
    use prost::Message as _;

    use super::super::pb::envoy::service::discovery::v3 as discovery;
    use super::*;

    fn resource(name: &str, message: &[u8]) -> Resource {
        let key = ResourceKey::new(Kind::Cluster, name);
        Resource::new(key, message, [], Arc::default())
    }

    #[test]
    fn both_variants_read_the_same_bytes() {
        let r = resource("a", b"\x0a\x01a");

        let delta = discovery::DeltaDiscoveryResponse::decode(r.delta_field()).unwrap();
        let [wrapped] = delta.resources.as_slice() else {
            panic!("one resource: {delta:?}");
        };
        assert_eq!(wrapped.name, "a");
        assert_eq!(wrapped.version, r.version().as_str());

        let sotw = discovery::DiscoveryResponse::decode(r.sotw_field()).unwrap();
        assert_eq!(sotw.resources.len(), 1);
        assert_eq!(Some(&sotw.resources[0]), wrapped.resource.as_ref());
        assert_eq!(sotw.resources[0].type_url, Kind::Cluster.type_url());
        assert_eq!(sotw.resources[0].value, b"\x0a\x01a");
        assert_eq!(r.message(), b"\x0a\x01a".as_slice());

        let whole = r.delta_field();
        assert_eq!(
            whole.as_ptr().wrapping_add(r.sotw_at),
            r.sotw_field().as_ptr()
        );
    }

    #[test]
    fn lengths_beyond_one_varint_byte() {
        for len in [0, 1, 100, 127, 128, 16_383, 16_384, 70_000] {
            let message = vec![7; len];
            let r = resource(&"n".repeat(300), &message);
            let sotw = discovery::DiscoveryResponse::decode(r.sotw_field()).unwrap();
            assert_eq!(sotw.resources[0].value, message);
            assert_eq!(
                r.field_size(super::super::Variant::Delta),
                r.delta_field().len()
            );
        }
    }

    #[test]
    fn x11_versions_are_content_hashes() {
        assert_eq!(resource("a", b"x").version(), resource("a", b"x").version());
        assert_ne!(resource("a", b"x").version(), resource("a", b"y").version());
        assert_eq!(resource("a", b"x").version().as_str().len(), 20);
    }
}
