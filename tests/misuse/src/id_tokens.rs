//! Forged, borrowed and broken id_tokens (OpenID Connect Core 3.1.3.7,
//! RFC 8725). Each is refused, and the callback that brought it works no
//! second time.

use base64::{Engine, engine::general_purpose::URL_SAFE_NO_PAD};
use jiff::SignedDuration;
use serde_json::{Value, json};

use crate::{
    ehr::{Draft, Misdeed, Place},
    launching::{Launch, patient},
    scene::Scene,
    signer::{FORGER, TRUSTED},
};

async fn refused(forge: impl Fn(&mut Draft) + Send + Sync + 'static) {
    refused_as("id-token-invalid", Launch::PROVIDER, forge).await;
}

async fn refused_as(code: &str, launch: Launch, forge: impl Fn(&mut Draft) + Send + Sync + 'static) {
    let scene = Scene::open().await;
    scene.ehr.drafts(forge);
    scene.assert_launch_is_refused(launch, code).await;
}

async fn claim_refused(name: &'static str, value: Value) {
    refused(move |draft| draft.claims[name] = value.clone()).await;
}

fn now() -> i64 {
    "2026-11-21T20:00:00Z".parse::<jiff::Timestamp>().unwrap().as_second()
}

#[tokio::test]
async fn signed_by_another_key_under_the_same_kid() {
    refused(|draft| draft.signer = &FORGER).await;
}

#[tokio::test]
async fn a_payload_changed_under_a_good_signature() {
    let scene = Scene::open().await;
    scene.ehr.sends(|draft| {
        let good = TRUSTED.sign(&draft.header, &draft.claims);
        draft.claims["fhirUser"] = "Practitioner/another".into();
        let parts: Vec<_> = good.split('.').collect();
        let payload = URL_SAFE_NO_PAD.encode(draft.claims.to_string());
        Some(format!("{}.{payload}.{}", parts[0], parts[2]))
    });
    scene.assert_launch_is_refused(Launch::PROVIDER, "id-token-invalid").await;
}

#[tokio::test]
async fn without_its_signature() {
    let scene = Scene::open().await;
    scene.ehr.sends(|draft| {
        let good = TRUSTED.sign(&draft.header, &draft.claims);
        Some(format!("{}.", good.rsplit_once('.').unwrap().0))
    });
    scene.assert_launch_is_refused(Launch::PROVIDER, "id-token-invalid").await;
}

#[tokio::test]
async fn alg_none() {
    for none in ["none", "None", "NONE", ""] {
        refused(move |draft| draft.header["alg"] = none.into()).await;
    }
}

#[tokio::test]
async fn hmac_with_the_public_key() {
    refused(|draft| draft.header["alg"] = "HS256".into()).await;
}

#[tokio::test]
async fn a_key_that_the_token_brings_itself() {
    refused(|draft| {
        draft.header["jwk"] = FORGER.jwk("one");
        draft.signer = &FORGER;
    })
    .await;
}

#[tokio::test]
async fn a_key_set_that_the_token_names_itself() {
    let scene = Scene::open().await;
    let theirs = scene.foreign.url("/keys");
    scene.ehr.drafts(move |draft| {
        draft.header["jku"] = theirs.clone().into();
        draft.header["x5u"] = theirs.clone().into();
        draft.signer = &FORGER;
    });
    scene.assert_launch_is_refused(Launch::PROVIDER, "id-token-invalid").await;
}

#[tokio::test]
async fn a_critical_extension() {
    refused(|draft| draft.header["crit"] = json!(["exp"])).await;
}

#[tokio::test]
async fn another_issuer() {
    claim_refused("iss", "https://evil.example/oauth2".into()).await;
    let scene = Scene::open().await;
    let base = scene.ehr.fhir_base();
    scene.ehr.drafts(move |draft| draft.claims["iss"] = base.clone().into());
    scene.assert_launch_is_refused(Launch::PROVIDER, "id-token-invalid").await;
}

#[tokio::test]
async fn another_audience() {
    claim_refused("aud", "another-client".into()).await;
    claim_refused("aud", json!([])).await;
}

#[tokio::test]
async fn several_audiences_and_no_authorized_party() {
    claim_refused("aud", json!(["lamna-client", "another-client"])).await;
}

#[tokio::test]
async fn another_authorized_party() {
    claim_refused("azp", "another-client".into()).await;
}

#[tokio::test]
async fn expired() {
    claim_refused("exp", (now() - 61).into()).await;
}

#[tokio::test]
async fn without_an_end() {
    refused(|draft| drop(draft.claims.as_object_mut().unwrap().remove("exp"))).await;
}

#[tokio::test]
async fn issued_in_the_future() {
    claim_refused("iat", (now() + 61).into()).await;
    claim_refused("nbf", (now() + 61).into()).await;
}

#[tokio::test]
async fn another_nonce() {
    claim_refused("nonce", "x".repeat(43).into()).await;
}

