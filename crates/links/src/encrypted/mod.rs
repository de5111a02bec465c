//! Encrypted query links: one parameter whose value is a query string, as
//! AES-CBC in base64.
//!
//! Sources: Zoom's published Java sample for its telehealth URL, and the
//! documentation of video vendors for Epic's context-aware linking (Vidyo,
//! Pexip). Neither Epic's key derivation nor its initialization vector is
//! published; both are configuration, with Zoom's as default.

mod cipher;
mod claims;
mod fields;
mod opened;
mod scheme;
#[cfg(test)]
mod tests;

pub(crate) use cipher::key_bytes;
pub use cipher::{Cipher, InitializationVector, KeyDerivation};
pub use opened::{Cause, DisplayName, ExternalId, LinkRefused, OpenedLink, Replay, Weakness};
pub use scheme::{Account, FieldNames, LinkScheme, LinkSettings, RoleCodes, SchemeError, Window};
