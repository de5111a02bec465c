pub use fhir_model::r4b::codes::AppointmentStatus;
use jiff::{SignedDuration, Timestamp};
use serde_json::Value;
use visit::{Csn, FhirId, Person, ResourceKind};

use crate::{
    DisplayText, FhirServer, Kind, Oddity,
    element::{Element, Shown},
};

/// A booked visit: what Anteroom needs of a FHIR Appointment.
#[derive(Debug, Clone, PartialEq)]
pub struct Appointment {
    /// Its id.
    pub id: FhirId,
    /// Its status; `None` where the server sends none, or a code that R4 does
    /// not know.
    pub status: Option<AppointmentStatus>,
    /// When it starts.
    pub start: Option<Timestamp>,
    /// When it ends; without `end` the start plus `minutesDuration`.
    pub end: Option<Timestamp>,
    /// The identifier that it shares with its Encounter.
    pub csn: Option<Csn>,
    /// What kind of visit it is, in the EHR's words.
    pub service: Option<DisplayText>,
    /// Its patients: one, or several in a group visit.
    pub patients: Vec<NamedPatient>,
    /// Its clinicians.
    pub practitioners: Vec<Attendee>,
}

/// A patient of a visit.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct NamedPatient {
    /// The patient's id.
    pub id: FhirId,
    /// The name as the EHR shows it.
    pub name: Option<DisplayText>,
}

/// A clinician of a visit.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Attendee {
    /// Who; `None` where the server gives only a name.
    pub person: Option<Person>,
    /// The name as the EHR shows it.
    pub name: Option<DisplayText>,
}

impl Appointment {
    /// Reads a FHIR R4 Appointment; `None` where it is none or has no id.
    pub(crate) fn read(json: &Value, server: &FhirServer, oddities: &mut Vec<Oddity>) -> Option<Self> {
        let resource = Element::resource(json, "Appointment", server)?;
        let start = resource.instant("start", oddities);
        let duration = resource.positive("minutesDuration", oddities);
        let duration = duration.map(|minutes| SignedDuration::from_mins(minutes.into()));
        let mut appointment = Self {
            id: resource.parsed("id", oddities)?,
            status: resource.parsed("status", oddities),
            start,
            end: resource.instant("end", oddities).or_else(|| start?.checked_add(duration?).ok()),
            csn: server.csn_system.csn_of(&resource, oddities),
            service: resource
                .concept("serviceType", oddities)
                .or_else(|| resource.concept("appointmentType", oddities)),
            patients: Vec::new(),
            practitioners: Vec::new(),
        };
        for participant in resource.objects("participant", oddities) {
            let Some(actor) = participant.reference("actor", oddities) else { continue };
            if !appointment.seat(actor) {
                oddities.push(Oddity::dropped(participant.path_of("actor.reference")));
            }
        }
        Some(appointment)
    }

    /// Puts an actor where they belong. Places, devices and relatives have no
    /// seat; answers false for a patient who cannot be told.
    fn seat(&mut self, actor: Shown) -> bool {
        match actor.kind {
            Some(Kind::Person(ResourceKind::Patient)) => {
                let Some(patient) = actor.target else { return false };
                self.patients.push(NamedPatient { id: patient.id, name: actor.display });
            }
            Some(Kind::Person(ResourceKind::Practitioner | ResourceKind::PractitionerRole)) => {
                self.practitioners.push(Attendee::from(actor));
            }
            _ => {}
        }
        true
    }

    /// Whether this is one of its patients.
    pub fn has_patient(&self, id: &FhirId) -> bool {
        self.patients.iter().any(|patient| patient.id == *id)
    }

    /// Whether this is one of its clinicians.
    pub fn lists(&self, person: &Person) -> bool {
        self.practitioners.iter().any(|listed| listed.person.as_ref() == Some(person))
    }
}

impl From<Shown> for Attendee {
    fn from(shown: Shown) -> Self {
        Self { person: shown.target.and_then(crate::Reference::person), name: shown.display }
    }
}

#[cfg(test)]
mod tests {
    use proptest::{prelude::*, sample::Index};
    use serde_json::json;

    use super::*;
    use crate::fixtures::{fixture, server};

    fn read(json: &Value) -> (Option<Appointment>, Vec<String>) {
        let mut oddities = Vec::new();
        let appointment = Appointment::read(json, &server(), &mut oddities);
        (appointment, oddities.iter().map(ToString::to_string).collect())
    }

    fn shown(names: impl IntoIterator<Item = Option<DisplayText>>) -> Vec<String> {
        names
            .into_iter()
            .map(|name| name.map_or_else(|| "-".to_owned(), |name| name.as_str().to_owned()))
            .collect()
    }

