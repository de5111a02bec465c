use futures_util::stream::BoxStream;
use jiff::Timestamp;
use visit::{ConnectionId, SeatId};

/// What a backend saw. Duplicates, disorder and a leaving without a joining
/// are normal; the visit's rules make sense of them.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct MeetingEvent {
    /// Whose.
    pub seat: SeatId,
    /// Which connection.
    pub connection: ConnectionId,
    /// When the backend says it happened.
    pub at: Timestamp,
    /// What.
    pub kind: MeetingEventKind,
}

/// What a backend saw of one connection.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum MeetingEventKind {
    /// Media can flow.
    Joined,
    /// The connection is gone.
    Left,
}

/// Events as they come.
pub type MeetingEvents = BoxStream<'static, MeetingEvent>;
