//! Who is connected, as the backends see it: their events as they come, and
//! a look now and then at what events may have missed.

use std::time::Duration;

use futures_util::{StreamExt, stream};
use meeting::{MeetingEvent, MeetingEventKind, Present};
use visit::{Command, Refusal, SeatId, Visit};

use crate::{Reception, ReceptionError};

/// How often backends are asked who is there.
const LOOK_EVERY: Duration = Duration::from_secs(20);

impl Reception {
    /// Takes in what the backends see, for ever. Meant for one task of its
    /// own, which is dropped when the program stops.
    pub async fn follow_backends(&self) {
        let events = self.backends.iter().filter_map(|backend| backend.events());
        let mut events = stream::select_all(events);
        let mut look = tokio::time::interval(LOOK_EVERY);
        look.set_missed_tick_behavior(tokio::time::MissedTickBehavior::Delay);
        loop {
            tokio::select! {
                Some(event) = events.next() => self.take_in(event).await,
                _ = look.tick() => self.reconcile().await,
            }
        }
    }

    /// Takes in one thing that a backend saw.
    pub async fn take_in(&self, event: MeetingEvent) {
        let MeetingEvent { seat, connection, kind, .. } = event;
        let command = match kind {
            MeetingEventKind::Joined => Command::Connect { seat: seat.clone(), connection },
            MeetingEventKind::Left => Command::Disconnect { seat: seat.clone(), connection },
        };
        match self.command(&seat, command).await {
            Ok(_) => {}
            Err(ReceptionError::Refused(Refusal::NotAdmitted | Refusal::Ended)) => self.put_out(&seat).await,
            Err(error) => {
                tracing::warn!(%seat, error = %error, "what the meeting backend saw was not stored; the next look makes up for it");
            }
        }
    }

    /// Somebody is in the room who should not be.
    async fn put_out(&self, seat: &SeatId) {
        let outcome = match self.visits.of_seat(seat).await {
            Ok(Some(visit)) => self.cut_off(&visit, seat).await,
            Ok(None) => Ok(()),
            Err(error) => Err(error.into()),
        };
        if let Err(error) = outcome {
            tracing::warn!(%seat, error = %error, "somebody who was not let in is still in the room; tried again soon");
        }
    }

    /// Compares what is stored with who is really there, and mends both: a
    /// connection that nobody has any more is gone, somebody in the room who
    /// was not let in is put out.
    pub async fn reconcile(&self) {
        let visits = match self.visits.with_connections().await {
            Ok(visits) => visits,
            Err(error) => {
                tracing::warn!(error = %error, "who is connected could not be looked up");
                return;
            }
        };
        for visit in visits {
            if let Err(error) = self.reconcile_one(&visit).await {
                tracing::warn!(visit = %visit.id, error = %error, "who is in the room could not be learnt");
            }
        }
    }

    async fn reconcile_one(&self, visit: &Visit) -> Result<(), ReceptionError> {
        let (backend, room) = self.room_of(visit).await?;
        let Some(present) = backend.presence(&room).await? else { return Ok(()) };
        for (seat, connection) in missing(visit, &present) {
            self.command(&seat, Command::Disconnect { seat: seat.clone(), connection }).await?;
        }
        for Present { seat, connection } in present {
            match self.command(&seat, Command::Connect { seat: seat.clone(), connection }).await {
                Err(ReceptionError::Refused(_)) => self.cut_off(visit, &seat).await?,
                outcome => drop(outcome?),
            }
        }
        Ok(())
    }
}

fn missing(visit: &Visit, present: &[Present]) -> Vec<(SeatId, visit::ConnectionId)> {
    visit
        .seats
        .iter()
        .flat_map(|seat| seat.connections.iter().map(|connection| (seat.id.clone(), connection.clone())))
        .filter(|(seat, connection)| !present.iter().any(|p| p.seat == *seat && p.connection == *connection))
        .collect()
}
