//! The room inside the program: a selective forwarding unit in this process
//! (crate `media`).
//!
//! A room lives in one process. With several nodes each operation goes to the
//! node that holds the room ([`RoomDirectory`]); where that node has died the
//! next browser to join makes the room anew on its own node.

mod calls;
mod directory;

use std::sync::{Arc, Mutex, PoisonError};

use async_trait::async_trait;
use futures_util::StreamExt;
use jiff::Timestamp;
use media::{EventStream, JoinError, MediaHandle, ParticipantId, Paths, RoomId, Seat};
use outside::{Clock, Random, RandomExt};
use visit::{Admitted, BackendName, ConnectionId, SeatId};

use self::calls::{CallReply, RoomCall};
pub use self::directory::{Alone, DirectoryError, Holder, RoomDirectory};
use crate::{
    Capabilities, ConnectionCheck, JoinTicket, MeetingBackend, MeetingClient, MeetingError, MeetingEvent,
    MeetingEventKind, MeetingEvents, Offer, OfferAnswer, PresenceSource, Present, RoomHandle, RoomSpec,
    TicketSigner, TicketSubject, Transport,
};

/// People in one visit: patient, clinician, interpreter, family.
pub const MAX_PEOPLE: u32 = 6;

/// The built-in backend.
pub struct BuiltIn {
    name: BackendName,
    signer: TicketSigner,
    media: MediaHandle,
    events: Mutex<Option<EventStream>>,
    directory: Arc<dyn RoomDirectory>,
    clock: Arc<dyn Clock>,
    random: Arc<dyn Random>,
}

impl BuiltIn {
    /// A backend over a running media server. Nodes that share a database
    /// must share the ticket key.
    pub fn new(
        name: BackendName,
        ticket_key: &[u8; 32],
        (media, events): (MediaHandle, EventStream),
        directory: Arc<dyn RoomDirectory>,
        clock: Arc<dyn Clock>,
        random: Arc<dyn Random>,
    ) -> Self {
        Self {
            name,
            signer: TicketSigner::new(ticket_key),
            media,
            events: Mutex::new(Some(events)),
            directory,
            clock,
            random,
        }
    }

    /// Does what another node asks of a room that this node holds. The
    /// question and the answer are texts of [`RoomDirectory::call`].
    pub async fn serve_call(&self, room: &RoomHandle, question: &str) -> String {
        let reply = match serde_json::from_str(question) {
            Ok(call) => self.carry_out(room, call).await,
            Err(_) => CallReply::Failed("the other node runs another version".to_owned()),
        };
        // Texts and ids only: there is nothing that could fail.
        serde_json::to_string(&reply).unwrap_or_default()
    }

    /// Stops the media server; browsers are told to come back.
    pub async fn stop(&self) {
        self.media.shutdown().await;
    }

    async fn where_it_is(&self, room: &RoomHandle, call: RoomCall) -> Result<CallReply, MeetingError> {
        match self.directory.hold(room).await.map_err(MeetingError::unavailable)? {
            Holder::Here => Ok(self.carry_out(room, call).await),
            Holder::Elsewhere(node) => {
                let question = serde_json::to_string(&call).map_err(MeetingError::unavailable)?;
                let answer =
                    self.directory.call(&node, room, question).await.map_err(MeetingError::unavailable)?;
                serde_json::from_str(&answer).map_err(MeetingError::unavailable)
            }
        }
    }

    async fn carry_out(&self, room: &RoomHandle, call: RoomCall) -> CallReply {
        let Ok(room_id) = RoomId::new(&room.0) else {
            return CallReply::Failed("the room's name cannot be used".to_owned());
        };
        match call {
            RoomCall::Answer { seat, connection, restart, sdp } => {
                let seat = match media_seat(room_id, &seat, &connection) {
                    Ok(seat) => seat,
                    Err(error) => return CallReply::Failed(error.to_string()),
                };
                let outcome = if restart {
                    self.media.restart(seat, &sdp).await
                } else {
                    self.media.join(seat, &sdp).await
                };
                match outcome {
                    Ok(answer) => CallReply::Answered { sdp: answer.sdp },
                    Err(error) => CallReply::from(error),
                }
            }
            RoomCall::Remove { seat } => {
                if let Ok(participant) = ParticipantId::new(seat.as_str()) {
                    self.media.remove(room_id, participant).await;
                }
                CallReply::Done
            }
            RoomCall::End => {
                self.media.end(room_id).await;
                CallReply::Done
            }
        }
    }
}

#[async_trait]
impl MeetingBackend for BuiltIn {
    fn name(&self) -> &BackendName {
        &self.name
    }

    fn capabilities(&self) -> Capabilities {
        Capabilities {
            max_people: MAX_PEOPLE,
            client: MeetingClient::Native,
            presence: PresenceSource::InProcess,
            removes: true,
            ends: true,
            checks_connections: true,
        }
    }

