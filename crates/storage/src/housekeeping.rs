use async_trait::async_trait;
use audit::Actor;
use jiff::{SignedDuration, Timestamp};
use visit::{EhrId, Person};

use crate::StorageError;

/// How long what is over is kept. Names and tokens are forgotten much sooner
/// ([`crate::Visits::forget_before`]), launches within minutes
/// ([`crate::Pending::sweep`]), the audit log never.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub struct Retention {
    /// Visits with their seats and events, from the visit's end.
    pub visits: SignedDuration,
    /// Notification records, from what they tell of.
    pub notices: SignedDuration,
}

impl Default for Retention {
    /// 30 days for visits, 90 for notification records.
    fn default() -> Self {
        Self { visits: SignedDuration::from_hours(30 * 24), notices: SignedDuration::from_hours(90 * 24) }
    }
}

/// What was too old and is gone.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Default)]
pub struct Deleted {
    /// Visits, with what was left of their cards.
    pub visits: u64,
    /// Their seats, with cards and sessions.
    pub seats: u64,
    /// Their events.
    pub events: u64,
    /// Notification records.
    pub notices: u64,
}

/// What became of a purge.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum Purge {
    /// It is done.
    Done(Purged),
    /// Nothing was changed: the person has a seat in an open visit, or one is
    /// open for them. End it first.
    InOpenVisit,
}

/// What was purged of a person.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Default)]
pub struct Purged {
    /// Seats that now name a pseudonym, another one in each visit.
    pub seats: u64,
    /// Events that now name the pseudonym of their visit.
    pub events: u64,
    /// Cards of seats (names, external ids, launch tokens) and visits that
    /// were emptied.
    pub cards: u64,
    /// Sessions of browsers that were ended.
    pub sessions: u64,
    /// Device tests that were deleted.
    pub device_tests: u64,
    /// Notification records that no longer say whom they were about. Those
    /// that were not delivered are withdrawn.
    pub notices: u64,
}

/// Deletes what need not be kept.
#[async_trait]
pub trait Housekeeping: Send + Sync {
    /// Deletes what has been over for longer than this, in many short
    /// transactions; one that fails undoes none before it.
    async fn delete_old(&self, retention: &Retention, now: Timestamp) -> Result<Deleted, StorageError>;

    /// Takes a person out of everything that is over, in one transaction, and
    /// leaves an audit record of it with the person's digest.
    ///
    /// What remains: the audit log, which is never rewritten; the session ids
    /// (CSNs) of visits, until those are deleted; launches under way, for
    /// minutes; and on PostgreSQL what the server keeps for itself until it
    /// vacuums, and in backups. SQLite's files are overwritten.
    async fn purge_person(
        &self,
        ehr: &EhrId,
        person: &Person,
        by: &Actor,
        now: Timestamp,
    ) -> Result<Purge, StorageError>;
}
