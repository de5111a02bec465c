//! Token answers that are broken in each field (RFC 6749, 5.1 and 5.2).

use serde_json::{Value, json};

use crate::{
    browser::Seen,
    ehr::{Misdeed, Place},
    launching::Launch,
    scene::Scene,
};

async fn field_refused(name: &'static str, value: Value) {
    let scene = Scene::open().await;
    scene.ehr.edits(Place::Token, move |answer| answer[name] = value.clone());
    scene.assert_launch_is_refused(Launch::PROVIDER, "token-answer-invalid").await;
}

async fn misdeed_refused(misdeed: Misdeed, code: &str) -> Seen {
    let scene = Scene::open().await;
    scene.ehr.misbehaves(Place::Token, misdeed);
    let seen = scene.launched(&mut scene.browser(), Launch::PROVIDER).await;
    scene.assert_refused(&seen, code).await;
    seen
}

async fn hung(misdeed: Misdeed) {
    let scene = Scene::open().await;
    scene.ehr.misbehaves(Place::Token, misdeed);
    let mut browser = scene.browser();
    let callback = scene.approved(&mut browser, Launch::PROVIDER).await;
    let seen = scene.impatient(browser, &callback, Place::Token).await;
    scene.assert_refused(&seen, "ehr-timeout").await;
}

#[tokio::test]
async fn a_token_type_that_is_not_bearer() {
    for other in [json!("mac"), json!("DPoP"), json!(""), json!(7), Value::Null] {
        field_refused("token_type", other).await;
    }
}

#[tokio::test]
async fn an_access_token_that_is_none() {
    for none in [json!(""), Value::Null, json!(7), json!({ "x": 1 }), json!(["t"])] {
        field_refused("access_token", none).await;
    }
}

#[tokio::test]
async fn an_access_token_that_would_break_a_header() {
    for bad in ["t\r\nX-Injected: y", "t\u{0}", "two words", "tökén"] {
        field_refused("access_token", bad.into()).await;
    }
}

#[tokio::test]
async fn a_context_that_leaves_its_folder() {
    for name in ["patient", "encounter", "appointment"] {
        for bad in ["../x", "x/../../Practitioner/y", "x?y=z", "x#y", "%2e%2e", "."] {
            field_refused(name, bad.into()).await;
        }
        field_refused(name, json!({ "id": "x" })).await;
    }
}

/// As an FDI record sends it whose token the EHR does not know: taken as a
/// name, it would bring all patients into one visit.
#[tokio::test]
async fn a_session_id_that_the_ehr_did_not_fill_in() {
    for raw in ["%CSN%", "%CONFERENCEID%", " %CSN% ", "%EXTENSION;15354%"] {
        let scene = Scene::open().await;
        scene.ehr.edits(Place::Token, move |answer| answer["sessionId"] = raw.into());
        scene.assert_launch_is_refused(Launch::PROVIDER, "bad-request").await;
    }
}

#[tokio::test]
async fn a_session_id_that_is_none() {
    for bad in ["two words", "x\u{0}", "ä"] {
        let scene = Scene::open().await;
        scene.ehr.edits(Place::Token, move |answer| answer["sessionId"] = bad.into());
        scene.assert_launch_is_refused(Launch::PROVIDER, "bad-request").await;
    }
}

#[tokio::test]
async fn a_page() {
    misdeed_refused(Misdeed::html(), "token-answer-invalid").await;
}

#[tokio::test]
async fn an_array() {
    misdeed_refused(Misdeed::json(200, &json!([{ "access_token": "t" }])), "token-answer-invalid").await;
}

#[tokio::test]
async fn json_that_says_it_is_a_page() {
    let body = json!({ "access_token": "t", "token_type": "Bearer" }).to_string();
    let misdeed = Misdeed::Says { status: 200, content_type: "text/html", body };
    misdeed_refused(misdeed, "token-answer-invalid").await;
}

