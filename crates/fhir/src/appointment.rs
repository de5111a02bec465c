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
