use async_trait::async_trait;
use jiff::Timestamp;
use serde::{Deserialize, Serialize};
use visit::{Admitted, BackendName, ConnectionId, RoomName, SeatId, VisitId};

use crate::{JoinTicket, MeetingError, MeetingEvent, MeetingEvents};

/// How a browser takes part.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum MeetingClient {
    /// Our own page speaks WebRTC to our own server.
    Native,
    /// The vendor's script runs in our page.
    Sdk,
    /// The vendor's page stands in a frame of ours.
    Iframe,
    /// The browser goes to the vendor's page.
    Redirect,
}

/// How we learn who is connected.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum PresenceSource {
    /// From events of this process.
    InProcess,
    /// The backend calls `/webhooks/{backend}`.
    Webhook,
    /// We ask.
    Poll,
    /// Not at all.
    None,
}

/// What a backend can do. Data, so that pages and tests need not know which
/// backend it is.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub struct Capabilities {
    /// People in one room.
    pub max_people: u32,
    /// How a browser takes part.
    pub client: MeetingClient,
    /// How we learn who is connected.
    pub presence: PresenceSource,
    /// Whether [`MeetingBackend::remove`] really cuts somebody off.
    pub removes: bool,
    /// Whether [`MeetingBackend::end`] really ends the room.
    pub ends: bool,
    /// Whether it answers [`MeetingBackend::check`].
    pub checks_connections: bool,
}

/// What a room is made for.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct RoomSpec {
    /// The visit; the same visit gets the same room.
    pub visit: VisitId,
    /// Our random name for the room.
    pub room: RoomName,
}

/// A room as its backend knows it. Opaque to everybody else.
#[derive(Debug, Clone, PartialEq, Eq, Hash)]
pub struct RoomHandle(pub String);

/// Somebody in a room.
#[derive(Debug, Clone, PartialEq, Eq, Hash, Serialize, Deserialize)]
pub struct Present {
    /// Their seat.
    pub seat: SeatId,
    /// Their connection.
    pub connection: ConnectionId,
}

/// A browser's WebRTC offer (native clients).
#[derive(Debug, Clone, PartialEq, Eq, Serialize, Deserialize)]
pub struct Offer {
    /// The join ticket.
    pub ticket: String,
    /// The offer (SDP, RFC 8866).
    pub sdp: String,
    /// Set to carry on this connection with new ICE credentials; left out to
    /// join, or to join anew in place of what was there.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub restart: Option<ConnectionId>,
}

/// The answer to an [`Offer`].
#[derive(Debug, Clone, PartialEq, Eq, Serialize, Deserialize)]
pub struct OfferAnswer {
    /// The answer (SDP) with the server's candidates.
    pub sdp: String,
    /// The connection that it opens or carries on.
    pub connection: ConnectionId,
}

/// Over what a connection check goes.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Serialize, Deserialize)]
#[serde(rename_all = "lowercase")]
pub enum Transport {
    /// UDP, as media goes if it can.
    Udp,
    /// TCP, where a firewall stops UDP.
    Tcp,
}

/// An offer to an echo that belongs to no room, for the device test.
#[derive(Debug, Clone, PartialEq, Eq, Deserialize)]
pub struct ConnectionCheck {
    /// The offer (SDP).
    pub sdp: String,
    /// The only transport that the answer names.
    pub transport: Transport,
}

/// What carries the media of visits. Every effect is idempotent; a method
/// that a backend has no way to do answers [`MeetingError::Unsupported`], and
/// its [`Capabilities`] say so beforehand.
#[async_trait]
pub trait MeetingBackend: Send + Sync {
    /// Its name in the configuration; kept with each visit that it carries.
    fn name(&self) -> &BackendName;

    /// What it can do.
    fn capabilities(&self) -> Capabilities;

    /// Makes the room of a visit, or finds the one that was made before.
    async fn ensure_room(&self, spec: &RoomSpec) -> Result<RoomHandle, MeetingError>;

    /// Mints the credential of one seat: only for one that was let in, good
    /// for minutes.
    async fn mint_join(
        &self,
        room: &RoomHandle,
        admitted: &Admitted<'_>,
        now: Timestamp,
    ) -> Result<JoinTicket, MeetingError>;

    /// Lets a seat in at backends that hold a list of their own.
    async fn admit(&self, _room: &RoomHandle, _admitted: &Admitted<'_>) -> Result<(), MeetingError> {
        Ok(())
    }

    /// Answers a native client's offer.
    async fn answer(
        &self,
        _room: &RoomHandle,
        _admitted: &Admitted<'_>,
        _offer: Offer,
        _now: Timestamp,
    ) -> Result<OfferAnswer, MeetingError> {
        Err(MeetingError::Unsupported)
    }

    /// Cuts a seat off and makes its tickets worthless.
    async fn remove(&self, room: &RoomHandle, seat: &SeatId) -> Result<(), MeetingError>;

    /// Ends the room; no ticket opens it again until a provider reopens the
    /// visit.
    async fn end(&self, room: &RoomHandle) -> Result<(), MeetingError>;

    /// Who is in the room. `None`: nobody can say (another node holds it, the
    /// backend has no such call).
    async fn presence(&self, room: &RoomHandle) -> Result<Option<Vec<Present>>, MeetingError>;

    /// Reads a webhook: signature over the raw bytes first, then freshness,
    /// then the events, each with what tells duplicates apart.
    fn read_webhook(
        &self,
        _headers: &http::HeaderMap,
        _body: &[u8],
        _now: Timestamp,
    ) -> Result<Vec<MeetingEvent>, MeetingError> {
        Err(MeetingError::Unsupported)
    }

    /// Events of this process, from now on. Taken once.
    fn events(&self) -> Option<MeetingEvents> {
        None
    }

    /// Answers the offer of a connection check.
    async fn check(&self, _check: ConnectionCheck) -> Result<String, MeetingError> {
        Err(MeetingError::Unsupported)
    }

    /// Whether it can carry a visit now; the text is for operators.
    async fn health(&self) -> Result<String, MeetingError>;
}
