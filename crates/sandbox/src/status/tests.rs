use std::sync::Arc;

use axum::body::Body;
use http::{Request, StatusCode, header};
use serde_json::json;

use crate::{
    config::StatusAuth,
    launch::LaunchKind,
    testing::{Answer, Bench, CLIENT},
};

const PATH: &str = "/interconnect/api/epic/2018/Telehealth/ContextLinking/SetExternalConnectionStatus";

/// A report about Dr. Finn in Ana's visit, by GET, with these changes.
async fn report(bench: &Bench, changes: &[(&str, &str)], authorization: &str) -> Answer {
    let csn = bench.ehr.day().find("ana-now").unwrap().csn.clone();
    let mut fields = vec![
        ("ConferenceID", csn.as_str()),
        ("ExternalID", "FINNM"),
        ("ExternalIDType", "1"),
        ("VendorName", "Anteroom"),
        ("ConnectionStatus", "1"),
    ];
    for (name, value) in changes {
        fields.retain(|(known, _)| known != name);
        fields.push((name, value));
    }
    let query = url::form_urlencoded::Serializer::new(String::new()).extend_pairs(fields).finish();
    let request = Request::get(format!("{PATH}?{query}"))
        .header("Epic-Client-ID", CLIENT)
        .header(header::AUTHORIZATION, authorization);
    bench.send(request.body(Body::empty()).unwrap()).await
}

fn open() -> Bench {
    Bench::with(|config| config.status_auth = StatusAuth::None)
}

fn light(bench: &Bench, person: &str) -> bool {
    bench.ehr.status.connected().iter().any(|one| one.person == person)
}

#[tokio::test]
async fn a_report_turns_the_light_on_and_another_turns_it_off() {
    let bench = open();

    let answer = report(&bench, &[], "").await;
    assert_eq!((answer.status, answer.json()), (StatusCode::OK, json!({"Status": "1"})));
    assert!(light(&bench, "finn"));

    report(&bench, &[("ConnectionStatus", "2")], "").await;
    assert!(!light(&bench, "finn"));
}

#[tokio::test]
async fn patients_and_proxies_are_known_by_their_portal_account() {
    let bench = open();
    let mia = bench.ehr.day().find("mia-now").unwrap().csn.clone();

    report(&bench, &[("ExternalID", "ARUIZ"), ("ExternalIDType", "2")], "").await;
    report(&bench, &[("ConferenceID", &mia), ("ExternalID", "KNAKAMURA"), ("ExternalIDType", "2")], "").await;

    assert!(light(&bench, "ana") && light(&bench, "keiko"));
}

#[tokio::test]
async fn members_of_a_group_connect_to_its_conference_only() {
    let bench = open();
    let member = bench.ehr.day().find("group-jon").unwrap().clone();
    let of_jon = |conference: &str| {
        [
            ("ConferenceID", conference.to_owned()),
            ("ExternalID", "JHALLORAN".to_owned()),
            ("ExternalIDType", "2".to_owned()),
        ]
    };
    for (conference, status) in
        [(&member.csn, StatusCode::BAD_REQUEST), (&member.conference_id, StatusCode::OK)]
    {
        let changes = of_jon(conference);
        let changes: Vec<_> = changes.iter().map(|(name, value)| (*name, value.as_str())).collect();
        assert_eq!(report(&bench, &changes, "").await.status, status);
    }
}

#[tokio::test]
async fn a_wrong_report_is_answered_as_dotnet_does() {
    let bench = open();
    let cases = [
        (("ConferenceID", "4711"), "INVALID-CONFERENCE-ID"),
        (("ExternalID", "NOBODY"), "INVALID-USER-ID"),
        (("ExternalIDType", "7"), "INVALID-USER-ID-TYPE"),
        (("VendorName", ""), "INVALID-VENDOR"),
        (("ConnectionStatus", "on"), "INVALID-CONNECTION-STATUS"),
    ];
    for (change, what) in cases {
        let answer = report(&bench, &[change], "").await;

        assert_eq!(answer.status, StatusCode::BAD_REQUEST);
        let expected = format!("An error occurred while executing the command: {what}.");
        assert_eq!(answer.json()["ExceptionMessage"], expected.as_str());
    }
    let stranger = report(&bench, &[("ExternalID", "WBROOKS"), ("ExternalIDType", "2")], "").await;
    assert_eq!(stranger.status, StatusCode::BAD_REQUEST);
}

