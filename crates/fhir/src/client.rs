use std::{fmt, sync::Arc, time::Duration};

use http::{StatusCode, header};
use outside::{HttpClient, Limits, Request, Response};
use secrecy::{ExposeSecret, SecretString};
use serde_json::Value;
use url::Url;
use visit::{FhirId, Person};

use crate::{
    Appointment, Encounter, FhirError, FhirServer, Kind, Reference, bundle::Page, oddity::Read, outcome,
    people::PersonRecord,
};

/// Pages of one search that are read, and matches that are kept.
const MOST_PAGES: usize = 5;
const MOST_MATCHES: usize = 200;

/// Reads one FHIR server with one person's access token.
#[derive(Clone)]
pub struct FhirClient {
    http: Arc<dyn HttpClient>,
    server: Arc<FhirServer>,
    token: SecretString,
}

impl FhirClient {
    /// A client for this server and token.
    pub fn new(http: Arc<dyn HttpClient>, server: Arc<FhirServer>, token: SecretString) -> Self {
        Self { http, server, token }
    }

    /// The server that is asked.
    pub fn server(&self) -> &FhirServer {
        &self.server
    }

    /// Reads one appointment.
    pub(crate) async fn appointment(&self, id: &FhirId) -> Result<Read<Appointment>, FhirError> {
        let json = self.read(&Reference::new(Kind::Appointment, id.clone())).await?;
        Read::collecting(|oddities| Appointment::read(&json, &self.server, oddities))
            .filter(|read| read.value.id == *id)
            .ok_or(FhirError::WrongResource(Kind::Appointment))
    }

    /// Reads one encounter.
    pub(crate) async fn encounter(&self, id: &FhirId) -> Result<Read<Encounter>, FhirError> {
        let json = self.read(&Reference::new(Kind::Encounter, id.clone())).await?;
        Read::collecting(|oddities| Encounter::read(&json, &self.server, oddities))
            .filter(|read| read.value.id == *id)
            .ok_or(FhirError::WrongResource(Kind::Encounter))
    }

    /// Reads one person.
    pub(crate) async fn person(&self, person: &Person) -> Result<Read<PersonRecord>, FhirError> {
        let json = self.read(&person.clone().into()).await?;
        Read::collecting(|oddities| PersonRecord::read(&json, &self.server, person.kind, oddities))
            .filter(|read| read.value.id == person.id)
            .ok_or(FhirError::WrongResource(Kind::Person(person.kind)))
    }

    /// Searches appointments. One without an id that can be read is left out.
    pub(crate) async fn appointments(
        &self,
        parameters: &[(&str, &str)],
    ) -> Result<Read<Vec<Appointment>>, FhirError> {
        let matches = self.search(Kind::Appointment, parameters).await?;
        Ok(Read::each(&matches, |json, oddities| Appointment::read(json, &self.server, oddities)))
    }

    /// Searches encounters. One without an id that can be read is left out.
    pub(crate) async fn encounters(
        &self,
        parameters: &[(&str, &str)],
    ) -> Result<Read<Vec<Encounter>>, FhirError> {
        let matches = self.search(Kind::Encounter, parameters).await?;
        Ok(Read::each(&matches, |json, oddities| Encounter::read(json, &self.server, oddities)))
    }

    async fn read(&self, reference: &Reference) -> Result<Value, FhirError> {
        match self.get(self.server.base.read_url(reference), reference.kind).await? {
            Answer::Json(json) => Ok(json),
            Answer::NoResults => Err(FhirError::NotFound(reference.kind)),
        }
    }

    /// All matches of a search over its pages, as far as they lie on this
    /// server and within bounds.
    async fn search(&self, kind: Kind, parameters: &[(&str, &str)]) -> Result<Vec<Value>, FhirError> {
        let mut matches = Vec::new();
        let mut next = Some(self.server.base.search_url(kind, parameters));
        for _ in 0..MOST_PAGES {
            let Some(url) = next else { break };
            let Answer::Json(json) = self.get(url, kind).await? else { break };
            let Some(page) = Page::read(json, kind.as_str()) else {
                return Err(FhirError::WrongResource(kind));
            };
            matches.extend(page.resources);
            next = page.next.and_then(|link| self.server.base.next_page(&link));
            if matches.len() >= MOST_MATCHES {
                matches.truncate(MOST_MATCHES);
                break;
            }
        }
        Ok(matches)
    }

    async fn get(&self, url: Url, kind: Kind) -> Result<Answer, FhirError> {
        let request = Request::get(url, Limits::FHIR)
            .with_header(header::ACCEPT, "application/fhir+json")
            .with_authorization("Bearer", self.token.expose_secret());
        let response = self.http.send(request).await.map_err(FhirError::NoAnswer)?;
        judge(&response, kind)
    }
}

impl fmt::Debug for FhirClient {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.debug_struct("FhirClient").field("server", &self.server).finish_non_exhaustive()
    }
}

/// What the server has to say.
enum Answer {
    Json(Value),
    NoResults,
}

/// The JSON of a success, or what the status means.
fn judge(response: &Response, kind: Kind) -> Result<Answer, FhirError> {
    let status = response.status;
    if status.is_success() {
        if !response.is_json() {
            return Err(FhirError::NotJson(kind));
        }
        return response.json().map(Answer::Json).map_err(|_| FhirError::NotJson(kind));
    }
    let codes = response.json().map(|json| outcome::issue_codes(&json)).unwrap_or_default();
    if codes.iter().any(|code| code.as_str() == outcome::NO_RESULTS) {
        return Ok(Answer::NoResults);
    }
    let issue = codes.into_iter().next();
    Err(match status {
        StatusCode::UNAUTHORIZED => FhirError::Unauthorized,
        StatusCode::FORBIDDEN if names_scope(response) => FhirError::InsufficientScope(kind),
        StatusCode::FORBIDDEN => FhirError::Forbidden { kind, issue },
        StatusCode::NOT_FOUND => FhirError::NotFound(kind),
        StatusCode::GONE => FhirError::Gone(kind),
        StatusCode::TOO_MANY_REQUESTS => FhirError::Busy { retry_after: retry_after(response) },
        status if status.is_server_error() => FhirError::Failed(status),
        status => FhirError::Refused { kind, status, issue },
    })
}

/// `WWW-Authenticate: Bearer error="insufficient_scope"` (RFC 6750, 3.1).
fn names_scope(response: &Response) -> bool {
    response.header(&header::WWW_AUTHENTICATE).is_some_and(|reason| reason.contains("insufficient_scope"))
}

fn retry_after(response: &Response) -> Option<Duration> {
    response.header(&header::RETRY_AFTER)?.trim().parse().ok().map(Duration::from_secs)
}
