//! The code flow as an app drives it, and each way to be refused.

use http::{Method, StatusCode, header};
use jsonwebtoken::{Algorithm, DecodingKey, Header, Validation, jwk::JwkSet};
use serde_json::{Value, json};

use crate::{
    config::{AuthorizeMethods, Discovery},
    launch::LaunchKind,
    testing::{AppKey, Bench, CLIENT, FHIR, REDIRECT, replace, without},
};

fn launch(bench: &Bench) -> String {
    bench.ehr.make_launch(LaunchKind::Provider, "finn", Some("ana-now")).unwrap()
}

mod discovery {
    use super::*;

    #[tokio::test]
    async fn todays_configuration_names_everything() {
        let bench = Bench::new();

        let told = bench.get(&format!("{FHIR}/.well-known/smart-configuration")).await.json();

        assert_eq!(told["issuer"], "http://127.0.0.1:9000/interconnect/oauth2");
        assert_eq!(told["authorization_endpoint"], "http://127.0.0.1:9000/interconnect/oauth2/authorize");
        assert_eq!(told["token_endpoint"], "http://127.0.0.1:9000/interconnect/oauth2/token");
        assert_eq!(told["code_challenge_methods_supported"], json!(["S256"]));
    }

    #[tokio::test]
    async fn an_older_epic_leaves_issuer_and_keys_to_openid_discovery() {
        let bench = Bench::with(|config| config.discovery = Discovery::Of2022);

        let smart = bench.get(&format!("{FHIR}/.well-known/smart-configuration")).await.json();
        assert_eq!((smart.get("issuer"), smart.get("jwks_uri")), (None, None));

        for below in [FHIR, "/interconnect/oauth2"] {
            let openid = bench.get(&format!("{below}/.well-known/openid-configuration")).await.json();
            assert_eq!(openid["issuer"], "http://127.0.0.1:9000/interconnect/oauth2");
            assert!(openid["jwks_uri"].is_string());
        }
    }

    #[tokio::test]
    async fn kids_are_plain_base64() {
        let bench = Bench::new();

        let kid = bench.ehr.signing_key.jwks()["keys"][0]["kid"].clone();

        assert!(kid.as_str().unwrap().ends_with('='));
    }
}

mod authorize {
    use super::*;

    #[tokio::test]
    async fn a_right_request_is_sent_back_with_a_code_at_once() {
        let bench = Bench::new();

        for method in [Method::GET, Method::POST] {
            let fields = bench.authorize_fields(&launch(&bench));
            let answer = bench.authorize(&fields, method).await;

            assert_eq!(answer.status, StatusCode::FOUND);
            assert!(answer.headers[header::LOCATION].to_str().unwrap().starts_with(REDIRECT));
            assert_eq!(answer.redirect_parameter("state").as_deref(), Some("the-state"));
            assert!(answer.redirect_parameter("code").is_some());
        }
    }

    #[tokio::test]
    async fn what_epic_keeps_to_itself_goes_nowhere() {
        let bench = Bench::new();
        let wrong = [
            ("client_id", "somebody-else"),
            ("redirect_uri", "http://127.0.0.1:8080/ehr/lamna/callback/"),
            ("response_type", "token"),
            ("aud", "http://127.0.0.1:9000/interconnect/api/FHIR/R4/"),
            ("scope", "openid fhirUser"),
        ];
        for (name, value) in wrong {
            let launch = launch(&bench);
            let mut fields = bench.authorize_fields(&launch);
            replace(&mut fields, name, value);
            let changed = bench.authorize(&fields, Method::GET).await;
            let missing = bench.authorize(&without(bench.authorize_fields(&launch), name), Method::GET).await;

            for answer in [changed, missing] {
                assert_eq!(answer.status, StatusCode::BAD_REQUEST, "{name}");
                assert!(!answer.headers.contains_key(header::LOCATION), "{name}");
                assert!(answer.text.contains("Something went wrong trying to authorize the client"));
                assert_eq!(answer.headers[header::X_FRAME_OPTIONS], "DENY");
            }
        }
    }

    #[tokio::test]
    async fn a_parameter_twice_is_refused() {
        let bench = Bench::new();
        let mut fields = bench.authorize_fields(&launch(&bench));
        fields.push(("redirect_uri", REDIRECT.to_owned()));

        assert_eq!(bench.authorize(&fields, Method::GET).await.status, StatusCode::BAD_REQUEST);
    }

    #[tokio::test]
    async fn without_pkce_the_client_is_told() {
        let bench = Bench::new();
        let right = || bench.authorize_fields(&launch(&bench));
        let mut plain = right();
        replace(&mut plain, "code_challenge_method", "plain");

        for fields in [plain, without(right(), "code_challenge"), without(right(), "code_challenge_method")] {
            let answer = bench.authorize(&fields, Method::GET).await;

            assert_eq!(answer.redirect_parameter("error").as_deref(), Some("invalid_request"));
            assert_eq!(answer.redirect_parameter("state").as_deref(), Some("the-state"));
        }
    }

