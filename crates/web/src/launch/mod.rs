//! The SMART EHR launch as a browser walks it: the launch address, the way
//! through the authorization server and back, and the visit that is meant.

mod arrive;
mod callback;
mod choose;
mod framed;
mod grant;
mod start;

use axum::{Router, middleware, routing::get};

use crate::{
    limits::{self, Door},
    state::AppState,
};

/// The launch addresses and callbacks (contract).
pub(crate) fn routes(state: &AppState) -> Router<AppState> {
    let knocking = middleware::from_fn_with_state((state.clone(), Door::Launch), limits::at);
    Router::new()
        .route("/launch/{kind}", get(start::get).post(start::post))
        .route("/ehr/{ehr}/begin/{code}", get(framed::get))
        .route("/ehr/{ehr}/callback", get(callback::get))
        .route_layer(knocking)
        .route("/ehr/{ehr}/choose/{id}", get(choose::get).post(choose::post))
        .route("/ehr/{ehr}/jwks.json", get(crate::jwks::get))
}
