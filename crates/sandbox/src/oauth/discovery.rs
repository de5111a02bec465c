//! What the server tells about itself, with Epic's fields and gaps.

use std::sync::Arc;

use axum::{Json, extract::State};
use serde_json::{Value, json};

use crate::{config::Discovery, ehr::Ehr};

/// `GET {fhir base}/.well-known/smart-configuration`
pub(crate) async fn smart_configuration(State(ehr): State<Arc<Ehr>>) -> Json<Value> {
    Json(match ehr.config.discovery {
        Discovery::Current => current(&ehr),
        Discovery::Of2022 => of_2022(&ehr),
    })
}

/// `GET …/.well-known/openid-configuration`, below the FHIR base and below the issuer.
pub(crate) async fn openid_configuration(State(ehr): State<Arc<Ehr>>) -> Json<Value> {
    Json(json!({
        "issuer": ehr.urls.issuer(),
        "authorization_endpoint": ehr.urls.authorize(),
        "token_endpoint": ehr.urls.token(),
        "jwks_uri": ehr.urls.jwks(),
        "response_types_supported": ["code"],
        "response_modes_supported": ["query"],
        "grant_types_supported": ["authorization_code", "client_credentials"],
        "subject_types_supported": ["public"],
        "id_token_signing_alg_values_supported": ["RS256"],
        "token_endpoint_auth_methods_supported": ["private_key_jwt"],
        "scopes_supported": ["fhirUser", "launch", "openid", "profile"],
        "claims_supported": ["aud", "exp", "fhirUser", "iat", "iss", "nonce", "preferred_username", "sub"],
        "code_challenge_methods_supported": ["S256"],
    }))
}

/// The key set of the issuer.
pub(crate) async fn jwks(State(ehr): State<Arc<Ehr>>) -> Json<Value> {
    Json(ehr.signing_key.jwks())
}

fn current(ehr: &Ehr) -> Value {
    json!({
        "authorization_endpoint": ehr.urls.authorize(),
        "token_endpoint": ehr.urls.token(),
        "token_endpoint_auth_methods_supported": ["private_key_jwt"],
        "scopes_supported": ["fhirUser", "launch", "openid", "profile"],
        "response_types_supported": ["code"],
        "capabilities": [
            "launch-ehr", "client-confidential-asymmetric", "context-banner", "context-ehr-patient",
            "context-ehr-encounter", "permission-patient", "permission-user", "permission-v1",
            "sso-openid-connect", "authorize-post",
        ],
        "grant_types_supported": ["authorization_code", "client_credentials"],
        "code_challenge_methods_supported": ["S256"],
        "issuer": ehr.urls.issuer(),
        "jwks_uri": ehr.urls.jwks(),
    })
}

fn of_2022(ehr: &Ehr) -> Value {
    json!({
        "authorization_endpoint": ehr.urls.authorize(),
        "token_endpoint": ehr.urls.token(),
        "token_endpoint_auth_methods_supported": ["private_key_jwt"],
        "scopes_supported": ["fhirUser", "launch", "openid", "profile"],
        "response_types_supported": ["code"],
        "capabilities": [
            "launch-ehr", "context-banner", "context-ehr-patient", "context-ehr-encounter",
            "permission-patient", "permission-user", "sso-openid-connect",
        ],
    })
}
