use std::fmt;

use async_trait::async_trait;
use jiff::Timestamp;
use serde::{Deserialize, Serialize};
use tokio::sync::broadcast;
use visit::RoomName;

use crate::StorageError;

/// One running program. Fresh at each start.
#[derive(Debug, Clone, PartialEq, Eq, Hash, Serialize, Deserialize)]
pub struct NodeId(pub String);

/// The number of a call.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Hash)]
pub struct CallId(pub i64);

/// Something that one node asks of the node that holds a room (an offer to
/// answer, say). The text is the caller's and the callee's own affair.
#[derive(Clone)]
pub struct RoomCall {
    /// Its number.
    pub id: CallId,
    /// The room.
    pub room: RoomName,
    /// What is asked (JSON, sealed in the database).
    pub request: String,
}

/// Without what is asked.
impl fmt::Debug for RoomCall {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.debug_struct("RoomCall").field("id", &self.id).finish_non_exhaustive()
    }
}

/// What the other node answered (JSON, sealed in the database).
#[derive(Clone, PartialEq, Eq)]
pub struct CallAnswer(pub String);

/// Without what was answered.
impl fmt::Debug for CallAnswer {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.write_str("CallAnswer(…)")
    }
}

/// Which node holds which built-in room, and a way for nodes to ask one
/// another over the database they share.
#[async_trait]
pub trait Rooms: Send + Sync {
    /// Says that this node lives, until `good_until`.
    async fn beat(&self, node: &NodeId, now: Timestamp, good_until: Timestamp) -> Result<(), StorageError>;

    /// Says that this node stops: its rooms are free at once.
    async fn retire(&self, node: &NodeId) -> Result<(), StorageError>;

    /// Answers the node that holds the room. Where none does, or its node no
    /// longer lives, this node takes it.
    async fn hold(&self, room: &RoomName, node: &NodeId, now: Timestamp) -> Result<NodeId, StorageError>;

    /// Lets go of a room that this node holds.
    async fn release(&self, room: &RoomName, node: &NodeId) -> Result<(), StorageError>;

    /// Asks another node. The call is forgotten at `expires_at`.
    async fn call(
        &self,
        to: &NodeId,
        room: &RoomName,
        request: &str,
        expires_at: Timestamp,
    ) -> Result<CallId, StorageError>;

    /// Takes the calls that wait for this node, each once.
    async fn take_calls(&self, node: &NodeId, now: Timestamp) -> Result<Vec<RoomCall>, StorageError>;

    /// Answers a call.
    async fn answer(&self, call: CallId, answer: &CallAnswer) -> Result<(), StorageError>;

    /// The answer to a call, once it is there; taken out.
    async fn take_answer(&self, call: CallId) -> Result<Option<CallAnswer>, StorageError>;

    /// Wakes when a call or an answer came for anybody, on this node or
    /// another.
    fn call_wakes(&self) -> broadcast::Receiver<()>;
}
