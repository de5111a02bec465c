use std::sync::Arc;

use jiff::{SignedDuration, Timestamp};
use secrecy::ExposeSecret;
use storage::{
    Attempt, Change, Notice, NoticeChange, NoticeId, NoticeSearch, NoticeState, NoticeStatus, Notices,
    Recipient, Storage, StorageError, Visits,
};
use tokio::task::JoinSet;
use visit::{Role, SeatId, Visit};

use crate::{
    database::{Database, contract},
    fixtures::{arrival, arrive, at, change, evolve, id, named, new_visit, visit_of_two},
};

contract! {
    what_is_due_is_leased_and_comes_back,
    each_person_is_told_in_order,
    a_failed_one_lets_the_next_go,
    a_disconnect_waits_for_its_grace_time,
    a_rejoin_within_the_grace_time_says_nothing,
    a_rejoin_after_the_first_attempt_is_told_behind_it,
    a_connect_that_was_not_told_yet_goes_before_the_disconnect,
    of_many_takers_each_notice_goes_to_one,
    no_more_than_the_limit_is_taken,
    a_late_answer_does_not_undo_an_accepted_one,
    a_failed_one_can_be_retried,
    what_was_overtaken_is_not_retried,
    the_launch_token_goes_along_while_it_is_good,
    records_are_found_by_every_name_of_the_meeting,
    records_are_paged_newest_first,
    a_change_that_conflicts_tells_nobody,
    one_unreadable_record_does_not_keep_the_others,
}

const LEASE: SignedDuration = SignedDuration::from_secs(30);
const GRACE: SignedDuration = SignedDuration::from_secs(10);

fn recipient(visit: &Visit, seat: SeatId) -> Recipient {
    Recipient {
        ehr: visit.ehr.clone(),
        visit: visit.id.clone(),
        session: visit.session.clone(),
        seat,
        role: Role::Patient,
        external_id: "E-ada".to_owned(),
    }
}

fn connected(visit: &Visit, seat: u32) -> NoticeChange {
    NoticeChange::Connected(recipient(visit, id(seat)))
}

fn disconnected(visit: &Visit, seat: u32) -> NoticeChange {
    NoticeChange::Disconnected { about: recipient(visit, id(seat)), grace: GRACE }
}

/// Stores what the EHR is to be told.
async fn tell(storage: &Storage, visit: &Visit, notice: NoticeChange, now: Timestamp) {
    let visit = storage.lookup(&visit.id).await.unwrap().unwrap();
    storage.save(Change { notices: &[notice], ..change(&visit, &[], now) }).await.unwrap();
}

async fn take(storage: &Storage, now: Timestamp) -> Vec<Notice> {
    storage.take_due(now, LEASE, 100).await.unwrap()
}

async fn ended(storage: &Storage, id: NoticeId, now: Timestamp, state: NoticeState) {
    let attempt = Attempt { at: now, http_status: Some(200), answer: "noted".to_owned() };
    storage.record_attempt(id, &attempt, state, now).await.unwrap();
}

/// What is taken, told and accepted from now on, as seat and status.
async fn deliver_all(storage: &Storage, now: Timestamp) -> Vec<(SeatId, NoticeStatus)> {
    let mut told = Vec::new();
    loop {
        let due = take(storage, now).await;
        if due.is_empty() {
            return told;
        }
        for notice in due {
            ended(storage, notice.id, now, NoticeState::Delivered).await;
            told.push((notice.about.seat, notice.status));
        }
    }
}

async fn states(storage: &Storage) -> Vec<(NoticeStatus, NoticeState)> {
    let all = NoticeSearch { limit: 100, ..NoticeSearch::default() };
    let mut notices = storage.search_notices(&all).await.unwrap();
    notices.reverse();
    notices.iter().map(|notice| (notice.status, notice.state)).collect()
}

async fn what_is_due_is_leased_and_comes_back(db: Arc<Database>) {
    let (storage, other_node) = (db.open().await, db.open().await);
    let visit = visit_of_two(&storage).await;
    assert_eq!(storage.next_due().await.unwrap(), None);
    tell(&storage, &visit, connected(&visit, 2), at(10)).await;
    assert_eq!(storage.next_due().await.unwrap(), Some(at(10)));
    assert!(take(&storage, at(9)).await.is_empty());

    let [notice] = &take(&storage, at(10)).await[..] else { panic!("one is due") };
    assert_eq!(notice.about, recipient(&visit, id(2)));
    assert_eq!((notice.status, notice.state), (NoticeStatus::Connected, NoticeState::Pending));
    assert_eq!((notice.happened_at, notice.attempts), (at(10), 1));
    assert!(notice.history.is_empty());

    // The node that took it dies.
    assert_eq!(storage.next_due().await.unwrap(), Some(at(40)));
    assert!(take(&other_node, at(39)).await.is_empty());
    let [again] = &take(&other_node, at(40)).await[..] else { panic!("it is due again") };
    assert_eq!((again.id, again.attempts), (notice.id, 2));

    // The EHR is away for a while.
    let attempt = Attempt { at: at(41), http_status: None, answer: "no route".to_owned() };
    storage.record_attempt(again.id, &attempt, NoticeState::Pending, at(100)).await.unwrap();
    assert_eq!(storage.next_due().await.unwrap(), Some(at(100)));
    let [third] = &take(&storage, at(100)).await[..] else { panic!("it is due a third time") };
    assert_eq!(third.history, [attempt]);

    ended(&storage, third.id, at(101), NoticeState::Delivered).await;
    assert_eq!(storage.next_due().await.unwrap(), None);
    assert!(take(&storage, at(10_000)).await.is_empty());
}

