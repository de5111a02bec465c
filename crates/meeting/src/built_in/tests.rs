use std::net::Ipv4Addr;

use jiff::SignedDuration;
use media::{Config, Limits, MediaServer};
use outside::testing::{TestClock, TestRandom};
use tokio::sync::OnceCell;
use visit::{Admittance, Command, NewVisit, Person, ResourceKind, Role, Visit, apply};

use super::*;

const NO_SDP: &str = "this is no SDP";

fn id(letter: char) -> String {
    letter.to_string().repeat(22)
}

/// A visit in which a clinician sits.
fn visit(letter: char) -> Visit {
    let mut visit = Visit::open(NewVisit {
        id: id(letter).parse().unwrap(),
        ehr: "lamna".parse().unwrap(),
        session: "1".parse().unwrap(),
        room: id(letter).parse().unwrap(),
        backend: "built-in".parse().unwrap(),
        admittance: Admittance::Manual,
        starts_at: None,
        opened_at: Timestamp::UNIX_EPOCH,
    });
    arrive(&mut visit, letter);
    visit
}

fn arrive(visit: &mut Visit, seat: char) {
    let person = Person::new(ResourceKind::Practitioner, "finn".parse().unwrap());
    let command = Command::Arrive {
        person,
        role: Role::Provider,
        on_appointment: true,
        fresh_seat: id(seat).parse().unwrap(),
    };
    for event in apply(visit, command, Timestamp::UNIX_EPOCH).unwrap() {
        visit.evolve(&event, Timestamp::UNIX_EPOCH);
    }
}

fn room(visit: &Visit) -> RoomHandle {
    RoomHandle(visit.room.as_str().to_owned())
}

fn admitted(visit: &Visit) -> Admitted<'_> {
    visit.admitted(&visit.seats[0].id).unwrap()
}

fn backend(directory: Arc<dyn RoomDirectory>) -> BuiltIn {
    let loopback = (Ipv4Addr::LOCALHOST, 0).into();
    let config = Config { udp: loopback, tcp: None, public_addresses: Vec::new(), limits: Limits::default() };
    BuiltIn::new(
        "built-in".parse().unwrap(),
        &[7; 32],
        MediaServer::start(config).unwrap(),
        directory,
        Arc::new(TestClock::at("2026-11-21T15:00:00Z")),
        Arc::new(TestRandom::seeded(1)),
    )
}

fn now() -> Timestamp {
    "2026-11-21T15:00:00Z".parse().unwrap()
}

impl BuiltIn {
    async fn ticket(&self, visit: &Visit) -> String {
        let JoinTicket::Native { ticket, .. } =
            self.mint_join(&room(visit), &admitted(visit), now()).await.unwrap();
        ticket
    }

    async fn offered(&self, visit: &Visit, ticket: &str, at: Timestamp) -> MeetingError {
        let offer = Offer { ticket: ticket.to_owned(), sdp: NO_SDP.to_owned(), restart: None };
        self.answer(&room(visit), &admitted(visit), offer, at).await.unwrap_err()
    }
}

#[tokio::test]
async fn a_ticket_opens_one_seat_of_one_visit_for_minutes() {
    let backend = backend(Arc::new(Alone));
    let (mut ours, other) = (visit('a'), visit('b'));
    let ticket = backend.ticket(&ours).await;
    // What is no SDP shows that the ticket was taken.
    assert!(matches!(backend.offered(&ours, &ticket, now()).await, MeetingError::BadOffer(_)));
    assert!(matches!(backend.offered(&other, &ticket, now()).await, MeetingError::WrongTicket));
    let late = now() + SignedDuration::from_mins(2);
    assert!(matches!(backend.offered(&ours, &ticket, late).await, MeetingError::ExpiredTicket));
    // Another tab has taken the seat over.
    arrive(&mut ours, 'c');
    assert!(matches!(backend.offered(&ours, &ticket, now()).await, MeetingError::WrongTicket));
}

#[tokio::test]
async fn who_is_connected_carries_on_after_the_ticket_s_minutes() {
    let backend = backend(Arc::new(Alone));
    let visit = visit('a');
    let ticket = backend.ticket(&visit).await;
    let restart = Some("gone".parse().unwrap());
    let offer = Offer { ticket, sdp: NO_SDP.to_owned(), restart };
    let late = now() + SignedDuration::from_hours(1);
    let outcome = backend.answer(&room(&visit), &admitted(&visit), offer, late).await;
    // The ticket was taken; the connection is not there.
    assert!(matches!(outcome, Err(MeetingError::NoSuchConnection)), "{outcome:?}");
}

#[tokio::test]
async fn removing_and_ending_twice_is_no_error() {
    let backend = backend(Arc::new(Alone));
    let visit = visit('a');
    for _ in 0..2 {
        backend.remove(&room(&visit), &visit.seats[0].id).await.unwrap();
        backend.end(&room(&visit)).await.unwrap();
    }
    assert_eq!(backend.presence(&room(&visit)).await.unwrap(), Some(Vec::new()));
}

/// Says that every room is at the other node, and asks it directly.
#[derive(Default)]
struct AtTheOther(OnceCell<Arc<BuiltIn>>);

#[async_trait]
impl RoomDirectory for AtTheOther {
    async fn hold(&self, _room: &RoomHandle) -> Result<Holder, DirectoryError> {
        Ok(Holder::Elsewhere("other".to_owned()))
    }

    async fn call(&self, _node: &str, room: &RoomHandle, question: String) -> Result<String, DirectoryError> {
        let dead = || DirectoryError { what: "the other node does not answer".to_owned(), source: None };
        Ok(self.0.get().ok_or_else(dead)?.serve_call(room, &question).await)
    }
}

#[tokio::test]
async fn an_offer_goes_to_the_node_that_holds_the_room() {
    let directory = Arc::new(AtTheOther::default());
    let here = backend(Arc::clone(&directory) as _);
    let visit = visit('a');
    let ticket = here.ticket(&visit).await;
    assert!(matches!(here.offered(&visit, &ticket, now()).await, MeetingError::Unavailable { .. }));

    let there = Arc::new(backend(Arc::new(Alone)));
    assert!(directory.0.set(Arc::clone(&there)).is_ok());
    assert!(matches!(here.offered(&visit, &ticket, now()).await, MeetingError::BadOffer(_)));
    here.end(&room(&visit)).await.unwrap();
    // Who is in a room that another node holds is that node's to say.
    assert_eq!(here.presence(&room(&visit)).await.unwrap(), None);
    assert!(there.serve_call(&room(&visit), "a question of a later version").await.contains("failed"));
}
