use jiff::Timestamp;
use proptest::prelude::*;
use visit::{Admittance, Command, ConnectionId, NewVisit, Person, Role, apply};

use super::*;

/// A visit of a clinician, a patient, a proxy and a guest; people go by their
/// place in this list.
const CAST: [(&str, Role); 4] = [
    ("Practitioner/doc", Role::Provider),
    ("Patient/pat", Role::Patient),
    ("RelatedPerson/mum", Role::Proxy),
    ("Patient/guest", Role::Guest),
];

fn now() -> Timestamp {
    "2026-11-21T20:00:00Z".parse().unwrap()
}

fn seat(who: usize) -> SeatId {
    format!("seat{who:018}").parse().unwrap()
}

fn connection(number: u8) -> ConnectionId {
    format!("c{number}").parse().unwrap()
}

fn fresh_visit() -> Visit {
    Visit::open(NewVisit {
        id: "visit00000000000000001".parse().unwrap(),
        ehr: "lamna-test".parse().unwrap(),
        session: "10000209577".parse().unwrap(),
        room: "room000000000000000001".parse().unwrap(),
        backend: "built-in".parse().unwrap(),
        admittance: Admittance::Manual,
        starts_at: None,
        opened_at: now(),
    })
}

fn arrive(who: usize) -> Command {
    let (person, role) = CAST[who];
    Command::Arrive {
        person: person.parse::<Person>().unwrap(),
        role,
        on_appointment: true,
        fresh_seat: seat(who),
    }
}

/// Does what is allowed of these commands, and answers what is to be told of each.
fn after_each(visit: &mut Visit, commands: impl IntoIterator<Item = Command>) -> Vec<Vec<NoticeChange>> {
    let mut told = Vec::new();
    for command in commands {
        let before = visit.clone();
        let events = apply(visit, command, now()).unwrap_or_default();
        for event in &events {
            visit.evolve(event, now());
        }
        told.push(notices_for(&before, &events, visit, &[], &StatusPolicy::default()));
    }
    told
}

/// All are here, the clinician and the patient connected.
fn running_visit() -> Visit {
    let mut visit = fresh_visit();
    let commands = [
        arrive(0),
        arrive(1),
        arrive(2),
        arrive(3),
        Command::Connect { seat: seat(0), connection: connection(0) },
        Command::AdmitAll { by: seat(0) },
        Command::Connect { seat: seat(1), connection: connection(1) },
    ];
    after_each(&mut visit, commands);
    visit
}

/// What was told, as `+seat` or `-seat (grace)`.
fn brief(changes: &[NoticeChange]) -> Vec<String> {
    let name = |about: &Recipient| about.external_id.clone();
    let tell = |change: &NoticeChange| match change {
        NoticeChange::Connected(about) => format!("+{}", name(about)),
        NoticeChange::Disconnected { about, grace } => format!("-{} {}", name(about), grace.as_secs()),
    };
    changes.iter().map(tell).collect()
}

fn told_of(command: Command) -> Vec<String> {
    brief(&after_each(&mut running_visit(), [command])[0])
}

#[test]
fn the_ehr_hears_of_people_who_came_by_link_only_by_its_own_name_for_them() {
    let mut visit = running_visit();
    visit.seats[1].person = format!("Patient/guest-{}", "0".repeat(40)).parse().unwrap();
    let before = visit.clone();
    let left = apply(&visit, Command::Leave { seat: seat(1) }, now()).unwrap();
    for event in &left {
        visit.evolve(event, now());
    }
    let told = |external_id: Option<&str>| {
        let card = SeatCard { external_id: external_id.map(str::to_owned), ..SeatCard::default() };
        brief(&notices_for(&before, &left, &visit, &[(seat(1), card)], &StatusPolicy::default()))
    };
    assert!(told(None).is_empty());
    assert_eq!(told(Some(" 165790")), ["- 165790 0"]);
}

#[test]
fn arriving_and_waiting_is_nothing_to_tell() {
    let told = after_each(&mut fresh_visit(), [arrive(0), arrive(1), Command::AdmitAll { by: seat(0) }]);
    assert!(told.iter().all(Vec::is_empty));
}

#[test]
fn a_broken_connection_is_told_after_the_grace_time() {
    let told = told_of(Command::Disconnect { seat: seat(1), connection: connection(1) });
    assert_eq!(told, ["-pat 30"]);
}

