use fhir::Refusal;
use serde_json::json;

use crate::support::*;

#[tokio::test]
async fn of_the_fdi_record_stays_the_key_and_finds_its_appointment() {
    let today = [appointment("A", "jane", 0), appointment("B", "jane", 10)];
    let ehr = Ehr::default().finding("Appointment?patient", &today);
    let visit = launch(&ehr, &of_session("csn-B"), &jane()).await.visit();
    assert_eq!(visit.session_id.as_str(), "csn-B");
    assert_eq!(visit.appointment.unwrap().id.as_str(), "B");
}

#[tokio::test]
async fn of_a_group_visit_is_no_csn_and_the_open_appointment_is_taken() {
    let ehr = Ehr::default().finding("Appointment?patient", &[appointment("A", "jane", 0)]);
    let visit = launch(&ehr, &of_session("conference-9"), &jane()).await.visit();
    assert_eq!(visit.session_id.as_str(), "conference-9");
    assert_eq!(visit.csn.unwrap().as_str(), "csn-A");
}

#[tokio::test]
async fn whose_own_appointment_is_cancelled_opens_no_other() {
    let today = [appointment("A", "jane", 0), appointment("B", "jane", 0).but("status", json!("cancelled"))];
    let ehr = Ehr::default().finding("Appointment?patient", &today);
    assert_eq!(launch(&ehr, &of_session("csn-B"), &jane()).await.refusal(), Refusal::Cancelled);
}

#[tokio::test]
async fn of_an_unscheduled_visit_is_found_among_the_encounters() {
    let ehr = Ehr::default()
        .finding("Appointment?patient", &[])
        .finding("Encounter?patient", &[begun("X", "jane", "X"), begun("E", "jane", "A")]);
    for launcher in [jane(), finn()] {
        let visit = launch(&ehr, &of_session("csn-A"), &launcher).await.visit();
        assert_eq!((visit.session_id.as_str(), visit.encounter.unwrap().as_str()), ("csn-A", "E"));
    }
    assert_eq!(launch(&ehr, &of_session("csn-Z"), &jane()).await.refusal(), Refusal::NothingFound);
}

#[tokio::test]
async fn of_a_visit_that_nobody_has_begun_opens_for_staff_alone() {
    let ehr = Ehr::default()
        .finding("Appointment?patient", &[])
        .finding("Encounter?patient", &[encounter("E", "jane", "A")]);
    assert_eq!(launch(&ehr, &of_session("csn-A"), &jane()).await.refusal(), Refusal::NothingFound);
    assert!(launch(&ehr, &of_session("csn-A"), &finn()).await.visit().appointment.is_none());
}

#[tokio::test]
async fn of_another_day_s_visit_opens_neither_that_nor_today_s() {
    let tomorrow = 24 * 60;
    let both = [appointment("A", "jane", 0), appointment("B", "jane", tomorrow)];
    let ehr = Ehr::default().finding("Appointment?patient", &both);
    let launch = launch(&ehr, &of_session("csn-B"), &jane()).await;
    assert_eq!(launch.asked, ["Appointment?patient=jane&date=ge2026-11-14&date=le2027-01-20"]);
    assert_eq!(
        launch.refusal(),
        Refusal::TooEarly { start: minutes(tomorrow), opens_at: minutes(tomorrow - 30) }
    );
}

#[tokio::test]
async fn without_a_csn_is_the_appointments_own_id_for_everybody() {
    // The encounter's CSN would be a key that the patient's launch cannot know.
    let ehr = scheduled().with(appointment("A", "jane", 0).but("identifier", json!([])));
    let visits = [
        launch(&ehr, &naming(Some("A"), Some("E")), &finn()).await.visit(),
        launch(&ehr, &naming(Some("A"), None), &jane()).await.visit(),
    ];
    for visit in visits {
        assert_eq!(visit.session_id.as_str(), "appointment-A");
    }
}

#[tokio::test]
async fn cannot_be_made_of_an_endless_id() {
    let id = "x".repeat(200);
    let ehr = Ehr::default().with(appointment(&id, "jane", 0).but("identifier", json!([])));
    assert_eq!(launch(&ehr, &naming(Some(&id), None), &jane()).await.refusal(), Refusal::Unnameable);
}
