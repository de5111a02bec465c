use std::fmt;

use aws_lc_rs::digest::{SHA256, digest};
use jiff::Timestamp;
use serde::{Deserialize, Serialize};
use visit::{EhrId, Person, SeatId, VisitId};

/// One thing that somebody did.
///
/// Its JSON is what the chain is made of. A field may be added if it is left
/// out of the JSON of records without it; none is ever renamed.
#[derive(Debug, Clone, PartialEq, Eq, Serialize, Deserialize)]
pub struct Record {
    /// When.
    pub at: Timestamp,
    /// What.
    #[serde(flatten)]
    pub action: Action,
    /// How it went.
    pub outcome: Outcome,
    /// Who.
    pub actor: Actor,
    /// In which visit, if in one.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub visit: Option<VisitId>,
    /// The seat that it was done to, if to one.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub seat: Option<SeatId>,
}

impl Record {
    /// Something outside any visit that went well.
    pub fn new(at: Timestamp, action: Action, actor: Actor) -> Self {
        Self { at, action, outcome: Outcome::Success, actor, visit: None, seat: None }
    }

    /// The same, refused.
    #[must_use]
    pub fn refused(self) -> Self {
        Self { outcome: Outcome::Refused, ..self }
    }

    /// The same, in this visit.
    #[must_use]
    pub fn in_visit(self, visit: VisitId, seat: Option<SeatId>) -> Self {
        Self { visit: Some(visit), seat, ..self }
    }
}

/// What was done.
#[derive(Debug, Clone, PartialEq, Eq, Serialize, Deserialize)]
#[serde(tag = "kind", rename_all = "kebab-case")]
pub enum Action {
    /// An EHR launch came to its end: it proved who launched, or was refused.
    Launched,
    /// Somebody took a seat, or took it again.
    Arrived,
    /// Somebody was let in.
    Admitted,
    /// Somebody was sent back to the waiting room.
    SentBack,
    /// Somebody was removed.
    Removed,
    /// Somebody left.
    Left,
    /// The visit was ended.
    Ended,
    /// The visit was reopened.
    Reopened,
    /// An operator signed in.
    SignedIn,
    /// An operator's sign-in was refused.
    SignInRefused,
    /// An operator signed out.
    SignedOut,
    /// The program runs with another configuration.
    ConfigurationChanged,
    /// An operator looked at records.
    RecordsViewed,
    /// An operator had a failed notification tried again.
    NotificationRetried {
        /// Its number.
        notice: i64,
    },
    /// An operator was added, or got another password.
    OperatorChanged {
        /// The user name.
        operator: String,
    },
    /// A person's data was purged.
    PersonPurged {
        /// Who.
        person: PersonDigest,
    },
    /// What older keys had sealed is sealed under another key.
    KeysRotated {
        /// The id of the key that seals now.
        key_id: u32,
    },
}

impl Action {
    /// Its name in records and exports.
    pub fn as_str(&self) -> &'static str {
        match self {
            Self::Launched => "launched",
            Self::Arrived => "arrived",
            Self::Admitted => "admitted",
            Self::SentBack => "sent-back",
            Self::Removed => "removed",
            Self::Left => "left",
            Self::Ended => "ended",
            Self::Reopened => "reopened",
            Self::SignedIn => "signed-in",
            Self::SignInRefused => "sign-in-refused",
            Self::SignedOut => "signed-out",
            Self::ConfigurationChanged => "configuration-changed",
            Self::RecordsViewed => "records-viewed",
            Self::NotificationRetried { .. } => "notification-retried",
            Self::OperatorChanged { .. } => "operator-changed",
            Self::PersonPurged { .. } => "person-purged",
            Self::KeysRotated { .. } => "keys-rotated",
        }
    }
}

/// How it went.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Serialize, Deserialize)]
#[serde(rename_all = "kebab-case")]
pub enum Outcome {
    /// It was done.
    Success,
    /// It was refused.
    Refused,
}

