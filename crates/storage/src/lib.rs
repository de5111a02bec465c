//! Repository traits, one per aggregate, with SQLite and PostgreSQL behind
//! them.
//!
//! `lookup`s answer `Option`: not found is no error. What must happen
//! together is one call and one transaction. Names and tokens go in and out
//! in clear and are sealed (AES-256-GCM) on their way to the database.
//!
//! Session ids and CSNs stand there as the EHR gave them, because launches
//! and operators look visits up by them. No error names one, so that no log
//! does.

mod access;
mod audit_log;
mod db;
mod device_tests;
mod error;
mod guest_links;
mod housekeeping;
mod notices;
mod operators;
mod rooms;
mod seal;
mod sealing_keys;
mod sql;
mod storage;
mod testing;
mod visits;
mod wakes;

pub use access::{Pending, PendingKind, Secrecy, TabSession, TabSessions, TokenHash};
pub use audit_log::{AuditLog, verify_audit};
pub use device_tests::{DeviceTestRecord, DeviceTests};
pub use error::StorageError;
pub use guest_links::{GuestLinks, StoredLink};
pub use housekeeping::{Deleted, Housekeeping, Purge, Purged, Retention};
pub use notices::{
    Attempt, Notice, NoticeChange, NoticeId, NoticeSearch, NoticeState, NoticeStatus, Notices, Recipient,
};
pub use operators::{OperatorSession, Operators};
pub use rooms::{CallAnswer, CallId, NodeId, RoomCall, Rooms};
pub use sealing_keys::{Resealed, SealingKeys};
pub use storage::{DatabaseUrl, Storage, StorageConfig};
pub use visits::{Arrival, Change, EventId, SeatCard, StoredEvent, VisitCard, Visits, Waker};
