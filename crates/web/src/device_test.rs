//! The device test outside a visit, and the connection check. Nothing here
//! ever stands in the way of joining.

use std::sync::Arc;

use axum::{
    Json, Router,
    extract::{Path, State},
    http::StatusCode,
    middleware,
    response::Response,
    routing::{get, post},
};
use jiff::SignedDuration;
use meeting::{ConnectionCheck, MeetingError};
use outside::RandomExt;
use serde::{Deserialize, Serialize};
use serde_json::{Value, json};
use storage::{DeviceTestRecord, PendingKind, TokenHash};
use visit::{EhrId, Person};

use crate::{
    headers::Framed,
    limits::{self, Door},
    pages::{DeviceTestPage, DeviceTestPanel, DeviceTestResult, Shell},
    problem::{Problem, Trouble},
    respond::{html, see},
    state::{AppState, Ehr},
};

/// How long a launched device test may bring results.
const RESULT_WANTED_FOR: SignedDuration = SignedDuration::from_hours(1);

/// A device test is told beside its person for this long.
pub(crate) const COUNTS_FOR: SignedDuration = SignedDuration::from_hours(24);

/// Whose device test it is.
#[derive(Serialize, Deserialize)]
struct Tester {
    ehr: EhrId,
    person: Person,
}

pub(crate) fn routes(state: &AppState) -> Router<AppState> {
    let knocking = middleware::from_fn_with_state((state.clone(), Door::Check), limits::at);
    Router::new()
        .route("/device-test/connection", post(check_connection))
        .route_layer(knocking)
        .route("/device-test", get(without_launch))
        .route("/device-test/for/{token}", get(launched).post(take_result))
}

async fn without_launch() -> Result<Response, Trouble> {
    Ok(html(&DeviceTestPage {
        shell: Shell::default(),
        csrf: String::new(),
        device_test: DeviceTestPanel { result_url: None },
    })?)
}

/// Sends somebody who launched a device test to its page, whose address holds
/// no code. What the address holds instead takes their results, and opens
/// nothing else.
pub(crate) async fn send_to_test(
    state: &AppState,
    ehr: &Arc<Ehr>,
    person: &Person,
) -> Result<Response, Problem> {
    let token = state.random.token::<32>();
    let tester = serde_json::to_vec(&Tester { ehr: ehr.id().clone(), person: person.clone() })?;
    let until = state.clock.now() + RESULT_WANTED_FOR;
    state.pending.put(PendingKind::DeviceTest, TokenHash::of(&token), &tester, until).await?;
    let mut response = see(&format!("/device-test/for/{token}"));
    response.extensions_mut().insert(Framed(Arc::clone(ehr)));
    Ok(response)
}

async fn launched(State(state): State<AppState>, Path(token): Path<String>) -> Result<Response, Trouble> {
    let tester = tester(&state, &token).await?;
    let ehr = state.ehr(&tester.ehr).ok_or(Problem::NotFound)?;
    let mut response = html(&DeviceTestPage {
        shell: Shell::new(ehr.brand.clone()),
        csrf: String::new(),
        device_test: DeviceTestPanel { result_url: Some(format!("/device-test/for/{token}")) },
    })?;
    response.extensions_mut().insert(Framed(Arc::clone(ehr)));
    Ok(response)
}

/// The random token in the address is the proof; it opens nothing else.
async fn take_result(
    State(state): State<AppState>,
    Path(token): Path<String>,
    Json(result): Json<DeviceTestResult>,
) -> Result<StatusCode, Trouble> {
    let tester = tester(&state, &token).await?;
    keep(&state, &tester.ehr, &tester.person, &result).await?;
    Ok(StatusCode::NO_CONTENT)
}

async fn tester(state: &AppState, token: &str) -> Result<Tester, Problem> {
    let stored = state.pending.look(PendingKind::DeviceTest, TokenHash::of(token), state.clock.now()).await?;
    Ok(serde_json::from_slice(&stored.ok_or(Problem::NotFound)?)?)
}

/// Keeps a result in place of the person's earlier one.
pub(crate) async fn keep(
    state: &AppState,
    ehr: &EhrId,
    person: &Person,
    result: &DeviceTestResult,
) -> Result<(), Problem> {
    let record = DeviceTestRecord { taken_at: state.clock.now(), result: serde_json::to_string(result)? };
    Ok(state.device_tests.keep(ehr, person, &record).await?)
}

/// The person's result, if it is recent and can be read.
pub(crate) async fn recent(
    state: &AppState,
    ehr: &EhrId,
    person: &Person,
) -> Result<Option<DeviceTestResult>, Problem> {
    let after = state.clock.now() - COUNTS_FOR;
    let record = state.device_tests.newest(ehr, person, after).await?;
    Ok(record.and_then(|record| serde_json::from_str(&record.result).ok()))
}

async fn check_connection(
    State(state): State<AppState>,
    Json(check): Json<ConnectionCheck>,
) -> Result<Json<Value>, Trouble> {
    let checker = state.checker.as_ref().ok_or(Problem::Meeting(MeetingError::Unsupported))?;
    let sdp = checker.check(check).await.map_err(Problem::Meeting)?;
    Ok(Json(json!({ "sdp": sdp })))
}
