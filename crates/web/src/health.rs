use axum::{Router, extract::State, http::StatusCode, routing::get};

use crate::state::AppState;

/// Liveness and readiness (contract).
pub(crate) fn routes() -> Router<AppState> {
    Router::new().route("/healthz", get(async || "ok\n")).route("/readyz", get(ready))
}

async fn ready(State(state): State<AppState>) -> (StatusCode, String) {
    if *state.stopping.borrow() {
        return (StatusCode::SERVICE_UNAVAILABLE, "stopping\n".to_owned());
    }
    match state.readiness.ready().await {
        Ok(()) => (StatusCode::OK, "ready\n".to_owned()),
        Err(missing) => (StatusCode::SERVICE_UNAVAILABLE, format!("{missing}\n")),
    }
}
