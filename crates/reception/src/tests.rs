use std::sync::{Mutex, PoisonError};

use async_trait::async_trait;
use jiff::Timestamp;
use meeting::{
    Capabilities, JoinTicket, MeetingBackend, MeetingClient, MeetingError, MeetingEvent, MeetingEventKind,
    PresenceSource, Present, RoomHandle, RoomSpec,
};
use notify::{StatusPolicy, Wake};
use outside::testing::{TestClock, TestRandom};
use storage::{NoticeSearch, NoticeState, NoticeStatus, Notices, SeatCard, Storage, TabSessions, TokenHash};
use visit::{
    Admittance, Admitted, BackendName, Command, ConnectionId, Person, Refusal, Role, SeatId, SeatState, Visit,
};

use super::*;

/// A backend that does as it is told and remembers it.
struct Remembering {
    name: BackendName,
    told: Mutex<Vec<String>>,
    present: Mutex<Vec<Present>>,
    is_down: Mutex<bool>,
}

impl Remembering {
    fn told(&self) -> Vec<String> {
        std::mem::take(&mut *self.told.lock().unwrap_or_else(PoisonError::into_inner))
    }

    fn tell(&self, what: String) -> Result<(), MeetingError> {
        if *self.is_down.lock().unwrap() {
            return Err(MeetingError::unavailable("down"));
        }
        self.told.lock().unwrap().push(what);
        Ok(())
    }
}

#[async_trait]
impl MeetingBackend for Remembering {
    fn name(&self) -> &BackendName {
        &self.name
    }

    fn capabilities(&self) -> Capabilities {
        Capabilities {
            max_people: 6,
            client: MeetingClient::Native,
            presence: PresenceSource::Poll,
            removes: true,
            ends: true,
            checks_connections: false,
        }
    }

    async fn ensure_room(&self, spec: &RoomSpec) -> Result<RoomHandle, MeetingError> {
        Ok(RoomHandle(spec.room.as_str().to_owned()))
    }

    async fn mint_join(
        &self,
        _room: &RoomHandle,
        admitted: &Admitted<'_>,
        now: Timestamp,
    ) -> Result<JoinTicket, MeetingError> {
        self.tell("ticket".to_owned())?;
        Ok(JoinTicket::Native { ticket: admitted.seat().to_string(), expires_at: now, max_people: 6 })
    }

    async fn remove(&self, _room: &RoomHandle, seat: &SeatId) -> Result<(), MeetingError> {
        self.present.lock().unwrap().retain(|present| present.seat != *seat);
        self.tell(format!("remove {seat}"))
    }

    async fn end(&self, _room: &RoomHandle) -> Result<(), MeetingError> {
        self.tell("end".to_owned())
    }

    async fn presence(&self, _room: &RoomHandle) -> Result<Option<Vec<Present>>, MeetingError> {
        Ok(Some(self.present.lock().unwrap().clone()))
    }

    async fn health(&self) -> Result<String, MeetingError> {
        Ok("well".to_owned())
    }
}

struct Desk {
    reception: Reception,
    backend: Arc<Remembering>,
    storage: Storage,
}

async fn desk() -> Desk {
    let random = Arc::new(TestRandom::seeded(7));
    let storage = Storage::temporary(Arc::clone(&random) as _).await.unwrap();
    let backend = Arc::new(Remembering {
        name: "built-in".parse().unwrap(),
        told: Mutex::default(),
        present: Mutex::default(),
        is_down: Mutex::default(),
    });
    let reception = Reception::new(
        Arc::new(storage.clone()),
        Arc::new(Backends::new(Arc::clone(&backend) as _, [])),
        HashMap::from([("lamna".parse().unwrap(), StatusPolicy::default())]),
        Wake::default(),
        Arc::new(TestClock::at("2026-11-21T15:00:00Z")),
        random,
    );
    Desk { reception, backend, storage }
}

