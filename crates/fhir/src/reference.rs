use std::{fmt, str::FromStr};

use url::Url;
use visit::{FhirId, Person, ResourceKind};

/// A text that is no FHIR base address.
#[derive(Debug, Clone, PartialEq, Eq, thiserror::Error)]
#[error("a FHIR base address is http or https, with a host and without user name, query or fragment")]
pub struct InvalidBase;

/// An EHR connection's FHIR base address. Everything that this crate asks for
/// lies below it.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct FhirBase(Url);

impl FhirBase {
    /// Takes the address, with or without its last slash.
    pub fn new(mut url: Url) -> Result<Self, InvalidBase> {
        let plain = matches!(url.scheme(), "http" | "https")
            && url.has_host()
            && url.username().is_empty()
            && url.password().is_none()
            && url.query().is_none()
            && url.fragment().is_none();
        if !plain {
            return Err(InvalidBase);
        }
        if !url.path().ends_with('/') {
            url.set_path(&format!("{}/", url.path()));
        }
        Ok(Self(url))
    }

    /// Where a resource is read. An id is checked before it can be a
    /// [`FhirId`], so the address never leaves the base.
    pub fn read_url(&self, reference: &Reference) -> Url {
        self.below(&format!("{}/{}", reference.kind.as_str(), reference.id.as_str()))
    }

    /// Where resources of a kind are searched.
    pub(crate) fn search_url(&self, kind: Kind, parameters: &[(&str, &str)]) -> Url {
        let mut url = self.below(kind.as_str());
        url.query_pairs_mut().extend_pairs(parameters);
        url
    }

    fn below(&self, path: &str) -> Url {
        let mut url = self.0.clone();
        url.set_path(&format!("{}{path}", self.0.path()));
        url
    }

    /// A bundle's `next` link, where it stays on this server.
    pub(crate) fn next_page(&self, link: &str) -> Option<Url> {
        let url = self.0.join(link).ok()?;
        let own = url.origin() == self.0.origin() && url.username().is_empty() && url.password().is_none();
        own.then_some(url)
    }

    /// Reads a reference: `Type/id` or an absolute address below this base,
    /// either with `/_history/version`. Everything else (other servers, other
    /// kinds, contained resources, URNs) is none of ours and is not followed.
    pub fn reference(&self, text: &str) -> Option<Reference> {
        let text = text.trim();
        let relative = match Url::parse(text) {
            Ok(absolute) => self.path_below(&absolute)?,
            Err(_) => text.to_owned(),
        };
        let mut parts = relative.split('/');
        let reference = Reference { kind: parts.next()?.parse().ok()?, id: parts.next()?.parse().ok()? };
        match (parts.next(), parts.next(), parts.next()) {
            (None, ..) | (Some("_history"), Some(_), None) => Some(reference),
            _ => None,
        }
    }

    fn path_below(&self, absolute: &Url) -> Option<String> {
        let plain = absolute.origin() == self.0.origin()
            && absolute.username().is_empty()
            && absolute.password().is_none()
            && absolute.query().is_none()
            && absolute.fragment().is_none();
        plain.then(|| absolute.path().strip_prefix(self.0.path()).map(str::to_owned))?
    }
}

impl FromStr for FhirBase {
    type Err = InvalidBase;

    fn from_str(text: &str) -> Result<Self, InvalidBase> {
        Self::new(text.parse().map_err(|_| InvalidBase)?)
    }
}

/// The kinds of resources that this program reads.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Hash)]
pub enum Kind {
    /// A booked visit.
    Appointment,
    /// A visit that takes place.
    Encounter,
    /// Somebody: a patient, a clinician, a proxy.
    Person(ResourceKind),
}

impl Kind {
    /// The FHIR type name.
    pub fn as_str(self) -> &'static str {
        match self {
            Self::Appointment => "Appointment",
            Self::Encounter => "Encounter",
            Self::Person(kind) => kind.as_str(),
        }
    }
}

impl fmt::Display for Kind {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.write_str(self.as_str())
    }
}

impl FromStr for Kind {
    type Err = visit::InvalidId;

    fn from_str(text: &str) -> Result<Self, visit::InvalidId> {
        match text {
            "Appointment" => Ok(Self::Appointment),
            "Encounter" => Ok(Self::Encounter),
            person => person.parse().map(Self::Person),
        }
    }
}

/// A resource of the EHR connection's own server. `Debug` tells its kind only.
#[derive(Clone, PartialEq, Eq, Hash)]
pub struct Reference {
    /// The kind of resource.
    pub kind: Kind,
    /// Its id.
    pub id: FhirId,
}

