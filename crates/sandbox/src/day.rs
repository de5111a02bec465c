//! The visits, laid out around a moment so that a demo always finds some that
//! are about to begin.

use jiff::{SignedDuration, Timestamp, ToSpan, tz::TimeZone};

use crate::{
    cast::{ANA, BRANDT, Clinician, FINN, GRACE, JON, MIA, OKAFOR, Patient, SADE, User, WALTER},
    identifiers::fhir_id,
};

/// One appointment of one patient. The members of a group visit have one each.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Appointment {
    /// Stable short name.
    pub key: &'static str,
    /// Contact serial number; another one after each start and reset.
    pub csn: String,
    /// What all members of a group visit share; the CSN of any other visit.
    pub conference_id: String,
    /// Whose visit it is.
    pub patient: &'static Patient,
    /// With whom.
    pub clinician: &'static Clinician,
    /// The visit type's name.
    pub visit_type: &'static str,
    /// Whether other patients take part.
    pub is_group: bool,
    /// When it starts.
    pub start: Timestamp,
    /// When it ends.
    pub end: Timestamp,
    /// Where it stands.
    pub status: AppointmentStatus,
}

/// The statuses that appear here, a part of FHIR's.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum AppointmentStatus {
    /// It will be.
    Booked,
    /// It will not be.
    Cancelled,
}

impl AppointmentStatus {
    /// FHIR's code for an Appointment.
    pub fn appointment_code(self) -> &'static str {
        match self {
            Self::Booked => "booked",
            Self::Cancelled => "cancelled",
        }
    }

    /// FHIR's code for the Encounter of such an Appointment.
    pub fn encounter_code(self) -> &'static str {
        match self {
            Self::Booked => "planned",
            Self::Cancelled => "cancelled",
        }
    }
}

impl Appointment {
    /// The logical id of the FHIR Appointment.
    pub fn fhir_id(&self) -> String {
        fhir_id("Appointment", &self.csn)
    }

    /// The logical id of the FHIR Encounter.
    pub fn encounter_fhir_id(&self) -> String {
        fhir_id("Encounter", &self.csn)
    }

    /// Whether this person may open this visit: its patient, who acts for its
    /// patient, or any clinician (a colleague may stand in).
    pub fn is_open_to(&self, user: User) -> bool {
        match user {
            User::Clinician(_) => true,
            User::Patient(patient) => patient == self.patient,
            User::Proxy(proxy) => proxy.patient == self.patient,
        }
    }
}

enum When {
    /// Minutes after the moment, rounded down to five.
    In(i64),
    /// The same time on the next day.
    Tomorrow,
}

struct Planned {
    key: &'static str,
    when: When,
    minutes: i64,
    patient: &'static Patient,
    clinician: &'static Clinician,
    visit_type: &'static str,
    status: AppointmentStatus,
    group: bool,
}

const fn planned(
    key: &'static str,
    when: When,
    patient: &'static Patient,
    clinician: &'static Clinician,
) -> Planned {
    Planned {
        key,
        when,
        minutes: 20,
        patient,
        clinician,
        visit_type: "Video Visit",
        status: AppointmentStatus::Booked,
        group: false,
    }
}

const fn group_member(key: &'static str, patient: &'static Patient) -> Planned {
    Planned {
        minutes: 60,
        visit_type: "Group Video Visit: Sleep and Stress",
        group: true,
        ..planned(key, When::In(10), patient, &OKAFOR)
    }
}

const PLAN: [Planned; 9] = [
    planned("ana-now", When::In(5), &ANA, &FINN),
    planned("walter-soon", When::In(25), &WALTER, &FINN),
    planned("walter-later", When::In(90), &WALTER, &BRANDT),
    planned("mia-now", When::In(5), &MIA, &BRANDT),
    group_member("group-sade", &SADE),
    group_member("group-jon", &JON),
    group_member("group-grace", &GRACE),
    Planned { status: AppointmentStatus::Cancelled, ..planned("jon-cancelled", When::In(15), &JON, &FINN) },
    planned("grace-tomorrow", When::Tomorrow, &GRACE, &FINN),
];

/// All visits there are.
#[derive(Debug)]
pub(crate) struct Day {
    appointments: Vec<Appointment>,
    next_number: i64,
}

