//! `/guest/{token}`. Looking changes nothing, because messengers and mail
//! scanners look at every link; the button on the page opens it. The page
//! gives its browser a secret, and whose secret opened the link holds it.

use std::sync::Arc;

use axum::{
    Form,
    extract::{Path, State},
    response::{IntoResponse, Response},
};
use axum_extra::extract::CookieJar;
use jiff::civil::{Date, date};
use links::guest::{
    Answer, Command, DeviceSecret, Entry, FactorKind, GuestLink, GuestRefused, GuestToken, MOST_TRIES, apply,
};
use outside::RandomExt;
use reception::{Arrived, Arriving};
use serde::Deserialize;
use storage::{StorageError, StoredLink};
use visit::Visit;

use crate::{
    cookies::{self, Purpose},
    csrf,
    pages::{AnswerProblem, GuestPage, Shell},
    problem::{AtEhr, Problem, Trouble},
    respond::{html, see},
    state::{AppState, Ehr},
};

/// How often a command is judged anew after somebody else was faster.
const ROUNDS: usize = 16;

/// A direct link that somebody has the token of.
struct Found {
    ehr: Arc<Ehr>,
    visit: Visit,
    stored: StoredLink,
}

#[derive(Deserialize)]
pub(super) struct Joining {
    csrf: String,
    #[serde(default)]
    answer: String,
}

pub(super) async fn get(
    State(state): State<AppState>,
    Path(token): Path<String>,
    jar: CookieJar,
) -> Result<Response, Trouble> {
    let found = Found::by(&state, &token).await?;
    let link = &found.stored.link;
    let device = held_secret(&jar, link).unwrap_or_else(|| DeviceSecret::from_bytes(state.random.bytes()));
    let asks = match apply(link, opening(&device, None), state.clock.now()) {
        Ok(_) => None,
        Err(GuestRefused::AnswerNeeded(kind)) => Some(kind),
        Err(refused) => return Err(refused).at(&found.ehr),
    };
    let until = link.expires_at;
    let jar = cookies::give(&state, jar, Purpose::GuestDevice(&link.seat), device.expose(), until);
    Ok((jar, found.page(&device, asks, None)?).into_response())
}

pub(super) async fn post(
    State(state): State<AppState>,
    Path(token): Path<String>,
    jar: CookieJar,
    Form(form): Form<Joining>,
) -> Result<Response, Trouble> {
    // 1. Which link, and did our page on this device send the form?
    let mut found = Found::by(&state, &token).await?;
    let device = held_secret(&jar, &found.stored.link).ok_or(Problem::Forged).at(&found.ehr)?;
    if !csrf::is_good(device.expose(), &form.csrf) {
        return Err(Problem::Forged.at(&found.ehr));
    }

    // 2. What is answered, if something is asked? What cannot be an answer is
    //    no try.
    let now = state.clock.now();
    let asks = found.stored.link.second_factor.as_ref().map(links::guest::SecondFactor::kind);
    let Ok(answer) = asks.filter(|_| !form.answer.trim().is_empty()).map_or(Ok(None), |kind| {
        read(kind, &form.answer, now.to_zoned(found.ehr.time_zone.clone()).date()).map(Some)
    }) else {
        return found.page(&device, asks, Some(AnswerProblem::Unreadable));
    };

    // 3. May this device open it? A wrong answer is stored like a right one.
    match found.open(&state, &device, answer.as_ref()).await {
        Ok(()) => {}
        Err(Problem::Guest(GuestRefused::AnswerNeeded(kind))) => {
            return found.page(&device, Some(kind), Some(AnswerProblem::Unreadable));
        }
        Err(problem) => return Err(problem.at(&found.ehr)),
    }
    let Some(entry) = found.stored.link.entry(&device, now) else {
        let tries_left = MOST_TRIES.saturating_sub(found.stored.link.wrong_answers);
        if tries_left == 0 {
            return Err(GuestRefused::Locked).at(&found.ehr);
        }
        return found.page(&device, asks, Some(AnswerProblem::Wrong { tries_left }));
    };

    // 4. To the seat.
    let arrived = arrive(&state, &found.visit, &entry).await.at(&found.ehr)?;
    let jar = cookies::give(&state, jar, Purpose::Seat(&arrived.seat), &arrived.secret, arrived.expires_at);
    Ok((jar, see(&format!("/seat/{}", arrived.seat))).into_response())
}

