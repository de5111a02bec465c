use std::sync::Arc;

use secrecy::ExposeSecret;
use storage::{Change, EventId, SeatCard, StorageError, TabSession, TabSessions, TokenHash, Visits};
use tokio::task::JoinSet;
use visit::{Command, Phase, Role, SeatState, Visit};

use crate::{
    database::{Database, contract, temporary},
    fixtures::{act, arrival, arrive, at, change, evolve, id, named, new_visit, visit_of_two},
};

contract! {
    a_visit_is_read_as_it_was_saved,
    what_is_not_there_is_none,
    only_the_version_that_was_read_may_be_changed,
    the_first_arrivals_at_one_instant_make_one_visit,
    events_are_seen_in_order_and_without_gaps,
    saving_nothing_answers_the_last_event,
    an_arrival_leaves_cards_and_a_session,
    an_arrival_without_cards_keeps_what_was_there,
    an_arrival_that_conflicts_leaves_nothing,
    visits_with_connections_are_found,
    what_is_over_is_forgotten,
    reopening_finds_everything,
}

async fn a_visit_is_read_as_it_was_saved(db: Arc<Database>) {
    let storage = db.open().await;
    let mut visit = visit_of_two(&storage).await;
    act(&storage, &mut visit, Command::Admit { by: id(1), seat: id(2) }, at(2)).await.unwrap();
    for connection in ["a", "b"] {
        let connect = Command::Connect { seat: id(2), connection: named(connection) };
        act(&storage, &mut visit, connect, at(3)).await.unwrap();
    }
    assert_eq!(visit.seat(&id(2)).unwrap().connections.len(), 2);

    let mut ended = visit.clone();
    let events = evolve(&mut ended, Command::End { by: id(1) }, at(4));
    storage.save(change(&ended, &events, at(4))).await.unwrap();

    ended.version = visit.version + 1;
    assert_eq!(ended.phase, Phase::Ended { at: at(4) });
    assert_eq!(storage.lookup(&visit.id).await.unwrap().as_ref(), Some(&ended));
    assert_eq!(storage.find(&visit.ehr, &visit.session).await.unwrap().as_ref(), Some(&ended));
    assert_eq!(storage.of_seat(&id(2)).await.unwrap().as_ref(), Some(&ended));
}

async fn what_is_not_there_is_none(db: Arc<Database>) {
    let storage = db.open().await;
    assert_eq!(storage.find(&named("lamna-test"), &named("1")).await.unwrap(), None);
    assert_eq!(storage.lookup(&id(9)).await.unwrap(), None);
    assert_eq!(storage.of_seat(&id(9)).await.unwrap(), None);
    assert_eq!(storage.card(&id(9)).await.unwrap(), None);
    assert_eq!(storage.last_event(&id(9)).await.unwrap(), EventId(0));
    assert!(storage.events_after(&id(9), EventId(0)).await.unwrap().is_empty());
    assert!(storage.seat_cards(&id(9)).await.unwrap().is_empty());
}

async fn only_the_version_that_was_read_may_be_changed(db: Arc<Database>) {
    let storage = db.open().await;
    let visit = visit_of_two(&storage).await;
    let (mut one, mut other) = (visit.clone(), visit);
    act(&storage, &mut one, Command::Leave { seat: id(2) }, at(2)).await.unwrap();

    let late = act(&storage, &mut other, Command::End { by: id(1) }, at(3)).await;
    assert!(matches!(late, Err(StorageError::Conflict)));
    assert_eq!(storage.lookup(&one.id).await.unwrap(), Some(one));
}

async fn the_first_arrivals_at_one_instant_make_one_visit(db: Arc<Database>) {
    let nodes = [db.open().await, db.open().await];
    let mut arrivals = JoinSet::new();
    for number in 1..=16 {
        let storage = nodes[number as usize % 2].clone();
        arrivals.spawn(async move {
            let mut visit = Visit { session: named("same"), ..new_visit(number) };
            let arrive = arrive(&format!("Patient/p{number}"), Role::Patient, id(number));
            let events = evolve(&mut visit, arrive, at(0));
            let arrival = Some(arrival(id(number), 1, &format!("secret {number}")));
            storage.save(Change { arrival, ..change(&visit, &events, at(0)) }).await
        });
    }
    let outcomes = arrivals.join_all().await;
    assert_eq!(outcomes.iter().filter(|outcome| outcome.is_ok()).count(), 1);
    let conflicts = outcomes.iter().filter(|outcome| matches!(outcome, Err(StorageError::Conflict)));
    assert_eq!(conflicts.count(), 15);

    let visit = nodes[0].find(&named("lamna-test"), &named("same")).await.unwrap().unwrap();
    assert_eq!((visit.version, visit.seats.len()), (1, 1));
    assert_eq!(nodes[0].events_after(&visit.id, EventId(0)).await.unwrap().len(), 1);
}