/// Who did it.
#[derive(Debug, Clone, PartialEq, Eq, Serialize, Deserialize)]
#[serde(tag = "type", rename_all = "kebab-case")]
pub enum Actor {
    /// Somebody whom the EHR has proved.
    Person {
        /// The EHR connection.
        ehr: EhrId,
        /// Who they are to it.
        person: Person,
    },
    /// An operator of this installation. Only a user name that exists: what
    /// somebody typed in vain may be a password.
    Operator {
        /// The user name.
        user: String,
    },
    /// The program by its own rules: admittance, its command line.
    System,
    /// Somebody who was not recognized.
    Unknown {
        /// The EHR connection over which they came, if over one.
        #[serde(default, skip_serializing_if = "Option::is_none")]
        ehr: Option<EhrId>,
    },
}

/// Stands for a purged person: SHA-256 of `ehr/Type/id`. It answers "was this
/// one purged?" to somebody who has the id, and is no anonymization: short ids
/// can be tried.
#[derive(Clone, PartialEq, Eq, Serialize, Deserialize)]
pub struct PersonDigest(String);

impl PersonDigest {
    /// The digest of this person.
    pub fn of(ehr: &EhrId, person: &Person) -> Self {
        let digest = digest(&SHA256, format!("{ehr}/{person}").as_bytes());
        Self(Hex(digest.as_ref()).to_string())
    }

    /// 64 hexadecimal digits.
    pub fn as_str(&self) -> &str {
        &self.0
    }
}

impl fmt::Debug for PersonDigest {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        write!(f, "PersonDigest({})", self.0)
    }
}

/// Shows bytes as hexadecimal digits.
pub(crate) struct Hex<'a>(pub(crate) &'a [u8]);

impl fmt::Display for Hex<'_> {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        self.0.iter().try_for_each(|byte| write!(f, "{byte:02x}"))
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn the_json_of_a_record_never_changes() {
        let actor = Actor::Person {
            ehr: "lamna-test".parse().unwrap(),
            person: "Practitioner/finn".parse().unwrap(),
        };
        let record = Record::new("2026-11-21T20:00:00.125Z".parse().unwrap(), Action::Admitted, actor)
            .in_visit(
                "0000000000000000000001".parse().unwrap(),
                Some("0000000000000000000002".parse().unwrap()),
            );
        insta::assert_snapshot!(serde_json::to_string(&record).unwrap(), @r#"{"at":"2026-11-21T20:00:00.125Z","kind":"admitted","outcome":"success","actor":{"type":"person","ehr":"lamna-test","person":"Practitioner/finn"},"visit":"0000000000000000000001","seat":"0000000000000000000002"}"#);
        let unknown = Actor::Unknown { ehr: None };
        let refused = Record::new(Timestamp::UNIX_EPOCH, Action::SignInRefused, unknown).refused();
        insta::assert_snapshot!(serde_json::to_string(&refused).unwrap(), @r#"{"at":"1970-01-01T00:00:00Z","kind":"sign-in-refused","outcome":"refused","actor":{"type":"unknown"}}"#);
    }

    #[test]
    fn every_kind_is_written_by_its_name_and_read_again() {
        let digest = PersonDigest::of(&"lamna-test".parse().unwrap(), &"Patient/ada".parse().unwrap());
        let actions = [
            Action::Launched,
            Action::Arrived,
            Action::Admitted,
            Action::SentBack,
            Action::Removed,
            Action::Left,
            Action::Ended,
            Action::Reopened,
            Action::SignedIn,
            Action::SignInRefused,
            Action::SignedOut,
            Action::ConfigurationChanged,
            Action::RecordsViewed,
            Action::NotificationRetried { notice: 7 },
            Action::OperatorChanged { operator: "olga".to_owned() },
            Action::PersonPurged { person: digest },
            Action::KeysRotated { key_id: 2 },
        ];
        for action in actions {
            let record = Record::new(Timestamp::UNIX_EPOCH, action, Actor::System);
            let json = serde_json::to_value(&record).unwrap();
            assert_eq!(json["kind"], record.action.as_str());
            assert_eq!(serde_json::from_value::<Record>(json).unwrap(), record);
        }
    }
}
