use std::sync::Arc;

use axum::{
    extract::{FromRequestParts, Path},
    http::request::Parts,
};
use axum_extra::extract::CookieJar;
use storage::TokenHash;
use visit::{Seat, SeatId, Visit};

use crate::{
    cookies::{self, Purpose},
    csrf,
    problem::{AtEhr, Problem, Trouble},
    state::{AppState, Ehr},
};

/// A browser tab that has proved, by its cookie, that it may act for a seat.
pub(crate) struct Tab {
    /// The EHR connection of the visit.
    pub(crate) ehr: Arc<Ehr>,
    /// The visit as it is now.
    pub(crate) visit: Visit,
    /// The seat.
    pub(crate) seat: Seat,
    /// The arrival that this browser belongs to.
    pub(crate) arrival: u32,
    /// The secret in the cookie.
    secret: String,
}

impl Tab {
    /// Whether another arrival of the same person has taken the seat over.
    pub(crate) fn is_replaced(&self) -> bool {
        self.arrival != self.seat.tab
    }

    /// What the page's forms and scripts send.
    pub(crate) fn csrf(&self) -> String {
        csrf::token_for(&self.secret)
    }

    /// Refuses what does not come from our own page.
    pub(crate) fn check_csrf(&self, brought: &str) -> Result<(), Trouble> {
        if csrf::is_good(&self.secret, brought) { Ok(()) } else { Err(Problem::Forged.at(&self.ehr)) }
    }
}

impl FromRequestParts<AppState> for Tab {
    type Rejection = Trouble;

    async fn from_request_parts(parts: &mut Parts, state: &AppState) -> Result<Self, Trouble> {
        let seat = Path::<SeatOf>::from_request_parts(parts, state).await.map_err(|_| Problem::NotFound)?;
        let jar = CookieJar::from_headers(&parts.headers);
        let Path(SeatOf { seat }) = seat;
        Self::of(state, &jar, &seat).await
    }
}

#[derive(serde::Deserialize)]
struct SeatOf {
    seat: SeatId,
}

impl Tab {
    /// The tab that this cookie jar opens.
    pub(super) async fn of(state: &AppState, jar: &CookieJar, seat: &SeatId) -> Result<Self, Trouble> {
        // Whoever has no cookie learns nothing about the seat, not even
        // whether there is one.
        let secret = cookies::read(jar, Purpose::Seat(seat)).ok_or(Problem::SignedOut)?;
        let session = state.sessions.lookup_session(TokenHash::of(&secret), state.clock.now()).await?;
        let session = session.filter(|session| session.seat == *seat).ok_or(Problem::SignedOut)?;
        let visit = state.reception.visits().of_seat(seat).await?.ok_or(Problem::SignedOut)?;
        let ehr = state.ehr(&visit.ehr).ok_or(Problem::SignedOut)?;
        let seat = visit.seat(seat).ok_or(Problem::SignedOut).at(ehr)?.clone();
        Ok(Self { ehr: Arc::clone(ehr), arrival: session.tab, visit, seat, secret })
    }
}
