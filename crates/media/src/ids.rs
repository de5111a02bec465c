//! The names that the embedder gives to rooms, people and their connections.

use std::fmt;
use std::str::FromStr;
use std::sync::Arc;

use serde::{Serialize, Serializer};

/// A string that cannot be an id.
#[derive(Debug, Clone, Copy, PartialEq, Eq, thiserror::Error)]
#[error("an id is 1 to 64 characters out of A-Z, a-z, 0-9, '-' and '_'")]
pub struct InvalidId;

fn checked(id: &str) -> Result<Arc<str>, InvalidId> {
    let fits = (1..=64).contains(&id.len())
        && id.bytes().all(|b| b.is_ascii_alphanumeric() || b == b'-' || b == b'_');
    if fits { Ok(id.into()) } else { Err(InvalidId) }
}

macro_rules! opaque_id {
    ($(#[$doc:meta])* $name:ident) => {
        $(#[$doc])*
        ///
        /// Opaque: 1 to 64 characters out of `A-Z a-z 0-9 - _`. Cheap to clone.
        #[derive(Debug, Clone, PartialEq, Eq, Hash, PartialOrd, Ord)]
        pub struct $name(Arc<str>);

        impl $name {
            /// Checks and takes over an id.
            pub fn new(id: &str) -> Result<Self, InvalidId> {
                checked(id).map(Self)
            }

            /// The id as it was given.
            pub fn as_str(&self) -> &str {
                &self.0
            }
        }

        impl FromStr for $name {
            type Err = InvalidId;

            fn from_str(id: &str) -> Result<Self, InvalidId> {
                Self::new(id)
            }
        }

        impl fmt::Display for $name {
            fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
                f.write_str(&self.0)
            }
        }

        impl Serialize for $name {
            fn serialize<S: Serializer>(&self, serializer: S) -> Result<S::Ok, S::Error> {
                serializer.serialize_str(&self.0)
            }
        }
    };
}

opaque_id! {
    /// A room: the people in it exchange media with one another and with nobody else.
    RoomId
}

opaque_id! {
    /// A person in a room, over all their connections. The other people's pages see this id.
    ParticipantId
}

opaque_id! {
    /// One connection of a participant: one page load, one peer connection.
    ConnectionId
}

/// One connection of one participant in one room.
#[derive(Debug, Clone, PartialEq, Eq, Hash)]
pub struct Seat {
    /// Where.
    pub room: RoomId,
    /// Who. A participant has at most one live connection in a room: the newest.
    pub participant: ParticipantId,
    /// Which of their connections. Never used again once it has ended.
    pub connection: ConnectionId,
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn ids_are_short_and_plain() {
        assert_eq!(RoomId::new("r-1_A").unwrap().as_str(), "r-1_A");
        for bad in ["", "a b", "ä", "a/b", "a\n", &"x".repeat(65)] {
            assert_eq!(RoomId::new(bad), Err(InvalidId), "{bad:?}");
        }
        assert!(ParticipantId::new(&"x".repeat(64)).is_ok());
    }
}
