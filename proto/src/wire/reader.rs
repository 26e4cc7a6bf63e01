//! Reads the protobuf wire format, one record at a time, without knowing any message.
//!
//! It does not decode into types and does not allocate: descriptors are read with it at build
//! time, and the index's validation rules, the JSON printer and the unknown-field scan read with
//! it at run time. It accepts what protobuf parsers accept (groups included, since an unknown field
//! may be one) and refuses everything else with the offset at which the input stopped making sense.

/// Nesting that readers of untrusted messages allow, the limit protobuf runtimes use.
pub const MAX_DEPTH: usize = 100;

/// One field as it lies on the wire.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub struct Record<'a> {
    pub number: u32,
    pub value: Value<'a>,
    /// Where the record's tag starts, counted from the start of the message.
    pub offset: usize,
}

#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum Value<'a> {
    Varint(u64),
    Fixed64(u64),
    Bytes(&'a [u8]),
    /// The content of a group, without its end tag.
    Group(&'a [u8]),
    Fixed32(u32),
}

/// Why a message cannot be read, and where in it.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub struct Malformed {
    pub offset: usize,
    pub cause: Cause,
}

#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum Cause {
    Truncated,
    LongVarint,
    BadFieldNumber,
    BadWireType(u8),
    UnmatchedEndGroup,
    TooDeep,
}

impl std::fmt::Display for Malformed {
    fn fmt(&self, f: &mut std::fmt::Formatter<'_>) -> std::fmt::Result {
        let at = self.offset;
        match self.cause {
            Cause::Truncated => write!(f, "message ends in the middle of the field at byte {at}"),
            Cause::LongVarint => write!(f, "number at byte {at} has more than 64 bits"),
            Cause::BadFieldNumber => write!(f, "field number at byte {at} is out of range"),
            Cause::BadWireType(kind) => write!(f, "unknown wire type {kind} at byte {at}"),
            Cause::UnmatchedEndGroup => write!(f, "end of a group that never began at byte {at}"),
            Cause::TooDeep => write!(f, "groups nested deeper than {MAX_DEPTH} at byte {at}"),
        }
    }
}

impl std::error::Error for Malformed {}

/// Iterates over a message's records in wire order; ends after the first error.
#[derive(Clone, Debug)]
pub struct Records<'a> {
    bytes: &'a [u8],
    at: usize,
}

impl<'a> Records<'a> {
    pub fn new(message: &'a [u8]) -> Self {
        Self {
            bytes: message,
            at: 0,
        }
    }

    fn read(&mut self) -> Result<Record<'a>, Malformed> {
        let offset = self.at;
        let (number, wire_type) = self.tag()?;
        let value = match wire_type {
            0 => Value::Varint(self.varint()?),
            1 => Value::Fixed64(u64::from_le_bytes(self.array(offset)?)),
            2 => {
                let length = self.varint()?;
                let length = usize::try_from(length).unwrap_or(usize::MAX);
                Value::Bytes(self.take(length, offset)?)
            }
            3 => Value::Group(self.group(number, offset)?),
            4 => {
                return Err(Malformed {
                    offset,
                    cause: Cause::UnmatchedEndGroup,
                });
            }
            5 => Value::Fixed32(u32::from_le_bytes(self.array(offset)?)),
            other => {
                return Err(Malformed {
                    offset,
                    cause: Cause::BadWireType(other),
                });
            }
        };
        Ok(Record {
            number,
            value,
            offset,
        })
    }

    fn tag(&mut self) -> Result<(u32, u8), Malformed> {
        let offset = self.at;
        let tag = self.varint()?;
        let number = u32::try_from(tag >> 3).unwrap_or(0);
        if !(1..1 << 29).contains(&number) {
            return Err(Malformed {
                offset,
                cause: Cause::BadFieldNumber,
            });
        }
        Ok((number, (tag & 7) as u8))
    }

    fn varint(&mut self) -> Result<u64, Malformed> {
        let (value, length) =
            varint(self.bytes.get(self.at..).unwrap_or_default()).map_err(|cause| Malformed {
                offset: self.at,
                cause,
            })?;
        self.at += length;
        Ok(value)
    }

    fn take(&mut self, length: usize, offset: usize) -> Result<&'a [u8], Malformed> {
        let taken = self
            .at
            .checked_add(length)
            .and_then(|end| self.bytes.get(self.at..end))
            .ok_or(Malformed {
                offset,
                cause: Cause::Truncated,
            })?;
        self.at += length;
        Ok(taken)
    }

    fn array<const N: usize>(&mut self, offset: usize) -> Result<[u8; N], Malformed> {
        let taken = self.take(N, offset)?;
        taken.try_into().map_err(|_| Malformed {
            offset,
            cause: Cause::Truncated,
        })
    }

    /// Walks to the end tag of `number` with a stack of its own, so that hostile nesting costs
    /// no call stack.
    fn group(&mut self, number: u32, offset: usize) -> Result<&'a [u8], Malformed> {
        let start = self.at;
        let mut open = vec![number];
        while let Some(&innermost) = open.last() {
            let before = self.at;
            let (inner, wire_type) = self.tag()?;
            match wire_type {
                0 => drop(self.varint()?),
                1 => drop(self.take(8, before)?),
                2 => {
                    let length = usize::try_from(self.varint()?).unwrap_or(usize::MAX);
                    self.take(length, before)?;
                }
                3 if open.len() >= MAX_DEPTH => {
                    return Err(Malformed {
                        offset,
                        cause: Cause::TooDeep,
                    });
                }
                3 => open.push(inner),
                4 if inner == innermost => {
                    open.pop();
                    if open.is_empty() {
                        return Ok(self.bytes.get(start..before).unwrap_or_default());
                    }
                }
                4 => {
                    return Err(Malformed {
                        offset: before,
                        cause: Cause::UnmatchedEndGroup,
                    });
                }
                5 => drop(self.take(4, before)?),
                other => {
                    return Err(Malformed {
                        offset: before,
                        cause: Cause::BadWireType(other),
                    });
                }
            }
        }
        Err(Malformed {
            offset,
            cause: Cause::Truncated,
        })
    }
}

