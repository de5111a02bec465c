//! The audit log as data: what is recorded ([`Record`]), how entries are
//! chained so that a change shows ([`Chain`]), and FHIR AuditEvent as the
//! form in which they are exported ([`audit_event`]). No I/O; `storage` keeps
//! the entries.
//!
//! Records hold no names of people: they name a person as the EHR does
//! (`Practitioner/x`), because an auditor asks the EHR who that is. These ids
//! stay when a person's other data is purged: a log that can be rewritten
//! proves nothing.

mod chain;
mod fhir;
mod of_event;
mod record;

pub use chain::{Break, BrokenAt, Chain, ChainHash, Entry, UnreadableEntry, verify};
pub use fhir::{Site, audit_event};
pub use of_event::record_of;
pub use record::{Action, Actor, Outcome, PersonDigest, Record};
