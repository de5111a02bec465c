//! A browser and an app in one, without sockets: what tests send goes straight
//! into the router, and the app's key set is answered by a function.

use std::sync::{Arc, LazyLock, Mutex, PoisonError};

use aws_lc_rs::{
    encoding::{AsDer, Pkcs8V1Der},
    rsa::KeySize,
    signature::{ECDSA_P384_SHA384_FIXED_SIGNING, EcdsaKeyPair, KeyPair, RsaKeyPair},
};
use axum::{
    Router,
    body::{Body, to_bytes},
};
use base64::{
    Engine,
    engine::general_purpose::{STANDARD, URL_SAFE_NO_PAD},
};
use http::{HeaderMap, Method, Request, StatusCode, header};
use jsonwebtoken::{Algorithm, EncodingKey, Header};
use outside::testing::{FakeHttp, TestClock, TestRandom, json_response};
use serde_json::{Value, json};
use tower::ServiceExt;
use url::Url;

use crate::{
    config::{App, Client, ClientKind, LaunchUrls, SandboxConfig},
    ehr::{Ehr, Outside},
    launch::LaunchKind,
    server::router,
    signing::SigningKey,
    urls::Urls,
};

pub(crate) const CLIENT: &str = "anteroom-client";
pub(crate) const REDIRECT: &str = "http://127.0.0.1:8080/ehr/lamna/callback";
pub(crate) const NOW: &str = "2026-11-21T20:03:21Z";
pub(crate) const FHIR: &str = "/interconnect/api/FHIR/R4";
const BASE: &str = "http://127.0.0.1:9000";
const JWKS: &str = "http://127.0.0.1:8080/ehr/lamna/jwks.json";
const VERIFIER: &str = "dBjftJeZ4CVP-mB92K27uhbUJU1p1r_wW1gFWFOEjXk";
const CHALLENGE: &str = "E9Melhoa2OwvFrEMTJguCHaoeK1t8URWbuGJSstw-cM";

/// The EHR under test beside the app's keys.
pub(crate) struct Bench {
    pub(crate) ehr: Arc<Ehr>,
    pub(crate) clock: TestClock,
    pub(crate) http: FakeHttp,
    pub(crate) key: AppKey,
    /// What the app's key set address answers.
    pub(crate) published: Arc<Mutex<Value>>,
    router: Router,
}

/// A key of the app.
pub(crate) struct AppKey {
    pub(crate) kid: String,
    algorithm: Algorithm,
    private: EncodingKey,
    public: Value,
}

/// An answer, read whole.
pub(crate) struct Answer {
    pub(crate) status: StatusCode,
    pub(crate) headers: HeaderMap,
    pub(crate) text: String,
}

impl AppKey {
    /// A key for ES384.
    pub(crate) fn new(kid: &str) -> Self {
        let pair = EcdsaKeyPair::generate(&ECDSA_P384_SHA384_FIXED_SIGNING).unwrap();
        // An uncompressed point: a byte that says so, then x and y.
        let (x, y) = pair.public_key().as_ref()[1..].split_at(48);
        Self {
            kid: kid.to_owned(),
            algorithm: Algorithm::ES384,
            private: EncodingKey::from_ec_der(pair.to_pkcs8v1().unwrap().as_ref()),
            public: json!({
                "kty": "EC", "crv": "P-384", "use": "sig", "alg": "ES384", "kid": kid,
                "x": URL_SAFE_NO_PAD.encode(x), "y": URL_SAFE_NO_PAD.encode(y),
            }),
        }
    }

    /// A key for RS384.
    pub(crate) fn rsa(kid: &str) -> Self {
        let pair = RsaKeyPair::generate(KeySize::Rsa2048).unwrap();
        let der: Pkcs8V1Der<'_> = pair.as_der().unwrap();
        let pem = format!(
            "-----BEGIN PRIVATE KEY-----\n{}\n-----END PRIVATE KEY-----\n",
            STANDARD.encode(der.as_ref())
        );
        let public = pair.public_key();
        Self {
            kid: kid.to_owned(),
            algorithm: Algorithm::RS384,
            private: EncodingKey::from_rsa_pem(pem.as_bytes()).unwrap(),
            public: json!({
                "kty": "RSA", "use": "sig", "alg": "RS384", "kid": kid,
                "n": URL_SAFE_NO_PAD.encode(public.modulus().big_endian_without_leading_zero()),
                "e": URL_SAFE_NO_PAD.encode(public.exponent().big_endian_without_leading_zero()),
            }),
        }
    }

