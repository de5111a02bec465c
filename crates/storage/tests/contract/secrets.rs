use std::sync::Arc;

use storage::{
    Attempt, CallAnswer, Change, DeviceTestRecord, DeviceTests, NodeId, NoticeChange, NoticeState, Notices,
    Pending, PendingKind, Recipient, Rooms, StorageConfig, StorageError, TokenHash, Visits,
};
use visit::Role;

use crate::{
    database::{Database, contract},
    fixtures::{arrival, arrive, at, change, evolve, id, named, new_visit},
};

contract! {
    no_name_and_no_token_is_in_the_database,
    sealed_cells_cannot_be_exchanged,
    another_key_opens_nothing,
}

/// Everything that is to be sealed has this in it, in one case or another.
const CANARY: &str = "canary";

async fn no_name_and_no_token_is_in_the_database(db: Arc<Database>) {
    let storage = db.open().await;
    let mut visit = new_visit(1);
    let events = evolve(&mut visit, arrive("Patient/ada", Role::Patient, id(2)), at(0));
    let about = Recipient {
        ehr: visit.ehr.clone(),
        visit: visit.id.clone(),
        session: visit.session.clone(),
        seat: id(2),
        role: Role::Patient,
        external_id: "E-ada".to_owned(),
    };
    let notices = [NoticeChange::Connected(about)];
    let arrival = Some(arrival(id(2), 1, "canary cookie"));
    storage.save(Change { arrival, notices: &notices, ..change(&visit, &events, at(0)) }).await.unwrap();

    let notice = storage.take_due(at(0), jiff::SignedDuration::from_secs(1), 1).await.unwrap().remove(0);
    let attempt = Attempt { at: at(1), http_status: Some(400), answer: "no such canary".to_owned() };
    storage.record_attempt(notice.id, &attempt, NoticeState::Failed, at(1)).await.unwrap();

    storage.put(PendingKind::Launch, TokenHash::of("canary state"), b"canary", at(600)).await.unwrap();
    let record = DeviceTestRecord { taken_at: at(0), result: "Ada's canary camera".to_owned() };
    storage.keep(&visit.ehr, &named("Patient/ada"), &record).await.unwrap();
    let call = storage.call(&NodeId("a".to_owned()), &visit.room, "canary offer", at(30)).await.unwrap();
    storage.answer(call, &CallAnswer("canary answer".to_owned())).await.unwrap();

    let dump = String::from_utf8_lossy(&db.dump().await).to_lowercase();
    assert!(dump.contains("patient/ada"), "the dump shows what is not sealed");
    assert!(!dump.contains(CANARY));
    assert!(!dump.contains("lovelace"));
}

async fn sealed_cells_cannot_be_exchanged(db: Arc<Database>) {
    let storage = db.open().await;
    let mut visit = new_visit(1);
    for (person, seat) in [("Patient/ada", id(2)), ("Patient/bob", id(3))] {
        let events = evolve(&mut visit, arrive(person, Role::Patient, seat), at(0));
        let arrival = Some(arrival(visit.seats.last().unwrap().id.clone(), 1, person));
        storage.save(Change { arrival, ..change(&visit, &events, at(0)) }).await.unwrap();
        visit = storage.lookup(&visit.id).await.unwrap().unwrap();
    }
    let (ada, bob): (visit::SeatId, visit::SeatId) = (id(2), id(3));
    db.tamper(&format!(
        "UPDATE seats SET card = (SELECT card FROM seats WHERE seat = '{ada}') WHERE seat = '{bob}'"
    ))
    .await;
    let error = storage.seat_cards(&visit.id).await.unwrap_err();
    let StorageError::Corrupt { table: "seats", column: "card", id } = error else { panic!("{error:?}") };
    assert_eq!(id, bob.as_str());
}

async fn another_key_opens_nothing(db: Arc<Database>) {
    let storage = db.open().await;
    storage.put(PendingKind::Launch, TokenHash::of("state"), b"payload", at(600)).await.unwrap();
    let stranger = db.try_open(8).await.unwrap();
    let error = stranger.look(PendingKind::Launch, TokenHash::of("state"), at(0)).await.unwrap_err();
    assert!(matches!(error, StorageError::Corrupt { table: "pending", column: "payload", .. }));
}

#[test]
fn how_to_open_the_database_is_shown_without_password_and_key() {
    let config = StorageConfig {
        url: storage::DatabaseUrl::Postgres("postgres://anteroom:canary@db/anteroom".to_owned().into()),
        secrecy: storage::Secrecy { key_id: 1, key: Box::new([0xca; 32]).into() },
        connections: 4,
    };
    let shown = format!("{config:?}");
    assert!(!shown.contains(CANARY) && !shown.contains("202"), "{shown}");
}
