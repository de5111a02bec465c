use std::sync::Arc;

use meeting::{JoinTicket, MeetingBackend, MeetingError, Offer, OfferAnswer, RoomHandle, RoomSpec};
use visit::{Refusal, SeatId, Visit};

use crate::{Reception, ReceptionError};

impl Reception {
    /// Mints the join ticket of a seat that was let in.
    pub async fn join(&self, visit: &Visit, seat: &SeatId) -> Result<JoinTicket, ReceptionError> {
        let admitted = visit.admitted(seat).ok_or(Refusal::NotAdmitted)?;
        let (backend, room) = self.room_of(visit).await?;
        backend.admit(&room, &admitted).await?;
        Ok(backend.mint_join(&room, &admitted, self.clock.now()).await?)
    }

    /// Answers the offer of a seat that was let in.
    pub async fn answer(
        &self,
        visit: &Visit,
        seat: &SeatId,
        offer: Offer,
    ) -> Result<OfferAnswer, ReceptionError> {
        let admitted = visit.admitted(seat).ok_or(Refusal::NotAdmitted)?;
        let (backend, room) = self.room_of(visit).await?;
        let answer = backend.answer(&room, &admitted, offer, self.clock.now()).await?;
        // Removed between the look at the visit and the answer: the removal
        // may have reached the room before this connection was in it.
        let still = self.visits.lookup(&visit.id).await?.is_some_and(|now| now.admitted(seat).is_some());
        if !still {
            self.cut_off(visit, seat).await?;
            return Err(Refusal::NotAdmitted.into());
        }
        Ok(answer)
    }

    pub(crate) async fn cut_off(&self, visit: &Visit, seat: &SeatId) -> Result<(), ReceptionError> {
        let (backend, room) = self.room_of(visit).await?;
        settled(backend.remove(&room, seat).await)
    }

    pub(crate) async fn end_room(&self, visit: &Visit) -> Result<(), ReceptionError> {
        let (backend, room) = self.room_of(visit).await?;
        settled(backend.end(&room).await)
    }

    pub(crate) async fn room_of(
        &self,
        visit: &Visit,
    ) -> Result<(&Arc<dyn MeetingBackend>, RoomHandle), ReceptionError> {
        let backend = self.backends.of(visit)?;
        let spec = RoomSpec { visit: visit.id.clone(), room: visit.room.clone() };
        Ok((backend, backend.ensure_room(&spec).await?))
    }
}

/// A backend that has no such operation has told so in its capabilities.
fn settled(outcome: Result<(), MeetingError>) -> Result<(), ReceptionError> {
    match outcome {
        Err(MeetingError::Unsupported) => Ok(()),
        outcome => Ok(outcome?),
    }
}
