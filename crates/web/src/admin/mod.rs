//! Pages for operators.

mod notifications;
mod operator;
mod sign_in;

use axum::{
    Router, middleware,
    routing::{get, post},
};

pub use sign_in::hash_password;

use crate::{
    limits::{self, Door},
    state::AppState,
};

/// Everything below `/admin` (contract).
pub(crate) fn routes(state: &AppState) -> Router<AppState> {
    let knocking = middleware::from_fn_with_state((state.clone(), Door::SignIn), limits::at);
    Router::new()
        .route("/admin/login", post(sign_in::post))
        .route_layer(knocking)
        .route("/admin", get(async || crate::respond::see("/admin/notifications")))
        .route("/admin/login", get(sign_in::get))
        .route("/admin/logout", post(sign_in::sign_out))
        .route("/admin/notifications", get(notifications::get))
        .route("/admin/notifications/{id}/retry", post(notifications::retry))
}
