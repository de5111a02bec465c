#[cfg(test)]
mod tests;

use std::{future::Future, sync::Arc, time::Duration};

use jiff::{SignedDuration, Timestamp};
use outside::{Clock, HttpClient, Limits, Random, Request, Response};
use secrecy::{ExposeSecret, SecretString};
use visit::Role;

use crate::{
    Asked, AuthorizeRequest, Callback, ClientId, Connection, Endpoints, GrantedScopes, IdTokenFault,
    Identity, KeyStore, LaunchContext, LaunchError, LaunchKind, PendingLaunch,
    answer::json_object,
    assertion::client_assertion,
    callback, discovery,
    id_token::{self, Expected, VerifiedClaims},
    jwks::VerificationKeys,
    launch,
    shared_cache::{Fetched, SharedCache},
    token::{self, TokenAnswer},
};

/// The longest that somebody waits for one step of a launch.
const PATIENCE: Duration = Duration::from_secs(10);

/// Discovery documents and key sets are used this long.
const DOCUMENT_LIFETIME: SignedDuration = SignedDuration::from_hours(1);

/// A key set is fetched anew for an unknown `kid`, but not more often than
/// this, or anybody's forged token would be a request to the EHR.
const KEYS_REST: SignedDuration = SignedDuration::from_secs(30);

/// A backend token is renewed this long before its end.
const RENEWED_BEFORE: SignedDuration = SignedDuration::from_secs(60);

/// SMART Backend Services wants at most five minutes; where the server does
/// not say, less is assumed.
const ASSUMED_LIFETIME: SignedDuration = SignedDuration::from_mins(2);

/// What a launch was granted.
#[derive(Debug, Clone)]
pub struct Granted {
    /// For FHIR requests of this launch.
    pub access_token: SecretString,
    /// When the token ends; none where the server does not say.
    pub expires_at: Option<Timestamp>,
    /// What it opens.
    pub scopes: GrantedScopes,
    /// What the EHR had open.
    pub context: LaunchContext,
    /// Who launched.
    pub user: Identity,
    /// What they are in the visit, by the entrance they came through.
    pub role: Role,
}

/// A backend-services token, shared by all who need it until it ends.
#[derive(Debug, Clone)]
pub struct BackendToken {
    /// For requests in the EHR's background user's name.
    pub access_token: SecretString,
    /// When it ends.
    pub expires_at: Timestamp,
    /// What it opens.
    pub scopes: GrantedScopes,
}

/// The SMART client for all EHR connections: sends what the pure functions of
/// this crate build, and lets them judge what comes back.
pub struct SmartClient {
    http: Arc<dyn HttpClient>,
    clock: Arc<dyn Clock>,
    random: Arc<dyn Random>,
    keys: Arc<KeyStore>,
    endpoints: SharedCache<Arc<Endpoints>>,
    ehr_keys: SharedCache<VerificationKeys>,
    backend_tokens: SharedCache<BackendToken>,
}

impl SmartClient {
    /// A client with empty caches.
    pub fn new(
        http: Arc<dyn HttpClient>,
        clock: Arc<dyn Clock>,
        random: Arc<dyn Random>,
        keys: Arc<KeyStore>,
    ) -> Self {
        Self {
            endpoints: SharedCache::new(Arc::clone(&clock)),
            ehr_keys: SharedCache::new(Arc::clone(&clock)),
            backend_tokens: SharedCache::new(Arc::clone(&clock)),
            http,
            clock,
            random,
            keys,
        }
    }

    /// Begins a launch: what to store (and bind to the browser), and where to
    /// send the browser. `iss` must be the connection's; see
    /// [`match_iss`](crate::match_iss).
    pub async fn authorize_request(
        &self,
        connection: &Connection,
        kind: LaunchKind,
        iss: &str,
        launch: &str,
    ) -> Result<(PendingLaunch, AuthorizeRequest), LaunchError> {
        if !connection.fhir_base.matches(iss) {
            return Err(LaunchError::UnknownIss);
        }
        launch::check_launch_token(launch)?;
        let endpoints =
            patiently(Asked::Discovery, self.endpoints(connection, connection.client_for(kind))).await?;
        Ok(launch::begin(connection, &endpoints, kind, iss, launch, &*self.random, self.clock.now()))
    }

