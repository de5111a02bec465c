//! Who sits in which room.

use std::collections::HashMap;

use super::PeerKey;
use crate::config::Limits;
use crate::error::JoinError;
use crate::ids::{ConnectionId, ParticipantId, RoomId, Seat};

#[derive(Debug)]
struct Member {
    participant: ParticipantId,
    connection: ConnectionId,
    peer: PeerKey,
}

/// All rooms. A room is there as long as somebody is in it.
#[derive(Debug, Default)]
pub(super) struct Rooms(HashMap<RoomId, Vec<Member>>);

impl Rooms {
    /// Whether there is a place for this connection. A person who is there already needs none.
    pub(super) fn admits(&self, seat: &Seat, limits: &Limits) -> Result<(), JoinError> {
        let Some(members) = self.0.get(&seat.room) else {
            return if self.0.len() < limits.rooms { Ok(()) } else { Err(JoinError::Busy) };
        };
        if members.iter().any(|m| m.connection == seat.connection) {
            return Err(JoinError::ConnectionInUse);
        }
        let returns = members.iter().any(|m| m.participant == seat.participant);
        if returns || members.len() < limits.room_size { Ok(()) } else { Err(JoinError::Full) }
    }

    pub(super) fn seat(&mut self, seat: Seat, peer: PeerKey) {
        let Seat { room, participant, connection } = seat;
        self.0.entry(room).or_default().push(Member { participant, connection, peer });
    }

    pub(super) fn unseat(&mut self, seat: &Seat) {
        if let Some(members) = self.0.get_mut(&seat.room) {
            members.retain(|m| m.connection != seat.connection);
            if members.is_empty() {
                self.0.remove(&seat.room);
            }
        }
    }

    pub(super) fn members(&self, room: &RoomId) -> Vec<PeerKey> {
        self.of(room).iter().map(|m| m.peer).collect()
    }

    pub(super) fn peer(&self, room: &RoomId, participant: &ParticipantId) -> Option<PeerKey> {
        let found = self.of(room).iter().find(|m| m.participant == *participant)?;
        Some(found.peer)
    }

    pub(super) fn connection(&self, seat: &Seat) -> Option<PeerKey> {
        let same = |m: &&Member| m.participant == seat.participant && m.connection == seat.connection;
        Some(self.of(&seat.room).iter().find(same)?.peer)
    }

    pub(super) fn len(&self) -> usize {
        self.0.len()
    }

    pub(super) fn people(&self) -> usize {
        self.0.values().map(Vec::len).sum()
    }

    fn of(&self, room: &RoomId) -> &[Member] {
        self.0.get(room).map_or(&[], Vec::as_slice)
    }
}