impl Reference {
    /// A reference by kind and id.
    pub fn new(kind: Kind, id: FhirId) -> Self {
        Self { kind, id }
    }

    /// The person, where it is one.
    pub fn person(self) -> Option<Person> {
        match self.kind {
            Kind::Person(kind) => Some(Person::new(kind, self.id)),
            Kind::Appointment | Kind::Encounter => None,
        }
    }

    /// The id, where the resource is of this kind.
    pub fn id_of(self, kind: Kind) -> Option<FhirId> {
        (self.kind == kind).then_some(self.id)
    }
}

impl From<Person> for Reference {
    fn from(person: Person) -> Self {
        Self { kind: Kind::Person(person.kind), id: person.id }
    }
}

impl fmt::Debug for Reference {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        write!(f, "{}/…", self.kind)
    }
}

#[cfg(test)]
mod tests {
    use proptest::prelude::*;

    use super::*;

    fn base() -> FhirBase {
        "https://ehr.example.org/api/FHIR/R4".parse().unwrap()
    }

    #[test]
    fn relative_and_own_absolute_references_are_read() {
        for text in [
            "Patient/eNO3",
            " Patient/eNO3",
            "Patient/eNO3/_history/2",
            "https://ehr.example.org/api/FHIR/R4/Patient/eNO3",
            "HTTPS://EHR.example.org:443/api/FHIR/R4/Patient/eNO3/_history/2",
        ] {
            let reference = base().reference(text).unwrap_or_else(|| panic!("{text}"));
            assert_eq!(
                base().read_url(&reference).as_str(),
                "https://ehr.example.org/api/FHIR/R4/Patient/eNO3"
            );
        }
    }

    #[test]
    fn what_lies_elsewhere_is_not_followed() {
        for text in [
            "",
            "Patient",
            "Patient/",
            "#28",
            "urn:uuid:8f0f7b1e-5c6b-4c2e-9d5a-3f1f6f3b2a10",
            "Location/ezEC",
            "patient/x",
            "Patient/../Binary/x",
            "Patient/x/../../../y",
            "Patient/%2e%2e",
            "Patient/x/$everything",
            "Patient/x?_format=xml",
            "//evil.example/api/FHIR/R4/Patient/x",
            "/api/FHIR/R4/Patient/x",
            "https://evil.example/api/FHIR/R4/Patient/x",
            "https://ehr.example.org.evil.example/api/FHIR/R4/Patient/x",
            "https://ehr.example.org@evil.example/api/FHIR/R4/Patient/x",
            "https://a:b@ehr.example.org/api/FHIR/R4/Patient/x",
            "http://ehr.example.org/api/FHIR/R4/Patient/x",
            "https://ehr.example.org:8443/api/FHIR/R4/Patient/x",
            "https://ehr.example.org/api/FHIR/R4-test/Patient/x",
            "https://ehr.example.org/api/FHIR/R4/../STU3/Patient/x",
            "javascript:Patient/x",
        ] {
            assert_eq!(base().reference(text), None, "{text}");
        }
    }

    #[test]
    fn a_next_link_stays_on_the_server() {
        let own = "https://ehr.example.org/api/FHIR/R4?_getpages=7";
        assert_eq!(base().next_page(own).unwrap().as_str(), own);
        assert!(base().next_page("Appointment?page=2").is_some());
        for other in ["https://evil.example/x", "//evil.example/x", "http://ehr.example.org/x", "data:,x"] {
            assert_eq!(base().next_page(other), None, "{other}");
        }
    }

    #[test]
    fn a_base_is_a_plain_web_address() {
        for bad in ["ftp://x/", "https://a@x/", "https://x/?a", "https://x/#a", "data:,x", "x"] {
            assert_eq!(bad.parse::<FhirBase>(), Err(InvalidBase), "{bad}");
        }
    }

    proptest! {
        #[test]
        fn no_text_leads_out_of_the_base(text in "(https://ehr\\.example\\.org/api/FHIR/R4/|/|)(Patient|Appointment|[a-zA-Z.]*)[ -~]{0,40}") {
            if let Some(reference) = base().reference(&text) {
                let url = base().read_url(&reference);
                prop_assert_eq!(url.host_str(), Some("ehr.example.org"));
                let rest = url.path().strip_prefix("/api/FHIR/R4/").unwrap();
                prop_assert_eq!(rest.split('/').count(), 2);
                prop_assert_eq!(url.query(), None);
            }
        }
    }
}
