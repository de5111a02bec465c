use jiff::SignedDuration;
use links::came_by_link;
use storage::{NoticeChange, Recipient, SeatCard};
use visit::{Event, Seat, SeatId, SeatState, Visit};

use crate::StatusPolicy;

/// What the EHR is to be told of a command's events: who has now a first
/// connection to the room, and whose last connection is gone.
///
/// `before` and `after` are the visit around the `events`. The EHR's name for
/// a person is the one on their card, else their FHIR id; of somebody who came
/// by a link without it the EHR knows nothing, and is told nothing. Somebody who left,
/// was removed or sent back, or whose visit ended, is told as gone at once;
/// somebody whose connection broke, after the grace time.
pub fn notices_for(
    before: &Visit,
    events: &[Event],
    after: &Visit,
    cards: &[(SeatId, SeatCard)],
    policy: &StatusPolicy,
) -> Vec<NoticeChange> {
    let is_known = |seat: &&Seat| !came_by_link(&seat.person) || card_of(seat, cards).is_some_and(has_name);
    let change = |seat: &Seat| {
        let was_connected = before.seat(&seat.id).is_some_and(is_connected);
        match (was_connected, is_connected(seat)) {
            (false, true) => Some(NoticeChange::Connected(recipient(after, seat, cards))),
            (true, false) => Some(NoticeChange::Disconnected {
                about: recipient(after, seat, cards),
                grace: if is_on_purpose(events, &seat.id) { SignedDuration::ZERO } else { policy.grace() },
            }),
            (true, true) | (false, false) => None,
        }
    };
    let told_of = after.seats.iter().filter(|seat| policy.id_type(seat.role).is_some());
    told_of.filter(is_known).filter_map(change).collect()
}

fn card_of<'a>(seat: &Seat, cards: &'a [(SeatId, SeatCard)]) -> Option<&'a SeatCard> {
    cards.iter().find(|(id, _)| *id == seat.id).map(|(_, card)| card)
}

fn has_name(card: &SeatCard) -> bool {
    card.external_id.is_some()
}

fn is_connected(seat: &Seat) -> bool {
    seat.state == SeatState::Connected
}

fn is_on_purpose(events: &[Event], of: &SeatId) -> bool {
    events.iter().any(|event| match event {
        Event::Left { seat } | Event::Removed { seat, .. } | Event::SentBack { seat, .. } => seat == of,
        Event::Ended { .. } => true,
        _ => false,
    })
}

fn recipient(visit: &Visit, seat: &Seat, cards: &[(SeatId, SeatCard)]) -> Recipient {
    let card = card_of(seat, cards);
    Recipient {
        ehr: visit.ehr.clone(),
        visit: visit.id.clone(),
        session: visit.session.clone(),
        seat: seat.id.clone(),
        role: seat.role,
        external_id: card
            .and_then(|card| card.external_id.clone())
            .unwrap_or_else(|| seat.person.id.as_str().to_owned()),
    }
}

#[cfg(test)]
mod tests;