fn arriving(who: &str, role: Role) -> Arriving {
    Arriving {
        ehr: "lamna".parse().unwrap(),
        session: "10000209577".parse().unwrap(),
        admittance: Admittance::Manual,
        starts_at: None,
        person: who.parse::<Person>().unwrap(),
        role,
        on_appointment: true,
        seat_card: Some(SeatCard { external_id: Some("FINNM".to_owned()), ..SeatCard::default() }),
        visit_card: None,
    }
}

fn connection(name: &str) -> ConnectionId {
    name.parse().unwrap()
}

impl Desk {
    async fn provider(&self) -> SeatId {
        self.reception.arrive(arriving("Practitioner/finn", Role::Provider)).await.unwrap().seat
    }

    async fn patient(&self) -> SeatId {
        self.reception.arrive(arriving("Patient/ana", Role::Patient)).await.unwrap().seat
    }

    async fn visit(&self, seat: &SeatId) -> Visit {
        self.reception.visits().of_seat(seat).await.unwrap().unwrap()
    }

    async fn state(&self, seat: &SeatId) -> SeatState {
        self.visit(seat).await.seat(seat).unwrap().state
    }

    async fn saw(&self, seat: &SeatId, connection: &str, kind: MeetingEventKind) {
        let event = MeetingEvent {
            seat: seat.clone(),
            connection: self::connection(connection),
            at: Timestamp::UNIX_EPOCH,
            kind,
        };
        self.reception.take_in(event).await;
    }

    /// A provider and a patient who was let in.
    async fn two_people(&self) -> (SeatId, SeatId) {
        let (provider, patient) = (self.provider().await, self.patient().await);
        let admit = Command::Admit { by: provider.clone(), seat: patient.clone() };
        self.reception.command(&provider, admit).await.unwrap();
        (provider, patient)
    }

    async fn notices(&self) -> Vec<(NoticeStatus, NoticeState)> {
        let search = NoticeSearch { limit: 50, ..NoticeSearch::default() };
        let notices = self.storage.search_notices(&search).await.unwrap();
        notices.iter().rev().map(|notice| (notice.status, notice.state)).collect()
    }
}

#[tokio::test(flavor = "multi_thread", worker_threads = 2)]
async fn many_first_arrivals_at_one_instant_make_one_visit() {
    let desk = desk().await;
    let people = (0..12).map(|n| desk.reception.arrive(arriving(&format!("Patient/p{n}"), Role::Patient)));
    let arrived = futures_util::future::join_all(people).await;
    let seats: Vec<_> = arrived.into_iter().map(|arrived| arrived.unwrap().seat).collect();
    let visit = desk.visit(&seats[0]).await;
    assert_eq!(visit.seats.len(), 12);
    for seat in &seats {
        assert_eq!(desk.visit(seat).await.id, visit.id);
    }
}

#[tokio::test]
async fn a_browser_s_secret_opens_its_seat_until_the_person_arrives_anew() {
    let desk = desk().await;
    let first = desk.reception.arrive(arriving("Patient/ana", Role::Patient)).await.unwrap();
    let second = desk.reception.arrive(arriving("Patient/ana", Role::Patient)).await.unwrap();
    assert_eq!(first.seat, second.seat);
    assert_ne!(first.secret, second.secret);
    let seat = desk.visit(&first.seat).await.seat(&first.seat).unwrap().clone();
    let now = "2026-11-21T15:00:00Z".parse().unwrap();
    for (secret, holds) in [(&first.secret, false), (&second.secret, true)] {
        let session = desk.storage.lookup_session(TokenHash::of(secret), now).await.unwrap().unwrap();
        assert_eq!(session.tab == seat.tab, holds);
    }
}

#[tokio::test]
async fn no_ticket_before_admission() {
    let desk = desk().await;
    let patient = desk.patient().await;
    let refused = desk.reception.join(&desk.visit(&patient).await, &patient).await;
    assert!(matches!(refused, Err(ReceptionError::Refused(Refusal::NotAdmitted))));
    assert!(desk.backend.told().is_empty());

    let (_, patient) = desk.two_people().await;
    desk.backend.told();
    assert!(desk.reception.join(&desk.visit(&patient).await, &patient).await.is_ok());
    assert_eq!(desk.backend.told(), ["ticket"]);
}

