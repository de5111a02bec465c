//! Takes a person out of what is over.

use std::collections::BTreeSet;

use audit::{Action, Actor, PersonDigest, Record};
use jiff::Timestamp;
use outside::RandomExt;
use visit::{EhrId, Event, FhirId, Person, ResourceKind, SeatId, VisitId};

use super::{audit_log, seat_card};
use crate::{
    Purge, Purged, Storage, StorageError, VisitCard,
    db::{Tx, sql},
};

pub(super) async fn person(
    storage: &Storage,
    ehr: &EhrId,
    person: &Person,
    by: &Actor,
    now: Timestamp,
) -> Result<Purge, StorageError> {
    let tx = storage.db().begin().await?;
    let mut purging =
        Purging { storage, tx, ehr, person, known_as: BTreeSet::new(), purged: Purged::default() };
    // The EHR is told the FHIR id where it has no other.
    purging.known_as.insert(person.id.as_str().to_owned());

    let visits = purging.visits().await?;
    for visit in &visits {
        if !purging.lock_ended(visit).await? {
            return Ok(Purge::InOpenVisit);
        }
        purging.seats(visit).await?;
        purging.put_pseudonym(visit).await?;
        purging.visit_card(visit).await?;
    }
    purging.device_test().await?;
    purging.notices().await?;

    let Purging { mut tx, purged, .. } = purging;
    let digest = PersonDigest::of(ehr, person);
    let record = Record::new(now, Action::PersonPurged { person: digest }, by.clone());
    audit_log::append(&mut tx, [&record]).await?;
    storage.wakes().commit_visits(tx, visits.into_iter().collect()).await?;
    storage.db().overwrite_deleted().await;
    Ok(Purge::Done(purged))
}

struct Purging<'a> {
    storage: &'a Storage,
    tx: Tx,
    ehr: &'a EhrId,
    person: &'a Person,
    /// What the EHR calls the person when it is told of them.
    known_as: BTreeSet<String>,
    purged: Purged,
}

/// A record that was not delivered must not be any more: it would tell the
/// EHR of nobody.
macro_rules! purge_notices_where {
    ($condition:literal) => {
        concat!(
            "UPDATE notices
             SET external_id = 'purged', history = NULL,
                 state = CASE WHEN state IN ('pending', 'failed') THEN 'withdrawn' ELSE state END
             WHERE ",
            $condition
        )
    };
}

