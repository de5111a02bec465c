//! Fills a database with visits whose patients wait.

use std::{path::Path, sync::Arc, time::Duration};

use anyhow::Result;
use jiff::Timestamp;
use outside::{Clock, SystemClock};
use reception::{Arrived, Arriving};
use storage::{SeatCard, VisitCard};
use visit::{Admittance, FhirId, Person, ResourceKind, Role, SeatId};

use crate::{
    ehr::MemoryEhr,
    house::{EHR, House},
};

/// One visit: a patient waits, and in some a clinician may let them in.
pub(super) struct Visit {
    pub(super) patient: Seat,
    pub(super) clinician: Option<Seat>,
}

/// What the browser of one seat holds.
#[derive(Clone)]
pub(super) struct Seat {
    pub(super) seat: SeatId,
    pub(super) secret: String,
}

/// Each patient in a visit of their own, so many of them with a clinician,
/// spread evenly.
pub(super) async fn fill(dir: &Path, patients: u32, clinicians: u32) -> Result<Vec<Visit>> {
    let house = House::open(dir, Arc::new(MemoryEhr::new(Duration::ZERO)?), Arc::new(SystemClock)).await?;
    let now = SystemClock.now();
    let mut visits = Vec::with_capacity(patients as usize);
    for n in 0..patients {
        let patient = arrive(&house, n, ResourceKind::Patient, now).await?;
        let has_clinician = n * clinicians / patients != (n + 1) * clinicians / patients;
        let clinician = if has_clinician {
            Some(arrive(&house, n, ResourceKind::Practitioner, now).await?)
        } else {
            None
        };
        visits.push(Visit { patient, clinician });
    }
    house.storage.close().await;
    Ok(visits)
}

async fn arrive(house: &House, n: u32, kind: ResourceKind, now: Timestamp) -> Result<Seat> {
    let id: FhirId = format!("e{}-{n}", kind.as_str()).parse()?;
    let (role, name) = match kind {
        ResourceKind::Practitioner => (Role::Provider, "Amy Smith, MD".to_owned()),
        _ => (Role::Patient, format!("Patient {n}")),
    };
    let patients = vec![(format!("ePatient-{n}").parse()?, format!("Patient {n}"))];
    let arriving = Arriving {
        ehr: EHR.parse()?,
        session: (10_000_000 + n).to_string().parse()?,
        admittance: Admittance::Manual,
        starts_at: Some(now),
        person: Person::new(kind, id),
        role,
        on_appointment: true,
        seat_card: Some(SeatCard { name: Some(name), ..SeatCard::default() }),
        visit_card: Some(VisitCard {
            clinicians: vec!["Amy Smith, MD".to_owned()],
            patients,
            ..VisitCard::default()
        }),
    };
    let Arrived { seat, secret, .. } = house.reception.arrive(arriving).await?;
    Ok(Seat { seat, secret })
}
