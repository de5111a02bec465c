use jiff::{SignedDuration, Timestamp};
use outside::RandomExt;
use storage::{Arrival, SeatCard, StorageError, TokenHash, VisitCard};
use visit::{Admittance, Command, EhrId, NewVisit, Person, Role, Seat, SeatId, SessionId, Visit, apply};

use crate::{Reception, ReceptionError, change::ROUNDS};

/// How long a browser's session is good after a launch: a working day.
const SESSION_LIFETIME: SignedDuration = SignedDuration::from_hours(12);

/// A launch that has proved who comes to which visit.
#[derive(Debug, Clone)]
pub struct Arriving {
    /// The EHR connection.
    pub ehr: EhrId,
    /// What all launches of the visit share.
    pub session: SessionId,
    /// Who decides about entering, if the visit is new.
    pub admittance: Admittance,
    /// When the appointment starts.
    pub starts_at: Option<Timestamp>,
    /// Who comes.
    pub person: Person,
    /// As what.
    pub role: Role,
    /// Whether the appointment names them.
    pub on_appointment: bool,
    /// What is kept of them; `None` keeps what was there.
    pub seat_card: Option<SeatCard>,
    /// What is kept of the appointment; `None` keeps what was there.
    pub visit_card: Option<VisitCard>,
}

/// Where they have arrived.
#[derive(Debug, Clone)]
pub struct Arrived {
    /// Their seat.
    pub seat: SeatId,
    /// The secret that their browser shows from now on. The database holds
    /// its hash.
    pub secret: String,
    /// Until when it is good.
    pub expires_at: Timestamp,
}

impl Reception {
    /// Brings somebody to their visit, which is opened if they are the first.
    /// Of two first arrivals at the same instant one opens it and the other
    /// finds it.
    pub async fn arrive(&self, arriving: Arriving) -> Result<Arrived, ReceptionError> {
        self.settle(&arriving, None).await
    }

    /// As [`Self::arrive`], to the seat that a direct link was made for.
    /// Nobody else has it: it is taken now, or again.
    pub async fn arrive_at(&self, arriving: Arriving, seat: SeatId) -> Result<Arrived, ReceptionError> {
        self.settle(&arriving, Some(seat)).await
    }

    async fn settle(&self, arriving: &Arriving, seat: Option<SeatId>) -> Result<Arrived, ReceptionError> {
        for _ in 0..ROUNDS {
            match self.try_to_arrive(arriving, seat.clone()).await {
                Err(ReceptionError::Storage(StorageError::Conflict)) => {}
                outcome => return outcome,
            }
        }
        Err(StorageError::Conflict.into())
    }

    /// Brings somebody who holds a seat back to it: after they left, or to
    /// this tab from another.
    pub async fn return_to(&self, visit: &Visit, seat: &SeatId) -> Result<Arrived, ReceptionError> {
        let seat = visit.seat(seat).ok_or(ReceptionError::NoSuchVisit)?;
        self.arrive(Arriving {
            ehr: visit.ehr.clone(),
            session: visit.session.clone(),
            admittance: visit.admittance,
            starts_at: visit.starts_at,
            person: seat.person.clone(),
            role: seat.role,
            on_appointment: seat.on_appointment,
            seat_card: None,
            visit_card: None,
        })
        .await
    }

    async fn try_to_arrive(
        &self,
        arriving: &Arriving,
        promised: Option<SeatId>,
    ) -> Result<Arrived, ReceptionError> {
        let now = self.clock.now();
        let mut visit = match self.visits.find(&arriving.ehr, &arriving.session).await? {
            Some(visit) => visit,
            None => self.new_visit(arriving, now)?,
        };
        let command = Command::Arrive {
            person: arriving.person.clone(),
            role: arriving.role,
            on_appointment: arriving.on_appointment,
            fresh_seat: promised.map_or_else(|| self.random_id(), Ok)?,
        };
        let events = apply(&visit, command, now)?;
        let seat = seat_after(&visit, &events, now, arriving).ok_or(ReceptionError::NoSuchVisit)?;
        let arrived = Arrived {
            seat: seat.id.clone(),
            secret: self.random.token::<32>(),
            expires_at: now + SESSION_LIFETIME,
        };
        let arrival = Arrival {
            seat: seat.id,
            tab: seat.tab,
            session: TokenHash::of(&arrived.secret),
            session_expires_at: arrived.expires_at,
            seat_card: arriving.seat_card.clone(),
            visit_card: arriving.visit_card.clone(),
        };
        self.store(&mut visit, &events, now, Some(arrival)).await?;
        self.enforce(&visit, &events).await;
        Ok(arrived)
    }

    fn new_visit(&self, arriving: &Arriving, now: Timestamp) -> Result<Visit, ReceptionError> {
        Ok(Visit::open(NewVisit {
            id: self.random_id()?,
            ehr: arriving.ehr.clone(),
            session: arriving.session.clone(),
            room: self.random_id()?,
            backend: self.backends.for_new_visits().clone(),
            admittance: arriving.admittance,
            starts_at: arriving.starts_at,
            opened_at: now,
        }))
    }

    fn random_id<Id: TryFrom<String>>(&self) -> Result<Id, ReceptionError> {
        // Sixteen random bytes are 22 characters of base64url, which is what
        // every random id is.
        Id::try_from(self.random.token::<16>()).map_err(|_| ReceptionError::NoSuchVisit)
    }
}

fn seat_after(visit: &Visit, events: &[visit::Event], now: Timestamp, arriving: &Arriving) -> Option<Seat> {
    let mut after = visit.clone();
    for event in events {
        after.evolve(event, now);
    }
    after.seat_of(&arriving.person, arriving.role).cloned()
}
