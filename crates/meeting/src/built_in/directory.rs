use async_trait::async_trait;

use crate::RoomHandle;

/// Where a room lives.
#[derive(Debug, Clone, PartialEq, Eq)]
pub enum Holder {
    /// In this process.
    Here,
    /// In the node of this name.
    Elsewhere(String),
}

/// The directory, or the other node, does not answer.
#[derive(Debug, thiserror::Error)]
#[error("{what}")]
pub struct DirectoryError {
    /// What did not answer.
    pub what: String,
    /// Why.
    #[source]
    pub source: Option<Box<dyn std::error::Error + Send + Sync>>,
}

/// Knows which node holds a room, and carries questions to it.
#[async_trait]
pub trait RoomDirectory: Send + Sync {
    /// Who holds the room; this node takes it where no living node does.
    async fn hold(&self, room: &RoomHandle) -> Result<Holder, DirectoryError>;

    /// Asks the node that holds the room.
    async fn call(&self, node: &str, room: &RoomHandle, question: String) -> Result<String, DirectoryError>;
}

/// A directory for a program that is alone: every room is here.
#[derive(Debug, Clone, Copy, Default)]
pub struct Alone;

#[async_trait]
impl RoomDirectory for Alone {
    async fn hold(&self, _room: &RoomHandle) -> Result<Holder, DirectoryError> {
        Ok(Holder::Here)
    }

    async fn call(
        &self,
        _node: &str,
        _room: &RoomHandle,
        _question: String,
    ) -> Result<String, DirectoryError> {
        Err(DirectoryError { what: "there is no other node".to_owned(), source: None })
    }
}
