use std::{sync::Arc, time::Duration};

use fhir::{FhirError, Launcher, Rules, VisitHint};
use outside::testing::TestClock;

use crate::support::*;

async fn error(ehr: Ehr, hint: &VisitHint, launcher: &Launcher) -> &'static str {
    launch(&ehr, hint, launcher).await.outcome.unwrap_err().code()
}

#[tokio::test]
async fn an_appointment_that_cannot_be_read_opens_nothing() {
    let ehr = scheduled().answering("Appointment/A", 503);
    assert_eq!(error(ehr, &naming(Some("A"), Some("E")), &finn()).await, "fhir-failed");
}

#[tokio::test]
async fn an_encounter_that_cannot_be_read_is_done_without() {
    let ehr = scheduled().answering("Encounter/E", 403);
    let visit = launch(&ehr, &naming(Some("A"), Some("E")), &finn()).await.visit();
    assert_eq!(visit.encounter, None);

    let today = scheduled()
        .answering("Encounter/E", 403)
        .finding("Appointment?patient", &[appointment("A", "jane", 0)]);
    launch(&today, &naming(None, Some("E")), &finn()).await.visit();
    let nothing = scheduled().answering("Encounter/E", 403).finding("Appointment?patient", &[]);
    assert_eq!(error(nothing, &naming(None, Some("E")), &finn()).await, "fhir-forbidden");
}

#[tokio::test]
async fn appointments_that_cannot_be_searched_keep_out_all_but_staff_with_an_encounter() {
    let ehr = || scheduled().answering("Appointment?patient", 403);
    launch(&ehr(), &naming(None, Some("E")), &finn()).await.visit();
    assert_eq!(error(ehr(), &naming(None, Some("E")), &jane()).await, "fhir-forbidden");
    assert_eq!(error(ehr(), &hint(Some("jane")), &finn()).await, "fhir-forbidden");
}

#[tokio::test]
async fn a_proxy_whose_record_cannot_be_read_is_kept_out() {
    let ehr = scheduled().answering("RelatedPerson/john", 403);
    assert_eq!(error(ehr, &naming(Some("A"), None), &john()).await, "fhir-forbidden");
}

#[tokio::test(start_paused = true)]
async fn nobody_waits_longer_than_the_deadline() {
    let client = client(Arc::new(Slow(Duration::from_mins(1))));
    let started = tokio::time::Instant::now();
    let clock = TestClock::at(NOW);
    let outcome = fhir::resolve(&client, &hint(None), &jane(), &clock, &Rules::default()).await;
    assert!(matches!(outcome, Err(FhirError::TooSlow(fhir::DEADLINE))));
    assert_eq!(started.elapsed(), fhir::DEADLINE);
}
