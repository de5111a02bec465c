use std::{collections::BTreeSet, sync::Arc};

use audit::{Action, Actor, Break, BrokenAt, Chain, Outcome, Record};
use storage::{AuditLog, Storage, StorageError, Visits, verify_audit};
use tokio::task::JoinSet;
use visit::{Command, Role};

use crate::{
    database::{Database, contract},
    fixtures::{act, arrive, at, change, evolve, id, named, new_visit, visit_of_two},
};

contract! {
    what_is_appended_is_read_in_order,
    what_happens_in_a_visit_is_recorded_with_it,
    what_was_not_stored_is_not_recorded,
    many_nodes_make_one_unbroken_chain,
    what_was_changed_behind_the_programs_back_is_found,
    the_chain_is_followed_while_others_append,
}

fn record(second: i64, action: Action) -> Record {
    Record::new(at(second), action, Actor::Operator { user: "olga".to_owned() })
}

async fn records(storage: &Storage) -> Vec<Record> {
    let entries = storage.audit_entries_after(0, 1000).await.unwrap();
    entries.iter().map(|entry| entry.record().unwrap()).collect()
}

async fn what_is_appended_is_read_in_order(db: Arc<Database>) {
    let storage = db.open().await;
    assert_eq!(storage.audit_chain().await.unwrap(), Chain::default());
    assert_eq!(verify_audit(&storage).await.unwrap(), Ok(Chain::default()));

    let expected =
        [record(0, Action::SignedIn), record(1, Action::RecordsViewed), record(2, Action::SignedOut)];
    for (number, record) in (1..).zip(&expected) {
        assert_eq!(storage.append(record).await.unwrap(), number);
    }
    assert_eq!(records(&storage).await, expected);
    let page = storage.audit_entries_after(1, 1).await.unwrap();
    assert_eq!(page.iter().map(|entry| entry.number).collect::<Vec<_>>(), [2]);

    let chain = storage.audit_chain().await.unwrap();
    assert_eq!(chain.length, 3);
    assert_eq!(verify_audit(&storage).await.unwrap(), Ok(chain));
}

async fn what_happens_in_a_visit_is_recorded_with_it(db: Arc<Database>) {
    let storage = db.open().await;
    let mut visit = visit_of_two(&storage).await;
    act(&storage, &mut visit, Command::Admit { by: id(1), seat: id(2) }, at(2)).await.unwrap();
    act(&storage, &mut visit, Command::Connect { seat: id(2), connection: named("c") }, at(3)).await.unwrap();
    act(&storage, &mut visit, Command::Remove { by: id(1), seat: id(2) }, at(4)).await.unwrap();
    act(&storage, &mut visit, Command::End { by: id(1) }, at(5)).await.unwrap();

    let records = records(&storage).await;
    let kinds: Vec<_> = records.iter().map(|record| record.action.as_str()).collect();
    assert_eq!(kinds, ["arrived", "admitted", "arrived", "admitted", "removed", "ended"]);
    let finn = Actor::Person { ehr: visit.ehr.clone(), person: named("Practitioner/finn") };
    let removed = Record {
        at: at(4),
        action: Action::Removed,
        outcome: Outcome::Success,
        actor: finn,
        visit: Some(visit.id.clone()),
        seat: Some(id(2)),
    };
    assert_eq!(records[4], removed);
}

async fn what_was_not_stored_is_not_recorded(db: Arc<Database>) {
    let storage = db.open().await;
    let mut stale = visit_of_two(&storage).await;
    let mut fresh = stale.clone();
    act(&storage, &mut fresh, Command::Leave { seat: id(2) }, at(2)).await.unwrap();
    let chain = storage.audit_chain().await.unwrap();

    let events = evolve(&mut stale, Command::End { by: id(1) }, at(3));
    let late = storage.save(change(&stale, &events, at(3))).await;
    assert!(matches!(late, Err(StorageError::Conflict)));
    assert_eq!(storage.audit_chain().await.unwrap(), chain);
}