    async fn ensure_room(&self, spec: &RoomSpec) -> Result<RoomHandle, MeetingError> {
        // The media server makes a room at the first join.
        Ok(RoomHandle(spec.room.as_str().to_owned()))
    }

    async fn mint_join(
        &self,
        _room: &RoomHandle,
        admitted: &Admitted<'_>,
        now: Timestamp,
    ) -> Result<JoinTicket, MeetingError> {
        let (ticket, expires_at) = self.signer.sign(TicketSubject::of(admitted), now);
        Ok(JoinTicket::Native { ticket, expires_at, max_people: MAX_PEOPLE })
    }

    async fn answer(
        &self,
        room: &RoomHandle,
        admitted: &Admitted<'_>,
        offer: Offer,
        now: Timestamp,
    ) -> Result<OfferAnswer, MeetingError> {
        let subject = TicketSubject::of(admitted);
        match self.signer.check(&offer.ticket, &subject, now) {
            // Whoever is connected may carry on for as long as they are let
            // in; the ticket's minutes are for joining.
            Err(MeetingError::ExpiredTicket) if offer.restart.is_some() => {}
            checked => checked?,
        }
        let restart = offer.restart.is_some();
        let connection = match offer.restart {
            Some(connection) => connection,
            None => self.random.token::<16>().parse().map_err(MeetingError::unavailable)?,
        };
        let call =
            RoomCall::Answer { seat: subject.seat, connection: connection.clone(), restart, sdp: offer.sdp };
        let sdp = self.where_it_is(room, call).await?.into_answer()?;
        Ok(OfferAnswer { sdp, connection })
    }

    async fn remove(&self, room: &RoomHandle, seat: &SeatId) -> Result<(), MeetingError> {
        self.where_it_is(room, RoomCall::Remove { seat: seat.clone() }).await?.done()
    }

    async fn end(&self, room: &RoomHandle) -> Result<(), MeetingError> {
        self.where_it_is(room, RoomCall::End).await?.done()
    }

    async fn presence(&self, room: &RoomHandle) -> Result<Option<Vec<Present>>, MeetingError> {
        // The node that holds the room looks after it.
        if self.directory.hold(room).await.map_err(MeetingError::unavailable)? != Holder::Here {
            return Ok(None);
        }
        let Ok(room) = RoomId::new(&room.0) else { return Ok(None) };
        let present = self.media.presence(room).await;
        Ok(Some(present.iter().filter(|present| present.connected).filter_map(seen).collect()))
    }

    fn events(&self) -> Option<MeetingEvents> {
        let events = self.events.lock().unwrap_or_else(PoisonError::into_inner).take()?;
        let clock = Arc::clone(&self.clock);
        let stream = futures_util::stream::unfold(events, |mut events| async {
            let event = events.next().await?;
            Some((event, events))
        });
        Some(stream.filter_map(move |event| std::future::ready(meeting_event(&event, clock.now()))).boxed())
    }

    async fn check(&self, check: ConnectionCheck) -> Result<String, MeetingError> {
        let paths = match check.transport {
            Transport::Udp => Paths::UdpOnly,
            Transport::Tcp => Paths::TcpOnly,
        };
        let answer = self.media.check(&check.sdp, paths).await;
        answer.map(|answer| answer.sdp).map_err(|error| CallReply::from(error).into_error())
    }

    async fn health(&self) -> Result<String, MeetingError> {
        let stats = self.media.stats().await;
        Ok(format!("{} rooms with {} people on this node", stats.rooms, stats.participants))
    }
}

fn media_seat(room: RoomId, seat: &SeatId, connection: &ConnectionId) -> Result<Seat, media::InvalidId> {
    Ok(Seat {
        room,
        participant: ParticipantId::new(seat.as_str())?,
        connection: media::ConnectionId::new(connection.as_str())?,
    })
}

fn seen(present: &media::Present) -> Option<Present> {
    Some(Present {
        seat: present.participant.as_str().parse().ok()?,
        connection: present.connection.as_str().parse().ok()?,
    })
}

fn meeting_event(event: &media::Event, at: Timestamp) -> Option<MeetingEvent> {
    let (seat, kind) = match event {
        media::Event::Joined(seat) => (seat, MeetingEventKind::Joined),
        media::Event::Left(seat, _) => (seat, MeetingEventKind::Left),
    };
    Some(MeetingEvent {
        seat: seat.participant.as_str().parse().ok()?,
        connection: seat.connection.as_str().parse().ok()?,
        at,
        kind,
    })
}

impl From<JoinError> for CallReply {
    fn from(error: JoinError) -> Self {
        match error {
            JoinError::Full => Self::Full,
            JoinError::Gone | JoinError::ConnectionInUse => Self::NoSuchConnection,
            JoinError::OfferTooLarge | JoinError::BadOffer(_) => Self::BadOffer(error.to_string()),
            JoinError::Busy | JoinError::Stopped => Self::Failed(error.to_string()),
        }
    }
}

#[cfg(test)]
mod tests;
