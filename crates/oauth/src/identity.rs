use std::fmt;

use serde::{Deserialize, Serialize};
use visit::{FhirId, Person, ResourceKind, Role};

use crate::{LaunchError, LaunchKind, Vendor, id_token::VerifiedClaims};

/// Who launched, as the verified id_token says it.
///
/// `fhirUser` decides (SMART App Launch 2.2); only its last two parts count,
/// as its base is not reliable at Epic. Where it is missing, nobody is
/// identified, with one exception: at Epic `sub` is the FHIR id, so a
/// provider launch means `Practitioner/{sub}`, and a patient launch whose
/// `sub` is the launch's patient means that patient. A proxy without
/// `fhirUser` is refused.
#[derive(Clone, PartialEq, Eq, Serialize, Deserialize)]
pub struct Identity {
    /// The FHIR resource of the user.
    pub person: Person,
    /// `sub`: the user's stable id at the issuer.
    pub subject: String,
    /// `preferred_username`, where the scope `profile` was granted.
    pub preferred_username: Option<String>,
}

impl Identity {
    pub(crate) fn of(
        claims: VerifiedClaims,
        vendor: Vendor,
        kind: LaunchKind,
        patient: Option<&FhirId>,
    ) -> Result<Self, LaunchError> {
        let named = claims.fhir_user.as_deref().filter(|text| !text.is_empty());
        let person = match named {
            Some(reference) => person_at_end(reference)?,
            None if vendor == Vendor::Epic => person_by_subject(&claims.sub, kind, patient)?,
            None => return Err(LaunchError::UserUnknown("the id_token has no fhirUser")),
        };
        Ok(Self { person, subject: claims.sub, preferred_username: claims.preferred_username })
    }

    /// The role that this user has by this launch. Whoever comes through an
    /// entrance that is not theirs is refused: a patient who opens the
    /// provider launch does not become a provider.
    pub(crate) fn role(&self, kind: LaunchKind, patient: Option<&FhirId>) -> Result<Role, LaunchError> {
        use ResourceKind::{Patient, Practitioner, PractitionerRole, RelatedPerson};
        match (kind, self.person.kind) {
            (LaunchKind::Provider, Practitioner | PractitionerRole) => Ok(Role::Provider),
            (LaunchKind::Monitor, Practitioner | PractitionerRole) => Ok(Role::Monitor),
            (LaunchKind::Patient | LaunchKind::DeviceTest, RelatedPerson) => Ok(Role::Proxy),
            // A patient who launches for another one, such as a parent, acts
            // as their proxy.
            (LaunchKind::Patient | LaunchKind::DeviceTest, Patient) => {
                let is_self = patient.is_none_or(|patient| *patient == self.person.id);
                Ok(if is_self { Role::Patient } else { Role::Proxy })
            }
            (kind, user) => Err(LaunchError::WrongEntrance { user: user.as_str(), kind }),
        }
    }
}

fn person_at_end(reference: &str) -> Result<Person, LaunchError> {
    let mut parts = reference.rsplitn(3, '/');
    let (id, resource_type) = (parts.next().unwrap_or_default(), parts.next().unwrap_or_default());
    format!("{resource_type}/{id}").parse().map_err(|_| {
        LaunchError::UserUnknown("fhirUser is no Practitioner, PractitionerRole, Patient or RelatedPerson")
    })
}

fn person_by_subject(
    subject: &str,
    kind: LaunchKind,
    patient: Option<&FhirId>,
) -> Result<Person, LaunchError> {
    let id: FhirId = subject.parse().map_err(|_| LaunchError::UserUnknown("sub is no FHIR id"))?;
    match kind {
        LaunchKind::Provider | LaunchKind::Monitor => Ok(Person::new(ResourceKind::Practitioner, id)),
        LaunchKind::Patient | LaunchKind::DeviceTest if patient == Some(&id) => {
            Ok(Person::new(ResourceKind::Patient, id))
        }
        _ => Err(LaunchError::UserUnknown("the id_token has no fhirUser and sub is not the patient")),
    }
}

