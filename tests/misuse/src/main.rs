//! What strangers, forgers and broken servers try, one test for each.
//!
//! A [`Scene`](scene::Scene) is Anteroom as the program composes it, with its real outgoing
//! client, against an [`Ehr`](ehr::Ehr) on loopback that can be told to
//! misbehave, and a [`Foreign`](foreign::Foreign) host that must hear of
//! nothing. Every answer that a [`Browser`](browser::Browser) gets is also
//! held against the rules that all answers keep ([`everywhere`]).
#![expect(clippy::unwrap_used, reason = "a test's own helpers may fail the test")]

mod browser;
mod ehr;
mod everywhere;
mod foreign;
mod house;
mod launching;
mod scene;
mod signer;

mod callbacks;
mod discovery;
mod fhir_answers;
mod id_tokens;
mod launch_addresses;
mod links_without_oauth;
mod operators;
mod rates;
mod rooms;
mod seats;
mod token_answers;
