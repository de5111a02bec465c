use std::str::FromStr;

use jiff::Timestamp;
use serde::{Deserialize, Serialize};

use crate::{
    BackendName, EhrId, Event, InvalidId, Person, Role, RoomName, Seat, SeatId, SeatState, SessionId, VisitId,
};

/// Who decides that somebody enters from the waiting room.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Serialize, Deserialize)]
#[serde(rename_all = "kebab-case")]
pub enum Admittance {
    /// People enter when a provider is connected.
    Automatic,
    /// A provider lets each one in.
    Manual,
}

impl Admittance {
    /// The name in database and configuration.
    pub fn as_str(self) -> &'static str {
        match self {
            Self::Automatic => "automatic",
            Self::Manual => "manual",
        }
    }
}

impl FromStr for Admittance {
    type Err = InvalidId;

    fn from_str(text: &str) -> Result<Self, InvalidId> {
        match text {
            "automatic" => Ok(Self::Automatic),
            "manual" => Ok(Self::Manual),
            _ => Err(InvalidId { what: "admittance", rule: "automatic or manual" }),
        }
    }
}

/// Whether a visit goes on.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum Phase {
    /// It goes on, or waits for its people.
    Open,
    /// A provider ended it; a provider can reopen it.
    Ended {
        /// When.
        at: Timestamp,
    },
}

/// What a visit is made from at the first arrival.
#[derive(Debug, Clone)]
pub struct NewVisit {
    /// A fresh random id.
    pub id: VisitId,
    /// The EHR connection.
    pub ehr: EhrId,
    /// What all launches of this visit share.
    pub session: SessionId,
    /// A fresh random room name.
    pub room: RoomName,
    /// The meeting backend, chosen now and kept.
    pub backend: BackendName,
    /// Who decides about entering.
    pub admittance: Admittance,
    /// When the appointment starts, if one is known.
    pub starts_at: Option<Timestamp>,
    /// The moment of the first arrival.
    pub opened_at: Timestamp,
}

/// What goes on between the first arrival and the end, keyed by EHR
/// connection and session id.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Visit {
    /// Its id.
    pub id: VisitId,
    /// The EHR connection.
    pub ehr: EhrId,
    /// What all launches of this visit share.
    pub session: SessionId,
    /// Its room at the meeting backend.
    pub room: RoomName,
    /// The meeting backend that it was opened with.
    pub backend: BackendName,
    /// Who decides about entering.
    pub admittance: Admittance,
    /// When the appointment starts, if one is known.
    pub starts_at: Option<Timestamp>,
    /// The first arrival.
    pub opened_at: Timestamp,
    /// Whether it goes on.
    pub phase: Phase,
    /// Everybody who ever arrived, in order of arrival.
    pub seats: Vec<Seat>,
    /// How many times it was stored; 0 for one that never was.
    pub version: u64,
}

impl Visit {
    /// A visit that nobody has arrived in yet.
    pub fn open(new: NewVisit) -> Self {
        Self {
            id: new.id,
            ehr: new.ehr,
            session: new.session,
            room: new.room,
            backend: new.backend,
            admittance: new.admittance,
            starts_at: new.starts_at,
            opened_at: new.opened_at,
            phase: Phase::Open,
            seats: Vec::new(),
            version: 0,
        }
    }

    /// The seat with this id.
    pub fn seat(&self, id: &SeatId) -> Option<&Seat> {
        self.seats.iter().find(|seat| seat.id == *id)
    }

    /// The seat of this person in this role.
    pub fn seat_of(&self, person: &Person, role: Role) -> Option<&Seat> {
        self.seats.iter().find(|seat| seat.person == *person && seat.role == role)
    }

    /// Whether it goes on.
    pub fn is_open(&self) -> bool {
        self.phase == Phase::Open
    }

    /// Whether a provider is connected to the room.
    pub fn provider_is_connected(&self) -> bool {
        self.seats.iter().any(|seat| seat.role.runs_the_visit() && seat.state == SeatState::Connected)
    }

    /// Those who wait, in order of arrival.
    pub fn waiting(&self) -> impl Iterator<Item = &Seat> {
        self.seats.iter().filter(|seat| seat.state == SeatState::Waiting)
    }

    /// Takes in what happened. An event of a seat that is not there changes
    /// nothing.
    pub fn evolve(&mut self, event: &Event, at: Timestamp) {
        match event {
            Event::SeatTaken { seat, person, role, on_appointment } => self.seats.push(Seat {
                id: seat.clone(),
                person: person.clone(),
                role: *role,
                tab: 1,
                on_appointment: *on_appointment,
                state: SeatState::Waiting,
                since: at,
                arrived_at: at,
                held: false,
                connections: std::collections::BTreeSet::new(),
            }),
            Event::SeatRetaken { seat, tab } => self.change(seat, |seat| {
                seat.tab = *tab;
                match seat.state {
                    SeatState::Left => seat.move_to(SeatState::Waiting, at),
                    SeatState::Removed => {
                        seat.held = true;
                        seat.move_to(SeatState::Waiting, at);
                    }
                    SeatState::Waiting | SeatState::Admitted | SeatState::Connected => {}
                }
            }),
            Event::Admitted { seat, .. } => self.change(seat, |seat| {
                seat.held = false;
                seat.move_to(SeatState::Admitted, at);
            }),
            Event::SentBack { seat, .. } => self.change(seat, |seat| {
                seat.held = true;
                seat.move_to(SeatState::Waiting, at);
            }),
            Event::Removed { seat, .. } => self.change(seat, |seat| seat.move_to(SeatState::Removed, at)),
            Event::Left { seat } => self.change(seat, |seat| seat.move_to(SeatState::Left, at)),
            Event::Connected { seat, connection } => self.change(seat, |seat| {
                seat.connections.insert(connection.clone());
                if seat.state != SeatState::Connected {
                    seat.move_to(SeatState::Connected, at);
                }
            }),
            Event::Disconnected { seat, connection } => self.change(seat, |seat| {
                seat.connections.remove(connection);
                if seat.connections.is_empty() && seat.state == SeatState::Connected {
                    seat.move_to(SeatState::Admitted, at);
                }
            }),
            Event::DevicesTested { .. } => {}
            Event::Ended { .. } => self.phase = Phase::Ended { at },
            Event::Reopened { .. } => {
                self.phase = Phase::Open;
                for seat in &mut self.seats {
                    if !seat.role.runs_the_visit() && seat.is_let_in() {
                        seat.move_to(SeatState::Waiting, at);
                    }
                }
            }
        }
    }

    fn change(&mut self, id: &SeatId, change: impl FnOnce(&mut Seat)) {
        if let Some(seat) = self.seats.iter_mut().find(|seat| seat.id == *id) {
            change(seat);
        }
    }
}

impl Seat {
    fn move_to(&mut self, state: SeatState, at: Timestamp) {
        self.state = state;
        self.since = at;
        if state != SeatState::Connected {
            self.connections.clear();
        }
    }
}
