use serde::{Deserialize, Serialize};

use crate::{ConnectionId, Person, Role, SeatId};

/// What somebody wants, or what a meeting backend saw.
#[derive(Debug, Clone, PartialEq, Eq)]
pub enum Command {
    /// A launch leads somebody to this visit.
    Arrive {
        /// Who.
        person: Person,
        /// As what.
        role: Role,
        /// Whether the appointment names them.
        on_appointment: bool,
        /// A fresh random id, used if they have no seat yet.
        fresh_seat: SeatId,
    },
    /// A provider lets somebody in.
    Admit {
        /// The provider's seat.
        by: SeatId,
        /// Whom.
        seat: SeatId,
    },
    /// A provider lets everybody in who waits.
    AdmitAll {
        /// The provider's seat.
        by: SeatId,
    },
    /// A provider sends somebody back to the waiting room.
    SendBack {
        /// The provider's seat.
        by: SeatId,
        /// Whom.
        seat: SeatId,
    },
    /// A provider removes somebody.
    Remove {
        /// The provider's seat.
        by: SeatId,
        /// Whom.
        seat: SeatId,
    },
    /// Somebody leaves.
    Leave {
        /// Who.
        seat: SeatId,
    },
    /// Somebody has tested their camera and sound; the result is kept apart.
    TestDevices {
        /// Who.
        seat: SeatId,
    },
    /// The backend sees a seat's connection to the room.
    Connect {
        /// Whose.
        seat: SeatId,
        /// Which.
        connection: ConnectionId,
    },
    /// The backend sees that a connection is gone.
    Disconnect {
        /// Whose.
        seat: SeatId,
        /// Which.
        connection: ConnectionId,
    },
    /// A provider ends the visit.
    End {
        /// The provider's seat.
        by: SeatId,
    },
    /// A provider reopens an ended visit.
    Reopen {
        /// The provider's seat.
        by: SeatId,
    },
}

/// What happened in a visit; stored in order and never changed.
#[derive(Debug, Clone, PartialEq, Eq, Serialize, Deserialize)]
#[serde(tag = "kind", rename_all = "kebab-case")]
pub enum Event {
    /// Somebody arrived for the first time.
    SeatTaken {
        /// Their seat.
        seat: SeatId,
        /// Who.
        person: Person,
        /// As what.
        role: Role,
        /// Whether the appointment names them.
        on_appointment: bool,
    },
    /// Somebody arrived again; the tab that held the seat is replaced.
    SeatRetaken {
        /// Their seat.
        seat: SeatId,
        /// The arrival that holds it now.
        tab: u32,
    },
    /// Let in.
    Admitted {
        /// Who.
        seat: SeatId,
        /// By which provider; `None` by the visit's own rule.
        by: Option<SeatId>,
    },
    /// Sent back to the waiting room.
    SentBack {
        /// Who.
        seat: SeatId,
        /// By which provider.
        by: SeatId,
    },
    /// Removed.
    Removed {
        /// Who.
        seat: SeatId,
        /// By which provider.
        by: SeatId,
    },
    /// Left of their own will.
    Left {
        /// Who.
        seat: SeatId,
    },
    /// Camera and sound were tested: whoever shows the result looks again.
    DevicesTested {
        /// Whose.
        seat: SeatId,
    },
    /// A connection to the room is up.
    Connected {
        /// Whose.
        seat: SeatId,
        /// Which.
        connection: ConnectionId,
    },
    /// A connection to the room is gone.
    Disconnected {
        /// Whose.
        seat: SeatId,
        /// Which.
        connection: ConnectionId,
    },
    /// Ended.
    Ended {
        /// By which provider.
        by: SeatId,
    },
    /// Reopened.
    Reopened {
        /// By which provider.
        by: SeatId,
    },
}

impl Event {
    /// The seat that it tells of, if of one.
    pub fn seat(&self) -> Option<&SeatId> {
        match self {
            Self::SeatTaken { seat, .. }
            | Self::SeatRetaken { seat, .. }
            | Self::Admitted { seat, .. }
            | Self::SentBack { seat, .. }
            | Self::Removed { seat, .. }
            | Self::Left { seat }
            | Self::DevicesTested { seat }
            | Self::Connected { seat, .. }
            | Self::Disconnected { seat, .. } => Some(seat),
            Self::Ended { .. } | Self::Reopened { .. } => None,
        }
    }
}

/// Why a command changes nothing.
#[derive(Debug, Clone, Copy, PartialEq, Eq, thiserror::Error)]
pub enum Refusal {
    /// No such seat in this visit.
    #[error("there is no such seat in this visit")]
    NoSuchSeat,
    /// Only a provider of this visit who has not left may do that.
    #[error("only a provider of this visit may do that")]
    NotAProvider,
    /// Providers do not remove or send back one another.
    #[error("a provider cannot be removed or sent back")]
    IsAProvider,
    /// The person left or was removed.
    #[error("this person is no longer here")]
    NotHere,
    /// The person was not let in.
    #[error("this person was not let in")]
    NotAdmitted,
    /// The visit has ended.
    #[error("the visit has ended")]
    Ended,
}
