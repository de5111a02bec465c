//! A simulated EHR for demo, development and tests.
//!
//! It behaves as Epic does on the wire, and as strictly: an authorization
//! server that enforces private-key JWT, PKCE and single use of everything;
//! FHIR R4 reads and searches; a schedule page, a portal page; and the
//! endpoint that lights the schedule's green light. The people in it are
//! invented and their visits are laid out around the present moment.
//!
//! It knows no passwords: whoever opens a page may be anybody. So it listens
//! on loopback only, unless told otherwise twice (see [`BeyondLoopback`]).

mod cast;
mod config;
mod control;
mod day;
mod ehr;
mod expiring;
mod fdi;
mod fhir_api;
mod identifiers;
mod launch;
mod oauth;
mod pages;
mod server;
mod signing;
mod status;
mod urls;

#[cfg(test)]
mod testing;

pub use cast::{CLINICIANS, Clinician, PATIENTS, PROXIES, Patient, Proxy, User};
pub use config::{
    App, AuthorizeMethods, BeyondLoopback, Client, ClientKind, ConfigError, Discovery, FdiContexts,
    LaunchUrls, SandboxConfig, StatusAuth,
};
pub use day::{Appointment, AppointmentStatus};
pub use ehr::Outside;
pub use fdi::{ContextTemplate, UnknownToken};
pub use launch::{Launch, LaunchKind, LaunchRefused};
pub use server::{RunningSandbox, Sandbox, StartError};
pub use status::{StatusMode, StatusReport};
