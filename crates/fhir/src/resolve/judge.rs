use jiff::Timestamp;
use visit::{Csn, FhirId, SessionId};

use super::{
    Candidate, Launcher, Refusal, Resolution, ResolvedVisit, Rules, VisitHint, Window,
    gather::{Findings, names_session},
};
use crate::{Appointment, AppointmentStatus, Encounter, EncounterStatus, NamedPatient};

/// What is asked.
pub(super) struct Question<'a> {
    pub(super) hint: &'a VisitHint,
    pub(super) launcher: &'a Launcher,
    /// The appointment that the person chose, on the second time.
    pub(super) chosen: Option<&'a FhirId>,
    pub(super) now: Timestamp,
    pub(super) rules: &'a Rules,
}

/// Which visit is meant.
enum Pick<'a> {
    Scheduled(&'a Appointment),
    /// The encounter of a visit that nobody scheduled.
    Unscheduled(&'a Encounter),
    Several(Vec<&'a Appointment>),
}

impl Question<'_> {
    /// Decides on what was found.
    pub(super) fn judge(&self, findings: &Findings) -> Resolution {
        self.decide(findings).unwrap_or_else(Resolution::Refused)
    }

    fn decide(&self, findings: &Findings) -> Result<Resolution, Refusal> {
        let patient = self.launch_patient(findings)?;
        let visit = match self.pick(findings, patient.as_ref())? {
            Pick::Several(appointments) => return Ok(self.offer(&appointments)),
            Pick::Scheduled(appointment) => {
                self.scheduled(appointment, findings.encounter.as_ref(), patient)?
            }
            Pick::Unscheduled(encounter) => self.unscheduled(encounter, patient)?,
        };
        Ok(Resolution::Visit(Box::new(visit)))
    }

    /// The patient whom the launch is about. Only staff may have none.
    fn launch_patient(&self, findings: &Findings) -> Result<Option<FhirId>, Refusal> {
        let said = self.hint.patient.as_ref();
        let (own, otherwise) = match self.launcher {
            Launcher::Staff(_) => return Ok(said.cloned()),
            Launcher::Patient(own) => (own, Refusal::OtherPatient),
            Launcher::Proxy(_) => {
                let relative = findings.relative.as_ref().and_then(|record| record.patient.as_ref());
                (relative.ok_or(Refusal::NotTheProxy)?, Refusal::NotTheProxy)
            }
        };
        if said.is_none_or(|said| said == own) { Ok(Some(own.clone())) } else { Err(otherwise) }
    }

    fn pick<'f>(&self, findings: &'f Findings, patient: Option<&FhirId>) -> Result<Pick<'f>, Refusal> {
        if let Some(chosen) = self.chosen {
            let offered = findings.today.iter().find(|appointment| appointment.id == *chosen);
            return offered.map(Pick::Scheduled).ok_or(Refusal::NotOffered);
        }
        if let Some(named) = &findings.appointment {
            return Ok(Pick::Scheduled(named));
        }
        if let Some(session) = &self.hint.session_id {
            let meant = |appointment: &&Appointment| names_session(appointment.csn.as_ref(), session);
            if let Some(appointment) = findings.today.iter().find(meant) {
                return Ok(Pick::Scheduled(appointment));
            }
        }
        if let Some(encounter) = &findings.encounter {
            let scheduled = findings.today.iter().find(|appointment| joined(appointment, encounter));
            return Ok(scheduled.map_or(Pick::Unscheduled(encounter), Pick::Scheduled));
        }
        self.pick_from_today(&findings.today, patient)
    }

    /// The one appointment that may be entered now; where there is none, what
    /// is nearest to it tells why.
    fn pick_from_today<'f>(
        &self,
        today: &'f [Appointment],
        patient: Option<&FhirId>,
    ) -> Result<Pick<'f>, Refusal> {
        let (mut open, mut refusals) = (Vec::new(), Vec::new());
        for appointment in today {
            match self.admit(appointment, patient) {
                Ok(_) => open.push(appointment),
                Err(refusal) => refusals.push(refusal),
            }
        }
        match open[..] {
            [] => Err(nearest(refusals)),
            [only] => Ok(Pick::Scheduled(only)),
            _ => Ok(Pick::Several(open)),
        }
    }

    /// All that keeps a launch out of an appointment.
    fn admit(&self, appointment: &Appointment, patient: Option<&FhirId>) -> Result<Window, Refusal> {
        self.check_patient(&appointment.patients, patient)?;
        match appointment.status {
            Some(AppointmentStatus::Cancelled) => return Err(Refusal::Cancelled),
            Some(AppointmentStatus::EnteredInError) => return Err(Refusal::EnteredInError),
            Some(AppointmentStatus::Noshow) => return Err(Refusal::NoShow),
            _ => {}
        }
        let window = Window::of(appointment, self.now, self.rules);
        window.check(appointment, self.now)?;
        Ok(window)
    }

    fn check_patient(&self, patients: &[NamedPatient], patient: Option<&FhirId>) -> Result<(), Refusal> {
        if patients.is_empty() {
            return Err(Refusal::PatientUnknown);
        }
        match patient {
            Some(id) if patients.iter().all(|listed| listed.id != *id) => Err(match self.launcher {
                Launcher::Staff(_) => Refusal::OtherPatient,
                Launcher::Patient(_) | Launcher::Proxy(_) => Refusal::NotAParticipant,
            }),
            _ => Ok(()),
        }
    }

    fn scheduled(
        &self,
        appointment: &Appointment,
        encounter: Option<&Encounter>,
        patient: Option<FhirId>,
    ) -> Result<ResolvedVisit, Refusal> {
        let window = self.admit(appointment, patient.as_ref())?;
        if let Some(encounter) = encounter {
            self.check_encounter(encounter, patient.as_ref())?;
            self.check_patient(&appointment.patients, encounter.patient.as_ref().map(|patient| &patient.id))?;
            check_same_visit(appointment, encounter)?;
        }
        Ok(ResolvedVisit {
            session_id: self.session_id(appointment.csn.as_ref(), "appointment", &appointment.id)?,
            csn: appointment.csn.clone().or_else(|| encounter?.csn.clone()),
            encounter: encounter.map(|encounter| encounter.id.clone()),
            patients: appointment.patients.clone(),
            practitioners: appointment.practitioners.clone(),
            window,
            launch_patient: patient,
            launcher_name: None,
            listed: self.is_listed(|person| appointment.lists(person)),
            appointment: Some(appointment.clone()),
            oddities: Vec::new(),
        })
    }

    fn unscheduled(&self, encounter: &Encounter, patient: Option<FhirId>) -> Result<ResolvedVisit, Refusal> {
        self.check_encounter(encounter, patient.as_ref())?;
        match (encounter.status, self.launcher) {
            (Some(EncounterStatus::Finished), _) => return Err(Refusal::Finished),
            // Nobody has begun it, and no appointment tells when it opens.
            // That is for staff to do.
            (Some(EncounterStatus::Planned), Launcher::Patient(_) | Launcher::Proxy(_)) => {
                return Err(Refusal::NothingFound);
            }
            _ => {}
        }
        Ok(ResolvedVisit {
            session_id: self.session_id(encounter.csn.as_ref(), "encounter", &encounter.id)?,
            csn: encounter.csn.clone(),
            appointment: None,
            encounter: Some(encounter.id.clone()),
            patients: encounter.patient.iter().cloned().collect(),
            practitioners: encounter.practitioners.clone(),
            window: Window::from_now(self.now, self.rules),
            launch_patient: patient,
            launcher_name: None,
            listed: self.is_listed(|person| {
                encounter.practitioners.iter().any(|listed| listed.person.as_ref() == Some(person))
            }),
            oddities: Vec::new(),
        })
    }

    fn check_encounter(&self, encounter: &Encounter, patient: Option<&FhirId>) -> Result<(), Refusal> {
        self.check_patient(encounter.patient.as_slice(), patient)?;
        match encounter.status {
            Some(EncounterStatus::Cancelled) => Err(Refusal::Cancelled),
            Some(EncounterStatus::EnteredInError) => Err(Refusal::EnteredInError),
            _ => Ok(()),
        }
    }

    fn is_listed(&self, lists: impl FnOnce(&visit::Person) -> bool) -> bool {
        match self.launcher {
            Launcher::Staff(person) => lists(person),
            Launcher::Patient(_) | Launcher::Proxy(_) => true,
        }
    }

    fn session_id(&self, csn: Option<&Csn>, kind: &str, id: &FhirId) -> Result<SessionId, Refusal> {
        if let Some(given) = &self.hint.session_id {
            return Ok(given.clone());
        }
        match csn {
            Some(csn) => Ok(csn.clone().into()),
            None => format!("{kind}-{}", id.as_str()).parse().map_err(|_| Refusal::Unnameable),
        }
    }

    fn offer(&self, appointments: &[&Appointment]) -> Resolution {
        let mut candidates: Vec<_> =
            appointments.iter().map(|appointment| self.candidate(appointment)).collect();
        candidates.sort_by_key(|candidate| candidate.start);
        Resolution::Choose(candidates)
    }

    fn candidate(&self, appointment: &Appointment) -> Candidate {
        let with = match self.launcher {
            Launcher::Staff(_) => {
                appointment.patients.iter().filter_map(|patient| patient.name.clone()).collect()
            }
            Launcher::Patient(_) | Launcher::Proxy(_) => {
                appointment.practitioners.iter().filter_map(|attendee| attendee.name.clone()).collect()
            }
        };
        Candidate {
            appointment: appointment.id.clone(),
            start: appointment.start,
            with,
            service: appointment.service.clone(),
            csn: appointment.csn.clone(),
        }
    }
}