#[tokio::test]
async fn no_nonce() {
    refused(|draft| drop(draft.claims.as_object_mut().unwrap().remove("nonce"))).await;
}

#[tokio::test]
async fn the_good_id_token_of_another_launch() {
    let scene = Scene::open().await;
    let first = std::sync::Mutex::new(None);
    scene.ehr.sends(move |draft| {
        let own = TRUSTED.sign(&draft.header, &draft.claims);
        Some(first.lock().unwrap().get_or_insert(own).clone())
    });
    scene.seated(&mut scene.browser(), Launch::PROVIDER).await;
    let seen = scene.launched(&mut scene.browser(), Launch::provider(8)).await;
    assert_eq!(seen.data("error").as_deref(), Some("id-token-invalid"));
    assert_eq!(scene.house.visits_and_seats().await, (1, 1));
}

#[tokio::test]
async fn no_kid_where_two_keys_fit() {
    let scene = Scene::open().await;
    let keys = json!({ "keys": [TRUSTED.jwk("one"), FORGER.jwk("two")] });
    scene.ehr.misbehaves(Place::Keys, Misdeed::json(200, &keys));
    scene.ehr.drafts(|draft| drop(draft.header.as_object_mut().unwrap().remove("kid")));
    scene.assert_launch_is_refused(Launch::PROVIDER, "id-token-invalid").await;
}

#[tokio::test]
async fn an_unknown_kid_is_looked_up_once() {
    let scene = Scene::open().await;
    scene.seated(&mut scene.browser(), Launch::PROVIDER).await;
    assert_eq!(scene.ehr.asked(Place::Keys), 1);
    scene.advance(SignedDuration::from_mins(1));
    scene.ehr.drafts(|draft| draft.header["kid"] = "made-up".into());
    for _ in 0..3 {
        let seen = scene.launched(&mut scene.browser(), Launch::PROVIDER).await;
        assert_eq!(seen.data("error").as_deref(), Some("id-token-invalid"));
        assert_eq!(scene.ehr.asked(Place::Keys), 2);
    }
    assert_eq!(scene.house.visits_and_seats().await, (1, 1));
}

#[tokio::test]
async fn a_new_key_of_the_issuer_is_found() {
    let scene = Scene::open().await;
    scene.seated(&mut scene.browser(), Launch::PROVIDER).await;
    scene.advance(SignedDuration::from_mins(1));
    scene.ehr.misbehaves(Place::Keys, Misdeed::json(200, &json!({ "keys": [FORGER.jwk("new")] })));
    scene.ehr.drafts(|draft| {
        draft.header["kid"] = "new".into();
        draft.signer = &FORGER;
    });
    scene.seated(&mut scene.browser(), Launch::provider(8)).await;
    assert_eq!(scene.ehr.asked(Place::Keys), 2);
}

#[tokio::test]
async fn no_id_token_at_all() {
    let scene = Scene::open().await;
    scene.ehr.edits(Place::Token, |answer| drop(answer.as_object_mut().unwrap().remove("id_token")));
    scene.assert_launch_is_refused(Launch::PROVIDER, "id-token-missing").await;
}

#[tokio::test]
async fn an_id_token_that_is_none() {
    for text in ["x", "..", "a.b", "a.b.c", "e30.e30.e30", "\u{0}"] {
        let scene = Scene::open().await;
        scene.ehr.sends(move |_| Some(text.to_owned()));
        scene.assert_launch_is_refused(Launch::PROVIDER, "id-token-invalid").await;
    }
}

#[tokio::test]
async fn no_fhir_user() {
    refused_as("user-unknown", Launch::PROVIDER, |draft| {
        drop(draft.claims.as_object_mut().unwrap().remove("fhirUser"));
    })
    .await;
}

#[tokio::test]
async fn a_fhir_user_who_is_nobody() {
    for user in ["Device/pump", "Practitioner/", "Practitioner/../Patient/x y", "javascript:alert(1)", "/"] {
        refused_as("user-unknown", Launch::PROVIDER, move |draft| draft.claims["fhirUser"] = user.into())
            .await;
    }
}

#[tokio::test]
async fn a_patient_at_the_clinicians_entrance() {
    let user = format!("Patient/{}", patient(7));
    refused_as("wrong-entrance", Launch::PROVIDER, move |draft| {
        draft.claims["fhirUser"] = user.clone().into();
    })
    .await;
}

#[tokio::test]
async fn a_clinician_at_the_patients_entrance() {
    refused_as("wrong-entrance", Launch::PATIENT, |draft| {
        draft.claims["fhirUser"] = "Practitioner/eb3d-practitioner".into();
    })
    .await;
}

#[tokio::test]
async fn another_patient_than_the_launch_is_about() {
    refused_as("wrong-launch-address", Launch::PATIENT, |draft| {
        draft.claims["fhirUser"] = "Patient/ePatient-8".into();
    })
    .await;
}
