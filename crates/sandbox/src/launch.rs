use serde::{Deserialize, Serialize};

use crate::{
    cast::{Patient, User},
    config::ClientKind,
    day::{Appointment, Day},
};

/// Which link of the EHR was opened.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Serialize, Deserialize)]
#[serde(rename_all = "kebab-case")]
pub enum LaunchKind {
    /// "Begin video visit" on the schedule.
    Provider,
    /// "Begin video visit" in the portal.
    Patient,
    /// "Test my device" in the portal.
    DeviceTest,
    /// "Monitor" on the schedule.
    Monitor,
}

impl LaunchKind {
    /// Which of the app's clients this link's record names.
    pub fn client_kind(self) -> ClientKind {
        match self {
            Self::Provider | Self::Monitor => ClientKind::Provider,
            Self::Patient | Self::DeviceTest => ClientKind::Patient,
        }
    }
}

/// Who opened which link, for which visit. A launch token stands for it once.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Launch {
    kind: LaunchKind,
    user: User,
    appointment: Option<Appointment>,
}

/// Why there is no such link.
#[derive(Debug, thiserror::Error, PartialEq, Eq)]
pub enum LaunchRefused {
    /// Nobody has this key.
    #[error("there is nobody with the key {0}")]
    UnknownPerson(String),
    /// No appointment has this key.
    #[error("there is no appointment with the key {0}")]
    UnknownAppointment(String),
    /// A patient at the schedule, or a clinician in the portal.
    #[error("{0} has no such link")]
    WrongPlace(String),
    /// Somebody else's visit.
    #[error("{user} takes no part in {appointment}")]
    NotTheirs {
        /// Key of the person.
        user: String,
        /// Key of the appointment.
        appointment: String,
    },
}

impl Launch {
    pub(crate) fn of(
        day: &Day,
        kind: LaunchKind,
        user: &str,
        appointment: Option<&str>,
    ) -> Result<Self, LaunchRefused> {
        let person = User::find(user).ok_or_else(|| LaunchRefused::UnknownPerson(user.to_owned()))?;
        let at_the_schedule = kind.client_kind() == ClientKind::Provider;
        if at_the_schedule != matches!(person, User::Clinician(_)) {
            return Err(LaunchRefused::WrongPlace(user.to_owned()));
        }
        let appointment = appointment
            .map(|key| {
                let found = day.find(key).ok_or_else(|| LaunchRefused::UnknownAppointment(key.to_owned()))?;
                if !found.is_open_to(person) {
                    return Err(LaunchRefused::NotTheirs {
                        user: user.to_owned(),
                        appointment: key.to_owned(),
                    });
                }
                Ok(found.clone())
            })
            .transpose()?;
        Ok(Self { kind, user: person, appointment })
    }

    /// Which link was opened.
    pub fn kind(&self) -> LaunchKind {
        self.kind
    }

    /// Who opened it.
    pub fn user(&self) -> User {
        self.user
    }

    /// For which visit, if the link stood beside one.
    pub fn appointment(&self) -> Option<&Appointment> {
        self.appointment.as_ref()
    }

    /// Whose chart is open.
    pub fn patient(&self) -> Option<&'static Patient> {
        match self.user {
            User::Clinician(_) => self.appointment.as_ref().map(|appointment| appointment.patient),
            User::Patient(patient) => Some(patient),
            User::Proxy(proxy) => Some(proxy.patient),
        }
    }
}
