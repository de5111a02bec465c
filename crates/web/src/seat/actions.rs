//! What people do on a seat's page. Each is a plain form that leads back to
//! the page; scripts send the same.

use axum::{
    Form, Json,
    extract::{Path, State},
    http::{HeaderMap, StatusCode},
    response::{IntoResponse, Response},
};
use axum_extra::extract::CookieJar;
use jiff::SignedDuration;
use outside::RandomExt;
use serde::Deserialize;
use storage::{PendingKind, TokenHash};
use visit::{Command, SeatId};

use super::{invitations, tab::Tab};
use crate::{
    cookies::{self, Purpose},
    csrf,
    device_test::keep,
    headers::Framed,
    pages::{DeviceTestResult, NewWindowPage, Shell},
    problem::{AtEhr, Problem, Trouble},
    respond::{html, see},
    state::AppState,
};

/// How long a code that moves a seat to another window is good.
const HANDOVER: SignedDuration = SignedDuration::from_mins(1);

#[derive(Deserialize)]
pub(super) struct Plain {
    csrf: String,
}

#[derive(Deserialize)]
pub(super) struct About {
    csrf: String,
    seat: SeatId,
}

pub(super) async fn admit(state: State<AppState>, tab: Tab, form: Form<About>) -> Result<Response, Trouble> {
    about(state, tab, form, |by, seat| Command::Admit { by, seat }).await
}

pub(super) async fn send_back(
    state: State<AppState>,
    tab: Tab,
    form: Form<About>,
) -> Result<Response, Trouble> {
    about(state, tab, form, |by, seat| Command::SendBack { by, seat }).await
}

pub(super) async fn remove(state: State<AppState>, tab: Tab, form: Form<About>) -> Result<Response, Trouble> {
    about(state, tab, form, |by, seat| Command::Remove { by, seat }).await
}

pub(super) async fn admit_all(
    state: State<AppState>,
    tab: Tab,
    form: Form<Plain>,
) -> Result<Response, Trouble> {
    plain(state, tab, form, |by| Command::AdmitAll { by }).await
}

pub(super) async fn leave(state: State<AppState>, tab: Tab, form: Form<Plain>) -> Result<Response, Trouble> {
    plain(state, tab, form, |seat| Command::Leave { seat }).await
}

pub(super) async fn end(state: State<AppState>, tab: Tab, form: Form<Plain>) -> Result<Response, Trouble> {
    plain(state, tab, form, |by| Command::End { by }).await
}

pub(super) async fn reopen(state: State<AppState>, tab: Tab, form: Form<Plain>) -> Result<Response, Trouble> {
    plain(state, tab, form, |by| Command::Reopen { by }).await
}

async fn plain(
    State(state): State<AppState>,
    tab: Tab,
    Form(form): Form<Plain>,
    command: fn(SeatId) -> Command,
) -> Result<Response, Trouble> {
    carry_out(&state, tab, &form.csrf, command).await
}

async fn about(
    State(state): State<AppState>,
    tab: Tab,
    Form(form): Form<About>,
    command: fn(SeatId, SeatId) -> Command,
) -> Result<Response, Trouble> {
    let target = form.seat;
    carry_out(&state, tab, &form.csrf, |by| command(by, target)).await
}

async fn carry_out(
    state: &AppState,
    tab: Tab,
    csrf: &str,
    command: impl FnOnce(SeatId) -> Command,
) -> Result<Response, Trouble> {
    tab.check_csrf(csrf)?;
    // A tab that was replaced does nothing any more; its page says so.
    if !tab.is_replaced() {
        let me = tab.seat.id.clone();
        state.reception.command(&me, command(me.clone())).await.at(&tab.ehr)?;
    }
    Ok(back(&tab))
}

/// Takes the seat to this tab: from another one, or back after leaving. The
/// browser gets a new session for it.
pub(super) async fn take(
    State(state): State<AppState>,
    tab: Tab,
    jar: CookieJar,
    Form(form): Form<Plain>,
) -> Result<Response, Trouble> {
    tab.check_csrf(&form.csrf)?;
    invitations::refuse_revoked(&state, &tab).await.at(&tab.ehr)?;
    let arrived = state.reception.return_to(&tab.visit, &tab.seat.id).await.at(&tab.ehr)?;
    let jar = cookies::give(&state, jar, Purpose::Seat(&arrived.seat), &arrived.secret, arrived.expires_at);
    Ok((jar, back(&tab)).into_response())
}

/// Makes a code that opens the seat in a window of its own, for where the
/// embedding page keeps camera and microphone from us. A cookie of the frame
/// would not reach that window.
pub(super) async fn new_window(
    State(state): State<AppState>,
    tab: Tab,
    Form(form): Form<Plain>,
) -> Result<Response, Trouble> {
    tab.check_csrf(&form.csrf)?;
    let code = state.random.token::<32>();
    let until = state.clock.now() + HANDOVER;
    let seat = tab.seat.id.as_str().as_bytes();
    state.pending.put(PendingKind::Handover, TokenHash::of(&code), seat, until).await.at(&tab.ehr)?;
    let page = NewWindowPage { shell: Shell::new(tab.ehr.brand.clone()), url: format!("/handover/{code}") };
    let mut response = html(&page).at(&tab.ehr)?;
    response.extensions_mut().insert(Framed(tab.ehr));
    Ok(response)
}

/// Takes a handed-over seat, once and within a minute.
pub(super) async fn hand_over(
    State(state): State<AppState>,
    Path(code): Path<String>,
    jar: CookieJar,
) -> Result<Response, Trouble> {
    let taken = state.pending.take(PendingKind::Handover, TokenHash::of(&code), state.clock.now()).await?;
    let seat = String::from_utf8(taken.ok_or(Problem::NoSuchLaunch)?).map_err(|_| Problem::NoSuchLaunch)?;
    let seat: SeatId = seat.parse().map_err(|_| Problem::NoSuchLaunch)?;
    let visit = state.reception.visits().of_seat(&seat).await?.ok_or(Problem::NoSuchLaunch)?;
    let arrived = state.reception.return_to(&visit, &seat).await?;
    let jar = cookies::give(&state, jar, Purpose::Seat(&seat), &arrived.secret, arrived.expires_at);
    Ok((jar, see(&format!("/seat/{seat}"))).into_response())
}

/// Keeps the result of a device test that was taken in the waiting room.
pub(super) async fn device_test(
    State(state): State<AppState>,
    tab: Tab,
    headers: HeaderMap,
    Json(result): Json<DeviceTestResult>,
) -> Result<StatusCode, Trouble> {
    tab.check_csrf(csrf::in_header(&headers))?;
    keep(&state, &tab.visit.ehr, &tab.seat.person, &result).await.at(&tab.ehr)?;
    let seat = tab.seat.id;
    state.reception.command(&seat, Command::TestDevices { seat: seat.clone() }).await.at(&tab.ehr)?;
    Ok(StatusCode::NO_CONTENT)
}

fn back(tab: &Tab) -> Response {
    let mut response = see(&format!("/seat/{}", tab.seat.id));
    response.extensions_mut().insert(Framed(std::sync::Arc::clone(&tab.ehr)));
    response
}