    /// Ends a launch: judges the callback, redeems the code and checks who
    /// launched. The launch must have been taken out of its store, so that no
    /// callback comes here twice.
    pub async fn redeem(
        &self,
        connection: &Connection,
        pending: PendingLaunch,
        callback: Callback,
    ) -> Result<Granted, LaunchError> {
        // The path of the redirect URI tells the connection: an answer at
        // another one's was mixed up (RFC 9700 4.4.2).
        if pending.ehr != connection.ehr {
            return Err(LaunchError::CallbackMixedUp);
        }
        patiently(Asked::Token, async {
            let endpoints = self.endpoints(connection, &pending.client_id).await?;
            let code = callback::judge(callback, &pending, &endpoints.issuer, self.clock.now())?;
            let assertion = self.assertion(connection, &pending.client_id, &endpoints)?;
            let request = token::code_request(&endpoints, &pending, &code, &assertion);
            // The keys are most often at hand; where not, they come meanwhile.
            let (answer, _) = tokio::join!(self.ask_token(request), self.ehr_keys(connection, &endpoints));
            let answer = answer?;
            let claims = self.verified(connection, &endpoints, &pending, answer.id_token.as_deref()).await?;
            grant(connection, pending.kind, answer, claims)
        })
        .await
    }

    /// A backend-services token of this connection, fetched once for all who
    /// ask and again shortly before it ends.
    pub async fn backend_token(&self, connection: &Connection) -> Result<BackendToken, LaunchError> {
        let client = connection.clients.backend.as_ref().ok_or(LaunchError::NoBackendClient)?;
        let fetch = async {
            let token = patiently(Asked::Token, self.fetch_backend_token(connection, client)).await?;
            let lifetime = token.expires_at.duration_since(self.clock.now());
            // Half of a short one, so that each is used at all.
            let usable = (lifetime - RENEWED_BEFORE).max(lifetime / 2);
            Ok((token, usable))
        };
        self.backend_tokens.get(connection.ehr.as_str(), fetch).await
    }

    /// Forgets a backend token that the EHR refused before its end, so that
    /// the next caller gets another.
    pub async fn forget_backend_token(&self, connection: &Connection, refused: &SecretString) {
        let is_refused = |token: &BackendToken| token.access_token.expose_secret() == refused.expose_secret();
        self.backend_tokens.forget_if(connection.ehr.as_str(), is_refused).await;
    }

    /// Where the connection's authorization server is: configured, or
    /// discovered and remembered for an hour. Epic's answer depends on the
    /// client id.
    pub(crate) async fn endpoints(
        &self,
        connection: &Connection,
        client: &ClientId,
    ) -> Result<Arc<Endpoints>, LaunchError> {
        let key = format!("{} {}", connection.ehr, client.as_str());
        let fetch = async {
            let endpoints = discovery::discover(&*self.http, connection, client).await?;
            Ok((Arc::new(endpoints), DOCUMENT_LIFETIME))
        };
        self.endpoints.get(&key, fetch).await
    }

    /// The keys that sign the connection's id_tokens.
    pub(crate) async fn ehr_keys(
        &self,
        connection: &Connection,
        endpoints: &Endpoints,
    ) -> Result<VerificationKeys, LaunchError> {
        let key = ehr_keys_key(connection, endpoints);
        self.ehr_keys.get(&key, self.fetch_ehr_keys(endpoints)).await
    }

    /// The `kid` of the key that signs for this connection now.
    pub(crate) fn signing_kid(&self, connection: &Connection) -> Result<String, LaunchError> {
        let now = self.clock.now();
        let set = self.keys.key_set(&connection.ehr, now)?;
        Ok(set.signing_key(connection.signing_algorithm, now)?.kid().to_owned())
    }

    fn assertion(
        &self,
        connection: &Connection,
        client: &ClientId,
        endpoints: &Endpoints,
    ) -> Result<String, LaunchError> {
        let now = self.clock.now();
        let set = self.keys.key_set(&connection.ehr, now)?;
        let key = set.signing_key(connection.signing_algorithm, now)?;
        Ok(client_assertion(key, client, &endpoints.token_audience, &*self.random, now)?)
    }

