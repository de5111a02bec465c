//! The domain: ids, roles, the visit and seat state machine, admittance and
//! presence. No I/O and no clock of its own.
//!
//! A [`Visit`] and a [`Command`] give [`Event`]s or a [`Refusal`]
//! ([`apply`]); events change the visit ([`Visit::evolve`]). All rules about
//! who may enter, wait, come back, be removed or end a visit stand in
//! [`mod@rules`] and nowhere else.

mod admitted;
mod event;
pub mod ids;
mod person;
pub mod rules;
mod seat;
mod visit;

pub use admitted::Admitted;
pub use event::{Command, Event, Refusal};
pub use ids::{
    BackendName, ConnectionId, Csn, EhrId, FhirId, InvalidId, RoomName, SeatId, SessionId, VisitId,
};
pub use person::{Person, ResourceKind, Role};
pub use rules::apply;
pub use seat::{Seat, SeatState};
pub use visit::{Admittance, NewVisit, Phase, Visit};
