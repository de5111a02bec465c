use std::{collections::HashMap, sync::Arc};

use axum::{extract::State, response::Response};
use fhir::DisplayText;
use storage::{EventId, SeatCard, VisitCard};
use visit::{Role, Seat, SeatId, SeatState, Visit};

use super::tab::Tab;
use crate::{
    device_test,
    headers::Framed,
    pages::{
        AppointmentTime, Changed, DeviceTestPanel, EndedPage, LeftPage, Live, LivePage, Page, RemovedPage,
        ReplacedPage, RoomPage, RoomView, RosterPerson, Shell, VisitPage, WaitingPage, WaitingStatus,
        name_list,
    },
    problem::{AtEhr, Problem, Trouble},
    respond::html,
    state::AppState,
};

pub(super) async fn get(State(state): State<AppState>, tab: Tab) -> Result<Response, Trouble> {
    let ehr = Arc::clone(&tab.ehr);
    let view = SeatView::of(&state, tab).await.at(&ehr)?;
    let mut response = view.page().at(&ehr)?;
    response.extensions_mut().insert(Framed(ehr));
    Ok(response)
}

/// For a tab that was told that another one took its seat. Asking the seat
/// itself would not do: in the same browser that has the other tab's cookie.
pub(super) async fn replaced(tab: Tab) -> Result<Response, Trouble> {
    let page = ReplacedPage {
        shell: Shell::new(tab.ehr.brand.clone()),
        csrf: tab.csrf(),
        seat: tab.seat.id.clone(),
    };
    let mut response = html(&page).at(&tab.ehr)?;
    response.extensions_mut().insert(Framed(tab.ehr));
    Ok(response)
}

/// The page that a seat shows now.
pub(super) enum SeatView {
    Waiting(WaitingPage),
    Room(RoomPage),
    Visit(VisitPage),
    Left(LeftPage),
    Removed(RemovedPage),
    Ended(EndedPage),
    Replaced(ReplacedPage),
}

impl SeatView {
    /// What the seat shows as things stand.
    pub(super) async fn of(state: &AppState, tab: Tab) -> Result<Self, Problem> {
        let shell = Shell::new(tab.ehr.brand.clone());
        let (csrf, seat) = (tab.csrf(), tab.seat.id.clone());
        if tab.is_replaced() {
            return Ok(Self::Replaced(ReplacedPage { shell, csrf, seat }));
        }
        if !tab.visit.is_open() {
            let may_reopen = tab.seat.role.runs_the_visit();
            return Ok(Self::Ended(EndedPage { shell, csrf, seat, may_reopen }));
        }
        match tab.seat.state {
            SeatState::Left => Ok(Self::Left(LeftPage { shell, csrf, seat })),
            SeatState::Removed => Ok(Self::Removed(RemovedPage { shell })),
            SeatState::Waiting | SeatState::Admitted | SeatState::Connected => {
                Known::of(state, tab, shell).await.map(Known::view)
            }
        }
    }

    pub(super) fn page(&self) -> Result<Response, Problem> {
        match self {
            Self::Waiting(page) => html(page),
            Self::Room(page) => html(page),
            Self::Visit(page) => html(page),
            Self::Left(page) => html(page),
            Self::Removed(page) => html(page),
            Self::Ended(page) => html(page),
            Self::Replaced(page) => html(page),
        }
    }

    /// What a tab that shows an older state is told.
    pub(super) fn changed(&self) -> Result<Changed, Problem> {
        Ok(match self {
            Self::Waiting(page) => page.changed()?,
            Self::Room(page) => page.changed()?,
            Self::Visit(page) => page.changed()?,
            Self::Left(page) => gone(page),
            Self::Removed(page) => gone(page),
            Self::Ended(page) => gone(page),
            Self::Replaced(page) => gone(page),
        })
    }
}

/// Tells a live page to load its address anew and show another page.
fn gone<P: Page>(page: &P) -> Changed {
    Changed {
        page: P::PAGE,
        state: page.state(),
        title: page.title(),
        html: String::new(),
        announce: String::new(),
        people: Vec::new(),
    }
}

/// All that the live pages of a visit show.
struct Known {
    tab: Tab,
    live: Live,
    card: VisitCard,
    people: Vec<RosterPerson>,
    now: jiff::Timestamp,
}

