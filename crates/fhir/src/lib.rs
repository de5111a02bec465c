//! Reads Appointment, Encounter, Patient, Practitioner and RelatedPerson, and
//! turns a launch context into one appointment and one CSN.
//!
//! - [`FhirBase`] and [`Reference`]: what may be asked, and nothing beyond it.
//! - [`FhirClient`]: reads and searches with one person's token.
//! - [`resolve`] and [`choose`]: which visit a launch means, or why none.
//!
//! Real servers send odd elements. One of them never loses the resource: it is
//! left out and told as an [`Oddity`], by its place and never by its value.

mod appointment;
mod bundle;
mod client;
mod display_text;
mod element;
mod encounter;
mod error;
#[cfg(test)]
mod fixtures;
mod oddity;
mod outcome;
mod people;
mod reference;
mod resolve;
mod server;

pub use appointment::{Appointment, AppointmentStatus, Attendee, NamedPatient};
pub use client::FhirClient;
pub use display_text::DisplayText;
pub use encounter::{Encounter, EncounterStatus};
pub use error::{FhirError, IssueCode};
pub use oddity::{Odd, Oddity};

pub use reference::{FhirBase, InvalidBase, Kind, Reference};
pub use resolve::{
    Candidate, DEADLINE, Launcher, Refusal, Resolution, ResolvedVisit, Rules, VisitHint, Window, choose,
    resolve,
};
pub use server::{CsnSystem, FhirServer};
