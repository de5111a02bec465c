//! Who may enter, wait, come back, be removed or end a visit.

use jiff::Timestamp;

use crate::{
    Admittance, Command, ConnectionId, Event, Person, Refusal, Role, Seat, SeatId, SeatState, Visit,
};

/// Judges a command. The answer is what happens, in order, and may be nothing
/// (somebody admitted twice); the visit itself is unchanged.
pub fn apply(visit: &Visit, command: Command, now: Timestamp) -> Result<Vec<Event>, Refusal> {
    match command {
        Command::Arrive { person, role, on_appointment, fresh_seat } => {
            Ok(arrive(visit, &person, role, on_appointment, fresh_seat, now))
        }
        Command::Admit { by, seat } => admit(visit, by, seat),
        Command::AdmitAll { by } => admit_all(visit, &by),
        Command::SendBack { by, seat } => send_back(visit, by, seat),
        Command::Remove { by, seat } => remove(visit, by, seat),
        Command::Leave { seat } => leave(visit, seat),
        Command::TestDevices { seat } => test_devices(visit, seat),
        Command::Connect { seat, connection } => connect(visit, seat, connection, now),
        Command::Disconnect { seat, connection } => disconnect(visit, seat, connection),
        Command::End { by } => end(visit, by),
        Command::Reopen { by } => reopen(visit, by),
    }
}

/// Arriving never fails: whoever comes to an ended visit sees that it has
/// ended, and goes on from there if a provider reopens it.
fn arrive(
    visit: &Visit,
    person: &Person,
    role: Role,
    on_appointment: bool,
    fresh_seat: SeatId,
    now: Timestamp,
) -> Vec<Event> {
    let first = match visit.seat_of(person, role) {
        Some(seat) => Event::SeatRetaken { seat: seat.id.clone(), tab: seat.tab + 1 },
        None => Event::SeatTaken { seat: fresh_seat, person: person.clone(), role, on_appointment },
    };
    let mut events = after(visit, first, now);
    if let Some(seat) = events.visit.seat_of(person, role)
        && events.visit.is_open()
        && seat.state == SeatState::Waiting
        && enters_by_rule(&events.visit, seat)
    {
        let admitted = Event::Admitted { seat: seat.id.clone(), by: None };
        events.push(admitted);
    }
    events.list
}

/// Providers enter at once; others under automatic admittance, once a
/// provider is connected, unless a provider has removed them or sent them back.
fn enters_by_rule(visit: &Visit, seat: &Seat) -> bool {
    seat.role.runs_the_visit()
        || (visit.admittance == Admittance::Automatic && visit.provider_is_connected() && !seat.held)
}

fn admit(visit: &Visit, by: SeatId, seat: SeatId) -> Result<Vec<Event>, Refusal> {
    provider(visit, &by)?;
    open(visit)?;
    match find(visit, &seat)?.state {
        SeatState::Waiting => Ok(vec![Event::Admitted { seat, by: Some(by) }]),
        SeatState::Admitted | SeatState::Connected => Ok(Vec::new()),
        SeatState::Left | SeatState::Removed => Err(Refusal::NotHere),
    }
}

fn admit_all(visit: &Visit, by: &SeatId) -> Result<Vec<Event>, Refusal> {
    provider(visit, by)?;
    open(visit)?;
    Ok(visit.waiting().map(|seat| Event::Admitted { seat: seat.id.clone(), by: Some(by.clone()) }).collect())
}

fn send_back(visit: &Visit, by: SeatId, seat: SeatId) -> Result<Vec<Event>, Refusal> {
    provider(visit, &by)?;
    open(visit)?;
    let target = find(visit, &seat)?;
    not_a_provider(target)?;
    match target.state {
        SeatState::Admitted | SeatState::Connected => {
            Ok(cut_off(target).chain([Event::SentBack { seat, by }]).collect())
        }
        SeatState::Waiting => Ok(Vec::new()),
        SeatState::Left | SeatState::Removed => Err(Refusal::NotHere),
    }
}

fn remove(visit: &Visit, by: SeatId, seat: SeatId) -> Result<Vec<Event>, Refusal> {
    provider(visit, &by)?;
    let target = find(visit, &seat)?;
    not_a_provider(target)?;
    match target.state {
        SeatState::Removed => Ok(Vec::new()),
        SeatState::Left => Err(Refusal::NotHere),
        SeatState::Waiting | SeatState::Admitted | SeatState::Connected => {
            Ok(cut_off(target).chain([Event::Removed { seat, by }]).collect())
        }
    }
}

