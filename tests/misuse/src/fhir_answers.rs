//! A FHIR server that fails, lies about the patient, or sends us elsewhere.

use http::header;
use serde_json::{Value, json};

use crate::{
    browser::Seen,
    ehr::{Misdeed, Place},
    launching::{Entrance, Launch, csn},
    scene::{PATIENCE, Scene, answered, pass},
};

async fn refused(
    launch: Launch,
    place: Place,
    code: &str,
    edit: impl Fn(&mut Value) + Send + Sync + 'static,
) {
    let scene = Scene::open().await;
    scene.ehr.edits(place, edit);
    scene.assert_launch_is_refused(launch, code).await;
}

/// A failing appointment keeps clinician and patient out.
async fn misdeed_refused(misdeed: Misdeed, code: &str) {
    for launch in [Launch::PROVIDER, Launch::PATIENT] {
        let scene = Scene::open().await;
        scene.ehr.misbehaves(Place::Appointment, misdeed.clone());
        scene.assert_launch_is_refused(launch, code).await;
    }
}

async fn hung(misdeed: Misdeed) {
    let scene = Scene::open().await;
    scene.ehr.misbehaves(Place::Appointment, misdeed);
    let mut browser = scene.browser();
    let callback = scene.approved(&mut browser, Launch::PROVIDER).await;
    let seen = scene.impatient(browser, &callback, Place::Appointment).await;
    scene.assert_refused(&seen, "fhir-too-slow").await;
}

#[tokio::test]
async fn it_hangs() {
    hung(Misdeed::Hangs).await;
}

#[tokio::test]
async fn it_drips() {
    hung(Misdeed::Drips).await;
}

/// Each answer for itself comes in time; together they must too.
#[tokio::test]
async fn it_hangs_after_a_token_that_took_its_time() {
    let scene = Scene::open().await;
    let (most, rest) = (PATIENCE * 6 / 10, PATIENCE * 4 / 10);
    scene.ehr.misbehaves(Place::Token, Misdeed::Dawdles(most));
    scene.ehr.misbehaves(Place::Appointment, Misdeed::Hangs);
    let mut browser = scene.browser();
    let callback = scene.approved(&mut browser, Launch::PROVIDER).await;
    let asking = tokio::spawn(async move { browser.get(&callback).await });
    scene.ehr.is_asked(Place::Token).await;
    pass(most).await;
    scene.ehr.is_asked(Place::Appointment).await;
    pass(rest).await;
    scene.assert_refused(&answered(asking).await, "fhir-too-slow").await;
}

#[tokio::test]
async fn it_floods() {
    misdeed_refused(Misdeed::Floods, "fhir-unreachable").await;
}

#[tokio::test]
async fn it_breaks_off() {
    misdeed_refused(Misdeed::Breaks, "fhir-unreachable").await;
}

#[tokio::test]
async fn it_redirects_to_a_foreign_host() {
    for launch in [Launch::PROVIDER, Launch::PATIENT] {
        let scene = Scene::open().await;
        scene.ehr.misbehaves(Place::Appointment, Misdeed::RedirectsTo(scene.foreign.url("/Appointment/x")));
        scene.assert_launch_is_refused(launch, "fhir-unreachable").await;
    }
}

#[tokio::test]
async fn it_answers_a_page() {
    misdeed_refused(Misdeed::html(), "fhir-not-json").await;
}

#[tokio::test]
async fn it_says_no() {
    let outcome = json!({ "resourceType": "OperationOutcome", "issue": [{
        "severity": "fatal", "code": "forbidden", "diagnostics": "<b>Doe, Jane</b> canary-diagnostics",
    }] });
    for (status, code) in [
        (401, "fhir-token-refused"),
        (403, "fhir-forbidden"),
        (404, "fhir-not-found"),
        (410, "fhir-deleted"),
        (429, "fhir-busy"),
        (400, "fhir-refused"),
        (500, "fhir-failed"),
        (503, "fhir-failed"),
    ] {
        misdeed_refused(Misdeed::json(status, &outcome), code).await;
    }
}

#[tokio::test]
async fn it_names_the_missing_scope() {
    let bearer = "Bearer error=\"insufficient_scope\"";
    let misdeed =
        Misdeed::SaysWith { status: 403, header: (header::WWW_AUTHENTICATE, bearer), body: json!({}) };
    misdeed_refused(misdeed, "fhir-scope-missing").await;
}

