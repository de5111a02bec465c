use std::sync::{Arc, Mutex};

use storage::{
    Attempt, Change, DeviceTestRecord, DeviceTests, NoticeChange, NoticeSearch, NoticeState, Notices,
    Pending, PendingKind, Recipient, Resealed, SealingKeys, Storage, StorageError, TokenHash, Visits,
};
use visit::{Role, Visit};

use crate::{
    database::{Database, contract},
    fixtures::{arrival, arrive, at, change, evolve, id, new_visit},
};

contract! {
    an_older_key_opens_what_it_sealed,
    what_older_keys_sealed_is_sealed_again,
    what_no_key_opens_is_left,
}

/// So many cells are sealed by [`sealed`] in each of four columns, and one
/// that lives for minutes.
const OF_EACH: u32 = 5;

/// Fills every column that is sealed.
async fn sealed(storage: &Storage) -> Vec<Visit> {
    let mut visits = Vec::new();
    for number in 1..=OF_EACH {
        let mut visit = new_visit(number);
        let (seat, person) = (id(number), format!("Patient/ada{number}"));
        let events = evolve(&mut visit, arrive(&person, Role::Patient, seat), at(0));
        let about = Recipient {
            ehr: visit.ehr.clone(),
            visit: visit.id.clone(),
            session: visit.session.clone(),
            seat: id(number),
            role: Role::Patient,
            external_id: "E-ada".to_owned(),
        };
        let notices = [NoticeChange::Connected(about)];
        let arrival = Some(arrival(id(number), 1, &number.to_string()));
        storage.save(Change { arrival, notices: &notices, ..change(&visit, &events, at(0)) }).await.unwrap();
        let record = DeviceTestRecord { taken_at: at(0), result: "{}".to_owned() };
        storage.keep(&visit.ehr, &visit.seats[0].person, &record).await.unwrap();
        visits.push(visit);
    }
    for notice in storage.take_due(at(0), jiff::SignedDuration::from_secs(60), 100).await.unwrap() {
        let attempt = Attempt { at: at(1), http_status: Some(400), answer: "no".to_owned() };
        storage.record_attempt(notice.id, &attempt, NoticeState::Failed, at(1)).await.unwrap();
    }
    storage.put(PendingKind::Launch, TokenHash::of("state"), b"payload", at(600)).await.unwrap();
    visits
}

async fn assert_all_opens(storage: &Storage, visits: &[Visit]) {
    for visit in visits {
        assert_eq!(storage.card(&visit.id).await.unwrap(), arrival(id(1), 1, "").visit_card);
        let cards = storage.seat_cards(&visit.id).await.unwrap();
        assert_eq!(cards[0].1.external_id.as_deref(), Some("CANARY-EXT"));
        let test = storage.newest(&visit.ehr, &visit.seats[0].person, at(-1)).await.unwrap();
        assert_eq!(test.unwrap().result, "{}");
    }
    let all = NoticeSearch { limit: 100, ..NoticeSearch::default() };
    let notices = storage.search_notices(&all).await.unwrap();
    assert_eq!(notices.len(), OF_EACH as usize);
    assert!(notices.iter().all(|notice| notice.history[0].answer == "no"));
}

async fn an_older_key_opens_what_it_sealed(db: Arc<Database>) {
    let visits = sealed(&db.open_with_keys(1, &[]).await).await;
    let rotated = db.open_with_keys(2, &[1]).await;
    assert_all_opens(&rotated, &visits).await;
    let payload = rotated.take(PendingKind::Launch, TokenHash::of("state"), at(0)).await.unwrap();
    assert_eq!(payload.as_deref(), Some(&b"payload"[..]));

    // A node that has the new key as an older one opens what it seals.
    rotated.put(PendingKind::Launch, TokenHash::of("new"), b"new", at(600)).await.unwrap();
    let behind = db.open_with_keys(1, &[2]).await;
    let payload = behind.take(PendingKind::Launch, TokenHash::of("new"), at(0)).await.unwrap();
    assert_eq!(payload.as_deref(), Some(&b"new"[..]));
}

async fn what_older_keys_sealed_is_sealed_again(db: Arc<Database>) {
    let visits = sealed(&db.open_with_keys(1, &[]).await).await;
    let rotated = db.open_with_keys(2, &[1]).await;

    let told = Mutex::new(Vec::new());
    let outcome = rotated.reseal(2, &|progress| told.lock().unwrap().push(progress)).await.unwrap();
    let cells = u64::from(OF_EACH) * 4;
    assert_eq!(outcome, Resealed { resealed: cells, left: 1 }, "the launch is waited for");
    let told = told.into_inner().unwrap();
    assert_eq!(told.len(), 12, "in batches of two");
    assert_eq!(told[0], Resealed { resealed: 2, left: cells - 1 });
    assert_eq!(told.last(), Some(&outcome));
    assert!(told.is_sorted_by_key(|progress| progress.resealed));

    rotated.sweep(at(600)).await.unwrap();
    let again = rotated.reseal(2, &|_| panic!("there is nothing to do")).await.unwrap();
    assert_eq!(again, Resealed { resealed: 0, left: 0 });
    assert_all_opens(&db.open_with_keys(2, &[]).await, &visits).await;
}

async fn what_no_key_opens_is_left(db: Arc<Database>) {
    let visits = sealed(&db.open_with_keys(1, &[]).await).await;
    let stranger = db.open_with_keys(3, &[2]).await;
    let all = u64::from(OF_EACH) * 4 + 1;
    let outcome = stranger.reseal(2, &|_| {}).await.unwrap();
    assert_eq!(outcome, Resealed { resealed: 0, left: all });
    let error = stranger.card(&visits[0].id).await.unwrap_err();
    assert!(matches!(error, StorageError::Corrupt { table: "visits", column: "card", .. }));
}
