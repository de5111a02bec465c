//! The pages on which somebody is a clinician or a patient for a while.

mod index;
mod links;
mod portal;
mod schedule;
#[cfg(test)]
mod tests;
mod times;

use std::{collections::HashSet, sync::Arc};

use askama::Template;
use axum::{
    Json, Router,
    extract::State,
    response::{IntoResponse, Response},
    routing::{get, post},
};
use http::{HeaderName, HeaderValue, StatusCode, header};

use crate::{ehr::Ehr, status::Connected};

/// No script or style but our own; a launch may be framed from anywhere.
const POLICY: &str = "default-src 'self'; img-src data:; frame-src http: https:; frame-ancestors 'none'; base-uri 'none'; object-src 'none'";

/// The pages' addresses.
pub(crate) fn router() -> Router<Arc<Ehr>> {
    Router::new()
        .route("/", get(index::get))
        .route("/hyperspace", get(schedule::get))
        .route("/mychart", get(portal::get))
        .route("/sandbox/open", post(links::open))
        .route("/sandbox/reset", post(index::reset))
        .route("/sandbox/lights", get(lights))
        .route("/sandbox/assets/sandbox.css", get(style))
        .route("/sandbox/assets/lights.js", get(script))
}

/// Epic's page for a person whom it may not send back to the app. As Epic's,
/// it cannot be framed.
pub(crate) fn authorize_refused(why: &'static str) -> Response {
    #[derive(Template)]
    #[template(path = "authorize-refused.html")]
    struct Page {
        why: &'static str,
    }

    html(StatusCode::BAD_REQUEST, &Page { why })
}

/// Who is connected to which visit, for the lights of a page that is open.
async fn lights(State(ehr): State<Arc<Ehr>>) -> Json<HashSet<Connected>> {
    Json(ehr.status.connected())
}

async fn style() -> impl IntoResponse {
    let css = include_str!("../../../../templates/sandbox/sandbox.css");
    ([(header::CONTENT_TYPE, "text/css; charset=utf-8")], css)
}

async fn script() -> impl IntoResponse {
    let js = include_str!("../../../../templates/sandbox/lights.js");
    ([(header::CONTENT_TYPE, "text/javascript; charset=utf-8")], js)
}

/// A page for a request that makes no sense here.
fn not_possible(what: &str) -> Response {
    #[derive(Template)]
    #[template(path = "not-possible.html")]
    struct Page<'a> {
        what: &'a str,
    }

    html(StatusCode::BAD_REQUEST, &Page { what })
}

fn html(status: StatusCode, page: &impl Template) -> Response {
    let headers: [(HeaderName, HeaderValue); 5] = [
        (header::CONTENT_TYPE, HeaderValue::from_static("text/html; charset=utf-8")),
        (header::CONTENT_SECURITY_POLICY, HeaderValue::from_static(POLICY)),
        (header::X_FRAME_OPTIONS, HeaderValue::from_static("DENY")),
        (header::REFERRER_POLICY, HeaderValue::from_static("no-referrer")),
        (header::CACHE_CONTROL, HeaderValue::from_static("no-store")),
    ];
    match page.render() {
        Ok(text) => (status, headers, text).into_response(),
        Err(error) => {
            tracing::error!(%error, "a page of the simulated EHR cannot be rendered");
            StatusCode::INTERNAL_SERVER_ERROR.into_response()
        }
    }
}
