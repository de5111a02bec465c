//! An EHR, or whoever took its place, whose discovery leads astray. All of
//! this is met on the launch address: the browser is sent nowhere.

use jiff::SignedDuration;
use serde_json::{Value, json};

use crate::{
    ehr::{Misdeed, Place},
    launching::Launch,
    scene::Scene,
};

async fn refused(scene: &Scene, code: &str) {
    let seen = scene.browser().get(&scene.launch_url(Launch::PROVIDER)).await;
    scene.assert_refused(&seen, code).await;
    assert_eq!(scene.ehr.asked(Place::Token), 0);
}

async fn misdeed_refused(misdeed: Misdeed, code: &str) {
    let scene = Scene::open().await;
    scene.ehr.misbehaves(Place::Discovery, misdeed);
    refused(&scene, code).await;
}

/// Each endpoint in turn is this address.
async fn endpoint_refused(address: impl Fn(&Scene) -> String) {
    for name in ["authorization_endpoint", "token_endpoint", "jwks_uri"] {
        let scene = Scene::open().await;
        let address = address(&scene);
        scene.ehr.edits(Place::Discovery, move |document| document[name] = address.clone().into());
        refused(&scene, "endpoint-refused").await;
        assert_eq!(scene.ehr.asked(Place::Keys), 0);
    }
}

#[tokio::test]
async fn it_redirects_to_a_foreign_host() {
    let scene = Scene::open().await;
    let elsewhere = scene.foreign.url("/.well-known/smart-configuration");
    scene.ehr.misbehaves(Place::Discovery, Misdeed::RedirectsTo(elsewhere));
    refused(&scene, "ehr-answer-refused").await;
}

#[tokio::test]
async fn it_redirects_to_what_is_no_web_address() {
    for to in ["javascript:alert(1)", "file:///etc/passwd", "//127.0.0.2:9/", "http://user@127.0.0.1/"] {
        misdeed_refused(Misdeed::RedirectsTo(to.to_owned()), "ehr-answer-refused").await;
    }
}

#[tokio::test]
async fn it_redirects_to_itself_for_ever() {
    let scene = Scene::open().await;
    scene.ehr.misbehaves(
        Place::Discovery,
        Misdeed::RedirectsTo("/api/FHIR/R4/.well-known/smart-configuration".to_owned()),
    );
    refused(&scene, "ehr-answer-refused").await;
    assert!(scene.ehr.asked(Place::Discovery) <= 4);
}

#[tokio::test]
async fn it_hangs() {
    let scene = Scene::open().await;
    scene.ehr.misbehaves(Place::Discovery, Misdeed::Hangs);
    let url = scene.launch_url(Launch::PROVIDER);
    let seen = scene.impatient(scene.browser(), &url, Place::Discovery).await;
    scene.assert_refused(&seen, "ehr-timeout").await;
    assert_eq!(seen.text("h1").as_deref(), Some("The clinic's system does not answer"));
    assert!(seen.header("retry-after").is_some());
}

#[tokio::test]
async fn it_drips() {
    let scene = Scene::open().await;
    scene.ehr.misbehaves(Place::Discovery, Misdeed::Drips);
    let url = scene.launch_url(Launch::PROVIDER);
    let seen = scene.impatient(scene.browser(), &url, Place::Discovery).await;
    scene.assert_refused(&seen, "ehr-timeout").await;
}

#[tokio::test]
async fn it_floods() {
    misdeed_refused(Misdeed::Floods, "ehr-answer-refused").await;
}

#[tokio::test]
async fn it_answers_two_megabytes() {
    let body = json!({ "x": "x".repeat(2 << 20) });
    misdeed_refused(Misdeed::json(200, &body), "ehr-answer-refused").await;
}

#[tokio::test]
async fn it_breaks_off() {
    misdeed_refused(Misdeed::Breaks, "ehr-unreachable").await;
}

#[tokio::test]
async fn it_answers_a_page() {
    misdeed_refused(Misdeed::html(), "discovery-invalid").await;
}

#[tokio::test]
async fn it_answers_json_that_is_no_object() {
    for body in [json!([]), json!("x"), Value::Null] {
        misdeed_refused(Misdeed::json(200, &body), "discovery-invalid").await;
    }
}

