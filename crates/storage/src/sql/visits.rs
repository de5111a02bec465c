use std::collections::BTreeSet;

use async_trait::async_trait;
use jiff::Timestamp;
use visit::{EhrId, Phase, Seat, SeatId, SessionId, Visit, VisitId};

use super::{save, seat_card};
use crate::{
    Change, EventId, SeatCard, Storage, StorageError, StoredEvent, VisitCard, Visits, Waker,
    db::{Cells, Row, Statement, sql},
};

/// A visit with its seats is read by one statement, so that both are of the
/// same version.
macro_rules! visit_where {
    ($condition:literal) => {
        concat!(
            "SELECT v.visit, v.ehr, v.session, v.room, v.backend, v.admittance, v.starts_at, v.opened_at,
                    v.ended_at, v.version,
                    s.seat, s.person, s.role, s.tab, s.on_appointment, s.state, s.since, s.arrived_at,
                    s.held, s.connections
             FROM visits v LEFT JOIN seats s ON s.visit = v.visit
             WHERE ",
            $condition,
            " ORDER BY v.visit, s.position"
        )
    };
}

#[async_trait]
impl Visits for Storage {
    async fn find(&self, ehr: &EhrId, session: &SessionId) -> Result<Option<Visit>, StorageError> {
        let found = sql(visit_where!("v.ehr = $1 AND v.session = $2"));
        Ok(self.read_visits(found.bind(ehr.as_str()).bind(session.as_str())).await?.pop())
    }

    async fn lookup(&self, id: &VisitId) -> Result<Option<Visit>, StorageError> {
        Ok(self.read_visits(sql(visit_where!("v.visit = $1")).bind(id.as_str())).await?.pop())
    }

    async fn of_seat(&self, seat: &SeatId) -> Result<Option<Visit>, StorageError> {
        let found = sql(visit_where!("v.visit = (SELECT visit FROM seats WHERE seat = $1)"));
        Ok(self.read_visits(found.bind(seat.as_str())).await?.pop())
    }

    async fn save(&self, change: Change<'_>) -> Result<EventId, StorageError> {
        let mut tx = self.db().begin().await?;
        let last = save::change(&mut tx, self.sealer(), &change).await?;
        self.wakes().commit_visits(tx, vec![change.visit.id.clone()]).await?;
        Ok(last)
    }

    async fn events_after(&self, visit: &VisitId, after: EventId) -> Result<Vec<StoredEvent>, StorageError> {
        let events = sql("SELECT event, at, body FROM events WHERE visit = $1 AND event > $2 ORDER BY event");
        let rows = self.db().rows(events.bind(visit.as_str()).bind(after.0)).await?;
        rows.iter()
            .map(|row| {
                let cells = row.keyed("events", "event");
                Ok(StoredEvent {
                    id: EventId(cells.number("event")?),
                    at: cells.time("at")?,
                    event: cells.json("body")?,
                })
            })
            .collect()
    }

    async fn last_event(&self, visit: &VisitId) -> Result<EventId, StorageError> {
        let row = self.db().row(save::last_event(visit)).await?;
        save::read_last_event(row.as_ref(), visit)
    }

    async fn card(&self, visit: &VisitId) -> Result<Option<VisitCard>, StorageError> {
        let card = sql("SELECT card FROM visits WHERE visit = $1").bind(visit.as_str());
        let Some(row) = self.db().row(card).await? else { return Ok(None) };
        row.of("visits", visit).optional_sealed_json(self.sealer(), "card", visit.as_str())
    }

