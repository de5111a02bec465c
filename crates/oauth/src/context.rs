use std::{collections::BTreeMap, fmt};

use serde::{Deserialize, Serialize};
use serde_json::{Map, Value};
use url::Url;
use visit::FhirId;

/// What the EHR had open when it launched, as the token answer says it.
#[derive(Clone, Default, PartialEq, Eq, Serialize, Deserialize)]
pub struct LaunchContext {
    /// The patient in context.
    pub patient: Option<FhirId>,
    /// The encounter: in provider contexts, where a visit is open.
    pub encounter: Option<FhirId>,
    /// The appointment: Epic, where the open visit began as one.
    pub appointment: Option<FhirId>,
    /// The location.
    pub location: Option<FhirId>,
    /// `fhirContext`: further resources.
    pub fhir_context: Vec<ContextReference>,
    /// Whether we must show who the patient is. Epic sends text, others a
    /// boolean.
    pub need_patient_banner: Option<bool>,
    /// Where the EHR's colours are; to be treated as foreign.
    pub smart_style_url: Option<Url>,
    /// Every other text, number or boolean at the top level: the keys that
    /// the customer put into the FDI record's CONTEXT (`sessionId`,
    /// `userId`, `deptID`, …) and the vendor's own (`__epic.dstu2.patient`).
    pub custom: BTreeMap<String, String>,
}

/// One relative reference of `fhirContext`.
#[derive(Clone, PartialEq, Eq, Serialize, Deserialize)]
pub struct ContextReference {
    /// The FHIR type, as `Appointment`.
    pub resource_type: String,
    /// Its id.
    pub id: FhirId,
    /// Its role; `launch` where none is given.
    pub role: Option<String>,
}

/// Keys of the token answer that are the protocol's own. The scopes and the
/// echoed state are no context either.
const PROTOCOL_KEYS: [&str; 15] = [
    "access_token",
    "token_type",
    "expires_in",
    "scope",
    "id_token",
    "refresh_token",
    "refresh_token_expires_in",
    "state",
    "patient",
    "encounter",
    "appointment",
    "location",
    "fhirContext",
    "need_patient_banner",
    "smart_style_url",
];

/// More keys than any FDI record has.
const MOST_CUSTOM_KEYS: usize = 64;
const LONGEST_CUSTOM_VALUE: usize = 1024;

impl LaunchContext {
    /// Reads the context of a token answer. A patient, encounter or
    /// appointment that is no FHIR id is an error, since who and what is
    /// meant is then in doubt; everything else that is odd is left out.
    pub(crate) fn read(answer: &Map<String, Value>) -> Result<Self, String> {
        let id = |key: &str| {
            match answer.get(key) {
                None | Some(Value::Null) => Ok(None),
                // Epic's tokens come out empty where there is nothing open.
                Some(Value::String(text)) if text.is_empty() => Ok(None),
                Some(Value::String(text)) => text.parse().map(Some).map_err(|_| key),
                Some(Value::Number(number)) => number.to_string().parse().map(Some).map_err(|_| key),
                Some(_) => Err(key),
            }
            .map_err(|key: &str| format!("{key} is no FHIR id"))
        };
        let text = |key: &str| answer.get(key).and_then(Value::as_str);
        Ok(Self {
            patient: id("patient")?,
            encounter: id("encounter")?,
            appointment: id("appointment")?,
            location: id("location").unwrap_or_default(),
            fhir_context: references(answer.get("fhirContext")),
            need_patient_banner: answer.get("need_patient_banner").and_then(boolean),
            smart_style_url: text("smart_style_url")
                .and_then(|text| Url::parse(text).ok())
                .filter(|url| url.scheme() == "https"),
            custom: custom(answer),
        })
    }

    /// The value of a custom key, whatever its case: `sessionId` is also
    /// found as `SessionID` or `sessionid`. Empty values are none.
    pub fn custom(&self, key: &str) -> Option<&str> {
        let exact = self.custom.get(key);
        let similar =
            || self.custom.iter().find(|(known, _)| known.eq_ignore_ascii_case(key)).map(|(_, v)| v);
        exact.or_else(similar).map(|value| value.trim()).filter(|value| !value.is_empty())
    }
}

