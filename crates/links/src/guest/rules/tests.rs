use jiff::SignedDuration;
use proptest::prelude::*;
use visit::{Role, SeatId};

use super::*;
use crate::guest::{Answer, FactorKey, FactorKind, GuestToken, InvalidGuestLink, NewGuestLink};

fn at(minute: i64) -> Timestamp {
    Timestamp::UNIX_EPOCH + SignedDuration::from_mins(minute)
}

fn key() -> FactorKey {
    FactorKey::new(&[1; 32])
}

fn device(n: u8) -> DeviceSecret {
    DeviceSecret::from_bytes([n; 32])
}

fn provider() -> SeatId {
    "provider00000000000000".parse().unwrap()
}

fn code(text: &str) -> Answer {
    Answer::code(text).unwrap()
}

/// Good from minute 10 to minute 60.
fn new_link() -> NewGuestLink {
    NewGuestLink {
        seat: "seat000000000000000000".parse().unwrap(),
        visit: "visit00000000000000000".parse().unwrap(),
        role: Role::Guest,
        token: GuestToken::from_bytes([9; 32]).hash(),
        second_factor: None,
        not_before: at(10),
        expires_at: at(60),
    }
}

struct Story(GuestLink);

impl Story {
    fn plain() -> Self {
        Self(GuestLink::issue(new_link()).unwrap())
    }

    fn with_code() -> Self {
        let factor = SecondFactor::new(&key(), [2; 32], &code("123456"));
        Self(GuestLink::issue(NewGuestLink { second_factor: Some(factor), ..new_link() }).unwrap())
    }

    fn tell(&mut self, command: Command, minute: i64) -> Result<Vec<Event>, GuestRefused> {
        let events = apply(&self.0, command, at(minute))?;
        for event in &events {
            self.0.evolve(event);
        }
        Ok(events)
    }

    /// Device `n` opens, as one that holds its secret from earlier would; a
    /// first opening gives it the same one.
    fn open(&mut self, n: u8, answer: Option<&str>, minute: i64) -> Result<Vec<Event>, GuestRefused> {
        let answer =
            answer.zip(self.0.second_factor.as_ref()).map(|(text, factor)| factor.seal(&key(), &code(text)));
        self.tell(Command::Open { device: Some(device(n)), fresh_device: device(n), answer }, minute)
    }

    fn is_in(&self, n: u8, minute: i64) -> bool {
        self.0.entry(&device(n), at(minute)).is_some()
    }
}

#[test]
fn the_first_device_holds_the_link_and_comes_back() {
    let mut story = Story::plain();
    assert_eq!(story.open(1, None, 10), Ok(vec![Event::Opened { device: device(1).hash() }]));
    assert!(story.is_in(1, 10));
    assert_eq!(story.open(1, None, 20), Ok(vec![]));
    assert!(story.is_in(1, 20));
}

#[test]
fn entry_leads_to_the_links_own_seat() {
    let mut story = Story::plain();
    story.open(1, None, 10).unwrap();
    let entry = story.0.entry(&device(1), at(10)).unwrap();
    assert_eq!((entry.seat(), entry.visit(), entry.role()), (&story.0.seat, &story.0.visit, Role::Guest));
    assert!(crate::came_by_link(&entry.person()));
}

#[test]
fn a_second_device_waits_for_the_first_or_a_provider() {
    for free in [Command::Release { device: device(1) }, Command::Renew { by: provider() }] {
        let mut story = Story::plain();
        story.open(1, None, 10).unwrap();
        assert_eq!(story.open(2, None, 11), Err(GuestRefused::HeldElsewhere));
        assert!(!story.is_in(2, 11));
        story.tell(free, 12).unwrap();
        assert!(!story.is_in(1, 12), "nobody is in until somebody opens");
        story.open(2, None, 13).unwrap();
        assert!(story.is_in(2, 13));
        assert_eq!(story.open(1, None, 14), Err(GuestRefused::HeldElsewhere));
    }
}

