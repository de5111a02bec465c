//! What this crate's tests share.

use jiff::Timestamp;
use outside::testing::TestRandom;
use proptest::prelude::*;
use serde_json::{Map, Value};
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
