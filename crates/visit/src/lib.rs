//! The domain: ids, roles, the visit and seat state machine, admittance and
//! presence. No I/O and no clock of its own.

pub mod ids;
mod person;

pub use ids::{BackendName, Csn, EhrId, FhirId, InvalidId, RoomName, SeatId, SessionId, VisitId};
pub use person::{Person, ResourceKind, Role};
