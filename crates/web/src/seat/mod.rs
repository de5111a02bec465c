//! One seat: its page, what its person does there, its event stream, and its
//! way into the room.

mod actions;
mod events;
mod invitations;
mod page;
mod room;
mod tab;

use axum::{
    Router,
    http::StatusCode,
    routing::{get, post},
};

use crate::state::AppState;

/// Everything below `/seat/{seat}` (contract).
pub(crate) fn routes() -> Router<AppState> {
    Router::new()
        .route("/seat/{seat}", get(page::get))
        .route("/seat/{seat}/events", get(events::get))
        .route("/seat/{seat}/replaced", get(page::replaced))
        .route("/seat/{seat}/admit", post(actions::admit))
        .route("/seat/{seat}/admit-all", post(actions::admit_all))
        .route("/seat/{seat}/send-back", post(actions::send_back))
        .route("/seat/{seat}/remove", post(actions::remove))
        .route("/seat/{seat}/leave", post(actions::leave))
        .route("/seat/{seat}/end", post(actions::end))
        .route("/seat/{seat}/reopen", post(actions::reopen))
        .route("/seat/{seat}/take", post(actions::take))
        .route("/seat/{seat}/new-window", post(actions::new_window))
        .route("/seat/{seat}/device-test", post(actions::device_test))
        .route("/seat/{seat}/invitations", get(invitations::get).post(invitations::make))
        .route("/seat/{seat}/invitations/revoke", post(invitations::revoke))
        .route("/seat/{seat}/invitations/renew", post(invitations::renew))
        .route("/seat/{seat}/join", post(room::join))
        .route("/seat/{seat}/room/offer", post(room::offer))
        // Mail scanners and previews look at a link before a person does; a
        // look must not use it up.
        .route("/handover/{code}", get(actions::hand_over).head(async || StatusCode::NO_CONTENT))
}