fn references(value: Option<&Value>) -> Vec<ContextReference> {
    let Some(Value::Array(elements)) = value else { return Vec::new() };
    let read = |element: &Value| {
        let (resource_type, id) = element.get("reference")?.as_str()?.split_once('/')?;
        let is_type = resource_type.starts_with(|c: char| c.is_ascii_uppercase())
            && resource_type.bytes().all(|byte| byte.is_ascii_alphabetic());
        let role = element.get("role").and_then(Value::as_str).map(str::to_owned);
        is_type.then_some(ContextReference {
            resource_type: resource_type.to_owned(),
            id: id.parse().ok()?,
            role,
        })
    };
    elements.iter().take(MOST_CUSTOM_KEYS).filter_map(read).collect()
}

fn boolean(value: &Value) -> Option<bool> {
    match value {
        Value::Bool(banner) => Some(*banner),
        Value::String(text) if text.eq_ignore_ascii_case("true") => Some(true),
        Value::String(text) if text.eq_ignore_ascii_case("false") => Some(false),
        _ => None,
    }
}

fn custom(answer: &Map<String, Value>) -> BTreeMap<String, String> {
    let scalar = |value: &Value| match value {
        Value::String(text) => Some(text.clone()),
        Value::Number(number) => Some(number.to_string()),
        Value::Bool(yes) => Some(yes.to_string()),
        _ => None,
    };
    answer
        .iter()
        .filter(|(key, _)| !PROTOCOL_KEYS.contains(&key.as_str()))
        .filter_map(|(key, value)| Some((key.clone(), scalar(value)?)))
        .filter(|(key, value)| key.len() + value.len() <= LONGEST_CUSTOM_VALUE)
        .take(MOST_CUSTOM_KEYS)
        .collect()
}

/// Tells which keys are there, never their values: they name people and
/// visits.
impl fmt::Debug for LaunchContext {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.debug_struct("LaunchContext")
            .field("patient", &self.patient)
            .field("encounter", &self.encounter)
            .field("appointment", &self.appointment)
            .field("fhir_context", &self.fhir_context)
            .field("custom", &self.custom.keys())
            .finish_non_exhaustive()
    }
}

impl fmt::Debug for ContextReference {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        write!(f, "{}/…", self.resource_type)
    }
}

#[cfg(test)]
mod tests {
    use serde_json::json;

    use super::*;

    fn read(answer: Value) -> Result<LaunchContext, String> {
        let Value::Object(answer) = answer else { panic!("an object") };
        LaunchContext::read(&answer)
    }

    #[test]
    fn a_customer_of_epic() {
        let context = read(json!({
            "access_token": "x", "token_type": "Bearer", "state": "y", "scope": "launch",
            "__epic.dstu2.patient": "TsRG", "deptID": 490_771, "sessionId": "10000209577",
            "loginDepartment": "eYvrM0-", "need_patient_banner": "true", "patient": "e5Lq8",
            "encounter": "", "smart_style_url": "https://ehr.example.org/style.json",
            "nested": {"x": 1}, "nothing": null
        }))
        .unwrap();
        assert_eq!(context.patient.as_ref().unwrap().as_str(), "e5Lq8");
        assert_eq!(context.encounter, None);
        assert_eq!(context.need_patient_banner, Some(true));
        assert_eq!(context.custom("SESSIONID"), Some("10000209577"));
        assert_eq!(context.custom("deptID"), Some("490771"));
        let keys: Vec<_> = context.custom.keys().map(String::as_str).collect();
        assert_eq!(keys, ["__epic.dstu2.patient", "deptID", "loginDepartment", "sessionId"]);
        assert!(!format!("{context:?}").contains("10000209577"));
    }

    #[test]
    fn a_doubt_about_who_is_meant_is_an_error() {
        for key in ["patient", "encounter", "appointment"] {
            for bad in [json!("../x"), json!("Patient/1"), json!({}), json!([]), json!(true), json!(-1.5e9)] {
                let outcome = read(json!({ key: bad.clone() }));
                assert_eq!(outcome.is_err(), bad != json!(-1.5e9), "{key}: {bad}");
            }
        }
        assert_eq!(read(json!({ "location": "a b" })).unwrap().location, None);
    }

    #[test]
    fn fhir_context_is_read_where_it_can_be() {
        let context = read(json!({ "fhirContext": [
            {"reference": "Appointment/123"},
            {"reference": "Encounter/e.1", "role": "https://example.org/role"},
            {"reference": "https://other.example/Appointment/1"},
            {"reference": "Appointment/../x"},
            {"canonical": "https://example.org/q"},
            "odd", 7
        ]}))
        .unwrap();
        let read: Vec<_> =
            context.fhir_context.iter().map(|r| (r.resource_type.as_str(), r.id.as_str())).collect();
        assert_eq!(read, [("Appointment", "123"), ("Encounter", "e.1")]);
    }
}
