use jiff::{Timestamp, tz::TimeZone};

/// When an appointment starts, told in the EHR connection's time zone. A
/// script adds the reader's own time where their zone shows another.
#[derive(Debug, Clone, PartialEq)]
pub struct AppointmentTime {
    /// The moment.
    pub starts_at: Timestamp,
    /// The zone of the EHR connection.
    pub zone: TimeZone,
}

impl AppointmentTime {
    /// As in "Tuesday, March 3 at 2:30 PM CST".
    pub(super) fn words(&self) -> String {
        self.starts_at.to_zoned(self.zone.clone()).strftime("%A, %B %-d at %-I:%M %p %Z").to_string()
    }

    /// As in "2:30 PM".
    pub(super) fn clock(&self) -> String {
        self.starts_at.to_zoned(self.zone.clone()).strftime("%-I:%M %p").to_string()
    }

    /// The offset from UTC that [`Self::words`] is told in, in minutes.
    pub(super) fn offset_minutes(&self) -> i32 {
        self.zone.to_offset(self.starts_at).seconds() / 60
    }
}

/// How long something lasts, as in "4 min". `times.js` says it the same way.
pub(super) fn duration_words(seconds: i64) -> String {
    match seconds / 60 {
        minutes if minutes < 1 => "less than 1 min".into(),
        minutes if minutes < 60 => format!("{minutes} min"),
        minutes => format!("{} h {} min", minutes / 60, minutes % 60),
    }
}

/// Whole seconds from one moment to a later one; 0 if it is not later.
pub(super) fn seconds_between(since: Timestamp, now: Timestamp) -> i64 {
    now.duration_since(since).as_secs().max(0)
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn an_appointment_is_told_in_its_zone() {
        let time = AppointmentTime {
            starts_at: "2026-03-03T20:30:00Z".parse().unwrap(),
            zone: TimeZone::get("America/Chicago").unwrap(),
        };
        assert_eq!(time.words(), "Tuesday, March 3 at 2:30 PM CST");
        assert_eq!(time.clock(), "2:30 PM");
        assert_eq!(time.offset_minutes(), -360);
    }

    #[test]
    fn durations_in_words() {
        let words: Vec<_> = [0, 59, 60, 299, 3600, 3900].into_iter().map(duration_words).collect();
        assert_eq!(words, ["less than 1 min", "less than 1 min", "1 min", "4 min", "1 h 0 min", "1 h 5 min"]);
    }

    #[test]
    fn a_clock_that_runs_back_counts_as_none() {
        let at = |text: &str| text.parse::<Timestamp>().unwrap();
        assert_eq!(seconds_between(at("2026-03-03T20:30:00Z"), at("2026-03-03T20:29:00Z")), 0);
    }
}
