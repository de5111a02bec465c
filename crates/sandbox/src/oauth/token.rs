//! The token endpoint.

use std::sync::Arc;

use axum::{
    Json,
    extract::{RawQuery, State},
    response::{IntoResponse, Response},
};
use http::{HeaderMap, Method, StatusCode, header};
use serde::Deserialize;
use serde_json::json;

use super::{
    assertion::{self, AssertionError},
    grants::{ACCESS_LIFETIME, Holder},
    pkce, token_response,
};
use crate::{
    cast::User,
    config::{Client, ClientKind},
    ehr::Ehr,
};

const ASSERTION_TYPE: &str = "urn:ietf:params:oauth:client-assertion-type:jwt-bearer";

#[derive(Debug, Deserialize)]
struct TokenRequest {
    grant_type: Option<String>,
    code: Option<String>,
    redirect_uri: Option<String>,
    code_verifier: Option<String>,
    client_id: Option<String>,
    client_assertion_type: Option<String>,
    client_assertion: Option<String>,
    scope: Option<String>,
}

/// Why there is no token, in OAuth's words.
#[derive(Debug, thiserror::Error)]
enum Refusal {
    #[error("{0}")]
    InvalidRequest(&'static str),
    #[error(transparent)]
    InvalidClient(#[from] AssertionError),
    #[error("{0}")]
    InvalidGrant(&'static str),
    #[error("{0}")]
    UnauthorizedClient(&'static str),
    #[error("only authorization_code and client_credentials are granted")]
    UnsupportedGrantType,
    #[error("the EHR could not sign")]
    ServerError,
}

impl Refusal {
    fn code(&self) -> &'static str {
        match self {
            Self::InvalidRequest(_) => "invalid_request",
            Self::InvalidClient(_) => "invalid_client",
            Self::InvalidGrant(_) => "invalid_grant",
            Self::UnauthorizedClient(_) => "unauthorized_client",
            Self::UnsupportedGrantType => "unsupported_grant_type",
            Self::ServerError => "server_error",
        }
    }
}

impl IntoResponse for Refusal {
    fn into_response(self) -> Response {
        tracing::info!(error = self.code(), why = %self, "token refused");
        let status = match self {
            Self::ServerError => StatusCode::INTERNAL_SERVER_ERROR,
            // Epic answers 400 also to a client that it does not believe.
            _ => StatusCode::BAD_REQUEST,
        };
        let body = json!({"error": self.code(), "error_description": self.to_string()});
        (status, [(header::CACHE_CONTROL, "no-store")], Json(body)).into_response()
    }
}

/// `POST /interconnect/oauth2/token`
pub(crate) async fn token(
    State(ehr): State<Arc<Ehr>>,
    method: Method,
    headers: HeaderMap,
    RawQuery(query): RawQuery,
    body: String,
) -> Response {
    match answer(&ehr, &method, &headers, query.as_deref(), &body).await {
        Ok(body) => ([(header::CACHE_CONTROL, "no-store")], Json(body)).into_response(),
        Err(refusal) => refusal.into_response(),
    }
}

async fn answer(
    ehr: &Ehr,
    method: &Method,
    headers: &HeaderMap,
    query: Option<&str>,
    body: &str,
) -> Result<serde_json::Value, Refusal> {
    let request = read(method, headers, query, body)?;
    let client = authenticate(ehr, headers, &request).await?;
    match request.grant_type.as_deref() {
        Some("authorization_code") => authorization_code(ehr, &client, &request),
        Some("client_credentials") => client_credentials(ehr, &client, &request),
        Some(_) => Err(Refusal::UnsupportedGrantType),
        None => Err(Refusal::InvalidRequest("grant_type is missing")),
    }
}

fn read(
    method: &Method,
    headers: &HeaderMap,
    query: Option<&str>,
    body: &str,
) -> Result<TokenRequest, Refusal> {
    let content_type =
        headers.get(header::CONTENT_TYPE).and_then(|value| value.to_str().ok()).unwrap_or_default();
    let media_type = content_type.split(';').next().unwrap_or_default().trim();
    if method != Method::POST {
        return Err(Refusal::InvalidRequest("the token endpoint is asked by POST"));
    }
    if query.is_some() {
        return Err(Refusal::InvalidRequest("parameters stand in the body, not in the query"));
    }
    if !media_type.eq_ignore_ascii_case("application/x-www-form-urlencoded") {
        return Err(Refusal::InvalidRequest("the body is not application/x-www-form-urlencoded"));
    }
    serde_json::from_value(fields(body)?).map_err(|_| Refusal::InvalidRequest("the body cannot be read"))
}

fn fields(body: &str) -> Result<serde_json::Value, Refusal> {
    let mut fields = serde_json::Map::new();
    for (name, value) in url::form_urlencoded::parse(body.as_bytes()) {
        if fields.insert(name.into_owned(), value.into_owned().into()).is_some() {
            return Err(Refusal::InvalidRequest("a parameter is there twice"));
        }
    }
    Ok(fields.into())
}

async fn authenticate(ehr: &Ehr, headers: &HeaderMap, request: &TokenRequest) -> Result<Client, Refusal> {
    if headers.contains_key(header::AUTHORIZATION) {
        return Err(Refusal::InvalidRequest("clients here use private-key JWT, no Authorization header"));
    }
    if request.client_assertion_type.as_deref() != Some(ASSERTION_TYPE) {
        return Err(Refusal::InvalidRequest("client_assertion_type is not jwt-bearer"));
    }
    let assertion =
        request.client_assertion.as_deref().ok_or(Refusal::InvalidRequest("client_assertion is missing"))?;
    let client = assertion::authenticate(ehr, assertion).await?;
    if request.client_id.as_ref().is_some_and(|id| *id != client.id) {
        return Err(Refusal::InvalidRequest("client_id is not the assertion's"));
    }
    Ok(client)
}

fn authorization_code(
    ehr: &Ehr,
    client: &Client,
    request: &TokenRequest,
) -> Result<serde_json::Value, Refusal> {
    let now = ehr.now();
    let code = request.code.as_deref().ok_or(Refusal::InvalidRequest("code is missing"))?;
    // Taken out before it is judged: a code is good for one attempt.
    let granted = ehr
        .grants()
        .codes
        .take(now, code)
        .ok_or(Refusal::InvalidGrant("the code is unknown, used or expired"))?;
    if granted.client_id != client.id {
        return Err(Refusal::InvalidGrant("the code was given to another client"));
    }
    if request.redirect_uri.as_ref() != Some(&granted.redirect_uri) {
        return Err(Refusal::InvalidGrant("redirect_uri is not that of the authorize request"));
    }
    let verifier = request.code_verifier.as_deref().unwrap_or_default();
    if !pkce::proves(verifier, &granted.code_challenge) {
        return Err(Refusal::InvalidGrant("code_verifier does not belong to the code_challenge"));
    }

    let holder = match granted.launch.user() {
        User::Clinician(clinician) => Holder::Clinician(clinician),
        User::Patient(patient) => Holder::Portal(patient),
        User::Proxy(proxy) => Holder::Portal(proxy.patient),
    };
    let access_token = new_access_token(ehr, holder);
    token_response::for_launch(ehr, &granted, &access_token).map_err(|_| Refusal::ServerError)
}

fn client_credentials(
    ehr: &Ehr,
    client: &Client,
    request: &TokenRequest,
) -> Result<serde_json::Value, Refusal> {
    if !client.kinds.contains(&ClientKind::Backend) {
        return Err(Refusal::UnauthorizedClient("this client is not one of a backend system"));
    }
    if !ehr.config.backend_is_mapped {
        return Err(Refusal::UnauthorizedClient("no background user is mapped to this client"));
    }
    let access_token = new_access_token(ehr, Holder::Backend);
    Ok(json!({
        "access_token": access_token,
        "token_type": "bearer",
        "expires_in": ACCESS_LIFETIME.as_secs(),
        "scope": request.scope.as_deref().unwrap_or_default(),
    }))
}

fn new_access_token(ehr: &Ehr, holder: Holder) -> String {
    let token = ehr.secret();
    ehr.grants().access.put(ehr.now(), ACCESS_LIFETIME, token.clone(), holder);
    token
}
