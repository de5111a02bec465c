//! Links that a clinician makes for people without a launch: an interpreter,
//! family, a patient without a portal. A link is shown once, by the answer to
//! the form that made it.

use axum::{Form, extract::State, response::Response};
use jiff::SignedDuration;
use links::guest::{
    Answer, Command as LinkCommand, FactorKind, GuestLink, GuestRefused, GuestState, GuestToken,
    NewGuestLink, SecondFactor, apply,
};
use outside::RandomExt;
use reception::ReceptionError;
use serde::Deserialize;
use storage::{StorageError, StoredLink};
use visit::{Command, Refusal, Role, SeatId};

use super::tab::Tab;
use crate::{
    by_link::born,
    headers::Framed,
    pages::{FreshInvitation, Invitation, InvitationsPage, Inviting, Shell},
    problem::{AtEhr, Problem, Trouble},
    respond::html,
    state::AppState,
};

/// How long a link opens: a working day, like a seat's session.
const LIFETIME: SignedDuration = SignedDuration::from_hours(12);
/// So many links of one visit may be good at a time.
const MOST_LINKS: usize = 20;
/// How often a command is judged anew after somebody else was faster.
const ROUNDS: usize = 16;

#[derive(Deserialize)]
pub(super) struct Wanted {
    csrf: String,
    role: Role,
    asks: Asks,
    #[serde(default)]
    born: String,
}

impl Wanted {
    fn chosen(&self) -> Inviting {
        let asks = match self.asks {
            Asks::Nothing => None,
            Asks::Code => Some(FactorKind::Code),
            Asks::DateOfBirth => Some(FactorKind::DateOfBirth),
        };
        Inviting { role: self.role, asks }
    }
}

/// What is asked besides the link.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Deserialize)]
#[serde(rename_all = "kebab-case")]
enum Asks {
    Nothing,
    Code,
    DateOfBirth,
}

#[derive(Deserialize)]
pub(super) struct About {
    csrf: String,
    seat: SeatId,
}

pub(super) async fn get(State(state): State<AppState>, tab: Tab) -> Result<Response, Trouble> {
    may_invite(&tab)?;
    page(&state, tab, Told::Nothing).await
}

/// Makes a link and shows it.
pub(super) async fn make(
    State(state): State<AppState>,
    tab: Tab,
    Form(form): Form<Wanted>,
) -> Result<Response, Trouble> {
    tab.check_csrf(&form.csrf)?;
    may_invite(&tab)?;
    let now = state.clock.now();
    let good = state.links.guests.links_of(&tab.visit.id).await.at(&tab.ehr)?;
    if good.iter().filter(|stored| is_good(&stored.link, now)).count() >= MOST_LINKS {
        let words = "This visit has many links already. Revoke one first.";
        return page(&state, tab, Told::Refused(form.chosen(), words)).await;
    }

    // 1. What is asked besides, if anything.
    let code = state.random.bytes::<8>();
    let code = (form.asks == Asks::Code).then(|| format!("{:06}", u64::from_be_bytes(code) % 1_000_000));
    let today = now.to_zoned(tab.ehr.time_zone.clone()).date();
    let answer = match (form.asks, &code) {
        (Asks::DateOfBirth, _) => born(&form.born, today).map(Answer::DateOfBirth),
        (_, Some(code)) => Answer::code(code).ok(),
        (_, None) => None,
    };
    if form.asks == Asks::DateOfBirth && answer.is_none() {
        return page(&state, tab, Told::Refused(form.chosen(), "Enter the person's date of birth.")).await;
    }
    let second_factor =
        answer.map(|answer| SecondFactor::new(&state.links.factor_key, state.random.bytes(), &answer));

    // 2. The link, for a seat of its own.
    let token = GuestToken::from_bytes(state.random.bytes());
    let link = GuestLink::issue(NewGuestLink {
        seat: state.random.token::<16>().parse().map_err(|_| Problem::NotFound).at(&tab.ehr)?,
        visit: tab.visit.id.clone(),
        role: form.role,
        token: token.hash(),
        second_factor,
        not_before: now,
        expires_at: now + LIFETIME,
    });
    let link = link.map_err(|_| Problem::BadRequest("Nobody can be invited as that.")).at(&tab.ehr)?;
    state.links.guests.add_link(&link).await.at(&tab.ehr)?;
    tracing::info!(visit = %link.visit, seat = %link.seat, by = %tab.seat.id, role = link.role.as_str(), "a direct link was made");

    let mut url = state.public_url.clone();
    url.set_path(&format!("/guest/{}", token.expose()));
    let code = code.map(|code| format!("{} {}", &code[..3], &code[3..]));
    page(&state, tab, Told::Made(FreshInvitation { url: url.into(), code, role: form.role })).await
}

