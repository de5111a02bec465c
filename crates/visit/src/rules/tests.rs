use jiff::SignedDuration;
use proptest::prelude::*;

use super::*;
use crate::{NewVisit, Phase, ResourceKind};

fn at(minute: i64) -> Timestamp {
    Timestamp::UNIX_EPOCH + SignedDuration::from_mins(minute)
}

fn seat_id(n: usize) -> SeatId {
    format!("seat{n:018}").parse().unwrap()
}

fn connection(n: usize) -> ConnectionId {
    format!("c{n}").parse().unwrap()
}

fn new_visit(admittance: Admittance) -> Visit {
    Visit::open(NewVisit {
        id: "visit00000000000000000".parse().unwrap(),
        ehr: "lamna".parse().unwrap(),
        session: "10000209577".parse().unwrap(),
        room: "room000000000000000000".parse().unwrap(),
        backend: "built-in".parse().unwrap(),
        admittance,
        starts_at: None,
        opened_at: at(0),
    })
}

fn person(n: usize) -> Person {
    let kind = if n < 2 { ResourceKind::Practitioner } else { ResourceKind::Patient };
    Person::new(kind, format!("p{n}").parse().unwrap())
}

/// People 0 and 1 are providers, the others patients; person n's seat is n.
fn arrival(n: usize) -> Command {
    let role = if n < 2 { Role::Provider } else { Role::Patient };
    Command::Arrive { person: person(n), role, on_appointment: true, fresh_seat: seat_id(n) }
}

struct Story(Visit, i64);

impl Story {
    fn of(admittance: Admittance) -> Self {
        Self(new_visit(admittance), 0)
    }

    fn tell(&mut self, command: Command) -> Result<Vec<Event>, Refusal> {
        self.1 += 1;
        let events = apply(&self.0, command, at(self.1))?;
        for event in &events {
            self.0.evolve(event, at(self.1));
        }
        Ok(events)
    }

    fn state(&self, n: usize) -> SeatState {
        self.0.seat(&seat_id(n)).unwrap().state
    }

    fn connect(&mut self, n: usize) {
        self.tell(Command::Connect { seat: seat_id(n), connection: connection(n) }).unwrap();
    }

    fn arrive(&mut self, n: usize) {
        self.tell(arrival(n)).unwrap();
    }
}

const PROVIDER: usize = 0;
const PATIENT: usize = 2;

#[test]
fn a_patient_alone_waits_and_a_provider_enters() {
    for admittance in [Admittance::Automatic, Admittance::Manual] {
        let mut story = Story::of(admittance);
        story.arrive(PATIENT);
        assert_eq!(story.state(PATIENT), SeatState::Waiting);
        story.arrive(PROVIDER);
        assert_eq!(story.state(PROVIDER), SeatState::Admitted);
        assert_eq!(story.state(PATIENT), SeatState::Waiting);
    }
}

#[test]
fn automatic_admits_those_who_wait_and_those_who_come_once_a_provider_is_connected() {
    let mut story = Story::of(Admittance::Automatic);
    story.arrive(PATIENT);
    story.arrive(PROVIDER);
    story.connect(PROVIDER);
    assert_eq!(story.state(PATIENT), SeatState::Admitted);
    story.arrive(3);
    assert_eq!(story.state(3), SeatState::Admitted);
}

#[test]
fn manual_admits_whom_a_provider_admits() {
    let mut story = Story::of(Admittance::Manual);
    story.arrive(PATIENT);
    story.arrive(3);
    story.arrive(PROVIDER);
    story.connect(PROVIDER);
    assert_eq!(story.state(PATIENT), SeatState::Waiting);
    story.tell(Command::Admit { by: seat_id(PROVIDER), seat: seat_id(PATIENT) }).unwrap();
    assert_eq!((story.state(PATIENT), story.state(3)), (SeatState::Admitted, SeatState::Waiting));
    story.tell(Command::AdmitAll { by: seat_id(PROVIDER) }).unwrap();
    assert_eq!(story.state(3), SeatState::Admitted);
}

#[test]
fn a_patient_admits_nobody() {
    let mut story = Story::of(Admittance::Manual);
    story.arrive(PATIENT);
    let me = seat_id(PATIENT);
    for command in [
        Command::Admit { by: me.clone(), seat: me.clone() },
        Command::AdmitAll { by: me.clone() },
        Command::Remove { by: me.clone(), seat: me.clone() },
        Command::SendBack { by: me.clone(), seat: me.clone() },
        Command::End { by: me.clone() },
        Command::Reopen { by: me.clone() },
    ] {
        assert_eq!(story.tell(command), Err(Refusal::NotAProvider));
    }
}

