use std::sync::Arc;

use storage::{EventId, StorageError, Visits};
use tempfile::TempDir;
use tokio::task::JoinSet;

use crate::{
    database::{Database, contract, on_sqlite},
    fixtures::{id, visit_of_two},
};

contract! {
    many_programs_may_start_at_once,
    a_newer_database_is_refused,
    what_cannot_be_read_is_reported_with_its_place,
}

async fn many_programs_may_start_at_once(db: Arc<Database>) {
    let mut starting = JoinSet::new();
    for _ in 0..6 {
        let db = db.clone();
        starting.spawn(async move { db.open().await });
    }
    for storage in starting.join_all().await {
        storage.ping().await.unwrap();
        assert_eq!(storage.lookup(&id(1)).await.unwrap(), None);
    }
}

async fn a_newer_database_is_refused(db: Arc<Database>) {
    db.open().await.close().await;
    db.tamper("INSERT INTO schema_versions (version) VALUES (9999)").await;
    let refused = db.try_open(7).await.unwrap_err();
    assert!(matches!(refused, StorageError::TooNew { found: 9999, known: 1.. }), "{refused:?}");
}

async fn what_cannot_be_read_is_reported_with_its_place(db: Arc<Database>) {
    let storage = db.open().await;
    let visit = visit_of_two(&storage).await;
    let seat = |number| id::<visit::SeatId>(number).to_string();
    // Each is found before the one that was spoilt before it.
    let cases = [
        ("UPDATE seats SET connections = '[' WHERE position = 1", "seats", "connections", seat(2)),
        ("UPDATE seats SET person = 'ada' WHERE position = 0", "seats", "person", seat(1)),
        ("UPDATE visits SET version = -1", "visits", "version", visit.id.to_string()),
        ("UPDATE visits SET opened_at = 9223372036854775807", "visits", "opened_at", visit.id.to_string()),
        ("UPDATE visits SET admittance = 'whenever'", "visits", "admittance", visit.id.to_string()),
    ];
    for (spoil, table, column, id) in cases {
        db.tamper(spoil).await;
        let error = storage.lookup(&visit.id).await.unwrap_err();
        assert_eq!(
            error.to_string(),
            format!("table {table}, column {column}, row {id} holds what cannot be read")
        );
    }

    let last = storage.last_event(&visit.id).await.unwrap();
    db.tamper(&format!("UPDATE events SET body = '{{}}' WHERE event = {}", last.0)).await;
    let error = storage.events_after(&visit.id, EventId(0)).await.unwrap_err();
    assert_eq!(
        error.to_string(),
        format!("table events, column body, row {} holds what cannot be read", last.0)
    );
}

/// The files as a killed program leaves them: nothing was closed or written
/// back.
#[tokio::test]
async fn what_was_answered_survives_a_killed_program() {
    on_sqlite(|db| async move {
        let storage = db.open().await;
        let visit = visit_of_two(&storage).await;
        let left = TempDir::new().unwrap();
        for file in ["anteroom.db", "anteroom.db-wal"] {
            std::fs::copy(db.file().with_file_name(file), left.path().join(file)).unwrap();
        }
        let found = Database::Sqlite { folder: left }.open().await.lookup(&visit.id).await.unwrap();
        assert_eq!(found, Some(visit));
    })
    .await;
}

#[cfg(unix)]
#[tokio::test]
async fn the_file_is_for_this_user_alone() {
    use std::os::unix::fs::PermissionsExt;

    on_sqlite(|db| async move {
        std::fs::write(db.file(), b"").unwrap();
        std::fs::set_permissions(db.file(), std::fs::Permissions::from_mode(0o644)).unwrap();
        let storage = db.open().await;
        visit_of_two(&storage).await;
        let folder = db.file().parent().unwrap().read_dir().unwrap();
        for file in folder.map(Result::unwrap) {
            let mode = file.metadata().unwrap().permissions().mode();
            assert_eq!(mode & 0o777, 0o600, "{:?}", file.file_name());
        }
    })
    .await;
}
