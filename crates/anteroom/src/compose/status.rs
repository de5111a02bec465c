//! Connection status, as each EHR connection wants it.

use std::sync::Arc;

use notify::{BackendTokens, StatusPolicy, StatusTarget, TokenUnavailable};
use oauth::SmartClient;
use secrecy::SecretString;
use visit::EhrId;

use super::ByEhr;
use crate::{
    config::{ConnectionStatus, EhrConnection},
    outgoing::Outgoing,
};

/// Who is reported, by EHR connection.
pub(super) fn policies(ehrs: &[EhrConnection]) -> ByEhr<StatusPolicy> {
    told(ehrs).map(|(id, status)| (id.clone(), status.policy.clone())).collect()
}

/// Where reports go. Not with the client of the launches: an EHR that takes no
/// reports must not keep anybody from a visit.
pub(super) fn targets(ehrs: &[EhrConnection], outgoing: &Outgoing) -> anyhow::Result<ByEhr<StatusTarget>> {
    let target = |(id, status): (&EhrId, &ConnectionStatus)| {
        let http = match &status.client_certificate {
            Some(certificate) => outgoing.client_with(certificate)?,
            None => outgoing.client()?,
        };
        let ConnectionStatus { url, method, auth, epic_client_id, vocabulary, policy, client_certificate: _ } =
            status.clone();
        Ok((id.clone(), StatusTarget { url, method, auth, epic_client_id, vocabulary, policy, http }))
    };
    told(ehrs).map(target).collect()
}

fn told(ehrs: &[EhrConnection]) -> impl Iterator<Item = (&EhrId, &ConnectionStatus)> {
    ehrs.iter().filter_map(|connection| Some((connection.ehr.id(), connection.status.as_ref()?)))
}

/// Backend-services tokens from the SMART client.
pub(super) struct BackendServices {
    smart: SmartClient,
    ehrs: ByEhr<Arc<web::Ehr>>,
}

impl BackendServices {
    pub(super) fn new(smart: SmartClient, ehrs: &[EhrConnection]) -> Self {
        let by_id = |EhrConnection { ehr, .. }: &EhrConnection| (ehr.id().clone(), Arc::clone(ehr));
        Self { smart, ehrs: ehrs.iter().map(by_id).collect() }
    }
}

#[async_trait::async_trait]
impl BackendTokens for BackendServices {
    async fn token(&self, ehr: &EhrId) -> Result<SecretString, TokenUnavailable> {
        let unavailable = |why: &dyn std::fmt::Display| TokenUnavailable(why.to_string());
        let ehr = self.ehrs.get(ehr).ok_or_else(|| unavailable(&"no such EHR connection"))?;
        let token = self.smart.backend_token(&ehr.connection).await.map_err(|error| unavailable(&error))?;
        Ok(token.access_token)
    }

    async fn refused(&self, ehr: &EhrId, token: &SecretString) {
        if let Some(ehr) = self.ehrs.get(ehr) {
            self.smart.forget_backend_token(&ehr.connection, token).await;
        }
    }
}
