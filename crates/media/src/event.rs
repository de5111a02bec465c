//! What the server tells the one who embeds it.

use crate::ids::{ConnectionId, ParticipantId, Seat};

/// The answer to an offer. It contains every candidate of the server: nothing is trickled.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Answer {
    /// SDP, as `RTCPeerConnection.setRemoteDescription` wants it.
    pub sdp: String,
}

/// Something that happened to a connection.
#[derive(Debug, Clone, PartialEq, Eq)]
pub enum Event {
    /// ICE and DTLS are up: the person is really there. Once for each connection.
    Joined(Seat),
    /// The connection is over, and its media has stopped. Exactly once for each connection whose
    /// offer was answered; without a `Joined` before it, the browser never got through.
    Left(Seat, LeaveReason),
}

/// Why a connection ended.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Hash)]
pub enum LeaveReason {
    /// The browser closed it: the person left, or the tab was closed.
    Closed,
    /// Nothing was heard for too long.
    TimedOut,
    /// The same person joined again with another connection.
    Replaced,
    /// [`MediaHandle::remove`](crate::MediaHandle::remove).
    Removed,
    /// [`MediaHandle::end`](crate::MediaHandle::end).
    Ended,
    /// The server stops; the person may join again when it is back.
    Stopped,
}

/// A person in a room.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Present {
    /// Who.
    pub participant: ParticipantId,
    /// With which connection.
    pub connection: ConnectionId,
    /// Whether ICE and DTLS are up; otherwise the browser is still connecting.
    pub connected: bool,
}

/// What the server holds now, and what it has carried since it started.
#[derive(Debug, Clone, Copy, Default, PartialEq, Eq)]
pub struct Stats {
    /// Rooms with at least one person.
    pub rooms: usize,
    /// People in rooms, connected or connecting.
    pub participants: usize,
    /// Connection checks that run.
    pub checks: usize,
    /// TCP connections that are open.
    pub tcp_connections: usize,
    /// Datagrams received that belonged to a peer.
    pub packets_in: u64,
    /// Their bytes, without IP and UDP headers.
    pub bytes_in: u64,
    /// Datagrams sent.
    pub packets_out: u64,
    /// Their bytes, without IP and UDP headers.
    pub bytes_out: u64,
    /// Datagrams received that belonged to nobody, dropped unread.
    pub packets_unknown: u64,
    /// Datagrams not sent because the network did not take them.
    pub packets_unsent: u64,
}