/// Ends a link, and takes whoever came by it out of the visit.
pub(super) async fn revoke(
    State(state): State<AppState>,
    tab: Tab,
    Form(form): Form<About>,
) -> Result<Response, Trouble> {
    tab.check_csrf(&form.csrf)?;
    may_invite(&tab)?;
    let by = tab.seat.id.clone();
    change(&state, &tab, &form.seat, LinkCommand::Revoke { by: Some(by.clone()) }).await.at(&tab.ehr)?;
    let removing = Command::Remove { by: by.clone(), seat: form.seat.clone() };
    match state.reception.command(&by, removing).await {
        // They never came, or went before.
        Ok(_) | Err(ReceptionError::Refused(Refusal::NoSuchSeat | Refusal::NotHere)) => {}
        Err(error) => return Err(error).at(&tab.ehr),
    }
    tracing::info!(visit = %tab.visit.id, seat = %form.seat, by = %by, "a direct link was revoked");
    page(&state, tab, Told::Nothing).await
}

/// Lets another device open a link.
pub(super) async fn renew(
    State(state): State<AppState>,
    tab: Tab,
    Form(form): Form<About>,
) -> Result<Response, Trouble> {
    tab.check_csrf(&form.csrf)?;
    may_invite(&tab)?;
    let by = tab.seat.id.clone();
    change(&state, &tab, &form.seat, LinkCommand::Renew { by }).await.at(&tab.ehr)?;
    page(&state, tab, Told::Nothing).await
}

/// Refuses a seat whose direct link was revoked: it is not taken again.
pub(super) async fn refuse_revoked(state: &AppState, tab: &Tab) -> Result<(), Problem> {
    if !links::came_by_link(&tab.seat.person) {
        return Ok(());
    }
    let links = state.links.guests.links_of(&tab.visit.id).await?;
    let link = links.into_iter().map(|stored| stored.link).find(|link| link.seat == tab.seat.id);
    match link {
        Some(link) if link.state == GuestState::Revoked => Err(GuestRefused::Revoked.into()),
        _ => Ok(()),
    }
}

fn may_invite(tab: &Tab) -> Result<(), Trouble> {
    let refusal = match () {
        () if !tab.seat.runs_the_visit() => Refusal::NotAProvider,
        () if !tab.visit.is_open() => Refusal::Ended,
        () if tab.is_replaced() => return Err(Problem::SignedOut.at(&tab.ehr)),
        () => return Ok(()),
    };
    Err(Problem::Refused(refusal).at(&tab.ehr))
}

/// Changes a link of this visit, and of no other.
async fn change(state: &AppState, tab: &Tab, seat: &SeatId, command: LinkCommand) -> Result<(), Problem> {
    for _ in 0..ROUNDS {
        let links = state.links.guests.links_of(&tab.visit.id).await?;
        let found = links.into_iter().find(|stored| stored.link.seat == *seat);
        let StoredLink { mut link, version } = found.ok_or(Problem::Refused(Refusal::NoSuchSeat))?;
        let events = apply(&link, command.clone(), state.clock.now())?;
        if events.is_empty() {
            return Ok(());
        }
        for event in &events {
            link.evolve(event);
        }
        match state.links.guests.save_link(&StoredLink { link, version }).await {
            Err(StorageError::Conflict) => {}
            outcome => return Ok(outcome?),
        }
    }
    Err(StorageError::Conflict.into())
}

fn is_good(link: &GuestLink, now: jiff::Timestamp) -> bool {
    link.state != GuestState::Revoked && now < link.expires_at
}

/// What the page says of the form that was sent.
enum Told {
    Nothing,
    Made(FreshInvitation),
    Refused(Inviting, &'static str),
}

async fn page(state: &AppState, tab: Tab, told: Told) -> Result<Response, Trouble> {
    let (fresh, inviting, problem) = match told {
        Told::Nothing => (None, Inviting::default(), None),
        Told::Made(fresh) => (Some(fresh), Inviting::default(), None),
        Told::Refused(inviting, problem) => (None, inviting, Some(problem)),
    };
    let now = state.clock.now();
    let links = state.links.guests.links_of(&tab.visit.id).await.at(&tab.ehr)?;
    let invitations = links.into_iter().map(|stored| stored.link).filter(|link| is_good(link, now));
    let zone = &tab.ehr.time_zone;
    let page = InvitationsPage {
        shell: Shell::new(tab.ehr.brand.clone()),
        csrf: tab.csrf(),
        seat: tab.seat.id.clone(),
        invitations: invitations
            .map(|link| Invitation {
                until: link.expires_at.to_zoned(zone.clone()).strftime("%-I:%M %p %Z").to_string(),
                seat: link.seat,
                role: link.role,
                state: link.state,
            })
            .collect(),
        fresh,
        inviting,
        problem,
    };
    let mut response = html(&page).at(&tab.ehr)?;
    response.extensions_mut().insert(Framed(tab.ehr));
    Ok(response)
}
