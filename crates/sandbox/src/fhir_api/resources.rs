//! The resources, in the shape of Epic's samples: references with a display,
//! no participant types, no `virtualService`, no appointment in an Encounter.

use serde_json::{Value, json};

use crate::{
    cast::{Clinician, Patient, Proxy},
    day::Appointment,
    identifiers::{CSN, EMPLOYEE, ENCOUNTER_CLASS, ENCOUNTER_TYPE, MRN, NPI, VISIT_TYPE, fhir_id},
};

const PLACE: &str = "Video Visits";

pub(super) fn patient(patient: &Patient) -> Value {
    json!({
        "resourceType": "Patient",
        "id": patient.fhir_id(),
        "identifier": [{"use": "usual", "type": {"text": "MRN"}, "system": MRN, "value": patient.mrn}],
        "active": true,
        "name": [human_name("official", patient.given, patient.family), human_name("usual", patient.given, patient.family)],
        "gender": patient.gender,
        "birthDate": patient.birth_date,
        "communication": [{
            "language": {"coding": [{"system": "urn:ietf:bcp:47", "code": "en", "display": "English"}], "text": "English"},
            "preferred": true,
        }],
    })
}

pub(super) fn practitioner(clinician: &Clinician) -> Value {
    let mut name = human_name("usual", clinician.given, clinician.family);
    name["text"] = clinician.title().into();
    name["suffix"] = json!([clinician.suffix]);
    json!({
        "resourceType": "Practitioner",
        "id": clinician.fhir_id(),
        "identifier": [
            {"use": "usual", "type": {"text": "NPI"}, "system": NPI, "value": clinician.npi},
            {"use": "usual", "type": {"text": "EXTERNAL"}, "system": EMPLOYEE, "value": clinician.external_id},
        ],
        "active": true,
        "name": [name],
        "gender": clinician.gender,
        "qualification": [{"code": {"text": clinician.suffix}}],
    })
}

pub(super) fn related_person(proxy: &Proxy) -> Value {
    json!({
        "resourceType": "RelatedPerson",
        "id": proxy.fhir_id(),
        "active": true,
        "patient": patient_reference(proxy.patient),
        "relationship": [{
            "coding": [{
                "system": "http://terminology.hl7.org/CodeSystem/v3-RoleCode",
                "code": proxy.relationship_code,
                "display": proxy.relationship,
            }],
            "text": proxy.relationship,
        }],
        "name": [human_name("usual", proxy.given, proxy.family)],
        "gender": proxy.gender,
    })
}

pub(super) fn appointment(appointment: &Appointment) -> Value {
    let start = appointment.start.to_string();
    let end = appointment.end.to_string();
    let participant = |actor: Value| {
        json!({
            "actor": actor,
            "required": "required",
            "status": "accepted",
            "period": {"start": start, "end": end},
        })
    };
    json!({
        "resourceType": "Appointment",
        "id": appointment.fhir_id(),
        "identifier": [{"system": CSN, "value": appointment.csn}],
        "status": appointment.status.appointment_code(),
        "serviceCategory": [{
            "coding": [{
                "system": "http://open.epic.com/FHIR/StructureDefinition/appointment-service-category",
                "code": "appointment",
                "display": "Appointment",
            }],
            "text": "appointment",
        }],
        "serviceType": [{"coding": [visit_type(appointment)]}],
        "appointmentType": {"coding": [{"system": "urn:oid:2.16.840.1.113883.5.4", "code": "AMB", "display": "Ambulatory"}]},
        "start": start,
        "end": end,
        "minutesDuration": (appointment.end - appointment.start).get_seconds() / 60,
        "participant": [
            participant(patient_reference(appointment.patient)),
            participant(practitioner_reference(appointment.clinician)),
            participant(json!({"reference": format!("Location/{}", fhir_id("Location", "video-visits")), "display": PLACE})),
        ],
    })
}

pub(super) fn encounter(appointment: &Appointment) -> Value {
    json!({
        "resourceType": "Encounter",
        "id": appointment.encounter_fhir_id(),
        "identifier": [{"use": "usual", "system": CSN, "value": appointment.csn}],
        "status": appointment.status.encounter_code(),
        "class": {"system": ENCOUNTER_CLASS, "code": "5", "display": "Appointment"},
        "type": [
            {"coding": [{"system": ENCOUNTER_TYPE, "code": "76", "display": "Telemedicine"}], "text": "Telemedicine"},
            {"coding": [visit_type(appointment)], "text": appointment.visit_type},
        ],
        "subject": patient_reference(appointment.patient),
        "participant": [{
            "period": {"start": appointment.start.to_string(), "end": appointment.end.to_string()},
            "individual": practitioner_reference(appointment.clinician),
        }],
        "period": {"start": appointment.start.to_string(), "end": appointment.end.to_string()},
        "location": [{"location": {"reference": format!("Location/{}", fhir_id("Location", "video-visits")), "display": PLACE}}],
    })
}

fn human_name(usage: &str, given: &str, family: &str) -> Value {
    json!({"use": usage, "text": format!("{given} {family}"), "family": family, "given": [given]})
}

fn patient_reference(patient: &Patient) -> Value {
    // Epic displays patients family name first.
    json!({
        "reference": format!("Patient/{}", patient.fhir_id()),
        "display": format!("{}, {}", patient.family, patient.given),
    })
}

fn practitioner_reference(clinician: &Clinician) -> Value {
    json!({
        "reference": format!("Practitioner/{}", clinician.fhir_id()),
        "type": "Practitioner",
        "display": clinician.title(),
    })
}

fn visit_type(appointment: &Appointment) -> Value {
    let code = if appointment.is_group { "2145" } else { "2140" };
    json!({"system": VISIT_TYPE, "code": code, "display": appointment.visit_type})
}
