use std::fmt;

use async_trait::async_trait;
use jiff::{SignedDuration, Timestamp};
use secrecy::SecretString;
use visit::{EhrId, Role, SeatId, SessionId, VisitId};

use crate::StorageError;

/// The number of a notification record.
#[derive(Debug, Clone, Copy, PartialEq, Eq, PartialOrd, Ord, Hash)]
pub struct NoticeId(pub i64);

/// What the EHR is told about a person.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum NoticeStatus {
    /// Somebody connected.
    Connected,
    /// Somebody disconnected.
    Disconnected,
}

/// Whom a notification is about.
#[derive(Clone, PartialEq, Eq)]
pub struct Recipient {
    /// The EHR connection that is told.
    pub ehr: EhrId,
    /// The visit.
    pub visit: VisitId,
    /// Its session id (Epic's ConferenceID).
    pub session: SessionId,
    /// The person's seat.
    pub seat: SeatId,
    /// What the person is.
    pub role: Role,
    /// How the EHR calls the person (Epic's ExternalID).
    pub external_id: String,
}

/// Without what the EHR calls person and visit.
impl fmt::Debug for Recipient {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.debug_struct("Recipient")
            .field("ehr", &self.ehr)
            .field("visit", &self.visit)
            .field("seat", &self.seat)
            .field("role", &self.role)
            .finish_non_exhaustive()
    }
}

/// A change to what the EHR is to be told, made in the transaction of the
/// event that causes it.
#[derive(Debug, Clone, PartialEq, Eq)]
pub enum NoticeChange {
    /// The person is connected. Where a word of their going still waits and
    /// was never tried, that is withdrawn and nothing is said: a rejoin
    /// within the grace time does not flicker.
    Connected(Recipient),
    /// The person is gone; told after the grace time.
    Disconnected {
        /// Who.
        about: Recipient,
        /// How long a rejoin may take.
        grace: SignedDuration,
    },
}

/// How far a notification has come.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum NoticeState {
    /// Waits for its time or its next attempt.
    Pending,
    /// The EHR accepted it.
    Delivered,
    /// The EHR refused it, or the attempts are used up; an operator may retry.
    Failed,
    /// Overtaken before it was tried (a rejoin).
    Withdrawn,
}

/// One attempt at delivery.
#[derive(Clone, PartialEq, Eq)]
pub struct Attempt {
    /// When it ended.
    pub at: Timestamp,
    /// The HTTP status, if there was an answer.
    pub http_status: Option<u16>,
    /// The EHR's answer, shortened, or why there was none.
    pub answer: String,
}

/// Without the EHR's answer, which may quote what it was sent.
impl fmt::Debug for Attempt {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.debug_struct("Attempt")
            .field("at", &self.at)
            .field("http_status", &self.http_status)
            .finish_non_exhaustive()
    }
}

/// A notification record.
#[derive(Debug, Clone)]
pub struct Notice {
    /// Its number; grows.
    pub id: NoticeId,
    /// Whom it is about.
    pub about: Recipient,
    /// What is said.
    pub status: NoticeStatus,
    /// When it happened.
    pub happened_at: Timestamp,
    /// How far it has come.
    pub state: NoticeState,
    /// Attempts begun.
    pub attempts: u32,
    /// When it is next due; while an attempt is under way, when its lease ends.
    pub due_at: Timestamp,
    /// All attempts that ended, oldest first.
    pub history: Vec<Attempt>,
    /// The launch token of the person, where it is still good. Only in what
    /// [`Notices::take_due`] answers.
    pub launch_token: Option<SecretString>,
}

/// What an operator looks for.
#[derive(Clone, Default)]
pub struct NoticeSearch {
    /// CSN, conference id or visit id, whole.
    pub meeting: Option<String>,
    /// Only this state.
    pub state: Option<NoticeState>,
    /// Only records older than this one (paging).
    pub before: Option<NoticeId>,
    /// At most so many.
    pub limit: u32,
}

/// Without the CSN that may be looked for.
impl fmt::Debug for NoticeSearch {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.debug_struct("NoticeSearch")
            .field("state", &self.state)
            .field("before", &self.before)
            .field("limit", &self.limit)
            .finish_non_exhaustive()
    }
}

/// Notifications on their way to the EHR.
#[async_trait]
pub trait Notices: Send + Sync {
    /// Takes what is due: the oldest undelivered of each person (never a
    /// later one before an earlier one is delivered or failed), counts the
    /// attempt and hides it from other nodes until `lease` has passed, so
    /// that a node that dies loses nothing.
    async fn take_due(
        &self,
        now: Timestamp,
        lease: SignedDuration,
        limit: u32,
    ) -> Result<Vec<Notice>, StorageError>;

    /// When the next one is due.
    async fn next_due(&self) -> Result<Option<Timestamp>, StorageError>;

    /// Records how an attempt ended: `Delivered`, `Failed`, or `Pending` with
    /// the moment of the next attempt. An answer that comes after the record
    /// was ended (by another node, once the lease had passed) is kept and
    /// changes nothing else.
    async fn record_attempt(
        &self,
        id: NoticeId,
        attempt: &Attempt,
        state: NoticeState,
        due_at: Timestamp,
    ) -> Result<(), StorageError>;

    /// Records, newest first.
    async fn search_notices(&self, search: &NoticeSearch) -> Result<Vec<Notice>, StorageError>;

    /// Makes a failed one due now. `false`: it is not failed, or the EHR has
    /// accepted a later word about the person, which this one would undo.
    async fn retry(&self, id: NoticeId, now: Timestamp) -> Result<bool, StorageError>;
}
