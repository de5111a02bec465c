use std::fmt;

use async_trait::async_trait;
use jiff::Timestamp;
use secrecy::SecretString;
use serde::{Deserialize, Serialize};
use tokio::sync::broadcast;
use visit::{Csn, EhrId, Event, FhirId, SeatId, SessionId, Visit, VisitId};

use crate::{NoticeChange, StorageError, TokenHash};

/// An event's number: grows with each event of a visit, and is what an event
/// stream sends as its `id`.
#[derive(Debug, Clone, Copy, PartialEq, Eq, PartialOrd, Ord, Hash, Default, Serialize, Deserialize)]
pub struct EventId(pub i64);

/// One stored event.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct StoredEvent {
    /// Its number.
    pub id: EventId,
    /// When it happened.
    pub at: Timestamp,
    /// What happened.
    pub event: Event,
}

/// What the pages of a visit show about its appointment. Sealed in the
/// database and forgotten some time after the visit's end.
#[derive(Clone, PartialEq, Eq, Default, Serialize, Deserialize)]
pub struct VisitCard {
    /// Clinicians' names as the appointment has them.
    pub clinicians: Vec<String>,
    /// Patients with their names as the appointment has them.
    pub patients: Vec<(FhirId, String)>,
    /// The CSN, if one is known.
    pub csn: Option<Csn>,
    /// The end of the appointment.
    pub ends_at: Option<Timestamp>,
    /// The patient's time zone where it differs from the EHR connection's
    /// (IANA name).
    pub patient_time_zone: Option<String>,
}

/// Without names.
impl fmt::Debug for VisitCard {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.write_str("VisitCard(…)")
    }
}

/// What is kept of one person for the life of the visit. Sealed.
#[derive(Clone, Default)]
pub struct SeatCard {
    /// The name that others see.
    pub name: Option<String>,
    /// How the EHR calls this user in connection status (Epic's ExternalID),
    /// where it differs from the FHIR id.
    pub external_id: Option<String>,
    /// The launch's access token and when it expires.
    pub launch_token: Option<(SecretString, Option<Timestamp>)>,
}

/// Without names.
impl fmt::Debug for SeatCard {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.write_str("SeatCard(…)")
    }
}

/// A launch that led to a seat.
#[derive(Debug, Clone)]
pub struct Arrival {
    /// The seat.
    pub seat: SeatId,
    /// The arrival that now holds it.
    pub tab: u32,
    /// What the browser's cookie must hash to.
    pub session: TokenHash,
    /// When the cookie ceases to be good whatever happens.
    pub session_expires_at: Timestamp,
    /// What is kept of the person; `None` keeps what was there.
    pub seat_card: Option<SeatCard>,
    /// What is kept of the appointment; `None` keeps what was there.
    pub visit_card: Option<VisitCard>,
}

/// Everything that one command changes, stored in one transaction.
#[derive(Debug)]
pub struct Change<'a> {
    /// The visit as it is after the events; `version` still as it was read.
    pub visit: &'a Visit,
    /// What happened.
    pub events: &'a [Event],
    /// When.
    pub at: Timestamp,
    /// What the EHR is to be told.
    pub notices: &'a [NoticeChange],
    /// The browser that arrived, if one did.
    pub arrival: Option<Arrival>,
}

/// Tells that something happened in a visit, on this node or another.
pub type Waker = broadcast::Receiver<VisitId>;

/// Visits with their seats and events.
#[async_trait]
pub trait Visits: Send + Sync {
    /// The visit of this EHR connection and session id.
    async fn find(&self, ehr: &EhrId, session: &SessionId) -> Result<Option<Visit>, StorageError>;

    /// The visit with this id.
    async fn lookup(&self, id: &VisitId) -> Result<Option<Visit>, StorageError>;

    /// The visit that this seat belongs to.
    async fn of_seat(&self, seat: &SeatId) -> Result<Option<Visit>, StorageError>;

    /// Stores visit, seats, events, notifications, the arrival and what the
    /// audit log says of the events ([`audit::record_of`]) in ONE transaction
    /// and answers the number of the last event. `version` must
    /// still be what the visit was read with (0: no such visit may exist yet,
    /// neither by id nor by EHR connection and session id), else
    /// [`StorageError::Conflict`]. Wakes event streams on every node once it
    /// is committed.
    async fn save(&self, change: Change<'_>) -> Result<EventId, StorageError>;

    /// Events of a visit after this number, oldest first.
    async fn events_after(&self, visit: &VisitId, after: EventId) -> Result<Vec<StoredEvent>, StorageError>;

    /// The number of a visit's last event.
    async fn last_event(&self, visit: &VisitId) -> Result<EventId, StorageError>;

    /// What is kept of the appointment.
    async fn card(&self, visit: &VisitId) -> Result<Option<VisitCard>, StorageError>;

    /// What is kept of the people of a visit, by seat.
    async fn seat_cards(&self, visit: &VisitId) -> Result<Vec<(SeatId, SeatCard)>, StorageError>;

    /// Open visits in which somebody is connected to the room.
    async fn with_connections(&self) -> Result<Vec<Visit>, StorageError>;

    /// Tells of each visit in which something happened from now on, possibly
    /// more than once. A receiver that lags has to look at its visit anyway.
    /// While the connection to other nodes is lost nothing is heard of them;
    /// once it is back, all visits are told of in which something happened
    /// meanwhile.
    fn wakes(&self) -> Waker;

    /// Ends open visits in which nobody is connected and nothing has happened
    /// since this moment (without an event, as of when something last
    /// happened), and forgets names and tokens of visits that ended before
    /// it, and device tests taken before it. Answers how many visits were
    /// changed.
    async fn forget_before(&self, before: Timestamp) -> Result<u64, StorageError>;
}
