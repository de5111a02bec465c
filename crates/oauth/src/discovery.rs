use http::HeaderName;
use outside::{HttpClient, Limits, Request};
use serde_json::{Map, Value};
use url::Url;

use crate::{Asked, ClientId, Connection, LaunchError, answer::json_object, fhir_base::check_secure};

/// Epic overrides its endpoints by client id; without this header the wrong
/// ones may come.
const EPIC_CLIENT_ID: HeaderName = HeaderName::from_static("epic-client-id");

/// Where a connection's authorization server is.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Endpoints {
    /// Where the browser goes.
    pub authorization: Url,
    /// Where codes are redeemed.
    pub token: Url,
    /// The token endpoint as the EHR writes it: the `aud` of our assertions,
    /// which servers compare as text.
    pub token_audience: String,
    /// What the id_token's `iss` must be.
    pub issuer: String,
    /// Where the keys are that sign id_tokens.
    pub jwks: Url,
}

/// What is known so far. Every field may be missing in every document: Epic
/// 2022 names neither issuer nor keys in its SMART configuration.
#[derive(Debug, Default)]
struct Known {
    authorization: Option<Url>,
    token: Option<(Url, String)>,
    issuer: Option<String>,
    jwks: Option<Url>,
}

/// Finds the endpoints: what is configured first, then
/// `{base}/.well-known/smart-configuration`, and for what is still missing
/// the OpenID configuration at the base, at Epic's `…/oauth2`, and at the
/// issuer. Stops as soon as all is known.
pub(crate) async fn discover(
    http: &dyn HttpClient,
    connection: &Connection,
    client: &ClientId,
) -> Result<Endpoints, LaunchError> {
    let mut known = Known::configured(connection)?;
    let mut first_failure = None;
    for place in [smart_configuration, openid_at_base, openid_at_interconnect, openid_at_issuer] {
        if known.is_complete() {
            break;
        }
        let Some(address) = place(connection, &known) else { continue };
        match read(http, address, client).await {
            Ok(document) => known.learn(connection, &document)?,
            // A document that is not there leaves the next; a server that is
            // not there leaves nothing to ask.
            Err(error @ (LaunchError::EhrTimeout { .. } | LaunchError::EhrUnreachable { .. })) => {
                return Err(error);
            }
            Err(error) => {
                tracing::debug!(ehr = %connection.ehr, error = %error, "a discovery document is passed over");
                first_failure.get_or_insert(error);
            }
        }
    }
    known.finish(first_failure)
}

fn smart_configuration(connection: &Connection, _: &Known) -> Option<Url> {
    connection.fhir_base.join(".well-known/smart-configuration")
}

fn openid_at_base(connection: &Connection, _: &Known) -> Option<Url> {
    connection.fhir_base.join(".well-known/openid-configuration")
}

/// Epic: `{interconnect}/api/FHIR/R4` has its authorization server at
/// `{interconnect}/oauth2`.
fn openid_at_interconnect(connection: &Connection, _: &Known) -> Option<Url> {
    let base = connection.fhir_base.as_str();
    let api = base.to_ascii_lowercase().rfind("/api/fhir/")?;
    Url::parse(&format!("{}/oauth2/.well-known/openid-configuration", &base[..api])).ok()
}

/// OpenID Connect Discovery 1.0, 4.1.
fn openid_at_issuer(connection: &Connection, known: &Known) -> Option<Url> {
    let issuer = known.issuer.as_deref()?.trim_end_matches('/');
    let url = Url::parse(&format!("{issuer}/.well-known/openid-configuration")).ok()?;
    connection.check_endpoint("issuer", &url).is_ok().then_some(url)
}

async fn read(
    http: &dyn HttpClient,
    address: Url,
    client: &ClientId,
) -> Result<Map<String, Value>, LaunchError> {
    let request = Request::get(address, Limits::OAUTH).with_header(EPIC_CLIENT_ID, client.as_str());
    let response =
        http.send(request).await.map_err(|error| LaunchError::no_answer(Asked::Discovery, error))?;
    if !response.status.is_success() {
        return Err(LaunchError::EhrFailed { asked: Asked::Discovery, status: response.status.as_u16() });
    }
    json_object(&response).map_err(|fault| LaunchError::DiscoveryInvalid(fault.to_owned()))
}

impl Known {
    fn configured(connection: &Connection) -> Result<Self, LaunchError> {
        let fixed = &connection.fixed;
        for (name, url) in [
            ("authorization_endpoint", &fixed.authorization),
            ("token_endpoint", &fixed.token),
            ("jwks_uri", &fixed.jwks),
        ] {
            let Some(url) = url else { continue };
            let host = || url.host_str().unwrap_or("none").to_owned();
            check_secure(url).map_err(|rule| LaunchError::EndpointRefused { name, host: host(), rule })?;
        }
        Ok(Self {
            authorization: fixed.authorization.clone(),
            token: fixed.token.clone().map(|url| (url.clone(), url.into())),
            issuer: fixed.issuer.clone(),
            jwks: fixed.jwks.clone(),
        })
    }

