//! Answers that several handlers give.

use axum::{
    http::{HeaderValue, StatusCode, header},
    response::{IntoResponse, Response},
};

use crate::{headers::UsesMedia, pages::Page, problem::Problem};

/// Pages that use camera and microphone.
const MEDIA_PAGES: [&str; 4] = ["waiting", "room", "visit", "device-test"];

/// A page as an answer.
pub(crate) fn html<P: Page>(page: &P) -> Result<Response, Problem> {
    let mut response = page.render()?.into_response();
    response.headers_mut().insert(header::CONTENT_TYPE, HeaderValue::from_static("text/html; charset=utf-8"));
    if MEDIA_PAGES.contains(&P::PAGE) {
        response.extensions_mut().insert(UsesMedia);
    }
    Ok(response)
}

/// Sends the browser on by GET, so that reloading repeats nothing.
pub(crate) fn see(path: &str) -> Response {
    match HeaderValue::from_str(path) {
        Ok(location) => (StatusCode::SEE_OTHER, [(header::LOCATION, location)]).into_response(),
        Err(_) => StatusCode::INTERNAL_SERVER_ERROR.into_response(),
    }
}
