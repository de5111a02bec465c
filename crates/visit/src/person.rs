use std::{fmt, str::FromStr};

use serde::{Deserialize, Serialize};

use crate::{FhirId, InvalidId};

/// Kinds of FHIR resources that a signed-in user can be (SMART App Launch
/// 2.2, `fhirUser`).
#[derive(Debug, Clone, Copy, PartialEq, Eq, PartialOrd, Ord, Hash, Serialize, Deserialize)]
pub enum ResourceKind {
    /// A clinician or other staff.
    Practitioner,
    /// A clinician in one of their roles.
    PractitionerRole,
    /// A patient.
    Patient,
    /// Somebody who acts for a patient: a proxy.
    RelatedPerson,
}

impl ResourceKind {
    /// The FHIR type name.
    pub fn as_str(self) -> &'static str {
        match self {
            Self::Practitioner => "Practitioner",
            Self::PractitionerRole => "PractitionerRole",
            Self::Patient => "Patient",
            Self::RelatedPerson => "RelatedPerson",
        }
    }
}

impl FromStr for ResourceKind {
    type Err = InvalidId;

    fn from_str(text: &str) -> Result<Self, InvalidId> {
        [Self::Practitioner, Self::PractitionerRole, Self::Patient, Self::RelatedPerson]
            .into_iter()
            .find(|kind| kind.as_str() == text)
            .ok_or(InvalidId {
                what: "FHIR user",
                rule: "Practitioner, PractitionerRole, Patient or RelatedPerson",
            })
    }
}

/// Who somebody is to one EHR connection: a resource of its FHIR server. All
/// that is stored of a person; names are shown, not stored. The text form is
/// `Type/id`.
#[derive(Clone, PartialEq, Eq, PartialOrd, Ord, Hash, Serialize, Deserialize)]
#[serde(try_from = "String", into = "String")]
pub struct Person {
    /// The kind of resource.
    pub kind: ResourceKind,
    /// Its id.
    pub id: FhirId,
}

impl Person {
    /// A person by kind and id.
    pub fn new(kind: ResourceKind, id: FhirId) -> Self {
        Self { kind, id }
    }
}

impl fmt::Display for Person {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        write!(f, "{}/{}", self.kind.as_str(), self.id.as_str())
    }
}

impl fmt::Debug for Person {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        write!(f, "{}/…", self.kind.as_str())
    }
}

impl FromStr for Person {
    type Err = InvalidId;

    /// Reads `Type/id`; an absolute reference is cut by the caller, who knows
    /// which base it must have.
    fn from_str(text: &str) -> Result<Self, InvalidId> {
        let (kind, id) = text.split_once('/').ok_or(InvalidId { what: "FHIR user", rule: "Type/id" })?;
        Ok(Self { kind: kind.parse()?, id: id.parse()? })
    }
}

impl TryFrom<String> for Person {
    type Error = InvalidId;

    fn try_from(text: String) -> Result<Self, InvalidId> {
        text.parse()
    }
}

impl From<Person> for String {
    fn from(person: Person) -> String {
        person.to_string()
    }
}

/// What somebody is in a visit.
#[derive(Debug, Clone, Copy, PartialEq, Eq, PartialOrd, Ord, Hash, Serialize, Deserialize)]
#[serde(rename_all = "kebab-case")]
pub enum Role {
    /// A clinician: lets people in, ends the visit.
    Provider,
    /// The patient.
    Patient,
    /// A RelatedPerson who launches for the patient.
    Proxy,
    /// An interpreter.
    Interpreter,
    /// Somebody with a direct link.
    Guest,
    /// Somebody who watches without taking part.
    Monitor,
}

impl Role {
    /// All roles.
    pub const ALL: [Self; 6] =
        [Self::Provider, Self::Patient, Self::Proxy, Self::Interpreter, Self::Guest, Self::Monitor];

    /// The name in database and configuration.
    pub fn as_str(self) -> &'static str {
        match self {
            Self::Provider => "provider",
            Self::Patient => "patient",
            Self::Proxy => "proxy",
            Self::Interpreter => "interpreter",
            Self::Guest => "guest",
            Self::Monitor => "monitor",
        }
    }

    /// Whether this role runs the visit: enters without being let in, lets
    /// others in, removes them, ends the visit.
    pub fn runs_the_visit(self) -> bool {
        self == Self::Provider
    }
}

impl FromStr for Role {
    type Err = InvalidId;

    fn from_str(text: &str) -> Result<Self, InvalidId> {
        Self::ALL.into_iter().find(|role| role.as_str() == text).ok_or(InvalidId {
            what: "role",
            rule: "provider, patient, proxy, interpreter, guest or monitor",
        })
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_person_is_read_as_type_and_id() {
        let person: Person = "Practitioner/eb3d".parse().unwrap();
        assert_eq!(person.to_string(), "Practitioner/eb3d");
        assert_eq!(format!("{person:?}"), "Practitioner/…");
        for bad in ["Organization/1", "Practitioner", "Practitioner/", "Patient/../x", "patient/1"] {
            assert!(bad.parse::<Person>().is_err(), "{bad}");
        }
    }
}
