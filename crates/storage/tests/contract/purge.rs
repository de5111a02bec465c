use std::sync::Arc;

use audit::{Action, Actor, PersonDigest};
use jiff::{SignedDuration, Timestamp};
use storage::{
    Attempt, AuditLog, Change, DeviceTestRecord, DeviceTests, EventId, Housekeeping, Notice, NoticeChange,
    NoticeSearch, NoticeState, Notices, Purge, Purged, Recipient, Retention, SeatCard, Storage, StorageError,
    TabSessions, TokenHash, Visits, verify_audit,
};
use visit::{Command, Event, Person, Role, SeatId, Visit};

use crate::{
    database::{Database, contract},
    fixtures::{act, arrival, arrive, at, change, evolve, id, named, new_visit},
};

contract! {
    a_person_is_taken_out_of_what_is_over,
    nobody_is_purged_from_an_open_visit,
    a_patient_who_never_came_is_purged_from_the_card,
    notices_that_outlived_their_seat_are_found,
    what_was_not_delivered_is_not_told_any_more,
    a_purge_of_nobody_is_recorded_too,
}

fn olga() -> Actor {
    Actor::Operator { user: "olga".to_owned() }
}

async fn purge(storage: &Storage, person: &str) -> Purge {
    storage.purge_person(&named("lamna-test"), &named(person), &olga(), at(9000)).await.unwrap()
}

async fn notices(storage: &Storage) -> Vec<Notice> {
    let all = NoticeSearch { limit: 100, ..NoticeSearch::default() };
    storage.search_notices(&all).await.unwrap()
}

/// Finn, called FINN by the EHR, and Ada, called by her FHIR id; the EHR was
/// told of both.
async fn visit_of_finn_and_ada(storage: &Storage, number: u32) -> Visit {
    let mut visit = new_visit(number);
    let people =
        [("Practitioner/finn", Role::Provider, Some("FINN"), 1), ("Patient/ada", Role::Patient, None, 2)];
    for (person, role, external_id, place) in people {
        let seat: SeatId = id(number * 10 + place);
        let events = evolve(&mut visit, arrive(person, role, seat.clone()), at(0));
        let about = Recipient {
            ehr: visit.ehr.clone(),
            visit: visit.id.clone(),
            session: visit.session.clone(),
            seat: seat.clone(),
            role,
            external_id: external_id.unwrap_or("ada").to_owned(),
        };
        let notices = [NoticeChange::Connected(about)];
        let mut arrival = arrival(seat, 1, &format!("{person} {number}"));
        arrival.seat_card =
            Some(SeatCard { external_id: external_id.map(str::to_owned), ..SeatCard::default() });
        let change = Change { arrival: Some(arrival), notices: &notices, ..change(&visit, &events, at(0)) };
        storage.save(change).await.unwrap();
        visit = storage.lookup(&visit.id).await.unwrap().unwrap();
    }
    visit
}

async fn deliver_all(storage: &Storage) {
    for notice in storage.take_due(at(10), SignedDuration::from_secs(60), 100).await.unwrap() {
        let attempt = Attempt { at: at(11), http_status: Some(200), answer: "welcome ada".to_owned() };
        storage.record_attempt(notice.id, &attempt, NoticeState::Delivered, at(11)).await.unwrap();
    }
}

async fn end(storage: &Storage, visit: &mut Visit) {
    let provider = visit.seats[0].id.clone();
    act(storage, visit, Command::End { by: provider }, at(60)).await.unwrap();
}

async fn people_in_events(storage: &Storage, visit: &Visit) -> Vec<Person> {
    let events = storage.events_after(&visit.id, EventId(0)).await.unwrap();
    let people = events.into_iter().filter_map(|event| match event.event {
        Event::SeatTaken { person, .. } => Some(person),
        _ => None,
    });
    people.collect()
}

