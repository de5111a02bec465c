use jiff::Timestamp;
use storage::{Arrival, Change, StorageError};
use visit::{Command, Event, SeatId, Visit, apply};

use crate::{Reception, ReceptionError};

/// How often a change is judged anew after somebody else was faster. Those
/// who meet in one visit are few, and each round lets one of them through.
pub(crate) const ROUNDS: usize = 16;

impl Reception {
    /// Carries out a command that names a seat and answers the visit as it is
    /// then.
    pub async fn command(&self, seat: &SeatId, command: Command) -> Result<Visit, ReceptionError> {
        for _ in 0..ROUNDS {
            let mut visit = self.visits.of_seat(seat).await?.ok_or(ReceptionError::NoSuchVisit)?;
            let now = self.clock.now();
            let events = apply(&visit, command.clone(), now)?;
            match self.store(&mut visit, &events, now, None).await {
                Err(StorageError::Conflict) => {}
                Err(error) => return Err(error.into()),
                Ok(()) => {
                    self.enforce(&visit, &events).await;
                    return Ok(visit);
                }
            }
        }
        Err(StorageError::Conflict.into())
    }

    /// Stores events and what follows from them; `visit` becomes what it is
    /// after them.
    pub(crate) async fn store(
        &self,
        visit: &mut Visit,
        events: &[Event],
        now: Timestamp,
        arrival: Option<Arrival>,
    ) -> Result<(), StorageError> {
        if events.is_empty() && arrival.is_none() {
            return Ok(());
        }
        let before = visit.clone();
        for event in events {
            visit.evolve(event, now);
        }
        let notices = self.notices(&before, events, visit).await?;
        self.visits.save(Change { visit, events, at: now, notices: &notices, arrival }).await?;
        visit.version += 1;
        if !notices.is_empty() {
            self.deliver_now.ring();
        }
        Ok(())
    }

    async fn notices(
        &self,
        before: &Visit,
        events: &[Event],
        after: &Visit,
    ) -> Result<Vec<storage::NoticeChange>, StorageError> {
        let tells_presence =
            |event: &Event| matches!(event, Event::Connected { .. } | Event::Disconnected { .. });
        let Some(policy) = self.policies.get(&before.ehr).filter(|_| events.iter().any(tells_presence))
        else {
            return Ok(Vec::new());
        };
        let cards = self.visits.seat_cards(&before.id).await?;
        Ok(notify::notices_for(before, events, after, &cards, policy))
    }

    /// Makes the meeting backend obey what was stored. A backend that does
    /// not answer now is asked again by [`Reception::reconcile`].
    pub(crate) async fn enforce(&self, visit: &Visit, events: &[Event]) {
        for event in events {
            let outcome = match event {
                Event::Removed { seat, .. }
                | Event::SentBack { seat, .. }
                | Event::Left { seat }
                | Event::SeatRetaken { seat, .. } => self.cut_off(visit, seat).await,
                Event::Ended { .. } => self.end_room(visit).await,
                Event::SeatTaken { .. }
                | Event::Admitted { .. }
                | Event::DevicesTested { .. }
                | Event::Connected { .. }
                | Event::Disconnected { .. }
                | Event::Reopened { .. } => Ok(()),
            };
            if let Err(error) = outcome {
                tracing::warn!(visit = %visit.id, %error, "the meeting backend did not obey; it is asked again soon");
            }
        }
    }
}
