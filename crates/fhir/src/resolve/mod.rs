//! From a launch context to one visit, or to the reason why none.
//!
//! [`gather`] asks the server, [`judge`] decides: everything that keeps a person
//! out stands there, in pure functions.

mod gather;
mod judge;
mod names;
mod refusal;
mod window;

use std::{collections::BTreeSet, time::Duration};

use jiff::Timestamp;
use outside::Clock;
use visit::{Csn, FhirId, Person, ResourceKind, Role, SessionId};

pub use self::{
    refusal::Refusal,
    window::{Rules, Window},
};
use crate::{
    Appointment, Attendee, DisplayText, FhirClient, FhirError, Kind, NamedPatient, Oddity, Reference,
};

/// All answers together take at most this long: the person has waited for the
/// token already, and waits 10 s in all.
pub const DEADLINE: Duration = Duration::from_secs(8);

/// What the token response said about the visit.
#[derive(Debug, Clone, Default)]
pub struct VisitHint {
    /// The session id that the FDI record's CONTEXT names: the CSN, or a group
    /// visit's conference id. It stays the visit's key whatever FHIR says.
    pub session_id: Option<SessionId>,
    /// The patient.
    pub patient: Option<FhirId>,
    /// The appointment.
    pub appointment: Option<FhirId>,
    /// The encounter.
    pub encounter: Option<FhirId>,
    /// What `fhirContext` refers to, read by [`FhirBase::reference`](crate::FhirBase::reference).
    pub fhir_context: Vec<Reference>,
}

impl VisitHint {
    /// The appointment, named by its own key or in `fhirContext`.
    fn named_appointment(&self) -> Option<&FhirId> {
        let in_context = || self.fhir_context.iter().find(|reference| reference.kind == Kind::Appointment);
        self.appointment.as_ref().or_else(|| in_context().map(|reference| &reference.id))
    }
}

/// Who launches, as what.
#[derive(Debug, Clone, PartialEq, Eq)]
pub enum Launcher {
    /// A clinician or other staff: any of the EHR connection may open a visit.
    Staff(Person),
    /// A patient, by their own id.
    Patient(FhirId),
    /// A RelatedPerson who acts for a patient.
    Proxy(FhirId),
}

impl Launcher {
    /// Takes the signed-in user and the role that their launch address stands
    /// for. Staff cannot launch as a patient, nor a patient as staff.
    pub fn new(person: Person, role: Role) -> Result<Self, Refusal> {
        match (person.kind, role) {
            (
                ResourceKind::Practitioner | ResourceKind::PractitionerRole,
                Role::Provider | Role::Interpreter | Role::Monitor,
            ) => Ok(Self::Staff(person)),
            (ResourceKind::Patient, Role::Patient) => Ok(Self::Patient(person.id)),
            (ResourceKind::RelatedPerson, Role::Patient | Role::Proxy) => Ok(Self::Proxy(person.id)),
            _ => Err(Refusal::WrongLaunchAddress),
        }
    }

    /// Who it is.
    pub fn person(&self) -> Person {
        match self {
            Self::Staff(person) => person.clone(),
            Self::Patient(id) => Person::new(ResourceKind::Patient, id.clone()),
            Self::Proxy(id) => Person::new(ResourceKind::RelatedPerson, id.clone()),
        }
    }
}

/// What a launch means.
#[derive(Debug, Clone, PartialEq)]
pub enum Resolution {
    /// This visit.
    Visit(Box<ResolvedVisit>),
    /// One of these; the person chooses, and [`choose`] looks again.
    Choose(Vec<Candidate>),
    /// None, and why.
    Refused(Refusal),
}

