use std::str::FromStr;

use jiff::tz::TimeZone;
use visit::{Csn, InvalidId};

use crate::{FhirBase, element::Element, oddity::Oddity};

/// What has to be known of an EHR connection's FHIR server to ask it and to
/// understand it.
#[derive(Debug, Clone)]
pub struct FhirServer {
    /// Where it is.
    pub base: FhirBase,
    /// The zone of its days, and of times that bear none.
    pub time_zone: TimeZone,
    /// Which identifier is the CSN.
    pub csn_system: CsnSystem,
}

/// The identifier system of the CSN, which Appointment and Encounter share. A
/// text that starts with a dot is the end of a system, anything else a whole one.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct CsnSystem(String);

impl Default for CsnSystem {
    /// Epic's: `urn:oid:1.2.840.114350.1.13.<customer>.<environment>` and then
    /// this end, the same everywhere.
    fn default() -> Self {
        Self(".7.3.698084.8".to_owned())
    }
}

impl FromStr for CsnSystem {
    type Err = InvalidId;

    fn from_str(text: &str) -> Result<Self, InvalidId> {
        let visible = text.chars().all(|c| c.is_ascii_graphic());
        // "." alone would be the end of anything that ends in a dot.
        if visible && text.len() > 1 {
            Ok(Self(text.to_owned()))
        } else {
            Err(InvalidId {
                what: "CSN system",
                rule: "a URI, or a dot and the end of one, of visible ASCII characters",
            })
        }
    }
}

impl CsnSystem {
    fn names(&self, system: &str) -> bool {
        if self.0.starts_with('.') { system.ends_with(&self.0) } else { system == self.0 }
    }

    /// The resource's CSN. Two that differ are none: which of them names the
    /// visit is not ours to guess.
    pub(crate) fn csn_of(&self, resource: &Element<'_>, oddities: &mut Vec<Oddity>) -> Option<Csn> {
        let mut csns: Vec<Csn> = Vec::new();
        for identifier in resource.identifiers(oddities) {
            if identifier.0.system.as_deref().is_some_and(|system| self.names(system)) {
                csns.extend(identifier.0.value.as_deref().and_then(|value| value.trim().parse().ok()));
            }
        }
        csns.dedup();
        match <[Csn; 1]>::try_from(csns) {
            Ok([csn]) => Some(csn),
            Err(csns) => {
                if !csns.is_empty() {
                    oddities.push(Oddity::dropped(resource.path_of("identifier")));
                }
                None
            }
        }
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_system_is_named_whole_or_by_its_end() {
        let epic = CsnSystem::default();
        assert!(epic.names("urn:oid:1.2.840.114350.1.13.5325.1.7.3.698084.8"));
        assert!(!epic.names("urn:oid:1.2.840.114350.1.13.5325.1.7.3.698084.80"));
        let whole: CsnSystem = "https://ehr.example.org/visit-number".parse().unwrap();
        assert!(whole.names("https://ehr.example.org/visit-number"));
        assert!(!whole.names("https://evil.example/https://ehr.example.org/visit-number"));
        assert!("".parse::<CsnSystem>().is_err());
        assert!(".".parse::<CsnSystem>().is_err());
    }
}