impl<'a> Iterator for Records<'a> {
    type Item = Result<Record<'a>, Malformed>;

    fn next(&mut self) -> Option<Self::Item> {
        if self.at >= self.bytes.len() {
            return None;
        }
        let record = self.read();
        if record.is_err() {
            self.at = self.bytes.len();
        }
        Some(record)
    }
}

/// Decodes one varint at the start of `bytes`: its value and how many bytes it took.
pub fn varint(bytes: &[u8]) -> Result<(u64, usize), Cause> {
    let mut value = 0u64;
    for (index, &byte) in bytes.iter().take(10).enumerate() {
        if index == 9 && byte > 1 {
            return Err(Cause::LongVarint);
        }
        value |= u64::from(byte & 0x7f) << (7 * index);
        if byte & 0x80 == 0 {
            return Ok((value, index + 1));
        }
    }
    Err(if bytes.len() < 10 {
        Cause::Truncated
    } else {
        Cause::LongVarint
    })
}

#[cfg(test)]
mod tests {
    use super::*;

    fn values(bytes: &[u8]) -> Result<Vec<(u32, Value<'_>)>, Malformed> {
        Records::new(bytes)
            .map(|r| r.map(|r| (r.number, r.value)))
            .collect()
    }

    #[test]
    fn reads_every_wire_type() {
        let mut bytes = vec![0x08, 0x96, 0x01];
        bytes.extend([0x11, 1, 0, 0, 0, 0, 0, 0, 0]);
        bytes.extend([0x1a, 2, b'h', b'i']);
        bytes.extend([0x23, 0x08, 0x01, 0x2b, 0x2c, 0x24]);
        bytes.extend([0x2d, 2, 0, 0, 0]);
        assert_eq!(
            values(&bytes),
            Ok(vec![
                (1, Value::Varint(150)),
                (2, Value::Fixed64(1)),
                (3, Value::Bytes(b"hi")),
                (4, Value::Group(&[0x08, 0x01, 0x2b, 0x2c])),
                (5, Value::Fixed32(2)),
            ])
        );
    }

    #[test]
    fn names_offset_and_cause() {
        let cases: &[(&[u8], usize, Cause)] = &[
            (&[0x08], 1, Cause::Truncated),
            (&[0x08, 0x01, 0x12, 0x05, b'x'], 2, Cause::Truncated),
            (&[0x0d, 1, 2, 3], 0, Cause::Truncated),
            (&[0x09, 1, 2, 3], 0, Cause::Truncated),
            (&[0x0b, 0x08, 0x01], 3, Cause::Truncated),
            (&[0x0b, 0x14], 1, Cause::UnmatchedEndGroup),
            (&[0x0c], 0, Cause::UnmatchedEndGroup),
            (&[0x0f, 0], 0, Cause::BadWireType(7)),
            (&[0x00, 0], 0, Cause::BadFieldNumber),
            (&[0xff; 11], 0, Cause::LongVarint),
            (
                &[
                    0x08, 0xff, 0xff, 0xff, 0xff, 0xff, 0xff, 0xff, 0xff, 0xff, 0x02,
                ],
                1,
                Cause::LongVarint,
            ),
            (
                &[
                    0x12, 0xff, 0xff, 0xff, 0xff, 0xff, 0xff, 0xff, 0xff, 0xff, 0x01,
                ],
                0,
                Cause::Truncated,
            ),
        ];
        for (bytes, offset, cause) in cases {
            let found = Records::new(bytes).find_map(Result::err);
            assert_eq!(
                found,
                Some(Malformed {
                    offset: *offset,
                    cause: *cause
                }),
                "{bytes:02x?}"
            );
        }
    }

    #[test]
    fn nested_groups_are_bounded() {
        let deep = vec![0x0b; 10_000];
        let found = Records::new(&deep).find_map(Result::err);
        assert_eq!(
            found,
            Some(Malformed {
                offset: 0,
                cause: Cause::TooDeep
            })
        );
    }
}