/// The visit that a launch means.
#[derive(Debug, Clone, PartialEq)]
pub struct ResolvedVisit {
    /// The visit's key: the FDI record's session id, else the appointment's
    /// CSN, else `appointment-{id}`; of a visit without appointment the
    /// encounter's CSN, else `encounter-{id}`. (An encounter's CSN does not
    /// stand in for its appointment's: a patient's launch sees no encounter
    /// and must come to the same key.)
    pub session_id: SessionId,
    /// The CSN of appointment and encounter.
    pub csn: Option<Csn>,
    /// The appointment; `None` for a visit that nobody scheduled.
    pub appointment: Option<Appointment>,
    /// The encounter, where the launch named one that can be read.
    pub encounter: Option<FhirId>,
    /// The visit's patients.
    pub patients: Vec<NamedPatient>,
    /// The visit's clinicians.
    pub practitioners: Vec<Attendee>,
    /// When it may be entered.
    pub window: Window,
    /// The patient whom this launch is about: the patient themself, the one
    /// whom the proxy acts for, the one whose chart is open.
    pub launch_patient: Option<FhirId>,
    /// The launching person's name, where the EHR tells it.
    pub launcher_name: Option<DisplayText>,
    /// Whether the launching person is on the appointment or encounter: for
    /// staff among its clinicians, for others always.
    pub listed: bool,
    /// What was odd in the resources.
    pub oddities: Vec<Oddity>,
}

/// One visit of a choice.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Candidate {
    /// The appointment's id.
    pub appointment: FhirId,
    /// When it starts.
    pub start: Option<Timestamp>,
    /// Whom the person would meet: clinicians for patients, patients for staff.
    pub with: Vec<DisplayText>,
    /// What kind of visit, in the EHR's words.
    pub service: Option<DisplayText>,
    /// Its CSN.
    pub csn: Option<Csn>,
}

/// Finds the visit that a launch means. Order: the FDI record's session id
/// (against the CSNs of today's appointments), `appointment`, an Appointment in
/// `fhirContext`, `encounter`, then the one appointment of today that is open.
pub async fn resolve(
    client: &FhirClient,
    hint: &VisitHint,
    launcher: &Launcher,
    clock: &dyn Clock,
    rules: &Rules,
) -> Result<Resolution, FhirError> {
    within_deadline(look(client, hint, launcher, None, clock.now(), rules)).await
}

/// Resolves again after a choice. The choice is one of those that the server
/// offers now: a forged one is refused, as is one that is no longer open.
pub async fn choose(
    client: &FhirClient,
    hint: &VisitHint,
    launcher: &Launcher,
    chosen: &FhirId,
    clock: &dyn Clock,
    rules: &Rules,
) -> Result<Resolution, FhirError> {
    within_deadline(look(client, hint, launcher, Some(chosen), clock.now(), rules)).await
}

async fn within_deadline(
    look: impl Future<Output = Result<Resolution, FhirError>>,
) -> Result<Resolution, FhirError> {
    tokio::time::timeout(DEADLINE, look).await.unwrap_or(Err(FhirError::TooSlow(DEADLINE)))
}

async fn look(
    client: &FhirClient,
    hint: &VisitHint,
    launcher: &Launcher,
    chosen: Option<&FhirId>,
    now: Timestamp,
    rules: &Rules,
) -> Result<Resolution, FhirError> {
    let mut findings = gather::gather(client, hint, launcher, now, rules).await?;
    let question = judge::Question { hint, launcher, chosen, now, rules };
    let mut resolution = question.judge(&findings);

    if resolution == Resolution::Refused(Refusal::NothingFound) {
        if let Some(trouble) = findings.trouble {
            return Err(trouble);
        }
        findings.look_for_unscheduled(client, hint, launcher, now, rules).await?;
        resolution = question.judge(&findings);
    }
    log(&findings.oddities);
    if let Resolution::Visit(visit) = &mut resolution {
        visit.launcher_name = findings.relative.and_then(|relative| relative.name);
        visit.oddities = findings.oddities;
        names::complete(client, launcher, visit).await;
    }
    Ok(resolution)
}

/// Tells operators what their EHR sends, once for each place.
fn log(oddities: &[Oddity]) {
    const MOST_LINES: usize = 20;
    let told: BTreeSet<String> = oddities.iter().map(ToString::to_string).collect();
    for oddity in told.iter().take(MOST_LINES) {
        tracing::info!(oddity, "the EHR sent an odd FHIR element");
    }
}
