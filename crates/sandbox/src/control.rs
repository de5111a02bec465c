//! What scripts do to the simulated EHR over HTTP; Rust uses
//! [`crate::RunningSandbox`].

use std::sync::Arc;

use axum::{
    Json,
    extract::State,
    response::{IntoResponse, Response},
};
use http::StatusCode;
use serde::Deserialize;
use serde_json::{Value, json};

use crate::{ehr::Ehr, fhir_api, launch::LaunchKind};

/// Which link to click.
#[derive(Debug, Deserialize)]
#[serde(deny_unknown_fields)]
pub(crate) struct Click {
    kind: LaunchKind,
    user: String,
    appointment: Option<String>,
}

/// `POST /sandbox/control/launch`: the address that the click would open.
pub(crate) async fn launch(State(ehr): State<Arc<Ehr>>, Json(click): Json<Click>) -> Response {
    match ehr.launch_url(click.kind, &click.user, click.appointment.as_deref()) {
        Ok(url) => Json(json!({"url": url})).into_response(),
        Err(refused) => {
            (StatusCode::BAD_REQUEST, Json(json!({"error": refused.to_string()}))).into_response()
        }
    }
}

/// `GET /sandbox/control/visits`: keys, people, ids and numbers of all visits.
pub(crate) async fn visits(State(ehr): State<Arc<Ehr>>) -> Json<Vec<Value>> {
    let connected = ehr.status.connected();
    let day = ehr.day();
    let visits = day.appointments().iter().map(|visit| {
        let here = connected.iter().filter(|one| one.conference_id == visit.conference_id);
        json!({
            "key": visit.key,
            "csn": visit.csn,
            "conference_id": visit.conference_id,
            "patient": visit.patient.key,
            "clinician": visit.clinician.key,
            "start": visit.start,
            "end": visit.end,
            "status": visit.status.appointment_code(),
            "appointment_id": visit.fhir_id(),
            "encounter_id": visit.encounter_fhir_id(),
            "connected": here.map(|one| one.person).collect::<Vec<_>>(),
        })
    });
    Json(visits.collect())
}

/// `GET /sandbox/control/resources`: every FHIR resource, for a validator.
pub(crate) async fn resources(State(ehr): State<Arc<Ehr>>) -> Json<Vec<Value>> {
    Json(fhir_api::all_resources(ehr.day().appointments()))
}

/// `GET /sandbox/control/tokens`: all access tokens that are good, for a test
/// that looks for them where none may be.
pub(crate) async fn tokens(State(ehr): State<Arc<Ehr>>) -> Json<Vec<String>> {
    Json(ehr.grants().access.secrets(ehr.now()))
}

/// `POST /sandbox/control/reset`
pub(crate) async fn reset(State(ehr): State<Arc<Ehr>>) -> StatusCode {
    ehr.reset();
    StatusCode::NO_CONTENT
}
