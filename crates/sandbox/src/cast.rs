//! The invented people of this hospital. Their keys are stable: tests and
//! addresses name people by them.

use crate::identifiers::fhir_id;

/// A clinician with an account in the EHR.
#[derive(Debug, PartialEq, Eq)]
pub struct Clinician {
    /// Stable short name.
    pub key: &'static str,
    /// Given name.
    pub given: &'static str,
    /// Family name.
    pub family: &'static str,
    /// Degree that follows the name.
    pub suffix: &'static str,
    /// FHIR administrative gender.
    pub gender: &'static str,
    /// What they practise, as the schedule shows it.
    pub specialty: &'static str,
    /// The user record's external id (`%EPICUSERID%`).
    pub external_id: &'static str,
    /// National Provider Identifier.
    pub npi: &'static str,
}

/// A patient with a portal account.
#[derive(Debug, PartialEq, Eq)]
pub struct Patient {
    /// Stable short name.
    pub key: &'static str,
    /// Given name.
    pub given: &'static str,
    /// Family name.
    pub family: &'static str,
    /// FHIR administrative gender.
    pub gender: &'static str,
    /// `YYYY-MM-DD`.
    pub birth_date: &'static str,
    /// Medical record number.
    pub mrn: &'static str,
    /// The portal account's external id (`%EPICUSERID%` in a portal launch).
    pub external_id: &'static str,
}

/// Somebody who acts for a patient in the portal.
#[derive(Debug, PartialEq, Eq)]
pub struct Proxy {
    /// Stable short name.
    pub key: &'static str,
    /// Given name.
    pub given: &'static str,
    /// Family name.
    pub family: &'static str,
    /// FHIR administrative gender.
    pub gender: &'static str,
    /// For whom they act.
    pub patient: &'static Patient,
    /// Code in HL7's v3-RoleCode.
    pub relationship_code: &'static str,
    /// The relationship in words.
    pub relationship: &'static str,
    /// The portal account's external id.
    pub external_id: &'static str,
}

/// Anybody who can open a link in the EHR.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum User {
    /// Somebody at the schedule.
    Clinician(&'static Clinician),
    /// Somebody at the portal, for themselves.
    Patient(&'static Patient),
    /// Somebody at the portal, for another.
    Proxy(&'static Proxy),
}

macro_rules! person {
    ($type:ident, $resource:literal) => {
        impl $type {
            /// Given name and family name.
            pub fn name(&self) -> String {
                format!("{} {}", self.given, self.family)
            }

            /// The logical id of their FHIR resource.
            pub fn fhir_id(&self) -> String {
                fhir_id($resource, self.key)
            }
        }
    };
}

person!(Clinician, "Practitioner");
person!(Patient, "Patient");
person!(Proxy, "RelatedPerson");

impl Clinician {
    /// The name with its degree: `Mara Finn, MD`.
    pub fn title(&self) -> String {
        format!("{}, {}", self.name(), self.suffix)
    }

    /// The clinician with this key.
    pub fn find(key: &str) -> Option<&'static Self> {
        CLINICIANS.into_iter().find(|clinician| clinician.key == key)
    }
}

impl Patient {
    /// The patient with this key.
    pub fn find(key: &str) -> Option<&'static Self> {
        PATIENTS.into_iter().find(|patient| patient.key == key)
    }

    /// Those who act for this patient.
    pub fn proxies(&self) -> impl Iterator<Item = &'static Proxy> {
        PROXIES.into_iter().filter(move |proxy| proxy.patient == self)
    }
}

impl User {
    /// The person with this key.
    pub fn find(key: &str) -> Option<Self> {
        Clinician::find(key)
            .map(Self::Clinician)
            .or_else(|| Patient::find(key).map(Self::Patient))
            .or_else(|| PROXIES.into_iter().find(|proxy| proxy.key == key).map(Self::Proxy))
    }

    /// All people, clinicians first.
    pub fn all() -> impl Iterator<Item = Self> {
        let clinicians = CLINICIANS.into_iter().map(Self::Clinician);
        clinicians.chain(PATIENTS.into_iter().map(Self::Patient)).chain(PROXIES.into_iter().map(Self::Proxy))
    }