    #[tokio::test]
    async fn a_launch_token_is_good_once_for_five_minutes_and_for_its_own_client() {
        let bench = Bench::new();
        let error = async |fields: &[(&'static str, String)]| {
            bench.authorize(fields, Method::GET).await.redirect_parameter("error")
        };
        let invalid = Some("invalid_launch_token".to_owned());

        let used = bench.authorize_fields(&launch(&bench));
        assert_eq!(error(&used).await, None);
        assert_eq!(error(&used).await, invalid);

        let mut other = bench.authorize_fields(&launch(&bench));
        replace(&mut other, "client_id", "patients-only");
        assert_eq!(error(&other).await, invalid);

        let late = bench.authorize_fields(&launch(&bench));
        bench.clock.advance(jiff::SignedDuration::from_mins(5));
        assert_eq!(error(&late).await, invalid);
        assert_eq!(error(&bench.authorize_fields("invented")).await, invalid);
    }

    #[tokio::test]
    async fn one_way_of_asking_can_be_closed() {
        let cases = [(AuthorizeMethods::PostOnly, Method::GET), (AuthorizeMethods::GetOnly, Method::POST)];
        for (methods, closed) in cases {
            let bench = Bench::with(|config| config.authorize = methods);
            let fields = bench.authorize_fields(&launch(&bench));

            assert_eq!(bench.authorize(&fields, closed).await.status, StatusCode::BAD_REQUEST);
        }
    }
}

mod token {
    use super::*;

