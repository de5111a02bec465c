//! Callbacks that are not this launch's, this browser's or this server's
//! (RFC 9700 2.1, 4.4 and 4.7; RFC 9207).

use jiff::SignedDuration;
use url::form_urlencoded;

use crate::{
    browser::Browser,
    ehr::Place,
    house::{LAMNA, OTHER},
    launching::Launch,
    scene::Scene,
};

/// Changes one parameter of a callback, or takes it away.
fn with(callback: &str, name: &str, value: Option<&str>) -> String {
    let (path, query) = callback.split_once('?').unwrap();
    let mut changed = form_urlencoded::Serializer::new(String::new());
    changed.extend_pairs(form_urlencoded::parse(query.as_bytes()).filter(|(known, _)| known != name));
    if let Some(value) = value {
        changed.append_pair(name, value);
    }
    format!("{path}?{}", changed.finish())
}

/// A launch that was approved, the browser that began it, and its callback.
async fn approved() -> (Scene, Browser, String) {
    let scene = Scene::open().await;
    let mut browser = scene.browser();
    let callback = scene.approved(&mut browser, Launch::PROVIDER).await;
    (scene, browser, callback)
}

/// This callback is refused before any code is redeemed.
async fn refused(scene: &Scene, browser: &mut Browser, callback: &str, code: &str) {
    let seen = browser.get(callback).await;
    scene.assert_refused(&seen, code).await;
    assert_eq!(scene.ehr.asked(Place::Token), 0);
}

#[tokio::test]
async fn without_a_state() {
    let (scene, mut browser, callback) = approved().await;
    for none in [with(&callback, "state", None), with(&callback, "state", Some(""))] {
        refused(&scene, &mut browser, &none, "launch-unknown").await;
    }
}

#[tokio::test]
async fn with_another_state() {
    let (scene, mut browser, callback) = approved().await;
    let long = "x".repeat(10_000);
    for state in ["x".repeat(43).as_str(), "'; DROP TABLE pending; --", "\u{0}", &long] {
        refused(&scene, &mut browser, &with(&callback, "state", Some(state)), "launch-unknown").await;
    }
}

/// The attacker's own code under the victim's state, and the other way round.
#[tokio::test]
async fn with_the_state_of_another_browser_s_launch() {
    let (scene, mut victim, _) = approved().await;
    let theirs = scene.approved(&mut scene.browser(), Launch::provider(8)).await;
    refused(&scene, &mut victim, &theirs, "launch-unknown").await;
}

#[tokio::test]
async fn without_a_code() {
    let (scene, mut browser, callback) = approved().await;
    refused(&scene, &mut browser, &with(&callback, "code", None), "callback-invalid").await;
}

#[tokio::test]
async fn twice_the_same_parameter() {
    let (scene, mut browser, callback) = approved().await;
    for doubled in ["&code=x", "&state=x", "&iss=a&iss=b", "&error=a&error=b"] {
        refused(&scene, &mut browser, &format!("{callback}{doubled}"), "callback-invalid").await;
    }
}

#[tokio::test]
async fn with_a_code_that_is_not_this_launch_s() {
    let (scene, mut browser, callback) = approved().await;
    let other = scene.approved(&mut scene.browser(), Launch::provider(8)).await;
    let code = form_urlencoded::parse(other.split_once('?').unwrap().1.as_bytes())
        .find_map(|(name, value)| (name == "code").then(|| value.into_owned()));
    // PKCE: the other code was asked for with another verifier.
    let seen = browser.get(&with(&callback, "code", code.as_deref())).await;
    scene.assert_refused(&seen, "token-refused").await;
}

#[tokio::test]
async fn replayed_after_success() {
    let (scene, mut browser, callback) = approved().await;
    let mut with_cookies_from_before = browser.clone();
    assert!(browser.get(&callback).await.location().starts_with("/seat/"));
    for browser in [&mut browser, &mut with_cookies_from_before] {
        let again = browser.get(&callback).await;
        assert_eq!(again.data("error").as_deref(), Some("launch-unknown"));
    }
    assert_eq!(scene.ehr.asked(Place::Token), 1);
    assert_eq!(scene.house.visits_and_seats().await, (1, 1));
}

