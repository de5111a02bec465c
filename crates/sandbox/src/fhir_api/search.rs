//! Searches for Appointment and Encounter, with the parameters that Epic
//! documents and `practitioner`, which its newer versions list.

use serde_json::{Value, json};

use super::{
    date_search::DateFilter,
    refusal::{Refusal, outcome},
    resources,
};
use crate::{cast::PATIENTS, day::Appointment, ehr::Ehr, identifiers::CSN, oauth::Holder};

/// The Bundle that answers this query.
pub(super) fn run(ehr: &Ehr, holder: Holder, resource_type: &str, query: &str) -> Result<Value, Refusal> {
    let kind = match resource_type {
        "Appointment" => Searched::Appointment,
        "Encounter" => Searched::Encounter,
        other => return Err(Refusal::UnknownType(other.to_owned())),
    };
    let filters = Filters::read(ehr, kind, query)?;
    filters.check_reach(holder)?;
    let found: Vec<Appointment> = ehr
        .day()
        .appointments()
        .iter()
        .filter(|appointment| filters.admit(kind, appointment) && holder.may_see(appointment.patient))
        .cloned()
        .collect();
    let address = format!("{}/{resource_type}", ehr.urls.fhir());
    Ok(bundle(&address, query, found.iter().map(|appointment| kind.resource(appointment))))
}

#[derive(Debug, Clone, Copy, PartialEq, Eq)]
enum Searched {
    Appointment,
    Encounter,
}

impl Searched {
    fn id(self, appointment: &Appointment) -> String {
        match self {
            Self::Appointment => appointment.fhir_id(),
            Self::Encounter => appointment.encounter_fhir_id(),
        }
    }

    fn status(self, appointment: &Appointment) -> &'static str {
        match self {
            Self::Appointment => appointment.status.appointment_code(),
            Self::Encounter => appointment.status.encounter_code(),
        }
    }

    fn resource(self, appointment: &Appointment) -> Value {
        match self {
            Self::Appointment => resources::appointment(appointment),
            Self::Encounter => resources::encounter(appointment),
        }
    }
}

#[derive(Debug, Default)]
struct Filters {
    id: Option<String>,
    identifier: Option<String>,
    patient: Option<String>,
    practitioner: Option<String>,
    dates: Vec<DateFilter>,
    statuses: Option<Vec<String>>,
}

impl Filters {
    fn read(ehr: &Ehr, kind: Searched, query: &str) -> Result<Self, Refusal> {
        let mut filters = Self::default();
        for (name, value) in url::form_urlencoded::parse(query.as_bytes()) {
            let value = value.into_owned();
            match &*name {
                "_id" => filters.id = Some(value),
                "identifier" => filters.identifier = Some(csn_of(&value)?),
                "patient" | "subject" => filters.patient = Some(local_id(&value, "Patient")),
                "practitioner" if kind == Searched::Appointment => {
                    filters.practitioner = Some(local_id(&value, "Practitioner"));
                }
                "date" => filters.dates.push(
                    DateFilter::parse(&value, &ehr.checked.time_zone)
                        .ok_or_else(|| Refusal::InvalidParameter("date cannot be read".to_owned()))?,
                ),
                "status" => filters.statuses = Some(value.split(',').map(str::to_owned).collect()),
                // No answer here is longer than a page.
                "_count" | "_format" => {}
                unknown => {
                    return Err(Refusal::InvalidParameter(format!(
                        "{unknown} is no parameter of this search"
                    )));
                }
            }
        }
        if filters.id.is_none()
            && filters.identifier.is_none()
            && filters.patient.is_none()
            && filters.practitioner.is_none()
        {
            let needed = "one of patient, practitioner, identifier or _id is needed";
            return Err(Refusal::InvalidParameter(needed.to_owned()));
        }
        Ok(filters)
    }

    /// To ask for another patient is refused as such, not answered by nothing.
    fn check_reach(&self, holder: Holder) -> Result<(), Refusal> {
        let asked = self.patient.as_ref().and_then(|id| PATIENTS.into_iter().find(|p| p.fhir_id() == *id));
        match asked {
            Some(patient) if !holder.may_see(patient) => Err(Refusal::AnotherPatient),
            _ => Ok(()),
        }
    }

    fn admit(&self, kind: Searched, appointment: &Appointment) -> bool {
        let is = |wanted: &Option<String>, found: &str| wanted.as_ref().is_none_or(|wanted| wanted == found);
        is(&self.id, &kind.id(appointment))
            && is(&self.identifier, &appointment.csn)
            && is(&self.patient, &appointment.patient.fhir_id())
            && is(&self.practitioner, &appointment.clinician.fhir_id())
            && self.dates.iter().all(|date| date.admits(appointment.start))
            && self
                .statuses
                .as_ref()
                .is_none_or(|statuses| statuses.iter().any(|status| status == kind.status(appointment)))
    }
}

/// The CSN of `{system}|{value}`, which Epic wants in full.
fn csn_of(identifier: &str) -> Result<String, Refusal> {
    match identifier.split_once('|') {
        Some((CSN, csn)) => Ok(csn.to_owned()),
        Some(_) => {
            Err(Refusal::InvalidParameter("identifier names a system that is not in use here".to_owned()))
        }
        None => Err(Refusal::InvalidParameter("identifier is not <code system>|<code>".to_owned())),
    }
}

fn local_id(reference: &str, resource_type: &str) -> String {
    let prefix = format!("{resource_type}/");
    reference.rsplit_once(&prefix).map_or(reference, |(_, id)| id).to_owned()
}

/// A searchset. Where nothing was found it says so in a resource of its own,
/// which a client must not take for a result.
fn bundle(address: &str, query: &str, resources: impl Iterator<Item = Value>) -> Value {
    let mut entries: Vec<Value> = resources
        .map(|resource| {
            let url = format!("{address}/{}", resource["id"].as_str().unwrap_or_default());
            json!({
                "link": [{"relation": "self", "url": url}],
                "fullUrl": url,
                "resource": resource,
                "search": {"mode": "match"},
            })
        })
        .collect();
    let total = entries.len();
    if entries.is_empty() {
        entries.push(json!({
            "resource": outcome("warning", "processing", "4101", "Resource request returns no results."),
            "search": {"mode": "outcome"},
        }));
    }
    json!({
        "resourceType": "Bundle",
        "type": "searchset",
        "total": total,
        "link": [{"relation": "self", "url": format!("{address}?{query}")}],
        "entry": entries,
    })
}
