//! axum routes, askama pages, server-sent events and assets.
//!
//! [`router`] is the whole web; [`serve`] brings it to a port. A handler reads
//! like numbered prose and takes exactly what it touches. What goes wrong is a
//! `Problem`, which one middleware turns into a page, a JSON answer and a line
//! in the log.

mod address;
mod admin;
pub mod assets;
mod by_link;
mod connection;
mod cookies;
mod csrf;
mod device_test;
mod headers;
mod health;
mod jwks;
mod launch;
mod limits;
mod live;
pub mod pages;
mod problem;
mod respond;
mod seat;
mod serve;
mod state;
mod static_files;

use axum::{Router, extract::DefaultBodyLimit, middleware};

pub use admin::hash_password;
pub use by_link::Links;
pub use serve::{ServeError, Tls, serve};
pub use state::{AppState, Ehr, Parts, Readiness};

/// No form or offer of ours is larger, in bytes.
const MAX_BODY: usize = 128 << 10;

/// All routes, with the error pages and security headers around them.
pub fn router(state: AppState) -> Router {
    Router::new()
        .merge(launch::routes(&state))
        .merge(seat::routes())
        .merge(device_test::routes(&state))
        .merge(by_link::routes(&state))
        .merge(admin::routes(&state))
        .merge(static_files::routes())
        .merge(health::routes())
        .fallback(async || problem::Trouble::from(problem::Problem::NotFound))
        .layer(DefaultBodyLimit::max(MAX_BODY))
        .layer(middleware::from_fn_with_state(state.clone(), problem::render))
        .layer(middleware::from_fn_with_state(state.clone(), headers::secure))
        .with_state(state)
}
