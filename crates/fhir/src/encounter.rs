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

#[cfg(test)]
mod tests {
    use super::*;
    use crate::fixtures::{fixture, server};

    fn read(name: &str) -> (Encounter, Vec<String>) {
        let mut oddities = Vec::new();
        let encounter = Encounter::read(&fixture(name), &server(), &mut oddities).unwrap();
        (encounter, oddities.iter().map(ToString::to_string).collect())
    }

    #[test]
    fn epics_encounter_is_read_whole() {
        let (encounter, oddities) = read("encounter.json");
        assert_eq!(oddities, [] as [&str; 0]);
        assert_eq!(encounter.status, Some(EncounterStatus::Planned));
        assert_eq!(encounter.csn, Some("10000209577".parse().unwrap()));
        assert_eq!(encounter.patient.unwrap().id, "eNO3-patient".parse().unwrap());
        let persons: Vec<_> =
            encounter.practitioners.iter().map(|attendee| attendee.person.is_some()).collect();
        assert_eq!(persons, [true, false]);
    }

    #[test]
    fn odd_elements_cost_themselves_and_not_the_encounter() {
        let (encounter, oddities) = read("odd/encounter.json");
        assert_eq!(encounter.status, None);
        assert_eq!(encounter.csn, Some("10000209577".parse().unwrap()));
        assert_eq!(encounter.patient.unwrap().id, "eNO3-patient".parse().unwrap());
        assert_eq!(encounter.practitioners.len(), 1);
        insta::assert_snapshot!(oddities.join("\n"), @r"
        dropped Encounter.subject.identifier.period.start
        dropped Encounter.status
        ");
    }
}
