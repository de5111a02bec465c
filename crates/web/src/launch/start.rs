use std::sync::Arc;

use axum::{
    Form,
    extract::{
        Path, Query, State,
        rejection::{FormRejection, QueryRejection},
    },
    http::HeaderMap,
    response::{IntoResponse, Redirect, Response},
};
use axum_extra::extract::CookieJar;
use oauth::{AuthorizeRequest, LaunchError, LaunchKind};
use outside::RandomExt;
use serde::{Deserialize, Serialize};
use storage::{PendingKind, TokenHash};
use url::Url;

use super::{
    arrive::framed,
    framed::{is_framed, look_for_cookie},
};
use crate::{
    cookies::{self, Purpose},
    headers::FormGoesTo,
    pages::{RedirectPostPage, Shell},
    problem::{AtEhr, Problem, Trouble},
    respond::html,
    state::{AppState, Ehr},
};

/// What the EHR appends to the launch address.
#[derive(Deserialize)]
pub(super) struct LaunchParameters {
    iss: Option<String>,
    launch: Option<String>,
}

/// What is kept of a launch until its callback: the OAuth side of it, and
/// the hash of the secret in the browser's cookie.
#[derive(Serialize, Deserialize)]
pub(super) struct StoredLaunch {
    pub(super) pending: oauth::PendingLaunch,
    pub(super) browser: [u8; 32],
}

pub(super) async fn get(
    State(state): State<AppState>,
    Path(kind): Path<String>,
    headers: HeaderMap,
    jar: CookieJar,
    parameters: Result<Query<LaunchParameters>, QueryRejection>,
) -> Result<Response, Trouble> {
    let parameters = parameters.map_err(|_| LaunchError::LaunchIncomplete("query"))?;
    begin(&state, &kind, &headers, jar, parameters.0).await
}

pub(super) async fn post(
    State(state): State<AppState>,
    Path(kind): Path<String>,
    headers: HeaderMap,
    jar: CookieJar,
    parameters: Result<Form<LaunchParameters>, FormRejection>,
) -> Result<Response, Trouble> {
    let parameters = parameters.map_err(|_| LaunchError::LaunchIncomplete("form"))?;
    begin(&state, &kind, &headers, jar, parameters.0).await
}

async fn begin(
    state: &AppState,
    kind: &str,
    headers: &HeaderMap,
    jar: CookieJar,
    LaunchParameters { iss, launch }: LaunchParameters,
) -> Result<Response, Trouble> {
    // 1. Which EHR? To an unknown one nothing is sent.
    let kind = kind_of(kind).ok_or(Problem::NotFound)?;
    let iss = iss.ok_or(LaunchError::LaunchIncomplete("iss"))?;
    let ehr = state.ehr_of_iss(&iss).ok_or(LaunchError::UnknownIss)?;
    let launch = launch.ok_or(LaunchError::LaunchIncomplete("launch")).at(ehr)?;
    state.limits.launch_of(ehr.id()).at(ehr)?;

    // 2. Where is its authorization server, and what is it asked?
    let (pending, request) =
        state.smart.authorize_request(&ehr.connection, kind, &iss, &launch).await.at(ehr)?;

    // 3. Remember the launch, bound to this browser.
    let secret = state.random.token::<32>();
    let (launch_state, expires_at) = (pending.state.clone(), pending.expires_at);
    let stored = serde_json::to_vec(&StoredLaunch { pending, browser: TokenHash::of(&secret).0 }).at(ehr)?;
    let key = TokenHash::of(launch_state.as_str());
    state.pending.put(PendingKind::Launch, key, &stored, expires_at).await.at(ehr)?;
    let jar = cookies::give(state, jar, Purpose::Launch(&launch_state), &secret, expires_at);
    tracing::info!(ehr = %ehr.id(), %kind, "a launch began");

    // 4. Send the browser there; in a frame, see first that it keeps cookies.
    let onward = Onward::from(request);
    let answer = if is_framed(headers) {
        look_for_cookie(state, ehr, launch_state, secret, expires_at, onward).await.at(ehr)?
    } else {
        send_on(ehr, onward).at(ehr)?
    };
    Ok((jar, answer).into_response())
}

/// The way to the authorization endpoint, as it can be kept.
#[derive(Serialize, Deserialize)]
pub(super) struct Onward {
    action: Url,
    /// `None`: by a redirect; else by a form.
    fields: Option<Vec<(String, String)>>,
}

impl From<AuthorizeRequest> for Onward {
    fn from(request: AuthorizeRequest) -> Self {
        match request {
            AuthorizeRequest::Redirect(action) => Self { action, fields: None },
            AuthorizeRequest::Form { action, fields } => {
                let fields = fields.into_iter().map(|(name, value)| (name.to_owned(), value)).collect();
                Self { action, fields: Some(fields) }
            }
        }
    }
}

/// Sends the browser to the authorization endpoint.
pub(super) fn send_on(ehr: &Arc<Ehr>, Onward { action, fields }: Onward) -> Result<Response, Problem> {
    let response = match fields {
        None => Redirect::to(action.as_str()).into_response(),
        Some(fields) => {
            let shell = Shell::new(ehr.brand.clone());
            let mut response = html(&RedirectPostPage { shell, action: action.to_string(), fields })?;
            response.extensions_mut().insert(FormGoesTo(action));
            response
        }
    };
    Ok(framed(ehr, response))
}

fn kind_of(text: &str) -> Option<LaunchKind> {
    [LaunchKind::Provider, LaunchKind::Patient, LaunchKind::DeviceTest, LaunchKind::Monitor]
        .into_iter()
        .find(|kind| kind.as_str() == text)
}
