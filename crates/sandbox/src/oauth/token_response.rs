//! The token response of a launch, in Epic's shape with its oddities: the
//! banner flag is text, scopes come in doublets, `state` is echoed, and the
//! integration record's keys stand beside the standard ones.

use aws_lc_rs::error::Unspecified;
use serde_json::{Map, Value, json};

use super::grants::{ACCESS_LIFETIME, CodeGrant};
use crate::{
    cast::User,
    ehr::Ehr,
    identifiers::{dstu2_id, fhir_id},
    launch::Launch,
};

/// Seconds, as Epic's.
const ID_TOKEN_LIFE: i64 = 300;

const READABLE: [&str; 5] = ["Appointment", "Encounter", "Patient", "Practitioner", "RelatedPerson"];

pub(super) fn for_launch(ehr: &Ehr, granted: &CodeGrant, access_token: &str) -> Result<Value, Unspecified> {
    let launch = &granted.launch;
    let mut response = Map::new();
    for (key, value) in ehr.context_of(launch).fill(launch) {
        response.insert(key, value.into());
    }
    response.extend(standard_context(launch));
    let mut put = |key: &str, value: Value| response.insert(key.to_owned(), value);
    put("access_token", access_token.into());
    put("token_type", "bearer".into());
    put("expires_in", ACCESS_LIFETIME.as_secs().into());
    put("scope", scope(launch.user(), &granted.scope).into());
    if let Some(state) = &granted.state {
        put("state", state.clone().into());
    }
    if asked_for(granted, "openid") {
        put("id_token", ehr.signing_key.sign(&id_token_claims(ehr, granted))?.into());
    }
    Ok(response.into())
}

/// What Epic tells by itself. Encounter, appointment and place come only where
/// a visit is open beside the schedule; the portal tells the patient alone.
fn standard_context(launch: &Launch) -> Map<String, Value> {
    let mut context = Map::new();
    let mut put = |key: &str, value: String| context.insert(key.to_owned(), value.into());
    let at_the_schedule = matches!(launch.user(), User::Clinician(_));
    if let Some(patient) = launch.patient() {
        put("patient", patient.fhir_id());
        put("__epic.dstu2.patient", dstu2_id("Patient", patient.key));
        put("need_patient_banner", at_the_schedule.to_string());
    }
    if at_the_schedule {
        put("loginDepartment", fhir_id("Location", "login-department"));
    }
    if let (true, Some(appointment)) = (at_the_schedule, launch.appointment()) {
        put("appointment", appointment.fhir_id());
        put("encounter", appointment.encounter_fhir_id());
        put("location", fhir_id("Location", "video-visits"));
    }
    context
}

/// The scopes of the app's registration, not those that it asked for.
fn scope(user: User, requested: &str) -> String {
    let prefix = if matches!(user, User::Clinician(_)) { "user" } else { "patient" };
    let granted = READABLE.map(|resource| format!("{prefix}/{resource}.Read {prefix}/{resource}.read "));
    let asked = requested
        .split_ascii_whitespace()
        .filter(|scope| ["launch", "openid", "fhirUser", "profile"].contains(scope))
        .map(|scope| format!("{scope} "));
    granted.into_iter().chain(asked).collect()
}

fn asked_for(granted: &CodeGrant, scope: &str) -> bool {
    granted.scope.split_ascii_whitespace().any(|asked| asked == scope)
}

fn id_token_claims(ehr: &Ehr, granted: &CodeGrant) -> Value {
    let user = granted.launch.user();
    let now = ehr.now().as_second();
    let mut claims = json!({
        "iss": ehr.urls.issuer(),
        "sub": user.fhir_id(),
        "aud": granted.client_id,
        "iat": now,
        "exp": now + ID_TOKEN_LIFE,
    });
    if asked_for(granted, "fhirUser") {
        claims["fhirUser"] = ehr.urls.fhir_user(user).into();
    }
    if asked_for(granted, "profile") {
        claims["preferred_username"] = user.external_id().into();
    }
    if let Some(nonce) = &granted.nonce {
        claims["nonce"] = nonce.clone().into();
    }
    claims
}
