use std::sync::Arc;

use jiff::{SignedDuration, Timestamp};
use storage::{
    AuditLog, Change, Deleted, EventId, Housekeeping, NoticeChange, NoticeSearch, Notices, Recipient,
    Retention, Storage, TabSessions, TokenHash, Visits,
};
use visit::{Command, Role, Visit};

use crate::{
    database::{Database, contract},
    fixtures::{act, arrival, arrive, at, change, evolve, id, new_visit},
};

contract! {
    what_is_old_is_deleted_and_counted,
    an_open_visit_is_never_deleted,
    many_are_deleted_in_many_steps,
}

fn days(days: i64) -> SignedDuration {
    SignedDuration::from_hours(days * 24)
}

/// A visit of one clinician (seat `number * 10`), told to the EHR.
async fn visit_told_of(storage: &Storage, number: u32, now: Timestamp) -> Visit {
    let mut visit = new_visit(number);
    let seat: visit::SeatId = id(number * 10);
    let events = evolve(&mut visit, arrive("Practitioner/finn", Role::Provider, seat.clone()), now);
    let about = Recipient {
        ehr: visit.ehr.clone(),
        visit: visit.id.clone(),
        session: visit.session.clone(),
        seat: seat.clone(),
        role: Role::Provider,
        external_id: "finn".to_owned(),
    };
    let notices = [NoticeChange::Connected(about)];
    let arrival = Some(arrival(seat, 1, &number.to_string()));
    storage.save(Change { arrival, notices: &notices, ..change(&visit, &events, now) }).await.unwrap();
    storage.lookup(&visit.id).await.unwrap().unwrap()
}

async fn what_is_old_is_deleted_and_counted(db: Arc<Database>) {
    let storage = db.open().await;
    let retention = Retention::default();
    assert_eq!((retention.visits, retention.notices), (days(30), days(90)));

    let mut old = visit_told_of(&storage, 1, at(0)).await;
    act(&storage, &mut old, Command::End { by: id(10) }, at(60)).await.unwrap();
    let mut young = visit_told_of(&storage, 2, at(10)).await;
    act(&storage, &mut young, Command::End { by: id(20) }, at(61)).await.unwrap();
    let chain = storage.audit_chain().await.unwrap();

    // The moment itself is not past.
    assert_eq!(storage.delete_old(&retention, at(60) + days(30)).await.unwrap(), Deleted::default());
    let deleted = storage.delete_old(&retention, at(61) + days(30)).await.unwrap();
    assert_eq!(deleted, Deleted { visits: 1, seats: 1, events: 3, notices: 0 });
    assert_eq!(storage.lookup(&old.id).await.unwrap(), None);
    assert_eq!(storage.last_event(&old.id).await.unwrap(), EventId(0));
    assert_eq!(storage.card(&old.id).await.unwrap(), None);
    assert_eq!(storage.lookup_session(TokenHash::of("1"), at(0)).await.unwrap(), None);
    assert_eq!(storage.lookup(&young.id).await.unwrap(), Some(young));

    let deleted = storage.delete_old(&retention, at(5) + days(90)).await.unwrap();
    assert_eq!(deleted, Deleted { visits: 1, seats: 1, events: 3, notices: 1 });
    let left = storage.search_notices(&NoticeSearch { limit: 9, ..NoticeSearch::default() }).await.unwrap();
    assert_eq!(left.iter().map(|notice| notice.happened_at).collect::<Vec<_>>(), [at(10)]);

    assert_eq!(storage.audit_chain().await.unwrap(), chain, "the audit log stays");
    // Its session may be launched anew.
    act(&storage, &mut new_visit(1), arrive("Patient/ada", Role::Patient, id(10)), at(0)).await.unwrap();
}

async fn an_open_visit_is_never_deleted(db: Arc<Database>) {
    let storage = db.open().await;
    let mut visit = visit_told_of(&storage, 1, at(0)).await;
    act(&storage, &mut visit, Command::End { by: id(10) }, at(1)).await.unwrap();
    act(&storage, &mut visit, Command::Reopen { by: id(10) }, at(2)).await.unwrap();
    let deleted = storage.delete_old(&Retention::default(), at(0) + days(60)).await.unwrap();
    assert_eq!(deleted, Deleted::default());
    assert_eq!(storage.lookup(&visit.id).await.unwrap(), Some(visit));
}

async fn many_are_deleted_in_many_steps(db: Arc<Database>) {
    let storage = db.open().await;
    for number in 1..=130 {
        let mut visit = visit_told_of(&storage, number, at(0)).await;
        act(&storage, &mut visit, Command::End { by: id(number * 10) }, at(1)).await.unwrap();
    }
    let retention = Retention { visits: days(1), notices: days(2) };
    let deleted = storage.delete_old(&retention, at(0) + days(3)).await.unwrap();
    assert_eq!(deleted, Deleted { visits: 130, seats: 130, events: 390, notices: 130 });
}
