//! Connection status to the EHR: what to say, how to sign it, when to try
//! again.
//!
//! What is said is decided by [`notices_for`] and stored in the transaction
//! of the event that causes it. The [`Deliverer`] brings it to the EHR: at
//! least once, in order for each person, until the EHR accepts it or the
//! record says why not.
//!
//! What an EHR wants to hear differs between releases and customers, so every
//! part of a report can be set ([`StatusTarget`]). The defaults follow Epic's
//! SetExternalConnectionStatus (2018), as far as it is publicly known.

mod answer;
mod change;
mod deliver;
mod judgement;
mod policy;
mod request;
mod target;
mod tokens;
mod wake;
mod words;

pub use change::notices_for;
pub use deliver::{Deliverer, DeliveryObserver};
pub use policy::StatusPolicy;
pub use target::{BasicCredentials, EpicClientId, StatusAuth, StatusMethod, StatusTarget, StatusUrl};
pub use tokens::{BackendTokens, TokenUnavailable};
pub use wake::Wake;
pub use words::{ParameterNames, Vocabulary, Word};

/// A setting of connection status that cannot be used; says what can.
#[derive(Debug, Clone, Copy, PartialEq, Eq, thiserror::Error)]
#[error("this is no {what}: {rule}")]
pub struct InvalidSetting {
    /// What was expected.
    pub what: &'static str,
    /// What it must look like.
    pub rule: &'static str,
}
