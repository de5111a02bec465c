//! The SMART EHR launch (SMART App Launch 2.2): discovery, authorize,
//! private-key JWT, key sets, id_token checks, backend-services tokens.
//!
//! The rules stand in pure functions that build a request or judge a
//! response; [`SmartClient`] sends, remembers and waits. It is used in two
//! steps, with the browser's journey to the EHR between them:
//!
//! 1. [`match_iss`], then [`SmartClient::authorize_request`]: store the
//!    [`PendingLaunch`], send the browser along the [`AuthorizeRequest`].
//! 2. [`SmartClient::redeem`] with what was stored and the [`Callback`]:
//!    who launched, for what, and the access token.

mod answer;
mod assertion;
mod callback;
mod check;
mod client;
mod connection;
mod context;
mod discovery;
mod error;
mod fhir_base;
mod id_token;
mod identity;
mod jwks;
mod keys;
mod launch;
mod scopes;
mod secret;
mod shared_cache;
#[cfg(test)]
mod testing;
mod token;

pub use callback::Callback;
pub use check::{Finding, Outcome};
pub use client::{BackendToken, Granted, SmartClient};
pub use connection::{
    AuthorizeMethod, ClientId, Clients, Connection, FixedEndpoints, InvalidClientId, Scopes,
    SigningAlgorithm, Vendor, match_iss,
};
pub use context::{ContextReference, LaunchContext};
pub use discovery::Endpoints;
pub use error::{Asked, LaunchError, OAuthRefusal};
pub use fhir_base::{FhirBase, InvalidFhirBase};
pub use id_token::IdTokenFault;
pub use identity::Identity;
pub use keys::{
    JWKS_MAX_AGE, KeyError, KeyInfo, KeySet, KeyState, KeyStore, PUBLISH_LEAD, RETIRED_FOR, SigningKey,
};
pub use launch::{AuthorizeRequest, InvalidState, LAUNCH_LIFETIME, LaunchKind, LaunchState, PendingLaunch};
pub use scopes::GrantedScopes;
