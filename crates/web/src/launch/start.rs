use std::sync::Arc;

use axum::{
    Form,
    extract::{
        Path, Query, State,
        rejection::{FormRejection, QueryRejection},
    },
    response::{IntoResponse, Redirect, Response},
};
use axum_extra::extract::CookieJar;
use oauth::{AuthorizeRequest, LaunchError, LaunchKind};
use outside::RandomExt;
use serde::{Deserialize, Serialize};
use storage::{PendingKind, TokenHash};

use crate::{
    cookies::{self, Purpose},
    headers::{FormGoesTo, Framed},
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
    jar: CookieJar,
    parameters: Result<Query<LaunchParameters>, QueryRejection>,
) -> Result<Response, Trouble> {
    let parameters = parameters.map_err(|_| LaunchError::LaunchIncomplete("query"))?;
    begin(&state, &kind, jar, parameters.0).await
}

pub(super) async fn post(
    State(state): State<AppState>,
    Path(kind): Path<String>,
    jar: CookieJar,
    parameters: Result<Form<LaunchParameters>, FormRejection>,
) -> Result<Response, Trouble> {
    let parameters = parameters.map_err(|_| LaunchError::LaunchIncomplete("form"))?;
    begin(&state, &kind, jar, parameters.0).await
}

async fn begin(
    state: &AppState,
    kind: &str,
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

    // 4. Send the browser there.
    let answer = send_on(ehr, request).at(ehr)?;
    Ok((jar, answer).into_response())
}

fn send_on(ehr: &Arc<Ehr>, request: AuthorizeRequest) -> Result<Response, Problem> {
    let mut response = match request {
        AuthorizeRequest::Redirect(url) => Redirect::to(url.as_str()).into_response(),
        AuthorizeRequest::Form { action, fields } => {
            let page = RedirectPostPage {
                shell: Shell::new(ehr.brand.clone()),
                action: action.to_string(),
                fields: fields.into_iter().map(|(name, value)| (name.to_owned(), value)).collect(),
            };
            let mut response = html(&page)?;
            response.extensions_mut().insert(FormGoesTo(action));
            response
        }
    };
    response.extensions_mut().insert(Framed(Arc::clone(ehr)));
    Ok(response)
}

fn kind_of(text: &str) -> Option<LaunchKind> {
    [LaunchKind::Provider, LaunchKind::Patient, LaunchKind::DeviceTest, LaunchKind::Monitor]
        .into_iter()
        .find(|kind| kind.as_str() == text)
}
