//! Enums and their values.

use super::Deprecation;
use super::layout::*;
use super::table::{self, name, name_eq};

#[derive(Clone, Copy, PartialEq, Eq, Hash)]
pub struct Enum(u16);

impl Enum {
    pub(super) fn find(full_name: &str) -> Option<Self> {
        table::search::<ENUM_WORDS>(table::ENUMS, full_name).map(Self)
    }

    pub(super) fn all() -> impl ExactSizeIterator<Item = Self> {
        (0..table::ENUMS.rows()).map(Self)
    }

    pub(super) fn at(row: u16) -> Self {
        Self(row)
    }

    pub fn full_name(self) -> &'static str {
        name(self.word(0))
    }

    /// Names and numbers, in the order of declaration; aliases repeat a number.
    pub fn values(self) -> impl ExactSizeIterator<Item = (&'static str, i32)> {
        self.rows()
            .map(|row| (name(value(row, 0)), value(row, 1) as i32))
    }

    pub fn number_of(self, wanted: &str) -> Option<i32> {
        self.rows()
            .find(|&row| name_eq(value(row, 0), wanted))
            .map(|row| value(row, 1) as i32)
    }

    /// The first name declared for a number.
    pub fn name_of(self, number: i32) -> Option<&'static str> {
        self.row_of(number).map(|row| name(value(row, 0)))
    }

    pub fn is_reserved_name(self, wanted: &str) -> bool {
        table::reserved_names(self.word(3), (self.word(2) >> 16) as u16)
            .any(|reserved| reserved == wanted)
    }

    /// Whether the value of this number is marked deprecated.
    pub fn is_deprecated(self, number: i32) -> bool {
        self.flags_of(number) & VALUE_DEPRECATED != 0
    }

    /// Envoy's own deprecation of the value of this number.
    pub fn deprecated_by_envoy(self, number: i32) -> Option<Deprecation> {
        let flags = self.flags_of(number);
        if flags & VALUE_ENVOY_DISALLOWED != 0 {
            Some(Deprecation::Disallowed)
        } else {
            (flags & VALUE_ENVOY_DEPRECATED != 0).then_some(Deprecation::Warned)
        }
    }

    fn flags_of(self, number: i32) -> u32 {
        self.row_of(number).map_or(0, |row| value(row, 2))
    }

    fn row_of(self, number: i32) -> Option<u32> {
        self.rows().find(|&row| value(row, 1) as i32 == number)
    }

    fn rows(self) -> table::Rows {
        table::rows(self.word(1), self.word(2) as u16)
    }

    fn word(self, column: usize) -> u32 {
        table::ENUMS.word::<ENUM_WORDS>(u32::from(self.0), column)
    }
}

fn value(row: u32, column: usize) -> u32 {
    table::VALUES.word::<VALUE_WORDS>(row, column)
}

impl std::fmt::Debug for Enum {
    fn fmt(&self, f: &mut std::fmt::Formatter<'_>) -> std::fmt::Result {
        write!(f, "Enum({})", self.full_name())
    }
}
