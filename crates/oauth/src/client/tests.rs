//! The whole client against an EHR that answers from a table.

use async_trait::async_trait;
use outside::{
    HttpError,
    testing::{FakeHttp, TestClock, TestRandom, json_response},
};
use secrecy::ExposeSecret;
use serde_json::{Value, json};

use super::*;
use crate::{
    Outcome,
    testing::{FORGER, FakeEhr, ISS, ISSUER, TOKEN_ENDPOINT, TRUSTED, asked, connection},
};

const SMART: &str = "/api/FHIR/R4/.well-known/smart-configuration";
const KEYS: &str = "/oauth2/keys";
const TOKEN: &str = "/oauth2/token";

/// A client, its EHR, and the time they share.
struct Scene {
    ehr: FakeEhr,
    http: FakeHttp,
    clock: TestClock,
    client: SmartClient,
    _keys: tempfile::TempDir,
}

impl Scene {
    fn new() -> Self {
        let (ehr, clock) = (FakeEhr::complete(), TestClock::at("2026-11-21T20:00:00Z"));
        let http = ehr.http();
        let (client, keys) = client(Arc::new(http.clone()), &clock);
        Self { ehr, http, clock, client, _keys: keys }
    }

    /// Walks a launch up to the callback.
    async fn begin(&self, kind: LaunchKind) -> (PendingLaunch, Callback) {
        let (pending, _) =
            self.client.authorize_request(&connection(), kind, ISS, "a-launch-token").await.unwrap();
        let callback = Callback {
            state: Some(pending.state.as_str().to_owned()),
            code: Some("a-code".to_owned()),
            ..Callback::default()
        };
        (pending, callback)
    }

    fn id_token(&self, pending: &PendingLaunch, fhir_user: &str) -> Value {
        let now = self.clock.now().as_second();
        json!({
            "iss": ISSUER, "sub": "eb3d", "aud": pending.client_id.as_str(), "iat": now, "exp": now + 300,
            "nonce": pending.nonce.expose(), "fhirUser": fhir_user,
        })
    }

    /// Walks a whole launch with this token answer beside the id_token.
    async fn launch(&self, kind: LaunchKind, key: &str, fhir_user: &str) -> Result<Granted, LaunchError> {
        let (pending, callback) = self.begin(kind).await;
        let header = json!({ "alg": "RS256", "kid": key, "typ": "JWT" });
        let id_token = TRUSTED.sign(&header, &self.id_token(&pending, fhir_user));
        self.ehr.answers(
            TOKEN,
            200,
            &json!({
                "access_token": "an-access-token", "token_type": "bearer", "expires_in": 3240,
                "scope": "openid Patient.read Patient.search ", "id_token": id_token,
                "patient": "e5Lq8", "appointment": "eVa-1", "sessionId": "10000209577",
                "need_patient_banner": "true",
            }),
        );
        self.client.redeem(&connection(), pending, callback).await
    }

    fn count(&self, path: &str) -> usize {
        asked(&self.http).iter().filter(|asked| *asked == path).count()
    }
}

fn client(http: Arc<dyn HttpClient>, clock: &TestClock) -> (SmartClient, tempfile::TempDir) {
    let dir = tempfile::tempdir().unwrap();
    let keys = Arc::new(KeyStore::in_dir(dir.path()));
    let random = Arc::new(TestRandom::seeded(3));
    (SmartClient::new(http, Arc::new(clock.clone()), random, keys), dir)
}

