//! Who waits for something to happen is woken: on this node over a channel in
//! memory, on the others by PostgreSQL's `NOTIFY`.

use std::time::Duration;

use outside::{Random, RandomExt};
use sqlx::postgres::{PgConnectOptions, PgListener, PgNotification, PgPoolOptions};
use tokio::{sync::broadcast, task::JoinHandle, time::timeout};
use visit::VisitId;

use crate::{
    StorageError,
    db::{Tx, unavailable},
};

const VISITS: &str = "anteroom_visits";
const CALLS: &str = "anteroom_calls";

/// A receiver that falls this far behind learns that it did, and looks.
const BACKLOG: usize = 4096;

/// How long the other nodes may say nothing before we ask whether the
/// connection still stands, and how long that may take.
const SILENCE: Duration = Duration::from_secs(30);
const PATIENCE: Duration = Duration::from_secs(5);

/// Event numbers are drawn before they are committed. Numbers this far below
/// the highest one may belong to a transaction that was not finished when the
/// highest was read.
const UNFINISHED: i64 = 1000;

/// Channels to whoever waits on this node.
#[derive(Clone)]
pub(crate) struct Wakes {
    /// Tells our own notifications from those of other nodes.
    sender: String,
    visits: broadcast::Sender<VisitId>,
    calls: broadcast::Sender<()>,
}

impl Wakes {
    pub(crate) fn new(random: &dyn Random) -> Self {
        Self {
            sender: random.token::<12>(),
            visits: broadcast::Sender::new(BACKLOG),
            calls: broadcast::Sender::new(BACKLOG),
        }
    }

    pub(crate) fn visits(&self) -> broadcast::Receiver<VisitId> {
        self.visits.subscribe()
    }

    pub(crate) fn calls(&self) -> broadcast::Receiver<()> {
        self.calls.subscribe()
    }

    /// Commits what happened in these visits and wakes whoever watches them.
    pub(crate) async fn commit_visits(&self, mut tx: Tx, visits: Vec<VisitId>) -> Result<(), StorageError> {
        for visit in &visits {
            tx.notify(VISITS, &format!("{} {visit}", self.sender)).await?;
        }
        let local = self.visits.clone();
        // An error says only that nobody listens.
        tx.commit(move || visits.into_iter().for_each(|visit| drop(local.send(visit)))).await
    }

    /// Commits something about calls and wakes whoever waits for calls and
    /// answers.
    pub(crate) async fn commit_calls(&self, mut tx: Tx) -> Result<(), StorageError> {
        tx.notify(CALLS, &self.sender).await?;
        let local = self.calls.clone();
        tx.commit(move || drop(local.send(()))).await
    }

    fn heard(&self, notification: &PgNotification) {
        let (sender, about) = notification.payload().split_once(' ').unwrap_or((notification.payload(), ""));
        if sender == self.sender {
            return;
        }
        match notification.channel() {
            CALLS => drop(self.calls.send(())),
            VISITS => drop(about.parse().map(|visit| self.visits.send(visit))),
            _ => {}
        }
    }
}

/// Hears what other nodes did; stops when dropped.
pub(crate) struct Listener(JoinHandle<()>);

impl Listener {
    /// Listens from now on, over a connection of its own.
    pub(crate) async fn start(options: PgConnectOptions, wakes: Wakes) -> Result<Self, StorageError> {
        let mut ear = Ear { options, wakes, known: None };
        let listener = ear.listen().await.map_err(unavailable)?;
        Ok(Self(tokio::spawn(ear.stay_listening(listener))))
    }
}

impl Drop for Listener {
    fn drop(&mut self) {
        self.0.abort();
    }
}

struct Ear {
    options: PgConnectOptions,
    wakes: Wakes,
    /// The highest event number when listening last began.
    known: Option<i64>,
}

impl Ear {
    async fn stay_listening(mut self, mut listener: PgListener) {
        // While nobody listens, streams of this node are late by so much.
        let (shortest, longest) = (Duration::from_millis(250), Duration::from_secs(2));
        loop {
            if let Err(error) = self.hear(listener).await {
                tracing::warn!(%error, "lost the database connection that hears of other nodes");
            }
            let mut pause = shortest;
            listener = loop {
                match self.listen().await {
                    Ok(listener) => break listener,
                    Err(error) => tracing::warn!(%error, "cannot hear of other nodes yet"),
                }
                tokio::time::sleep(pause).await;
                pause = longest.min(pause * 2);
            };
        }
    }

    /// Answers when the connection is lost. One that is silent is asked
    /// whether it is still there: a firewall may have dropped it unsaid.
    async fn hear(&self, mut listener: PgListener) -> Result<(), sqlx::Error> {
        listener.eager_reconnect(false);
        loop {
            match timeout(SILENCE, listener.try_recv()).await {
                Ok(Ok(Some(notification))) => self.wakes.heard(&notification),
                Ok(Ok(None)) => return Ok(()),
                Ok(Err(error)) => return Err(error),
                Err(_silent) => {
                    let asking = sqlx::query("SELECT 1").execute(&mut listener);
                    timeout(PATIENCE, asking).await.map_err(std::io::Error::from)??;
                }
            }
        }
    }

    /// Listens, and then wakes for all that has happened since it last began
    /// to: what was notified in between, nobody heard.
    async fn listen(&mut self) -> Result<PgListener, sqlx::Error> {
        let pool = PgPoolOptions::new()
            .max_connections(1)
            .acquire_timeout(PATIENCE)
            .idle_timeout(None)
            .max_lifetime(None)
            .connect_with(self.options.clone())
            .await?;
        let mut listener = PgListener::connect_with(&pool).await?;
        listener.listen_all([VISITS, CALLS]).await?;
        let newest: i64 =
            sqlx::query_scalar("SELECT COALESCE(MAX(event), 0) FROM events").fetch_one(&mut listener).await?;
        if let Some(known) = self.known.replace(newest) {
            self.wake_since(&mut listener, known - UNFINISHED).await?;
        }
        Ok(listener)
    }

    async fn wake_since(&self, listener: &mut PgListener, event: i64) -> Result<(), sqlx::Error> {
        let missed: Vec<String> = sqlx::query_scalar("SELECT DISTINCT visit FROM events WHERE event > $1")
            .bind(event)
            .fetch_all(listener)
            .await?;
        for visit in missed.into_iter().filter_map(|visit| visit.parse().ok()) {
            drop(self.wakes.visits.send(visit));
        }
        drop(self.wakes.calls.send(()));
        Ok(())
    }
}
