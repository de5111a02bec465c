use axum::body::Body;
use fhir_model::r4b::resources as r4b;
use http::{Request, StatusCode, header};
use jiff::tz::TimeZone;
use serde_json::Value;

use super::all_resources;
use crate::{
    cast::{ANA, FINN, KEIKO, MIA, WALTER},
    day::Day,
    identifiers::CSN,
    launch::LaunchKind,
    testing::{Answer, Bench, FHIR},
};

async fn provider(bench: &Bench) -> String {
    bench.access(LaunchKind::Provider, "finn", Some("ana-now")).await
}

async fn patient(bench: &Bench) -> String {
    bench.access(LaunchKind::Patient, "ana", Some("ana-now")).await
}

fn csns(answer: &Answer) -> Vec<Value> {
    assert_eq!(answer.status, StatusCode::OK, "{}", answer.text);
    let bundle = answer.json();
    let matches =
        bundle["entry"].as_array().unwrap().iter().filter(|entry| entry["search"]["mode"] == "match");
    let found: Vec<_> = matches.map(|entry| entry["resource"]["identifier"][0]["value"].clone()).collect();
    assert_eq!(bundle["total"], found.len());
    found
}

fn keys(bench: &Bench, keys: &[&str]) -> Vec<Value> {
    keys.iter().map(|key| bench.ehr.day().find(key).unwrap().csn.clone().into()).collect()
}

#[test]
fn every_resource_is_valid() {
    fn valid<T: serde::de::DeserializeOwned>(resource: Value) -> bool {
        serde_json::from_value::<T>(resource).is_ok()
    }

    let day = Day::around("2026-11-21T20:03:21Z".parse().unwrap(), &TimeZone::UTC);
    for resource in all_resources(day.appointments()) {
        let is_valid = match resource["resourceType"].as_str().unwrap() {
            "Practitioner" => valid::<r4b::Practitioner>,
            "Patient" => valid::<r4b::Patient>,
            "RelatedPerson" => valid::<r4b::RelatedPerson>,
            "Appointment" => valid::<r4b::Appointment>,
            "Encounter" => valid::<r4b::Encounter>,
            other => panic!("{other} is not checked"),
        };
        assert!(is_valid(resource.clone()), "{resource:#}");
    }
}

#[tokio::test]
async fn an_appointment_and_its_encounter_share_a_csn() {
    let bench = Bench::new();
    let token = provider(&bench).await;
    let visit = bench.ehr.day().find("ana-now").unwrap().clone();

    let appointment = bench.fhir(&token, &format!("Appointment/{}", visit.fhir_id())).await;
    let encounter = bench.fhir(&token, &format!("Encounter/{}", visit.encounter_fhir_id())).await;

    for answer in [appointment, encounter] {
        assert_eq!(answer.headers[header::CONTENT_TYPE], "application/fhir+json; charset=utf-8");
        let identifier = &answer.json()["identifier"][0];
        assert_eq!(
            (identifier["system"].as_str(), identifier["value"].as_str()),
            (Some(CSN), Some(&*visit.csn))
        );
    }
}

#[tokio::test]
async fn people_can_be_read() {
    let bench = Bench::new();
    let token = provider(&bench).await;

    for (path, family) in [
        (format!("Practitioner/{}", FINN.fhir_id()), "Finn"),
        (format!("Patient/{}", ANA.fhir_id()), "Ruiz"),
        (format!("RelatedPerson/{}", KEIKO.fhir_id()), "Nakamura"),
    ] {
        assert_eq!(bench.fhir(&token, &path).await.json()["name"][0]["family"], family);
    }
}

#[tokio::test]
async fn a_patient_sees_nobody_elses_data() {
    let bench = Bench::new();
    let token = patient(&bench).await;
    let other = bench.ehr.day().find("walter-soon").unwrap().clone();

    for path in [
        format!("Appointment/{}", other.fhir_id()),
        format!("Encounter/{}", other.encounter_fhir_id()),
        format!("Patient/{}", WALTER.fhir_id()),
        format!("RelatedPerson/{}", KEIKO.fhir_id()),
        format!("Appointment?patient={}", WALTER.fhir_id()),
    ] {
        let answer = bench.fhir(&token, &path).await;
        assert_eq!(answer.status, StatusCode::FORBIDDEN, "{path}");
        assert!(answer.headers[header::WWW_AUTHENTICATE].to_str().unwrap().contains("insufficient_scope"));
        assert_eq!(answer.json()["resourceType"], "OperationOutcome");
    }
    let all_of_finn = bench.fhir(&token, &format!("Appointment?practitioner={}", FINN.fhir_id())).await;
    assert_eq!(csns(&all_of_finn), keys(&bench, &["ana-now"]));
}

