//! The patient's visits, as MyChart shows them.

use std::sync::Arc;

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
    cast::User,
    day::{Appointment, AppointmentStatus},
    ehr::Ehr,
};

#[derive(Template)]
#[template(path = "portal.html")]
struct Page<'a> {
    hospital: &'a str,
    user: User,
    /// Whose visits they are, where somebody acts for another.
    on_behalf_of: Option<String>,
    opens: Opens,
    visits: Vec<Visit>,
}

struct Visit {
    key: &'static str,
    kind: &'static str,
    with: String,
    when: String,
    cancelled: bool,
}

/// `GET /mychart?user=…`
pub(super) async fn get(State(ehr): State<Arc<Ehr>>, Query(query): Query<PageQuery>) -> Response {
    let (user, on_behalf_of) = match User::find(&query.user) {
        Some(user @ User::Patient(_)) => (user, None),
        Some(user @ User::Proxy(proxy)) => (user, Some(proxy.patient.name())),
        _ => return not_possible("Nobody with this key has a portal account here."),
    };
    let day = ehr.day();
    let visits = day.appointments().iter().filter(|visit| visit.is_open_to(user));
    let visits = visits.map(|appointment| visit(&ehr, appointment)).collect();
    let page = Page {
        hospital: &ehr.config.hospital,
        user,
        on_behalf_of,
        opens: query.open.unwrap_or(Opens::InTab),
        visits,
    };
    html(StatusCode::OK, &page)
}

fn visit(ehr: &Ehr, appointment: &Appointment) -> Visit {
    let zone = &ehr.checked.time_zone;
    let day = times::day(appointment.start, ehr.now(), zone);
    Visit {
        key: appointment.key,
        kind: appointment.visit_type,
        with: appointment.clinician.title(),
        when: format!("{day} at {}", times::time(appointment.start, zone)),
        cancelled: appointment.status == AppointmentStatus::Cancelled,
    }
}
