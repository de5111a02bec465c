use async_trait::async_trait;
use secrecy::SecretString;
use visit::EhrId;

/// Why there is no token now; the text stands in the notification record.
#[derive(Debug, Clone, PartialEq, Eq, thiserror::Error)]
#[error("no backend-services token: {0}")]
pub struct TokenUnavailable(pub String);

/// Backend-services tokens (client credentials with an assertion), from a
/// cache as long as they are good.
#[async_trait]
pub trait BackendTokens: Send + Sync {
    /// A token of this EHR connection.
    async fn token(&self, ehr: &EhrId) -> Result<SecretString, TokenUnavailable>;

    /// The EHR refused this token (401): it must not be answered again.
    async fn refused(&self, ehr: &EhrId, token: &SecretString);
}
