//! The authorization server: discovery, authorize, token.

mod assertion;
mod authorize;
mod client_keys;
mod discovery;
#[cfg(test)]
mod flow_tests;
mod grants;
mod pkce;
mod token;
mod token_response;

pub(crate) use authorize::{by_form, by_redirect};
pub(crate) use client_keys::ClientKeys;
pub(crate) use discovery::{jwks, openid_configuration, smart_configuration};
pub(crate) use grants::{Grants, Holder, LAUNCH_LIFETIME};
pub(crate) use token::token;