    async fn ask_token(&self, request: Request) -> Result<TokenAnswer, LaunchError> {
        token::judge(&self.send(Asked::Token, request).await?, self.clock.now())
    }

    async fn fetch_backend_token(
        &self,
        connection: &Connection,
        client: &ClientId,
    ) -> Result<BackendToken, LaunchError> {
        let endpoints = self.endpoints(connection, client).await?;
        let assertion = self.assertion(connection, client, &endpoints)?;
        let request = token::backend_request(&endpoints, &connection.scopes.backend, &assertion);
        let answer = self.ask_token(request).await.map_err(explain_backend_refusal)?;
        Ok(BackendToken {
            expires_at: answer.expires_at.unwrap_or(self.clock.now() + ASSUMED_LIFETIME),
            access_token: answer.access_token,
            scopes: answer.scopes,
        })
    }

    /// The id_token's claims, once its checks are passed. A key that is not
    /// known may be new: the key set is then fetched anew, once.
    async fn verified(
        &self,
        connection: &Connection,
        endpoints: &Endpoints,
        pending: &PendingLaunch,
        id_token: Option<&str>,
    ) -> Result<VerifiedClaims, LaunchError> {
        let id_token = id_token.ok_or(LaunchError::IdTokenMissing)?;
        let expected = Expected {
            issuer: &endpoints.issuer,
            client: &pending.client_id,
            nonce: pending.nonce.expose(),
            now: self.clock.now(),
        };
        let keys = self.ehr_keys(connection, endpoints).await?;
        let outcome = match id_token::verify(id_token, &keys, &expected) {
            Err(IdTokenFault::UnknownKey) => {
                let key = ehr_keys_key(connection, endpoints);
                let fetch = self.fetch_ehr_keys(endpoints);
                let keys = self.ehr_keys.get_younger_than(KEYS_REST, &key, fetch).await?;
                id_token::verify(id_token, &keys, &expected)
            }
            outcome => outcome,
        };
        outcome.map_err(LaunchError::IdTokenInvalid)
    }

    async fn fetch_ehr_keys(&self, endpoints: &Endpoints) -> Fetched<VerificationKeys> {
        let request = Request::get(endpoints.jwks.clone(), Limits::OAUTH);
        let response = self.send(Asked::Keys, request).await?;
        if !response.status.is_success() {
            return Err(LaunchError::EhrFailed { asked: Asked::Keys, status: response.status.as_u16() });
        }
        let invalid = |fault: &str| LaunchError::EhrKeysInvalid(fault.to_owned());
        let document = json_object(&response).map_err(invalid)?;
        let keys = VerificationKeys::read(&document).map_err(invalid)?;
        Ok((keys, DOCUMENT_LIFETIME))
    }

    async fn send(&self, asked: Asked, request: Request) -> Result<Response, LaunchError> {
        self.http.send(request).await.map_err(|error| LaunchError::no_answer(asked, error))
    }
}

fn ehr_keys_key(connection: &Connection, endpoints: &Endpoints) -> String {
    format!("{} {}", connection.ehr, endpoints.jwks)
}

fn grant(
    connection: &Connection,
    kind: LaunchKind,
    answer: TokenAnswer,
    claims: VerifiedClaims,
) -> Result<Granted, LaunchError> {
    let patient = answer.context.patient.as_ref();
    let user = Identity::of(claims, connection.vendor, kind, patient)?;
    let role = user.role(kind, patient)?;
    Ok(Granted {
        access_token: answer.access_token,
        expires_at: answer.expires_at,
        scopes: answer.scopes,
        context: answer.context,
        user,
        role,
    })
}

fn explain_backend_refusal(error: LaunchError) -> LaunchError {
    match error {
        LaunchError::ClientRefused(refusal) if refusal.error == "unauthorized_client" => {
            LaunchError::BackendUserUnmapped(refusal)
        }
        other => other,
    }
}

async fn patiently<T>(
    asked: Asked,
    step: impl Future<Output = Result<T, LaunchError>>,
) -> Result<T, LaunchError> {
    let timed_out = |_| Err(LaunchError::EhrTimeout { asked, source: None });
    tokio::time::timeout(PATIENCE, step).await.unwrap_or_else(timed_out)
}
