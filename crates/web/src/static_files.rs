use axum::{
    Router,
    extract::Path,
    http::header,
    response::{IntoResponse, Response},
    routing::get,
};

use crate::{
    assets,
    pages::{HomePage, Shell},
    problem::{Problem, Trouble},
    respond::html,
    state::AppState,
};

pub(crate) fn routes() -> Router<AppState> {
    Router::new().route("/", get(home)).route("/assets/{version}/{*name}", get(asset)).route(
        "/favicon.ico",
        get(async || asset(Path((assets::version().to_owned(), "favicon.svg".to_owned()))).await),
    )
}

async fn home() -> Result<Response, Trouble> {
    Ok(html(&HomePage { shell: Shell::default() })?)
}

async fn asset(Path((version, name)): Path<(String, String)>) -> Result<Response, Trouble> {
    let asset = assets::find(&name).ok_or(Problem::NotFound)?;
    let cache = if version == assets::version() { "public, max-age=31536000, immutable" } else { "no-store" };
    let headers = [(header::CONTENT_TYPE, asset.content_type), (header::CACHE_CONTROL, cache)];
    Ok((headers, asset.bytes).into_response())
}