/// Readers follow while writers compete; no event turns up behind one that
/// was seen.
async fn events_are_seen_in_order_and_without_gaps(db: Arc<Database>) {
    const WRITERS: u32 = 4;
    const LAUNCHES: u32 = 12;
    let nodes = [db.open().await, db.open().await];
    let visit = visit_of_two(&nodes[0]).await;
    let last = nodes[0].last_event(&visit.id).await.unwrap();

    let mut writers = JoinSet::new();
    for writer in 0..WRITERS {
        let storage = nodes[writer as usize % 2].clone();
        let visit = visit.id.clone();
        writers.spawn(async move {
            for _ in 0..LAUNCHES {
                let arrive = arrive("Patient/ada", Role::Patient, id(99));
                loop {
                    let mut visit = storage.lookup(&visit).await.unwrap().unwrap();
                    match act(&storage, &mut visit, arrive.clone(), at(5)).await {
                        Ok(_) => break,
                        Err(error) => assert!(matches!(error, StorageError::Conflict)),
                    }
                }
            }
        });
    }
    let mut seen = Vec::new();
    let mut after = last;
    while seen.len() < (WRITERS * LAUNCHES) as usize {
        for event in nodes[1].events_after(&visit.id, after).await.unwrap() {
            assert!(event.id > after);
            after = event.id;
            seen.push(event.id);
        }
    }
    writers.join_all().await;

    let all = nodes[0].events_after(&visit.id, last).await.unwrap();
    assert_eq!(seen, all.iter().map(|event| event.id).collect::<Vec<_>>());
    let tab = nodes[0].lookup(&visit.id).await.unwrap().unwrap().seat(&id(2)).unwrap().tab;
    assert_eq!(tab, 1 + WRITERS * LAUNCHES);
}

async fn saving_nothing_answers_the_last_event(db: Arc<Database>) {
    let storage = db.open().await;
    let visit = visit_of_two(&storage).await;
    let last = storage.last_event(&visit.id).await.unwrap();
    assert_eq!(storage.save(change(&visit, &[], at(2))).await.unwrap(), last);
}

async fn an_arrival_leaves_cards_and_a_session(db: Arc<Database>) {
    let storage = db.open().await;
    let mut visit = new_visit(1);
    let events = evolve(&mut visit, arrive("Patient/ada", Role::Patient, id(2)), at(0));
    let arrival = arrival(id(2), 1, "cookie");
    let change = Change { arrival: Some(arrival.clone()), ..change(&visit, &events, at(0)) };
    storage.save(change).await.unwrap();

    assert_eq!(storage.card(&visit.id).await.unwrap(), arrival.visit_card);
    let cards = storage.seat_cards(&visit.id).await.unwrap();
    let [(seat, card)] = &cards[..] else { panic!("one seat card") };
    assert_eq!(*seat, id(2));
    assert_same_card(card, &arrival.seat_card.unwrap());

    let session = TabSession { seat: id(2), tab: 1, expires_at: at(3600) };
    let cookie = TokenHash::of("cookie");
    assert_eq!(storage.lookup_session(cookie, at(3599)).await.unwrap(), Some(session));
    assert_eq!(storage.lookup_session(cookie, at(3600)).await.unwrap(), None);
    assert_eq!(storage.lookup_session(TokenHash::of("another"), at(0)).await.unwrap(), None);
}

async fn an_arrival_without_cards_keeps_what_was_there(db: Arc<Database>) {
    let storage = db.open().await;
    let mut visit = new_visit(1);
    for (tab, cookie) in [(1, "first"), (2, "second")] {
        let events = evolve(&mut visit, arrive("Patient/ada", Role::Patient, id(2)), at(0));
        let mut arrival = arrival(id(2), tab, cookie);
        if tab == 2 {
            (arrival.seat_card, arrival.visit_card) = (None, None);
        }
        storage.save(Change { arrival: Some(arrival), ..change(&visit, &events, at(0)) }).await.unwrap();
        visit = storage.lookup(&visit.id).await.unwrap().unwrap();
    }
    let expected = arrival(id(2), 1, "first");
    assert_eq!(storage.card(&visit.id).await.unwrap(), expected.visit_card);
    assert_same_card(&storage.seat_cards(&visit.id).await.unwrap()[0].1, &expected.seat_card.unwrap());
    let second = storage.lookup_session(TokenHash::of("second"), at(0)).await.unwrap();
    assert_eq!(second.map(|session| session.tab), Some(2));
}

fn assert_same_card(card: &SeatCard, expected: &SeatCard) {
    assert_eq!(card.name, expected.name);
    assert_eq!(card.external_id, expected.external_id);
    let token = |card: &SeatCard| {
        let token = card.launch_token.as_ref();
        token.map(|(token, expires_at)| (token.expose_secret().to_owned(), *expires_at))
    };
    assert_eq!(token(card), token(expected));
}

