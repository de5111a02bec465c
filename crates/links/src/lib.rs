//! Ways into a visit without OAuth. No I/O, no clock and no randomness of its
//! own.
//!
//! - [`LinkScheme`] opens the encrypted query links that older integrations
//!   send (Zoom's telehealth URL, Epic's context-aware linking). They exist so
//!   that a hospital can move; what they cannot protect is said with each link
//!   ([`Weakness`]) and in `docs/SECURITY.md`.
//! - [`guest`] has the rules of our own direct links (`/guest/{token}`).
//!
//! People who come these ways are known by no FHIR resource. They go by
//! stand-in ids ([`came_by_link`] tells them), so that the same human who also
//! comes by SMART launch is two people to us, and nobody claims that they are
//! one.

mod encrypted;
pub mod guest;
mod person;
pub mod testing;

pub use encrypted::{
    Account, Cause, Cipher, DisplayName, ExternalId, FieldNames, InitializationVector, KeyDerivation,
    LinkRefused, LinkScheme, LinkSettings, OpenedLink, Replay, RoleCodes, SchemeError, Weakness, Window,
};
pub use person::came_by_link;