async fn a_person_is_taken_out_of_what_is_over(db: Arc<Database>) {
    let storage = db.open().await;
    let mut visits = Vec::new();
    for number in [1, 2] {
        let mut visit = visit_of_finn_and_ada(&storage, number).await;
        end(&storage, &mut visit).await;
        visits.push(visit);
    }
    deliver_all(&storage).await;
    let ada: Person = named("Patient/ada");
    let record = DeviceTestRecord { taken_at: at(0), result: "{}".to_owned() };
    storage.keep(&named("lamna-test"), &ada, &record).await.unwrap();

    let purged = Purged { seats: 2, events: 2, cards: 4, sessions: 2, device_tests: 1, notices: 2 };
    assert_eq!(purge(&storage, "Patient/ada").await, Purge::Done(purged));

    let mut pseudonyms = Vec::new();
    for before in &visits {
        let visit = storage.lookup(&before.id).await.unwrap().unwrap();
        let [finn, nobody] = &visit.seats[..] else { panic!("two seats") };
        assert_eq!(finn, &before.seats[0]);
        assert_ne!(nobody.person, ada);
        assert_eq!(nobody.person.kind, ada.kind);
        let in_events = people_in_events(&storage, &visit).await;
        assert_eq!(in_events, [finn.person.clone(), nobody.person.clone()]);
        pseudonyms.push(nobody.person.clone());

        let cards = storage.seat_cards(&visit.id).await.unwrap();
        assert_eq!(cards.iter().map(|(seat, _)| seat).collect::<Vec<_>>(), [&finn.id]);
        assert_eq!(storage.card(&visit.id).await.unwrap(), None);
        // Whoever had read the visit has to read it again.
        let late = storage.save(change(before, &[], at(9001))).await;
        assert!(matches!(late, Err(StorageError::Conflict)));
    }
    assert_ne!(pseudonyms[0], pseudonyms[1], "visits are not told to be of one person");

    assert_eq!(storage.newest(&named("lamna-test"), &ada, Timestamp::MIN).await.unwrap(), None);
    let session = storage.lookup_session(TokenHash::of("Patient/ada 1"), at(0)).await.unwrap();
    assert_eq!(session, None);
    assert!(storage.lookup_session(TokenHash::of("Practitioner/finn 1"), at(0)).await.unwrap().is_some());
    for notice in notices(&storage).await {
        let of_ada = notice.about.role == Role::Patient;
        assert_eq!(notice.about.external_id, if of_ada { "purged" } else { "FINN" });
        assert_eq!(notice.history.is_empty(), of_ada);
        assert_eq!(notice.state, NoticeState::Delivered);
    }

    let entries = storage.audit_entries_after(0, 100).await.unwrap();
    let record = entries.last().unwrap().record().unwrap();
    let digest = PersonDigest::of(&named("lamna-test"), &ada);
    assert_eq!((record.at, record.actor), (at(9000), olga()));
    assert_eq!(record.action, Action::PersonPurged { person: digest });
    assert!(!entries.last().unwrap().body.contains("Patient/ada"));
    assert!(verify_audit(&storage).await.unwrap().is_ok());
}

async fn nobody_is_purged_from_an_open_visit(db: Arc<Database>) {
    let storage = db.open().await;
    let mut over = visit_of_finn_and_ada(&storage, 1).await;
    end(&storage, &mut over).await;
    let open = visit_of_finn_and_ada(&storage, 2).await;
    let chain = storage.audit_chain().await.unwrap();

    assert_eq!(purge(&storage, "Patient/ada").await, Purge::InOpenVisit);
    for visit in [over, open] {
        assert_eq!(storage.lookup(&visit.id).await.unwrap(), Some(visit));
    }
    assert_eq!(storage.audit_chain().await.unwrap(), chain);
}

