//! The SMART EHR launch as a browser walks it: the launch address, the way
//! through the authorization server and back, and the visit that is meant.

mod arrive;
mod callback;
mod choose;
mod grant;
mod start;

use axum::{Router, routing::get};

use crate::state::AppState;

/// The launch addresses and callbacks (contract).
pub(crate) fn routes() -> Router<AppState> {
    Router::new()
        .route("/launch/{kind}", get(start::get).post(start::post))
        .route("/ehr/{ehr}/callback", get(callback::get))
        .route("/ehr/{ehr}/choose/{id}", get(choose::get).post(choose::post))
        .route("/ehr/{ehr}/jwks.json", get(crate::jwks::get))
}
