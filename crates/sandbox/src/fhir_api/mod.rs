//! FHIR R4 reads and searches, for whoever holds an access token.

mod date_search;
mod refusal;
mod resources;
mod search;
#[cfg(test)]
mod tests;

use std::sync::Arc;

use axum::{
    extract::{Path, RawQuery, State},
    response::{IntoResponse, Response},
};
use http::{HeaderMap, HeaderValue, header};
use serde_json::Value;

use self::refusal::Refusal;
use crate::{
    cast::{CLINICIANS, PATIENTS, PROXIES},
    day::Appointment,
    ehr::Ehr,
    oauth::Holder,
};

/// `GET {fhir base}/{type}/{id}`
pub(crate) async fn read(
    State(ehr): State<Arc<Ehr>>,
    Path((resource_type, id)): Path<(String, String)>,
    headers: HeaderMap,
) -> Result<Response, Refusal> {
    speaks_json(&headers)?;
    let holder = bearer(&ehr, &headers)?;
    resource(&ehr, holder, &resource_type, &id).map(|body| fhir_json(&body))
}

/// `GET {fhir base}/{type}?…`
pub(crate) async fn search(
    State(ehr): State<Arc<Ehr>>,
    Path(resource_type): Path<String>,
    RawQuery(query): RawQuery,
    headers: HeaderMap,
) -> Result<Response, Refusal> {
    speaks_json(&headers)?;
    let holder = bearer(&ehr, &headers)?;
    let query = query.unwrap_or_default();
    search::run(&ehr, holder, &resource_type, &query).map(|body| fhir_json(&body))
}

/// All resources that this EHR can show, for those who check them.
pub(crate) fn all_resources(appointments: &[Appointment]) -> Vec<Value> {
    let people = CLINICIANS.into_iter().map(resources::practitioner);
    let people = people.chain(PATIENTS.into_iter().map(resources::patient));
    let people = people.chain(PROXIES.into_iter().map(resources::related_person));
    let visits = appointments.iter().flat_map(|one| [resources::appointment(one), resources::encounter(one)]);
    people.chain(visits).collect()
}

/// On whose behalf a request is made, by its access token.
pub(crate) fn holder(ehr: &Ehr, headers: &HeaderMap) -> Option<Holder> {
    let authorization = headers.get(header::AUTHORIZATION)?.to_str().ok()?;
    let (scheme, token) = authorization.split_once(' ')?;
    if !scheme.eq_ignore_ascii_case("bearer") {
        return None;
    }
    ehr.grants().access.get(ehr.now(), token.trim()).copied()
}

fn bearer(ehr: &Ehr, headers: &HeaderMap) -> Result<Holder, Refusal> {
    holder(ehr, headers).ok_or(Refusal::NoToken)
}

fn resource(ehr: &Ehr, holder: Holder, resource_type: &str, id: &str) -> Result<Value, Refusal> {
    let day = ehr.day();
    let (patient, resource) = match resource_type {
        "Practitioner" => {
            let found = CLINICIANS.into_iter().find(|clinician| clinician.fhir_id() == id);
            return found.map(resources::practitioner).ok_or(Refusal::NoSuchId);
        }
        "Patient" => PATIENTS
            .into_iter()
            .find(|patient| patient.fhir_id() == id)
            .map(|patient| (patient, resources::patient(patient))),
        "RelatedPerson" => PROXIES
            .into_iter()
            .find(|proxy| proxy.fhir_id() == id)
            .map(|proxy| (proxy.patient, resources::related_person(proxy))),
        "Appointment" => day
            .appointments()
            .iter()
            .find(|appointment| appointment.fhir_id() == id)
            .map(|appointment| (appointment.patient, resources::appointment(appointment))),
        "Encounter" => day
            .appointments()
            .iter()
            .find(|appointment| appointment.encounter_fhir_id() == id)
            .map(|appointment| (appointment.patient, resources::encounter(appointment))),
        other => return Err(Refusal::UnknownType(other.to_owned())),
    }
    .ok_or(Refusal::NoSuchId)?;
    if holder.may_see(patient) { Ok(resource) } else { Err(Refusal::AnotherPatient) }
}

/// Epic answers XML to whoever does not ask for JSON. This EHR has no XML, so
/// it refuses where a real one would surprise.
fn speaks_json(headers: &HeaderMap) -> Result<(), Refusal> {
    let accept = headers.get(header::ACCEPT).and_then(|value| value.to_str().ok()).unwrap_or_default();
    if accept.to_ascii_lowercase().contains("json") { Ok(()) } else { Err(Refusal::NotJson) }
}

fn fhir_json(body: &Value) -> Response {
    let content_type = HeaderValue::from_static("application/fhir+json; charset=utf-8");
    let no_store = HeaderValue::from_static("no-store");
    ([(header::CONTENT_TYPE, content_type), (header::CACHE_CONTROL, no_store)], body.to_string())
        .into_response()
}
