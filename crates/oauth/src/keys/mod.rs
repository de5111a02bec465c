//! Our own signing keys: one set for each EHR connection, in one file each.

mod key;
mod set;
mod store;

pub use key::SigningKey;
pub use set::{JWKS_MAX_AGE, KeyInfo, KeySet, KeyState, PUBLISH_LEAD, RETIRED_FOR};
pub use store::{KeyError, KeyStore};
