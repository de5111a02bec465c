//! `/link/{ehr}`: encrypted query links, for EHR connections that are
//! configured to have them. A link that says when it was made opens once; the
//! browser that opened it may do so again, because people reload pages.

use std::sync::Arc;

use axum::{
    extract::{Path, RawQuery, State},
    response::{IntoResponse, Response},
};
use axum_extra::extract::CookieJar;
use base64::{Engine, engine::general_purpose::URL_SAFE_NO_PAD};
use links::{Cause, LinkRefused, LinkScheme, OpenedLink, Replay};
use outside::RandomExt;
use reception::{Arrived, Arriving};
use storage::{PendingKind, SeatCard, StorageError, TokenHash};
use visit::EhrId;

use crate::{
    cookies::{self, Purpose},
    headers::Framed,
    problem::{AtEhr, Problem, Trouble},
    respond::see,
    state::{AppState, Ehr},
};

pub(super) async fn get(
    State(state): State<AppState>,
    Path(ehr): Path<EhrId>,
    RawQuery(query): RawQuery,
    jar: CookieJar,
) -> Result<Response, Trouble> {
    // 1. Whose link, and does it open?
    let ehr = state.ehr(&ehr).ok_or(Problem::NotFound)?;
    let schemes = state.links.schemes_of(ehr.id());
    if schemes.is_empty() {
        return Err(Problem::NotFound.into());
    }
    state.limits.launch_of(ehr.id()).at(ehr)?;
    let opened = open(schemes, &query.unwrap_or_default(), &state).inspect_err(|refused| {
        tracing::warn!(ehr = %ehr.id(), cause = refused.cause().as_str(), "an encrypted link does not open");
    });
    let opened = opened.at(ehr)?;

    // 2. For the first time, or again in the same browser?
    let jar = match opened.replay {
        Some(replay) => open_once(&state, ehr, jar, replay).await.at(ehr)?,
        None => jar,
    };

    // 3. To the visit.
    let arrived = match arrive(&state, ehr, &opened).await {
        Ok(arrived) => arrived,
        Err(problem) => {
            // Nobody came in by it, so that it may be tried again.
            if let Some(replay) = opened.replay {
                let (key, now) = (key_of(ehr, replay), state.clock.now());
                state.pending.take(PendingKind::OpenedLink, key, now).await.at(ehr)?;
            }
            return Err(problem.at(ehr));
        }
    };
    let jar = cookies::give(&state, jar, Purpose::Seat(&arrived.seat), &arrived.secret, arrived.expires_at);
    let mut response = (jar, see(&format!("/seat/{}", arrived.seat))).into_response();
    response.extensions_mut().insert(Framed(Arc::clone(ehr)));
    Ok(response)
}

/// Opens the link by whichever of the schemes it is of. Of several refusals
/// the one tells most that found its parameter.
fn open(schemes: &[LinkScheme], query: &str, state: &AppState) -> Result<OpenedLink, LinkRefused> {
    let now = state.clock.now();
    let mut refused = LinkRefused::from(Cause::NoLink);
    for scheme in schemes {
        match scheme.open(query, now) {
            Ok(opened) => return Ok(opened),
            Err(error) if refused.cause() == Cause::NoLink => refused = error,
            Err(_) => {}
        }
    }
    Err(refused)
}

/// Remembers that the link was opened, and gives the browser what shows that
/// it was the one.
async fn open_once(
    state: &AppState,
    ehr: &Ehr,
    jar: CookieJar,
    replay: Replay,
) -> Result<CookieJar, Problem> {
    let key = key_of(ehr, replay);
    let id = URL_SAFE_NO_PAD.encode(&key.0[..9]);
    let secret = state.random.token::<32>();
    let hash = TokenHash::of(&secret);
    match state.pending.put(PendingKind::OpenedLink, key, &hash.0, replay.keep_until).await {
        Ok(()) => Ok(cookies::give(state, jar, Purpose::OpenedLink(&id), &secret, replay.keep_until)),
        Err(StorageError::Conflict) => {
            let kept = state.pending.look(PendingKind::OpenedLink, key, state.clock.now()).await?;
            let shown = cookies::read(&jar, Purpose::OpenedLink(&id)).map(|secret| TokenHash::of(&secret));
            let is_same = shown.zip(kept).is_some_and(|(shown, kept)| shown.0[..] == kept[..]);
            if is_same { Ok(jar) } else { Err(Problem::LinkUsed) }
        }
        Err(error) => Err(error.into()),
    }
}

/// One link is one link at one EHR connection.
fn key_of(ehr: &Ehr, replay: Replay) -> TokenHash {
    TokenHash::of(&format!("{}/{}", ehr.id(), URL_SAFE_NO_PAD.encode(replay.key)))
}

async fn arrive(state: &AppState, ehr: &Ehr, opened: &OpenedLink) -> Result<Arrived, Problem> {
    let arriving = Arriving {
        ehr: ehr.id().clone(),
        session: opened.session.clone(),
        admittance: ehr.admittance,
        starts_at: None,
        person: opened.person(ehr.id()),
        role: opened.role,
        on_appointment: false,
        seat_card: Some(SeatCard {
            name: opened.name.as_ref().map(|name| name.as_str().to_owned()),
            external_id: Some(opened.external_id.as_str().to_owned()),
            launch_token: None,
        }),
        visit_card: None,
    };
    let arrived = state.reception.arrive(arriving).await?;
    let cannot_protect = opened.cannot_protect.iter().map(|weakness| weakness.as_str()).collect::<Vec<_>>();
    let role = opened.role.as_str();
    let cannot_protect = cannot_protect.join(",");
    tracing::info!(ehr = %ehr.id(), seat = %arrived.seat, role, cannot_protect, "somebody came by an encrypted link");
    Ok(arrived)
}