    #[test]
    fn epics_appointment_is_read_whole() {
        let (appointment, oddities) = read(&fixture("appointment.json"));
        let appointment = appointment.unwrap();
        assert_eq!(oddities, [] as [&str; 0]);
        assert_eq!(appointment.status, Some(AppointmentStatus::Booked));
        assert_eq!(appointment.start, Some("2026-11-21T20:00:00Z".parse().unwrap()));
        assert_eq!(appointment.end, Some("2026-11-21T20:15:00Z".parse().unwrap()));
        assert_eq!(appointment.csn, Some("10000209577".parse().unwrap()));
        assert_eq!(shown([appointment.service.clone()]), ["Video Visit"]);
        assert!(appointment.has_patient(&"eNO3-patient".parse().unwrap()));
        assert!(appointment.lists(&"Practitioner/eb3d-practitioner".parse().unwrap()));
        assert_eq!((appointment.patients.len(), appointment.practitioners.len()), (1, 1));
    }

    #[test]
    fn a_group_visit_has_several_patients() {
        let appointment = read(&fixture("appointment-group.json")).0.unwrap();
        assert_eq!(
            shown(appointment.patients.into_iter().map(|patient| patient.name)),
            ["Doe, Jane", "Roe, Richard"]
        );
    }

    #[test]
    fn odd_elements_cost_themselves_and_not_the_appointment() {
        let (appointment, oddities) = read(&fixture("odd/appointment.json"));
        let appointment = appointment.unwrap();
        assert_eq!(appointment.status, None);
        // 14:00 in Chicago, and a quarter of an hour.
        assert_eq!(appointment.start, Some("2026-11-21T20:00:00Z".parse().unwrap()));
        assert_eq!(appointment.end, Some("2026-11-21T20:15:00Z".parse().unwrap()));
        assert_eq!(appointment.csn, Some("10000209577".parse().unwrap()));
        assert_eq!(shown([appointment.service]), ["Video Visit"]);
        assert_eq!(shown(appointment.patients.into_iter().map(|patient| patient.name)), ["Doe, Jane"]);
        assert_eq!(shown(appointment.practitioners.into_iter().map(|who| who.name)), ["-", "Ben Finn, PhD"]);
        insta::assert_snapshot!(oddities.join("\n"), @r"
        no zone at Appointment.start
        dropped Appointment.status
        dropped Appointment.end
        dropped Appointment.identifier[1].period.start
        dropped Appointment.identifier[1].use
        dropped Appointment.identifier[2]
        dropped Appointment.serviceType.coding
        dropped Appointment.participant[6]
        dropped Appointment.participant[2].actor.display
        dropped Appointment.participant[4].actor.reference
        dropped Appointment.participant[5].actor
        ");
    }

    #[test]
    fn two_csns_that_differ_are_none() {
        let mut json = fixture("appointment.json");
        let system = json["identifier"][0]["system"].clone();
        json["identifier"].as_array_mut().unwrap().push(json!({"system": system, "value": "777"}));
        let (appointment, oddities) = read(&json);
        assert_eq!(appointment.unwrap().csn, None);
        assert_eq!(oddities, ["dropped Appointment.identifier"]);
    }

    #[test]
    fn without_an_id_it_is_no_appointment() {
        for broken in
            [json!({"resourceType": "Appointment"}), json!({"resourceType": "Appointment", "id": "../x"})]
        {
            assert_eq!(read(&broken).0, None);
        }
        assert_eq!(read(&json!({"resourceType": "Encounter", "id": "x"})).0, None);
        assert_eq!(read(&json!([])).0, None);
    }

    /// Anything but a reference to a patient.
    fn anything() -> impl Strategy<Value = Value> {
        prop_oneof![
            Just(Value::Null),
            any::<bool>().prop_map(Value::from),
            any::<i64>().prop_map(Value::from),
            "[ -.0-~]{0,20}".prop_map(Value::from),
            Just(json!([])),
            Just(json!({})),
            Just(json!([[null], {"reference": 7}])),
            Just(json!({"reference": "#28", "display": {}})),
        ]
    }

    fn places(json: &Value, here: &str, all: &mut Vec<String>) {
        all.push(here.to_owned());
        let inner: Vec<(String, &Value)> = match json {
            Value::Object(object) => object.iter().map(|(key, inner)| (key.clone(), inner)).collect(),
            Value::Array(array) => {
                array.iter().enumerate().map(|(at, inner)| (at.to_string(), inner)).collect()
            }
            _ => Vec::new(),
        };
        for (step, inner) in inner {
            places(inner, &format!("{here}/{step}"), all);
        }
    }

    proptest! {
        #[test]
        fn no_mutation_changes_who_the_patient_is(
            mutations in prop::collection::vec((any::<Index>(), anything()), 1..6),
            group in any::<bool>(),
        ) {
            let mut json = fixture(if group { "appointment-group.json" } else { "appointment.json" });
            let before = read(&json).0.unwrap();
            for (at, value) in mutations {
                let mut all = Vec::new();
                places(&json, "", &mut all);
                *json.pointer_mut(at.get::<String>(&all)).unwrap() = value;
            }
            let (after, oddities) = read(&json);
            if let Some(after) = after {
                prop_assert!(after.patients.iter().all(|patient| before.has_patient(&patient.id)));
            }
            for told in oddities {
                prop_assert!(["Doe", "Smith", "10000209577", "eNO3"].iter().all(|value| !told.contains(value)), "{told}");
            }
        }
    }
}
