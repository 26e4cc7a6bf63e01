//! The messages whose JSON form is not an object of their fields.

use super::PrintError;
use super::message::{Place, Printer, map_entries, records, visible};
use super::scalar::{REDACTED, Scalar, float};
use crate::index::{self, Kind, Message, WellKnown};
use crate::wire::{MAX_DEPTH, Record, Value};

type Result<T = ()> = std::result::Result<T, PrintError>;

const SECONDS_OF_A_DAY: i64 = 86_400;
/// The years 1 to 9999.
const TIMESTAMPS: std::ops::RangeInclusive<i64> = -62_135_596_800..=253_402_300_799;
/// Ten thousand years, either way.
const DURATIONS: std::ops::RangeInclusive<i64> = -315_576_000_000..=315_576_000_000;

impl Printer {
    pub(super) fn well_known(
        &mut self,
        well_known: WellKnown,
        message: Message,
        wire: &[u8],
        place: Place,
    ) -> Result {
        let records = records(message, wire)?;
        match well_known {
            WellKnown::Any => self.any(message, &records, place),
            WellKnown::Duration => self.duration(message, &records, place),
            WellKnown::Timestamp => self.timestamp(message, &records, place),
            WellKnown::Struct => self.structure(&records, place),
            WellKnown::Value => self.value(&records, place),
            WellKnown::ListValue => self.values(&records, place),
            WellKnown::FieldMask => self.field_mask(message, &records, place),
            WellKnown::Empty => {
                self.writer.open('{');
                self.writer.close('}');
                Ok(())
            }
            WellKnown::Wrapper(kind) => {
                let Some(default) = Scalar::default_of(kind) else {
                    return Ok(());
                };
                let value = last(&records, 1, kind).unwrap_or(default);
                self.scalar(message, visible(value, place).unwrap_or(default))
            }
        }
    }

