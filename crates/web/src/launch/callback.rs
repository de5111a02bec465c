use audit::{Action, Actor, Outcome};
use aws_lc_rs::constant_time::verify_slices_are_equal;
use axum::{
    extract::{Path, Query, State, rejection::QueryRejection},
    response::Response,
};
use axum_extra::extract::CookieJar;
use oauth::{Callback, LaunchError};
use storage::{PendingKind, TokenHash};
use tokio::time::Instant;
use visit::EhrId;

use super::{arrive, grant::Grant, start::StoredLaunch};
use crate::{
    cookies::{self, Purpose},
    problem::{AtEhr, Problem, Trouble},
    state::AppState,
};

/// What finding the visit reads.
const NEEDED: [&str; 2] = ["Appointment", "Encounter"];

pub(super) async fn get(
    State(state): State<AppState>,
    Path(ehr): Path<String>,
    jar: CookieJar,
    callback: Result<Query<Callback>, QueryRejection>,
) -> Result<Response, Trouble> {
    // 1. Whose callback is it?
    let id: EhrId = ehr.parse().map_err(|_| Problem::NotFound)?;
    let ehr = state.ehr(&id).ok_or(Problem::NotFound)?;
    let Query(callback) =
        callback.map_err(|_| LaunchError::CallbackInvalid("its query cannot be read")).at(ehr)?;

    // 2. Take the launch out, once, and see that this browser began it.
    let launch_state = callback.state.as_deref().ok_or(Problem::NoSuchLaunch).at(ehr)?;
    let key = TokenHash::of(launch_state);
    let stored = state.pending.take(PendingKind::Launch, key, state.clock.now()).await.at(ehr)?;
    let StoredLaunch { pending, browser } =
        serde_json::from_slice(&stored.ok_or(Problem::NoSuchLaunch).at(ehr)?).at(ehr)?;
    let purpose = Purpose::Launch(&pending.state);
    let secret = cookies::read(&jar, purpose).ok_or(Problem::NoSuchLaunch).at(ehr)?;
    verify_slices_are_equal(&TokenHash::of(&secret).0, &browser)
        .map_err(|_| Problem::NoSuchLaunch)
        .at(ehr)?;
    let jar = cookies::take_away(&state, jar, purpose);

    // 3. Redeem the code and learn who launched.
    let by = Instant::now() + arrive::PATIENCE;
    let kind = pending.kind;
    let granted = match state.smart.redeem(&ehr.connection, pending, callback).await {
        Ok(granted) => granted,
        Err(error) => {
            let actor = Actor::Unknown { ehr: Some(ehr.id().clone()) };
            state.record(Action::Launched, actor, Outcome::Refused).await;
            return Err(Problem::from(error).at(ehr));
        }
    };
    // The FHIR server has the last word; an operator learns early what to ask for.
    let missing = granted.scopes.missing_reads(&NEEDED);
    if !missing.is_empty() {
        tracing::warn!(ehr = %ehr.id(), missing = missing.join(" "), "the EHR granted no scope to read these");
    }
    let grant = Grant::new(kind, granted);
    let actor = Actor::Person { ehr: ehr.id().clone(), person: grant.person.clone() };
    state.record(Action::Launched, actor, Outcome::Success).await;

    // 4. Which visit?
    arrive::go_to_visit(&state, ehr, jar, grant, None, by).await
}
