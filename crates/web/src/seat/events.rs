//! The event stream of a seat. Each message says how things stand, so a tab
//! that missed some is right again with the next one; its `id` is the number
//! of the visit's last event, by which a tab that comes back learns whether
//! anything happened meanwhile.

use std::{convert::Infallible, sync::Arc, time::Duration};

use axum::{
    extract::{Query, State},
    http::{HeaderMap, header},
    response::{
        IntoResponse, Response,
        sse::{Event, Sse},
    },
};
use axum_extra::extract::CookieJar;
use futures_util::stream;
use serde::Deserialize;
use storage::EventId;
use tokio::{sync::watch, time::Instant};
use visit::{SeatId, VisitId};

use super::{page::SeatView, tab::Tab};
use crate::{
    connection::LongStream,
    headers::Framed,
    live::StreamPlace,
    problem::{AtEhr, Problem, Trouble},
    state::AppState,
};

/// A sign of life, so that proxies and phones keep the stream, and a browser
/// notices one that is dead.
const PING_EVERY: Duration = Duration::from_secs(20);

/// What the tab shows already.
#[derive(Deserialize)]
pub(super) struct Shown {
    /// The last event that its page was made with.
    #[serde(default)]
    after: i64,
    /// The arrival that the page belongs to. The browser's cookie may be that
    /// of a later tab.
    tab: Option<u32>,
}

pub(super) async fn get(
    State(state): State<AppState>,
    Query(shown): Query<Shown>,
    headers: HeaderMap,
    jar: CookieJar,
    tab: Tab,
) -> Result<Response, Trouble> {
    // The browser's own memory is newer than what the page was made with.
    let last_seen = headers.get("last-event-id").and_then(|id| id.to_str().ok()?.parse().ok());
    let ehr = Arc::clone(&tab.ehr);
    let place = state.hub.place_for(&tab.seat.id).ok_or(Problem::TooMany(PING_EVERY)).at(&ehr)?;
    let watcher = Watcher {
        _place: place,
        bell: state.hub.listen(&tab.visit.id),
        stopping: state.stopping.clone(),
        seat: tab.seat.id.clone(),
        visit: tab.visit.id.clone(),
        arrival: shown.tab.unwrap_or(tab.arrival),
        last_sent: EventId(last_seen.unwrap_or(shown.after)),
        next_ping: Instant::now(),
        is_over: false,
        jar,
        state,
    };
    let messages = stream::unfold(watcher, |mut watcher| async {
        let message = watcher.next().await?;
        Some((Ok::<_, Infallible>(message), watcher))
    });
    let mut response = Sse::new(messages).into_response();
    // nginx holds streams back unless told otherwise.
    response.headers_mut().insert("x-accel-buffering", header::HeaderValue::from_static("no"));
    response.extensions_mut().insert(Framed(ehr));
    response.extensions_mut().insert(LongStream);
    Ok(response)
}

/// Watches a visit for one tab.
struct Watcher {
    _place: StreamPlace,
    state: AppState,
    jar: CookieJar,
    seat: SeatId,
    visit: VisitId,
    arrival: u32,
    last_sent: EventId,
    bell: watch::Receiver<()>,
    stopping: watch::Receiver<bool>,
    next_ping: Instant,
    is_over: bool,
}

impl Watcher {
    /// The next message; `None` once the stream is over.
    async fn next(&mut self) -> Option<Event> {
        if self.is_over {
            return None;
        }
        loop {
            // Marked before looking, so that what happens meanwhile rings again.
            self.bell.mark_unchanged();
            // Boxed: most of the time there is nothing to look at.
            match Box::pin(self.news()).await {
                Ok(Some(message)) => return Some(message),
                Ok(None) => {}
                // The tab comes back with a new request and is told why.
                Err(_) => return None,
            }
            tokio::select! {
                rung = self.bell.changed() => rung.ok()?,
                () = stopped(&mut self.stopping) => {
                    self.is_over = true;
                    return Some(signal("bye"));
                }
                () = tokio::time::sleep_until(self.next_ping) => {
                    self.next_ping = Instant::now() + PING_EVERY;
                    return Some(signal("ping"));
                }
            }
        }
    }

    /// How things stand, if that is news to the tab.
    async fn news(&mut self) -> Result<Option<Event>, Trouble> {
        let last = self.state.reception.visits().last_event(&self.visit).await?;
        if last == self.last_sent {
            return Ok(None);
        }
        let tab = Tab::of(&self.state, &self.jar, &self.seat).await?;
        if tab.seat.tab != self.arrival {
            self.is_over = true;
            return Ok(Some(signal("replaced")));
        }
        let changed = SeatView::of(&self.state, tab).await?.changed()?;
        let data = serde_json::to_string(&changed).map_err(Problem::from)?;
        self.last_sent = last;
        Ok(Some(Event::default().event("changed").id(last.0.to_string()).data(data)))
    }
}

/// A message that says no more than its name. Browsers drop one without data.
fn signal(name: &'static str) -> Event {
    Event::default().event(name).data("{}")
}

/// Ends when the program stops.
async fn stopped(stopping: &mut watch::Receiver<bool>) {
    // A sender that is gone means the same.
    let _ = stopping.wait_for(|stops| *stops).await;
}