#[tokio::test]
async fn a_report_may_come_as_form_or_json() {
    let bench = open();
    let csn = bench.ehr.day().find("ana-now").unwrap().csn.clone();
    let json = json!({"ConferenceID": csn, "ExternalID": "FINNM", "ExternalIDType": 1, "VendorName": "Anteroom", "ConnectionStatus": 1});
    let form = format!(
        "ConferenceID={csn}&ExternalID=FINNM&ExternalIDType=1&VendorName=Anteroom&ConnectionStatus=1"
    );
    for (content_type, body) in
        [("application/json", json.to_string()), ("application/x-www-form-urlencoded", form)]
    {
        let request = Request::post(PATH)
            .header("Epic-Client-ID", CLIENT)
            .header(header::CONTENT_TYPE, content_type)
            .body(Body::from(body));

        assert_eq!(bench.send(request.unwrap()).await.status, StatusCode::OK, "{content_type}");
    }
}

#[tokio::test]
async fn who_may_report_is_a_setting() {
    let launch = Bench::new();
    let token = launch.access(LaunchKind::Patient, "ana", Some("ana-now")).await;
    assert_eq!(report(&launch, &[], &format!("Bearer {token}")).await.status, StatusCode::OK);
    assert_eq!(report(&launch, &[], "Bearer invented").await.status, StatusCode::UNAUTHORIZED);

    let backend = Bench::with(|config| config.status_auth = StatusAuth::BackendToken);
    let token = backend.access(LaunchKind::Provider, "finn", Some("ana-now")).await;
    assert_eq!(report(&backend, &[], &format!("Bearer {token}")).await.status, StatusCode::UNAUTHORIZED);

    let basic = Bench::with(|config| {
        config.status_auth =
            StatusAuth::Basic { user: "emp$anteroom".to_owned(), password: "secret".to_owned() };
    });
    let right = "Basic ZW1wJGFudGVyb29tOnNlY3JldA==";
    assert_eq!(report(&basic, &[], right).await.status, StatusCode::OK);
    assert_eq!(report(&basic, &[], "Basic ZW1wJGFudGVyb29tOg==").await.status, StatusCode::UNAUTHORIZED);
}

#[tokio::test]
async fn without_epic_client_id_nothing_is_accepted() {
    let bench = open();

    assert_eq!(bench.get(&format!("{PATH}?ConferenceID=1")).await.status, StatusCode::UNAUTHORIZED);
}

#[tokio::test]
async fn it_can_be_told_to_fail_for_a_while() {
    let bench = open();
    for (mode, status) in [("400", 400), ("429", 429), ("500", 500)] {
        let told = bench.post_json("/sandbox/control/status", &json!({"mode": mode, "times": 2})).await;
        assert_eq!(told.status, StatusCode::NO_CONTENT);

        for expected in [status, status, 200] {
            assert_eq!(report(&bench, &[], "").await.status.as_u16(), expected);
        }
    }
}

#[tokio::test]
async fn left_hanging_a_request_ends_when_the_mode_does() {
    let bench = Arc::new(open());
    bench.post_json("/sandbox/control/status", &json!({"mode": "hang"})).await;
    let hanging = tokio::spawn({
        let bench = Arc::clone(&bench);
        async move { report(&bench, &[], "").await }
    });
    while bench.ehr.status.reports().is_empty() {
        tokio::task::yield_now().await;
    }
    assert!(!hanging.is_finished());

    bench.post_json("/sandbox/control/status", &json!({"mode": "ok"})).await;

    assert_eq!(hanging.await.unwrap().status, StatusCode::INTERNAL_SERVER_ERROR);
    assert!(!light(&bench, "finn"));
}

#[tokio::test]
async fn the_log_tells_what_came_and_what_was_answered() {
    let bench = open();
    report(&bench, &[("ConferenceID", "4711")], "Basic c2VjcmV0").await;

    let log = bench.get("/sandbox/control/status-log").await.json();

    insta::assert_json_snapshot!(log, @r#"
    [
      {
        "answered": 400,
        "at": "2026-11-21T20:03:21Z",
        "authorization": "Basic",
        "client_id": "anteroom-client",
        "conference_id": "4711",
        "connection_status": "1",
        "external_id": "FINNM",
        "external_id_type": "1",
        "method": "GET",
        "number": 1,
        "outcome": "INVALID-CONFERENCE-ID",
        "vendor_name": "Anteroom"
      }
    ]
    "#);
}