impl Purging<'_> {
    /// All visits that have to do with the person, in the order in which they
    /// are locked.
    async fn visits(&mut self) -> Result<BTreeSet<VisitId>, StorageError> {
        let seated = sql("SELECT v.visit FROM visits v JOIN seats s ON s.visit = v.visit
             WHERE v.ehr = $1 AND s.person = $2");
        let seated = seated.bind(self.ehr.as_str()).bind(self.person.to_string());
        let seated = self.tx.rows(seated).await?;
        let seated = seated.iter().map(|row| row.keyed("visits", "visit").parse("visit"));
        let mut visits = seated.collect::<Result<BTreeSet<_>, _>>()?;

        // A patient may be named on the card of a visit they never came to.
        if self.person.kind == ResourceKind::Patient {
            let cards = sql("SELECT visit, card FROM visits WHERE ehr = $1 AND card IS NOT NULL");
            for row in self.tx.rows(cards.bind(self.ehr.as_str())).await? {
                let cells = row.keyed("visits", "visit");
                let visit: VisitId = cells.parse("visit")?;
                // A card that does not open tells nobody of anybody.
                let card = cells.optional_sealed_json(self.storage.sealer(), "card", visit.as_str());
                let is_named = |card: VisitCard| card.patients.iter().any(|(id, _)| *id == self.person.id);
                if card.ok().flatten().is_some_and(is_named) {
                    visits.insert(visit);
                }
            }
        }
        Ok(visits)
    }

    /// Locks a visit until the commit, if it has ended. Whoever had read it
    /// has to read it again.
    async fn lock_ended(&mut self, visit: &VisitId) -> Result<bool, StorageError> {
        let lock = sql("UPDATE visits SET version = version + 1
             WHERE visit = $1 AND ended_at IS NOT NULL");
        Ok(self.tx.execute(lock.bind(visit.as_str())).await? > 0)
    }

    /// Ends the sessions of the person's seats and purges what the EHR was
    /// told of them.
    async fn seats(&mut self, visit: &VisitId) -> Result<(), StorageError> {
        let seats = sql("SELECT seat, card FROM seats WHERE visit = $1 AND person = $2");
        let seats = self.tx.rows(seats.bind(visit.as_str()).bind(self.person.to_string())).await?;
        for row in &seats {
            let cells = row.keyed("seats", "seat");
            let seat: SeatId = cells.parse("seat")?;
            if cells.optional_bytes("card")?.is_some() {
                self.purged.cards += 1;
            }
            // As with the visit's card.
            let card = seat_card::read(&cells, self.storage.sealer(), &seat);
            self.known_as.extend(card.ok().flatten().and_then(|card| card.external_id));
            let told = sql("SELECT DISTINCT external_id FROM notices WHERE seat = $1");
            for row in self.tx.rows(told.bind(seat.as_str())).await? {
                self.known_as.insert(row.of("notices", &seat).text("external_id")?);
            }
            let told = sql(purge_notices_where!("seat = $1")).bind(seat.as_str());
            self.purged.notices += self.tx.execute(told).await?;
            let sessions = sql("DELETE FROM tab_sessions WHERE seat = $1").bind(seat.as_str());
            self.purged.sessions += self.tx.execute(sessions).await?;
        }
        Ok(())
    }

    /// Puts a pseudonym in the person's place, in seats and events alike.
    async fn put_pseudonym(&mut self, visit: &VisitId) -> Result<(), StorageError> {
        let pseudonym = self.pseudonym();
        let seats = sql("UPDATE seats SET person = $3, card = NULL WHERE visit = $1 AND person = $2")
            .bind(visit.as_str())
            .bind(self.person.to_string())
            .bind(pseudonym.to_string());
        self.purged.seats += self.tx.execute(seats).await?;

        let events = sql("SELECT event, body FROM events WHERE visit = $1").bind(visit.as_str());
        for row in self.tx.rows(events).await? {
            let cells = row.keyed("events", "event");
            let mut event: Event = cells.json("body")?;
            let Event::SeatTaken { person, .. } = &mut event else { continue };
            if person != self.person {
                continue;
            }
            *person = pseudonym.clone();
            // Fails for maps whose keys are no strings, and there are none.
            let body = serde_json::to_string(&event).expect("an event can be written as JSON");
            let rewrite = sql("UPDATE events SET body = $2 WHERE event = $1");
            self.tx.execute(rewrite.bind(cells.number("event")?).bind(body)).await?;
            self.purged.events += 1;
        }
        Ok(())
    }

    fn pseudonym(&self) -> Person {
        let random = u128::from_be_bytes(self.storage.random().bytes());
        let id: FhirId =
            format!("purged-{random:032x}").parse().expect("letters, digits and - are a FHIR id");
        Person::new(self.person.kind, id)
    }

    async fn visit_card(&mut self, visit: &VisitId) -> Result<(), StorageError> {
        let card = sql("UPDATE visits SET card = NULL WHERE visit = $1 AND card IS NOT NULL");
        self.purged.cards += self.tx.execute(card.bind(visit.as_str())).await?;
        Ok(())
    }

    async fn device_test(&mut self) -> Result<(), StorageError> {
        let test = sql("DELETE FROM device_tests WHERE ehr = $1 AND person = $2");
        let test = test.bind(self.ehr.as_str()).bind(self.person.to_string());
        self.purged.device_tests += self.tx.execute(test).await?;
        Ok(())
    }

    /// Notification records outlive seats: those are found by what the EHR
    /// calls the person. A patient and a clinician may be called the same.
    async fn notices(&mut self) -> Result<(), StorageError> {
        for name in &self.known_as {
            let about = sql(purge_notices_where!(
                "ehr = $1 AND external_id = $2 AND (role = 'patient') = $3 AND (role = 'proxy') = $4"
            ))
            .bind(self.ehr.as_str())
            .bind(name.as_str())
            .bind(self.person.kind == ResourceKind::Patient)
            .bind(self.person.kind == ResourceKind::RelatedPerson);
            self.purged.notices += self.tx.execute(about).await?;
        }
        Ok(())
    }
}
