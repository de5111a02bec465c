use axum::{
    Json,
    extract::{Path, State},
    http::header,
    response::{IntoResponse, Response},
};
use visit::EhrId;

use crate::{
    problem::{AtEhr, Problem, Trouble},
    state::AppState,
};

/// The public keys of one EHR connection (RFC 7517). The EHR may keep them
/// for as long as `Cache-Control` says.
pub(crate) async fn get(State(state): State<AppState>, Path(ehr): Path<String>) -> Result<Response, Trouble> {
    let id: EhrId = ehr.parse().map_err(|_| Problem::NotFound)?;
    let ehr = state.ehr(&id).ok_or(Problem::NotFound)?;
    let now = state.clock.now();
    let keys = state.keys.key_set(ehr.id(), now).map_err(|error| Problem::Internal(error.into())).at(ehr)?;
    let cache = format!("public, max-age={}", oauth::JWKS_MAX_AGE.as_secs());
    let media_type = "application/jwk-set+json".to_owned();
    Ok(([(header::CACHE_CONTROL, cache), (header::CONTENT_TYPE, media_type)], Json(keys.jwks(now)))
        .into_response())
}