    fn is_complete(&self) -> bool {
        self.authorization.is_some() && self.token.is_some() && self.issuer.is_some() && self.jwks.is_some()
    }

    /// Takes what was missing. Addresses that may not be used are an error,
    /// not a gap: a document that sends us elsewhere is not trusted further.
    fn learn(&mut self, connection: &Connection, document: &Map<String, Value>) -> Result<(), LaunchError> {
        let text = |name: &str| document.get(name).and_then(Value::as_str).filter(|text| !text.is_empty());
        let endpoint = |name: &'static str| -> Result<Option<(Url, String)>, LaunchError> {
            let Some(written) = text(name) else { return Ok(None) };
            let found = resolve(connection, written)
                .ok_or_else(|| LaunchError::DiscoveryInvalid(format!("{name} is no address")))?;
            connection.check_endpoint(name, &found.0)?;
            Ok(Some(found))
        };
        if self.authorization.is_none() {
            self.authorization = endpoint("authorization_endpoint")?.map(|(url, _)| url);
        }
        if self.token.is_none() {
            self.token = endpoint("token_endpoint")?;
        }
        let issuer = text("issuer");
        // Keys belong to the issuer of the same document.
        let same_issuer = self.issuer.is_none() || issuer.is_none() || self.issuer.as_deref() == issuer;
        if same_issuer && self.jwks.is_none() {
            self.jwks = endpoint("jwks_uri")?.map(|(url, _)| url);
        }
        if self.issuer.is_none() {
            self.issuer = issuer.map(str::to_owned);
        }
        Ok(())
    }

    fn finish(self, failure: Option<LaunchError>) -> Result<Endpoints, LaunchError> {
        let missing = self.missing().join(", ");
        match (self, failure) {
            (
                Self {
                    authorization: Some(authorization),
                    token: Some((token, token_audience)),
                    issuer: Some(issuer),
                    jwks: Some(jwks),
                },
                _,
            ) => Ok(Endpoints { authorization, token, token_audience, issuer, jwks }),
            // Where nothing at all was read, the reason says more.
            (Self { authorization: None, token: None, issuer: None, jwks: None }, Some(failure)) => {
                Err(failure)
            }
            _ => Err(LaunchError::DiscoveryInvalid(format!(
                "no document names {missing}; set what is missing in the configuration"
            ))),
        }
    }

    fn missing(&self) -> Vec<&'static str> {
        [
            ("authorization_endpoint", self.authorization.is_none()),
            ("token_endpoint", self.token.is_none()),
            ("issuer", self.issuer.is_none()),
            ("jwks_uri", self.jwks.is_none()),
        ]
        .into_iter()
        .filter_map(|(name, missing)| missing.then_some(name))
        .collect()
    }
}

/// An address as written, absolute or relative to the FHIR base (SMART App
/// Launch 2.2), with its text.
fn resolve(connection: &Connection, written: &str) -> Option<(Url, String)> {
    match Url::parse(written) {
        Ok(url) => Some((url, written.to_owned())),
        Err(url::ParseError::RelativeUrlWithoutBase) => {
            let url = connection.fhir_base.join("")?.join(written).ok()?;
            Some((url.clone(), url.into()))
        }
        Err(_) => None,
    }
}

#[cfg(test)]
mod tests {
    use serde_json::json;

    use super::*;
    use crate::{
        FixedEndpoints,
        testing::{FakeEhr, ISSUER, TOKEN_ENDPOINT, asked, connection, endpoints, url},
    };

    const SMART: &str = "/api/FHIR/R4/.well-known/smart-configuration";
    const OPENID: &str = "/api/FHIR/R4/.well-known/openid-configuration";
    const INTERCONNECT: &str = "/oauth2/.well-known/openid-configuration";

    async fn discovered(ehr: &FakeEhr, connection: &Connection) -> (Result<Endpoints, LaunchError>, String) {
        let http = ehr.http();
        let outcome = discover(&http, connection, &connection.clients.provider).await;
        (outcome, asked(&http).join(" "))
    }

    #[tokio::test]
    async fn one_complete_document_is_enough() {
        let http = FakeEhr::complete().http();
        let found = discover(&http, &connection(), &"a-client".parse().unwrap()).await.unwrap();
        assert_eq!(found, endpoints());
        let request = &http.requests()[0];
        assert_eq!(request.url.path(), SMART);
        assert_eq!(request.headers["accept"], "application/json");
        assert_eq!(request.headers["epic-client-id"], "a-client");
        assert_eq!(http.requests().len(), 1);
    }