    /// Stable short name.
    pub fn key(self) -> &'static str {
        match self {
            Self::Clinician(person) => person.key,
            Self::Patient(person) => person.key,
            Self::Proxy(person) => person.key,
        }
    }

    /// The external id of their account.
    pub fn external_id(self) -> &'static str {
        match self {
            Self::Clinician(person) => person.external_id,
            Self::Patient(person) => person.external_id,
            Self::Proxy(person) => person.external_id,
        }
    }

    /// The name as a page shows it.
    pub fn name(self) -> String {
        match self {
            Self::Clinician(person) => person.title(),
            Self::Patient(person) => person.name(),
            Self::Proxy(person) => person.name(),
        }
    }

    /// `Practitioner/e…`, `Patient/e…` or `RelatedPerson/e…`.
    pub fn reference(self) -> String {
        match self {
            Self::Clinician(person) => format!("Practitioner/{}", person.fhir_id()),
            Self::Patient(person) => format!("Patient/{}", person.fhir_id()),
            Self::Proxy(person) => format!("RelatedPerson/{}", person.fhir_id()),
        }
    }

    /// The logical id of their FHIR resource.
    pub fn fhir_id(self) -> String {
        match self {
            Self::Clinician(person) => person.fhir_id(),
            Self::Patient(person) => person.fhir_id(),
            Self::Proxy(person) => person.fhir_id(),
        }
    }
}

pub(crate) static FINN: Clinician = Clinician {
    key: "finn",
    given: "Mara",
    family: "Finn",
    suffix: "MD",
    gender: "female",
    specialty: "Family medicine",
    external_id: "FINNM",
    npi: "1234567893",
};

pub(crate) static OKAFOR: Clinician = Clinician {
    key: "okafor",
    given: "Tobias",
    family: "Okafor",
    suffix: "PhD",
    gender: "male",
    specialty: "Behavioral health",
    external_id: "OKAFORT",
    npi: "1487301255",
};

pub(crate) static BRANDT: Clinician = Clinician {
    key: "brandt",
    given: "Lena",
    family: "Brandt",
    suffix: "NP",
    gender: "female",
    specialty: "Pediatrics",
    external_id: "BRANDTL",
    npi: "1904122763",
};

macro_rules! patient {
    ($name:ident, $key:literal, $given:literal, $family:literal, $gender:literal, $born:literal, $mrn:literal, $account:literal) => {
        pub(crate) static $name: Patient = Patient {
            key: $key,
            given: $given,
            family: $family,
            gender: $gender,
            birth_date: $born,
            mrn: $mrn,
            external_id: $account,
        };
    };
}

patient!(ANA, "ana", "Ana", "Ruiz", "female", "1987-03-14", "203711", "ARUIZ");
patient!(WALTER, "walter", "Walter", "Brooks", "male", "1951-09-02", "203712", "WBROOKS");
patient!(MIA, "mia", "Mia", "Nakamura", "female", "2019-05-23", "203713", "MNAKAMURA");
patient!(SADE, "sade", "Sade", "Bello", "female", "1994-12-08", "203714", "SBELLO");
patient!(JON, "jon", "Jon", "Halloran", "male", "1979-07-30", "203715", "JHALLORAN");
patient!(GRACE, "grace", "Grace", "Lind", "female", "1966-01-19", "203716", "GLIND");

pub(crate) static KEIKO: Proxy = Proxy {
    key: "keiko",
    given: "Keiko",
    family: "Nakamura",
    gender: "female",
    patient: &MIA,
    relationship_code: "MTH",
    relationship: "mother",
    external_id: "KNAKAMURA",
};

/// All clinicians.
pub static CLINICIANS: [&Clinician; 3] = [&FINN, &OKAFOR, &BRANDT];
/// All patients.
pub static PATIENTS: [&Patient; 6] = [&ANA, &WALTER, &MIA, &SADE, &JON, &GRACE];
/// All who act for a patient.
pub static PROXIES: [&Proxy; 1] = [&KEIKO];

#[cfg(test)]
mod tests {
    use std::collections::HashSet;

    use super::*;

    #[test]
    fn keys_and_external_ids_name_one_person_each() {
        let keys: HashSet<_> = User::all().map(User::key).collect();
        let external: HashSet<_> = User::all().map(User::external_id).collect();

        assert_eq!(keys.len(), User::all().count());
        assert_eq!(external.len(), User::all().count());
        for user in User::all() {
            assert_eq!(User::find(user.key()), Some(user));
        }
    }
}