async fn each_person_is_told_in_order(db: Arc<Database>) {
    let storage = db.open().await;
    let visit = visit_of_two(&storage).await;
    tell(&storage, &visit, connected(&visit, 1), at(0)).await;
    tell(&storage, &visit, disconnected(&visit, 1), at(1)).await;
    tell(&storage, &visit, connected(&visit, 2), at(2)).await;

    let due = take(&storage, at(60)).await;
    let taken: Vec<_> = due.iter().map(|notice| (notice.about.seat.clone(), notice.status)).collect();
    assert_eq!(taken, [(id(1), NoticeStatus::Connected), (id(2), NoticeStatus::Connected)]);
    assert!(take(&storage, at(60)).await.is_empty(), "while the first is on its way");

    ended(&storage, due[0].id, at(61), NoticeState::Delivered).await;
    let due = take(&storage, at(61)).await;
    let taken: Vec<_> = due.iter().map(|notice| (notice.about.seat.clone(), notice.status)).collect();
    assert_eq!(taken, [(id(1), NoticeStatus::Disconnected)]);
}

async fn a_failed_one_lets_the_next_go(db: Arc<Database>) {
    let storage = db.open().await;
    let visit = visit_of_two(&storage).await;
    tell(&storage, &visit, connected(&visit, 2), at(0)).await;
    tell(&storage, &visit, disconnected(&visit, 2), at(1)).await;
    let first = take(&storage, at(60)).await.remove(0);
    ended(&storage, first.id, at(60), NoticeState::Failed).await;
    assert_eq!(deliver_all(&storage, at(60)).await, [(id(2), NoticeStatus::Disconnected)]);
}

async fn a_disconnect_waits_for_its_grace_time(db: Arc<Database>) {
    let storage = db.open().await;
    let visit = visit_of_two(&storage).await;
    tell(&storage, &visit, disconnected(&visit, 2), at(0)).await;
    assert_eq!(storage.next_due().await.unwrap(), Some(at(10)));
    assert!(take(&storage, at(9)).await.is_empty());
    let [notice] = &take(&storage, at(10)).await[..] else { panic!("one is due") };
    assert_eq!(notice.happened_at, at(0));
}

async fn a_rejoin_within_the_grace_time_says_nothing(db: Arc<Database>) {
    let storage = db.open().await;
    let visit = visit_of_two(&storage).await;
    tell(&storage, &visit, connected(&visit, 2), at(0)).await;
    assert_eq!(deliver_all(&storage, at(0)).await.len(), 1);
    for second in [1, 3, 5] {
        tell(&storage, &visit, disconnected(&visit, 2), at(second)).await;
        tell(&storage, &visit, connected(&visit, 2), at(second + 1)).await;
    }
    assert_eq!(deliver_all(&storage, at(100)).await, []);
    let withdrawn = (NoticeStatus::Disconnected, NoticeState::Withdrawn);
    let delivered = (NoticeStatus::Connected, NoticeState::Delivered);
    assert_eq!(states(&storage).await, [delivered, withdrawn, withdrawn, withdrawn]);
}

async fn a_rejoin_after_the_first_attempt_is_told_behind_it(db: Arc<Database>) {
    let storage = db.open().await;
    let visit = visit_of_two(&storage).await;
    tell(&storage, &visit, disconnected(&visit, 2), at(0)).await;
    let gone = take(&storage, at(10)).await.remove(0);
    tell(&storage, &visit, connected(&visit, 2), at(11)).await;
    assert!(take(&storage, at(12)).await.is_empty());
    ended(&storage, gone.id, at(12), NoticeState::Delivered).await;
    assert_eq!(deliver_all(&storage, at(12)).await, [(id(2), NoticeStatus::Connected)]);
}

