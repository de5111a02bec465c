//! A launch in a frame. Most browsers keep our cookie there, in a partition
//! of the embedding site; one that doesn't would lose the launch at its
//! callback. So a framed launch looks first whether its cookie came back, and
//! else offers to go on in a window of its own. The way there is a one-time
//! code that lives a minute, never a cookie or an address that works twice.

use std::sync::Arc;

use aws_lc_rs::constant_time::verify_slices_are_equal;
use axum::{
    extract::{Path, State},
    http::HeaderMap,
    response::{IntoResponse, Response},
};
use axum_extra::extract::CookieJar;
use jiff::{SignedDuration, Timestamp};
use oauth::LaunchState;
use outside::RandomExt;
use serde::{Deserialize, Serialize};
use storage::{PendingKind, TokenHash};
use visit::EhrId;

use super::{
    arrive::framed,
    start::{Onward, send_on},
};
use crate::{
    cookies::{self, Purpose},
    pages::{NewWindowPage, Shell},
    problem::{AtEhr, Problem, Trouble},
    respond::{html, see},
    state::{AppState, Ehr},
};

/// How long the code is good.
const CODE_LIFETIME: SignedDuration = SignedDuration::from_mins(1);

/// A launch that looks for its cookie.
#[derive(Serialize, Deserialize)]
struct Looking {
    ehr: EhrId,
    state: LaunchState,
    secret: String,
    expires_at: Timestamp,
    onward: Onward,
}

/// Whether this request fills a frame (Fetch Metadata).
pub(super) fn is_framed(headers: &HeaderMap) -> bool {
    headers.get("sec-fetch-dest").is_some_and(|dest| dest == "iframe" || dest == "frame")
}

/// Sends the frame to where it shows whether it has its cookie.
pub(super) async fn look_for_cookie(
    state: &AppState,
    ehr: &Arc<Ehr>,
    launch_state: LaunchState,
    secret: String,
    expires_at: Timestamp,
    onward: Onward,
) -> Result<Response, Problem> {
    let looking = Looking { ehr: ehr.id().clone(), state: launch_state, secret, expires_at, onward };
    let code = state.random.token::<32>();
    let until = state.clock.now() + CODE_LIFETIME;
    let payload = serde_json::to_vec(&looking)?;
    state.pending.put(PendingKind::Handover, TokenHash::of(&code), &payload, until).await?;
    Ok(framed(ehr, see(&format!("/ehr/{}/begin/{code}", ehr.id()))))
}

/// Goes on where the cookie is, or where a window of its own can have one;
/// offers that window where neither is so.
pub(super) async fn get(
    State(state): State<AppState>,
    Path((ehr, code)): Path<(EhrId, String)>,
    headers: HeaderMap,
    jar: CookieJar,
) -> Result<Response, Trouble> {
    let ehr = state.ehr(&ehr).ok_or(Problem::NotFound)?;
    let (key, now) = (TokenHash::of(&code), state.clock.now());
    let stored = state.pending.look(PendingKind::Handover, key, now).await.at(ehr)?;
    let looking: Looking = serde_json::from_slice(&stored.ok_or(Problem::NoSuchLaunch).at(ehr)?).at(ehr)?;
    if looking.ehr != *ehr.id() {
        return Err(Problem::NoSuchLaunch.at(ehr));
    }
    let purpose = Purpose::Launch(&looking.state);
    let has_cookie = cookies::read(&jar, purpose)
        .is_some_and(|secret| verify_slices_are_equal(secret.as_bytes(), looking.secret.as_bytes()).is_ok());
    if !has_cookie && is_framed(&headers) {
        let url = format!("/ehr/{}/begin/{code}", ehr.id());
        let page = NewWindowPage { shell: Shell::new(ehr.brand.clone()), url };
        return Ok(framed(ehr, html(&page).at(ehr)?));
    }
    let taken = state.pending.take(PendingKind::Handover, key, now).await.at(ehr)?;
    taken.ok_or(Problem::NoSuchLaunch).at(ehr)?;
    let jar = cookies::give(&state, jar, purpose, &looking.secret, looking.expires_at);
    let answer = send_on(ehr, looking.onward).at(ehr)?;
    Ok((jar, answer).into_response())
}
