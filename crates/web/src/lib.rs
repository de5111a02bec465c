//! axum routes, askama pages, server-sent events and assets.