    fn any(&mut self, any: Message, records: &[Record<'_>], place: Place) -> Result {
        let type_url = match last(records, 1, Kind::String) {
            Some(Scalar::Text(text)) => {
                str::from_utf8(text).map_err(|_| PrintError::NotUtf8(any))?
            }
            _ => "",
        };
        let content = match last(records, 2, Kind::Bytes) {
            Some(Scalar::Bytes(bytes)) => bytes,
            _ => &[],
        };
        self.writer.open('{');
        if !type_url.is_empty() || !content.is_empty() {
            self.writer.key("@type");
            self.writer.text(type_url);
            let before = self.writer.mark();
            let inside = Place {
                depth: place.depth + 1,
                ..place
            };
            let shown = match index::message_of_type_url(type_url) {
                Some(message) => self.expanded(message, content, inside).is_ok(),
                None => false,
            };
            if !shown {
                self.writer.return_to(before);
                // Nobody can tell what is secret in bytes that cannot be read.
                let hidden = self.options.redact || place.hidden;
                let shown = if hidden { REDACTED.as_bytes() } else { content };
                self.writer.key("value");
                self.scalar(any, Scalar::Bytes(shown))?;
            }
        }
        self.writer.close('}');
        Ok(())
    }

    /// The content of an `Any` beside its `@type`.
    fn expanded(&mut self, message: Message, content: &[u8], place: Place) -> Result {
        if message.well_known().is_some() {
            self.writer.key("value");
            return self.message(message, content, place);
        }
        if place.depth > MAX_DEPTH {
            return Err(PrintError::TooDeep);
        }
        self.fields(message, content, place)
    }

    fn duration(&mut self, message: Message, records: &[Record<'_>], place: Place) -> Result {
        let (seconds, nanos) = if place.hidden { (0, 0) } else { time(records) };
        let mixed = (seconds < 0 && nanos > 0) || (seconds > 0 && nanos < 0);
        if !DURATIONS.contains(&seconds) || nanos.unsigned_abs() > 999_999_999 || mixed {
            return Err(PrintError::OutOfRange(message));
        }
        let sign = if seconds < 0 || nanos < 0 { "-" } else { "" };
        let whole = seconds.unsigned_abs();
        self.writer.quoted(format_args!(
            "{sign}{whole}{}s",
            fraction(nanos.unsigned_abs())
        ));
        Ok(())
    }

    fn timestamp(&mut self, message: Message, records: &[Record<'_>], place: Place) -> Result {
        let (seconds, nanos) = if place.hidden { (0, 0) } else { time(records) };
        if !TIMESTAMPS.contains(&seconds) || !(0..=999_999_999).contains(&nanos) {
            return Err(PrintError::OutOfRange(message));
        }
        let (year, month, day) = date(seconds.div_euclid(SECONDS_OF_A_DAY));
        let second = seconds.rem_euclid(SECONDS_OF_A_DAY);
        let (hour, minute, second) = (second / 3600, second / 60 % 60, second % 60);
        self.writer.quoted(format_args!(
            "{year:04}-{month:02}-{day:02}T{hour:02}:{minute:02}:{second:02}{}Z",
            fraction(nanos.unsigned_abs())
        ));
        Ok(())
    }

    fn structure(&mut self, of_struct: &[Record<'_>], place: Place) -> Result {
        self.writer.open('{');
        for (key, of_value) in struct_members(of_struct)? {
            self.writer.key(key);
            self.nested_value(&of_value, place)?;
        }
        self.writer.close('}');
        Ok(())
    }

    /// The value of a struct's member, given the records of its map entry.
    pub(super) fn nested_value(&mut self, of_value: &[Record<'_>], place: Place) -> Result {
        let Some(value) = index::message("google.protobuf.Value") else {
            return Ok(());
        };
        let pieces: Vec<&[u8]> = of_value
            .iter()
            .filter_map(|record| bytes(record.value))
            .collect();
        let inside = Place {
            depth: place.depth + 1,
            ..place
        };
        self.message(value, &pieces.concat(), inside)
    }

    fn value(&mut self, of_value: &[Record<'_>], place: Place) -> Result {
        let inside = Place {
            depth: place.depth + 1,
            ..place
        };
        let Some(last) = of_value.last() else {
            self.writer.bare("null");
            return Ok(());
        };
        // A struct or list in pieces: those since another kind of value took its place.
        let before = of_value
            .iter()
            .rposition(|record| record.number != last.number);
        let pieces = of_value
            .iter()
            .skip(before.map_or(0, |position| position + 1));
        let joined = || {
            pieces
                .filter_map(|record| bytes(record.value))
                .collect::<Vec<_>>()
                .concat()
        };
        match (last.number, last.value) {
            (2, Value::Fixed64(bits)) if !place.hidden => {
                let number = f64::from_bits(bits);
                float(&mut self.writer, number, number);
            }
            (3, Value::Bytes(text)) => {
                let text = visible(Scalar::Text(text), place).unwrap_or(Scalar::Text(&[]));
                let message = index::message("google.protobuf.Value");
                return message.map_or(Ok(()), |message| self.scalar(message, text));
            }
            (4, Value::Varint(value)) if !place.hidden => self.writer.bare(value != 0),
            (5, Value::Bytes(_)) => {
                let message = index::message("google.protobuf.Struct");
                return message.map_or(Ok(()), |message| self.message(message, &joined(), inside));
            }
            (6, Value::Bytes(_)) => {
                let message = index::message("google.protobuf.ListValue");
                return message.map_or(Ok(()), |message| self.message(message, &joined(), inside));
            }
            _ => self.writer.bare("null"),
        }
        Ok(())
    }

    fn values(&mut self, of_list: &[Record<'_>], place: Place) -> Result {
        self.writer.open('[');
        for record in of_list.iter().filter(|record| record.number == 1) {
            self.writer.item();
            self.nested_value(std::slice::from_ref(record), place)?;
        }
        self.writer.close(']');
        Ok(())
    }

    fn field_mask(&mut self, message: Message, records: &[Record<'_>], place: Place) -> Result {
        let mut text = String::new();
        for path in records
            .iter()
            .filter(|r| r.number == 1)
            .filter_map(|r| bytes(r.value))
        {
            let path = str::from_utf8(path).map_err(|_| PrintError::NotUtf8(message))?;
            if !text.is_empty() {
                text.push(',');
            }
            if place.hidden {
                text.push_str(REDACTED);
                continue;
            }
            let mut raise = false;
            for c in path.chars() {
                match c {
                    '_' => raise = true,
                    c if raise => {
                        text.push(c.to_ascii_uppercase());
                        raise = false;
                    }
                    c => text.push(c),
                }
            }
        }
        self.writer.text(&text);
        Ok(())
    }
}

/// A struct's members sorted by name: each with the records of its value.
pub fn struct_members<'a>(of_struct: &[Record<'a>]) -> Result<Vec<(&'a str, Vec<Record<'a>>)>> {
    let Some(entry) = index::message("google.protobuf.Struct.FieldsEntry") else {
        return Ok(Vec::new());
    };
    let of_map: Vec<_> = of_struct
        .iter()
        .filter(|record| record.number == 1)
        .copied()
        .collect();
    let mut members = Vec::with_capacity(of_map.len());
    for (key, value) in map_entries(entry, Kind::String, &of_map)? {
        let Scalar::Text(key) = key else { continue };
        members.push((
            str::from_utf8(key).map_err(|_| PrintError::NotUtf8(entry))?,
            value,
        ));
    }
    Ok(members)
}

pub fn last<'a>(records: &[Record<'a>], number: u32, kind: Kind) -> Option<Scalar<'a>> {
    let of_field = records
        .iter()
        .rev()
        .filter(|record| record.number == number);
    of_field
        .filter_map(|record| Scalar::read(kind, record.value))
        .next()
}

pub fn bytes(value: Value<'_>) -> Option<&[u8]> {
    match value {
        Value::Bytes(bytes) => Some(bytes),
        _ => None,
    }
}

/// Seconds and nanoseconds of a duration or timestamp.
fn time(records: &[Record<'_>]) -> (i64, i32) {
    let seconds = match last(records, 1, Kind::Int64) {
        Some(Scalar::Long(seconds)) => seconds,
        _ => 0,
    };
    let nanos = match last(records, 2, Kind::Int32) {
        Some(Scalar::Int(nanos)) => nanos,
        _ => 0,
    };
    (seconds, nanos)
}

/// Nothing, or a point and three, six or nine digits.
fn fraction(nanos: u32) -> String {
    if nanos == 0 {
        String::new()
    } else if nanos.is_multiple_of(1_000_000) {
        format!(".{:03}", nanos / 1_000_000)
    } else if nanos.is_multiple_of(1_000) {
        format!(".{:06}", nanos / 1_000)
    } else {
        format!(".{nanos:09}")
    }
}

/// Year, month and day of a day counted from 1970-01-01, in the Gregorian calendar.
///
/// Years are counted from March on, so that the leap day is a year's last; the calendar repeats
/// every 400 years of 146,097 days.
fn date(days: i64) -> (i64, i64, i64) {
    let from_march_0000 = days + 719_468;
    let era = from_march_0000.div_euclid(146_097);
    let day_of_era = from_march_0000.rem_euclid(146_097);
    let year_of_era =
        (day_of_era - day_of_era / 1_460 + day_of_era / 36_524 - day_of_era / 146_096) / 365;
    let day_of_year = day_of_era - (365 * year_of_era + year_of_era / 4 - year_of_era / 100);
    let month_from_march = (5 * day_of_year + 2) / 153;
    let day = day_of_year - (153 * month_from_march + 2) / 5 + 1;
    let month = if month_from_march < 10 {
        month_from_march + 3
    } else {
        month_from_march - 9
    };
    let year = era * 400 + year_of_era + i64::from(month <= 2);
    (year, month, day)
}
