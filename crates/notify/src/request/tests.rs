use std::{fmt::Write, sync::Arc};

use outside::testing::{FakeHttp, json_response};
use url::Url;
use visit::Role;

use super::*;
use crate::{EpicClientId, ParameterNames, StatusAuth, StatusPolicy, Vocabulary};

fn target(method: StatusMethod) -> StatusTarget {
    let url = "https://ehr.example.org/api/epic/2018/Telehealth/ContextLinking/SetExternalConnectionStatus";
    StatusTarget {
        url: Url::parse(url).unwrap().try_into().unwrap(),
        method,
        auth: StatusAuth::None,
        epic_client_id: None,
        vocabulary: Vocabulary::default(),
        policy: StatusPolicy::default(),
        http: Arc::new(FakeHttp::answering(|_| Ok(json_response(200, &Value::Null)))),
    }
}

fn clinician() -> Recipient {
    Recipient {
        ehr: "lamna-test".parse().unwrap(),
        visit: "visit00000000000000001".parse().unwrap(),
        session: "10000209577".parse().unwrap(),
        seat: "seat000000000000000001".parse().unwrap(),
        role: Role::Provider,
        external_id: "FAMMD".to_owned(),
    }
}

/// The request as it goes over the wire, but for what the transport adds.
fn wire(
    target: &StatusTarget,
    about: &Recipient,
    status: NoticeStatus,
    credentials: &Credentials<'_>,
) -> String {
    let id_type = target.policy.id_type(about.role).unwrap();
    let request = status_request(target, about, id_type, status, credentials);
    let mut text = format!("{} {}\n", request.method, request.url);
    for (name, value) in &request.headers {
        writeln!(text, "{name}: {}", value.to_str().unwrap()).unwrap();
    }
    text + "\n" + std::str::from_utf8(&request.body).unwrap()
}

#[test]
fn a_get_has_its_parameters_in_the_query() {
    let text = wire(&target(StatusMethod::Get), &clinician(), NoticeStatus::Connected, &Credentials::None);
    insta::assert_snapshot!(text, @r"
    GET https://ehr.example.org/api/epic/2018/Telehealth/ContextLinking/SetExternalConnectionStatus?ConferenceID=10000209577&ExternalID=FAMMD&ExternalIDType=1&VendorName=Anteroom&ConnectionStatus=1
    accept: application/json
    ");
}

#[test]
fn a_query_that_the_address_has_is_kept_and_values_are_escaped() {
    let mut target = target(StatusMethod::Get);
    let url = Url::parse("https://ehr.example.org/status?tenant=7").unwrap();
    target.url = url.try_into().unwrap();
    let about = Recipient { external_id: "a&b=c d#é".to_owned(), ..clinician() };
    insta::assert_snapshot!(wire(&target, &about, NoticeStatus::Disconnected, &Credentials::None), @r"
    GET https://ehr.example.org/status?tenant=7&ConferenceID=10000209577&ExternalID=a%26b%3Dc+d%23%C3%A9&ExternalIDType=1&VendorName=Anteroom&ConnectionStatus=2
    accept: application/json
    ");
}

#[test]
fn a_form_has_its_parameters_in_the_body() {
    let mut target = target(StatusMethod::PostForm);
    target.epic_client_id = Some("b6f12e1e-0c3a-4b57-9c8e-6d3f9f6d2d11".parse::<EpicClientId>().unwrap());
    let credentials = Credentials::Bearer("backend-token".into());
    insta::assert_snapshot!(wire(&target, &clinician(), NoticeStatus::Connected, &credentials), @r"
    POST https://ehr.example.org/api/epic/2018/Telehealth/ContextLinking/SetExternalConnectionStatus
    accept: application/json
    content-type: application/x-www-form-urlencoded
    epic-client-id: b6f12e1e-0c3a-4b57-9c8e-6d3f9f6d2d11
    authorization: Bearer backend-token

    ConferenceID=10000209577&ExternalID=FAMMD&ExternalIDType=1&VendorName=Anteroom&ConnectionStatus=1
    ");
}

#[test]
fn a_json_body_has_a_number_for_the_status_only() {
    let about = Recipient { external_id: "19".to_owned(), role: Role::Patient, ..clinician() };
    let pair = BasicCredentials::new("emp$reporter".into(), "open sesame".into()).unwrap();
    let target = target(StatusMethod::PostJson);
    insta::assert_snapshot!(wire(&target, &about, NoticeStatus::Disconnected, &Credentials::Basic(&pair)), @r#"
    POST https://ehr.example.org/api/epic/2018/Telehealth/ContextLinking/SetExternalConnectionStatus
    accept: application/json
    content-type: application/json
    authorization: Basic ZW1wJHJlcG9ydGVyOm9wZW4gc2VzYW1l

    {"ConferenceID":"10000209577","ConnectionStatus":2,"ExternalID":"19","ExternalIDType":"2","VendorName":"Anteroom"}
    "#);
}

#[test]
fn every_name_and_value_can_be_another() {
    let word = |text: &str| text.parse().unwrap();
    let names = ParameterNames {
        conference_id: word("conferenceId"),
        external_id: word("participantId"),
        external_id_type: word("participantIdType"),
        vendor_name: word("vendor"),
        connection_status: word("state"),
    };
    let mut target = target(StatusMethod::PostJson);
    target.vocabulary = Vocabulary::new(word("Lamna Video"), names, word("online"), word("offline")).unwrap();
    insta::assert_snapshot!(wire(&target, &clinician(), NoticeStatus::Connected, &Credentials::None), @r#"
    POST https://ehr.example.org/api/epic/2018/Telehealth/ContextLinking/SetExternalConnectionStatus
    accept: application/json
    content-type: application/json

    {"conferenceId":"10000209577","participantId":"FAMMD","participantIdType":"1","state":"online","vendor":"Lamna Video"}
    "#);
}

#[test]
fn credentials_are_marked_sensitive() {
    let target = target(StatusMethod::Get);
    let token = Credentials::Bearer("launch-token".into());
    let id_type = target.policy.id_type(Role::Provider).unwrap();
    let request = status_request(&target, &clinician(), id_type, NoticeStatus::Connected, &token);
    assert!(request.headers[header::AUTHORIZATION].is_sensitive());
}