/// Whether the resources themselves say that they are one visit.
fn joined(appointment: &Appointment, encounter: &Encounter) -> bool {
    let same_csn = appointment.csn.is_some() && appointment.csn == encounter.csn;
    same_csn || encounter.appointments.contains(&appointment.id)
}

/// Whether nothing speaks against one visit: a launch that names both may
/// leave the join to the EHR, but not contradict it.
fn check_same_visit(appointment: &Appointment, encounter: &Encounter) -> Result<(), Refusal> {
    let other_csn = matches!((&appointment.csn, &encounter.csn), (Some(one), Some(other)) if one != other);
    let names_another =
        !encounter.appointments.is_empty() && !encounter.appointments.contains(&appointment.id);
    if other_csn || names_another { Err(Refusal::Mismatch) } else { Ok(()) }
}

/// Of several reasons the one that helps most: what opens next, else what
/// closed last, else what is wrong with an appointment.
fn nearest(refusals: Vec<Refusal>) -> Refusal {
    let (mut early, mut late, mut other) = (None, None, None);
    for refusal in refusals {
        match refusal {
            Refusal::TooEarly { opens_at, .. } => {
                early = early.filter(|(first, _)| *first <= opens_at).or(Some((opens_at, refusal)));
            }
            Refusal::TooLate { closed_at } => {
                late = late.filter(|(last, _)| *last >= closed_at).or(Some((closed_at, refusal)));
            }
            refusal => other = other.or(Some(refusal)),
        }
    }
    let timely = early.or(late).map(|(_, refusal)| refusal);
    timely.or(other).unwrap_or(Refusal::NothingFound)
}
