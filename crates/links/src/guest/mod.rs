//! Our own direct links: `/guest/{token}` for a guest, an interpreter or
//! somebody who is called by SMS.
//!
//! A link is for one seat of one visit, for a time, and for one device at a
//! time. The rules stand in [`mod@rules`]: a [`GuestLink`] and a [`Command`]
//! give [`Event`]s or a [`GuestRefused`] ([`apply()`]); events change the link
//! ([`GuestLink::evolve`]). Only an [`Entry`] leads to the seat, and only the
//! device that holds the link gets one.
//!
//! What callers see to:
//! - Opening changes the link, so that it is a POST from a page: previews of
//!   messengers and mail scanners open every link that they see.
//! - A link is changed in one transaction that fails if it has changed since
//!   it was read. Otherwise two guesses at the same instant count as one.

mod event;
mod factor;
mod link;
pub mod rules;
mod secret;

pub use event::{Command, Event, GuestRefused};
pub use factor::{Answer, FactorKey, FactorKind, NoAnswer, SealedAnswer, SecondFactor};
pub use link::{Entry, GuestLink, GuestState, InvalidGuestLink, NewGuestLink};
pub use rules::{MOST_TRIES, apply};
pub use secret::{DeviceSecret, GuestToken, InvalidSecret, SecretHash};