#[tokio::test]
async fn a_provider_launches() {
    let scene = Scene::new();
    let granted = scene.launch(LaunchKind::Provider, "one", "Practitioner/eb3d").await.unwrap();
    assert_eq!(granted.user.person.to_string(), "Practitioner/eb3d");
    assert_eq!(granted.role, Role::Provider);
    assert_eq!(granted.access_token.expose_secret(), "an-access-token");
    assert_eq!(granted.expires_at, Some(scene.clock.now() + SignedDuration::from_secs(3240)));
    assert_eq!(granted.context.appointment.as_ref().unwrap().as_str(), "eVa-1");
    assert_eq!(granted.context.custom("sessionId"), Some("10000209577"));
    assert_eq!(granted.scopes.missing_reads(&["Appointment", "Patient"]), ["Appointment"]);

    let mut requests = asked(&scene.http);
    requests.sort_unstable();
    assert_eq!(requests, [SMART, KEYS, TOKEN]);
    let request = scene.http.requests().into_iter().find(|request| request.url.path() == TOKEN).unwrap();
    let fields: Vec<_> = url::form_urlencoded::parse(&request.body).map(|(name, _)| name).collect();
    assert!(!fields.iter().any(|name| name == "client_id"));
    assert!(!request.headers.contains_key("authorization"));

    let shown = format!("{granted:?}");
    for secret in ["an-access-token", "10000209577", "e5Lq8", "eb3d"] {
        assert!(!shown.contains(secret), "{secret} is shown");
    }
}

#[tokio::test]
async fn a_second_launch_asks_for_a_token_only() {
    let scene = Scene::new();
    for _ in 0..3 {
        scene.launch(LaunchKind::Provider, "one", "Practitioner/eb3d").await.unwrap();
    }
    assert_eq!((scene.count(SMART), scene.count(KEYS), scene.count(TOKEN)), (1, 1, 3));
}

#[tokio::test]
async fn to_an_unknown_iss_nothing_is_sent() {
    let scene = Scene::new();
    for (iss, launch, code) in [
        ("https://evil.example/api/FHIR/R4", "x", "unknown-iss"),
        ("", "x", "unknown-iss"),
        (ISS, "", "launch-incomplete"),
    ] {
        let refused = scene.client.authorize_request(&connection(), LaunchKind::Provider, iss, launch).await;
        assert_eq!(refused.err().unwrap().code(), code);
    }
    assert_eq!(asked(&scene.http), [""; 0]);
}

#[tokio::test]
async fn a_refused_callback_sends_no_token_request() {
    let scene = Scene::new();
    let other = Connection { ehr: "another".parse().unwrap(), ..connection() };
    let (pending, callback) = scene.begin(LaunchKind::Provider).await;
    let mixed_up = scene.client.redeem(&other, pending, callback).await;
    assert_eq!(mixed_up.err().unwrap().code(), "callback-mixed-up");

    let (pending, mut callback) = scene.begin(LaunchKind::Provider).await;
    callback.error = Some("access_denied".to_owned());
    assert_eq!(
        scene.client.redeem(&connection(), pending, callback).await.err().unwrap().code(),
        "authorization-denied"
    );

    let (pending, _) = scene.begin(LaunchKind::Provider).await;
    let (_, foreign) = scene.begin(LaunchKind::Provider).await;
    assert_eq!(
        scene.client.redeem(&connection(), pending, foreign).await.err().unwrap().code(),
        "callback-invalid"
    );
    assert_eq!(scene.count(TOKEN), 0);
}

#[tokio::test]
async fn nobody_is_let_in_without_a_good_id_token() {
    let scene = Scene::new();
    let (pending, callback) = scene.begin(LaunchKind::Provider).await;
    scene.ehr.answers(TOKEN, 200, &json!({ "access_token": "t", "token_type": "Bearer" }));
    let missing = scene.client.redeem(&connection(), pending, callback).await;
    assert_eq!(missing.err().unwrap().code(), "id-token-missing");

    let (pending, callback) = scene.begin(LaunchKind::Provider).await;
    let header = json!({ "alg": "RS256", "kid": "one" });
    let forged = FORGER.sign(&header, &scene.id_token(&pending, "Practitioner/eb3d"));
    let body = json!({ "access_token": "t", "token_type": "Bearer", "id_token": forged });
    scene.ehr.answers(TOKEN, 200, &body);
    let forged = scene.client.redeem(&connection(), pending, callback).await;
    assert_eq!(forged.err().unwrap().code(), "id-token-invalid");

    let (pending, callback) = scene.begin(LaunchKind::Provider).await;
    // The id_token of the launch before: well signed, another nonce.
    let (other, _) = scene.begin(LaunchKind::Provider).await;
    let replayed = TRUSTED.sign(&header, &scene.id_token(&other, "Practitioner/eb3d"));
    let body = json!({ "access_token": "t", "token_type": "Bearer", "id_token": replayed });
    scene.ehr.answers(TOKEN, 200, &body);
    let replayed = scene.client.redeem(&connection(), pending, callback).await;
    assert!(matches!(replayed, Err(LaunchError::IdTokenInvalid(IdTokenFault::Nonce))));
}

