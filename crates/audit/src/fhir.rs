//! FHIR R4 AuditEvent (<https://hl7.org/fhir/R4/auditevent.html>). The types
//! and subtypes are the DICOM codes that its value sets name.

use std::collections::BTreeMap;

use serde_json::{Value, json};
use visit::EhrId;

use crate::{Action, Actor, Entry, Outcome, Record, UnreadableEntry};

const DICOM: &str = "http://dicom.nema.org/resources/ontology/DCM";

/// What an export has to know of the installation that it comes from.
#[derive(Debug, Clone)]
pub struct Site {
    /// Its public URL without a `/` at the end; names our code systems too.
    pub url: String,
    /// The FHIR base of each EHR connection, without a `/` at the end.
    pub fhir_bases: BTreeMap<EhrId, String>,
}

/// An entry as an AuditEvent. Written with `to_string` it is one line.
pub fn audit_event(entry: &Entry, site: &Site) -> Result<Value, UnreadableEntry> {
    let record = entry.record()?;
    let (kind, action_code) = codes(&record.action);
    let mut event = json!({
        "resourceType": "AuditEvent",
        "id": entry.number.to_string(),
        "type": kind.category,
        "subtype": subtypes(kind.detail, &record.action, site),
        "action": action_code,
        "recorded": record.at.to_string(),
        "outcome": match record.outcome {
            Outcome::Success => "0",
            Outcome::Refused => "4",
        },
        "agent": [agent(&record.actor, site)],
        "source": {
            "site": site.url,
            "observer": {
                "identifier": { "system": "urn:ietf:rfc:3986", "value": site.url },
                "display": "Anteroom",
            },
            "type": [{
                "system": "http://terminology.hl7.org/CodeSystem/security-source-type",
                "code": "4",
                "display": "Application Server",
            }],
        },
    });
    let entities = entities(&record, site);
    if !entities.is_empty() {
        event["entity"] = entities.into();
    }
    Ok(event)
}

struct Kind {
    category: Value,
    detail: Option<Value>,
}

fn dicom(code: &str, display: &str) -> Value {
    json!({ "system": DICOM, "code": code, "display": display })
}

/// What DICOM calls it, and whether it creates, reads, updates, deletes or
/// executes.
fn codes(action: &Action) -> (Kind, &'static str) {
    let kind = |category, detail| Kind { category, detail };
    let activity = || dicom("110100", "Application Activity");
    let authentication = || dicom("110114", "User Authentication");
    let security = || dicom("110113", "Security Alert");
    match action {
        Action::Launched | Action::Arrived | Action::NotificationRetried { .. } => {
            (kind(activity(), None), "E")
        }
        Action::Admitted
        | Action::SentBack
        | Action::Removed
        | Action::Left
        | Action::Ended
        | Action::Reopened => (kind(activity(), None), "U"),
        Action::PersonPurged { .. } => (kind(activity(), None), "D"),
        Action::SignedIn | Action::SignInRefused => {
            (kind(authentication(), Some(dicom("110122", "Login"))), "E")
        }
        Action::SignedOut => (kind(authentication(), Some(dicom("110123", "Logout"))), "E"),
        Action::RecordsViewed => (kind(dicom("110112", "Query"), None), "R"),
        Action::ConfigurationChanged => {
            (kind(security(), Some(dicom("110131", "Software Configuration"))), "U")
        }
        Action::OperatorChanged { .. } => {
            (kind(security(), Some(dicom("110137", "User security Attributes Changed"))), "U")
        }
        Action::KeysRotated { .. } => {
            (kind(security(), Some(dicom("110129", "Security Configuration"))), "U")
        }
    }
}

fn subtypes(detail: Option<Value>, action: &Action, site: &Site) -> Vec<Value> {
    let own = json!({ "system": format!("{}/audit", site.url), "code": action.as_str() });
    detail.into_iter().chain([own]).collect()
}

fn agent(actor: &Actor, site: &Site) -> Value {
    match actor {
        Actor::Person { ehr, person } => {
            let kind = person.kind.as_str();
            let who = match site.fhir_bases.get(ehr) {
                Some(base) => json!({ "reference": format!("{base}/{person}"), "type": kind }),
                // A connection that is no longer configured.
                None => json!({
                    "type": kind,
                    "identifier": { "system": format!("{}/ehr/{ehr}", site.url), "value": person.to_string() },
                }),
            };
            json!({ "type": human(), "who": who, "requestor": true })
        }
        Actor::Operator { user } => json!({ "type": human(), "altId": user, "requestor": true }),
        Actor::System => json!({ "who": { "display": "Anteroom" }, "requestor": true }),
        Actor::Unknown { .. } => json!({ "requestor": true }),
    }
}

fn human() -> Value {
    json!({ "coding": [{
        "system": "http://terminology.hl7.org/CodeSystem/extra-security-role-type",
        "code": "humanuser",
        "display": "human user",
    }] })
}

