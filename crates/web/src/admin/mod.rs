//! Pages for operators.

mod notifications;
mod operator;
mod sign_in;

use axum::{
    Router,
    routing::{get, post},
};

pub use sign_in::hash_password;

use crate::state::AppState;

/// Everything below `/admin` (contract).
pub(crate) fn routes() -> Router<AppState> {
    Router::new()
        .route("/admin", get(async || crate::respond::see("/admin/notifications")))
        .route("/admin/login", get(sign_in::get).post(sign_in::post))
        .route("/admin/logout", post(sign_in::sign_out))
        .route("/admin/notifications", get(notifications::get))
        .route("/admin/notifications/{id}/retry", post(notifications::retry))
}
