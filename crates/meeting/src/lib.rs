//! The [`MeetingBackend`] contract and its implementations, one file or
//! folder each.
//!
//! The app owns visit, identity and waiting room; a backend only carries
//! media. What backends can and cannot do is data ([`Capabilities`]), so that
//! no caller asks which one it has.

mod contract;
mod error;
mod event;
mod ticket;

#[cfg(feature = "built-in-media")]
pub mod built_in;

pub use contract::{
    Capabilities, ConnectionCheck, MeetingBackend, MeetingClient, Offer, OfferAnswer, PresenceSource,
    Present, RoomHandle, RoomSpec, Transport,
};
pub use error::MeetingError;
pub use event::{MeetingEvent, MeetingEventKind, MeetingEvents};
pub use ticket::{JoinTicket, TICKET_LIFETIME, TicketSigner, TicketSubject};