#[test]
fn a_second_device_neither_releases_nor_tries() {
    let mut story = Story::with_code();
    story.open(1, Some("123456"), 10).unwrap();
    assert_eq!(story.tell(Command::Release { device: device(2) }, 11), Err(GuestRefused::HeldElsewhere));
    assert_eq!(story.open(2, Some("000000"), 11), Err(GuestRefused::HeldElsewhere));
    assert_eq!(story.open(2, Some("123456"), 11), Err(GuestRefused::HeldElsewhere));
    assert_eq!(story.0.wrong_answers, 0);
}

#[test]
fn a_link_opens_in_its_time_only() {
    let mut story = Story::plain();
    assert_eq!(story.open(1, None, 9), Err(GuestRefused::TooEarly));
    story.open(1, None, 59).unwrap();
    assert!(story.is_in(1, 59));
    assert!(!story.is_in(1, 60));
    assert_eq!(story.open(1, None, 60), Err(GuestRefused::Expired));
    assert_eq!(story.tell(Command::Renew { by: provider() }, 60), Err(GuestRefused::Expired));
}

#[test]
fn the_second_factor_is_asked_of_each_device() {
    let mut story = Story::with_code();
    let needed = Err(GuestRefused::AnswerNeeded(FactorKind::Code));
    assert_eq!(story.open(1, None, 10), needed);
    story.open(1, Some("123456"), 10).unwrap();
    assert!(story.is_in(1, 10));
    assert_eq!(story.open(1, None, 11), Ok(vec![]), "not of the device that holds the link");
    story.tell(Command::Renew { by: provider() }, 12).unwrap();
    assert_eq!(story.open(2, None, 13), needed);
}

#[test]
fn the_fifth_wrong_answer_locks_for_good() {
    let mut story = Story::with_code();
    for _ in 1..MOST_TRIES {
        assert_eq!(story.open(1, Some("654321"), 10), Ok(vec![Event::AnsweredWrongly]));
        assert!(!story.is_in(1, 10));
    }
    assert_eq!(story.open(1, Some("654321"), 10), Ok(vec![Event::AnsweredWrongly, Event::Locked]));
    assert_eq!(story.open(1, Some("123456"), 11), Err(GuestRefused::Locked));
    assert_eq!(story.tell(Command::Renew { by: provider() }, 12), Err(GuestRefused::Locked));
    assert_eq!(story.tell(Command::Release { device: device(1) }, 12), Ok(vec![]));
}

#[test]
fn neither_a_right_answer_nor_a_renewal_gives_tries_back() {
    let mut story = Story::with_code();
    for _ in 1..MOST_TRIES {
        story.open(1, Some("654321"), 10).unwrap();
    }
    story.open(1, Some("123456"), 10).unwrap();
    story.tell(Command::Renew { by: provider() }, 11).unwrap();
    story.open(2, Some("654321"), 12).unwrap();
    assert_eq!(story.open(2, Some("123456"), 13), Err(GuestRefused::Locked));
}

#[test]
fn a_revoked_link_is_dead_for_the_device_that_holds_it_too() {
    let mut story = Story::plain();
    story.open(1, None, 10).unwrap();
    assert_eq!(story.tell(Command::Revoke { by: None }, 11), Ok(vec![Event::Revoked { by: None }]));
    assert!(!story.is_in(1, 11));
    assert_eq!(story.open(1, None, 11), Err(GuestRefused::Revoked));
    assert_eq!(story.tell(Command::Renew { by: provider() }, 11), Err(GuestRefused::Revoked));
    assert_eq!(story.tell(Command::Revoke { by: None }, 12), Ok(vec![]));
}

#[test]
fn no_link_is_for_those_who_sign_in_or_without_end() {
    let issue = |change: fn(&mut NewGuestLink)| {
        let mut new = new_link();
        change(&mut new);
        GuestLink::issue(new).err()
    };
    assert_eq!(issue(|new| new.role = Role::Provider), Some(InvalidGuestLink::Role));
    assert_eq!(issue(|new| new.role = Role::Monitor), Some(InvalidGuestLink::Role));
    assert_eq!(issue(|new| new.expires_at = new.not_before), Some(InvalidGuestLink::Time));
    assert_eq!(issue(|new| new.expires_at = at(31 * 24 * 60)), Some(InvalidGuestLink::Time));
    assert_eq!(issue(|new| new.role = Role::Patient), None);
}