    /// Epic 2022 names neither issuer nor keys there.
    #[tokio::test]
    async fn what_is_missing_is_looked_for_elsewhere() {
        let ehr = FakeEhr::default();
        ehr.answers(
            SMART,
            200,
            &json!({
                "authorization_endpoint": "https://fhir.example.org/oauth2/authorize",
                "token_endpoint": TOKEN_ENDPOINT,
                "capabilities": ["launch-ehr"],
            }),
        );
        ehr.answers(
            INTERCONNECT,
            200,
            &json!({ "issuer": ISSUER, "jwks_uri": "https://fhir.example.org/oauth2/keys" }),
        );
        let (found, asked) = discovered(&ehr, &connection()).await;
        assert_eq!(found.unwrap(), endpoints());
        assert_eq!(asked, format!("{SMART} {OPENID} {INTERCONNECT}"));
    }

    #[tokio::test]
    async fn the_issuer_tells_its_keys_itself() {
        let ehr = FakeEhr::default();
        let issuer = "https://login.example.org/realm";
        ehr.answers(
            SMART,
            200,
            &json!({ "authorization_endpoint": "authorize", "token_endpoint": "/t", "issuer": issuer }),
        );
        // Keys of another issuer are not taken.
        ehr.answers(OPENID, 200, &json!({ "issuer": ISSUER, "jwks_uri": "https://fhir.example.org/wrong" }));
        ehr.answers(
            "/realm/.well-known/openid-configuration",
            200,
            &json!({ "issuer": issuer, "jwks_uri": "https://login.example.org/keys" }),
        );
        let found = discovered(&ehr, &connection()).await.0.unwrap();
        assert_eq!(found.jwks, url("https://login.example.org/keys"));
        assert_eq!(found.authorization, url("https://fhir.example.org/api/FHIR/R4/authorize"));
        assert_eq!(found.token_audience, "https://fhir.example.org/t");
    }

    #[tokio::test]
    async fn the_token_endpoint_is_repeated_as_it_was_written() {
        let ehr = FakeEhr::complete();
        ehr.answers(
            SMART,
            200,
            &json!({
                "authorization_endpoint": "https://fhir.example.org/a", "issuer": ISSUER,
                "token_endpoint": "https://FHIR.example.org:443/token",
                "jwks_uri": "https://fhir.example.org/k",
            }),
        );
        let found = discovered(&ehr, &connection()).await.0.unwrap();
        assert_eq!(found.token_audience, "https://FHIR.example.org:443/token");
    }

    #[tokio::test]
    async fn what_is_configured_is_not_asked() {
        let expected = endpoints();
        let fixed = FixedEndpoints {
            authorization: Some(expected.authorization.clone()),
            token: Some(expected.token.clone()),
            issuer: Some(expected.issuer.clone()),
            jwks: Some(expected.jwks.clone()),
        };
        let connection = Connection { fixed, ..connection() };
        let (found, asked) = discovered(&FakeEhr::default(), &connection).await;
        assert_eq!((found.unwrap(), asked.as_str()), (expected, ""));
    }

    #[tokio::test]
    async fn documents_that_send_us_elsewhere_are_refused() {
        for (name, elsewhere) in [
            ("token_endpoint", "https://evil.example/token"),
            ("token_endpoint", "//evil.example/token"),
            ("token_endpoint", "http://fhir.example.org/token"),
            ("authorization_endpoint", "javascript:alert(1)"),
            ("authorization_endpoint", "https://fhir.example.org@evil.example/"),
            ("jwks_uri", "file:///etc/passwd"),
        ] {
            let ehr = FakeEhr::complete();
            let mut document = json!({
                "authorization_endpoint": "https://fhir.example.org/a", "issuer": ISSUER,
                "token_endpoint": TOKEN_ENDPOINT, "jwks_uri": "https://fhir.example.org/k",
            });
            document[name] = elsewhere.into();
            ehr.answers(SMART, 200, &document);
            let (found, asked) = discovered(&ehr, &connection()).await;
            assert_eq!(found.unwrap_err().code(), "endpoint-refused", "{elsewhere}");
            assert_eq!(asked, SMART, "nothing else is asked");
        }
    }

    #[tokio::test]
    async fn failures_are_told_apart() {
        let ehr = FakeEhr::default();
        assert_eq!(discovered(&ehr, &connection()).await.0.unwrap_err().code(), "ehr-failed");
        ehr.answers(SMART, 200, &json!(["no object"]));
        assert_eq!(discovered(&ehr, &connection()).await.0.unwrap_err().code(), "discovery-invalid");
        ehr.answers(SMART, 200, &json!({ "token_endpoint": TOKEN_ENDPOINT, "issuer": 7 }));
        let incomplete = discovered(&ehr, &connection()).await.0.unwrap_err();
        insta::assert_snapshot!(
            incomplete,
            @"discovery: no document names authorization_endpoint, issuer, jwks_uri; set what is missing in the configuration"
        );
        ehr.is_silent_at(SMART);
        let (found, asked) = discovered(&ehr, &connection()).await;
        assert_eq!((found.unwrap_err().code(), asked.as_str()), ("ehr-timeout", SMART));
    }
}