impl Day {
    /// Lays the visits out around this moment.
    pub(crate) fn around(now: Timestamp, zone: &TimeZone) -> Self {
        // CSNs grow with time, so that an EHR started anew does not speak of
        // yesterday's visits, which the other side may remember as ended.
        let mut day = Self { appointments: Vec::new(), next_number: now.as_second() * 20 };
        day.lay_out_again(now, zone);
        day
    }

    /// Lays the visits out around another moment, under new numbers.
    pub(crate) fn lay_out_again(&mut self, now: Timestamp, zone: &TimeZone) {
        let five_minutes = 5 * 60;
        let base =
            Timestamp::from_second(now.as_second().div_euclid(five_minutes) * five_minutes).unwrap_or(now);
        let group_conference = self.number();
        self.appointments = PLAN
            .iter()
            .map(|planned| {
                let start = match planned.when {
                    When::In(minutes) => base + SignedDuration::from_mins(minutes),
                    When::Tomorrow => base
                        .to_zoned(zone.clone())
                        .checked_add(1.day())
                        .map_or(base, |tomorrow| tomorrow.timestamp()),
                };
                let csn = self.number();
                Appointment {
                    key: planned.key,
                    conference_id: if planned.group { group_conference.clone() } else { csn.clone() },
                    csn,
                    patient: planned.patient,
                    clinician: planned.clinician,
                    visit_type: planned.visit_type,
                    is_group: planned.group,
                    start,
                    end: start + SignedDuration::from_mins(planned.minutes),
                    status: planned.status,
                }
            })
            .collect();
        self.appointments.sort_by_key(|appointment| appointment.start);
    }

    /// All appointments by their start.
    pub(crate) fn appointments(&self) -> &[Appointment] {
        &self.appointments
    }

    /// The appointment with this key.
    pub(crate) fn find(&self, key: &str) -> Option<&Appointment> {
        self.appointments.iter().find(|appointment| appointment.key == key)
    }

    fn number(&mut self) -> String {
        self.next_number += 1;
        self.next_number.to_string()
    }
}

#[cfg(test)]
mod tests {
    use std::collections::HashSet;

    use super::*;

    fn chicago() -> TimeZone {
        TimeZone::get("America/Chicago").unwrap()
    }

    #[test]
    fn visits_begin_around_the_moment_and_one_is_tomorrow() {
        let now: Timestamp = "2026-11-21T20:03:21Z".parse().unwrap();

        let day = Day::around(now, &chicago());

        let start = |key| day.find(key).unwrap().start.to_string();
        assert_eq!(start("ana-now"), "2026-11-21T20:05:00Z");
        assert_eq!(start("grace-tomorrow"), "2026-11-22T20:00:00Z");
    }

    #[test]
    fn tomorrow_keeps_its_time_over_the_change_of_the_clocks() {
        let evening_before: Timestamp = "2026-10-31T17:00:00Z".parse().unwrap();

        let day = Day::around(evening_before, &chicago());

        assert_eq!(day.find("grace-tomorrow").unwrap().start.to_string(), "2026-11-01T18:00:00Z");
    }

    #[test]
    fn members_of_the_group_share_a_conference_and_nothing_else() {
        let day = Day::around("2026-11-21T20:03:21Z".parse().unwrap(), &chicago());

        let csns: HashSet<_> = day.appointments().iter().map(|appointment| &appointment.csn).collect();
        let group: HashSet<_> =
            day.appointments().iter().filter(|a| a.is_group).map(|a| &a.conference_id).collect();
        assert_eq!(csns.len(), PLAN.len());
        assert_eq!(group.len(), 1);
        assert!(group.is_disjoint(&csns));
    }

    #[test]
    fn a_day_laid_out_again_uses_no_number_twice() {
        let now = "2026-11-21T20:03:21Z".parse().unwrap();
        let mut day = Day::around(now, &chicago());
        let before: HashSet<_> = day.appointments().iter().map(|a| a.csn.clone()).collect();

        day.lay_out_again(now, &chicago());

        assert!(day.appointments().iter().all(|a| !before.contains(&a.csn)));
    }
}