    pub(crate) fn sign(&self, claims: &Value) -> String {
        let header = Header { kid: Some(self.kid.clone()), ..Header::new(self.algorithm) };
        self.sign_with(&header, claims)
    }

    pub(crate) fn sign_with(&self, header: &Header, claims: &Value) -> String {
        jsonwebtoken::encode(header, claims, &self.private).unwrap()
    }
}

impl Bench {
    pub(crate) fn new() -> Self {
        Self::with(|_| {})
    }

    /// An EHR that differs from the usual one in this.
    pub(crate) fn with(change: impl FnOnce(&mut SandboxConfig)) -> Self {
        let mut config = SandboxConfig::for_app(app());
        change(&mut config);
        let clock = TestClock::at(NOW);
        let key = AppKey::new("key-1");
        let published = Arc::new(Mutex::new(json!({"keys": [key.public]})));
        let http = {
            let published = Arc::clone(&published);
            FakeHttp::answering(move |_| {
                Ok(json_response(200, &published.lock().unwrap_or_else(PoisonError::into_inner)))
            })
        };
        let outside = Outside {
            clock: Arc::new(clock.clone()),
            random: Arc::new(TestRandom::seeded(7)),
            http: Arc::new(http.clone()),
        };
        let checked = config.check().unwrap();
        let urls = Urls::new(&BASE.parse().unwrap());
        let ehr = Arc::new(Ehr::new(config, checked, urls, outside, signing_key()));
        Self { router: router(Arc::clone(&ehr)), ehr, clock, http, key, published }
    }

    pub(crate) async fn send(&self, request: Request<Body>) -> Answer {
        let response = self.router.clone().oneshot(request).await.unwrap();
        let (parts, body) = response.into_parts();
        let body = to_bytes(body, 1 << 20).await.unwrap();
        Answer {
            status: parts.status,
            headers: parts.headers,
            text: String::from_utf8(body.to_vec()).unwrap(),
        }
    }

    pub(crate) async fn get(&self, path: &str) -> Answer {
        self.send(Request::get(path).body(Body::empty()).unwrap()).await
    }

    pub(crate) async fn post_json(&self, path: &str, body: &Value) -> Answer {
        let request = Request::post(path).header(header::CONTENT_TYPE, "application/json");
        self.send(request.body(Body::from(body.to_string())).unwrap()).await
    }

    pub(crate) async fn post_form(&self, path: &str, fields: &[(&str, &str)]) -> Answer {
        let request = Request::post(path).header(header::CONTENT_TYPE, "application/x-www-form-urlencoded");
        self.send(request.body(Body::from(form(fields))).unwrap()).await
    }

    /// A FHIR request with this access token.
    pub(crate) async fn fhir(&self, token: &str, path: &str) -> Answer {
        let request = Request::get(format!("{FHIR}/{path}"))
            .header(header::ACCEPT, "application/fhir+json")
            .header(header::AUTHORIZATION, format!("Bearer {token}"));
        self.send(request.body(Body::empty()).unwrap()).await
    }

    /// The parameters of a right authorize request for this launch.
    pub(crate) fn authorize_fields(&self, launch: &str) -> Vec<(&'static str, String)> {
        vec![
            ("response_type", "code".to_owned()),
            ("client_id", CLIENT.to_owned()),
            ("redirect_uri", REDIRECT.to_owned()),
            ("scope", "launch openid fhirUser".to_owned()),
            ("launch", launch.to_owned()),
            ("aud", self.ehr.urls.fhir()),
            ("state", "the-state".to_owned()),
            ("nonce", "the-nonce".to_owned()),
            ("code_challenge", CHALLENGE.to_owned()),
            ("code_challenge_method", "S256".to_owned()),
        ]
    }