#[test]
fn who_goes_on_purpose_is_told_at_once() {
    assert_eq!(told_of(Command::Leave { seat: seat(1) }), ["-pat 0"]);
    assert_eq!(told_of(Command::Remove { by: seat(0), seat: seat(1) }), ["-pat 0"]);
    assert_eq!(told_of(Command::SendBack { by: seat(0), seat: seat(1) }), ["-pat 0"]);
    assert_eq!(told_of(Command::End { by: seat(0) }), ["-doc 0", "-pat 0"]);
}

#[test]
fn only_the_first_connection_and_the_last_are_told() {
    let told = after_each(
        &mut running_visit(),
        [
            Command::Connect { seat: seat(1), connection: connection(2) },
            Command::Disconnect { seat: seat(1), connection: connection(1) },
            Command::Disconnect { seat: seat(1), connection: connection(1) },
            Command::Disconnect { seat: seat(1), connection: connection(2) },
        ],
    );
    let told: Vec<_> = told.iter().map(|changes| brief(changes)).collect();
    assert_eq!(told, [vec![], vec![], vec![], vec!["-pat 30".to_owned()]]);
}

#[test]
fn a_role_without_an_id_type_is_not_told() {
    assert_eq!(told_of(Command::Connect { seat: seat(2), connection: connection(9) }), ["+mum"]);
    assert!(told_of(Command::Connect { seat: seat(3), connection: connection(9) }).is_empty());
}

#[test]
fn the_ehrs_own_name_for_a_person_comes_first() {
    let before = running_visit();
    let mut after = before.clone();
    let events = apply(&before, Command::Leave { seat: seat(0) }, now()).unwrap();
    for event in &events {
        after.evolve(event, now());
    }
    let card = SeatCard { external_id: Some("FAMMD".to_owned()), ..SeatCard::default() };
    let told = notices_for(&before, &events, &after, &[(seat(0), card)], &StatusPolicy::default());
    assert_eq!(brief(&told), ["-FAMMD 0"]);
    let NoticeChange::Disconnected { about, .. } = &told[0] else { panic!("gone") };
    assert_eq!(about.session.as_str(), "10000209577");
    assert_eq!((about.role, &about.seat), (Role::Provider, &seat(0)));
}

fn any_command() -> impl Strategy<Value = Command> {
    let who = 0..CAST.len();
    prop_oneof![
        2 => who.clone().prop_map(arrive),
        2 => Just(Command::AdmitAll { by: seat(0) }),
        6 => (who.clone(), 0_u8..6)
            .prop_map(|(who, number)| Command::Connect { seat: seat(who), connection: connection(number) }),
        4 => (who.clone(), 0_u8..6)
            .prop_map(|(who, number)| Command::Disconnect { seat: seat(who), connection: connection(number) }),
        1 => who.clone().prop_map(|who| Command::Leave { seat: seat(who) }),
        1 => who.clone().prop_map(|who| Command::Remove { by: seat(0), seat: seat(who) }),
        1 => who.prop_map(|who| Command::SendBack { by: seat(0), seat: seat(who) }),
        1 => Just(Command::End { by: seat(0) }),
        1 => Just(Command::Reopen { by: seat(0) }),
    ]
}

proptest! {
    /// Each person's notices alternate, begin with a connect, and end with
    /// how the person stands.
    #[test]
    fn the_light_goes_on_and_off_in_turn(commands in proptest::collection::vec(any_command(), 0..60)) {
        let mut visit = fresh_visit();
        let told = after_each(&mut visit, commands).concat();
        for seat in &visit.seats {
            let lights: Vec<bool> = told
                .iter()
                .filter_map(|change| match change {
                    NoticeChange::Connected(about) => (about.seat == seat.id).then_some(true),
                    NoticeChange::Disconnected { about, .. } => (about.seat == seat.id).then_some(false),
                })
                .collect();
            if StatusPolicy::default().id_type(seat.role).is_none() {
                prop_assert!(lights.is_empty());
                continue;
            }
            prop_assert!(lights.iter().enumerate().all(|(at, light)| *light == (at % 2 == 0)));
            prop_assert_eq!(lights.last().copied().unwrap_or(false), is_connected(seat));
        }
    }
}
