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

#[cfg(test)]
mod tests {
    use http::{HeaderName, HeaderValue};
    use outside::{
        HttpError,
        testing::{FakeHttp, json_response},
    };
    use serde_json::json;

    use super::*;
    use crate::fixtures::{fixture, server};

    fn client(
        answer: impl Fn(&Request) -> Result<Response, HttpError> + Send + Sync + 'static,
    ) -> (FhirClient, FakeHttp) {
        let http = FakeHttp::answering(answer);
        (FhirClient::new(Arc::new(http.clone()), Arc::new(server()), "the-token".into()), http)
    }

    async fn read(answer: Response) -> Result<Appointment, FhirError> {
        let (client, _) = client(move |_| Ok(answer.clone()));
        client.appointment(&"elmP-appointment".parse().unwrap()).await.map(|read| read.value)
    }

    async fn search(client: &FhirClient) -> Result<usize, FhirError> {
        client.appointments(&[("patient", "eNO3-patient")]).await.map(|read| read.value.len())
    }

    fn with(mut response: Response, name: HeaderName, value: &'static str) -> Response {
        response.headers.insert(name, HeaderValue::from_static(value));
        response
    }

    #[tokio::test]
    async fn a_read_asks_for_fhir_json_with_the_token() {
        let (client, http) = client(|_| Ok(json_response(200, &fixture("appointment.json"))));
        client.appointment(&"elmP-appointment".parse().unwrap()).await.unwrap();
        let [request] = &http.requests()[..] else { panic!("one request") };
        assert_eq!(request.url.as_str(), "https://ehr.example.org/api/FHIR/R4/Appointment/elmP-appointment");
        assert_eq!(request.headers[header::ACCEPT], "application/fhir+json");
        assert_eq!(request.headers[header::AUTHORIZATION], "Bearer the-token");
        assert!(request.headers[header::AUTHORIZATION].is_sensitive());
        assert_eq!(request.limits, Limits::FHIR);
        assert!(!format!("{client:?}").contains("the-token"));
    }

    #[tokio::test]
    async fn each_status_has_its_own_meaning() {
        let status = |status: u16| json_response(status, &json!({}));
        let scope = r#"Bearer error="insufficient_scope", error_description="not for this service""#;
        for (answer, code, text) in [
            (status(401), "fhir-token-refused", "the FHIR server does not accept the access token"),
            (status(403), "fhir-forbidden", "the FHIR server forbids reading Appointment"),
            (
                with(status(403), header::WWW_AUTHENTICATE, scope),
                "fhir-scope-missing",
                "the access token has no scope for Appointment",
            ),
            (
                json_response(403, &fixture("operation-outcome-break-the-glass.json")),
                "fhir-forbidden",
                "the FHIR server forbids reading Appointment (code 4130)",
            ),
            (status(404), "fhir-not-found", "the FHIR server has no such Appointment"),
            (status(410), "fhir-deleted", "the FHIR server has deleted this Appointment"),
            (status(429), "fhir-busy", "the FHIR server asks to wait"),
            (with(status(429), header::RETRY_AFTER, "7"), "fhir-busy", "the FHIR server asks to wait 7 s"),
            (status(503), "fhir-failed", "the FHIR server failed with 503 Service Unavailable"),
            (status(400), "fhir-refused", "the FHIR server refused Appointment with 400 Bad Request"),
            (status(302), "fhir-refused", "the FHIR server refused Appointment with 302 Found"),
        ] {
            let error = read(answer).await.unwrap_err();
            assert_eq!((error.code(), error.to_string().as_str()), (code, text));
        }
    }

    #[tokio::test]
    async fn what_is_no_json_is_refused() {
        let html = with(json_response(200, &fixture("appointment.json")), header::CONTENT_TYPE, "text/html");
        let mut cut = json_response(200, &json!({}));
        cut.body = "{\"resourceType\":".into();
        for answer in [html, cut] {
            assert!(matches!(read(answer).await, Err(FhirError::NotJson(_))));
        }
    }

    #[tokio::test]
    async fn another_resource_than_the_one_asked_for_is_refused() {
        let mut other = fixture("appointment.json");
        other["id"] = "another".into();
        for answer in [other, fixture("encounter.json"), json!(null), json!([])] {
            let outcome = read(json_response(200, &answer)).await;
            assert!(matches!(outcome, Err(FhirError::WrongResource(Kind::Appointment))));
        }
    }

    #[tokio::test]
    async fn no_results_are_no_error_of_a_search() {
        for status in [400, 404] {
            let (client, _) =
                client(move |_| Ok(json_response(status, &fixture("operation-outcome-no-results.json"))));
            assert_eq!(search(&client).await.unwrap(), 0);
        }
        let none = read(json_response(404, &fixture("operation-outcome-no-results.json"))).await;
        assert!(matches!(none, Err(FhirError::NotFound(_))));
    }

    #[tokio::test]
    async fn pages_are_followed_on_the_own_server_and_within_bounds() {
        let (client, http) = client(|_| Ok(json_response(200, &fixture("appointments-search.json"))));
        assert_eq!(search(&client).await.unwrap(), MOST_PAGES);
        let requests = http.requests();
        assert_eq!(requests[0].url.query(), Some("patient=eNO3-patient"));
        assert_eq!(requests[1].url.query(), Some("sessionID=17&page=2"));
    }

    #[tokio::test]
    async fn a_next_page_on_another_server_is_not_asked() {
        let (client, http) = client(|_| {
            let mut page = fixture("appointments-search.json");
            page["link"][1]["url"] = "https://evil.example/Appointment?page=2".into();
            Ok(json_response(200, &page))
        });
        assert_eq!(search(&client).await.unwrap(), 1);
        assert_eq!(http.requests().len(), 1);
    }

    #[tokio::test]
    async fn what_is_searched_is_escaped() {
        let (client, http) = client(|_| Ok(json_response(200, &json!({"resourceType": "Bundle"}))));
        client.appointments(&[("patient", "a&b=c#d")]).await.ok().unwrap();
        assert_eq!(http.requests()[0].url.query(), Some("patient=a%26b%3Dc%23d"));
    }
}