/// What it was done to.
fn entities(record: &Record, site: &Site) -> Vec<Value> {
    let visit = record.visit.as_ref().map(|visit| ("visit", visit.as_str().to_owned()));
    let seat = record.seat.as_ref().map(|seat| ("seat", seat.as_str().to_owned()));
    let ehr = match &record.actor {
        Actor::Unknown { ehr: Some(ehr) } => Some(("ehr", ehr.as_str().to_owned())),
        _ => None,
    };
    let object = match &record.action {
        Action::NotificationRetried { notice } => Some(("notification", notice.to_string())),
        Action::OperatorChanged { operator } => Some(("operator", operator.clone())),
        Action::PersonPurged { person } => Some(("purged-person", person.as_str().to_owned())),
        Action::KeysRotated { key_id } => Some(("sealing-key", key_id.to_string())),
        _ => None,
    };
    let entity = |(what, value): (&str, String)| {
        json!({
            "what": { "identifier": { "system": format!("{}/{what}", site.url), "value": value } },
            "description": what,
        })
    };
    [visit, seat, ehr, object].into_iter().flatten().map(entity).collect()
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::{Chain, PersonDigest};

    fn export(record: &Record) -> Value {
        let ehr: EhrId = "lamna-test".parse().unwrap();
        let site = Site {
            url: "https://visits.example.org".to_owned(),
            fhir_bases: BTreeMap::from([(ehr, "https://ehr.example.org/R4".to_owned())]),
        };
        audit_event(&Chain::default().append(record), &site).unwrap()
    }

    fn record(action: Action, actor: Actor) -> Record {
        Record::new("2026-11-21T20:00:00.125Z".parse().unwrap(), action, actor)
    }

    fn finn(ehr: &str) -> Actor {
        Actor::Person { ehr: ehr.parse().unwrap(), person: "Practitioner/finn".parse().unwrap() }
    }

    #[test]
    fn an_admission_is_exported() {
        let admitted = record(Action::Admitted, finn("lamna-test")).in_visit(
            "0000000000000000000001".parse().unwrap(),
            Some("0000000000000000000002".parse().unwrap()),
        );
        insta::assert_json_snapshot!(export(&admitted), @r#"
        {
          "action": "U",
          "agent": [
            {
              "requestor": true,
              "type": {
                "coding": [
                  {
                    "code": "humanuser",
                    "display": "human user",
                    "system": "http://terminology.hl7.org/CodeSystem/extra-security-role-type"
                  }
                ]
              },
              "who": {
                "reference": "https://ehr.example.org/R4/Practitioner/finn",
                "type": "Practitioner"
              }
            }
          ],
          "entity": [
            {
              "description": "visit",
              "what": {
                "identifier": {
                  "system": "https://visits.example.org/visit",
                  "value": "0000000000000000000001"
                }
              }
            },
            {
              "description": "seat",
              "what": {
                "identifier": {
                  "system": "https://visits.example.org/seat",
                  "value": "0000000000000000000002"
                }
              }
            }
          ],
          "id": "1",
          "outcome": "0",
          "recorded": "2026-11-21T20:00:00.125Z",
          "resourceType": "AuditEvent",
          "source": {
            "observer": {
              "display": "Anteroom",
              "identifier": {
                "system": "urn:ietf:rfc:3986",
                "value": "https://visits.example.org"
              }
            },
            "site": "https://visits.example.org",
            "type": [
              {
                "code": "4",
                "display": "Application Server",
                "system": "http://terminology.hl7.org/CodeSystem/security-source-type"
              }
            ]
          },
          "subtype": [
            {
              "code": "admitted",
              "system": "https://visits.example.org/audit"
            }
          ],
          "type": {
            "code": "110100",
            "display": "Application Activity",
            "system": "http://dicom.nema.org/resources/ontology/DCM"
          }
        }
        "#);
    }

    #[test]
    fn a_refused_sign_in_is_exported() {
        let refused = record(Action::SignInRefused, Actor::Unknown { ehr: None }).refused();
        let event = export(&refused);
        assert_eq!((&event["outcome"], &event["type"]["code"]), (&json!("4"), &json!("110114")));
        assert_eq!(event["subtype"][0]["code"], "110122");
        assert_eq!(event["agent"], json!([{ "requestor": true }]));
        assert_eq!(event.get("entity"), None);
    }

    #[test]
    fn who_came_over_a_connection_that_is_gone_is_still_told() {
        let event = export(&record(Action::Launched, finn("gone")));
        assert_eq!(
            event["agent"][0]["who"],
            json!({
                "type": "Practitioner",
                "identifier": { "system": "https://visits.example.org/ehr/gone", "value": "Practitioner/finn" },
            })
        );
    }

    #[test]
    fn what_it_was_done_to_is_told() {
        let person = PersonDigest::of(&"lamna-test".parse().unwrap(), &"Patient/ada".parse().unwrap());
        let event = export(&record(
            Action::PersonPurged { person: person.clone() },
            Actor::Operator { user: "olga".to_owned() },
        ));
        assert_eq!(event["agent"][0]["altId"], "olga");
        assert_eq!(event["entity"][0]["what"]["identifier"]["value"], person.as_str());
        assert!(!event.to_string().contains("ada"));
    }

    #[test]
    fn an_export_is_one_line_for_each_entry() {
        let odd = Action::OperatorChanged { operator: "o\nlga".to_owned() };
        assert_eq!(export(&record(odd, Actor::System)).to_string().lines().count(), 1);
    }
}
