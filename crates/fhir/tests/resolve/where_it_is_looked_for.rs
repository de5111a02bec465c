use std::sync::Arc;

use fhir::{Reference, Refusal, Rules, VisitHint, Window};
use outside::testing::TestClock;
use serde_json::json;

use crate::support::*;

#[tokio::test]
async fn appointment_and_encounter_are_read_side_by_side() {
    let hint = naming(Some("A"), Some("E"));
    let visit = launch_in_one_step(&scheduled(), &hint, &finn(), 2).await.visit();
    assert_eq!(visit.session_id.as_str(), "csn-A");
    assert_eq!(visit.csn.unwrap().as_str(), "csn-A");
    assert_eq!(visit.encounter.unwrap().as_str(), "E");
    assert_eq!(visit.window, Window { opens_at: minutes(-30), closes_at: minutes(135) });
    assert_eq!(visit.patients[0].name.as_ref().unwrap().as_str(), "Name of jane");
    assert_eq!(visit.launcher_name.unwrap().as_str(), "Dr. Finn");
    assert!(visit.listed);

    let asked = launch(&scheduled(), &hint, &finn()).await.asked;
    assert_eq!(asked, ["Appointment/A", "Encounter/E"]);
}

#[tokio::test]
async fn an_appointment_of_the_fhir_context_counts_as_named() {
    let in_context = Reference::new("Appointment".parse().unwrap(), "A".parse().unwrap());
    let hint = VisitHint { fhir_context: vec![in_context], ..hint(Some("jane")) };
    let launch = launch(&scheduled(), &hint, &jane()).await;
    assert_eq!(launch.asked, ["Appointment/A"]);
    assert_eq!(launch.visit().session_id.as_str(), "csn-A");
}

#[tokio::test]
async fn an_encounter_is_joined_to_its_appointment_by_the_csn() {
    let ehr = scheduled()
        .finding("Appointment?patient", &[appointment("B", "jane", 5), appointment("A", "jane", 0)]);
    let launch = launch_in_one_step(&ehr, &naming(None, Some("E")), &finn(), 2).await;
    assert_eq!(launch.visit().appointment.unwrap().id.as_str(), "A");
}

#[tokio::test]
async fn an_encounter_may_name_its_appointment_itself() {
    let encounter = encounter("E", "jane", "A")
        .but("identifier", json!([]))
        .but("appointment", json!([{"reference": "Appointment/A"}]));
    let appointments =
        [appointment("B", "jane", 5), appointment("A", "jane", 0).but("identifier", json!([]))];
    let ehr = Ehr::default().with(encounter).finding("Appointment?patient", &appointments);
    let visit = launch(&ehr, &naming(None, Some("E")), &finn()).await.visit();
    assert_eq!(visit.session_id.as_str(), "appointment-A");
}

#[tokio::test]
async fn an_encounter_without_appointment_is_a_visit_from_now() {
    let ehr = scheduled().finding("Appointment?patient", &[]);
    let visit = launch(&ehr, &naming(None, Some("E")), &finn()).await.visit();
    assert_eq!(visit.appointment, None);
    assert_eq!(visit.session_id.as_str(), "csn-A");
    assert_eq!(visit.window, Window { opens_at: minutes(0), closes_at: minutes(120) });
}

#[tokio::test]
async fn the_only_open_appointment_of_today_is_taken() {
    let today = [
        appointment("early", "jane", -200),
        appointment("A", "jane", 10),
        appointment("late", "jane", 100),
        appointment("off", "jane", 0).but("status", json!("cancelled")),
        appointment("others", "richard", 0),
    ];
    let launch = launch(&Ehr::default().finding("Appointment?patient", &today), &hint(None), &jane()).await;
    assert_eq!(launch.asked, ["Appointment?patient=jane&date=ge2026-11-21&date=le2026-11-21"]);
    assert_eq!(launch.visit().session_id.as_str(), "csn-A");
}

#[tokio::test]
async fn today_is_the_ehr_connections_day_with_what_may_still_be_open() {
    let http = outside::testing::FakeHttp::answering(|_| {
        Ok(outside::testing::json_response(200, &json!({"resourceType": "Bundle"})))
    });
    // A quarter past midnight in Chicago, a quarter to, and the next morning.
    for (now, days) in [
        ("2026-11-22T06:15:00Z", "date=ge2026-11-21&date=le2026-11-22"),
        ("2026-11-22T05:45:00Z", "date=ge2026-11-21&date=le2026-11-22"),
        ("2026-11-22T12:01:00Z", "date=ge2026-11-22&date=le2026-11-22"),
    ] {
        let clock = TestClock::at(now);
        let client = client(Arc::new(http.clone()));
        fhir::resolve(&client, &hint(None), &jane(), &clock, &Rules::default()).await.unwrap();
        assert!(http.requests().last().unwrap().url.as_str().ends_with(days), "{now}");
    }
}

#[tokio::test]
async fn staff_without_a_patient_search_their_own_day() {
    let today = [appointment("A", "jane", 0)];
    let launch =
        launch(&Ehr::default().finding("Appointment?practitioner", &today), &hint(None), &finn()).await;
    assert_eq!(launch.asked, ["Appointment?practitioner=finn&date=ge2026-11-21&date=le2026-11-21"]);
    assert_eq!(launch.visit().launch_patient, None);
}

#[tokio::test]
async fn a_server_that_cannot_search_by_practitioner_is_named_as_such() {
    let ehr = Ehr::default().answering("Appointment?practitioner", 400);
    let error = launch(&ehr, &hint(None), &finn()).await.outcome.unwrap_err();
    assert_eq!(error.code(), "fhir-no-search-by-practitioner");
}

#[tokio::test]
async fn a_server_that_ignores_the_search_parameter_opens_nobody_elses_visit() {
    let others = [appointment("A", "richard", 0).but(
        "participant",
        json!([{"actor": {"reference": "Patient/richard"}}, {"actor": {"reference": "Practitioner/smith"}}]),
    )];
    let ehr =
        Ehr::default().finding("Appointment?practitioner", &others).finding("Appointment?patient", &others);
    for launcher in [jane(), finn()] {
        assert_eq!(launch(&ehr, &hint(None), &launcher).await.refusal(), Refusal::NothingFound);
    }
}
