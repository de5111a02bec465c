use std::{collections::BTreeSet, str::FromStr};

use jiff::Timestamp;
use serde::{Deserialize, Serialize};

use crate::{ConnectionId, InvalidId, Person, Role, SeatId};

/// Where a seat stands.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Hash, Serialize, Deserialize)]
#[serde(rename_all = "kebab-case")]
pub enum SeatState {
    /// In the waiting room.
    Waiting,
    /// Let in; not (or not at the moment) connected to the room.
    Admitted,
    /// Connected to the room.
    Connected,
    /// Gone of their own will; may come back.
    Left,
    /// Removed by a provider; may come back to the waiting room.
    Removed,
}

impl SeatState {
    /// All states.
    pub const ALL: [Self; 5] = [Self::Waiting, Self::Admitted, Self::Connected, Self::Left, Self::Removed];

    /// The name in the database and in `data-state`.
    pub fn as_str(self) -> &'static str {
        match self {
            Self::Waiting => "waiting",
            Self::Admitted => "admitted",
            Self::Connected => "connected",
            Self::Left => "left",
            Self::Removed => "removed",
        }
    }
}

impl FromStr for SeatState {
    type Err = InvalidId;

    fn from_str(text: &str) -> Result<Self, InvalidId> {
        Self::ALL
            .into_iter()
            .find(|state| state.as_str() == text)
            .ok_or(InvalidId { what: "seat state", rule: "waiting, admitted, connected, left or removed" })
    }
}

/// One person's place in one visit.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Seat {
    /// Its id, which stands in the tab's address.
    pub id: SeatId,
    /// Whose it is.
    pub person: Person,
    /// What they are in the visit.
    pub role: Role,
    /// Which arrival holds it, counted from 1. Each launch of the same person
    /// takes the seat over from the tab before.
    pub tab: u32,
    /// Whether the appointment names this person. Another clinician of the
    /// same EHR connection may launch a visit too and is recorded as such.
    pub on_appointment: bool,
    /// Where it stands.
    pub state: SeatState,
    /// Since when it stands there.
    pub since: Timestamp,
    /// When the person first arrived.
    pub arrived_at: Timestamp,
    /// Removed or sent back: only a provider lets this person in again,
    /// whatever the visit's admittance.
    pub held: bool,
    /// The connections to the room, more than one for a moment at a rejoin.
    pub connections: BTreeSet<ConnectionId>,
}

impl Seat {
    /// Whether this person is in the room or may enter it.
    pub fn is_let_in(&self) -> bool {
        matches!(self.state, SeatState::Admitted | SeatState::Connected)
    }

    /// Whether a clinician who runs the visit holds this seat and is in it.
    pub fn runs_the_visit(&self) -> bool {
        self.role.runs_the_visit() && self.is_let_in()
    }
}
