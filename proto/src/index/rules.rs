//! Validation rules (protoc-gen-validate's), decoded from the bytes that the index keeps.
//!
//! Only what the descriptors say: applying the rules is the loader's work. Numbers come widened to
//! 64 bits, which changes no comparison; texts stay in read-only memory.

mod decode;

/// All rules of one field, of a list's items, or of a map's keys or values.
#[derive(Clone, Debug, Default, PartialEq)]
pub struct Rules {
    /// The message in this field is not validated.
    pub skip: bool,
    /// The field must be set. `Any`, `Duration` and `Timestamp` rules say so in their own place.
    pub required: bool,
    pub check: Check,
}

#[derive(Clone, Debug, Default, PartialEq)]
pub enum Check {
    #[default]
    None,
    /// `float` and `double`.
    Float(Range<f64>),
    /// Signed integers of either width.
    Int(Range<i64>),
    /// Unsigned integers of either width.
    Uint(Range<u64>),
    Bool {
        equals: Option<bool>,
    },
    String(StringRules),
    Bytes(BytesRules),
    Enum(EnumRules),
    List(Box<ListRules>),
    Map(Box<MapRules>),
    Any(AnyRules),
    Duration(TimeRules),
    Timestamp(TimeRules),
}

/// Bounds on a value with an order. A lower bound above the upper one means "outside of both".
#[derive(Clone, Debug, PartialEq)]
pub struct Range<T> {
    pub equals: Option<T>,
    pub lt: Option<T>,
    pub lte: Option<T>,
    pub gt: Option<T>,
    pub gte: Option<T>,
    pub one_of: Vec<T>,
    pub none_of: Vec<T>,
    /// The zero value passes unchecked.
    pub ignore_empty: bool,
}

impl<T> Default for Range<T> {
    fn default() -> Self {
        Self {
            equals: None,
            lt: None,
            lte: None,
            gt: None,
            gte: None,
            one_of: Vec::new(),
            none_of: Vec::new(),
            ignore_empty: false,
        }
    }
}

/// Lengths count characters where not said otherwise.
#[derive(Clone, Debug, Default, PartialEq)]
pub struct StringRules {
    pub equals: Option<&'static str>,
    pub len: Option<u64>,
    pub min_len: Option<u64>,
    pub max_len: Option<u64>,
    pub len_bytes: Option<u64>,
    pub min_bytes: Option<u64>,
    pub max_bytes: Option<u64>,
    /// An RE2 expression that must match somewhere.
    pub pattern: Option<&'static str>,
    pub prefix: Option<&'static str>,
    pub suffix: Option<&'static str>,
    pub contains: Option<&'static str>,
    pub not_contains: Option<&'static str>,
    pub one_of: Vec<&'static str>,
    pub none_of: Vec<&'static str>,
    pub format: Option<StringFormat>,
    /// Only for header formats: `Some(false)` merely refuses NUL, CR and LF.
    pub strict: Option<bool>,
    pub ignore_empty: bool,
}

impl StringRules {
    /// Whether a header format is meant to the letter, as it is unless said otherwise.
    pub fn is_strict(&self) -> bool {
        self.strict.unwrap_or(true)
    }
}

#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum StringFormat {
    Email,
    Hostname,
    Ip,
    Ipv4,
    Ipv6,
    Uri,
    UriReference,
    /// A host name or an IP address.
    Address,
    Uuid,
    HttpHeaderName,
    HttpHeaderValue,
}

#[derive(Clone, Debug, Default, PartialEq)]
pub struct BytesRules {
    pub equals: Option<&'static [u8]>,
    pub len: Option<u64>,
    pub min_len: Option<u64>,
    pub max_len: Option<u64>,
    pub pattern: Option<&'static str>,
    pub prefix: Option<&'static [u8]>,
    pub suffix: Option<&'static [u8]>,
    pub contains: Option<&'static [u8]>,
    pub one_of: Vec<&'static [u8]>,
    pub none_of: Vec<&'static [u8]>,
    pub format: Option<BytesFormat>,
    pub ignore_empty: bool,
}

/// Addresses in network byte order.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum BytesFormat {
    Ip,
    Ipv4,
    Ipv6,
}

#[derive(Clone, Debug, Default, PartialEq)]
pub struct EnumRules {
    pub equals: Option<i32>,
    pub defined_only: bool,
    pub one_of: Vec<i32>,
    pub none_of: Vec<i32>,
}

#[derive(Clone, Debug, Default, PartialEq)]
pub struct ListRules {
    pub min_items: Option<u64>,
    pub max_items: Option<u64>,
    pub unique: bool,
    pub items: Option<Rules>,
    pub ignore_empty: bool,
}

#[derive(Clone, Debug, Default, PartialEq)]
pub struct MapRules {
    pub min_pairs: Option<u64>,
    pub max_pairs: Option<u64>,
    /// Message values must be set.
    pub no_sparse: bool,
    pub keys: Option<Rules>,
    pub values: Option<Rules>,
    pub ignore_empty: bool,
}

#[derive(Clone, Debug, Default, PartialEq)]
pub struct AnyRules {
    pub required: bool,
    /// Type URLs.
    pub one_of: Vec<&'static str>,
    pub none_of: Vec<&'static str>,
}

/// Rules on a duration or a point in time.
#[derive(Clone, Debug, Default, PartialEq)]
pub struct TimeRules {
    pub required: bool,
    pub range: Range<Time>,
    /// These three apply to timestamps alone.
    pub lt_now: bool,
    pub gt_now: bool,
    pub within: Option<Time>,
}

/// Seconds and nanoseconds of one sign, ordered as the time they mean.
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq, PartialOrd, Ord)]
pub struct Time {
    pub seconds: i64,
    pub nanos: i32,
}

#[cfg(test)]
mod tests;
