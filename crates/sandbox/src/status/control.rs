use std::sync::Arc;

use axum::{Json, extract::State};
use http::StatusCode;
use serde::Deserialize;

use super::{StatusMode, StatusReport};
use crate::ehr::Ehr;

/// The body of `POST /sandbox/control/status`.
#[derive(Debug, Deserialize)]
#[serde(deny_unknown_fields)]
pub(crate) struct ModeChange {
    mode: StatusMode,
    times: Option<u32>,
}

/// `POST /sandbox/control/status`
pub(crate) async fn set_mode(State(ehr): State<Arc<Ehr>>, Json(change): Json<ModeChange>) -> StatusCode {
    ehr.status.set_mode(change.mode, change.times);
    StatusCode::NO_CONTENT
}

/// `GET /sandbox/control/status-log`
pub(crate) async fn log(State(ehr): State<Arc<Ehr>>) -> Json<Vec<StatusReport>> {
    Json(ehr.status.reports())
}
