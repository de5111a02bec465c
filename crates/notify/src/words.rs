use std::{fmt, str::FromStr};

use crate::InvalidSetting;

/// A parameter's name or value as the EHR wants it: 1 to 100 characters, no
/// control characters, no blanks at its ends.
#[derive(Debug, Clone, PartialEq, Eq, Hash)]
pub struct Word(String);

impl Word {
    /// The text form.
    pub fn as_str(&self) -> &str {
        &self.0
    }

    /// For the defaults that stand in this crate.
    pub(crate) fn known(text: &'static str) -> Self {
        Self(text.to_owned())
    }
}

impl fmt::Display for Word {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.write_str(&self.0)
    }
}

impl FromStr for Word {
    type Err = InvalidSetting;

    fn from_str(text: &str) -> Result<Self, InvalidSetting> {
        let fits = (1..=100).contains(&text.chars().count());
        if fits && text.trim() == text && !text.chars().any(char::is_control) {
            Ok(Self(text.to_owned()))
        } else {
            Err(InvalidSetting {
                what: "word of a status report",
                rule: "1 to 100 characters without control characters or blanks at the ends",
            })
        }
    }
}

/// What the parameters of a report are called.
///
/// The defaults are those of both 2018 paths of Epic's
/// SetExternalConnectionStatus that are publicly known (confirmed).
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct ParameterNames {
    /// The session id: `ConferenceID`.
    pub conference_id: Word,
    /// The person: `ExternalID`.
    pub external_id: Word,
    /// What kind of id that is: `ExternalIDType`.
    pub external_id_type: Word,
    /// Who reports: `VendorName`.
    pub vendor_name: Word,
    /// Connected or disconnected: `ConnectionStatus`.
    pub connection_status: Word,
}

impl Default for ParameterNames {
    fn default() -> Self {
        Self {
            conference_id: Word::known("ConferenceID"),
            external_id: Word::known("ExternalID"),
            external_id_type: Word::known("ExternalIDType"),
            vendor_name: Word::known("VendorName"),
            connection_status: Word::known("ConnectionStatus"),
        }
    }
}

/// The words of a report that are the same for everybody.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Vocabulary {
    vendor_name: Word,
    names: ParameterNames,
    connected: Word,
    disconnected: Word,
}

impl Vocabulary {
    /// Words of a report. Two parameters of one name, or one value for both
    /// states, are refused.
    pub fn new(
        vendor_name: Word,
        names: ParameterNames,
        connected: Word,
        disconnected: Word,
    ) -> Result<Self, InvalidSetting> {
        if connected == disconnected {
            return Err(InvalidSetting {
                what: "pair of status values",
                rule: "connected and disconnected must differ",
            });
        }
        let all = [
            &names.conference_id,
            &names.external_id,
            &names.external_id_type,
            &names.vendor_name,
            &names.connection_status,
        ];
        if (1..all.len()).any(|at| all[..at].contains(&all[at])) {
            return Err(InvalidSetting {
                what: "set of parameter names",
                rule: "each parameter needs a name of its own",
            });
        }
        Ok(Self { vendor_name, names, connected, disconnected })
    }

    /// Who reports.
    pub fn vendor_name(&self) -> &Word {
        &self.vendor_name
    }

    /// What the parameters are called.
    pub fn names(&self) -> &ParameterNames {
        &self.names
    }

    /// The value that says connected.
    pub fn connected(&self) -> &Word {
        &self.connected
    }

    /// The value that says disconnected.
    pub fn disconnected(&self) -> &Word {
        &self.disconnected
    }
}

impl Default for Vocabulary {
    /// `Anteroom`, the default names, `1` for connected and `2` for
    /// disconnected. `1` is seen in public examples ("Online"); the value for
    /// disconnected is not publicly documented, and `2` is an assumption that
    /// has to be checked with the EHR's customer.
    fn default() -> Self {
        Self {
            vendor_name: Word::known("Anteroom"),
            names: ParameterNames::default(),
            connected: Word::known("1"),
            disconnected: Word::known("2"),
        }
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    fn word(text: &str) -> Word {
        text.parse().unwrap()
    }

    #[test]
    fn a_word_is_short_and_plain() {
        assert_eq!(word("Telehealth Vendor").as_str(), "Telehealth Vendor");
        for bad in ["", " x", "x ", "a\nb", &"x".repeat(101)] {
            assert!(bad.parse::<Word>().is_err(), "{bad:?}");
        }
    }

    #[test]
    fn both_states_need_values_of_their_own() {
        let refused = Vocabulary::new(word("A"), ParameterNames::default(), word("1"), word("1"));
        assert_eq!(
            refused.unwrap_err().to_string(),
            "this is no pair of status values: connected and disconnected must differ"
        );
    }

    #[test]
    fn two_parameters_of_one_name_are_refused() {
        let names = ParameterNames { external_id: word("ConferenceID"), ..ParameterNames::default() };
        assert!(Vocabulary::new(word("A"), names, word("1"), word("2")).is_err());
    }

    #[test]
    fn the_defaults_obey_the_rules() {
        let Vocabulary { vendor_name, names, connected, disconnected } = Vocabulary::default();
        assert!(Vocabulary::new(vendor_name, names, connected, disconnected).is_ok());
    }
}