    async fn seat_cards(&self, visit: &VisitId) -> Result<Vec<(SeatId, SeatCard)>, StorageError> {
        let cards = sql("SELECT seat, card FROM seats
             WHERE visit = $1 AND card IS NOT NULL ORDER BY position");
        let rows = self.db().rows(cards.bind(visit.as_str())).await?;
        let mut cards = Vec::with_capacity(rows.len());
        for row in &rows {
            let cells = row.keyed("seats", "seat");
            let seat = cells.parse("seat")?;
            if let Some(card) = seat_card::read(&cells, self.sealer(), &seat)? {
                cards.push((seat, card));
            }
        }
        Ok(cards)
    }

    async fn with_connections(&self) -> Result<Vec<Visit>, StorageError> {
        self.read_visits(sql(visit_where!(
            "v.ended_at IS NULL AND v.visit IN (SELECT visit FROM seats WHERE state = 'connected')"
        )))
        .await
    }

    fn wakes(&self) -> Waker {
        Storage::wakes(self).visits()
    }

    async fn forget_before(&self, before: Timestamp) -> Result<u64, StorageError> {
        let mut tx = self.db().begin().await?;
        let mut changed = BTreeSet::new();
        for forgetting in [ABANDONED_END, FORGET_VISIT_CARDS, FORGET_SEAT_CARDS] {
            for row in tx.rows(sql(forgetting).bind(before)).await? {
                changed.insert(row.keyed("visits", "visit").parse("visit")?);
            }
        }
        tx.execute(sql("DELETE FROM device_tests WHERE taken_at < $1").bind(before)).await?;
        let count = changed.len() as u64;
        Storage::wakes(self).commit_visits(tx, changed.into_iter().collect()).await?;
        Ok(count)
    }
}

/// They ended when something last happened in them.
const ABANDONED_END: &str = "UPDATE visits SET ended_at = changed_at, version = version + 1
    WHERE ended_at IS NULL AND changed_at < $1
      AND NOT EXISTS (SELECT 1 FROM seats s WHERE s.visit = visits.visit AND s.state = 'connected')
    RETURNING visit";

const FORGET_VISIT_CARDS: &str = "UPDATE visits SET card = NULL
    WHERE card IS NOT NULL AND ended_at < $1
    RETURNING visit";

const FORGET_SEAT_CARDS: &str = "UPDATE seats SET card = NULL
    WHERE card IS NOT NULL
      AND visit IN (SELECT v.visit FROM visits v WHERE v.ended_at < $1)
    RETURNING visit";

impl Storage {
    async fn read_visits(&self, found: Statement) -> Result<Vec<Visit>, StorageError> {
        let mut visits: Vec<Visit> = Vec::new();
        for row in &self.db().rows(found).await? {
            let cells = row.keyed("visits", "visit");
            let id: VisitId = cells.parse("visit")?;
            if visits.last().is_none_or(|visit| visit.id != id) {
                visits.push(read_visit(id, &cells)?);
            }
            if let (Some(visit), Some(seat)) = (visits.last_mut(), read_seat(row)?) {
                visit.seats.push(seat);
            }
        }
        Ok(visits)
    }
}

fn read_visit(id: VisitId, cells: &Cells<'_>) -> Result<Visit, StorageError> {
    Ok(Visit {
        id,
        ehr: cells.parse("ehr")?,
        session: cells.parse("session")?,
        room: cells.parse("room")?,
        backend: cells.parse("backend")?,
        admittance: cells.parse("admittance")?,
        starts_at: cells.optional_time("starts_at")?,
        opened_at: cells.time("opened_at")?,
        phase: cells.optional_time("ended_at")?.map_or(Phase::Open, |at| Phase::Ended { at }),
        seats: Vec::new(),
        version: cells.narrow("version")?,
    })
}

/// `None`: the row of a visit without seats.
fn read_seat(row: &Row) -> Result<Option<Seat>, StorageError> {
    let cells = row.keyed("seats", "seat");
    if cells.optional_text("seat")?.is_none() {
        return Ok(None);
    }
    Ok(Some(Seat {
        id: cells.parse("seat")?,
        person: cells.parse("person")?,
        role: cells.parse("role")?,
        tab: cells.narrow("tab")?,
        on_appointment: cells.flag("on_appointment")?,
        state: cells.parse("state")?,
        since: cells.time("since")?,
        arrived_at: cells.time("arrived_at")?,
        held: cells.flag("held")?,
        connections: cells.json("connections")?,
    }))
}
