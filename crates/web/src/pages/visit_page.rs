use askama::Template;
use jiff::Timestamp;
use visit::{Role, SeatState};

use super::{
    AppointmentTime, Live, LivePage, Page, Participant, RoomView, RosterPerson, Shell, person::name_list,
};

/// The clinician's page: who waits, who is here, and the room.
#[derive(Debug, Template)]
#[template(path = "visit/visit.html", blocks = ["live"])]
pub struct VisitPage {
    /// What every live page has.
    pub live: Live,
    /// The patient's name, shown at all times.
    pub patient: Option<String>,
    /// When the appointment starts.
    pub appointment: Option<AppointmentTime>,
    /// Everybody who ever arrived, this clinician too, in order of arrival.
    pub people: Vec<RosterPerson>,
    /// The room.
    pub room: RoomView,
    /// The moment that "waiting 4 min" is counted to.
    pub now: Timestamp,
}

impl VisitPage {
    fn patient(&self) -> &str {
        self.patient.as_deref().unwrap_or("Video visit")
    }

    fn waiting(&self) -> Vec<&RosterPerson> {
        self.people.iter().filter(|person| person.state == SeatState::Waiting).collect()
    }

    fn here(&self) -> Vec<&RosterPerson> {
        self.people.iter().filter(|person| person.is_in_the_visit()).collect()
    }

    fn gone(&self) -> Vec<&RosterPerson> {
        self.people
            .iter()
            .filter(|person| matches!(person.state, SeatState::Left | SeatState::Removed))
            .collect()
    }

    fn is_me(&self, person: &RosterPerson) -> bool {
        person.seat == self.live.seat
    }

    /// Whom this page may send back or remove.
    fn may_move(&self, person: &RosterPerson) -> bool {
        !self.is_me(person) && !person.role.runs_the_visit()
    }

    fn patient_has_arrived(&self) -> bool {
        self.people.iter().any(|person| matches!(person.role, Role::Patient | Role::Proxy))
    }
}

impl Page for VisitPage {
    const PAGE: &'static str = "visit";

    fn shell(&self) -> &Shell {
        &self.live.shell
    }

    fn state(&self) -> &'static str {
        let me = self.people.iter().find(|person| self.is_me(person));
        me.map_or("", |person| person.state.as_str())
    }

    fn title(&self) -> String {
        match self.waiting().len() {
            0 => self.patient().to_owned(),
            waiting => format!("({waiting} waiting) {}", self.patient()),
        }
    }
}

impl LivePage for VisitPage {
    fn fragment(&self) -> askama::Result<String> {
        self.as_live().render()
    }

    fn announcement(&self) -> String {
        let waiting = self.waiting();
        let names = name_list(waiting.iter().map(|person| person.shown_name()));
        match waiting.len() {
            0 => "Nobody is waiting.".into(),
            1 => format!("{names} is waiting."),
            _ => format!("{names} are waiting."),
        }
    }

    fn people(&self) -> Vec<Participant> {
        self.people.iter().map(RosterPerson::participant).collect()
    }
}
