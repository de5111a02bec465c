use std::sync::Arc;

use storage::{OperatorSession, Operators, Pending, PendingKind, StorageError, TabSessions, TokenHash};
use tokio::task::JoinSet;

use crate::{
    database::{Database, contract},
    fixtures::{arrival, arrive, at, change, evolve, id, new_visit},
};

contract! {
    what_is_put_is_taken_once,
    what_has_expired_is_not_taken,
    kinds_do_not_mix,
    a_key_is_used_once,
    of_many_takers_one_gets_it,
    a_sweep_deletes_what_has_expired,
}

fn key() -> TokenHash {
    TokenHash::of("state")
}

async fn what_is_put_is_taken_once(db: Arc<Database>) {
    let storage = db.open().await;
    storage.put(PendingKind::Launch, key(), b"payload", at(600)).await.unwrap();
    let taken = storage.take(PendingKind::Launch, key(), at(599)).await.unwrap();
    assert_eq!(taken.as_deref(), Some(&b"payload"[..]));
    assert_eq!(storage.take(PendingKind::Launch, key(), at(599)).await.unwrap(), None);
}

async fn what_has_expired_is_not_taken(db: Arc<Database>) {
    let storage = db.open().await;
    storage.put(PendingKind::Launch, key(), b"payload", at(600)).await.unwrap();
    assert_eq!(storage.take(PendingKind::Launch, key(), at(600)).await.unwrap(), None);
    assert_eq!(storage.take(PendingKind::Launch, key(), at(0)).await.unwrap(), None, "and is gone");
}

async fn kinds_do_not_mix(db: Arc<Database>) {
    let storage = db.open().await;
    storage.put(PendingKind::Choice, key(), b"choice", at(600)).await.unwrap();
    assert_eq!(storage.take(PendingKind::Launch, key(), at(0)).await.unwrap(), None);
    assert_eq!(storage.take(PendingKind::Handover, key(), at(0)).await.unwrap(), None);
    assert!(storage.take(PendingKind::Choice, key(), at(0)).await.unwrap().is_some());
}

async fn a_key_is_used_once(db: Arc<Database>) {
    let storage = db.open().await;
    storage.put(PendingKind::Launch, key(), b"first", at(600)).await.unwrap();
    let again = storage.put(PendingKind::Launch, key(), b"second", at(600)).await;
    assert!(matches!(again, Err(StorageError::Conflict)));
    let taken = storage.take(PendingKind::Launch, key(), at(0)).await.unwrap();
    assert_eq!(taken.as_deref(), Some(&b"first"[..]));
}

async fn of_many_takers_one_gets_it(db: Arc<Database>) {
    let nodes = [db.open().await, db.open().await];
    nodes[0].put(PendingKind::Launch, key(), b"payload", at(600)).await.unwrap();
    let mut takers = JoinSet::new();
    for taker in 0..16 {
        let storage = nodes[taker % 2].clone();
        takers.spawn(async move { storage.take(PendingKind::Launch, key(), at(1)).await.unwrap() });
    }
    let taken = takers.join_all().await;
    assert_eq!(taken.iter().flatten().count(), 1);
}

async fn a_sweep_deletes_what_has_expired(db: Arc<Database>) {
    let storage = db.open().await;
    for (secret, expires_at) in [("old", at(10)), ("new", at(20))] {
        storage.put(PendingKind::Launch, TokenHash::of(secret), b"", expires_at).await.unwrap();
    }
    storage.set_password("ops", "$argon2id$…", at(0)).await.unwrap();
    let session = OperatorSession { user: "ops".to_owned(), expires_at: at(10) };
    storage.open_session(TokenHash::of("session"), &session).await.unwrap();

    let mut visit = new_visit(1);
    let events = evolve(&mut visit, arrive("Patient/ada", visit::Role::Patient, id(2)), at(0));
    let mut arrival = arrival(id(2), 1, "tab");
    arrival.session_expires_at = at(10);
    let change = storage::Change { arrival: Some(arrival), ..change(&visit, &events, at(0)) };
    storage::Visits::save(&storage, change).await.unwrap();

    assert_eq!(storage.sweep(at(9)).await.unwrap(), 0);
    assert_eq!(storage.sweep(at(10)).await.unwrap(), 3);
    assert_eq!(storage.lookup_session(TokenHash::of("tab"), at(0)).await.unwrap(), None);
    assert_eq!(storage.operator_session(TokenHash::of("session"), at(0)).await.unwrap(), None);
    assert!(storage.take(PendingKind::Launch, TokenHash::of("new"), at(10)).await.unwrap().is_some());
}
