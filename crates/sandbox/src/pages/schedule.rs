//! The clinician's day, as Hyperspace shows it.

use std::{collections::HashSet, sync::Arc};

use askama::Template;
use axum::{
    extract::{Query, State},
    response::Response,
};
use http::StatusCode;

use super::{
    html,
    links::{Opens, PageQuery},
    not_possible, times,
};
use crate::{
    cast::{Clinician, User},
    day::{Appointment, AppointmentStatus},
    ehr::Ehr,
    status::Connected,
};

#[derive(Template)]
#[template(path = "schedule.html")]
struct Page<'a> {
    hospital: &'a str,
    clinician: &'static Clinician,
    now: String,
    opens: Opens,
    visits: Vec<Visit>,
}

struct Visit {
    key: &'static str,
    day: String,
    time: String,
    kind: &'static str,
    /// Whose names label the buttons.
    with: String,
    cancelled: bool,
    patients: Vec<Participant>,
    clinician: Light,
}

struct Participant {
    name: String,
    born: &'static str,
    lights: Vec<Light>,
}

struct Light {
    conference_id: String,
    person: &'static str,
    who: String,
    connected: bool,
}

/// `GET /hyperspace?user=…`
pub(super) async fn get(State(ehr): State<Arc<Ehr>>, Query(query): Query<PageQuery>) -> Response {
    let Some(clinician) = Clinician::find(&query.user) else {
        return not_possible("Nobody with this key has a schedule here.");
    };
    let own: Vec<Appointment> =
        ehr.day().appointments().iter().filter(|visit| visit.clinician == clinician).cloned().collect();
    let page = Page {
        hospital: &ehr.config.hospital,
        clinician,
        now: times::moment(ehr.now(), &ehr.checked.time_zone),
        opens: query.open.unwrap_or(Opens::InPage),
        visits: visits(&ehr, &own),
    };
    html(StatusCode::OK, &page)
}

/// One row for each visit; the members of a group share one.
fn visits(ehr: &Ehr, appointments: &[Appointment]) -> Vec<Visit> {
    let connected = ehr.status.connected();
    let mut seen = HashSet::new();
    appointments
        .iter()
        .filter(|appointment| seen.insert(&appointment.conference_id))
        .map(|first| {
            let members: Vec<_> =
                appointments.iter().filter(|other| other.conference_id == first.conference_id).collect();
            visit(ehr, first, &members, &connected)
        })
        .collect()
}

fn visit(ehr: &Ehr, first: &Appointment, members: &[&Appointment], connected: &HashSet<Connected>) -> Visit {
    let zone = &ehr.checked.time_zone;
    let light = |person: User, who: String| {
        let connection = Connected { conference_id: first.conference_id.clone(), person: person.key() };
        Light {
            connected: connected.contains(&connection),
            conference_id: connection.conference_id,
            person: connection.person,
            who,
        }
    };
    let patients = members.iter().map(|member| {
        let patient = member.patient;
        let proxies = patient
            .proxies()
            .map(|proxy| light(User::Proxy(proxy), format!("{} ({})", proxy.name(), proxy.relationship)));
        Participant {
            name: patient.name(),
            born: patient.birth_date,
            lights: std::iter::once(light(User::Patient(patient), "Patient".to_owned()))
                .chain(proxies)
                .collect(),
        }
    });
    let names: Vec<_> = members.iter().map(|member| member.patient.name()).collect();
    Visit {
        key: first.key,
        day: times::day(first.start, ehr.now(), zone),
        time: times::time(first.start, zone),
        kind: first.visit_type,
        with: names.join(", "),
        cancelled: first.status == AppointmentStatus::Cancelled,
        patients: patients.collect(),
        clinician: light(User::Clinician(first.clinician), "You".to_owned()),
    }
}
