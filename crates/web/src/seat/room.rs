use axum::{Json, extract::State, http::HeaderMap};
use meeting::{JoinTicket, Offer, OfferAnswer};
use serde::Serialize;
use visit::SeatId;

use super::tab::Tab;
use crate::{
    csrf,
    problem::{AtEhr, Problem, Trouble},
    state::AppState,
};

/// What a page needs to join.
#[derive(Serialize)]
pub(super) struct Joining {
    #[serde(flatten)]
    ticket: JoinTicket,
    /// Where offers go (native clients).
    offer_url: String,
    /// What the room calls this person.
    participant: SeatId,
}

/// Mints a join ticket for a seat that was let in.
pub(super) async fn join(
    State(state): State<AppState>,
    tab: Tab,
    headers: HeaderMap,
) -> Result<Json<Joining>, Trouble> {
    check(&tab, &headers)?;
    let ticket = state.reception.join(&tab.visit, &tab.seat.id).await.at(&tab.ehr)?;
    Ok(Json(Joining {
        ticket,
        offer_url: format!("/seat/{}/room/offer", tab.seat.id),
        participant: tab.seat.id,
    }))
}

/// Answers an offer to the room.
pub(super) async fn offer(
    State(state): State<AppState>,
    tab: Tab,
    headers: HeaderMap,
    Json(offer): Json<Offer>,
) -> Result<Json<OfferAnswer>, Trouble> {
    check(&tab, &headers)?;
    Ok(Json(state.reception.answer(&tab.visit, &tab.seat.id, offer).await.at(&tab.ehr)?))
}

fn check(tab: &Tab, headers: &HeaderMap) -> Result<(), Trouble> {
    tab.check_csrf(csrf::in_header(headers))?;
    if tab.is_replaced() { Err(Problem::SignedOut.at(&tab.ehr)) } else { Ok(()) }
}
