//! Launches by number, so that each has a patient, an appointment and a CSN
//! of its own.

/// The entrance.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub(crate) enum Entrance {
    Provider,
    Patient,
}

/// One launch.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub(crate) struct Launch {
    pub(crate) entrance: Entrance,
    pub(crate) number: u32,
}

impl Launch {
    /// The clinician's, from the chart of patient 7.
    pub(crate) const PROVIDER: Self = Self::provider(7);
    /// Patient 7's own.
    pub(crate) const PATIENT: Self = Self::patient(7);

    pub(crate) const fn provider(number: u32) -> Self {
        Self { entrance: Entrance::Provider, number }
    }

    pub(crate) const fn patient(number: u32) -> Self {
        Self { entrance: Entrance::Patient, number }
    }

    /// The opaque `launch` of this launch.
    pub(crate) fn token(self) -> String {
        let entrance = match self.entrance {
            Entrance::Provider => "provider",
            Entrance::Patient => "patient",
        };
        format!("canary-launch-{entrance}-{}", self.number)
    }

    /// The launch that `launch` names.
    pub(crate) fn of_token(token: &str) -> Option<Self> {
        let (entrance, number) = token.strip_prefix("canary-launch-")?.split_once('-')?;
        let entrance = if entrance == "patient" { Entrance::Patient } else { Entrance::Provider };
        Some(Self { entrance, number: number.parse().ok()? })
    }

    pub(crate) fn path(self) -> &'static str {
        match self.entrance {
            Entrance::Provider => "/launch/provider",
            Entrance::Patient => "/launch/patient",
        }
    }

    /// Who launches, as `fhirUser` names them.
    pub(crate) fn user(self) -> String {
        match self.entrance {
            Entrance::Provider => "Practitioner/eb3d-practitioner".to_owned(),
            Entrance::Patient => format!("Patient/{}", patient(self.number)),
        }
    }
}

pub(crate) fn patient(number: u32) -> String {
    format!("ePatient-{number}")
}

pub(crate) fn appointment(number: u32) -> String {
    format!("eAppointment-{number}")
}

pub(crate) fn encounter(number: u32) -> String {
    format!("eEncounter-{number}")
}

/// What appointment and encounter share. Long enough to be found by accident
/// nowhere else.
pub(crate) fn csn(number: u32) -> String {
    format!("{}", 990_077_000_000_u64 + u64::from(number))
}
