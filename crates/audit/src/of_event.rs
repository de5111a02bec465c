use jiff::Timestamp;
use visit::{Event, SeatId, Visit};

use crate::{Action, Actor, Outcome, Record};

/// What the audit log says of an event of this visit, as the visit is after
/// it. `None` for device tests, and for connections to the room: they come and
/// go by themselves, and the visit's events and notification records tell of
/// them.
pub fn record_of(visit: &Visit, event: &Event, at: Timestamp) -> Option<Record> {
    let (action, by) = match event {
        Event::SeatTaken { seat, .. } | Event::SeatRetaken { seat, .. } => (Action::Arrived, Some(seat)),
        Event::Admitted { by, .. } => (Action::Admitted, by.as_ref()),
        Event::SentBack { by, .. } => (Action::SentBack, Some(by)),
        Event::Removed { by, .. } => (Action::Removed, Some(by)),
        Event::Left { seat } => (Action::Left, Some(seat)),
        Event::Ended { by } => (Action::Ended, Some(by)),
        Event::Reopened { by } => (Action::Reopened, Some(by)),
        Event::DevicesTested { .. } | Event::Connected { .. } | Event::Disconnected { .. } => return None,
    };
    Some(Record {
        at,
        action,
        outcome: Outcome::Success,
        actor: by.map_or(Actor::System, |seat| holder(visit, seat)),
        visit: Some(visit.id.clone()),
        seat: event.seat().cloned(),
    })
}

fn holder(visit: &Visit, seat: &SeatId) -> Actor {
    let ehr = visit.ehr.clone();
    match visit.seat(seat) {
        Some(seat) => Actor::Person { ehr, person: seat.person.clone() },
        None => Actor::Unknown { ehr: Some(ehr) },
    }
}

#[cfg(test)]
mod tests {
    use visit::{Admittance, Command, NewVisit, Role, apply};

    use super::*;

    fn id<T: std::str::FromStr<Err: std::fmt::Debug>>(number: u32) -> T {
        format!("{number:022}").parse().unwrap()
    }

    fn arrive(person: &str, role: Role, seat: u32) -> Command {
        Command::Arrive { person: person.parse().unwrap(), role, on_appointment: true, fresh_seat: id(seat) }
    }

    /// A line for each record of a visit with these commands.
    fn log(admittance: Admittance, commands: Vec<Command>) -> String {
        let at = Timestamp::UNIX_EPOCH;
        let mut visit = Visit::open(NewVisit {
            id: id(9),
            ehr: "lamna-test".parse().unwrap(),
            session: "1001".parse().unwrap(),
            room: id(8),
            backend: "built-in".parse().unwrap(),
            admittance,
            starts_at: None,
            opened_at: at,
        });
        let mut lines = Vec::new();
        for command in commands {
            for event in apply(&visit, command, at).unwrap() {
                visit.evolve(&event, at);
                let Some(record) = record_of(&visit, &event, at) else { continue };
                assert_eq!((&record.visit, record.outcome), (&Some(visit.id.clone()), Outcome::Success));
                let actor = match record.actor {
                    Actor::Person { ehr, person } => format!("{ehr}/{person}"),
                    other => format!("{other:?}"),
                };
                let seat = record.seat.map(|seat| seat.as_str().trim_start_matches('0').to_owned());
                lines.push(format!(
                    "{} by {actor}, seat {}",
                    record.action.as_str(),
                    seat.unwrap_or_default()
                ));
            }
        }
        lines.join("\n")
    }

    #[test]
    fn who_did_what_to_whom_is_recorded() {
        let connection = || "c".parse().unwrap();
        let lines = log(
            Admittance::Manual,
            vec![
                arrive("Practitioner/finn", Role::Provider, 1),
                arrive("Patient/ada", Role::Patient, 2),
                arrive("Patient/ada", Role::Patient, 3),
                Command::Admit { by: id(1), seat: id(2) },
                Command::Connect { seat: id(2), connection: connection() },
                Command::SendBack { by: id(1), seat: id(2) },
                Command::Remove { by: id(1), seat: id(2) },
                Command::End { by: id(1) },
                Command::Reopen { by: id(1) },
                Command::Leave { seat: id(1) },
            ],
        );
        insta::assert_snapshot!(lines, @r#"
        arrived by lamna-test/Practitioner/finn, seat 1
        admitted by System, seat 1
        arrived by lamna-test/Patient/ada, seat 2
        arrived by lamna-test/Patient/ada, seat 2
        admitted by lamna-test/Practitioner/finn, seat 2
        sent-back by lamna-test/Practitioner/finn, seat 2
        removed by lamna-test/Practitioner/finn, seat 2
        ended by lamna-test/Practitioner/finn, seat 
        reopened by lamna-test/Practitioner/finn, seat 
        left by lamna-test/Practitioner/finn, seat 1
        "#);
    }

    #[test]
    fn who_enters_by_the_rule_was_let_in_by_the_system() {
        let lines = log(
            Admittance::Automatic,
            vec![
                arrive("Patient/ada", Role::Patient, 2),
                arrive("Practitioner/finn", Role::Provider, 1),
                Command::Connect { seat: id(1), connection: "c".parse().unwrap() },
            ],
        );
        insta::assert_snapshot!(lines, @r#"
        arrived by lamna-test/Patient/ada, seat 2
        arrived by lamna-test/Practitioner/finn, seat 1
        admitted by System, seat 1
        admitted by System, seat 2
        "#);
    }
}
