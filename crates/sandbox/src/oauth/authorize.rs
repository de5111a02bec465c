//! The authorization endpoint. Whoever comes here is signed in to the EHR
//! already, so it answers at once, by a redirect.

use std::sync::Arc;

use axum::{
    Form,
    extract::{
        Query, State,
        rejection::{FormRejection, QueryRejection},
    },
    response::{IntoResponse, Response},
};
use http::{HeaderValue, StatusCode, header};
use serde::Deserialize;
use url::Url;

use super::{
    grants::{CODE_LIFETIME, CodeGrant},
    pkce,
};
use crate::{config::AuthorizeMethods, ehr::Ehr, pages};

/// The parameters, all of which may be missing.
#[derive(Debug, Clone, Deserialize)]
pub(crate) struct AuthorizeRequest {
    response_type: Option<String>,
    client_id: Option<String>,
    redirect_uri: Option<String>,
    scope: Option<String>,
    launch: Option<String>,
    aud: Option<String>,
    state: Option<String>,
    nonce: Option<String>,
    code_challenge: Option<String>,
    code_challenge_method: Option<String>,
}

/// Why there is no code.
#[derive(Debug)]
enum Refusal {
    /// The person stays here: nothing proves that the address to go back to is
    /// the client's, or Epic keeps them here too.
    Here(&'static str),
    /// The client is told.
    ToClient { redirect_uri: String, state: Option<String>, error: &'static str, why: &'static str },
}

/// `GET /interconnect/oauth2/authorize`
pub(crate) async fn by_redirect(
    State(ehr): State<Arc<Ehr>>,
    request: Result<Query<AuthorizeRequest>, QueryRejection>,
) -> Response {
    if ehr.config.authorize == AuthorizeMethods::PostOnly {
        return refused_here("this EHR is set to take the authorize request by form POST only");
    }
    answer(&ehr, request.ok().map(|Query(request)| request))
}

/// `POST /interconnect/oauth2/authorize`
pub(crate) async fn by_form(
    State(ehr): State<Arc<Ehr>>,
    request: Result<Form<AuthorizeRequest>, FormRejection>,
) -> Response {
    if ehr.config.authorize == AuthorizeMethods::GetOnly {
        return refused_here("this EHR is set to take the authorize request by GET only");
    }
    answer(&ehr, request.ok().map(|Form(request)| request))
}

fn answer(ehr: &Ehr, request: Option<AuthorizeRequest>) -> Response {
    let Some(request) = request else {
        return refused_here("the request is not form encoded, or names a parameter twice");
    };
    match grant(ehr, request) {
        Ok(back) => found(&back),
        Err(Refusal::Here(why)) => refused_here(why),
        Err(Refusal::ToClient { redirect_uri, state, error, why }) => {
            tracing::info!(error, why, "authorize refused");
            match Url::parse(&redirect_uri) {
                Ok(mut back) => {
                    back.query_pairs_mut().append_pair("error", error).append_pair("error_description", why);
                    if let Some(state) = state {
                        back.query_pairs_mut().append_pair("state", &state);
                    }
                    found(&back)
                }
                Err(_) => refused_here("the registered redirect_uri is no address"),
            }
        }
    }
}

/// Checks the request in the order in which Epic does and makes the code.
fn grant(ehr: &Ehr, request: AuthorizeRequest) -> Result<Url, Refusal> {
    let app = ehr.app();
    let client = app
        .clients
        .iter()
        .find(|client| Some(&client.id) == request.client_id.as_ref())
        .ok_or(Refusal::Here("client_id is not registered"))?;
    let redirect_uri = request
        .redirect_uri
        .filter(|uri| client.redirect_uris.contains(uri))
        .ok_or(Refusal::Here("redirect_uri is not exactly one that is registered for this client"))?;
    if request.response_type.as_deref() != Some("code") {
        return Err(Refusal::Here("response_type is not code"));
    }
    if request.aud != Some(ehr.urls.fhir()) {
        return Err(Refusal::Here("aud is missing or is not the iss of the launch"));
    }
    let scope = request.scope.unwrap_or_default();
    if !scope.split_ascii_whitespace().any(|scope| scope == "launch") {
        return Err(Refusal::Here("scope does not contain launch; Epic would show its login page here"));
    }

    let to_client = |error, why| Refusal::ToClient {
        redirect_uri: redirect_uri.clone(),
        state: request.state.clone(),
        error,
        why,
    };
    let code_challenge =
        request.code_challenge.filter(|challenge| pkce::is_challenge(challenge)).ok_or_else(|| {
            to_client("invalid_request", "code_challenge is missing or no SHA-256 in base64url")
        })?;
    if request.code_challenge_method.as_deref() != Some("S256") {
        return Err(to_client("invalid_request", "code_challenge_method is not S256"));
    }
    let mut back =
        Url::parse(&redirect_uri).map_err(|_| Refusal::Here("the registered redirect_uri is no address"))?;

    let now = ehr.now();
    let mut grants = ehr.grants();
    let launch = request
        .launch
        .and_then(|token| grants.launches.take(now, &token))
        .filter(|launch| client.kinds.contains(&launch.kind().client_kind()))
        .ok_or_else(|| {
            to_client(
                "invalid_launch_token",
                "the launch token is unknown, used, expired or another client's",
            )
        })?;
    let code = ehr.secret();
    back.query_pairs_mut().append_pair("code", &code);
    if let Some(state) = &request.state {
        back.query_pairs_mut().append_pair("state", state);
    }
    let granted = CodeGrant {
        client_id: client.id.clone(),
        redirect_uri,
        code_challenge,
        scope,
        state: request.state,
        nonce: request.nonce,
        launch,
    };
    grants.codes.put(now, CODE_LIFETIME, code, granted);
    Ok(back)
}

fn found(to: &Url) -> Response {
    let Ok(location) = HeaderValue::from_str(to.as_str()) else {
        return refused_here("the registered redirect_uri is no address");
    };
    (StatusCode::FOUND, [(header::LOCATION, location)]).into_response()
}

fn refused_here(why: &'static str) -> Response {
    tracing::info!(why, "authorize refused");
    pages::authorize_refused(why)
}
