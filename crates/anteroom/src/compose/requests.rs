//! What is logged and counted of each request: its method, the route it
//! matched and the status, never its address, which may hold tokens.

use axum::{
    Router,
    extract::{MatchedPath, Request},
    http::Method,
    middleware::{self, Next},
    response::Response,
};
use tokio::time::Instant;
use tracing::{Instrument, Span, field::Empty};

/// The router with an observer around it.
pub(super) fn observed(router: Router) -> Router {
    router.layer(middleware::from_fn(observe))
}

async fn observe(request: Request, next: Next) -> Response {
    let route = request
        .extensions()
        .get::<MatchedPath>()
        .map_or_else(|| "none".to_owned(), |matched| matched.as_str().to_owned());
    let method = name_of(request.method());
    let span = tracing::info_span!("request", method, route, status = Empty);
    let begun = Instant::now();
    let response = next.run(request).instrument(span.clone()).await;
    count(method, route, &response, begun, &span);
    response
}

/// An answer counts when it begins: an event stream goes on for hours.
fn count(method: &'static str, route: String, response: &Response, begun: Instant, span: &Span) {
    let (status, took) = (response.status().as_u16(), begun.elapsed());
    span.record("status", status);
    span.in_scope(|| tracing::debug!(ms = took.as_millis(), "answered"));
    if route == "/ehr/{ehr}/callback" {
        let outcome = match status {
            200..400 => "arrived",
            400..500 => "refused",
            _ => "failed",
        };
        metrics::counter!("anteroom_launches_total", "outcome" => outcome).increment(1);
    }
    let labels = [("method", method.to_owned()), ("route", route), ("status", status.to_string())];
    metrics::histogram!("anteroom_http_request_duration_seconds", &labels).record(took.as_secs_f64());
}

/// Any text may be a method; only known ones become labels.
fn name_of(method: &Method) -> &'static str {
    match *method {
        Method::GET => "GET",
        Method::HEAD => "HEAD",
        Method::POST => "POST",
        Method::OPTIONS => "OPTIONS",
        _ => "other",
    }
}
