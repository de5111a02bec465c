use jiff::Timestamp;

/// Why a launch opens no visit. What the page says is made of these; the codes
/// are stable.
#[derive(Debug, Clone, PartialEq, Eq)]
pub enum Refusal {
    /// The launch address is for others: a patient at the clinicians' one, or
    /// the other way round.
    WrongLaunchAddress,
    /// The appointment or encounter is another patient's than the launch's.
    OtherPatient,
    /// A patient or proxy launches a visit in which the patient has no part.
    NotAParticipant,
    /// The proxy's own record names another patient than the launch, or none.
    NotTheProxy,
    /// Appointment or encounter do not tell their patient.
    PatientUnknown,
    /// Appointment and encounter belong to different visits.
    Mismatch,
    /// The appointment or encounter is cancelled.
    Cancelled,
    /// The appointment or encounter was entered in error.
    EnteredInError,
    /// The patient was marked as not having come.
    NoShow,
    /// The encounter is over and had no appointment that tells until when.
    Finished,
    /// It is not open yet.
    TooEarly {
        /// When the appointment starts.
        start: Timestamp,
        /// When it may be entered.
        opens_at: Timestamp,
    },
    /// It is not open any more.
    TooLate {
        /// Until when it could be entered.
        closed_at: Timestamp,
    },
    /// There is no visit today.
    NothingFound,
    /// The chosen appointment is none of those that were offered.
    NotOffered,
    /// It has no session id and no CSN, and its FHIR id is too long to stand
    /// for one.
    Unnameable,
}

impl Refusal {
    /// The stable code that the error page carries.
    pub fn code(&self) -> &'static str {
        match self {
            Self::WrongLaunchAddress => "wrong-launch-address",
            Self::OtherPatient => "other-patient",
            Self::NotAParticipant => "not-a-participant",
            Self::NotTheProxy => "not-the-proxy",
            Self::PatientUnknown => "patient-unknown",
            Self::Mismatch => "appointment-encounter-mismatch",
            Self::Cancelled => "visit-cancelled",
            Self::EnteredInError => "visit-entered-in-error",
            Self::NoShow => "visit-no-show",
            Self::Finished => "visit-finished",
            Self::TooEarly { .. } => "too-early",
            Self::TooLate { .. } => "too-late",
            Self::NothingFound => "no-visit-today",
            Self::NotOffered => "not-offered",
            Self::Unnameable => "visit-unnameable",
        }
    }
}
