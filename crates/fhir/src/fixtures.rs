//! The files of `fixtures/fhir`, and the server that they come from.

use jiff::tz::TimeZone;
use serde_json::Value;

use crate::{CsnSystem, FhirServer};

pub(crate) fn fixture(name: &str) -> Value {
    let path = format!("{}/../../fixtures/fhir/{name}", env!("CARGO_MANIFEST_DIR"));
    serde_json::from_slice(&std::fs::read(path).unwrap()).unwrap()
}

pub(crate) fn server() -> FhirServer {
    FhirServer {
        base: "https://ehr.example.org/api/FHIR/R4".parse().unwrap(),
        time_zone: TimeZone::get("America/Chicago").unwrap(),
        csn_system: CsnSystem::default(),
    }
}