#[tokio::test]
async fn a_patient_does_not_enter_as_provider() {
    let scene = Scene::new();
    let patient = scene.launch(LaunchKind::Provider, "one", "Patient/e5Lq8").await;
    assert_eq!(patient.err().unwrap().code(), "wrong-entrance");
    assert_eq!(scene.launch(LaunchKind::Patient, "one", "Patient/e5Lq8").await.unwrap().role, Role::Patient);
}

#[tokio::test]
async fn a_new_key_of_the_ehr_is_fetched_once() {
    let scene = Scene::new();
    let launch = || scene.launch(LaunchKind::Provider, "two", "Practitioner/eb3d");
    // Just fetched: an unknown key costs no further request.
    assert_eq!(launch().await.err().unwrap().code(), "id-token-invalid");
    assert_eq!(scene.count(KEYS), 1);

    scene.clock.advance(SignedDuration::from_secs(30));
    assert_eq!(launch().await.err().unwrap().code(), "id-token-invalid");
    assert_eq!(launch().await.err().unwrap().code(), "id-token-invalid");
    assert_eq!(scene.count(KEYS), 2);

    let jwk = |kid: &str| TRUSTED.jwk("RS256", &json!({ "kid": kid }));
    scene.ehr.answers(KEYS, 200, &json!({ "keys": [jwk("one"), jwk("two")] }));
    scene.clock.advance(SignedDuration::from_secs(30));
    launch().await.unwrap();
    assert_eq!(scene.count(KEYS), 3);
}

#[tokio::test]
async fn an_ehr_that_is_down_is_asked_every_five_seconds() {
    let scene = Scene::new();
    scene.ehr.is_silent_at(SMART);
    let begin = || async {
        let begun = scene.client.authorize_request(&connection(), LaunchKind::Provider, ISS, "x").await;
        begun.err().map_or("begun", |error| error.code())
    };
    for _ in 0..20 {
        assert_eq!(begin().await, "ehr-timeout");
    }
    assert_eq!(scene.count(SMART), 1);
    scene.ehr.answers(
        SMART,
        200,
        &json!({
            "authorization_endpoint": "https://fhir.example.org/a", "token_endpoint": TOKEN_ENDPOINT,
            "issuer": ISSUER, "jwks_uri": "https://fhir.example.org/oauth2/keys",
        }),
    );
    assert_eq!(begin().await, "ehr-timeout");
    scene.clock.advance(SignedDuration::from_secs(5));
    assert_eq!(begin().await, "begun");
}

#[tokio::test]
async fn discovery_is_renewed_after_an_hour() {
    let scene = Scene::new();
    scene.begin(LaunchKind::Provider).await;
    scene.clock.advance(SignedDuration::from_mins(59));
    scene.begin(LaunchKind::Provider).await;
    assert_eq!(scene.count(SMART), 1);
    scene.clock.advance(SignedDuration::from_mins(1));
    scene.begin(LaunchKind::Provider).await;
    assert_eq!(scene.count(SMART), 2);
}

#[tokio::test]
async fn a_backend_token_is_shared_until_shortly_before_its_end() {
    let scene = Scene::new();
    let answer = json!({ "access_token": "t", "token_type": "Bearer", "expires_in": 300 });
    scene.ehr.answers(TOKEN, 200, &answer);
    let connection = connection();
    let asking = || scene.client.backend_token(&connection);
    let tokens = futures_util::future::join_all((0..20).map(|_| asking())).await;
    assert!(tokens.into_iter().all(|token| token.unwrap().access_token.expose_secret() == "t"));
    scene.clock.advance(SignedDuration::from_secs(239));
    asking().await.unwrap();
    assert_eq!(scene.count(TOKEN), 1);
    scene.clock.advance(SignedDuration::from_secs(1));
    asking().await.unwrap();
    assert_eq!(scene.count(TOKEN), 2);
}