#[tokio::test]
async fn far_too_much() {
    misdeed_refused(Misdeed::json(200, &json!({ "x": "x".repeat(2 << 20) })), "ehr-answer-refused").await;
    misdeed_refused(Misdeed::Floods, "ehr-answer-refused").await;
}

#[tokio::test]
async fn a_deep_nest() {
    let body = format!("{}{}", "[".repeat(100_000), "]".repeat(100_000));
    let misdeed = Misdeed::Says { status: 200, content_type: "application/json", body };
    misdeed_refused(misdeed, "token-answer-invalid").await;
}

/// With the code and our assertion in it, a token request goes nowhere else,
/// not even on the same host.
#[tokio::test]
async fn a_redirect() {
    let scene = Scene::open().await;
    for to in [scene.foreign.url("/oauth2/token"), scene.ehr.url("/oauth2/other")] {
        let scene = Scene::open().await;
        scene.ehr.misbehaves(Place::Token, Misdeed::RedirectsTo(to));
        scene.assert_launch_is_refused(Launch::PROVIDER, "ehr-answer-refused").await;
        assert_eq!(scene.ehr.asked(Place::Nowhere), 0);
    }
}

#[tokio::test]
async fn an_error_with_markup() {
    let error = json!({ "error": "invalid_grant", "error_description": "<script>alert(1)</script>" });
    let seen = misdeed_refused(Misdeed::json(400, &error), "token-refused").await;
    assert!(!seen.body.contains("alert(1)"));
    let error = json!({ "error": "<b>x</b>", "error_description": "x" });
    let seen = misdeed_refused(Misdeed::json(400, &error), "token-refused").await;
    assert!(!seen.body.contains("<b>"));
}

#[tokio::test]
async fn a_client_that_is_not_accepted() {
    for error in ["invalid_client", "unauthorized_client"] {
        misdeed_refused(Misdeed::json(401, &json!({ "error": error })), "client-refused").await;
    }
}

#[tokio::test]
async fn a_failure() {
    let seen = misdeed_refused(Misdeed::json(500, &json!({ "error": "invalid_grant" })), "ehr-failed").await;
    assert!(seen.header("retry-after").is_some());
    misdeed_refused(Misdeed::json(429, &json!({})), "ehr-failed").await;
    misdeed_refused(Misdeed::json(400, &json!({ "no": "error" })), "ehr-failed").await;
}

#[tokio::test]
async fn silence() {
    hung(Misdeed::Hangs).await;
}

#[tokio::test]
async fn a_drip() {
    hung(Misdeed::Drips).await;
}

/// Its host is then left alone for some seconds: who comes next is told at
/// once and asks nothing.
#[tokio::test]
async fn a_server_that_breaks_off_again_and_again() {
    let scene = Scene::open().await;
    scene.seated(&mut scene.browser(), Launch::PROVIDER).await;
    scene.ehr.misbehaves(Place::Token, Misdeed::Breaks);
    for _ in 0..8 {
        let seen = scene.launched(&mut scene.browser(), Launch::PROVIDER).await;
        assert_eq!(seen.data("error").as_deref(), Some("ehr-unreachable"));
    }
    assert_eq!(scene.ehr.asked(Place::Token), 1 + 5);
    assert_eq!(scene.house.visits_and_seats().await, (1, 1));
}

#[tokio::test]
async fn what_is_odd_and_harmless_keeps_nobody_out() {
    let scene = Scene::open().await;
    scene.ehr.edits(Place::Token, |answer| {
        answer["token_type"] = "BeArEr".into();
        answer["expires_in"] = "soon".into();
        answer["scope"] = json!({});
        answer["need_patient_banner"] = "perhaps".into();
        answer["smart_style_url"] = "javascript:alert(1)".into();
        answer["fhirContext"] = json!([{ "reference": "https://evil.example/Appointment/x" }, 7]);
        answer["__epic.x"] = json!([[[]]]);
    });
    scene.seated(&mut scene.browser(), Launch::PROVIDER).await;
    assert_eq!(scene.foreign.asked(), [] as [&str; 0]);
}
