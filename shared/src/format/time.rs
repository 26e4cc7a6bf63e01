//! Points in time as text: the patterns of `START_TIME`.
//!
//! The specifiers are those of `strftime` in the C locale, with Envoy's `%f` (fraction of a second) and
//! Abseil's `%E` forms. The zone is UTC. A specifier that means nothing is refused, where Envoy prints it.

use std::time::{SystemTime, UNIX_EPOCH};

/// How to print a point in time.
#[derive(Clone, Debug)]
pub(super) struct Pattern(Box<[Step]>);

#[derive(Clone, Debug)]
enum Step {
    Text(Box<[u8]>),
    Field(Field),
}

#[derive(Clone, Copy, Debug)]
enum Field {
    Year,
    Year4,
    Century,
    YearOfCentury,
    IsoYear,
    IsoYearOfCentury,
    Month,
    MonthName,
    MonthShort,
    Day,
    DayPadded,
    DayOfYear,
    WeekdayName,
    WeekdayShort,
    WeekdayFromMonday,
    WeekdayFromSunday,
    WeekFromMonday,
    WeekFromSunday,
    IsoWeek,
    Hour,
    HourPadded,
    Hour12,
    Hour12Padded,
    Minute,
    Second,
    Noon,
    NoonLower,
    Epoch,
    /// That many digits of the fraction.
    Fraction(u8),
    /// Every digit of the fraction up to the last that is not 0.
    FractionExact,
    SecondExact,
}

impl Pattern {
    /// An empty text stands for Envoy's default, `2006-01-02T15:04:05.000Z`.
    pub(super) fn parse(text: &str) -> Result<Self, String> {
        let text = if text.is_empty() {
            "%Y-%m-%dT%H:%M:%S.%3fZ"
        } else {
            text
        };
        let mut steps = Steps::default();
        steps.read(text)?;
        Ok(Self(steps.finish()))
    }

    /// Appends that moment.
    pub(super) fn write(&self, at: SystemTime, out: &mut Vec<u8>) {
        let civil = Civil::of(at);
        for step in &self.0 {
            match step {
                Step::Text(text) => out.extend_from_slice(text),
                Step::Field(field) => civil.write(*field, out),
            }
        }
    }
}

#[derive(Default)]
struct Steps {
    steps: Vec<Step>,
    literal: Vec<u8>,
}

impl Steps {
    fn read(&mut self, text: &str) -> Result<(), String> {
        let mut rest = text;
        while let Some((before, after)) = rest.split_once('%') {
            self.literal.extend_from_slice(before.as_bytes());
            let length = specifier_len(after)
                .ok_or_else(|| format!("the time format {text:?} ends within a specifier"))?;
            let (specifier, tail) = after.split_at(length);
            self.specifier(specifier)?;
            rest = tail;
        }
        self.literal.extend_from_slice(rest.as_bytes());
        Ok(())
    }

    fn specifier(&mut self, specifier: &str) -> Result<(), String> {
        if let Some(composed) = composed(specifier) {
            return self.read(composed);
        }
        if let Some(literal) = literal(specifier) {
            self.literal.extend_from_slice(literal);
            return Ok(());
        }
        // `%E3S` is seconds with three digits after the point.
        if let Some(digits) = specifier
            .strip_prefix('E')
            .and_then(|rest| rest.strip_suffix('S'))
            .and_then(|digits| digits.parse::<u8>().ok())
        {
            self.field(Field::Second);
            if digits > 0 {
                self.literal.push(b'.');
                self.field(Field::Fraction(digits));
            }
            return Ok(());
        }
        let field = field(specifier).ok_or_else(|| {
            format!(
                "%{specifier} is not a time specifier; see strftime, and use %3f for milliseconds"
            )
        })?;
        self.field(field);
        Ok(())
    }

    fn field(&mut self, field: Field) {
        self.flush();
        self.steps.push(Step::Field(field));
    }

    fn flush(&mut self) {
        if !self.literal.is_empty() {
            self.steps
                .push(Step::Text(std::mem::take(&mut self.literal).into()));
        }
    }

    fn finish(mut self) -> Box<[Step]> {
        self.flush();
        self.steps.into()
    }
}

/// How much of the text after a `%` belongs to it.
fn specifier_len(after: &str) -> Option<usize> {
    let prefix = after
        .find(|c: char| !matches!(c, 'E' | 'O' | ':' | '*' | '0'..='9' | '-' | '_' | '^' | '#'))?;
    let last = after.get(prefix..)?.chars().next()?;
    Some(prefix + last.len_utf8())
}

fn composed(specifier: &str) -> Option<&'static str> {
    Some(match specifier {
        "c" => "%a %b %e %H:%M:%S %Y",
        "D" | "x" => "%m/%d/%y",
        "F" => "%Y-%m-%d",
        "r" => "%I:%M:%S %p",
        "R" => "%H:%M",
        "T" | "X" => "%H:%M:%S",
        _ => return None,
    })
}