fn leave(visit: &Visit, seat: SeatId) -> Result<Vec<Event>, Refusal> {
    let target = find(visit, &seat)?;
    match target.state {
        SeatState::Left | SeatState::Removed => Ok(Vec::new()),
        SeatState::Waiting | SeatState::Admitted | SeatState::Connected => {
            Ok(cut_off(target).chain([Event::Left { seat }]).collect())
        }
    }
}

fn test_devices(visit: &Visit, seat: SeatId) -> Result<Vec<Event>, Refusal> {
    let is_gone = matches!(find(visit, &seat)?.state, SeatState::Left | SeatState::Removed);
    Ok((!is_gone).then_some(Event::DevicesTested { seat }).into_iter().collect())
}

fn connect(
    visit: &Visit,
    seat: SeatId,
    connection: ConnectionId,
    now: Timestamp,
) -> Result<Vec<Event>, Refusal> {
    open(visit)?;
    let target = find(visit, &seat)?;
    if !target.is_let_in() {
        return Err(Refusal::NotAdmitted);
    }
    if target.connections.contains(&connection) {
        return Ok(Vec::new());
    }
    let mut events = after(visit, Event::Connected { seat, connection }, now);
    let entering: Vec<_> = events
        .visit
        .waiting()
        .filter(|seat| enters_by_rule(&events.visit, seat))
        .map(|seat| Event::Admitted { seat: seat.id.clone(), by: None })
        .collect();
    for event in entering {
        events.push(event);
    }
    Ok(events.list)
}

/// A connection that is not known is gone already: a late word about an old
/// one never turns the light off.
fn disconnect(visit: &Visit, seat: SeatId, connection: ConnectionId) -> Result<Vec<Event>, Refusal> {
    let known = find(visit, &seat)?.connections.contains(&connection);
    Ok(known.then_some(Event::Disconnected { seat, connection }).into_iter().collect())
}

fn end(visit: &Visit, by: SeatId) -> Result<Vec<Event>, Refusal> {
    provider(visit, &by)?;
    if !visit.is_open() {
        return Ok(Vec::new());
    }
    Ok(visit.seats.iter().flat_map(cut_off).chain([Event::Ended { by }]).collect())
}

fn reopen(visit: &Visit, by: SeatId) -> Result<Vec<Event>, Refusal> {
    let reopener = find(visit, &by)?;
    if !reopener.role.runs_the_visit() {
        return Err(Refusal::NotAProvider);
    }
    if visit.is_open() {
        return Ok(Vec::new());
    }
    let back_in = (!reopener.is_let_in()).then(|| Event::Admitted { seat: by.clone(), by: Some(by.clone()) });
    Ok([Event::Reopened { by }].into_iter().chain(back_in).collect())
}

fn cut_off(seat: &Seat) -> impl Iterator<Item = Event> {
    seat.connections
        .iter()
        .map(|connection| Event::Disconnected { seat: seat.id.clone(), connection: connection.clone() })
}

fn find<'a>(visit: &'a Visit, seat: &SeatId) -> Result<&'a Seat, Refusal> {
    visit.seat(seat).ok_or(Refusal::NoSuchSeat)
}

fn provider(visit: &Visit, by: &SeatId) -> Result<(), Refusal> {
    if find(visit, by)?.runs_the_visit() { Ok(()) } else { Err(Refusal::NotAProvider) }
}

fn not_a_provider(seat: &Seat) -> Result<(), Refusal> {
    if seat.role.runs_the_visit() { Err(Refusal::IsAProvider) } else { Ok(()) }
}

fn open(visit: &Visit) -> Result<(), Refusal> {
    if visit.is_open() { Ok(()) } else { Err(Refusal::Ended) }
}

/// Events so far, and the visit as it is after them.
struct Unfolding {
    visit: Visit,
    list: Vec<Event>,
    now: Timestamp,
}

impl Unfolding {
    fn push(&mut self, event: Event) {
        self.visit.evolve(&event, self.now);
        self.list.push(event);
    }
}

fn after(visit: &Visit, first: Event, now: Timestamp) -> Unfolding {
    let mut unfolding = Unfolding { visit: visit.clone(), list: Vec::new(), now };
    unfolding.push(first);
    unfolding
}

#[cfg(test)]
mod tests;
