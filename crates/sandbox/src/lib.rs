//! A simulated EHR for demo, development and tests.
//!
//! It behaves as Epic does on the wire, and as strictly: an authorization
//! server that enforces private-key JWT, PKCE and single use of everything;
//! FHIR R4 reads and searches; a schedule page, a portal page; and the
//! endpoint that lights the schedule's green light. The people in it are
//! invented and their visits are laid out around the present moment.
//!
//! | address | what |
//! |---|---|
//! | `/` | choose who to be |
//! | `/hyperspace?user=`, `/mychart?user=` | schedule and portal; `open=in-page` or `in-tab` |
//! | `/interconnect/api/FHIR/R4` | the FHIR base, which is the `iss` of a launch |
//! | `/interconnect/oauth2/authorize`, `…/token` | the authorization server; `/interconnect/oauth2` is its issuer |
//! | `/interconnect/api/epic/2018/Telehealth/ContextLinking/SetExternalConnectionStatus` | connection status |
//! | `POST /sandbox/control/launch` `{"kind","user","appointment"}` | the address that a click would open |
//! | `POST /sandbox/control/reset` | new visits around the present moment |
//! | `POST /sandbox/control/status` `{"mode":"ok\|400\|429\|500\|hang","times"}` | how the status endpoint answers |
//! | `GET /sandbox/control/status-log`, `visits`, `resources` | what was reported, what there is |
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
