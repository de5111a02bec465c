use fhir::{Launcher, Window};
use serde_json::json;
use visit::Role;

use crate::support::*;

#[tokio::test]
async fn a_proxy_for_their_patient_with_or_without_patient_in_the_launch() {
    let ehr = scheduled()
        .with(relative("john", "jane"))
        .finding("Appointment?patient", &[appointment("A", "jane", 0)]);
    for hint in [naming(Some("A"), None), hint(Some("jane")), hint(None)] {
        let visit = launch(&ehr, &hint, &john()).await.visit();
        assert_eq!(visit.launch_patient.unwrap().as_str(), "jane");
        assert_eq!(visit.launcher_name.unwrap().as_str(), "John Doe");
    }
    launch_in_one_step(&ehr, &hint(Some("jane")), &john(), 2).await.visit();
}

#[tokio::test]
async fn another_clinician_who_is_noted_as_not_listed() {
    let smith = Launcher::new("Practitioner/smith".parse().unwrap(), Role::Provider).unwrap();
    let ehr = scheduled().with(json!({
        "resourceType": "Practitioner", "id": "smith", "name": [{"text": "Dr. Smith"}],
    }));
    let launch = launch(&ehr, &naming(Some("A"), None), &smith).await;
    assert_eq!(launch.asked, ["Appointment/A", "Practitioner/smith"]);
    let visit = launch.visit();
    assert!(!visit.listed);
    assert_eq!(visit.launcher_name.unwrap().as_str(), "Dr. Smith");
}

#[tokio::test]
async fn every_patient_of_a_group_visit() {
    let group = appointment("A", "jane", 0).but(
        "participant",
        json!([{"actor": {"reference": "Patient/richard"}}, {"actor": {"reference": "Patient/jane", "display": "Jane"}}]),
    );
    let visit = launch(&Ehr::default().with(group), &naming(Some("A"), None), &jane()).await.visit();
    assert_eq!(visit.patients.len(), 2);
}

#[tokio::test]
async fn whoever_has_names_that_cannot_be_read() {
    let nameless = appointment("A", "jane", 0).but(
        "participant",
        json!([{"actor": {"reference": "Patient/jane"}}, {"actor": {"reference": "Practitioner/finn"}}]),
    );
    let ehr = Ehr::default().with(nameless).answering("Patient/jane", 403).with(json!({
        "resourceType": "Practitioner", "id": "finn", "name": [{"text": "Dr. Finn"}],
    }));
    let launch = launch(&ehr, &naming(Some("A"), None), &jane()).await;
    assert_eq!(launch.asked, ["Appointment/A", "Practitioner/finn", "Patient/jane"]);
    let visit = launch.visit();
    assert_eq!(visit.launcher_name, None);
    assert_eq!(visit.practitioners[0].name.as_ref().unwrap().as_str(), "Dr. Finn");
}

#[tokio::test]
async fn whoever_has_an_appointment_with_odd_elements() {
    let odd = appointment("A", "jane", 0)
        .but("status", json!("weird-code"))
        .but("start", json!("2026-11-21T14:00:00"));
    let visit = launch(&Ehr::default().with(odd), &naming(Some("A"), None), &jane()).await.visit();
    let oddities: Vec<_> = visit.oddities.iter().map(ToString::to_string).collect();
    assert_eq!(oddities, ["no zone at Appointment.start", "dropped Appointment.status"]);
}

#[tokio::test]
async fn whoever_has_an_appointment_without_a_time_that_can_be_told() {
    let timeless = appointment("A", "jane", 0).but("start", json!("soon"));
    let visit = launch(&Ehr::default().with(timeless), &naming(Some("A"), None), &jane()).await.visit();
    assert_eq!(visit.window, Window { opens_at: minutes(0), closes_at: minutes(120) });
}