#[test]
fn who_leaves_and_comes_back_has_the_same_seat_and_waits_again() {
    let mut story = Story::of(Admittance::Manual);
    story.arrive(PROVIDER);
    story.arrive(PATIENT);
    story.tell(Command::Admit { by: seat_id(PROVIDER), seat: seat_id(PATIENT) }).unwrap();
    story.tell(Command::Leave { seat: seat_id(PATIENT) }).unwrap();
    let again = Command::Arrive {
        person: person(PATIENT),
        role: Role::Patient,
        on_appointment: true,
        fresh_seat: seat_id(77),
    };
    story.tell(again).unwrap();
    assert_eq!(story.state(PATIENT), SeatState::Waiting);
    assert!(story.0.seat(&seat_id(77)).is_none());
}

#[test]
fn a_device_test_is_told_while_its_person_is_here() {
    let mut story = Story::of(Admittance::Manual);
    story.arrive(PATIENT);
    let test = Command::TestDevices { seat: seat_id(PATIENT) };
    assert_eq!(story.tell(test.clone()), Ok(vec![Event::DevicesTested { seat: seat_id(PATIENT) }]));
    story.tell(Command::Leave { seat: seat_id(PATIENT) }).unwrap();
    assert_eq!(story.tell(test), Ok(vec![]));
}

#[test]
fn a_second_launch_takes_the_seat_over_and_stays_let_in() {
    let mut story = Story::of(Admittance::Manual);
    story.arrive(PROVIDER);
    story.connect(PROVIDER);
    story.arrive(PROVIDER);
    let seat = story.0.seat(&seat_id(PROVIDER)).unwrap();
    assert_eq!((seat.tab, seat.state), (2, SeatState::Connected));
}

#[test]
fn who_was_removed_or_sent_back_enters_only_through_a_provider() {
    let removals: [fn(SeatId, SeatId) -> Command; 2] =
        [|by, seat| Command::Remove { by, seat }, |by, seat| Command::SendBack { by, seat }];
    for removal in removals {
        let mut story = Story::of(Admittance::Automatic);
        story.arrive(PROVIDER);
        story.connect(PROVIDER);
        story.arrive(PATIENT);
        story.connect(PATIENT);
        story.tell(removal(seat_id(PROVIDER), seat_id(PATIENT))).unwrap();
        assert!(story.0.admitted(&seat_id(PATIENT)).is_none());
        story.arrive(PATIENT);
        assert_eq!(story.state(PATIENT), SeatState::Waiting);
        story.tell(Command::Connect { seat: seat_id(PROVIDER), connection: connection(9) }).unwrap();
        assert_eq!(story.state(PATIENT), SeatState::Waiting);
        story.tell(Command::Admit { by: seat_id(PROVIDER), seat: seat_id(PATIENT) }).unwrap();
        assert_eq!(story.state(PATIENT), SeatState::Admitted);
    }
}

#[test]
fn the_end_cuts_everybody_off_and_a_provider_reopens() {
    let mut story = Story::of(Admittance::Manual);
    story.arrive(PATIENT);
    story.arrive(PROVIDER);
    story.tell(Command::AdmitAll { by: seat_id(PROVIDER) }).unwrap();
    story.connect(PROVIDER);
    story.connect(PATIENT);
    story.tell(Command::End { by: seat_id(PROVIDER) }).unwrap();
    assert!(matches!(story.0.phase, Phase::Ended { .. }));
    assert!(story.0.seats.iter().all(|seat| seat.connections.is_empty()));
    assert!(story.0.admitted(&seat_id(PATIENT)).is_none());
    let late = Command::Connect { seat: seat_id(PATIENT), connection: connection(5) };
    assert_eq!(story.tell(late), Err(Refusal::Ended));

    story.arrive(1);
    assert_eq!(story.state(1), SeatState::Waiting);
    story.tell(Command::Reopen { by: seat_id(1) }).unwrap();
    assert_eq!(story.state(1), SeatState::Admitted);
    assert_eq!(story.state(PATIENT), SeatState::Waiting);
    assert_eq!(story.state(PROVIDER), SeatState::Admitted);
}

#[test]
fn a_late_word_about_an_old_connection_changes_nothing() {
    let mut story = Story::of(Admittance::Manual);
    story.arrive(PROVIDER);
    story.connect(PROVIDER);
    story.tell(Command::Connect { seat: seat_id(PROVIDER), connection: connection(8) }).unwrap();
    let gone = |n| Command::Disconnect { seat: seat_id(PROVIDER), connection: connection(n) };
    story.tell(gone(PROVIDER)).unwrap();
    assert_eq!(story.state(PROVIDER), SeatState::Connected);
    assert_eq!(story.tell(gone(PROVIDER)), Ok(Vec::new()));
    story.tell(gone(8)).unwrap();
    assert_eq!(story.state(PROVIDER), SeatState::Admitted);
}

