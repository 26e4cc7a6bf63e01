//! Small messages that mean one value: durations, numbers in wrappers.

use std::time::Duration;

use portway_proto::pb::google::protobuf as wkt;

use super::at::{At, Parsed};

/// A duration that is zero or more.
pub fn duration(at: At<'_>, message: wkt::Duration) -> Parsed<Duration> {
    let wkt::Duration { seconds, nanos } = message;
    match (u64::try_from(seconds), u32::try_from(nanos)) {
        // Envoy's bound: nanoseconds in 64 bits, about 292 years. Sums with a clock stay in range.
        (Ok(seconds), Ok(nanos)) if seconds < 9_223_372_036 && nanos < 1_000_000_000 => {
            Ok(Duration::new(seconds, nanos))
        }
        _ => Err(at.error(format!(
            "{seconds}s and {nanos}ns is not a duration of zero or more"
        ))),
    }
}

/// A duration greater than zero.
pub fn positive_duration(at: At<'_>, message: wkt::Duration) -> Parsed<Duration> {
    let value = duration(at, message)?;
    if value.is_zero() {
        Err(at.error("must be greater than zero"))
    } else {
        Ok(value)
    }
}

/// A duration in which zero means "none".
pub fn duration_or_none(at: At<'_>, message: wkt::Duration) -> Parsed<Option<Duration>> {
    Ok(Some(duration(at, message)?).filter(|value| !value.is_zero()))
}

/// The value of a `BoolValue`, or a default.
pub fn bool_or(message: Option<wkt::BoolValue>, default: bool) -> bool {
    message.map_or(default, |wkt::BoolValue { value }| value)
}