async fn many_nodes_make_one_unbroken_chain(db: Arc<Database>) {
    const WRITERS: i64 = 8;
    const RECORDS: i64 = 20;
    let nodes = [db.open().await, db.open().await];
    let mut writers = JoinSet::new();
    for writer in 0..WRITERS {
        let storage = nodes[usize::try_from(writer).unwrap() % 2].clone();
        writers.spawn(async move {
            for notice in writer * RECORDS..(writer + 1) * RECORDS {
                storage.append(&record(0, Action::NotificationRetried { notice })).await.unwrap();
            }
            let number = u32::try_from(writer).unwrap() + 1;
            let mut visit = new_visit(number);
            act(&storage, &mut visit, arrive("Patient/ada", Role::Patient, id(number * 10)), at(0))
                .await
                .unwrap();
        });
    }
    writers.join_all().await;

    let chain = nodes[0].audit_chain().await.unwrap();
    assert_eq!(chain.length, u64::try_from(WRITERS * RECORDS + WRITERS).unwrap());
    assert_eq!(verify_audit(&nodes[1]).await.unwrap(), Ok(chain));
    let retried = records(&nodes[1]).await.into_iter().filter_map(|record| match record.action {
        Action::NotificationRetried { notice } => Some(notice),
        _ => None,
    });
    assert_eq!(retried.collect::<BTreeSet<_>>(), (0..WRITERS * RECORDS).collect());
}

async fn what_was_changed_behind_the_programs_back_is_found(db: Arc<Database>) {
    let storage = db.open().await;
    for second in 0..6 {
        storage.append(&record(second, Action::RecordsViewed)).await.unwrap();
    }
    assert!(verify_audit(&storage).await.unwrap().is_ok());
    // Each is undone before the next.
    let cases = [
        (
            "UPDATE audit_log SET body = replace(body, 'olga', 'mike') WHERE number = 3",
            "UPDATE audit_log SET body = replace(body, 'mike', 'olga') WHERE number = 3",
            BrokenAt { number: 3, how: Break::Changed },
        ),
        (
            "UPDATE audit_log SET number = 60 WHERE number = 4",
            "UPDATE audit_log SET number = 4 WHERE number = 60",
            BrokenAt { number: 4, how: Break::Missing },
        ),
        (
            "UPDATE audit_log SET number = -6 WHERE number = 6",
            "UPDATE audit_log SET number = 6 WHERE number = -6",
            BrokenAt { number: 6, how: Break::Missing },
        ),
        (
            "UPDATE audit_chain SET length = 5, hash = (SELECT hash FROM audit_log WHERE number = 5)",
            "UPDATE audit_chain SET length = 6, hash = (SELECT hash FROM audit_log WHERE number = 6)",
            BrokenAt { number: 6, how: Break::Added },
        ),
        (
            "UPDATE audit_chain SET hash = (SELECT hash FROM audit_log WHERE number = 5)",
            "UPDATE audit_chain SET hash = (SELECT hash FROM audit_log WHERE number = 6)",
            BrokenAt { number: 6, how: Break::Changed },
        ),
    ];
    for (spoil, mend, expected) in cases {
        db.tamper(spoil).await;
        assert_eq!(verify_audit(&storage).await.unwrap(), Err(expected), "{spoil}");
        db.tamper(mend).await;
        assert!(verify_audit(&storage).await.unwrap().is_ok(), "{mend}");
    }

    // Without its end the chain is not begun again.
    db.tamper("DELETE FROM audit_chain").await;
    let refused = storage.append(&record(9, Action::SignedOut)).await;
    assert!(matches!(refused, Err(StorageError::Corrupt { table: "audit_chain", .. })));
}

async fn the_chain_is_followed_while_others_append(db: Arc<Database>) {
    let storage = db.open().await;
    let writer = tokio::spawn({
        let storage = db.open().await;
        async move {
            for second in 0..50 {
                storage.append(&record(second, Action::RecordsViewed)).await.unwrap();
            }
        }
    });
    while !writer.is_finished() {
        verify_audit(&storage).await.unwrap().unwrap();
    }
    assert_eq!(verify_audit(&storage).await.unwrap().unwrap().length, 50);
}

/// The rule stands in the code: nothing but appending.
#[test]
fn no_statement_changes_or_deletes_an_entry() {
    let folder = concat!(env!("CARGO_MANIFEST_DIR"), "/src/sql");
    for file in std::fs::read_dir(folder).unwrap().map(Result::unwrap) {
        let text = std::fs::read_to_string(file.path()).unwrap().to_lowercase();
        for word in ["update audit_log", "delete from audit_log", "truncate"] {
            assert!(!text.contains(word), "{word} in {:?}", file.file_name());
        }
    }
}