impl Known {
    async fn of(state: &AppState, tab: Tab, shell: Shell) -> Result<Self, Problem> {
        let visits = state.reception.visits();
        let last_event = visits.last_event(&tab.visit.id).await?;
        let card = visits.card(&tab.visit.id).await?.unwrap_or_default();
        let cards: HashMap<SeatId, SeatCard> = visits.seat_cards(&tab.visit.id).await?.into_iter().collect();
        let tells_tests = tab.seat.role.runs_the_visit();
        let mut people = Vec::new();
        for seat in visible_to(&tab.seat, &tab.visit) {
            people.push(RosterPerson {
                seat: seat.id.clone(),
                name: name_of(seat, &card, &cards),
                role: seat.role,
                state: seat.state,
                since: seat.since,
                device_test: if tells_tests && seat.id != tab.seat.id {
                    device_test::recent(state, &tab.visit.ehr, &seat.person).await?
                } else {
                    None
                },
            });
        }
        let EventId(last_event) = last_event;
        let live = Live { shell, csrf: tab.csrf(), seat: tab.seat.id.clone(), tab: tab.arrival, last_event };
        Ok(Self { tab, live, card, people, now: state.clock.now() })
    }

    fn view(self) -> SeatView {
        match (self.tab.seat.role, self.tab.seat.state) {
            (Role::Provider, _) => SeatView::Visit(self.visit_page()),
            (_, SeatState::Waiting) => SeatView::Waiting(self.waiting_page()),
            _ => SeatView::Room(self.room_page()),
        }
    }

    fn visit_page(self) -> VisitPage {
        VisitPage {
            patient: self.patients(),
            appointment: self.appointment(),
            room: self.room(false),
            people: self.people,
            now: self.now,
            live: self.live,
        }
    }

    fn waiting_page(self) -> WaitingPage {
        WaitingPage {
            clinician: self.clinicians(),
            appointment: self.appointment(),
            status: match (self.tab.seat.held, self.tab.visit.provider_is_connected()) {
                (true, _) => WaitingStatus::SentBack,
                (false, true) => WaitingStatus::ClinicianHere,
                (false, false) => WaitingStatus::ClinicianNotHere,
            },
            device_test: DeviceTestPanel {
                result_url: Some(format!("/seat/{}/device-test", self.live.seat)),
            },
            live: self.live,
        }
    }

    fn room_page(self) -> RoomPage {
        RoomPage { clinician: self.clinicians(), room: self.room(true), people: self.people, live: self.live }
    }

    fn room(&self, starts_by_itself: bool) -> RoomView {
        RoomView {
            seat: self.live.seat.clone(),
            people: self.people.iter().map(RosterPerson::participant).collect(),
            starts_by_itself,
            new_window_url: Some(format!("/seat/{}/new-window", self.live.seat)),
        }
    }

    /// The clinicians of the appointment, or whoever of them has come.
    fn clinicians(&self) -> Option<String> {
        let come = self.people.iter().filter(|person| person.role == Role::Provider);
        let come = come.filter_map(|person| person.name.clone());
        let names: Vec<_> =
            if self.card.clinicians.is_empty() { come.collect() } else { self.card.clinicians.clone() };
        joined(&names)
    }

    /// The appointment's patients, and whoever else of a group has come: each
    /// has an appointment of their own.
    fn patients(&self) -> Option<String> {
        let mut names: Vec<_> = self.card.patients.iter().map(|(_, name)| name.clone()).collect();
        let come = self.people.iter().filter(|person| person.role == Role::Patient);
        for name in come.filter_map(|person| person.name.clone()) {
            if !names.contains(&name) {
                names.push(name);
            }
        }
        joined(&names)
    }

    fn appointment(&self) -> Option<AppointmentTime> {
        let starts_at = self.tab.visit.starts_at?;
        Some(AppointmentTime { starts_at, zone: self.tab.ehr.time_zone.clone() })
    }
}

fn joined(names: &[String]) -> Option<String> {
    (!names.is_empty()).then(|| name_list(names.iter().map(String::as_str)))
}

/// Who is told of whom. A clinician sees everybody. Others see whom they meet
/// in the room: people of a group visit who wait do not see one another.
fn visible_to<'v>(viewer: &'v Seat, visit: &'v Visit) -> impl Iterator<Item = &'v Seat> {
    visit.seats.iter().filter(move |seat| {
        viewer.role.runs_the_visit()
            || seat.id == viewer.id
            || seat.role == Role::Provider
            || (viewer.is_let_in() && seat.is_let_in())
    })
}

/// The name from the person's own launch, else the appointment's.
fn name_of(seat: &Seat, card: &VisitCard, cards: &HashMap<SeatId, SeatCard>) -> Option<String> {
    let own = cards.get(&seat.id).and_then(|card| card.name.clone());
    let on_appointment = || {
        let patient =
            card.patients.iter().find(|(id, _)| seat.role == Role::Patient && *id == seat.person.id);
        patient.map(|(_, name)| name.clone())
    };
    own.or_else(on_appointment).and_then(|name| DisplayText::new(&name)).map(|name| name.as_str().to_owned())
}