async fn a_patient_who_never_came_is_purged_from_the_card(db: Arc<Database>) {
    let storage = db.open().await;
    let mut visit = new_visit(1);
    let events = evolve(&mut visit, arrive("Practitioner/finn", Role::Provider, id(1)), at(0));
    let arrival = Some(arrival(id(1), 1, "finn"));
    storage.save(Change { arrival, ..change(&visit, &events, at(0)) }).await.unwrap();
    visit = storage.lookup(&visit.id).await.unwrap().unwrap();

    assert_eq!(purge(&storage, "Patient/ada").await, Purge::InOpenVisit);
    act(&storage, &mut visit, Command::End { by: id(1) }, at(1)).await.unwrap();
    let done = Purge::Done(Purged { cards: 1, ..Purged::default() });
    assert_eq!(purge(&storage, "Patient/ada").await, done);
    assert_eq!(storage.card(&visit.id).await.unwrap(), None);
}

async fn notices_that_outlived_their_seat_are_found(db: Arc<Database>) {
    let storage = db.open().await;
    for number in [1, 2] {
        let mut visit = visit_of_finn_and_ada(&storage, number).await;
        end(&storage, &mut visit).await;
    }
    deliver_all(&storage).await;
    // The first visit's seats are gone; by those of the second it is known
    // what the EHR calls Finn.
    db.tamper("UPDATE visits SET ended_at = 0 WHERE session = '10001'").await;
    let retention = Retention { notices: SignedDuration::MAX, ..Retention::default() };
    assert_eq!(storage.delete_old(&retention, at(100)).await.unwrap().visits, 1);

    for person in ["Practitioner/finn", "Patient/ada"] {
        let Purge::Done(purged) = purge(&storage, person).await else { panic!("nobody is in a visit") };
        assert_eq!((purged.seats, purged.notices), (1, 2));
    }
    assert!(notices(&storage).await.iter().all(|notice| notice.about.external_id == "purged"));
}

async fn what_was_not_delivered_is_not_told_any_more(db: Arc<Database>) {
    let storage = db.open().await;
    let mut visit = visit_of_finn_and_ada(&storage, 1).await;
    end(&storage, &mut visit).await;
    // A clinician whom the EHR calls what it calls the patient.
    let mut other = new_visit(2);
    let events = evolve(&mut other, arrive("Practitioner/ada", Role::Provider, id(99)), at(0));
    let about = Recipient {
        ehr: other.ehr.clone(),
        visit: other.id.clone(),
        session: other.session.clone(),
        seat: id(99),
        role: Role::Provider,
        external_id: "ada".to_owned(),
    };
    let told = [NoticeChange::Connected(about)];
    storage.save(Change { notices: &told, ..change(&other, &events, at(0)) }).await.unwrap();

    let Purge::Done(purged) = purge(&storage, "Patient/ada").await else { panic!("ada is in no visit") };
    assert_eq!(purged.notices, 1);
    let due = storage.take_due(at(10), SignedDuration::from_secs(60), 100).await.unwrap();
    assert_eq!(due.len(), 2);
    assert!(due.iter().all(|notice| notice.about.role == Role::Provider));
}

async fn a_purge_of_nobody_is_recorded_too(db: Arc<Database>) {
    let storage = db.open().await;
    assert_eq!(purge(&storage, "Patient/nobody").await, Purge::Done(Purged::default()));
    assert_eq!(storage.audit_chain().await.unwrap().length, 1);
}

/// SQLite's files are ours to overwrite.
#[tokio::test]
async fn what_is_purged_is_not_in_the_files_any_more() {
    crate::database::on_sqlite(|db| async move {
        let storage = db.open().await;
        let mut visit = visit_of_finn_and_ada(&storage, 1).await;
        end(&storage, &mut visit).await;
        let files = |dump: Vec<u8>| String::from_utf8_lossy(&dump).into_owned();
        assert!(files(db.dump().await).contains("FINN"));
        purge(&storage, "Practitioner/finn").await;
        assert!(!files(db.dump().await).contains("FINN"));
    })
    .await;
}