    #[tokio::test]
    async fn a_provider_learns_the_visit_in_epics_shape() {
        let bench = Bench::new();

        let mut response = bench.launch(LaunchKind::Provider, "finn", Some("ana-now")).await;

        let visit = bench.ehr.day().find("ana-now").unwrap().clone();
        assert_eq!(response["sessionId"], visit.csn.as_str());
        assert_eq!(response["appointment"], visit.fhir_id());
        assert_eq!(response["encounter"], visit.encounter_fhir_id());
        for secret in ["access_token", "id_token"] {
            response[secret] = "…".into();
        }
        insta::assert_json_snapshot!(response, @r#"
        {
          "__epic.dstu2.patient": "TGfZTEbk2tY6yXhS0swbMB",
          "access_token": "…",
          "appointment": "egBLQVo7-uBmLufOFwRXE3",
          "encounter": "e6Vi9RLo0PfoPZxxfohmH3",
          "expires_in": 3600,
          "id_token": "…",
          "location": "e-iXg8EhCpva62rMVQCtX3",
          "loginDepartment": "ebQt9AebKZ5gnWzuqJEHE3",
          "need_patient_banner": "true",
          "patient": "eGfZTEbk2tY6yXhS0swbM3",
          "scope": "user/Appointment.Read user/Appointment.read user/Encounter.Read user/Encounter.read user/Patient.Read user/Patient.read user/Practitioner.Read user/Practitioner.read user/RelatedPerson.Read user/RelatedPerson.read launch openid fhirUser ",
          "sessionId": "35905828022",
          "state": "the-state",
          "token_type": "bearer",
          "userId": "FINNM"
        }
        "#);
    }

    #[tokio::test]
    async fn a_patient_learns_no_encounter_and_no_appointment() {
        let bench = Bench::new();

        let response = bench.launch(LaunchKind::Patient, "ana", Some("ana-now")).await;

        let visit = bench.ehr.day().find("ana-now").unwrap().clone();
        assert_eq!(response["patient"], visit.patient.fhir_id());
        assert_eq!(response["sessionId"], visit.csn.as_str());
        assert_eq!(response["userId"], "ARUIZ");
        for absent in ["encounter", "appointment", "location", "loginDepartment", "refresh_token"] {
            assert_eq!(response.get(absent), None, "{absent}");
        }
    }

    #[tokio::test]
    async fn all_of_a_group_visit_learn_the_same_session() {
        let bench = Bench::new();

        let provider = bench.launch(LaunchKind::Provider, "okafor", Some("group-sade")).await;
        let patient = bench.launch(LaunchKind::Patient, "jon", Some("group-jon")).await;

        assert_eq!(provider["sessionId"], patient["sessionId"]);
        assert_ne!(provider["sessionId"], bench.ehr.day().find("group-sade").unwrap().csn.as_str());
    }

    #[tokio::test]
    async fn the_id_token_is_signed_by_the_published_key_and_lives_five_minutes() {
        let bench = Bench::new();

        let response = bench.launch(LaunchKind::Patient, "keiko", Some("mia-now")).await;

        let keys: JwkSet = serde_json::from_value(bench.ehr.signing_key.jwks()).unwrap();
        let mut validation = Validation::new(Algorithm::RS256);
        validation.validate_exp = false;
        validation.set_audience(&[CLIENT]);
        let key = DecodingKey::from_jwk(&keys.keys[0]).unwrap();
        let token =
            jsonwebtoken::decode::<Value>(response["id_token"].as_str().unwrap(), &key, &validation).unwrap();
        assert_eq!(token.header.kid, keys.keys[0].common.key_id);
        insta::assert_json_snapshot!(token.claims, @r#"
        {
          "aud": "anteroom-client",
          "exp": 1795291701,
          "fhirUser": "http://127.0.0.1:9000/interconnect/api/FHIR/R4/RelatedPerson/esf1zoASapVx3XRC869mf3",
          "iat": 1795291401,
          "iss": "http://127.0.0.1:9000/interconnect/oauth2",
          "nonce": "the-nonce",
          "sub": "esf1zoASapVx3XRC869mf3"
        }
        "#);
    }

    #[tokio::test]
    async fn a_code_is_good_once_and_for_a_minute() {
        let bench = Bench::new();
        let code = bench.code(&launch(&bench)).await;
        assert_eq!(bench.token(&bench.token_fields(&code, 1)).await.status, StatusCode::OK);
        assert_error(&bench, &bench.token_fields(&code, 2), "invalid_grant").await;

        let late = bench.code(&launch(&bench)).await;
        bench.clock.advance(jiff::SignedDuration::from_mins(1));
        assert_error(&bench, &bench.token_fields(&late, 3), "invalid_grant").await;
    }

    #[tokio::test]
    async fn a_code_is_spoilt_by_a_wrong_attempt() {
        let bench = Bench::new();
        let code = bench.code(&launch(&bench)).await;
        let mut wrong = bench.token_fields(&code, 1);
        replace(&mut wrong, "code_verifier", "x".repeat(43));

        assert_error(&bench, &wrong, "invalid_grant").await;
        assert_error(&bench, &bench.token_fields(&code, 2), "invalid_grant").await;
    }

    #[tokio::test]
    async fn the_redirect_uri_is_compared_again() {
        let bench = Bench::new();
        let code = bench.code(&launch(&bench)).await;
        let mut fields = bench.token_fields(&code, 1);
        replace(&mut fields, "redirect_uri", "http://127.0.0.1:8080/elsewhere");

        assert_error(&bench, &fields, "invalid_grant").await;
    }

    #[tokio::test]
    async fn the_form_of_the_request_matters() {
        let bench = Bench::new();
        let fields = bench.token_fields("code", 1);
        let pairs: Vec<_> = fields.iter().map(|(name, value)| (*name, value.as_str())).collect();
        let address = "/interconnect/oauth2/token";

        let by_get = bench.get(address).await;
        let with_query = bench.post_form(&format!("{address}?grant_type=authorization_code"), &pairs).await;
        let as_json = bench.post_json(address, &json!({"grant_type": "authorization_code"})).await;
        let mut twice = pairs.clone();
        twice.push(("code", "another"));
        let twice = bench.post_form(address, &twice).await;

        for answer in [by_get, with_query, as_json, twice] {
            assert_eq!(answer.status, StatusCode::BAD_REQUEST);
            assert_eq!(answer.json()["error"], "invalid_request");
        }
    }

    #[tokio::test]
    async fn an_assertion_must_keep_every_rule() {
        let bench = Bench::new();
        let now = bench.ehr.now().as_second();
        let wrong = [
            ("iss", json!("stranger")),
            ("sub", json!("backend")),
            ("aud", json!("http://127.0.0.1:9000/interconnect/oauth2")),
            ("exp", json!(now)),
            ("exp", json!(now + 301)),
            ("iat", json!(now + 1)),
            ("nbf", json!(now + 1)),
            ("iat", json!(now - 100)),
            ("jti", json!(17)),
            ("jti", json!("")),
            ("jti", json!("j".repeat(152))),
            ("jti", Value::Null),
        ];
        for (name, value) in wrong {
            let mut claims = bench.claims(1);
            claims[name] = value;
            assert_assertion_refused(&bench, bench.key.sign(&claims), name).await;
        }
    }

    #[tokio::test]
    async fn an_assertion_must_be_signed_by_a_published_key_in_a_right_algorithm() {
        let bench = Bench::new();
        let claims = bench.claims(1);
        let es384 = || Header { kid: Some(bench.key.kid.clone()), ..Header::new(Algorithm::ES384) };
        let stranger = AppKey::new("key-1");
        let unpublished = AppKey::new("key-9");
        let hs256 = jsonwebtoken::encode(
            &Header { alg: Algorithm::HS256, ..es384() },
            &claims,
            &jsonwebtoken::EncodingKey::from_secret(b"secret"),
        );

        let refused = [
            ("another key under the same kid", stranger.sign(&claims)),
            ("a kid that is not published", unpublished.sign(&claims)),
            ("no kid", bench.key.sign_with(&Header { kid: None, ..es384() }, &claims)),
            ("no typ", bench.key.sign_with(&Header { typ: None, ..es384() }, &claims)),
            (
                "a foreign jku",
                bench
                    .key
                    .sign_with(&Header { jku: Some("https://example.org/k".to_owned()), ..es384() }, &claims),
            ),
            ("a shared secret", hs256.unwrap()),
            ("no JWT", "assertion".to_owned()),
        ];
        for (what, assertion) in refused {
            assert_assertion_refused(&bench, assertion, what).await;
        }
    }

    #[tokio::test]
    async fn rs384_is_as_good_as_es384() {
        let mut bench = Bench::new();
        bench.key = AppKey::rsa("key-rsa");
        bench.rotate(&[&bench.key]);

        bench.launch(LaunchKind::Provider, "finn", Some("ana-now")).await;
    }

    #[tokio::test]
    async fn an_assertion_is_good_once() {
        let bench = Bench::new();
        let assertion = bench.key.sign(&bench.claims(1));
        let mut fields = bench.token_fields(&bench.code(&launch(&bench)).await, 1);
        replace(&mut fields, "client_assertion", assertion.clone());
        assert_eq!(bench.token(&fields).await.status, StatusCode::OK);

        assert_assertion_refused(&bench, assertion, "replay").await;
    }

    #[tokio::test]
    async fn a_key_set_is_remembered_until_a_new_kid_comes() {
        let mut bench = Bench::new();
        bench.launch(LaunchKind::Provider, "finn", Some("ana-now")).await;
        bench.launch(LaunchKind::Provider, "finn", Some("ana-now")).await;
        assert_eq!(bench.http.requests().len(), 1);

        let next = AppKey::new("key-2");
        bench.rotate(&[&bench.key, &next]);
        bench.key = next;
        bench.launch(LaunchKind::Provider, "finn", Some("ana-now")).await;

        assert_eq!(bench.http.requests().len(), 2);
    }

    #[tokio::test]
    async fn a_published_private_key_is_not_believed() {
        let bench = Bench::new();
        bench.published.lock().unwrap()["keys"][0]["d"] = "oops".into();

        assert_assertion_refused(&bench, bench.key.sign(&bench.claims(1)), "private key").await;
    }

    async fn assert_assertion_refused(bench: &Bench, assertion: String, what: &str) {
        let mut fields = bench.token_fields("code", 1);
        replace(&mut fields, "client_assertion", assertion);
        let answer = bench.token(&fields).await;
        assert_eq!(answer.status, StatusCode::BAD_REQUEST, "{what}");
        assert_eq!(answer.json()["error"], "invalid_client", "{what}: {}", answer.text);
    }
}

mod backend {
    use super::*;

    fn fields(bench: &Bench, client: &str) -> Vec<(&'static str, String)> {
        let mut claims = bench.claims(1);
        claims["iss"] = client.into();
        claims["sub"] = client.into();
        let mut fields = bench.token_fields("", 1);
        fields.retain(|(name, _)| name.starts_with("client_assertion"));
        replace(&mut fields, "client_assertion", bench.key.sign(&claims));
        fields.push(("grant_type", "client_credentials".to_owned()));
        fields.push(("scope", "system/Appointment.read".to_owned()));
        fields
    }

    #[tokio::test]
    async fn a_mapped_backend_gets_a_token() {
        let bench = Bench::new();

        let answer = bench.token(&fields(&bench, "backend")).await;

        assert_eq!(answer.status, StatusCode::OK);
        assert_eq!(answer.json()["token_type"], "bearer");
        assert_eq!(answer.json().get("id_token"), None);
    }

    #[tokio::test]
    async fn an_unmapped_backend_is_unauthorized() {
        let bench = Bench::with(|config| config.backend_is_mapped = false);

        assert_error(&bench, &fields(&bench, "backend"), "unauthorized_client").await;
    }

    #[tokio::test]
    async fn a_client_of_people_is_no_backend() {
        let bench = Bench::new();

        assert_error(&bench, &fields(&bench, CLIENT), "unauthorized_client").await;
    }
}

async fn assert_error(bench: &Bench, fields: &[(&'static str, String)], error: &str) {
    let answer = bench.token(fields).await;
    assert_eq!(answer.status, StatusCode::BAD_REQUEST);
    assert_eq!(answer.json()["error"], error);
}
