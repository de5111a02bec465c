use axum::response::{IntoResponse, Response};
use http::{HeaderValue, StatusCode, header};
use serde_json::{Value, json};

use super::fhir_json;
use crate::identifiers::MESSAGE;

/// Why a FHIR request is not answered, in Epic's message numbers.
#[derive(Debug, thiserror::Error)]
pub(crate) enum Refusal {
    #[error("no access token, or one that is unknown or expired")]
    NoToken,
    #[error("the access token is another patient's")]
    AnotherPatient,
    #[error("this simulator speaks JSON only; Epic would answer XML unless Accept asks for JSON")]
    NotJson,
    #[error("no resource type {0} here")]
    UnknownType(String),
    #[error("the read resource request contained an invalid FHIR resource ID")]
    NoSuchId,
    #[error("{0}")]
    InvalidParameter(String),
}

impl Refusal {
    fn status(&self) -> StatusCode {
        match self {
            Self::NoToken => StatusCode::UNAUTHORIZED,
            Self::AnotherPatient => StatusCode::FORBIDDEN,
            Self::NotJson => StatusCode::NOT_ACCEPTABLE,
            Self::UnknownType(_) | Self::NoSuchId => StatusCode::NOT_FOUND,
            Self::InvalidParameter(_) => StatusCode::BAD_REQUEST,
        }
    }

    fn outcome(&self) -> Value {
        let (code, message) = match self {
            Self::NoToken => ("login", "4000"),
            Self::AnotherPatient => ("forbidden", "4118"),
            Self::NotJson | Self::UnknownType(_) => ("not-supported", "4103"),
            Self::NoSuchId => ("not-found", "4102"),
            Self::InvalidParameter(_) => ("invalid", "4100"),
        };
        outcome("fatal", code, message, &self.to_string())
    }
}

impl IntoResponse for Refusal {
    fn into_response(self) -> Response {
        let mut response = (self.status(), fhir_json(&self.outcome())).into_response();
        let challenge = match self {
            Self::NoToken => {
                "Bearer error=\"invalid_token\", error_description=\"The access token is missing, expired or malformed\""
            }
            Self::AnotherPatient => {
                "Bearer error=\"insufficient_scope\", error_description=\"The access token provided is valid, but is not authorized for this service\""
            }
            _ => return response,
        };
        response.headers_mut().insert(header::WWW_AUTHENTICATE, HeaderValue::from_static(challenge));
        response
    }
}

/// An OperationOutcome with one issue.
pub(super) fn outcome(severity: &str, code: &str, message: &str, text: &str) -> Value {
    json!({
        "resourceType": "OperationOutcome",
        "issue": [{
            "severity": severity,
            "code": code,
            "details": {
                "coding": [{"system": MESSAGE, "code": message, "display": text}],
                "text": text,
            },
        }],
    })
}
