use std::sync::Arc;

use askama::Template;
use axum::{
    extract::State,
    response::{Redirect, Response},
};
use http::StatusCode;

use super::{html, times};
use crate::{
    cast::{CLINICIANS, PATIENTS, PROXIES},
    day::Appointment,
    ehr::Ehr,
};

#[derive(Template)]
#[template(path = "index.html")]
struct Page<'a> {
    hospital: &'a str,
    now: String,
    clinicians: Vec<Person>,
    portal: Vec<Person>,
}

struct Person {
    key: &'static str,
    name: String,
    about: String,
}

/// `GET /`
pub(super) async fn get(State(ehr): State<Arc<Ehr>>) -> Response {
    let now = ehr.now();
    let zone = &ehr.checked.time_zone;
    let day = ehr.day();
    let visits_of = |wanted: &dyn Fn(&Appointment) -> bool| {
        let visits = day.appointments().iter().filter(|visit| wanted(visit));
        let described = visits.map(|visit| {
            format!("{} {}", times::day(visit.start, now, zone), times::time(visit.start, zone))
        });
        described.collect::<Vec<_>>().join("; ")
    };
    let clinicians = CLINICIANS.into_iter().map(|clinician| Person {
        key: clinician.key,
        name: clinician.title(),
        about: clinician.specialty.to_owned(),
    });
    let patients = PATIENTS.into_iter().map(|patient| Person {
        key: patient.key,
        name: patient.name(),
        about: visits_of(&|visit| visit.patient == patient),
    });
    let proxies = PROXIES.into_iter().map(|proxy| Person {
        key: proxy.key,
        name: proxy.name(),
        about: format!("{} of {}", proxy.relationship, proxy.patient.name()),
    });
    let page = Page {
        hospital: &ehr.config.hospital,
        now: times::moment(now, zone),
        clinicians: clinicians.collect(),
        portal: patients.chain(proxies).collect(),
    };
    html(StatusCode::OK, &page)
}

/// `POST /sandbox/reset`
pub(super) async fn reset(State(ehr): State<Arc<Ehr>>) -> Redirect {
    ehr.reset();
    Redirect::to("/")
}
