//! Whether a node may take another for dead. One that was itself cut off from
//! the database has missed its own beats, and cannot say who else missed
//! theirs for the same reason.

use jiff::{SignedDuration, Timestamp};

/// When this node last reached the database, and when it had not before.
#[derive(Debug)]
pub(crate) struct Contact {
    good_for: SignedDuration,
    last_beat: Timestamp,
    gap: Option<Gap>,
}

/// A time without contact.
#[derive(Debug)]
struct Gap {
    began: Timestamp,
    ended: Timestamp,
}

impl Contact {
    pub(crate) fn new(good_for: SignedDuration, now: Timestamp) -> Self {
        Self { good_for, last_beat: now, gap: None }
    }

    /// The database took this node's word.
    pub(crate) fn beat(&mut self, now: Timestamp) {
        if self.is_cut_off(now) {
            self.gap = Some(Gap { began: self.judges_at(now), ended: now });
        }
        self.last_beat = now;
    }

    /// The moment at which others must have been alive: now; or the moment
    /// when contact was lost, until they have had time to be heard again.
    pub(crate) fn judges_at(&self, now: Timestamp) -> Timestamp {
        let heard = if self.is_cut_off(now) { self.last_beat } else { now };
        match &self.gap {
            Some(gap) if heard.duration_since(gap.ended) < self.good_for => gap.began,
            _ => heard,
        }
    }

    fn is_cut_off(&self, now: Timestamp) -> bool {
        now.duration_since(self.last_beat) >= self.good_for
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    fn at(second: i64) -> Timestamp {
        Timestamp::from_second(second).unwrap()
    }

    fn contact() -> Contact {
        Contact::new(SignedDuration::from_secs(7), at(0))
    }

    #[test]
    fn in_contact_it_judges_now() {
        let mut contact = contact();
        for second in [2, 4, 6, 12] {
            contact.beat(at(second));
            assert_eq!(contact.judges_at(at(second + 1)), at(second + 1));
        }
    }

    #[test]
    fn after_a_gap_the_others_get_time_to_be_heard_again() {
        let mut contact = contact();
        contact.beat(at(2));
        assert_eq!(contact.judges_at(at(20)), at(2), "still cut off");
        contact.beat(at(20));
        contact.beat(at(22));
        assert_eq!(contact.judges_at(at(26)), at(2));
        contact.beat(at(26));
        assert_eq!(contact.judges_at(at(27)), at(27));
    }

    #[test]
    fn contact_for_a_moment_is_not_time_enough() {
        let mut contact = contact();
        contact.beat(at(20));
        contact.beat(at(22));
        contact.beat(at(30));
        assert_eq!(contact.judges_at(at(32)), at(0));
        for second in [32, 34, 36, 38] {
            contact.beat(at(second));
        }
        assert_eq!(contact.judges_at(at(38)), at(38));
        contact.beat(at(50));
        assert_eq!(contact.judges_at(at(51)), at(38));
    }
}