#[tokio::test]
async fn it_answers_broken_json() {
    let body = "{\"issuer\":".to_owned();
    misdeed_refused(
        Misdeed::Says { status: 200, content_type: "application/json", body },
        "discovery-invalid",
    )
    .await;
}

#[tokio::test]
async fn it_fails() {
    misdeed_refused(Misdeed::json(500, &json!({})), "ehr-failed").await;
}

#[tokio::test]
async fn endpoints_on_a_foreign_host() {
    endpoint_refused(|scene| scene.foreign.url("/oauth2/x")).await;
}

#[tokio::test]
async fn endpoints_that_are_scripts() {
    endpoint_refused(|_| "javascript:alert(document.cookie)//".to_owned()).await;
}

#[tokio::test]
async fn endpoints_with_user_names() {
    endpoint_refused(|scene| scene.ehr.url("/oauth2/x").replace("http://", "http://user:word@")).await;
}

#[tokio::test]
async fn endpoints_without_tls() {
    endpoint_refused(|_| "http://ehr.example.org/oauth2/x".to_owned()).await;
}

#[tokio::test]
async fn endpoints_at_a_cloud_s_metadata_service() {
    endpoint_refused(|_| "http://169.254.169.254/latest/meta-data".to_owned()).await;
}

#[tokio::test]
async fn endpoints_that_look_like_the_ehr_s() {
    endpoint_refused(|scene| scene.foreign.url("/").replace("http://", "http://127.0.0.1@")).await;
    endpoint_refused(|_| "https://127.0.0.1.evil.example/".to_owned()).await;
}

#[tokio::test]
async fn an_issuer_elsewhere_is_not_asked_for_keys() {
    let scene = Scene::open().await;
    let elsewhere = scene.foreign.url("/oauth2");
    scene.ehr.edits(Place::Discovery, move |document| {
        document["issuer"] = elsewhere.clone().into();
        document.as_object_mut().unwrap().remove("jwks_uri");
    });
    refused(&scene, "discovery-invalid").await;
}

#[tokio::test]
async fn keys_that_redirect_hang_or_flood() {
    let scene = Scene::open().await;
    scene.ehr.misbehaves(Place::Keys, Misdeed::RedirectsTo(scene.foreign.url("/keys")));
    scene.assert_launch_is_refused(Launch::PROVIDER, "ehr-answer-refused").await;

    let scene = Scene::open().await;
    scene.ehr.misbehaves(Place::Keys, Misdeed::Floods);
    scene.assert_launch_is_refused(Launch::PROVIDER, "ehr-answer-refused").await;

    let scene = Scene::open().await;
    scene.ehr.misbehaves(Place::Keys, Misdeed::Hangs);
    let mut browser = scene.browser();
    let callback = scene.approved(&mut browser, Launch::PROVIDER).await;
    let seen = scene.impatient(browser, &callback, Place::Keys).await;
    scene.assert_refused(&seen, "ehr-timeout").await;
}

#[tokio::test]
async fn keys_that_are_none() {
    for body in [json!({ "keys": {} }), json!({ "keys": "x" }), json!({})] {
        let scene = Scene::open().await;
        scene.ehr.misbehaves(Place::Keys, Misdeed::json(200, &body));
        scene.assert_launch_is_refused(Launch::PROVIDER, "ehr-keys-invalid").await;
    }
}

#[tokio::test]
async fn a_crowd_at_a_broken_ehr_costs_it_one_request() {
    let scene = Scene::open().await;
    scene.ehr.misbehaves(Place::Discovery, Misdeed::html());
    for _ in 0..20 {
        refused(&scene, "discovery-invalid").await;
    }
    assert_eq!(scene.ehr.asked(Place::Discovery), 1);
}

#[tokio::test]
async fn a_broken_ehr_that_is_mended_is_asked_again() {
    let scene = Scene::open().await;
    scene.ehr.misbehaves(Place::Discovery, Misdeed::html());
    refused(&scene, "discovery-invalid").await;
    scene.ehr.behaves();
    scene.advance(SignedDuration::from_secs(6));
    scene.seated(&mut scene.browser(), Launch::PROVIDER).await;
}