#[tokio::test]
async fn what_it_says_of_a_refusal_is_not_shown() {
    let scene = Scene::open().await;
    let outcome =
        json!({ "resourceType": "OperationOutcome", "issue": [{ "diagnostics": "canary-diagnostics" }] });
    scene.ehr.misbehaves(Place::Appointment, Misdeed::json(403, &outcome));
    let seen = scene.launched(&mut scene.browser(), Launch::PROVIDER).await;
    scene.assert_refused(&seen, "fhir-forbidden").await;
    assert!(!seen.body.contains("canary-diagnostics"));
}

#[tokio::test]
async fn an_outcome_with_status_200() {
    let outcome = json!({ "resourceType": "OperationOutcome", "id": "eAppointment-7" });
    misdeed_refused(Misdeed::json(200, &outcome), "fhir-wrong-resource").await;
}

#[tokio::test]
async fn another_appointment_than_the_one_asked_for() {
    refused(Launch::PROVIDER, Place::Appointment, "fhir-wrong-resource", |appointment| {
        appointment["id"] = "eAppointment-8".into();
    })
    .await;
    refused(Launch::PROVIDER, Place::Appointment, "fhir-wrong-resource", |appointment| {
        appointment["resourceType"] = "Encounter".into();
    })
    .await;
}

#[tokio::test]
async fn the_appointment_of_another_patient() {
    refused(Launch::PROVIDER, Place::Appointment, "other-patient", |appointment| {
        appointment["participant"][0]["actor"]["reference"] = "Patient/ePatient-8".into();
    })
    .await;
}

/// A search that passes over our parameters finds other people's visits.
#[tokio::test]
async fn a_search_that_finds_another_patient_s_appointment() {
    refused(Launch::PATIENT, Place::Appointment, "no-visit-today", |bundle| {
        bundle["entry"][0]["resource"]["participant"][0]["actor"]["reference"] = "Patient/ePatient-8".into();
    })
    .await;
}

#[tokio::test]
async fn an_appointment_of_nobody() {
    refused(Launch::PROVIDER, Place::Appointment, "patient-unknown", |appointment| {
        appointment["participant"] = json!([]);
    })
    .await;
}

#[tokio::test]
async fn an_appointment_that_does_not_take_place() {
    for (status, code) in [
        ("cancelled", "visit-cancelled"),
        ("entered-in-error", "visit-entered-in-error"),
        ("noshow", "visit-no-show"),
    ] {
        refused(Launch::PROVIDER, Place::Appointment, code, move |appointment| {
            appointment["status"] = status.into();
        })
        .await;
        refused(Launch::PATIENT, Place::Appointment, code, move |bundle| {
            bundle["entry"][0]["resource"]["status"] = status.into();
        })
        .await;
    }
}

#[tokio::test]
async fn an_appointment_of_another_day() {
    for (start, end, code) in [
        ("2026-11-21T21:00:00Z", "2026-11-21T21:15:00Z", "too-early"),
        ("2026-11-21T17:00:00Z", "2026-11-21T17:15:00Z", "too-late"),
    ] {
        refused(Launch::PROVIDER, Place::Appointment, code, move |appointment| {
            appointment["start"] = start.into();
            appointment["end"] = end.into();
        })
        .await;
    }
}

#[tokio::test]
async fn the_encounter_of_another_patient() {
    refused(Launch::PROVIDER, Place::Encounter, "other-patient", |encounter| {
        encounter["subject"]["reference"] = "Patient/ePatient-8".into();
    })
    .await;
}

#[tokio::test]
async fn an_encounter_that_does_not_take_place() {
    for (status, code) in [("cancelled", "visit-cancelled"), ("entered-in-error", "visit-entered-in-error")] {
        refused(Launch::PROVIDER, Place::Encounter, code, move |encounter| {
            encounter["status"] = status.into();
        })
        .await;
    }
}

#[tokio::test]
async fn appointment_and_encounter_of_different_visits() {
    refused(Launch::PROVIDER, Place::Encounter, "appointment-encounter-mismatch", |encounter| {
        encounter["identifier"][0]["value"] = csn(8).into();
    })
    .await;
    refused(Launch::PROVIDER, Place::Encounter, "appointment-encounter-mismatch", |encounter| {
        encounter["appointment"] = json!([{ "reference": "Appointment/eAppointment-8" }]);
    })
    .await;
}

