use fhir::{Launcher, Refusal, Resolution, VisitHint};
use serde_json::json;
use visit::Role;

use crate::support::*;

async fn refused(ehr: Ehr, hint: &VisitHint, launcher: &Launcher) -> Refusal {
    launch(&ehr, hint, launcher).await.refusal()
}

#[tokio::test]
async fn another_patients_appointment() {
    let ehr = || Ehr::default().with(appointment("A", "richard", 0).but("status", json!("cancelled")));
    let hint = naming(Some("A"), None);
    assert_eq!(refused(ehr(), &hint, &finn()).await, Refusal::OtherPatient);
    // Not a word on whether it is cancelled.
    assert_eq!(refused(ehr(), &hint, &jane()).await, Refusal::NotAParticipant);
    let ehr = ehr().with(relative("john", "jane"));
    assert_eq!(refused(ehr, &hint, &john()).await, Refusal::NotAParticipant);
}

#[tokio::test]
async fn another_patients_encounter() {
    let ehr = || scheduled().with(encounter("E", "richard", "A"));
    assert_eq!(refused(ehr(), &naming(Some("A"), Some("E")), &finn()).await, Refusal::OtherPatient);
    let ehr = ehr().finding("Appointment?patient", &[]);
    assert_eq!(refused(ehr, &naming(None, Some("E")), &jane()).await, Refusal::NotAParticipant);
}

#[tokio::test]
async fn an_encounter_of_another_patient_than_the_appointments_without_a_chart() {
    let ehr = scheduled().with(encounter("E", "richard", "A"));
    let hint = VisitHint { patient: None, ..naming(Some("A"), Some("E")) };
    assert_eq!(refused(ehr, &hint, &finn()).await, Refusal::OtherPatient);
}

#[tokio::test]
async fn a_patient_with_another_patients_launch_context() {
    let hint = VisitHint { patient: Some("richard".parse().unwrap()), ..naming(Some("A"), None) };
    assert_eq!(refused(scheduled(), &hint, &jane()).await, Refusal::OtherPatient);
}

#[tokio::test]
async fn a_proxy_of_another_patient_or_of_nobody() {
    let hint = naming(Some("A"), None);
    let of_richard = scheduled().with(relative("john", "richard"));
    assert_eq!(refused(of_richard, &hint, &john()).await, Refusal::NotTheProxy);
    let of_nobody = scheduled().with(relative("john", "jane").but("patient", json!(null)));
    assert_eq!(refused(of_nobody, &hint, &john()).await, Refusal::NotTheProxy);
}

#[tokio::test]
async fn a_visit_that_does_not_tell_its_patient() {
    let nobodys = json!([{"actor": {"reference": "Practitioner/finn"}}]);
    let ehr = || scheduled().with(appointment("A", "jane", 0).but("participant", nobodys.clone()));
    for launcher in [finn(), jane()] {
        assert_eq!(refused(ehr(), &naming(Some("A"), None), &launcher).await, Refusal::PatientUnknown);
    }
    let ehr = scheduled().with(encounter("E", "jane", "A").but("subject", json!(null)));
    assert_eq!(refused(ehr, &naming(Some("A"), Some("E")), &finn()).await, Refusal::PatientUnknown);
}

#[tokio::test]
async fn an_encounter_of_another_visit_than_the_appointment() {
    let hint = naming(Some("A"), Some("E"));
    let other_csn = scheduled().with(encounter("E", "jane", "B"));
    assert_eq!(refused(other_csn, &hint, &finn()).await, Refusal::Mismatch);
    let other = encounter("E", "jane", "A").but("appointment", json!([{"reference": "Appointment/B"}]));
    assert_eq!(refused(scheduled().with(other), &hint, &finn()).await, Refusal::Mismatch);
}

#[tokio::test]
async fn visits_that_will_not_take_place() {
    for (status, refusal) in [
        ("cancelled", Refusal::Cancelled),
        ("entered-in-error", Refusal::EnteredInError),
        ("noshow", Refusal::NoShow),
    ] {
        let named = Ehr::default().with(appointment("A", "jane", 0).but("status", json!(status)));
        assert_eq!(refused(named, &naming(Some("A"), None), &jane()).await, refusal);
        let today = [appointment("A", "jane", 0).but("status", json!(status))];
        let found = Ehr::default().finding("Appointment?patient", &today);
        assert_eq!(refused(found, &hint(None), &jane()).await, refusal);
    }
    for (status, refusal) in
        [("cancelled", Refusal::Cancelled), ("entered-in-error", Refusal::EnteredInError)]
    {
        let ehr = scheduled().with(encounter("E", "jane", "A").but("status", json!(status)));
        assert_eq!(refused(ehr, &naming(Some("A"), Some("E")), &finn()).await, refusal);
    }
}

#[tokio::test]
async fn an_unscheduled_visit_that_is_over() {
    let ehr = scheduled()
        .with(encounter("E", "jane", "A").but("status", json!("finished")))
        .finding("Appointment?patient", &[]);
    assert_eq!(refused(ehr, &naming(None, Some("E")), &finn()).await, Refusal::Finished);
}

#[tokio::test]
async fn whoever_comes_too_early_or_too_late() {
    let early = |start: i64| Some(Refusal::TooEarly { start: minutes(start), opens_at: minutes(start - 30) });
    let late = |start: i64| Some(Refusal::TooLate { closed_at: minutes(start + 135) });
    for (start, refusal) in [(31, early(31)), (30, None), (-135, None), (-136, late(-136))] {
        let ehr = Ehr::default().with(appointment("A", "jane", start));
        for launcher in [jane(), finn()] {
            let outcome = launch(&ehr, &naming(Some("A"), None), &launcher).await.outcome.unwrap();
            match &refusal {
                Some(refusal) => assert_eq!(outcome, Resolution::Refused(refusal.clone()), "{start}"),
                None => assert!(matches!(outcome, Resolution::Visit(_)), "{start}"),
            }
        }
    }
}

#[tokio::test]
async fn and_is_told_what_opens_next_or_closed_last() {
    let early = Refusal::TooEarly { start: minutes(60), opens_at: minutes(30) };
    let late = Refusal::TooLate { closed_at: minutes(-65) };
    for (starts, refusal) in
        [(vec![-200, 120, 60], early), (vec![-300, -200], late), (vec![], Refusal::NothingFound)]
    {
        let today: Vec<_> =
            starts.iter().map(|start| appointment(&format!("A{start}"), "jane", *start)).collect();
        let ehr = Ehr::default().finding("Appointment?patient", &today);
        assert_eq!(refused(ehr, &hint(None), &jane()).await, refusal);
    }
}

#[test]
fn people_at_the_wrong_launch_address() {
    for (person, role) in [
        ("Patient/jane", Role::Provider),
        ("RelatedPerson/john", Role::Provider),
        ("Practitioner/finn", Role::Patient),
        ("Patient/jane", Role::Monitor),
        ("Patient/jane", Role::Proxy),
    ] {
        assert_eq!(Launcher::new(person.parse().unwrap(), role), Err(Refusal::WrongLaunchAddress));
    }
}
