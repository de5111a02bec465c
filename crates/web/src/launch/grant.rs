use std::sync::Arc;

use fhir::{Kind, Launcher, Reference, VisitHint};
use jiff::Timestamp;
use oauth::{Granted, LaunchContext, LaunchKind};
use secrecy::{ExposeSecret, SecretString};
use serde::{Deserialize, Serialize};
use visit::{Person, Role, SessionId};

use crate::{problem::Problem, state::Ehr};

/// What a launch was granted, as it is kept while its person chooses a visit.
/// Serialised it holds the access token; storage seals it.
#[derive(Serialize, Deserialize)]
pub(super) struct Grant {
    pub(super) kind: LaunchKind,
    pub(super) person: Person,
    pub(super) role: Role,
    context: LaunchContext,
    access_token: String,
    expires_at: Option<Timestamp>,
}

impl Grant {
    pub(super) fn new(kind: LaunchKind, granted: Granted) -> Self {
        Self {
            kind,
            person: granted.user.person,
            role: granted.role,
            context: granted.context,
            access_token: granted.access_token.expose_secret().to_owned(),
            expires_at: granted.expires_at,
        }
    }

    pub(super) fn token(&self) -> SecretString {
        self.access_token.clone().into()
    }

    /// The token, where connection status is reported with it.
    pub(super) fn kept_token(&self, ehr: &Ehr) -> Option<(SecretString, Option<Timestamp>)> {
        ehr.keeps_launch_token.then(|| (self.token(), self.expires_at))
    }

    /// How the EHR calls the user in connection status.
    pub(super) fn external_id(&self, ehr: &Ehr) -> Option<String> {
        self.context.custom(&ehr.external_id_key).map(str::to_owned)
    }

    /// Who launches, as `fhir` wants it.
    pub(super) fn launcher(&self) -> Result<Launcher, Problem> {
        Ok(Launcher::new(self.person.clone(), self.role)?)
    }

    /// What the token answer said about the visit. A session id that cannot
    /// be one is an error: which visit is meant would be in doubt.
    pub(super) fn hint(&self, ehr: &Arc<Ehr>) -> Result<VisitHint, Problem> {
        let session_id =
            self.context.custom(&ehr.session_id_key).map(str::parse::<SessionId>).transpose().map_err(
                |_| Problem::BadRequest("The link names a visit in a way that we do not understand."),
            )?;
        let fhir_context = self
            .context
            .fhir_context
            .iter()
            .filter(|reference| reference.role.as_deref().is_none_or(|role| role == "launch"))
            .filter(|reference| reference.resource_type == Kind::Appointment.as_str())
            .map(|reference| Reference::new(Kind::Appointment, reference.id.clone()))
            .collect();
        Ok(VisitHint {
            session_id,
            patient: self.context.patient.clone(),
            appointment: self.context.appointment.clone(),
            encounter: self.context.encounter.clone(),
            fhir_context,
        })
    }
}