#[tokio::test]
async fn a_patient_on_another_server() {
    let scene = Scene::open().await;
    let elsewhere = scene.foreign.url("/api/FHIR/R4/Patient/ePatient-7");
    scene.ehr.edits(Place::Appointment, move |appointment| {
        appointment["participant"][0]["actor"]["reference"] = elsewhere.clone().into();
    });
    scene.assert_launch_is_refused(Launch::PROVIDER, "patient-unknown").await;
}

/// A clinician on another server is a name at most; nobody goes there to read it.
#[tokio::test]
async fn references_that_lead_elsewhere_are_not_followed() {
    for reference in ["/Practitioner/x", "/api/FHIR/R4/Practitioner/../../secret"] {
        let scene = Scene::open().await;
        let elsewhere = scene.foreign.url(reference);
        scene.ehr.edits(Place::Appointment, move |appointment| {
            appointment["participant"][1]["actor"] = json!({ "reference": elsewhere });
        });
        scene.seated(&mut scene.browser(), Launch::PROVIDER).await;
        assert_eq!(scene.foreign.asked(), [] as [&str; 0]);
        assert_eq!(scene.ehr.asked(Place::Nowhere), 0);
    }
}

#[tokio::test]
async fn ids_that_leave_their_folder_are_not_asked_for() {
    for id in ["../../../oauth2/keys", "x?y=z", "..", "x%2f..%2fy"] {
        let scene = Scene::open().await;
        scene.ehr.edits(Place::Appointment, move |appointment| {
            appointment["participant"][1]["actor"] = json!({ "reference": format!("Practitioner/{id}") });
        });
        scene.seated(&mut scene.browser(), Launch::PROVIDER).await;
        let read = scene.ehr.paths().into_iter().filter(|path| path.contains("/Practitioner/"));
        // The clinician who launched, and nobody else.
        assert!(read.collect::<Vec<_>>().iter().all(|path| path.ends_with("/eb3d-practitioner")));
    }
}

#[tokio::test]
async fn a_next_page_on_a_foreign_host() {
    let scene = Scene::open().await;
    let next = scene.foreign.url("/Appointment?page=2");
    scene.ehr.edits(Place::Appointment, move |bundle| {
        bundle["link"] = json!([{ "relation": "next", "url": next }]);
    });
    scene.seated(&mut scene.browser(), Launch::PATIENT).await;
    assert_eq!(scene.foreign.asked(), [] as [&str; 0]);
}

#[tokio::test]
async fn a_next_page_without_end() {
    let scene = Scene::open().await;
    scene.ehr.edits(Place::Appointment, |bundle| {
        bundle["link"] = json!([{ "relation": "next", "url": "Appointment?patient=ePatient-7" }]);
        bundle["entry"] = json!([]);
    });
    scene.assert_launch_is_refused(Launch::PATIENT, "no-visit-today").await;
    assert_eq!(scene.ehr.asked(Place::Appointment), 5);
}

/// Names are text, in pages and in what event streams put into pages.
#[tokio::test]
async fn names_with_markup() {
    const NAME: &str = "<script>alert(1)</script><img src=x onerror=alert(2)>";
    let scene = Scene::open().await;
    scene.ehr.edits(Place::Appointment, |answer| {
        let is_bundle = answer["resourceType"] == "Bundle";
        let appointment = if is_bundle { &mut answer["entry"][0]["resource"] } else { answer };
        for at in [0, 1] {
            appointment["participant"][at]["actor"]["display"] = NAME.into();
        }
    });
    let (mut clinician, mut patient) = (scene.browser(), scene.browser());
    for (browser, launch) in [(&mut clinician, Launch::PROVIDER), (&mut patient, Launch::PATIENT)] {
        let seat = scene.seated(browser, launch).await;
        let page = browser.get(&seat).await;
        assert!(!page.body.contains("<script>alert") && !page.body.contains("<img src=x"));
        let heading = if launch.entrance == Entrance::Provider { "h1" } else { "main" };
        assert!(page.text(heading).unwrap().contains(NAME), "{}", page.body);
        let news: Seen = browser.get(&format!("{seat}/events")).await;
        assert!(news.body.contains("event: changed"), "{}", news.body);
        let data = news.body.lines().find_map(|line| line.strip_prefix("data: ")).unwrap();
        let changed: Value = serde_json::from_str(data).unwrap();
        let html = changed["html"].as_str().unwrap();
        assert!(!html.contains("<script") && !html.contains("<img"), "{html}");
    }
}
