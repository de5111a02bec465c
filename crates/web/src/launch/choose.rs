use std::sync::Arc;

use axum::{
    Form,
    extract::{Path, State},
    response::Response,
};
use axum_extra::extract::CookieJar;
use fhir::Candidate;
use jiff::{SignedDuration, Timestamp};
use outside::RandomExt;
use serde::{Deserialize, Serialize};
use storage::{PendingKind, TokenHash};
use tokio::time::Instant;
use visit::{EhrId, FhirId};

use super::{
    arrive::{self, framed, go_to_visit},
    grant::Grant,
};
use crate::{
    cookies::{self, Purpose},
    csrf,
    pages::{AppointmentTime, ChooseVisitPage, Shell, VisitChoice},
    problem::{AtEhr, Problem, Trouble},
    respond::{html, see},
    state::{AppState, Ehr},
};

/// How long somebody may take to choose.
const PATIENCE: SignedDuration = SignedDuration::from_mins(10);

/// A launch that waits for its person to choose.
#[derive(Serialize, Deserialize)]
struct Offer {
    ehr: EhrId,
    grant: Grant,
    choices: Vec<Choice>,
}

#[derive(Serialize, Deserialize)]
struct Choice {
    appointment: FhirId,
    starts_at: Option<Timestamp>,
    with: Vec<String>,
}

#[derive(Deserialize)]
pub(super) struct Chosen {
    csrf: String,
    choice: FhirId,
}

/// Keeps the launch and sends the browser to the page of choices, whose
/// address holds no code.
pub(super) async fn offer(
    state: &AppState,
    ehr: &Arc<Ehr>,
    jar: CookieJar,
    grant: Grant,
    candidates: Vec<Candidate>,
) -> Result<(CookieJar, Response), Problem> {
    let choices = candidates.into_iter().map(|candidate| Choice {
        appointment: candidate.appointment,
        starts_at: candidate.start,
        with: candidate.with.iter().map(|name| name.as_str().to_owned()).collect(),
    });
    let expires_at = state.clock.now() + PATIENCE;
    let offer = Offer { ehr: ehr.id().clone(), grant, choices: choices.collect() };
    let (id, secret) = (state.random.token::<9>(), state.random.token::<32>());
    let payload = serde_json::to_vec(&offer)?;
    state.pending.put(PendingKind::Choice, TokenHash::of(&secret), &payload, expires_at).await?;
    let jar = cookies::give(state, jar, Purpose::Choice(&id), &secret, expires_at);
    Ok((jar, see(&format!("/ehr/{}/choose/{id}", ehr.id()))))
}

pub(super) async fn get(
    State(state): State<AppState>,
    Path((ehr, id)): Path<(EhrId, String)>,
    jar: CookieJar,
) -> Result<Response, Trouble> {
    let ehr = state.ehr(&ehr).ok_or(Problem::NotFound)?;
    let secret = cookies::read(&jar, Purpose::Choice(&id)).ok_or(Problem::NoSuchLaunch).at(ehr)?;
    let stored =
        state.pending.look(PendingKind::Choice, TokenHash::of(&secret), state.clock.now()).await.at(ehr)?;
    let offer = read(ehr, stored).at(ehr)?;
    let page = ChooseVisitPage {
        shell: Shell::new(ehr.brand.clone()),
        csrf: csrf::token_for(&secret),
        action: format!("/ehr/{}/choose/{id}", ehr.id()),
        choices: offer.choices.iter().map(|choice| shown(choice, ehr, state.clock.now())).collect(),
    };
    Ok(framed(ehr, html(&page).at(ehr)?))
}

pub(super) async fn post(
    State(state): State<AppState>,
    Path((ehr, id)): Path<(EhrId, String)>,
    jar: CookieJar,
    Form(chosen): Form<Chosen>,
) -> Result<Response, Trouble> {
    let ehr = state.ehr(&ehr).ok_or(Problem::NotFound)?;
    let secret = cookies::read(&jar, Purpose::Choice(&id)).ok_or(Problem::NoSuchLaunch).at(ehr)?;
    if !csrf::is_good(&secret, &chosen.csrf) {
        return Err(Problem::Forged.at(ehr));
    }
    let stored =
        state.pending.take(PendingKind::Choice, TokenHash::of(&secret), state.clock.now()).await.at(ehr)?;
    let offer = read(ehr, stored).at(ehr)?;
    let jar = cookies::take_away(&state, jar, Purpose::Choice(&id));
    // What was chosen is looked up again: only what the EHR offers now counts.
    let by = Instant::now() + arrive::PATIENCE;
    go_to_visit(&state, ehr, jar, offer.grant, Some(chosen.choice), by).await
}

fn read(ehr: &Ehr, stored: Option<Vec<u8>>) -> Result<Offer, Problem> {
    let offer: Offer = serde_json::from_slice(&stored.ok_or(Problem::NoSuchLaunch)?)?;
    if offer.ehr == *ehr.id() { Ok(offer) } else { Err(Problem::NoSuchLaunch) }
}

fn shown(choice: &Choice, ehr: &Ehr, now: Timestamp) -> VisitChoice {
    VisitChoice {
        value: choice.appointment.as_str().to_owned(),
        appointment: AppointmentTime {
            starts_at: choice.starts_at.unwrap_or(now),
            zone: ehr.time_zone.clone(),
        },
        with: (!choice.with.is_empty()).then(|| choice.with.join(", ")),
    }
}
