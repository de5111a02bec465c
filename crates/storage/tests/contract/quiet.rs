//! No error, and nothing that stands in for its cause, names a person, a
//! session or a secret.

use std::{error::Error, fmt::Debug, sync::Arc};

use storage::{
    Arrival, Attempt, AuditLog, Change, DeviceTestRecord, DeviceTests, NoticeChange, NoticeSearch, Notices,
    Operators, Pending, PendingKind, Recipient, SeatCard, Storage, StorageError, TokenHash, VisitCard,
    Visits,
};
use visit::{Event, Role, Visit};

use crate::{
    database::{Database, contract},
    fixtures::{arrival, arrive, at, change, evolve, id, named, new_visit},
};

contract! {
    a_spoilt_row_is_reported_without_what_it_holds,
    a_refused_row_is_reported_without_what_it_held,
    a_closed_database_says_nothing_of_what_was_asked,
}

/// Stands in every session id, person, secret and cell of these tests.
const CANARY: &str = "canary";

fn assert_quiet(error: &StorageError) {
    let mut next: Option<&dyn Error> = Some(error);
    while let Some(error) = next {
        let said = format!("{error} {error:?}");
        assert!(!said.to_lowercase().contains(CANARY), "{said}");
        next = error.source();
    }
}

fn visit_of_canary() -> (Visit, Vec<Event>) {
    let mut visit = Visit { session: named("canary-session"), ..new_visit(1) };
    let events = evolve(&mut visit, arrive("Patient/canary", Role::Patient, id(2)), at(0));
    (visit, events)
}

fn recipient(visit: &Visit) -> Recipient {
    Recipient {
        ehr: visit.ehr.clone(),
        visit: visit.id.clone(),
        session: visit.session.clone(),
        seat: id(2),
        role: Role::Patient,
        external_id: "canary".to_owned(),
    }
}

async fn save(storage: &Storage, (visit, events): &(Visit, Vec<Event>)) -> Result<(), StorageError> {
    let notices = [NoticeChange::Connected(recipient(visit))];
    let arrival = Some(arrival(id(2), 1, "canary cookie"));
    storage.save(Change { arrival, notices: &notices, ..change(visit, events, at(0)) }).await.map(drop)
}

async fn a_spoilt_row_is_reported_without_what_it_holds(db: Arc<Database>) {
    let storage = db.open().await;
    let stored = visit_of_canary();
    save(&storage, &stored).await.unwrap();
    let ehr = &stored.0.ehr;
    let state = TokenHash::of("canary state");
    storage.put(PendingKind::Launch, state, b"canary", at(600)).await.unwrap();
    let record = DeviceTestRecord { taken_at: at(0), result: "canary".to_owned() };
    storage.keep(ehr, &named("Patient/canary"), &record).await.unwrap();

    db.tamper(
        "UPDATE visits SET session = 'canary session', card = 'canary';
         UPDATE seats SET person = 'canary', card = 'canary';
         UPDATE notices SET role = 'canary', history = 'canary';
         UPDATE events SET body = '{\"kind\":\"canary\"}';
         UPDATE pending SET payload = 'canary';
         UPDATE device_tests SET result = 'canary';
         UPDATE audit_log SET hash = 'canary'",
    )
    .await;
    let visit = &stored.0.id;
    let all = NoticeSearch { limit: 9, ..NoticeSearch::default() };
    for error in [
        storage.lookup(visit).await.map(drop).unwrap_err(),
        storage.card(visit).await.map(drop).unwrap_err(),
        storage.seat_cards(visit).await.map(drop).unwrap_err(),
        storage.events_after(visit, storage::EventId(0)).await.map(drop).unwrap_err(),
        storage.search_notices(&all).await.map(drop).unwrap_err(),
        storage.take(PendingKind::Launch, state, at(0)).await.map(drop).unwrap_err(),
        storage.newest(ehr, &named("Patient/canary"), at(-1)).await.map(drop).unwrap_err(),
        storage.audit_entries_after(0, 9).await.map(drop).unwrap_err(),
    ] {
        assert!(matches!(error, StorageError::Corrupt { .. }), "{error:?}");
        assert_quiet(&error);
    }
}

/// PostgreSQL tells the whole row to whoever breaks a rule of it.
async fn a_refused_row_is_reported_without_what_it_held(db: Arc<Database>) {
    let storage = db.open().await;
    let rules = match &*db {
        Database::Sqlite { .. } => {
            "CREATE TRIGGER no_visit BEFORE INSERT ON visits BEGIN SELECT RAISE(ABORT, 'never'); END;
             CREATE TRIGGER no_user BEFORE INSERT ON operators BEGIN SELECT RAISE(ABORT, 'never'); END"
        }
        Database::Postgres { .. } => {
            "ALTER TABLE visits ADD CONSTRAINT no_visit CHECK (session = '');
             ALTER TABLE operators ADD CONSTRAINT no_user CHECK (user_name = '')"
        }
    };
    db.tamper(rules).await;
    for error in [
        save(&storage, &visit_of_canary()).await.unwrap_err(),
        storage.set_password("canary", "$canary$", at(0)).await.unwrap_err(),
        // PostgreSQL takes no such text.
        storage.set_password("canary\0", "$canary$", at(0)).await.unwrap_err(),
    ] {
        assert!(matches!(error, StorageError::Unavailable(_)), "{error:?}");
        assert_quiet(&error);
    }
}

async fn a_closed_database_says_nothing_of_what_was_asked(db: Arc<Database>) {
    let storage = db.open().await;
    storage.close().await;
    let error = save(&storage, &visit_of_canary()).await.unwrap_err();
    assert!(matches!(error, StorageError::Unavailable(_)));
    assert_quiet(&error);
    assert_quiet(&storage.look(PendingKind::Launch, TokenHash::of("canary"), at(0)).await.unwrap_err());
}

#[test]
fn what_goes_in_and_out_is_shown_without_names_and_secrets() {
    let (visit, _) = visit_of_canary();
    let arrival: Arrival = arrival(id(2), 1, "canary cookie");
    let cards: (Option<SeatCard>, Option<VisitCard>) =
        (arrival.seat_card.clone(), arrival.visit_card.clone());
    let attempt = Attempt { at: at(0), http_status: Some(400), answer: "canary".to_owned() };
    let test = DeviceTestRecord { taken_at: at(0), result: "canary".to_owned() };
    let search = NoticeSearch { meeting: Some("canary".to_owned()), ..NoticeSearch::default() };
    let change = NoticeChange::Connected(recipient(&visit));
    let shown: [&dyn Debug; 7] = [&visit, &arrival, &cards, &attempt, &test, &search, &change];
    for value in shown {
        let shown = format!("{value:?}").to_lowercase();
        assert!(!shown.contains(CANARY) && !shown.contains("lovelace"), "{shown}");
    }
}