fn literal(specifier: &str) -> Option<&'static [u8]> {
    Some(match specifier {
        "%" => b"%",
        "t" => b"\t",
        "z" => b"+0000",
        "Z" => b"UTC",
        "Ez" | ":z" => b"+00:00",
        "E*z" | "::z" => b"+00:00:00",
        "ET" => b"T",
        _ => return None,
    })
}

fn field(specifier: &str) -> Option<Field> {
    Some(match specifier {
        "Y" => Field::Year,
        "E4Y" => Field::Year4,
        "C" => Field::Century,
        "y" => Field::YearOfCentury,
        "G" => Field::IsoYear,
        "g" => Field::IsoYearOfCentury,
        "m" => Field::Month,
        "B" => Field::MonthName,
        "b" | "h" => Field::MonthShort,
        "d" => Field::Day,
        "e" => Field::DayPadded,
        "j" => Field::DayOfYear,
        "A" => Field::WeekdayName,
        "a" => Field::WeekdayShort,
        "u" => Field::WeekdayFromMonday,
        "w" => Field::WeekdayFromSunday,
        "W" => Field::WeekFromMonday,
        "U" => Field::WeekFromSunday,
        "V" => Field::IsoWeek,
        "H" => Field::Hour,
        "k" => Field::HourPadded,
        "I" => Field::Hour12,
        "l" => Field::Hour12Padded,
        "M" => Field::Minute,
        "S" => Field::Second,
        "p" => Field::Noon,
        "P" => Field::NoonLower,
        "s" => Field::Epoch,
        "f" => Field::Fraction(9),
        "E*S" => Field::SecondExact,
        "E*f" => Field::FractionExact,
        _ => {
            let digits = specifier
                .strip_suffix('f')
                .map(|digits| digits.strip_prefix('E').unwrap_or(digits))
                .and_then(|digits| digits.parse().ok())?;
            return (1..=9).contains(&digits).then_some(Field::Fraction(digits));
        }
    })
}

/// A moment taken apart.
struct Civil {
    epoch: i64,
    nanos: u32,
    year: i64,
    month: u32,
    day: u32,
    /// From 0.
    day_of_year: u32,
    /// From Sunday, 0.
    weekday: u32,
    hour: u32,
    minute: u32,
    second: u32,
}

const DAY: i64 = 86_400;

impl Civil {
    fn of(at: SystemTime) -> Self {
        let (epoch, nanos) = match at.duration_since(UNIX_EPOCH) {
            Ok(since) => (
                i64::try_from(since.as_secs()).unwrap_or(0),
                since.subsec_nanos(),
            ),
            // Before 1970: no clock says so, and a log line need not tell how long.
            Err(_) => (0, 0),
        };
        let days = epoch / DAY;
        let second_of_day = u32::try_from(epoch % DAY).unwrap_or(0);
        // Howard Hinnant's way: years begin in March, so that the leap day is the last of one.
        let shifted = days + 719_468;
        let era = shifted / 146_097;
        let day_of_era = shifted % 146_097;
        let year_of_era =
            (day_of_era - day_of_era / 1_460 + day_of_era / 36_524 - day_of_era / 146_096) / 365;
        let day_from_march = day_of_era - (365 * year_of_era + year_of_era / 4 - year_of_era / 100);
        let month_from_march = (5 * day_from_march + 2) / 153;
        let day = day_from_march - (153 * month_from_march + 2) / 5 + 1;
        let month = if month_from_march < 10 {
            month_from_march + 3
        } else {
            month_from_march - 9
        };
        let year = year_of_era + era * 400 + i64::from(month <= 2);
        Self {
            epoch,
            nanos,
            year,
            month: small(month),
            day: small(day),
            day_of_year: small(days - first_of(year)),
            weekday: small((days + 4) % 7),
            hour: second_of_day / 3_600,
            minute: second_of_day / 60 % 60,
            second: second_of_day % 60,
        }
    }

