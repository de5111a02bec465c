//! One running program among several on one database: it says that it lives,
//! holds rooms, and answers for them.

use std::{
    sync::{Arc, Mutex, MutexGuard, PoisonError},
    time::Duration,
};

use async_trait::async_trait;
use jiff::SignedDuration;
use meeting::{
    RoomHandle,
    built_in::{BuiltIn, DirectoryError, Holder, RoomDirectory},
};
use outside::{Clock, Random, RandomExt};
use storage::{CallAnswer, NodeId, RoomCall, Rooms, StorageError};
use visit::RoomName;

use crate::contact::Contact;

/// How often and how long.
#[derive(Debug, Clone, Copy)]
pub struct NodeSettings {
    /// How often a node says that it lives.
    pub beat_every: Duration,
    /// How long its word is good: after that its rooms are others'.
    pub good_for: Duration,
    /// How long a node waits for another's answer.
    pub call_deadline: Duration,
}

impl Default for NodeSettings {
    fn default() -> Self {
        Self {
            beat_every: Duration::from_secs(2),
            good_for: Duration::from_secs(7),
            call_deadline: Duration::from_secs(5),
        }
    }
}

/// This program as one of several.
pub struct Node {
    id: NodeId,
    rooms: Arc<dyn Rooms>,
    clock: Arc<dyn Clock>,
    settings: NodeSettings,
    contact: Mutex<Contact>,
}

impl NodeSettings {
    fn good_for(&self) -> SignedDuration {
        SignedDuration::try_from(self.good_for).unwrap_or(SignedDuration::from_secs(7))
    }
}

impl Node {
    /// A node with a fresh name.
    pub fn new(
        rooms: Arc<dyn Rooms>,
        clock: Arc<dyn Clock>,
        random: &dyn Random,
        settings: NodeSettings,
    ) -> Self {
        let contact = Mutex::new(Contact::new(settings.good_for(), clock.now()));
        Self { id: NodeId(random.token::<12>()), rooms, clock, settings, contact }
    }

    /// Says for the first time that this node lives. Rooms can be held after
    /// that.
    pub async fn register(&self) -> Result<(), StorageError> {
        let now = self.clock.now();
        self.rooms.beat(&self.id, now, now + self.settings.good_for()).await?;
        self.contact().beat(now);
        Ok(())
    }

    fn contact(&self) -> MutexGuard<'_, Contact> {
        self.contact.lock().unwrap_or_else(PoisonError::into_inner)
    }

    /// Says again and again that this node lives, for ever.
    pub async fn keep_alive(&self) {
        let mut beat = tokio::time::interval(self.settings.beat_every);
        beat.set_missed_tick_behavior(tokio::time::MissedTickBehavior::Delay);
        loop {
            beat.tick().await;
            if let Err(error) = self.register().await {
                tracing::warn!(error = %error, "this node could not say that it lives");
            }
        }
    }

    /// Answers what other nodes ask of the rooms that this one holds, for ever.
    pub async fn serve_calls(&self, backend: Arc<BuiltIn>) {
        let mut wakes = self.rooms.call_wakes();
        loop {
            match self.rooms.take_calls(&self.id, self.clock.now()).await {
                Ok(calls) => {
                    for call in calls {
                        tokio::spawn(answer(Arc::clone(&self.rooms), Arc::clone(&backend), call));
                    }
                }
                Err(error) => tracing::warn!(error = %error, "calls of other nodes could not be read"),
            }
            // A lost wake costs a beat, not an answer.
            let _ = tokio::time::timeout(self.settings.beat_every, wakes.recv()).await;
        }
    }

    /// Says that this node stops, so that others take its rooms at once.
    pub async fn retire(&self) {
        if let Err(error) = self.rooms.retire(&self.id).await {
            tracing::warn!(error = %error, "this node could not say that it stops; its rooms are free in seconds");
        }
    }
}

async fn answer(rooms: Arc<dyn Rooms>, backend: Arc<BuiltIn>, call: RoomCall) {
    let room = RoomHandle(call.room.as_str().to_owned());
    let reply = backend.serve_call(&room, &call.request).await;
    if let Err(error) = rooms.answer(call.id, &CallAnswer(reply)).await {
        tracing::warn!(error = %error, "an answer to another node could not be stored");
    }
}

#[async_trait]
impl RoomDirectory for Node {
    async fn hold(&self, room: &RoomHandle) -> Result<Holder, DirectoryError> {
        let judged_at = self.contact().judges_at(self.clock.now());
        let holder = self.rooms.hold(&name_of(room)?, &self.id, judged_at).await.map_err(no_database)?;
        Ok(if holder == self.id { Holder::Here } else { Holder::Elsewhere(holder.0) })
    }

    async fn call(&self, node: &str, room: &RoomHandle, question: String) -> Result<String, DirectoryError> {
        let mut wakes = self.rooms.call_wakes();
        let deadline = tokio::time::Instant::now() + self.settings.call_deadline;
        let forget = SignedDuration::try_from(self.settings.call_deadline * 2)
            .unwrap_or(SignedDuration::from_secs(10));
        let to = NodeId(node.to_owned());
        let expires_at = self.clock.now() + forget;
        let call = self.rooms.call(&to, &name_of(room)?, &question, expires_at).await.map_err(no_database)?;
        loop {
            if let Some(CallAnswer(answer)) = self.rooms.take_answer(call).await.map_err(no_database)? {
                return Ok(answer);
            }
            let lull = tokio::time::timeout_at(
                deadline,
                tokio::time::timeout(Duration::from_millis(500), wakes.recv()),
            );
            if lull.await.is_err() {
                let what = "the node that holds the room does not answer".to_owned();
                return Err(DirectoryError { what, source: None });
            }
        }
    }
}

fn name_of(room: &RoomHandle) -> Result<RoomName, DirectoryError> {
    room.0.parse().map_err(|error: visit::InvalidId| DirectoryError {
        what: "the room's name cannot be used".to_owned(),
        source: Some(error.into()),
    })
}

fn no_database(error: StorageError) -> DirectoryError {
    DirectoryError {
        what: "which node holds the room could not be looked up".to_owned(),
        source: Some(error.into()),
    }
}

#[cfg(test)]
mod tests;