async fn a_connect_that_was_not_told_yet_goes_before_the_disconnect(db: Arc<Database>) {
    let storage = db.open().await;
    let visit = visit_of_two(&storage).await;
    tell(&storage, &visit, connected(&visit, 2), at(0)).await;
    tell(&storage, &visit, disconnected(&visit, 2), at(1)).await;
    let told = deliver_all(&storage, at(60)).await;
    assert_eq!(told, [(id(2), NoticeStatus::Connected), (id(2), NoticeStatus::Disconnected)]);
}

async fn of_many_takers_each_notice_goes_to_one(db: Arc<Database>) {
    let nodes = [db.open().await, db.open().await];
    let visit = visit_of_two(&nodes[0]).await;
    for seat in 0..20 {
        tell(&nodes[0], &visit, connected(&visit, seat), at(0)).await;
        tell(&nodes[0], &visit, disconnected(&visit, seat), at(1)).await;
    }
    let mut takers = JoinSet::new();
    for taker in 0..8 {
        let storage = nodes[taker % 2].clone();
        takers.spawn(async move {
            let mut taken = Vec::new();
            for _ in 0..10 {
                taken.extend(storage.take_due(at(60), LEASE, 3).await.unwrap());
            }
            taken
        });
    }
    let mut taken: Vec<_> = takers.join_all().await.into_iter().flatten().collect();
    assert!(taken.iter().all(|notice| notice.status == NoticeStatus::Connected && notice.attempts == 1));
    taken.sort_by_key(|notice| notice.id);
    taken.dedup_by_key(|notice| notice.id);
    assert_eq!(taken.len(), 20);
}

async fn no_more_than_the_limit_is_taken(db: Arc<Database>) {
    let storage = db.open().await;
    let visit = visit_of_two(&storage).await;
    for seat in 1..=5 {
        tell(&storage, &visit, connected(&visit, seat), at(seat.into())).await;
    }
    for expected in [2, 2, 1, 0] {
        assert_eq!(storage.take_due(at(60), LEASE, 2).await.unwrap().len(), expected);
    }
}

/// A node that was slower than its lease.
async fn a_late_answer_does_not_undo_an_accepted_one(db: Arc<Database>) {
    let storage = db.open().await;
    let visit = visit_of_two(&storage).await;
    tell(&storage, &visit, connected(&visit, 2), at(0)).await;
    let slow = take(&storage, at(0)).await.remove(0);
    let quick = take(&storage, at(60)).await.remove(0);
    assert_eq!(slow.id, quick.id);
    ended(&storage, quick.id, at(61), NoticeState::Delivered).await;
    ended(&storage, slow.id, at(62), NoticeState::Pending).await;

    let all = NoticeSearch { limit: 1, ..NoticeSearch::default() };
    let record = storage.search_notices(&all).await.unwrap().remove(0);
    assert_eq!((record.state, record.history.len()), (NoticeState::Delivered, 2));
    assert!(take(&storage, at(10_000)).await.is_empty());
}

async fn a_failed_one_can_be_retried(db: Arc<Database>) {
    let storage = db.open().await;
    let visit = visit_of_two(&storage).await;
    tell(&storage, &visit, connected(&visit, 2), at(0)).await;
    let notice = take(&storage, at(0)).await.remove(0);
    assert!(!storage.retry(notice.id, at(1)).await.unwrap(), "it is on its way");
    ended(&storage, notice.id, at(1), NoticeState::Failed).await;
    assert!(storage.retry(notice.id, at(60)).await.unwrap());
    assert!(!storage.retry(notice.id, at(60)).await.unwrap(), "it is pending");

    let again = take(&storage, at(60)).await.remove(0);
    assert_eq!((again.id, again.attempts, again.history.len()), (notice.id, 2, 1));
    ended(&storage, notice.id, at(61), NoticeState::Delivered).await;
    assert!(!storage.retry(notice.id, at(62)).await.unwrap(), "it is delivered");
    assert!(!storage.retry(NoticeId(i64::MAX), at(62)).await.unwrap(), "there is none");
}

/// The light must not go on for somebody who has left.
async fn what_was_overtaken_is_not_retried(db: Arc<Database>) {
    let storage = db.open().await;
    let visit = visit_of_two(&storage).await;
    tell(&storage, &visit, connected(&visit, 2), at(0)).await;
    let notice = take(&storage, at(0)).await.remove(0);
    ended(&storage, notice.id, at(1), NoticeState::Failed).await;
    tell(&storage, &visit, disconnected(&visit, 2), at(2)).await;
    assert_eq!(deliver_all(&storage, at(60)).await, [(id(2), NoticeStatus::Disconnected)]);
    assert!(!storage.retry(notice.id, at(61)).await.unwrap());
}