    fn write(&self, field: Field, out: &mut Vec<u8>) {
        match field {
            Field::Year => number(out, self.year, 1, b'0'),
            Field::Year4 => number(out, self.year, 4, b'0'),
            Field::Century => number(out, self.year / 100, 2, b'0'),
            Field::YearOfCentury => number(out, self.year % 100, 2, b'0'),
            Field::IsoYear => number(out, self.iso_week().0, 1, b'0'),
            Field::IsoYearOfCentury => number(out, self.iso_week().0 % 100, 2, b'0'),
            Field::Month => number(out, self.month, 2, b'0'),
            Field::MonthName => out.extend_from_slice(self.month_name().as_bytes()),
            Field::MonthShort => out.extend(self.month_name().bytes().take(3)),
            Field::Day => number(out, self.day, 2, b'0'),
            Field::DayPadded => number(out, self.day, 2, b' '),
            Field::DayOfYear => number(out, self.day_of_year + 1, 3, b'0'),
            Field::WeekdayName => out.extend_from_slice(self.weekday_name().as_bytes()),
            Field::WeekdayShort => out.extend(self.weekday_name().bytes().take(3)),
            Field::WeekdayFromMonday => number(out, (self.weekday + 6) % 7 + 1, 1, b'0'),
            Field::WeekdayFromSunday => number(out, self.weekday, 1, b'0'),
            Field::WeekFromMonday => {
                number(
                    out,
                    (self.day_of_year + 7 - (self.weekday + 6) % 7) / 7,
                    2,
                    b'0',
                );
            }
            Field::WeekFromSunday => {
                number(out, (self.day_of_year + 7 - self.weekday) / 7, 2, b'0');
            }
            Field::IsoWeek => number(out, self.iso_week().1, 2, b'0'),
            Field::Hour => number(out, self.hour, 2, b'0'),
            Field::HourPadded => number(out, self.hour, 2, b' '),
            Field::Hour12 => number(out, (self.hour + 11) % 12 + 1, 2, b'0'),
            Field::Hour12Padded => number(out, (self.hour + 11) % 12 + 1, 2, b' '),
            Field::Minute => number(out, self.minute, 2, b'0'),
            Field::Second => number(out, self.second, 2, b'0'),
            Field::Noon => out.extend_from_slice(if self.hour < 12 { b"AM" } else { b"PM" }),
            Field::NoonLower => out.extend_from_slice(if self.hour < 12 { b"am" } else { b"pm" }),
            Field::Epoch => number(out, self.epoch, 1, b'0'),
            Field::Fraction(digits) => self.fraction(usize::from(digits), out),
            Field::FractionExact => {
                let digits = self.significant().max(1);
                self.fraction(digits, out);
            }
            Field::SecondExact => {
                number(out, self.second, 2, b'0');
                let digits = self.significant();
                if digits > 0 {
                    out.push(b'.');
                    self.fraction(digits, out);
                }
            }
        }
    }

    fn fraction(&self, digits: usize, out: &mut Vec<u8>) {
        let start = out.len();
        number(out, self.nanos, 9, b'0');
        out.resize(start + digits, b'0');
    }

    /// Digits of the fraction up to the last that is not 0.
    fn significant(&self) -> usize {
        let mut nanos = self.nanos;
        let mut digits = 9;
        while digits > 0 && nanos.is_multiple_of(10) {
            nanos /= 10;
            digits -= 1;
        }
        digits
    }

    /// ISO 8601: the week with the year's first Thursday is its first.
    fn iso_week(&self) -> (i64, u32) {
        let from_monday = (self.weekday + 6) % 7;
        let week = (self.day_of_year + 10 - from_monday) / 7;
        if week == 0 {
            let year = self.year - 1;
            return (year, iso_weeks(year));
        }
        if week > iso_weeks(self.year) {
            return (self.year + 1, 1);
        }
        (self.year, week)
    }

    fn month_name(&self) -> &'static str {
        const NAMES: [&str; 12] = [
            "January",
            "February",
            "March",
            "April",
            "May",
            "June",
            "July",
            "August",
            "September",
            "October",
            "November",
            "December",
        ];
        NAMES
            .get(self.month as usize - 1)
            .copied()
            .unwrap_or_default()
    }

    fn weekday_name(&self) -> &'static str {
        const NAMES: [&str; 7] = [
            "Sunday",
            "Monday",
            "Tuesday",
            "Wednesday",
            "Thursday",
            "Friday",
            "Saturday",
        ];
        NAMES
            .get(self.weekday as usize)
            .copied()
            .unwrap_or_default()
    }
}

/// Days from 1970 to the first of January of a year.
fn first_of(year: i64) -> i64 {
    let past = year - 1;
    365 * (year - 1970) + (past / 4 - past / 100 + past / 400)
        - (1969 / 4 - 1969 / 100 + 1969 / 400)
}

fn iso_weeks(year: i64) -> u32 {
    // 1970 began on a Thursday; a year has 53 weeks if it begins on one, or on a Wednesday and is leap.
    let weekday = (first_of(year) + 4).rem_euclid(7);
    let leap = first_of(year + 1) - first_of(year) == 366;
    if weekday == 4 || (weekday == 3 && leap) {
        53
    } else {
        52
    }
}

fn small(number: i64) -> u32 {
    u32::try_from(number).unwrap_or(0)
}

/// Appends a number, padded to a width.
pub(super) fn number(out: &mut Vec<u8>, number: impl Into<i64>, width: usize, pad: u8) {
    let mut rest = number.into().max(0).unsigned_abs();
    let mut digits = [pad; 20];
    let mut at = digits.len();
    for slot in digits.iter_mut().rev() {
        *slot = b'0' + (rest % 10) as u8;
        rest /= 10;
        at -= 1;
        if rest == 0 {
            break;
        }
    }
    let from = at.min(digits.len() - width.min(digits.len()));
    // What lies between the two is still padding.
    out.extend_from_slice(digits.get(from..).unwrap_or_default());
}
