use jiff::{SignedDuration, Timestamp};
use visit::{Csn, FhirId, Person, ResourceKind, SessionId};

use super::{Launcher, Rules, VisitHint, window::later};
use crate::{Appointment, Encounter, FhirClient, FhirError, Oddity, oddity::Read, people::PersonRecord};

/// No visit is expected to take longer, so that one which began yesterday and
/// is still open is found after midnight.
const LONGEST_VISIT: SignedDuration = SignedDuration::from_hours(4);

/// A session id may be the CSN of a visit on another day. Its appointment must
/// be found, or a patient would be let into a visit that is not open, so the
/// patient's appointments are then searched this far around today.
const DAYS_BEFORE: SignedDuration = SignedDuration::from_hours(7 * 24);
const DAYS_AFTER: SignedDuration = SignedDuration::from_hours(60 * 24);

/// What the server said.
#[derive(Default)]
pub(super) struct Findings {
    /// The appointment that the launch names.
    pub(super) appointment: Option<Appointment>,
    /// The encounter that the launch names.
    pub(super) encounter: Option<Encounter>,
    /// Today's appointments, asked for where the launch names none.
    pub(super) today: Vec<Appointment>,
    /// The proxy's own record.
    pub(super) relative: Option<PersonRecord>,
    /// What could not be read and may turn out not to be needed.
    pub(super) trouble: Option<FhirError>,
    /// What was odd in all of these.
    pub(super) oddities: Vec<Oddity>,
}

/// Whose appointments are searched.
enum Whose {
    Patient(FhirId),
    Staff(Person),
}

impl Whose {
    fn patient(self) -> Option<FhirId> {
        match self {
            Self::Patient(patient) => Some(patient),
            Self::Staff(_) => None,
        }
    }
}

/// Asks for all that is known by id, side by side. Only where nothing but one
/// of these answers tells the patient, the search comes after them.
pub(super) async fn gather(
    client: &FhirClient,
    hint: &VisitHint,
    launcher: &Launcher,
    now: Timestamp,
    rules: &Rules,
) -> Result<Findings, FhirError> {
    let today = Today::around(client, now, rules);
    let around = Today::searched_for(hint, client, now, rules);
    let named = hint.named_appointment();
    let whose = if named.is_some() { None } else { known_at_once(hint, launcher) };

    let proxy = relative_of(launcher);
    let (appointment, encounter, appointments, relative) = tokio::join!(
        if_any(named.map(|id| client.appointment(id))),
        if_any(hint.encounter.as_ref().map(|id| client.encounter(id))),
        if_any(whose.as_ref().map(|whose| today.appointments(whose, &around))),
        if_any(proxy.as_ref().map(|person| client.person(person))),
    );

    let mut findings = Findings::default();
    let oddities = &mut findings.oddities;
    findings.appointment = appointment?.map(|read| read.noting(oddities));
    findings.relative = relative?.map(|read| read.noting(oddities));
    match encounter {
        Ok(encounter) => findings.encounter = encounter.map(|read| read.noting(oddities)),
        // The appointment tells the visit and its patient without it.
        Err(error) => findings.trouble = Some(error),
    }

    let whose = known_afterwards(&findings, launcher).filter(|_| named.is_none() && whose.is_none());
    let appointments = match whose {
        Some(whose) => today.appointments(&whose, &around).await.map(Some),
        None => appointments,
    };
    match appointments {
        Ok(read) => findings.today = read.unwrap_or_default().noting(&mut findings.oddities),
        // Staff with an open encounter hold a visit, scheduled or not. For
        // others only the appointment tells whether they may enter now.
        Err(error) if findings.encounter.is_some() && matches!(launcher, Launcher::Staff(_)) => {
            findings.trouble = Some(error);
        }
        Err(error) => return Err(error),
    }
    Ok(findings)
}

impl Findings {
    /// Looks for the encounter of a visit that nobody scheduled: the one of the
    /// patient's today that bears the session id as its CSN.
    pub(super) async fn look_for_unscheduled(
        &mut self,
        client: &FhirClient,
        hint: &VisitHint,
        launcher: &Launcher,
        now: Timestamp,
        rules: &Rules,
    ) -> Result<(), FhirError> {
        let patient =
            known_afterwards(self, launcher).and_then(Whose::patient).or_else(|| hint.patient.clone());
        let (Some(session), Some(patient)) = (&hint.session_id, patient) else { return Ok(()) };
        let encounters = match Today::around(client, now, rules).encounters(&patient).await {
            Ok(encounters) => encounters,
            Err(error) if error.is_passing() => return Err(error),
            // Not every EHR lets this launch search encounters.
            Err(_) => return Ok(()),
        };
        let meant = |encounter: &Encounter| names_session(encounter.csn.as_ref(), session);
        self.encounter = encounters.noting(&mut self.oddities).into_iter().find(meant);
        Ok(())
    }
}

