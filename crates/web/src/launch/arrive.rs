use std::{sync::Arc, time::Duration};

use axum::response::{IntoResponse, Response};
use axum_extra::extract::CookieJar;
use fhir::{DisplayText, FhirClient, FhirError, Resolution, ResolvedVisit};
use oauth::LaunchKind;
use reception::{Arrived, Arriving};
use storage::{SeatCard, VisitCard};
use tokio::time::{Instant, timeout_at};
use visit::FhirId;

use super::{choose, grant::Grant};
use crate::{
    cookies::{self, Purpose},
    device_test,
    headers::Framed,
    problem::{AtEhr, Problem, Trouble},
    respond::see,
    state::{AppState, Ehr},
};

/// The longest that a person waits for what the EHR answers, all steps
/// together.
pub(super) const PATIENCE: Duration = Duration::from_secs(10);

/// From what was granted to a seat: finds the visit, brings the person there
/// and sends the browser after them. `chosen` is what they chose among
/// several; `by` is when their patience ends.
pub(super) async fn go_to_visit(
    state: &AppState,
    ehr: &Arc<Ehr>,
    jar: CookieJar,
    grant: Grant,
    chosen: Option<FhirId>,
    by: Instant,
) -> Result<Response, Trouble> {
    if grant.kind == LaunchKind::DeviceTest {
        let answer = device_test::send_to_test(state, ehr, &grant.person).await.at(ehr)?;
        return Ok((jar, answer).into_response());
    }
    let client = FhirClient::new(Arc::clone(&state.http), Arc::clone(&ehr.fhir), grant.token());
    let (hint, launcher) = (grant.hint(ehr).at(ehr)?, grant.launcher().at(ehr)?);
    let resolution = timeout_at(by, async {
        match &chosen {
            None => fhir::resolve(&client, &hint, &launcher, &*state.clock, &ehr.rules).await,
            Some(id) => fhir::choose(&client, &hint, &launcher, id, &*state.clock, &ehr.rules).await,
        }
    });
    match resolution.await.unwrap_or(Err(FhirError::TooSlow(PATIENCE))).at(ehr)? {
        Resolution::Visit(visit) => {
            let arrived = arrive(state, ehr, &grant, *visit).await.at(ehr)?;
            let jar =
                cookies::give(state, jar, Purpose::Seat(&arrived.seat), &arrived.secret, arrived.expires_at);
            Ok((jar, framed(ehr, see(&format!("/seat/{}", arrived.seat)))).into_response())
        }
        Resolution::Choose(candidates) => {
            let (jar, answer) = choose::offer(state, ehr, jar, grant, candidates).await.at(ehr)?;
            Ok((jar, framed(ehr, answer)).into_response())
        }
        Resolution::Refused(refusal) => Err(Problem::from(refusal).at(ehr)),
    }
}

async fn arrive(
    state: &AppState,
    ehr: &Ehr,
    grant: &Grant,
    visit: ResolvedVisit,
) -> Result<Arrived, Problem> {
    let appointment = visit.appointment.as_ref();
    let arrived = state
        .reception
        .arrive(Arriving {
            ehr: ehr.id().clone(),
            session: visit.session_id.clone(),
            admittance: ehr.admittance,
            starts_at: appointment.and_then(|appointment| appointment.start),
            person: grant.person.clone(),
            role: grant.role,
            on_appointment: visit.listed,
            seat_card: Some(SeatCard {
                name: shown(visit.launcher_name.as_ref()),
                external_id: grant.external_id(ehr),
                launch_token: grant.kept_token(ehr),
            }),
            visit_card: Some(VisitCard {
                clinicians: visit.practitioners.iter().filter_map(|who| shown(who.name.as_ref())).collect(),
                patients: visit
                    .patients
                    .iter()
                    .filter_map(|patient| Some((patient.id.clone(), shown(patient.name.as_ref())?)))
                    .collect(),
                csn: visit.csn.clone(),
                ends_at: appointment.and_then(|appointment| appointment.end),
                patient_time_zone: None,
            }),
        })
        .await?;
    tracing::info!(ehr = %ehr.id(), seat = %arrived.seat, role = grant.role.as_str(), "somebody arrived");
    Ok(arrived)
}

fn shown(text: Option<&DisplayText>) -> Option<String> {
    text.map(|text| text.as_str().to_owned())
}

pub(super) fn framed(ehr: &Arc<Ehr>, mut response: Response) -> Response {
    response.extensions_mut().insert(Framed(Arc::clone(ehr)));
    response
}
