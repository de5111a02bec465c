//! What this crate's tests share.

use std::{
    collections::HashMap,
    sync::{Arc, LazyLock, Mutex},
};

use aws_lc_rs::{
    hmac,
    rand::SystemRandom,
    rsa::{KeySize, PublicKeyComponents},
    signature::{
        ECDSA_P256_SHA256_FIXED_SIGNING, ECDSA_P384_SHA384_FIXED_SIGNING, EcdsaKeyPair, KeyPair,
        RSA_PKCS1_SHA256, RSA_PKCS1_SHA384, RsaKeyPair,
    },
};
use base64::{Engine, engine::general_purpose::URL_SAFE_NO_PAD};
use jiff::Timestamp;
use outside::{
    HttpError, Limits, Response,
    testing::{FakeHttp, TestRandom, json_response},
};
use proptest::prelude::*;
use serde_json::{Map, Value, json};
use url::Url;

use crate::{
    AuthorizeMethod, AuthorizeRequest, Clients, Connection, Endpoints, FixedEndpoints, LaunchKind,
    PendingLaunch, Scopes, SigningAlgorithm, Vendor, launch,
};

pub(crate) const ISS: &str = "https://FHIR.example.org/api/FHIR/R4/";
pub(crate) const ISSUER: &str = "https://fhir.example.org/oauth2";
pub(crate) const TOKEN_ENDPOINT: &str = "https://fhir.example.org/oauth2/token";

pub(crate) fn now() -> Timestamp {
    "2026-11-21T20:00:00Z".parse().unwrap()
}

pub(crate) fn connection() -> Connection {
    Connection {
        ehr: "lamna-test".parse().unwrap(),
        fhir_base: "https://fhir.example.org/api/FHIR/R4".parse().unwrap(),
        vendor: Vendor::Epic,
        clients: Clients {
            provider: "provider-client".parse().unwrap(),
            patient: "patient-client".parse().unwrap(),
            backend: Some("backend-client".parse().unwrap()),
        },
        scopes: Scopes::default(),
        redirect_uri: url("https://anteroom.example.org/ehr/lamna-test/callback"),
        signing_algorithm: SigningAlgorithm::ES384,
        authorize_method: AuthorizeMethod::Get,
        fixed: FixedEndpoints::default(),
        allowed_hosts: Vec::new(),
    }
}

pub(crate) fn endpoints() -> Endpoints {
    Endpoints {
        authorization: url("https://fhir.example.org/oauth2/authorize"),
        token: url(TOKEN_ENDPOINT),
        token_audience: TOKEN_ENDPOINT.to_owned(),
        issuer: ISSUER.to_owned(),
        jwks: url("https://fhir.example.org/oauth2/keys"),
    }
}

pub(crate) fn url(text: &str) -> Url {
    text.parse().unwrap()
}

pub(crate) fn begun(connection: &Connection, kind: LaunchKind) -> (PendingLaunch, AuthorizeRequest) {
    launch::begin(connection, &endpoints(), kind, ISS, "a-launch/token+", &TestRandom::seeded(1), now())
}

pub(crate) fn any_json() -> impl Strategy<Value = Value> {
    let leaf = prop_oneof![
        Just(Value::Null),
        any::<bool>().prop_map(Value::from),
        any::<i64>().prop_map(Value::from),
        any::<f64>().prop_map(Value::from),
        ".{0,20}".prop_map(Value::from),
    ];
    let key = prop_oneof![
        Just("access_token".to_owned()),
        Just("token_type".to_owned()),
        Just("patient".to_owned()),
        Just("reference".to_owned()),
        Just("error".to_owned()),
        ".{0,8}",
    ];
    leaf.prop_recursive(3, 24, 6, move |inner| {
        prop_oneof![
            proptest::collection::vec(inner.clone(), 0..4).prop_map(Value::from),
            proptest::collection::vec((key.clone(), inner), 0..6)
                .prop_map(|members| Value::Object(members.into_iter().collect::<Map<_, _>>())),
        ]
    })
}

/// Somebody who signs id_tokens: the EHR's issuer, or a forger.
pub(crate) struct Issuer {
    rsa: RsaKeyPair,
    p256: EcdsaKeyPair,
    p384: EcdsaKeyPair,
}

/// The EHR's issuer.
pub(crate) static TRUSTED: LazyLock<Issuer> = LazyLock::new(Issuer::new);

/// Somebody else.
pub(crate) static FORGER: LazyLock<Issuer> = LazyLock::new(Issuer::new);

