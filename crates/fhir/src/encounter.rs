pub use fhir_model::r4b::codes::EncounterStatus;
use serde_json::Value;
use visit::{Csn, FhirId, ResourceKind};

use crate::{Attendee, FhirServer, Kind, NamedPatient, Oddity, element::Element};

/// A visit that takes place: what Anteroom needs of a FHIR Encounter.
#[derive(Debug, Clone, PartialEq)]
pub struct Encounter {
    /// Its id.
    pub id: FhirId,
    /// Its status; `None` where the server sends none, or a code that R4 does
    /// not know.
    pub status: Option<EncounterStatus>,
    /// The identifier that it shares with its Appointment.
    pub csn: Option<Csn>,
    /// Its patient.
    pub patient: Option<NamedPatient>,
    /// Its clinicians; Epic often gives only their names.
    pub practitioners: Vec<Attendee>,
    /// The appointments that it names itself. Epic names none: there the CSN
    /// joins them.
    pub appointments: Vec<FhirId>,
}

impl Encounter {
    /// Reads a FHIR R4 Encounter; `None` where it is none or has no id.
    pub(crate) fn read(json: &Value, server: &FhirServer, oddities: &mut Vec<Oddity>) -> Option<Self> {
        let resource = Element::resource(json, "Encounter", server)?;
        let practitioners = resource
            .objects("participant", oddities)
            .iter()
            .filter_map(|participant| participant.reference("individual", oddities))
            .filter(|individual| individual.kind != Some(Kind::Person(ResourceKind::RelatedPerson)))
            .map(Attendee::from)
            .collect();
        let subject = resource.reference("subject", oddities);
        let patient = subject.and_then(|subject| {
            let id = subject.target?.id_of(Kind::Person(ResourceKind::Patient))?;
            Some(NamedPatient { id, name: subject.display })
        });
        let appointments = resource
            .references("appointment", oddities)
            .into_iter()
            .filter_map(|reference| reference.target?.id_of(Kind::Appointment))
            .collect();
        Some(Self {
            id: resource.parsed("id", oddities)?,
            status: resource.parsed("status", oddities),
            csn: server.csn_system.csn_of(&resource, oddities),
            patient,
            practitioners,
            appointments,
        })
    }
}
