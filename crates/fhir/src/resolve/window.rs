use jiff::{SignedDuration, Timestamp};

use super::Refusal;
use crate::Appointment;

/// When visits of an EHR connection may be entered.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub struct Rules {
    /// How long before the start.
    pub opens_before: SignedDuration,
    /// How long after the end.
    pub closes_after: SignedDuration,
}

impl Default for Rules {
    /// 30 minutes before, 120 minutes after.
    fn default() -> Self {
        Self { opens_before: SignedDuration::from_mins(30), closes_after: SignedDuration::from_mins(120) }
    }
}

/// When one visit may be entered, both ends included.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub struct Window {
    /// From when.
    pub opens_at: Timestamp,
    /// Until when.
    pub closes_at: Timestamp,
}

impl Window {
    /// A visit without scheduled time: from now.
    pub(super) fn from_now(now: Timestamp, rules: &Rules) -> Self {
        Self { opens_at: now, closes_at: later(now, rules.closes_after) }
    }

    /// The appointment's; one whose start cannot be told is open from now.
    pub(super) fn of(appointment: &Appointment, now: Timestamp, rules: &Rules) -> Self {
        let Some(start) = appointment.start else { return Self::from_now(now, rules) };
        // An end before the start is a mistake in the schedule.
        let end = appointment.end.unwrap_or(start).max(start);
        Self { opens_at: later(start, -rules.opens_before), closes_at: later(end, rules.closes_after) }
    }

    /// Whether it may be entered now.
    pub(super) fn check(&self, appointment: &Appointment, now: Timestamp) -> Result<(), Refusal> {
        if now < self.opens_at {
            let start = appointment.start.unwrap_or(self.opens_at);
            Err(Refusal::TooEarly { start, opens_at: self.opens_at })
        } else if now > self.closes_at {
            Err(Refusal::TooLate { closed_at: self.closes_at })
        } else {
            Ok(())
        }
    }
}

/// A moment moved; at the ends of time it stays where it is.
pub(super) fn later(moment: Timestamp, by: SignedDuration) -> Timestamp {
    moment.checked_add(by).unwrap_or(moment)
}