impl fmt::Debug for Identity {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        write!(f, "Identity({:?})", self.person)
    }
}

#[cfg(test)]
mod tests {
    use proptest::prelude::*;

    use super::*;

    fn claims(sub: &str, fhir_user: Option<&str>) -> VerifiedClaims {
        VerifiedClaims {
            sub: sub.to_owned(),
            fhir_user: fhir_user.map(str::to_owned),
            preferred_username: None,
        }
    }

    fn person(fhir_user: &str) -> Option<String> {
        let user = Identity::of(claims("s", Some(fhir_user)), Vendor::Generic, LaunchKind::Provider, None);
        user.ok().map(|user| user.person.to_string())
    }

    #[test]
    fn fhir_user_is_read_from_its_end() {
        for reference in [
            "Practitioner/eb3d",
            "https://fhir.example.org/api/FHIR/R4/Practitioner/eb3d",
            "https://fhir.example.org/oauth2/api/FHIR/R4/Practitioner/eb3d",
        ] {
            assert_eq!(person(reference).as_deref(), Some("Practitioner/eb3d"), "{reference}");
        }
        assert_eq!(person("PractitionerRole/1").as_deref(), Some("PractitionerRole/1"));
        for bad in ["", "/", "eb3d", "Device/1", "Practitioner/", "Practitioner/1/", "Practitioner/a b"] {
            assert_eq!(person(bad), None, "{bad}");
        }
    }

    #[test]
    fn only_epic_is_known_by_sub_and_only_without_doubt() {
        let by_sub = |vendor, kind, patient: Option<&str>| {
            let patient = patient.map(|id| id.parse().unwrap());
            let user = Identity::of(claims("e1", None), vendor, kind, patient.as_ref());
            user.ok().map(|user| user.person.to_string())
        };
        assert_eq!(
            by_sub(Vendor::Epic, LaunchKind::Provider, Some("e9")).as_deref(),
            Some("Practitioner/e1")
        );
        assert_eq!(by_sub(Vendor::Epic, LaunchKind::Patient, Some("e1")).as_deref(), Some("Patient/e1"));
        assert_eq!(by_sub(Vendor::Epic, LaunchKind::Patient, Some("e9")), None);
        assert_eq!(by_sub(Vendor::Epic, LaunchKind::Patient, None), None);
        assert_eq!(by_sub(Vendor::Generic, LaunchKind::Provider, None), None);
        assert_eq!(by_sub(Vendor::OracleHealth, LaunchKind::Provider, None), None);
    }

    #[test]
    fn nobody_comes_through_an_entrance_that_is_not_theirs() {
        use LaunchKind::{DeviceTest, Monitor, Patient, Provider};
        let role = |kind, person: &str, patient: &str| {
            let user = Identity {
                person: person.parse().unwrap(),
                subject: "s".to_owned(),
                preferred_username: None,
            };
            user.role(kind, Some(&patient.parse().unwrap())).ok()
        };
        for (kind, person, expected) in [
            (Provider, "Practitioner/1", Some(Role::Provider)),
            (Provider, "PractitionerRole/1", Some(Role::Provider)),
            (Provider, "Patient/p", None),
            (Provider, "RelatedPerson/1", None),
            (Monitor, "Practitioner/1", Some(Role::Monitor)),
            (Monitor, "Patient/p", None),
            (Patient, "Patient/p", Some(Role::Patient)),
            (Patient, "Patient/parent", Some(Role::Proxy)),
            (Patient, "RelatedPerson/1", Some(Role::Proxy)),
            (Patient, "Practitioner/1", None),
            (DeviceTest, "Patient/p", Some(Role::Patient)),
            (DeviceTest, "Practitioner/1", None),
        ] {
            assert_eq!(role(kind, person, "p"), expected, "{kind} {person}");
        }
    }

    proptest! {
        #[test]
        fn any_reference_is_judged(reference in ".{0,60}") {
            person(&reference);
        }
    }
}