/// Whether a CSN is the session id: so it is in one-to-one visits.
pub(super) fn names_session(csn: Option<&Csn>, session: &SessionId) -> bool {
    csn.is_some_and(|csn| csn.as_str() == session.as_str())
}

async fn if_any<T>(
    read: Option<impl Future<Output = Result<Read<T>, FhirError>>>,
) -> Result<Option<Read<T>>, FhirError> {
    match read {
        Some(read) => read.await.map(Some),
        None => Ok(None),
    }
}

fn relative_of(launcher: &Launcher) -> Option<Person> {
    matches!(launcher, Launcher::Proxy(_)).then(|| launcher.person())
}

fn known_at_once(hint: &VisitHint, launcher: &Launcher) -> Option<Whose> {
    match (launcher, &hint.patient) {
        (Launcher::Patient(own), _) => Some(Whose::Patient(own.clone())),
        (_, Some(patient)) => Some(Whose::Patient(patient.clone())),
        // Their encounter may tell the patient.
        (Launcher::Staff(person), None) if hint.encounter.is_none() => Some(Whose::Staff(person.clone())),
        _ => None,
    }
}

fn known_afterwards(findings: &Findings, launcher: &Launcher) -> Option<Whose> {
    match launcher {
        Launcher::Patient(own) => Some(Whose::Patient(own.clone())),
        Launcher::Proxy(_) => findings.relative.as_ref()?.patient.clone().map(Whose::Patient),
        Launcher::Staff(person) => {
            let patient = findings.encounter.as_ref().and_then(|encounter| encounter.patient.as_ref());
            Some(
                patient.map_or_else(
                    || Whose::Staff(person.clone()),
                    |patient| Whose::Patient(patient.id.clone()),
                ),
            )
        }
    }
}

/// The days on which a visit that is open now, or opens today, may stand, by
/// the EHR connection's calendar.
struct Today<'a> {
    client: &'a FhirClient,
    from: String,
    to: String,
}

impl<'a> Today<'a> {
    fn around(client: &'a FhirClient, now: Timestamp, rules: &Rules) -> Self {
        let date = |moment: Timestamp| moment.to_zoned(client.server().time_zone.clone()).date();
        let from = date(later(now, -(rules.closes_after.saturating_add(LONGEST_VISIT))));
        let to = date(later(now, rules.opens_before));
        Self { client, from: format!("ge{from}"), to: format!("le{to}") }
    }

    /// Today, or more days around it where the launch names a session id.
    fn searched_for(hint: &VisitHint, client: &'a FhirClient, now: Timestamp, rules: &Rules) -> Self {
        let today = Self::around(client, now, rules);
        if hint.session_id.is_none() {
            return today;
        }
        let date = |moment: Timestamp| moment.to_zoned(client.server().time_zone.clone()).date();
        let from = format!("ge{}", date(later(now, -DAYS_BEFORE)));
        Self { from, to: format!("le{}", date(later(now, DAYS_AFTER))), ..today }
    }

    /// A patient's appointments of the wider days, a clinician's of today.
    async fn appointments(&self, whose: &Whose, wider: &Self) -> Result<Read<Vec<Appointment>>, FhirError> {
        match whose {
            Whose::Patient(patient) => wider.patients_appointments(patient).await,
            Whose::Staff(person) => self.staffs_appointments(person).await,
        }
    }

    async fn patients_appointments(&self, patient: &FhirId) -> Result<Read<Vec<Appointment>>, FhirError> {
        let mut read = self.client.appointments(&self.days_of("patient", patient.as_str())).await?;
        // A server that does not know a parameter passes over it.
        read.value.retain(|appointment| appointment.has_patient(patient));
        Ok(read)
    }

    async fn staffs_appointments(&self, person: &Person) -> Result<Read<Vec<Appointment>>, FhirError> {
        let reference = person.to_string();
        let parameters = match person.kind {
            ResourceKind::Practitioner => self.days_of("practitioner", person.id.as_str()),
            _ => self.days_of("actor", &reference),
        };
        let mut read = self.client.appointments(&parameters).await.map_err(no_such_search)?;
        read.value.retain(|appointment| appointment.lists(person));
        Ok(read)
    }

    async fn encounters(&self, patient: &FhirId) -> Result<Read<Vec<Encounter>>, FhirError> {
        self.client.encounters(&self.days_of("patient", patient.as_str())).await
    }

    fn days_of<'p>(&'p self, parameter: &'p str, value: &'p str) -> [(&'p str, &'p str); 3] {
        [(parameter, value), ("date", &self.from), ("date", &self.to)]
    }
}

/// Epic documents no search by practitioner, and others refuse it: that has
/// another cure than a broken request.
fn no_such_search(error: FhirError) -> FhirError {
    match error {
        FhirError::Refused { issue, .. } => FhirError::NoSearchByPractitioner(issue),
        error => error,
    }
}