#[tokio::test]
async fn a_proxy_sees_the_patient_for_whom_they_act() {
    let bench = Bench::new();
    let token = bench.access(LaunchKind::Patient, "keiko", Some("mia-now")).await;

    assert_eq!(
        bench.fhir(&token, &format!("RelatedPerson/{}", KEIKO.fhir_id())).await.status,
        StatusCode::OK
    );
    assert_eq!(bench.fhir(&token, &format!("Patient/{}", MIA.fhir_id())).await.status, StatusCode::OK);
}

#[tokio::test]
async fn without_a_valid_token_nothing_is_told() {
    let bench = Bench::new();
    let token = provider(&bench).await;
    let path = format!("Patient/{}", ANA.fhir_id());
    assert_eq!(bench.fhir(&token, &path).await.status, StatusCode::OK);

    bench.clock.advance(jiff::SignedDuration::from_hours(1));

    for token in [token.as_str(), "invented", ""] {
        let answer = bench.fhir(token, &path).await;
        assert_eq!(answer.status, StatusCode::UNAUTHORIZED);
        assert!(answer.headers.contains_key(header::WWW_AUTHENTICATE));
    }
}

#[tokio::test]
async fn appointments_are_found_by_patient_day_status_and_practitioner() {
    let bench = Bench::new();
    let token = provider(&bench).await;
    let search = async |query: String| csns(&bench.fhir(&token, &format!("Appointment?{query}")).await);
    let walter = WALTER.fhir_id();
    let finn = FINN.fhir_id();

    assert_eq!(
        search(format!("patient={walter}&date=2026-11-21")).await,
        keys(&bench, &["walter-soon", "walter-later"])
    );
    assert_eq!(
        search(format!("patient=Patient/{walter}&practitioner=Practitioner/{finn}")).await,
        keys(&bench, &["walter-soon"])
    );
    assert_eq!(
        search(format!("practitioner={finn}&date=ge2026-11-21&date=lt2026-11-22&status=booked,arrived"))
            .await,
        keys(&bench, &["ana-now", "walter-soon"])
    );
    assert_eq!(
        search(format!("practitioner={finn}&status=cancelled")).await,
        keys(&bench, &["jon-cancelled"])
    );
    assert_eq!(
        search(format!("practitioner={finn}&date=2026-11-22")).await,
        keys(&bench, &["grace-tomorrow"])
    );
}

#[tokio::test]
async fn an_encounter_is_found_by_its_csn() {
    let bench = Bench::new();
    let token = provider(&bench).await;
    let csn = bench.ehr.day().find("mia-now").unwrap().csn.clone();

    let found =
        bench.fhir(&token, &format!("Encounter?identifier={CSN}%7C{csn}&patient={}", MIA.fhir_id())).await;

    assert_eq!(csns(&found), keys(&bench, &["mia-now"]));
}

#[tokio::test]
async fn nothing_found_is_said_by_a_resource_that_is_no_result() {
    let bench = Bench::new();
    let token = provider(&bench).await;

    let bundle = bench.fhir(&token, &format!("Appointment?patient={}&date=2020", ANA.fhir_id())).await.json();

    assert_eq!(bundle["total"], 0);
    assert_eq!(bundle["entry"][0]["search"]["mode"], "outcome");
    assert_eq!(bundle["entry"][0]["resource"]["issue"][0]["details"]["coding"][0]["code"], "4101");
    serde_json::from_value::<r4b::Bundle>(bundle).unwrap();
}

#[tokio::test]
async fn what_cannot_be_answered_is_refused_with_an_outcome() {
    let bench = Bench::new();
    let token = provider(&bench).await;
    let cases = [
        ("Appointment", StatusCode::BAD_REQUEST),
        ("Appointment?patient=x&date=soon", StatusCode::BAD_REQUEST),
        ("Appointment?patient=x&slot=y", StatusCode::BAD_REQUEST),
        ("Encounter?identifier=4711", StatusCode::BAD_REQUEST),
        ("Encounter?identifier=urn:oid:1.2%7C4711", StatusCode::BAD_REQUEST),
        ("Encounter?patient=x&practitioner=y", StatusCode::BAD_REQUEST),
        ("Appointment/unknown", StatusCode::NOT_FOUND),
        ("Slot/1", StatusCode::NOT_FOUND),
        ("Patient?name=Ruiz", StatusCode::NOT_FOUND),
    ];
    for (path, status) in cases {
        let answer = bench.fhir(&token, path).await;
        assert_eq!(answer.status, status, "{path}");
        serde_json::from_value::<r4b::OperationOutcome>(answer.json()).unwrap();
    }
}

#[tokio::test]
async fn who_does_not_ask_for_json_is_told_so() {
    let bench = Bench::new();
    let token = provider(&bench).await;
    let request = Request::get(format!("{FHIR}/Patient/{}", ANA.fhir_id()))
        .header(header::AUTHORIZATION, format!("Bearer {token}"));

    assert_eq!(bench.send(request.body(Body::empty()).unwrap()).await.status, StatusCode::NOT_ACCEPTABLE);
}