#[tokio::test]
async fn the_backend_obeys_what_was_stored() {
    let desk = desk().await;
    let (provider, patient) = desk.two_people().await;
    let told = |desk: &Desk| desk.backend.told();

    let send_back = Command::SendBack { by: provider.clone(), seat: patient.clone() };
    desk.reception.command(&provider, send_back).await.unwrap();
    assert_eq!(told(&desk), [format!("remove {patient}")]);

    desk.reception.command(&provider, Command::End { by: provider.clone() }).await.unwrap();
    assert_eq!(told(&desk), ["end"]);

    // A second launch of the same person cuts the first tab off.
    desk.provider().await;
    assert_eq!(told(&desk), [format!("remove {provider}")]);
}

#[tokio::test]
async fn who_connects_without_being_let_in_is_put_out() {
    let desk = desk().await;
    let patient = desk.patient().await;
    desk.saw(&patient, "c1", MeetingEventKind::Joined).await;
    assert_eq!(desk.state(&patient).await, SeatState::Waiting);
    assert_eq!(desk.backend.told(), [format!("remove {patient}")]);
}

#[tokio::test]
async fn a_look_mends_what_events_missed() {
    let desk = desk().await;
    let (provider, patient) = desk.two_people().await;
    desk.saw(&provider, "gone", MeetingEventKind::Joined).await;
    let there = Present { seat: patient.clone(), connection: connection("there") };
    desk.backend.present.lock().unwrap().push(there);

    desk.reception.reconcile().await;
    assert_eq!(desk.state(&provider).await, SeatState::Admitted);
    assert_eq!(desk.state(&patient).await, SeatState::Connected);

    // A removal that the backend did not hear of is made up for.
    *desk.backend.is_down.lock().unwrap() = true;
    let remove = Command::Remove { by: provider.clone(), seat: patient.clone() };
    desk.reception.command(&provider, remove).await.unwrap();
    *desk.backend.is_down.lock().unwrap() = false;
    desk.backend.told();
    desk.backend
        .present
        .lock()
        .unwrap()
        .push(Present { seat: patient.clone(), connection: connection("there") });
    desk.saw(&provider, "back", MeetingEventKind::Joined).await;
    desk.reception.reconcile().await;
    assert!(desk.backend.told().contains(&format!("remove {patient}")));
    assert!(desk.backend.present.lock().unwrap().is_empty());
}

#[tokio::test]
async fn the_ehr_is_told_of_each_coming_and_going() {
    let desk = desk().await;
    let (provider, patient) = desk.two_people().await;
    desk.saw(&provider, "c1", MeetingEventKind::Joined).await;
    desk.saw(&patient, "c2", MeetingEventKind::Joined).await;
    desk.saw(&patient, "c2", MeetingEventKind::Left).await;
    desk.saw(&patient, "c3", MeetingEventKind::Joined).await;
    assert_eq!(
        desk.notices().await,
        [
            (NoticeStatus::Connected, NoticeState::Pending),
            (NoticeStatus::Connected, NoticeState::Pending),
            (NoticeStatus::Disconnected, NoticeState::Withdrawn),
        ]
    );
    desk.reception.command(&provider, Command::End { by: provider.clone() }).await.unwrap();
    assert_eq!(desk.notices().await.len(), 5);
}

#[tokio::test]
async fn who_comes_back_without_a_launch_has_the_same_seat_and_card() {
    let desk = desk().await;
    let (_, patient) = desk.two_people().await;
    desk.reception.command(&patient, Command::Leave { seat: patient.clone() }).await.unwrap();
    let visit = desk.visit(&patient).await;
    let back = desk.reception.return_to(&visit, &patient).await.unwrap();
    assert_eq!(back.seat, patient);
    assert_eq!(desk.state(&patient).await, SeatState::Waiting);
    let cards = desk.reception.visits().seat_cards(&visit.id).await.unwrap();
    assert!(cards.iter().all(|(_, card)| card.external_id.as_deref() == Some("FINNM")));
}