    pub(crate) async fn authorize(&self, fields: &[(&'static str, String)], method: Method) -> Answer {
        let fields: Vec<_> = fields.iter().map(|(name, value)| (*name, value.as_str())).collect();
        let path = "/interconnect/oauth2/authorize";
        if method == Method::POST {
            self.post_form(path, &fields).await
        } else {
            self.get(&format!("{path}?{}", form(&fields))).await
        }
    }

    /// The code for a launch.
    pub(crate) async fn code(&self, launch: &str) -> String {
        let answer = self.authorize(&self.authorize_fields(launch), Method::GET).await;
        answer.redirect_parameter("code").expect("a code")
    }

    /// The claims of a right assertion; the number makes its jti.
    pub(crate) fn claims(&self, number: u32) -> Value {
        let now = self.ehr.now().as_second();
        json!({
            "iss": CLIENT,
            "sub": CLIENT,
            "aud": self.ehr.urls.token(),
            "jti": format!("assertion-{number}"),
            "iat": now - 30,
            "nbf": now - 30,
            "exp": now + 240,
        })
    }

    /// The fields of a right token request for this code.
    pub(crate) fn token_fields(&self, code: &str, number: u32) -> Vec<(&'static str, String)> {
        vec![
            ("grant_type", "authorization_code".to_owned()),
            ("code", code.to_owned()),
            ("redirect_uri", REDIRECT.to_owned()),
            ("code_verifier", VERIFIER.to_owned()),
            ("client_assertion_type", "urn:ietf:params:oauth:client-assertion-type:jwt-bearer".to_owned()),
            ("client_assertion", self.key.sign(&self.claims(number))),
        ]
    }

    pub(crate) async fn token(&self, fields: &[(&'static str, String)]) -> Answer {
        let fields: Vec<_> = fields.iter().map(|(name, value)| (*name, value.as_str())).collect();
        self.post_form("/interconnect/oauth2/token", &fields).await
    }

    /// The whole way from the click to the token response.
    pub(crate) async fn launch(&self, kind: LaunchKind, user: &str, appointment: Option<&str>) -> Value {
        let launch = self.ehr.make_launch(kind, user, appointment).unwrap();
        let code = self.code(&launch).await;
        // The launch token is unique, and so is a jti made of its first letters.
        let mut fields = self.token_fields(&code, 0);
        let mut claims = self.claims(0);
        claims["jti"] = launch.into();
        replace(&mut fields, "client_assertion", self.key.sign(&claims));
        let answer = self.token(&fields).await;
        assert_eq!(answer.status, StatusCode::OK, "{}", answer.text);
        answer.json()
    }

    /// The access token of such a launch.
    pub(crate) async fn access(&self, kind: LaunchKind, user: &str, appointment: Option<&str>) -> String {
        self.launch(kind, user, appointment).await["access_token"].as_str().unwrap().to_owned()
    }

    pub(crate) fn rotate(&self, keys: &[&AppKey]) {
        let keys: Vec<_> = keys.iter().map(|key| &key.public).collect();
        *self.published.lock().unwrap() = json!({ "keys": keys });
    }
}

impl Answer {
    pub(crate) fn json(&self) -> Value {
        serde_json::from_str(&self.text).unwrap()
    }

    /// A parameter of the address that this answer redirects to.
    pub(crate) fn redirect_parameter(&self, name: &str) -> Option<String> {
        let location = Url::parse(self.headers.get(header::LOCATION)?.to_str().ok()?).ok()?;
        location.query_pairs().find(|(key, _)| key == name).map(|(_, value)| value.into_owned())
    }
}

/// Puts another value in place of a field's.
pub(crate) fn replace(fields: &mut [(&'static str, String)], name: &str, value: impl Into<String>) {
    let field = fields.iter_mut().find(|(key, _)| *key == name).expect("a field with this name");
    field.1 = value.into();
}

/// The fields without one.
pub(crate) fn without(mut fields: Vec<(&'static str, String)>, name: &str) -> Vec<(&'static str, String)> {
    fields.retain(|(key, _)| *key != name);
    fields
}

/// One for all tests: an RSA key takes a while.
fn signing_key() -> Arc<SigningKey> {
    static KEY: LazyLock<Arc<SigningKey>> = LazyLock::new(|| Arc::new(SigningKey::generate().unwrap()));
    Arc::clone(&KEY)
}

fn form(fields: &[(&str, &str)]) -> String {
    url::form_urlencoded::Serializer::new(String::new()).extend_pairs(fields).finish()
}

fn app() -> App {
    let client = |id: &str, kinds: &[ClientKind]| Client {
        id: id.to_owned(),
        kinds: kinds.to_vec(),
        jwks_url: JWKS.parse().unwrap(),
        redirect_uris: vec![REDIRECT.to_owned()],
    };
    App {
        clients: vec![
            client(CLIENT, &[ClientKind::Provider, ClientKind::Patient]),
            client("patients-only", &[ClientKind::Patient]),
            client("backend", &[ClientKind::Backend]),
        ],
        launch_urls: LaunchUrls::below(&"http://127.0.0.1:8080".parse().unwrap()),
    }
}
