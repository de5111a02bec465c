use serde::{Deserialize, Serialize};
use visit::{ConnectionId, SeatId};

use crate::MeetingError;

/// What a node asks of the node that holds a room.
#[derive(Debug, Serialize, Deserialize)]
#[serde(tag = "ask", rename_all = "kebab-case")]
pub(super) enum RoomCall {
    /// Answer an offer of a seat that was let in.
    Answer { seat: SeatId, connection: ConnectionId, restart: bool, sdp: String },
    /// Cut a seat off.
    Remove { seat: SeatId },
    /// Cut everybody off.
    End,
}

/// What it answers.
#[derive(Debug, Serialize, Deserialize)]
#[serde(tag = "reply", content = "with", rename_all = "kebab-case")]
pub(super) enum CallReply {
    Answered { sdp: String },
    Done,
    Full,
    NoSuchConnection,
    BadOffer(String),
    Failed(String),
}

impl CallReply {
    pub(super) fn into_answer(self) -> Result<String, MeetingError> {
        match self {
            Self::Answered { sdp } => Ok(sdp),
            other => Err(other.into_error()),
        }
    }

    pub(super) fn done(self) -> Result<(), MeetingError> {
        match self {
            Self::Done => Ok(()),
            other => Err(other.into_error()),
        }
    }

    pub(super) fn into_error(self) -> MeetingError {
        match self {
            Self::Full => MeetingError::Full,
            Self::NoSuchConnection => MeetingError::NoSuchConnection,
            Self::BadOffer(why) => MeetingError::BadOffer(why),
            Self::Failed(why) => MeetingError::unavailable(why),
            Self::Answered { .. } | Self::Done => {
                MeetingError::unavailable("the other node answered something else")
            }
        }
    }
}
