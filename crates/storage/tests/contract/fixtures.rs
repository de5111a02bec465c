//! A visit and the people in it.

use std::{fmt::Debug, str::FromStr};

use jiff::{SignedDuration, Timestamp};
use storage::{Arrival, Change, EventId, SeatCard, Storage, StorageError, TokenHash, VisitCard, Visits};
use visit::{Admittance, Command, Event, NewVisit, Person, Role, SeatId, Visit, apply};

/// The moment at which tests begin, plus so many seconds.
pub(crate) fn at(seconds: i64) -> Timestamp {
    "2026-11-21T20:00:00Z".parse::<Timestamp>().unwrap() + SignedDuration::from_secs(seconds)
}

/// The random id with this number.
pub(crate) fn id<T: FromStr<Err: Debug>>(number: u32) -> T {
    format!("{number:022}").parse().unwrap()
}

/// Any other id.
pub(crate) fn named<T: FromStr<Err: Debug>>(name: &str) -> T {
    name.parse().unwrap()
}

/// A visit that nobody has arrived in; the number makes it differ from others.
pub(crate) fn new_visit(number: u32) -> Visit {
    Visit::open(NewVisit {
        id: id(number),
        ehr: named("lamna-test"),
        session: named(&format!("1000{number}")),
        room: id(number + 1_000_000),
        backend: named("built-in"),
        admittance: Admittance::Manual,
        starts_at: Some(at(600)),
        opened_at: at(0),
    })
}

pub(crate) fn arrive(person: &str, role: Role, seat: SeatId) -> Command {
    let person: Person = named(person);
    Command::Arrive { person, role, on_appointment: true, fresh_seat: seat }
}

/// What a command makes of the visit; the version stays.
pub(crate) fn evolve(visit: &mut Visit, command: Command, now: Timestamp) -> Vec<Event> {
    let events = apply(visit, command, now).unwrap();
    for event in &events {
        visit.evolve(event, now);
    }
    events
}

/// A change that nobody arrives with and the EHR is not told of.
pub(crate) fn change<'a>(visit: &'a Visit, events: &'a [Event], at: Timestamp) -> Change<'a> {
    Change { visit, events, at, notices: &[], arrival: None }
}

/// Takes a command, stores what it makes, and reads the visit again.
pub(crate) async fn act(
    storage: &Storage,
    visit: &mut Visit,
    command: Command,
    now: Timestamp,
) -> Result<EventId, StorageError> {
    let events = evolve(visit, command, now);
    let last = storage.save(change(visit, &events, now)).await?;
    *visit = storage.lookup(&visit.id).await?.unwrap();
    Ok(last)
}

/// A stored visit with a provider (seat 1) who is in and a patient (seat 2)
/// who waits.
pub(crate) async fn visit_of_two(storage: &Storage) -> Visit {
    let mut visit = new_visit(1);
    act(storage, &mut visit, arrive("Practitioner/finn", Role::Provider, id(1)), at(0)).await.unwrap();
    act(storage, &mut visit, arrive("Patient/ada", Role::Patient, id(2)), at(1)).await.unwrap();
    visit
}

/// The browser that comes to this seat, with names and a token.
pub(crate) fn arrival(seat: SeatId, tab: u32, secret: &str) -> Arrival {
    Arrival {
        seat,
        tab,
        session: TokenHash::of(secret),
        session_expires_at: at(3600),
        seat_card: Some(SeatCard {
            name: Some("Ada \"Canary\" Lovelace".to_owned()),
            external_id: Some("CANARY-EXT".to_owned()),
            launch_token: Some(("canary-launch-token".to_owned().into(), Some(at(300)))),
        }),
        visit_card: Some(VisitCard {
            clinicians: vec!["Dr. Canary Finn".to_owned()],
            patients: vec![(named("ada"), "Ada Canary".to_owned())],
            csn: Some(named("555001")),
            ends_at: Some(at(2400)),
            patient_time_zone: Some("America/Chicago".to_owned()),
        }),
    }
}
