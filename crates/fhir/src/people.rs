use fhir_model::r4b::{codes::NameUse, types::HumanName};
use serde_json::Value;
use visit::{FhirId, ResourceKind};

use crate::{DisplayText, FhirServer, Kind, Oddity, element::Element};

/// Somebody as their own resource describes them.
pub(crate) struct PersonRecord {
    /// Its id.
    pub(crate) id: FhirId,
    /// The name to show.
    pub(crate) name: Option<DisplayText>,
    /// For a RelatedPerson: whose relative they are.
    pub(crate) patient: Option<FhirId>,
}

impl PersonRecord {
    /// Reads a Patient, Practitioner, PractitionerRole or RelatedPerson;
    /// `None` where it is of another kind or has no id.
    pub(crate) fn read(
        json: &Value,
        server: &FhirServer,
        kind: ResourceKind,
        oddities: &mut Vec<Oddity>,
    ) -> Option<Self> {
        let resource = Element::resource(json, kind.as_str(), server)?;
        let id = resource.parsed("id", oddities)?;
        let name = match kind {
            // A role has no name of its own, only its practitioner's.
            ResourceKind::PractitionerRole => {
                resource.reference("practitioner", oddities).and_then(|shown| shown.display)
            }
            _ => shown_name(&resource.names(oddities)),
        };
        let patient = match kind {
            ResourceKind::RelatedPerson => resource.reference("patient", oddities),
            _ => None,
        };
        let patient = patient.and_then(|shown| shown.target?.id_of(Kind::Person(ResourceKind::Patient)));
        Some(Self { id, name, patient })
    }
}

/// The name in use: the usual one, else the official one, else whichever is
/// not given up.
fn shown_name(names: &[HumanName]) -> Option<DisplayText> {
    let rank = |name: &&HumanName| match name.0.r#use {
        Some(NameUse::Usual) => 0,
        Some(NameUse::Official) => 1,
        None => 2,
        Some(NameUse::Nickname | NameUse::Temp | NameUse::Anonymous) => 3,
        Some(NameUse::Old | NameUse::Maiden) => 4,
    };
    let mut in_use: Vec<_> = names.iter().filter(|name| rank(name) < 4).collect();
    in_use.sort_by_key(rank);
    in_use.into_iter().find_map(written)
}

fn written(HumanName(name): &HumanName) -> Option<DisplayText> {
    if let Some(text) = name.text.as_deref().and_then(DisplayText::new) {
        return Some(text);
    }
    let parts = name.prefix.iter().chain(&name.given).flatten().chain(&name.family);
    let parts: Vec<&str> = parts.chain(name.suffix.iter().flatten()).map(String::as_str).collect();
    DisplayText::new(&parts.join(" "))
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::fixtures::{fixture, server};

    fn read(name: &str, kind: ResourceKind) -> PersonRecord {
        PersonRecord::read(&fixture(name), &server(), kind, &mut Vec::new()).unwrap()
    }

    #[test]
    fn the_name_in_use_is_shown() {
        for (file, kind, name) in [
            ("patient.json", ResourceKind::Patient, "Jane Doe"),
            ("odd/patient.json", ResourceKind::Patient, "Jane Doe"),
            ("practitioner.json", ResourceKind::Practitioner, "Amy Smith, MD"),
            ("related-person.json", ResourceKind::RelatedPerson, "John Doe"),
        ] {
            assert_eq!(read(file, kind).name.unwrap().as_str(), name, "{file}");
        }
    }

    #[test]
    fn a_relative_tells_whose_they_are() {
        let relative = read("related-person.json", ResourceKind::RelatedPerson);
        assert_eq!(relative.patient, Some("eNO3-patient".parse().unwrap()));
        assert_eq!(read("patient.json", ResourceKind::Patient).patient, None);
    }
}