impl Issuer {
    fn new() -> Self {
        Self {
            rsa: RsaKeyPair::generate(KeySize::Rsa2048).unwrap(),
            p256: EcdsaKeyPair::generate(&ECDSA_P256_SHA256_FIXED_SIGNING).unwrap(),
            p384: EcdsaKeyPair::generate(&ECDSA_P384_SHA384_FIXED_SIGNING).unwrap(),
        }
    }

    /// The public key for an algorithm, with more members.
    pub(crate) fn jwk(&self, algorithm: &str, more: &Value) -> Value {
        let ec = |curve: &str, pair: &EcdsaKeyPair| {
            let point = &pair.public_key().as_ref()[1..];
            let (x, y) = point.split_at(point.len() / 2);
            json!({ "kty": "EC", "crv": curve, "x": encode(x), "y": encode(y) })
        };
        let mut jwk = match algorithm {
            "ES256" => ec("P-256", &self.p256),
            "ES384" => ec("P-384", &self.p384),
            _ => {
                let public = PublicKeyComponents::<Vec<u8>>::from(self.rsa.public_key());
                json!({ "kty": "RSA", "n": encode(&public.n), "e": encode(&public.e) })
            }
        };
        for (name, value) in more.as_object().unwrap() {
            jwk[name] = value.clone();
        }
        jwk
    }

    /// A token with this header and these claims, signed as the header says.
    pub(crate) fn sign(&self, header: &Value, claims: &Value) -> String {
        let signed = format!("{}.{}", encode(header.to_string()), encode(claims.to_string()));
        let (message, random) = (signed.as_bytes(), SystemRandom::new());
        let rsa = |padding| {
            let mut signature = vec![0; self.rsa.public_modulus_len()];
            self.rsa.sign(padding, &random, message, &mut signature).unwrap();
            signature
        };
        let signature = match header["alg"].as_str().unwrap() {
            "RS256" => rsa(&RSA_PKCS1_SHA256),
            "RS384" => rsa(&RSA_PKCS1_SHA384),
            "ES256" => self.p256.sign(&random, message).unwrap().as_ref().to_vec(),
            "ES384" => self.p384.sign(&random, message).unwrap().as_ref().to_vec(),
            // With what everybody knows, the public key.
            "HS256" => {
                let public = PublicKeyComponents::<Vec<u8>>::from(self.rsa.public_key());
                hmac::sign(&hmac::Key::new(hmac::HMAC_SHA256, &public.n), message).as_ref().to_vec()
            }
            _ => Vec::new(),
        };
        format!("{signed}.{}", encode(signature))
    }
}

fn encode(bytes: impl AsRef<[u8]>) -> String {
    URL_SAFE_NO_PAD.encode(bytes)
}

/// An EHR that answers by path; 404 where it has nothing. `None` is silence
/// until the deadline.
#[derive(Clone, Default)]
pub(crate) struct FakeEhr(Arc<Mutex<HashMap<String, Option<Response>>>>);

impl FakeEhr {
    /// One with a complete SMART configuration and the trusted key set.
    pub(crate) fn complete() -> Self {
        let ehr = Self::default();
        ehr.answers(
            "/api/FHIR/R4/.well-known/smart-configuration",
            200,
            &json!({
                "authorization_endpoint": "https://fhir.example.org/oauth2/authorize",
                "token_endpoint": TOKEN_ENDPOINT,
                "issuer": ISSUER,
                "jwks_uri": "https://fhir.example.org/oauth2/keys",
            }),
        );
        ehr.answers("/oauth2/keys", 200, &json!({ "keys": [TRUSTED.jwk("RS256", &json!({"kid": "one"}))] }));
        ehr
    }

    pub(crate) fn answers(&self, path: &str, status: u16, body: &Value) {
        self.0.lock().unwrap().insert(path.to_owned(), Some(json_response(status, body)));
    }

    pub(crate) fn is_silent_at(&self, path: &str) {
        self.0.lock().unwrap().insert(path.to_owned(), None);
    }

    pub(crate) fn http(&self) -> FakeHttp {
        let answers = Arc::clone(&self.0);
        FakeHttp::answering(move |request| match answers.lock().unwrap().get(request.url.path()) {
            Some(Some(response)) => Ok(response.clone()),
            Some(None) => Err(HttpError::TimedOut {
                host: request.url.host_str().unwrap().to_owned(),
                deadline: Limits::OAUTH.deadline,
            }),
            None => Ok(json_response(404, &json!({}))),
        })
    }
}

/// The paths that were asked, in order.
pub(crate) fn asked(http: &FakeHttp) -> Vec<String> {
    http.requests().iter().map(|request| request.url.path().to_owned()).collect()
}