async fn an_arrival_that_conflicts_leaves_nothing(db: Arc<Database>) {
    let storage = db.open().await;
    let mut stale = visit_of_two(&storage).await;
    let mut fresh = stale.clone();
    act(&storage, &mut fresh, Command::Leave { seat: id(2) }, at(2)).await.unwrap();
    let events = storage.last_event(&fresh.id).await.unwrap();

    let taken = evolve(&mut stale, arrive("Patient/ada", Role::Patient, id(2)), at(3));
    let change = Change { arrival: Some(arrival(id(2), 2, "late")), ..change(&stale, &taken, at(3)) };
    assert!(matches!(storage.save(change).await, Err(StorageError::Conflict)));
    assert_eq!(storage.last_event(&fresh.id).await.unwrap(), events);
    assert_eq!(storage.lookup_session(TokenHash::of("late"), at(3)).await.unwrap(), None);
    assert_eq!(storage.card(&fresh.id).await.unwrap(), None);
}

async fn visits_with_connections_are_found(db: Arc<Database>) {
    let storage = db.open().await;
    let mut connected = Vec::new();
    for number in 1..=4 {
        let mut visit = new_visit(number);
        let provider = id(number * 10);
        let arrive = arrive("Practitioner/finn", Role::Provider, id(number * 10));
        act(&storage, &mut visit, arrive, at(0)).await.unwrap();
        if number > 1 {
            let connect = Command::Connect { seat: provider, connection: named("c") };
            act(&storage, &mut visit, connect, at(1)).await.unwrap();
        }
        if number == 4 {
            act(&storage, &mut visit, Command::End { by: id(40) }, at(2)).await.unwrap();
        }
        if visit.seats.iter().any(|seat| seat.state == SeatState::Connected) && visit.is_open() {
            connected.push(visit);
        }
    }
    assert_eq!(connected.len(), 2);
    assert_eq!(storage.with_connections().await.unwrap(), connected);
}

async fn what_is_over_is_forgotten(db: Arc<Database>) {
    let storage = db.open().await;
    // One for each fate: ended, abandoned, connected, still waiting.
    for number in 1..=4 {
        let mut visit = new_visit(number);
        let seat = id(number * 10);
        let now = if number == 4 { at(5000) } else { at(0) };
        let events = evolve(&mut visit, arrive("Practitioner/finn", Role::Provider, seat), now);
        let arrival = Some(arrival(id(number * 10), 1, &number.to_string()));
        storage.save(Change { arrival, ..change(&visit, &events, now) }).await.unwrap();
        visit = storage.lookup(&visit.id).await.unwrap().unwrap();
        match number {
            1 => {
                act(&storage, &mut visit, Command::End { by: id(10) }, at(60)).await.unwrap();
            }
            3 => {
                let connect = Command::Connect { seat: id(30), connection: named("c") };
                act(&storage, &mut visit, connect, at(60)).await.unwrap();
            }
            _ => {}
        }
    }
    assert_eq!(storage.forget_before(at(30)).await.unwrap(), 1, "the abandoned one");
    assert_eq!(storage.forget_before(at(3600)).await.unwrap(), 1, "the ended one");
    assert_eq!(storage.forget_before(at(3600)).await.unwrap(), 0);

    for (number, kept) in [(1, false), (2, false), (3, true), (4, true)] {
        let visit = storage.lookup(&id(number)).await.unwrap().unwrap();
        assert_eq!(visit.is_open(), kept, "visit {number}");
        assert_eq!(storage.card(&visit.id).await.unwrap().is_some(), kept, "visit {number}");
        assert_eq!(storage.seat_cards(&visit.id).await.unwrap().len(), usize::from(kept), "visit {number}");
    }
    // Whoever had read the abandoned one has to read it again.
    let abandoned = Visit { version: 1, ..storage.lookup(&id(2)).await.unwrap().unwrap() };
    let late = storage.save(change(&abandoned, &[], at(3601))).await;
    assert!(matches!(late, Err(StorageError::Conflict)));
}

async fn reopening_finds_everything(db: Arc<Database>) {
    let storage = db.open().await;
    let visit = visit_of_two(&storage).await;
    let events = storage.events_after(&visit.id, EventId(0)).await.unwrap();
    storage.close().await;
    assert!(matches!(storage.lookup(&visit.id).await, Err(StorageError::Unavailable(_))));

    let storage = db.open().await;
    storage.ping().await.unwrap();
    assert_eq!(storage.events_after(&visit.id, EventId(0)).await.unwrap(), events);
    assert_eq!(storage.lookup(&visit.id).await.unwrap(), Some(visit));
}

#[tokio::test]
async fn a_temporary_database_serves_many_at_once() {
    let storage = temporary().await;
    let visit = visit_of_two(&storage).await;
    let mut readers = JoinSet::new();
    for _ in 0..32 {
        let (storage, id) = (storage.clone(), visit.id.clone());
        readers.spawn(async move { storage.lookup(&id).await.unwrap() });
    }
    assert!(readers.join_all().await.into_iter().all(|read| read.as_ref() == Some(&visit)));
}