#[tokio::test]
async fn an_unmapped_background_user_is_explained() {
    let scene = Scene::new();
    scene.ehr.answers(TOKEN, 400, &json!({ "error": "unauthorized_client" }));
    let refused = scene.client.backend_token(&connection()).await.err().unwrap();
    assert_eq!(refused.code(), "backend-user-unmapped");
    let mut without = connection();
    without.clients.backend = None;
    let missing = scene.client.backend_token(&without).await.err().unwrap();
    assert_eq!(missing.code(), "backend-client-missing");
}

#[tokio::test]
async fn the_check_tells_what_it_saw_and_what_to_do() {
    let scene = Scene::new();
    scene.ehr.answers(TOKEN, 400, &json!({ "error": "invalid_client" }));
    let findings = scene.client.check(&connection()).await;
    let line = |finding: &crate::Finding| match &finding.outcome {
        Outcome::Good(seen) => {
            let kid = scene.client.signing_kid(&connection()).unwrap();
            format!("{}: {}", finding.subject, seen.replace(&kid, "[kid]"))
        }
        Outcome::Skipped(why) => format!("{}: skipped, {why}", finding.subject),
        Outcome::Bad { seen, remedy } => format!("{}: {seen}\n  {remedy}", finding.subject),
    };
    insta::assert_snapshot!(findings.iter().map(line).collect::<Vec<_>>().join("\n"), @r#"
    our signing keys: signing with ES384 key [kid]
    discovery: authorize at https://fhir.example.org/oauth2/authorize, token at https://fhir.example.org/oauth2/token, issuer https://fhir.example.org/oauth2
    the EHR's key set: 1 key verifies id_tokens
    backend token: the token endpoint does not accept this client: invalid_client
      Check that the EHR knows this client id and key set address, and can reach that address.
    "#);

    let silent = Scene::new();
    silent.ehr.is_silent_at(SMART);
    let findings = silent.client.check(&connection()).await;
    insta::assert_snapshot!(line(&findings[1]), @r#"
    discovery: the EHR's discovery answer did not come in time: fhir.example.org did not answer within 8 s
      Check network, firewall and TLS between this server and the EHR.
    "#);
    assert_eq!(findings.len(), 2);
}

/// Never answers the token request.
struct NeverAnswers(FakeHttp);

#[async_trait]
impl HttpClient for NeverAnswers {
    async fn send(&self, request: Request) -> Result<Response, HttpError> {
        if request.url.path() == TOKEN { std::future::pending().await } else { self.0.send(request).await }
    }
}

#[tokio::test(start_paused = true)]
async fn nobody_waits_longer_than_ten_seconds() {
    let clock = TestClock::at("2026-11-21T20:00:00Z");
    let (client, _keys) = client(Arc::new(NeverAnswers(FakeEhr::complete().http())), &clock);
    let connection = connection();
    let (pending, _) = client.authorize_request(&connection, LaunchKind::Provider, ISS, "x").await.unwrap();
    let callback = Callback {
        state: Some(pending.state.as_str().to_owned()),
        code: Some("a-code".to_owned()),
        ..Callback::default()
    };
    let begun = tokio::time::Instant::now();
    let outcome = client.redeem(&connection, pending, callback).await;
    assert_eq!(outcome.err().unwrap().code(), "ehr-timeout");
    assert_eq!(begun.elapsed(), PATIENCE);
}

#[tokio::test]
async fn an_html_answer_is_no_token() {
    let scene = Scene::new();
    let ehr = FakeEhr::complete();
    let table = ehr.http();
    let http = FakeHttp::answering(move |request| {
        if request.url.path() != TOKEN {
            return futures_util::FutureExt::now_or_never(table.send(request.clone())).unwrap();
        }
        let mut page = json_response(200, &json!({}));
        page.headers.insert("content-type", "text/html; charset=utf-8".parse().unwrap());
        page.body = "<html>Please sign in</html>".into();
        Ok(page)
    });
    let (client, _keys) = client(Arc::new(http), &scene.clock);
    let (pending, callback) = scene.begin(LaunchKind::Provider).await;
    let outcome = client.redeem(&connection(), pending, callback).await;
    assert_eq!(outcome.err().unwrap().code(), "token-answer-invalid");
}