fn any_command() -> impl Strategy<Value = Command> {
    let seat = (0..5_usize).prop_map(seat_id);
    let two = (seat.clone(), seat.clone());
    let link = (seat.clone(), (0..4_usize).prop_map(connection));
    prop_oneof![
        3 => (0..5_usize).prop_map(arrival),
        2 => two.clone().prop_map(|(by, seat)| Command::Admit { by, seat }),
        1 => seat.clone().prop_map(|by| Command::AdmitAll { by }),
        1 => two.clone().prop_map(|(by, seat)| Command::SendBack { by, seat }),
        1 => two.prop_map(|(by, seat)| Command::Remove { by, seat }),
        1 => seat.clone().prop_map(|seat| Command::Leave { seat }),
        1 => seat.clone().prop_map(|seat| Command::TestDevices { seat }),
        3 => link.clone().prop_map(|(seat, connection)| Command::Connect { seat, connection }),
        1 => link.prop_map(|(seat, connection)| Command::Disconnect { seat, connection }),
        1 => seat.clone().prop_map(|by| Command::End { by }),
        1 => seat.prop_map(|by| Command::Reopen { by }),
    ]
}

fn any_admittance() -> impl Strategy<Value = Admittance> {
    prop_oneof![Just(Admittance::Automatic), Just(Admittance::Manual)]
}

proptest! {
    #[test]
    fn whatever_happens_the_rules_hold(
        admittance in any_admittance(),
        commands in prop::collection::vec(any_command(), 0..60),
    ) {
        let mut story = Story::of(admittance);
        let mut let_in_by_someone = std::collections::BTreeSet::new();
        for command in commands {
            let before = story.0.clone();
            let outcome = story.tell(command.clone());
            if outcome.is_err() {
                prop_assert_eq!(&before, &story.0);
            }
            for event in outcome.unwrap_or_default() {
                if let Event::Admitted { seat, by } = &event {
                    let role = story.0.seat(seat).unwrap().role;
                    let by_provider = by.as_ref().is_some_and(|by| {
                        story.0.seat(by).is_some_and(|by| by.role.runs_the_visit())
                    });
                    // Nobody but a provider enters a manual visit by rule.
                    prop_assert!(by_provider || role.runs_the_visit() || admittance == Admittance::Automatic);
                    let_in_by_someone.insert(seat.clone());
                }
            }
            for seat in &story.0.seats {
                // Connected means connections, and the other way round.
                prop_assert_eq!(seat.state == SeatState::Connected, !seat.connections.is_empty());
                // No proof for anybody who was never let in.
                if story.0.admitted(&seat.id).is_some() {
                    prop_assert!(let_in_by_someone.contains(&seat.id));
                    prop_assert!(story.0.is_open());
                }
            }
            // One seat for each person and role.
            let mut owners: Vec<_> = story.0.seats.iter().map(|seat| (&seat.person, seat.role)).collect();
            owners.sort();
            owners.dedup();
            prop_assert_eq!(owners.len(), story.0.seats.len());
            // An ended visit has nobody in it.
            prop_assert!(story.0.is_open() || !story.0.provider_is_connected());
        }
    }

    #[test]
    fn the_same_command_again_changes_nothing_more(
        admittance in any_admittance(),
        commands in prop::collection::vec(any_command(), 0..30),
        last in any_command(),
    ) {
        prop_assume!(!matches!(last, Command::Arrive { .. } | Command::TestDevices { .. }));
        let mut story = Story::of(admittance);
        for command in commands {
            let _ = story.tell(command);
        }
        if story.tell(last.clone()).is_ok() {
            prop_assert!(!matches!(story.tell(last), Ok(events) if !events.is_empty()));
        }
    }

    #[test]
    fn events_are_read_as_they_were_written(n in 0..5_usize, tab in 1..9_u32) {
        for event in [
            Event::SeatRetaken { seat: seat_id(n), tab },
            Event::Admitted { seat: seat_id(n), by: None },
            Event::Connected { seat: seat_id(n), connection: connection(n) },
        ] {
            let text = serde_json::to_string(&event).unwrap();
            prop_assert_eq!(serde_json::from_str::<Event>(&text).unwrap(), event);
        }
    }
}
