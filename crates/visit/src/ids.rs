//! Names of things. Each checks itself at construction, so that a `String`
//! does not travel.

use std::{fmt, str::FromStr};

use serde::{Deserialize, Serialize};

/// A text that is no such name.
#[derive(Debug, Clone, PartialEq, Eq, thiserror::Error)]
#[error("this is no {what}: {rule}")]
pub struct InvalidId {
    /// What was expected.
    pub what: &'static str,
    /// What it must look like.
    pub rule: &'static str,
}

macro_rules! id {
    ($(#[$doc:meta])* $name:ident, $what:literal, $rule:literal, $valid:expr) => {
        $(#[$doc])*
        #[derive(Clone, PartialEq, Eq, PartialOrd, Ord, Hash, Serialize, Deserialize)]
        #[serde(try_from = "String", into = "String")]
        pub struct $name(String);

        impl $name {
            /// The text form.
            pub fn as_str(&self) -> &str {
                &self.0
            }
        }

        impl TryFrom<String> for $name {
            type Error = InvalidId;

            fn try_from(text: String) -> Result<Self, InvalidId> {
                let valid: fn(&str) -> bool = $valid;
                if valid(&text) { Ok(Self(text)) } else { Err(InvalidId { what: $what, rule: $rule }) }
            }
        }

        impl FromStr for $name {
            type Err = InvalidId;

            fn from_str(text: &str) -> Result<Self, InvalidId> {
                text.to_owned().try_into()
            }
        }

        impl From<$name> for String {
            fn from(id: $name) -> String {
                id.0
            }
        }
    };
}

/// For ids that may stand in logs.
macro_rules! shown {
    ($($name:ident),*) => {$(
        impl fmt::Display for $name {
            fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
                f.write_str(&self.0)
            }
        }

        impl fmt::Debug for $name {
            fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
                write!(f, "{}({})", stringify!($name), self.0)
            }
        }
    )*};
}

/// For ids that tell who or which visit: `Debug` keeps them from logs.
macro_rules! hidden {
    ($($name:ident),*) => {$(
        impl fmt::Debug for $name {
            fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
                f.write_str(concat!(stringify!($name), "(…)"))
            }
        }
    )*};
}

id! {
    /// An EHR connection's id, as configured; stands in addresses.
    EhrId, "EHR connection id", "1 to 40 of a-z, 0-9 and -",
    |text| within(text, 40, |c| c.is_ascii_lowercase() || c.is_ascii_digit() || c == '-')
}
id! {
    /// One visit. 128 random bits, base64url.
    VisitId, "visit id", "22 characters of base64url", is_random_id
}
id! {
    /// One seat. 128 random bits, base64url; stands in the tab's address and
    /// opens nothing by itself.
    SeatId, "seat id", "22 characters of base64url", is_random_id
}
id! {
    /// The meeting backend's room of one visit. Random: never a CSN or
    /// patient id, which others can guess.
    RoomName, "room name", "22 characters of base64url", is_random_id
}
id! {
    /// The name of a meeting backend, as in the configuration.
    BackendName, "meeting backend", "1 to 40 of a-z, 0-9 and -",
    |text| within(text, 40, |c| c.is_ascii_lowercase() || c.is_ascii_digit() || c == '-')
}
id! {
    /// What all launches of one visit share: the CSN for one-to-one visits,
    /// the conference id for group visits.
    SessionId, "session id", "1 to 128 visible ASCII characters, and no %TOKEN%",
    |text| within(text, 128, |c| c.is_ascii_graphic()) && !is_unfilled(text)
}
id! {
    /// Epic's contact serial number: the identifier that an Appointment and
    /// its Encounter share.
    Csn, "CSN", "1 to 64 visible ASCII characters, and no %TOKEN%",
    |text| within(text, 64, |c| c.is_ascii_graphic()) && !is_unfilled(text)
}
id! {
    /// A FHIR resource's logical id. R4 says at most 64 characters; Epic's
    /// may be longer.
    FhirId, "FHIR id", "1 to 256 of A-Z, a-z, 0-9, - and .",
    |text| within(text, 256, |c| c.is_ascii_alphanumeric() || c == '-' || c == '.')
        && text != "." && text != ".."
}

id! {
    /// One connection of one seat to its room, as the meeting backend names
    /// it. A seat that rejoins has another.
    ConnectionId, "connection id", "1 to 128 visible ASCII characters",
    |text| within(text, 128, |c| c.is_ascii_graphic())
}

shown!(EhrId, VisitId, SeatId, BackendName, ConnectionId);
hidden!(RoomName, SessionId, Csn, FhirId);

impl From<Csn> for SessionId {
    /// A one-to-one visit's session id is its CSN.
    fn from(csn: Csn) -> Self {
        // Each CSN is within a session id's bounds.
        Self(csn.0)
    }
}

fn within(text: &str, longest: usize, allowed: fn(char) -> bool) -> bool {
    (1..=longest).contains(&text.len()) && text.chars().all(allowed)
}

/// A token of an FDI record (`%CSN%`) that the EHR did not fill in arrives as
/// it was written there, in every launch alike: taken as a name, it would bring
/// all patients into one visit.
fn is_unfilled(text: &str) -> bool {
    text.starts_with('%') && text.ends_with('%')
}

fn is_random_id(text: &str) -> bool {
    text.len() == 22 && text.chars().all(|c| c.is_ascii_alphanumeric() || c == '-' || c == '_')
}

#[cfg(test)]
mod tests {
    use proptest::prelude::*;

    use super::*;

    #[test]
    fn a_fhir_id_never_leaves_its_folder() {
        for bad in ["", ".", "..", "../x", "a/b", "a?b", "a#b", "a%2fb", "ä", "a b"] {
            assert!(bad.parse::<FhirId>().is_err(), "{bad}");
        }
        assert!("eVa-1.2".parse::<FhirId>().is_ok());
    }

    #[test]
    fn a_token_that_the_ehr_did_not_fill_in_names_no_visit() {
        for raw in ["%CSN%", "%CONFERENCEID%", "%EXTENSION;15354%", "%%", "%"] {
            assert!(raw.parse::<SessionId>().is_err() && raw.parse::<Csn>().is_err(), "{raw}");
        }
        assert!("100%".parse::<SessionId>().is_ok());
    }

    #[test]
    fn what_tells_who_is_not_in_debug() {
        let session: SessionId = "10000209577".parse().unwrap();
        assert_eq!(format!("{session:?}"), "SessionId(…)");
    }

    proptest! {
        #[test]
        fn every_csn_is_a_session_id(csn in "[!-~]{1,64}".prop_filter("filled in", |csn| !is_unfilled(csn))) {
            let parsed: Csn = csn.parse().unwrap();
            prop_assert!(csn.parse::<SessionId>().is_ok());
            let session = SessionId::from(parsed);
            prop_assert_eq!(session.as_str(), csn);
        }
    }
}