async fn the_launch_token_goes_along_while_it_is_good(db: Arc<Database>) {
    let storage = db.open().await;
    let mut visit = new_visit(1);
    let events = evolve(&mut visit, arrive("Patient/ada", Role::Patient, id(2)), at(0));
    let told = [connected(&visit, 2)];
    let arrival = Some(arrival(id(2), 1, "cookie"));
    storage.save(Change { arrival, notices: &told, ..change(&visit, &events, at(0)) }).await.unwrap();

    // The token of the fixture is good until 300.
    for (now, expected) in [(299, Some("canary-launch-token")), (330, None)] {
        let notice = take(&storage, at(now)).await.remove(0);
        let token = notice.launch_token.as_ref().map(ExposeSecret::expose_secret);
        assert_eq!(token, expected, "at {now}");
    }
    let all = NoticeSearch { limit: 1, ..NoticeSearch::default() };
    assert!(storage.search_notices(&all).await.unwrap()[0].launch_token.is_none());
}

async fn records_are_found_by_every_name_of_the_meeting(db: Arc<Database>) {
    let storage = db.open().await;
    for number in [1, 2] {
        let mut visit = new_visit(number);
        let seat = id(number * 10);
        let events = evolve(&mut visit, arrive("Patient/ada", Role::Patient, seat), at(0));
        let mut arrival = arrival(id(number * 10), 1, &number.to_string());
        if let Some(card) = &mut arrival.visit_card {
            card.csn = Some(named(&format!("55500{number}")));
        }
        let told = [connected(&visit, number * 10)];
        let change = Change { arrival: Some(arrival), notices: &told, ..change(&visit, &events, at(0)) };
        storage.save(change).await.unwrap();
    }
    let visit = new_visit(2);
    for name in ["555002", visit.session.as_str(), visit.id.as_str()] {
        let search = NoticeSearch { meeting: Some(name.to_owned()), limit: 10, ..NoticeSearch::default() };
        let found = storage.search_notices(&search).await.unwrap();
        let seats: Vec<_> = found.iter().map(|notice| notice.about.seat.clone()).collect();
        assert_eq!(seats, [id(20)], "{name}");
    }
    for name in ["55500", "55500%", "", "lamna-test"] {
        let search = NoticeSearch { meeting: Some(name.to_owned()), limit: 10, ..NoticeSearch::default() };
        assert!(storage.search_notices(&search).await.unwrap().is_empty(), "{name}");
    }
}

async fn records_are_paged_newest_first(db: Arc<Database>) {
    let storage = db.open().await;
    let visit = visit_of_two(&storage).await;
    for seat in 1..=5 {
        tell(&storage, &visit, connected(&visit, seat), at(seat.into())).await;
    }
    let due = storage.take_due(at(60), LEASE, 1).await.unwrap().remove(0);
    ended(&storage, due.id, at(60), NoticeState::Failed).await;

    let mut search = NoticeSearch { limit: 2, ..NoticeSearch::default() };
    let mut seats = Vec::new();
    loop {
        let page = storage.search_notices(&search).await.unwrap();
        let Some(last) = page.last() else { break };
        search.before = Some(last.id);
        seats.extend(page.into_iter().map(|notice| notice.about.seat));
    }
    assert_eq!(seats, [id(5), id(4), id(3), id(2), id(1)]);

    let failed = NoticeSearch { state: Some(NoticeState::Failed), limit: 10, ..NoticeSearch::default() };
    let failed = storage.search_notices(&failed).await.unwrap();
    assert_eq!(failed.iter().map(|notice| notice.id).collect::<Vec<_>>(), [due.id]);
}

async fn a_change_that_conflicts_tells_nobody(db: Arc<Database>) {
    let storage = db.open().await;
    let stale = visit_of_two(&storage).await;
    tell(&storage, &stale, disconnected(&stale, 2), at(0)).await;
    let told = [connected(&stale, 2), connected(&stale, 1)];
    let conflict = storage.save(Change { notices: &told, ..change(&stale, &[], at(1)) }).await;
    assert!(matches!(conflict, Err(StorageError::Conflict)));
    assert_eq!(states(&storage).await, [(NoticeStatus::Disconnected, NoticeState::Pending)]);
}

async fn one_unreadable_record_does_not_keep_the_others(db: Arc<Database>) {
    let storage = db.open().await;
    let visit = visit_of_two(&storage).await;
    for seat in 1..=3 {
        tell(&storage, &visit, connected(&visit, seat), at(0)).await;
    }
    let seat: SeatId = id(2);
    db.tamper(&format!("UPDATE notices SET role = 'juggler' WHERE seat = '{seat}'")).await;
    let due = take(&storage, at(0)).await;
    let seats: Vec<_> = due.into_iter().map(|notice| notice.about.seat).collect();
    assert_eq!(seats, [id(1), id(3)]);
}