#[test]
fn a_stored_link_is_read_back_whole() {
    let mut story = Story::with_code();
    story.open(1, Some("123456"), 10).unwrap();
    let stored = serde_json::to_string(&story.0).unwrap();
    assert!(!stored.contains("123456"));
    assert!(!stored.contains(device(1).expose()));
    assert_eq!(serde_json::from_str::<GuestLink>(&stored).unwrap(), story.0);
}

#[test]
fn events_are_stored_as_they_were() {
    let events = [
        Event::Opened { device: device(1).hash() },
        Event::AnsweredWrongly,
        Event::Locked,
        Event::Released,
        Event::Renewed { by: provider() },
        Event::Revoked { by: None },
    ];
    let lines: Vec<_> = events.iter().map(|event| serde_json::to_string(event).unwrap()).collect();
    insta::assert_snapshot!(lines.join("\n"), @r#"
    {"kind":"opened","device":"VtX6czP210fbQsI5QH5dpMMvTHnzXQkrE0_TWkAtnFw"}
    {"kind":"answered-wrongly"}
    {"kind":"locked"}
    {"kind":"released"}
    {"kind":"renewed","by":"provider00000000000000"}
    {"kind":"revoked","by":null}
    "#);
}

fn any_command() -> impl Strategy<Value = (Command, i64)> {
    let factor = Story::with_code().0.second_factor.unwrap();
    let answer = prop_oneof![Just(None), Just(Some("123456")), Just(Some("654321"))]
        .prop_map(move |text| text.map(|text| factor.seal(&key(), &code(text))));
    let open = (prop::option::of(1u8..4), 1u8..4, answer).prop_map(|(held, fresh, answer)| Command::Open {
        device: held.map(device),
        fresh_device: device(fresh),
        answer,
    });
    let command = prop_oneof![
        6 => open,
        2 => (1u8..4).prop_map(|n| Command::Release { device: device(n) }),
        2 => Just(Command::Renew { by: provider() }),
        1 => Just(Command::Revoke { by: Some(provider()) }),
    ];
    (command, 0i64..70)
}

proptest! {
    /// Whatever is asked in whatever order, at whatever time.
    #[test]
    fn no_story_breaks_a_rule(
        with_code: bool,
        commands in prop::collection::vec(any_command(), 0..60),
    ) {
        let mut story = if with_code { Story::with_code() } else { Story::plain() };
        for (command, minute) in commands {
            let before = story.0.clone();
            let answered = story.tell(command.clone(), minute);
            let after = &story.0;

            let in_time = (10..60).contains(&minute);
            let inside: Vec<_> = (1..4).filter(|n| story.is_in(*n, minute)).collect();
            prop_assert!(inside.len() <= 1, "one device at a time");
            prop_assert!(in_time || inside.is_empty(), "never outside its time");
            prop_assert!(after.wrong_answers <= MOST_TRIES, "five tries");
            prop_assert!(after.wrong_answers >= before.wrong_answers, "no try is given back");
            prop_assert_eq!(after.wrong_answers == MOST_TRIES && after.state != GuestState::Revoked,
                after.state == GuestState::Locked, "five wrong answers are a locked link");
            match before.state {
                GuestState::Revoked => prop_assert_eq!(after, &before, "revoked stays revoked"),
                GuestState::Locked => prop_assert!(
                    matches!(after.state, GuestState::Locked | GuestState::Revoked), "locked stays locked"),
                GuestState::Held { device } => prop_assert!(
                    !matches!(after.state, GuestState::Held { device: now } if now != device),
                    "no device takes the link from another"),
                GuestState::Free => {}
            }
            if let Ok(events) = answered
                && events.iter().any(|event| matches!(event, Event::Opened { .. }))
            {
                prop_assert!(in_time, "opened in its time");
                let right = match (command, &before.second_factor) {
                    (Command::Open { answer: Some(answer), .. }, Some(factor)) => factor.is_right(&answer),
                    (_, factor) => factor.is_none(),
                };
                prop_assert!(right, "opened with the right answer only");
            }
        }
    }
}
