use jiff::Timestamp;
use serde::Serialize;
use visit::{Role, SeatId, SeatState};

use super::{
    DeviceTestResult,
    times::{duration_words, seconds_between},
};

/// One person, as the room's scripts know them.
#[derive(Debug, Clone, PartialEq, Eq, Serialize)]
pub struct Participant {
    /// The seat's id, which is also the participant's in the room.
    pub participant: String,
    /// The name that others see.
    pub name: String,
    /// Their role.
    pub role: Role,
    /// Whether a connection to the room is up.
    pub connected: bool,
}

/// One person, as a visit's pages list them.
#[derive(Debug, Clone)]
pub struct RosterPerson {
    /// Their seat.
    pub seat: SeatId,
    /// Their name; where none is known the role stands in.
    pub name: Option<String>,
    /// Their role.
    pub role: Role,
    /// Where they are.
    pub state: SeatState,
    /// Since when.
    pub since: Timestamp,
    /// The device test that they took for this visit.
    pub device_test: Option<DeviceTestResult>,
}

impl RosterPerson {
    /// The name to show.
    pub fn shown_name(&self) -> &str {
        self.name.as_deref().unwrap_or(match self.role {
            Role::Provider => "The clinician",
            Role::Patient => "The patient",
            Role::Proxy => "A family member",
            Role::Interpreter => "The interpreter",
            Role::Guest => "A guest",
            Role::Monitor => "An observer",
        })
    }

    pub(super) fn role_words(&self) -> &'static str {
        role_words(self.role)
    }

    /// How the room's scripts know them.
    pub fn participant(&self) -> Participant {
        Participant {
            participant: self.seat.to_string(),
            name: self.shown_name().to_owned(),
            role: self.role,
            connected: self.state == SeatState::Connected,
        }
    }

    pub(super) fn is_in_the_visit(&self) -> bool {
        matches!(self.state, SeatState::Admitted | SeatState::Connected)
    }

    /// Seconds in the present state.
    pub(super) fn elapsed(&self, now: &Timestamp) -> i64 {
        seconds_between(self.since, *now)
    }

    pub(super) fn elapsed_words(&self, now: &Timestamp) -> String {
        duration_words(self.elapsed(now))
    }
}

pub(super) fn role_words(role: Role) -> &'static str {
    match role {
        Role::Provider => "Clinician",
        Role::Patient => "Patient",
        Role::Proxy => "Family or caregiver",
        Role::Interpreter => "Interpreter",
        Role::Guest => "Guest",
        Role::Monitor => "Observer",
    }
}

/// As in "Ana Ruiz", "Ana Ruiz and Sam Cole" or "Ana Ruiz, Sam Cole and Lee Wu".
pub(crate) fn name_list<'a>(names: impl Iterator<Item = &'a str>) -> String {
    let names: Vec<_> = names.collect();
    match names.as_slice() {
        [] => String::new(),
        [one] => (*one).to_owned(),
        // EHRs write "Ruiz, Ana" and "Mara Finn, MD".
        [first @ .., last] if names.iter().any(|name| name.contains(',')) => {
            format!("{}; and {last}", first.join("; "))
        }
        [first @ .., last] => format!("{} and {last}", first.join(", ")),
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn names_in_a_row() {
        let list = |names: &[&str]| name_list(names.iter().copied());
        assert_eq!(list(&[]), "");
        assert_eq!(list(&["Ana"]), "Ana");
        assert_eq!(list(&["Ana", "Sam"]), "Ana and Sam");
        assert_eq!(list(&["Ana", "Sam", "Lee"]), "Ana, Sam and Lee");
        assert_eq!(list(&["Ruiz, Ana", "Finn, Sam"]), "Ruiz, Ana; and Finn, Sam");
    }
}