#[tokio::test]
async fn twice_at_the_same_instant() {
    let (scene, browser, callback) = approved().await;
    let (mut one, mut other) = (browser.clone(), browser);
    let (one, other) = tokio::join!(one.get(&callback), other.get(&callback));
    let refused = [&one, &other].into_iter().filter(|seen| seen.page().is_some()).collect::<Vec<_>>();
    assert_eq!(refused.len(), 1);
    assert_eq!(refused[0].data("error").as_deref(), Some("launch-unknown"));
    assert_eq!(scene.ehr.asked(Place::Token), 1);
}

/// And whoever stole the address has spoiled the launch, not gained it.
#[tokio::test]
async fn in_another_browser() {
    let (scene, mut browser, callback) = approved().await;
    refused(&scene, &mut scene.browser(), &callback, "launch-unknown").await;
    refused(&scene, &mut browser, &callback, "launch-unknown").await;
}

#[tokio::test]
async fn in_a_browser_with_a_launch_of_its_own() {
    let (scene, _, callback) = approved().await;
    let mut thief = scene.browser();
    scene.approved(&mut thief, Launch::provider(8)).await;
    refused(&scene, &mut thief, &callback, "launch-unknown").await;
}

/// Mix-up: the code of one EHR would go to the token endpoint of another.
#[tokio::test]
async fn at_another_connection_s_address() {
    let (scene, mut browser, callback) = approved().await;
    let elsewhere = callback.replace(&format!("/ehr/{LAMNA}/"), &format!("/ehr/{OTHER}/"));
    refused(&scene, &mut browser, &elsewhere, "callback-mixed-up").await;
}

#[tokio::test]
async fn at_no_connection_s_address() {
    let (scene, mut browser, callback) = approved().await;
    for id in ["nobody", "LAMNA", "..%2flamna", "%00"] {
        let elsewhere = callback.replace(&format!("/ehr/{LAMNA}/"), &format!("/ehr/{id}/"));
        refused(&scene, &mut browser, &elsewhere, "not-found").await;
    }
}

#[tokio::test]
async fn from_another_issuer() {
    for iss in ["https://evil.example/oauth2", ""] {
        let (scene, mut browser, callback) = approved().await;
        refused(&scene, &mut browser, &with(&callback, "iss", Some(iss)), "callback-mixed-up").await;
    }
    // The FHIR base is not the issuer.
    let (scene, mut browser, callback) = approved().await;
    let base = scene.ehr.fhir_base();
    refused(&scene, &mut browser, &with(&callback, "iss", Some(&base)), "callback-mixed-up").await;
}

#[tokio::test]
async fn from_the_right_issuer_it_goes_on() {
    let (scene, mut browser, callback) = approved().await;
    let seen = browser.get(&with(&callback, "iss", Some(&scene.ehr.issuer()))).await;
    assert!(seen.location().starts_with("/seat/"));
}

#[tokio::test]
async fn after_ten_minutes() {
    let (scene, mut browser, callback) = approved().await;
    scene.advance(SignedDuration::from_mins(10));
    refused(&scene, &mut browser, &callback, "launch-unknown").await;
}

#[tokio::test]
async fn with_an_error_and_markup() {
    for (error, code) in [
        ("access_denied", "authorization-denied"),
        ("invalid_scope", "authorization-failed"),
        ("<img src=x onerror=alert(1)>", "authorization-failed"),
    ] {
        let (scene, mut browser, callback) = approved().await;
        let callback = with(&with(&callback, "code", None), "error", Some(error));
        let markup = "<script>alert('x')</script><a href=\"https://evil.example\">sign in</a>";
        let callback = with(&callback, "error_description", Some(markup));
        let callback = with(&callback, "error_uri", Some("javascript:alert(1)"));
        let seen = browser.get(&callback).await;
        scene.assert_refused(&seen, code).await;
        // Told as text, to the letter.
        assert!(seen.text(".lead").unwrap().contains(markup), "{}", seen.body);
        assert!(!seen.body.contains("<script>alert"));
        assert_eq!(scene.ehr.asked(Place::Token), 0);
    }
}

#[tokio::test]
async fn an_error_beside_a_code_redeems_nothing() {
    let (scene, mut browser, callback) = approved().await;
    let both = with(&callback, "error", Some("access_denied"));
    refused(&scene, &mut browser, &both, "authorization-denied").await;
}

#[tokio::test]
async fn by_a_form() {
    let (scene, mut browser, callback) = approved().await;
    let seen = browser.post(&callback, &[]).await;
    scene.assert_refused(&seen, "method-not-allowed").await;
    assert_eq!(scene.ehr.asked(Place::Token), 0);
}