impl Found {
    async fn by(state: &AppState, token: &str) -> Result<Self, Trouble> {
        let token: GuestToken = token.parse().map_err(|_| Problem::NoSuchGuestLink)?;
        let stored = state.links.guests.lookup_link(&token.hash()).await?.ok_or(Problem::NoSuchGuestLink)?;
        let visit = state.reception.visits().lookup(&stored.link.visit).await?;
        let visit = visit.ok_or(Problem::NoSuchGuestLink)?;
        let ehr = Arc::clone(state.ehr(&visit.ehr).ok_or(Problem::NoSuchGuestLink)?);
        Ok(Self { ehr, visit, stored })
    }

    /// Opens the link as far as it opens, and stores what happened.
    async fn open(
        &mut self,
        state: &AppState,
        device: &DeviceSecret,
        answer: Option<&Answer>,
    ) -> Result<(), Problem> {
        for _ in 0..ROUNDS {
            let link = &mut self.stored.link;
            let sealed = answer.zip(link.second_factor.as_ref());
            let sealed = sealed.map(|(answer, factor)| factor.seal(&state.links.factor_key, answer));
            let events = apply(link, opening(device, sealed), state.clock.now())?;
            if events.is_empty() {
                return Ok(());
            }
            for event in &events {
                link.evolve(event);
            }
            match state.links.guests.save_link(&self.stored).await {
                Err(StorageError::Conflict) => {
                    let token = self.stored.link.token;
                    let now_stored = state.links.guests.lookup_link(&token).await?;
                    self.stored = now_stored.ok_or(Problem::NoSuchGuestLink)?;
                }
                outcome => return Ok(outcome?),
            }
        }
        Err(StorageError::Conflict.into())
    }

    /// The page before the visit. It says whose visit it is and nothing of it.
    fn page(
        &self,
        device: &DeviceSecret,
        asks: Option<FactorKind>,
        problem: Option<AnswerProblem>,
    ) -> Result<Response, Trouble> {
        let shell = Shell::new(self.ehr.brand.clone());
        html(&GuestPage { shell, csrf: csrf::token_for(device.expose()), asks, problem }).at(&self.ehr)
    }
}

/// What this browser holds of the link, or would hold.
fn held_secret(jar: &CookieJar, link: &GuestLink) -> Option<DeviceSecret> {
    cookies::read(jar, Purpose::GuestDevice(&link.seat))?.parse().ok()
}

fn opening(device: &DeviceSecret, answer: Option<links::guest::SealedAnswer>) -> Command {
    Command::Open { device: Some(device.clone()), fresh_device: device.clone(), answer }
}

fn read(kind: FactorKind, text: &str, today: Date) -> Result<Answer, links::guest::NoAnswer> {
    match kind {
        FactorKind::Code => Answer::code(text),
        FactorKind::DateOfBirth => born(text, today).map(Answer::DateOfBirth).ok_or(links::guest::NoAnswer),
    }
}

/// Reads a date of birth, as a browser's date field sends it.
pub(crate) fn born(text: &str, today: Date) -> Option<Date> {
    let born: Date = text.trim().parse().ok()?;
    (date(1900, 1, 1)..=today).contains(&born).then_some(born)
}

async fn arrive(state: &AppState, visit: &Visit, entry: &Entry<'_>) -> Result<Arrived, Problem> {
    let arriving = Arriving {
        ehr: visit.ehr.clone(),
        session: visit.session.clone(),
        admittance: visit.admittance,
        starts_at: visit.starts_at,
        person: entry.person(),
        role: entry.role(),
        on_appointment: false,
        seat_card: None,
        visit_card: None,
    };
    let arrived = state.reception.arrive_at(arriving, entry.seat().clone()).await?;
    tracing::info!(ehr = %visit.ehr, seat = %arrived.seat, role = entry.role().as_str(), "somebody came by a direct link");
    Ok(arrived)
}
