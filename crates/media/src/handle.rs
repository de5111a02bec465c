//! How the rest of the program speaks to the server's thread.

use tokio::sync::{mpsc, oneshot};

use crate::core::Paths;
use crate::error::JoinError;
use crate::event::{Answer, Event, Present, Stats};
use crate::ids::{ParticipantId, RoomId, Seat};

/// What the server's thread is asked to do. Each carries where to put the answer.
#[derive(Debug)]
pub(crate) enum Command {
    Join(Seat, String, oneshot::Sender<Result<Answer, JoinError>>),
    Restart(Seat, String, oneshot::Sender<Result<Answer, JoinError>>),
    Check(String, Paths, oneshot::Sender<Result<Answer, JoinError>>),
    Remove(RoomId, ParticipantId, oneshot::Sender<bool>),
    End(RoomId, oneshot::Sender<bool>),
    Presence(RoomId, oneshot::Sender<Vec<Present>>),
    Stats(oneshot::Sender<Stats>),
    Shutdown(oneshot::Sender<()>),
}

/// Speaks to a running [`MediaServer`](crate::MediaServer). Cheap to clone; when the last one is gone, the server stops.
#[derive(Debug, Clone)]
pub struct MediaHandle {
    commands: mpsc::Sender<Command>,
}

impl MediaHandle {
    pub(crate) fn new(commands: mpsc::Sender<Command>) -> Self {
        Self { commands }
    }

    /// Answers the offer of a person who may be in the room, and keeps a place for them.
    ///
    /// The room is made if it is not there. Another connection of the same person is replaced at once. The person counts as
    /// there only after [`Event::Joined`]. Whether someone may join, and whether a room that has ended may be opened
    /// again, is for the caller to know.
    pub async fn join(&self, seat: Seat, sdp_offer: &str) -> Result<Answer, JoinError> {
        let offer = sdp_offer.to_owned();
        self.ask(|reply| Command::Join(seat, offer, reply)).await.unwrap_or(Err(JoinError::Stopped))
    }

    /// Answers a further offer on a living connection, as after `restartIce()` in the page.
    pub async fn restart(&self, seat: Seat, sdp_offer: &str) -> Result<Answer, JoinError> {
        let offer = sdp_offer.to_owned();
        self.ask(|reply| Command::Restart(seat, offer, reply)).await.unwrap_or(Err(JoinError::Stopped))
    }

    /// Answers a browser that wants to measure its way to the server. It belongs to no room, and makes no events.
    pub async fn check(&self, sdp_offer: &str, paths: Paths) -> Result<Answer, JoinError> {
        let offer = sdp_offer.to_owned();
        self.ask(|reply| Command::Check(offer, paths, reply)).await.unwrap_or(Err(JoinError::Stopped))
    }

    /// Takes a person out of a room: their media has stopped when this answers. `false`: they were not there.
    pub async fn remove(&self, room: RoomId, participant: ParticipantId) -> bool {
        self.ask(|reply| Command::Remove(room, participant, reply)).await.unwrap_or(false)
    }

    /// Takes everybody out of a room: all media has stopped when this answers. `false`: nobody was there.
    pub async fn end(&self, room: RoomId) -> bool {
        self.ask(|reply| Command::End(room, reply)).await.unwrap_or(false)
    }

    /// Who is in a room, in the order of arrival; empty if there is no such room.
    pub async fn presence(&self, room: RoomId) -> Vec<Present> {
        self.ask(|reply| Command::Presence(room, reply)).await.unwrap_or_default()
    }

    /// What the server holds and has carried; all zero after it has stopped.
    pub async fn stats(&self) -> Stats {
        self.ask(Command::Stats).await.unwrap_or_default()
    }

    /// Tells every page that the server stops, and waits until it has, at most a little over a second.
    pub async fn shutdown(&self) {
        // An error means that it had stopped before.
        let _ = self.ask(Command::Shutdown).await;
    }

    async fn ask<T>(&self, command: impl FnOnce(oneshot::Sender<T>) -> Command) -> Option<T> {
        let (reply, answer) = oneshot::channel();
        self.commands.send(command(reply)).await.ok()?;
        answer.await.ok()
    }
}

/// What happens in the rooms, in order. Events wait here until they are taken.
#[derive(Debug)]
pub struct EventStream {
    events: mpsc::UnboundedReceiver<Event>,
}

impl EventStream {
    pub(crate) fn new(events: mpsc::UnboundedReceiver<Event>) -> Self {
        Self { events }
    }

    /// The next event; `None` after the server has stopped. Safe to cancel.
    pub async fn next(&mut self) -> Option<Event> {
        self.events.recv().await
    }
}
