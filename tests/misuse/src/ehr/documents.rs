//! What the EHR answers while it behaves.

use http::Uri;
use serde_json::{Value, json};
use url::form_urlencoded;

use super::{Ehr, Place};
use crate::{
    launching::{Entrance, Launch, appointment, csn, encounter, patient},
    signer::TRUSTED,
};

const APPOINTMENT: &str = include_str!("../../../../fixtures/fhir/appointment.json");
const ENCOUNTER: &str = include_str!("../../../../fixtures/fhir/encounter.json");
const PATIENT: &str = include_str!("../../../../fixtures/fhir/patient.json");
const PRACTITIONER: &str = include_str!("../../../../fixtures/fhir/practitioner.json");

/// The document at this address; `None` for 404.
pub(super) fn at(place: Place, uri: &Uri, ehr: &Ehr) -> Option<Value> {
    let id = uri.path().split('/').nth(5);
    match place {
        Place::Discovery => Some(json!({
            "issuer": ehr.issuer(),
            "authorization_endpoint": ehr.url("/oauth2/authorize"),
            "token_endpoint": ehr.url("/oauth2/token"),
            "jwks_uri": ehr.url("/oauth2/keys"),
        })),
        Place::Keys => Some(json!({ "keys": [TRUSTED.jwk("one")] })),
        Place::Appointment => match id {
            Some(id) => resource(APPOINTMENT, number_in(id)?),
            None => Some(found([resource(APPOINTMENT, number_in(&searched_patient(uri)?)?)?])),
        },
        Place::Encounter => match id {
            Some(id) => resource(ENCOUNTER, number_in(id)?),
            None => Some(found([])),
        },
        Place::Person if uri.path().contains("/Patient/") => resource(PATIENT, number_in(id?)?),
        Place::Person => serde_json::from_str(PRACTITIONER).ok(),
        Place::OtherDiscovery | Place::Token | Place::Nowhere => None,
    }
}

/// The token answer of a launch.
pub(super) fn token(launch: Launch, access_token: &str, id_token: &str) -> Value {
    let mut answer = json!({
        "access_token": access_token, "token_type": "bearer", "expires_in": 3600, "id_token": id_token,
        "scope": "launch openid fhirUser Appointment.read Encounter.read Patient.read Practitioner.read",
        "patient": patient(launch.number), "sessionId": csn(launch.number), "userId": "FAMMD",
    });
    if launch.entrance == Entrance::Provider {
        answer["appointment"] = appointment(launch.number).into();
        answer["encounter"] = encounter(launch.number).into();
    }
    answer
}

/// A searchset.
pub(crate) fn found(resources: impl IntoIterator<Item = Value>) -> Value {
    let entries = resources.into_iter().map(|resource| json!({ "resource": resource })).collect::<Vec<_>>();
    json!({ "resourceType": "Bundle", "type": "searchset", "entry": entries })
}

fn resource(fixture: &str, number: u32) -> Option<Value> {
    let text = fixture
        .replace("elmP-appointment", &appointment(number))
        .replace("eySn-encounter", &encounter(number))
        .replace("eNO3-patient", &patient(number))
        .replace("10000209577", &csn(number))
        .replace("Doe, Jane", &format!("Doe, Jane {number}"));
    serde_json::from_str(&text).ok()
}

fn number_in(id: &str) -> Option<u32> {
    id.rsplit('-').next()?.parse().ok()
}

fn searched_patient(uri: &Uri) -> Option<String> {
    let mut query = form_urlencoded::parse(uri.query()?.as_bytes());
    query.find_map(|(name, value)| (name == "patient").then(|| value.into_owned()))
}
