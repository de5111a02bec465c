//! FHIR's date search: a prefix and a date, a moment, or a part of a date.

use jiff::{
    SignedDuration, Timestamp, ToSpan,
    civil::{Date, DateTime},
    tz::TimeZone,
};

/// One `date` parameter.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub(super) struct DateFilter {
    comparison: Comparison,
    /// What the value covers: from here ...
    from: Timestamp,
    /// ... to before here.
    before: Timestamp,
}

#[derive(Debug, Clone, Copy, PartialEq, Eq)]
enum Comparison {
    Equal,
    NotEqual,
    GreaterOrEqual,
    Greater,
    LessOrEqual,
    Less,
}

impl DateFilter {
    /// Reads `ge2026-11-21`, `2026-11`, `lt2026-11-21T20:00:00Z` and the like.
    /// What has no zone of its own is in the hospital's.
    pub(super) fn parse(text: &str, zone: &TimeZone) -> Option<Self> {
        let (comparison, value) = match text.get(..2) {
            Some("eq") => (Comparison::Equal, &text[2..]),
            Some("ne") => (Comparison::NotEqual, &text[2..]),
            Some("ge") => (Comparison::GreaterOrEqual, &text[2..]),
            Some("gt" | "sa") => (Comparison::Greater, &text[2..]),
            Some("le") => (Comparison::LessOrEqual, &text[2..]),
            Some("lt" | "eb") => (Comparison::Less, &text[2..]),
            _ => (Comparison::Equal, text),
        };
        let (from, before) = covered(value, zone)?;
        Some(Self { comparison, from, before })
    }

    /// Whether a visit that starts then is meant.
    pub(super) fn admits(self, start: Timestamp) -> bool {
        match self.comparison {
            Comparison::Equal => self.from <= start && start < self.before,
            Comparison::NotEqual => start < self.from || self.before <= start,
            Comparison::GreaterOrEqual => self.from <= start,
            Comparison::Greater => self.before <= start,
            Comparison::LessOrEqual => start < self.before,
            Comparison::Less => start < self.from,
        }
    }
}

fn covered(value: &str, zone: &TimeZone) -> Option<(Timestamp, Timestamp)> {
    if value.contains('T') {
        let moment = value
            .parse::<Timestamp>()
            .ok()
            .or_else(|| Some(value.parse::<DateTime>().ok()?.to_zoned(zone.clone()).ok()?.timestamp()))?;
        return Some((moment, moment + SignedDuration::from_secs(1)));
    }
    let (first, after) = match value.len() {
        4 => {
            let first: Date = format!("{value}-01-01").parse().ok()?;
            (first, first.checked_add(1.year()).ok()?)
        }
        7 => {
            let first: Date = format!("{value}-01").parse().ok()?;
            (first, first.checked_add(1.month()).ok()?)
        }
        10 => {
            let first: Date = value.parse().ok()?;
            (first, first.checked_add(1.day()).ok()?)
        }
        _ => return None,
    };
    let midnight = |date: Date| date.to_zoned(zone.clone()).ok().map(|zoned| zoned.timestamp());
    Some((midnight(first)?, midnight(after)?))
}

#[cfg(test)]
mod tests {
    use super::*;

    fn admits(filter: &str, start: &str) -> bool {
        let chicago = TimeZone::get("America/Chicago").unwrap();
        DateFilter::parse(filter, &chicago).unwrap().admits(start.parse().unwrap())
    }

    #[test]
    fn a_day_is_the_hospitals_day() {
        // 21 November in Chicago lasts from 06:00 to 06:00 UTC.
        assert!(admits("2026-11-21", "2026-11-22T05:59:59Z"));
        assert!(!admits("2026-11-21", "2026-11-22T06:00:00Z"));
        assert!(admits("ge2026-11-21", "2026-11-21T06:00:00Z"));
        assert!(!admits("ge2026-11-21", "2026-11-21T05:59:59Z"));
        assert!(admits("le2026-11-21", "2026-11-22T05:59:59Z"));
        assert!(!admits("gt2026-11-21", "2026-11-22T05:59:59Z"));
        assert!(admits("lt2026-11-22", "2026-11-22T05:59:59Z"));
        assert!(admits("ne2026-11-22", "2026-11-21T12:00:00Z"));
    }

    #[test]
    fn months_years_and_moments() {
        assert!(admits("2026-11", "2026-11-30T12:00:00Z"));
        assert!(admits("2026", "2026-02-01T12:00:00Z"));
        assert!(admits("ge2026-11-21T14:00:00-06:00", "2026-11-21T20:00:00Z"));
        assert!(admits("lt2026-11-21T14:00:01", "2026-11-21T20:00:00Z"));
    }

    #[test]
    fn what_is_no_date_is_refused() {
        for text in ["", "ge", "2026-13", "2026-02-31", "today", "é026-01-01", "2026-11-21T25:00:00Z"] {
            assert_eq!(DateFilter::parse(text, &TimeZone::UTC), None, "{text}");
        }
    }
}
