//! The one transaction of a command: visit, seats, events, notifications, the
//! browser that arrived, and what the audit log says of it.

use jiff::Timestamp;
use visit::{Event, Phase, Seat, Visit, VisitId};

use super::{audit_log, notices, seat_card};
use crate::{
    Arrival, Change, EventId, StorageError,
    db::{Row, Statement, Tx, sql},
    seal::Sealer,
};

/// The visit comes first: its row stays locked until the commit, so that of
/// two savers one waits and then learns of the conflict, and the events of a
/// visit are numbered in the order in which readers come to see them.
pub(super) async fn change(
    tx: &mut Tx,
    sealer: &Sealer,
    change: &Change<'_>,
) -> Result<EventId, StorageError> {
    let visit = change.visit;
    let changed =
        if visit.version == 0 { insert_visit(visit, change.at) } else { update_visit(visit, change.at) };
    if tx.execute(changed).await? == 0 {
        return Err(StorageError::Conflict);
    }
    for (position, seat) in (0..).zip(&visit.seats) {
        tx.execute(upsert_seat(&visit.id, position, seat)).await?;
    }
    for notice in change.notices {
        notices::change(tx, notice, change.at).await?;
    }
    if let Some(arrival) = &change.arrival {
        arrive(tx, sealer, &visit.id, arrival).await?;
    }
    let mut last = None;
    for event in change.events {
        last = tx.row(insert_event(&visit.id, event, change.at)).await?;
    }
    if last.is_none() {
        last = tx.row(last_event(&visit.id)).await?;
    }
    let records: Vec<_> =
        change.events.iter().filter_map(|event| audit::record_of(visit, event, change.at)).collect();
    if !records.is_empty() {
        audit_log::append(tx, &records).await?;
    }
    read_last_event(last.as_ref(), &visit.id)
}

fn ended_at(visit: &Visit) -> Option<Timestamp> {
    match visit.phase {
        Phase::Open => None,
        Phase::Ended { at } => Some(at),
    }
}

/// Inserts nothing where the visit is there, by its id or by EHR connection
/// and session id.
fn insert_visit(visit: &Visit, at: Timestamp) -> Statement {
    sql("INSERT INTO visits (visit, ehr, session, room, backend, admittance, starts_at, opened_at, ended_at,
                             changed_at, version)
         VALUES ($1, $2, $3, $4, $5, $6, $7, $8, $9, $10, 1)
         ON CONFLICT DO NOTHING")
    .bind(visit.id.as_str())
    .bind(visit.ehr.as_str())
    .bind(visit.session.as_str())
    .bind(visit.room.as_str())
    .bind(visit.backend.as_str())
    .bind(visit.admittance.as_str())
    .bind(visit.starts_at)
    .bind(visit.opened_at)
    .bind(ended_at(visit))
    .bind(at)
}

fn update_visit(visit: &Visit, at: Timestamp) -> Statement {
    sql("UPDATE visits
         SET admittance = $3, starts_at = $4, ended_at = $5, changed_at = $6, version = version + 1
         WHERE visit = $1 AND version = $2")
    .bind(visit.id.as_str())
    .bind(visit.version.cast_signed())
    .bind(visit.admittance.as_str())
    .bind(visit.starts_at)
    .bind(ended_at(visit))
    .bind(at)
}

fn upsert_seat(visit: &VisitId, position: i64, seat: &Seat) -> Statement {
    let connections: Vec<_> = seat.connections.iter().map(visit::ConnectionId::as_str).collect();
    sql("INSERT INTO seats (seat, visit, position, person, role, tab, on_appointment, state, since, arrived_at,
                            held, connections)
         VALUES ($1, $2, $3, $4, $5, $6, $7, $8, $9, $10, $11, $12)
         ON CONFLICT (seat) DO UPDATE
         SET tab = excluded.tab, state = excluded.state, since = excluded.since, held = excluded.held,
             connections = excluded.connections")
    .bind(seat.id.as_str())
    .bind(visit.as_str())
    .bind(position)
    .bind(seat.person.to_string())
    .bind(seat.role.as_str())
    .bind(seat.tab)
    .bind(seat.on_appointment)
    .bind(seat.state.as_str())
    .bind(seat.since)
    .bind(seat.arrived_at)
    .bind(seat.held)
    .bind(serde_json::json!(connections).to_string())
}

fn insert_event(visit: &VisitId, event: &Event, at: Timestamp) -> Statement {
    // Fails for maps whose keys are no strings, and there are none.
    let body = serde_json::to_string(event).expect("an event can be written as JSON");
    sql("INSERT INTO events (visit, at, body) VALUES ($1, $2, $3) RETURNING event")
        .bind(visit.as_str())
        .bind(at)
        .bind(body)
}

pub(super) fn last_event(visit: &VisitId) -> Statement {
    sql("SELECT COALESCE(MAX(event), 0) AS event FROM events WHERE visit = $1").bind(visit.as_str())
}

pub(super) fn read_last_event(row: Option<&Row>, visit: &VisitId) -> Result<EventId, StorageError> {
    row.map_or(Ok(EventId::default()), |row| Ok(EventId(row.of("events", visit).number("event")?)))
}

async fn arrive(
    tx: &mut Tx,
    sealer: &Sealer,
    visit: &VisitId,
    arrival: &Arrival,
) -> Result<(), StorageError> {
    if let Some(card) = &arrival.seat_card {
        let card = seat_card::seal(sealer, &arrival.seat, card);
        let kept = sql("UPDATE seats SET card = $2 WHERE seat = $1");
        tx.execute(kept.bind(arrival.seat.as_str()).bind(card)).await?;
    }

    if let Some(card) = &arrival.visit_card {
        let text = sealer.seal_json("visits", "card", visit.as_str(), card);
        let kept = sql("UPDATE visits SET card = $2 WHERE visit = $1");
        tx.execute(kept.bind(visit.as_str()).bind(text)).await?;
        if let Some(csn) = &card.csn {
            let found_by = sql("INSERT INTO visit_csns (csn, visit) VALUES ($1, $2) ON CONFLICT DO NOTHING");
            tx.execute(found_by.bind(csn.as_str()).bind(visit.as_str())).await?;
        }
    }

    let session = sql("INSERT INTO tab_sessions (hash, seat, tab, expires_at) VALUES ($1, $2, $3, $4)")
        .bind(&arrival.session.0[..])
        .bind(arrival.seat.as_str())
        .bind(arrival.tab)
        .bind(arrival.session_expires_at);
    tx.execute(session).await?;
    Ok(())
}
