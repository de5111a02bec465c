use std::time::Duration;

use async_trait::async_trait;
use bytes::BytesMut;
use futures_util::StreamExt;
use http::{Method, StatusCode, header};
use url::{Host, Url};

use crate::{HttpClient, HttpError, Request, Response};

const MAX_REDIRECTS: usize = 3;

/// A client certificate with its key, both PEM in one text.
pub struct ClientIdentity(pub secrecy::SecretString);

/// What the real client may be told.
#[derive(Default)]
pub struct RealHttpOptions {
    /// Further roots for TLS, each one PEM certificate or a bundle.
    pub trusted_ca_pem: Vec<Vec<u8>>,
    /// The certificate that this client shows (mutual TLS).
    pub identity: Option<ClientIdentity>,
}

/// Why the client could not be made.
#[derive(Debug, thiserror::Error)]
pub enum RealHttpError {
    /// A trusted root is no PEM certificate.
    #[error("a trusted CA file holds no PEM certificate that can be read")]
    TrustedCa(#[source] reqwest::Error),
    /// The client certificate cannot be used.
    #[error("the client certificate and key cannot be read")]
    Identity(#[source] reqwest::Error),
    /// TLS or the resolver could not be set up.
    #[error("the HTTP client could not be set up")]
    Build(#[source] reqwest::Error),
}

/// The client on reqwest and rustls: pooled connections, no proxy from the
/// environment, https only except to loopback, redirects followed only by GET
/// within one origin.
pub struct RealHttp(reqwest::Client);

impl RealHttp {
    /// Makes the client; it opens no connection yet.
    pub fn new(options: RealHttpOptions) -> Result<Self, RealHttpError> {
        let mut builder = reqwest::Client::builder()
            .user_agent(concat!("Anteroom/", env!("CARGO_PKG_VERSION")))
            .redirect(reqwest::redirect::Policy::none())
            .no_proxy()
            .connect_timeout(Duration::from_secs(4))
            .pool_idle_timeout(Duration::from_secs(60))
            .pool_max_idle_per_host(16)
            .tcp_nodelay(true);
        for pem in options.trusted_ca_pem {
            let roots = reqwest::Certificate::from_pem_bundle(&pem).map_err(RealHttpError::TrustedCa)?;
            builder = builder.tls_certs_merge(roots);
        }
        if let Some(ClientIdentity(pem)) = options.identity {
            let pem = secrecy::ExposeSecret::expose_secret(&pem).as_bytes();
            let identity = reqwest::Identity::from_pem(pem).map_err(RealHttpError::Identity)?;
            builder = builder.identity(identity);
        }
        builder.build().map(Self).map_err(RealHttpError::Build)
    }

    async fn send_within_origin(&self, mut request: Request) -> Result<Response, HttpError> {
        let host = host_of(&request.url);
        for _ in 0..=MAX_REDIRECTS {
            refuse_cleartext(&request.url)?;
            let response = self.send_once(&request, &host).await?;
            if !response.status.is_redirection() || response.status == StatusCode::NOT_MODIFIED {
                return Ok(response);
            }
            request.url = same_origin_target(&request, &response, &host)?;
        }
        Err(HttpError::Redirected { host: host.clone(), to: format!("{host}, again and again") })
    }

    async fn send_once(&self, request: &Request, host: &str) -> Result<Response, HttpError> {
        let unreachable = |error: reqwest::Error| HttpError::Unreachable {
            host: host.to_owned(),
            // reqwest's own text holds the whole address.
            source: Box::new(error.without_url()),
        };
        #[expect(clippy::disallowed_methods, reason = "the one place that sends")]
        let answer = self
            .0
            .request(request.method.clone(), request.url.clone())
            .headers(request.headers.clone())
            .body(request.body.clone())
            .send()
            .await
            .map_err(unreachable)?;

        let too_large = || HttpError::TooLarge { host: host.to_owned(), limit: request.limits.max_body };
        let limit = request.limits.max_body;
        if answer.content_length().is_some_and(|length| length > limit as u64) {
            return Err(too_large());
        }
        let (status, headers) = (answer.status(), answer.headers().clone());
        let mut body = BytesMut::new();
        let mut chunks = answer.bytes_stream();
        while let Some(chunk) = chunks.next().await {
            let chunk = chunk.map_err(unreachable)?;
            if body.len() + chunk.len() > limit {
                return Err(too_large());
            }
            body.extend_from_slice(&chunk);
        }
        Ok(Response { status, headers, body: body.freeze() })
    }
}

#[async_trait]
impl HttpClient for RealHttp {
    async fn send(&self, request: Request) -> Result<Response, HttpError> {
        let deadline = request.limits.deadline;
        let host = host_of(&request.url);
        tokio::time::timeout(deadline, self.send_within_origin(request))
            .await
            .unwrap_or(Err(HttpError::TimedOut { host, deadline }))
    }
}

fn host_of(url: &Url) -> String {
    url.host_str().unwrap_or("a nameless host").to_owned()
}

fn refuse_cleartext(url: &Url) -> Result<(), HttpError> {
    let forbidden = |reason| Err(HttpError::Forbidden { host: host_of(url), reason });
    if !url.username().is_empty() || url.password().is_some() {
        return forbidden("the address holds a user name or password");
    }
    match url.scheme() {
        "https" => Ok(()),
        "http" if is_loopback(url) => Ok(()),
        "http" => forbidden("plain http is for loopback only"),
        _ => forbidden("only https is asked"),
    }
}

fn is_loopback(url: &Url) -> bool {
    match url.host() {
        Some(Host::Ipv4(address)) => address.is_loopback(),
        Some(Host::Ipv6(address)) => address.is_loopback(),
        Some(Host::Domain(name)) => name == "localhost" || name.ends_with(".localhost"),
        None => false,
    }
}

fn same_origin_target(request: &Request, response: &Response, host: &str) -> Result<Url, HttpError> {
    let refused = |to: String| HttpError::Redirected { host: host.to_owned(), to };
    let target = response
        .header(&header::LOCATION)
        .and_then(|location| request.url.join(location).ok())
        .ok_or_else(|| refused("an address that cannot be read".to_owned()))?;
    if request.method == Method::GET && target.origin() == request.url.origin() {
        Ok(target)
    } else {
        Err(refused(host_of(&target)))
    }
}

#[cfg(test)]
mod tests {
    use wiremock::{Mock, MockServer, ResponseTemplate, matchers::path};

    use super::*;
    use crate::Limits;

    const QUICK: Limits = Limits { deadline: Duration::from_millis(300), max_body: 1000 };

    async fn ask(server: &MockServer, at: &str) -> Result<Response, HttpError> {
        let url = Url::parse(&server.uri()).unwrap().join(at).unwrap();
        RealHttp::new(RealHttpOptions::default()).unwrap().send(Request::get(url, QUICK)).await
    }

    async fn server_with(at: &str, answer: ResponseTemplate) -> MockServer {
        let server = MockServer::start().await;
        Mock::given(path(at)).respond_with(answer).mount(&server).await;
        server
    }

    #[tokio::test]
    async fn a_silent_server_is_left_at_the_deadline() {
        let answer = ResponseTemplate::new(200).set_delay(Duration::from_secs(30));
        let server = server_with("/slow", answer).await;
        assert!(matches!(ask(&server, "/slow").await, Err(HttpError::TimedOut { .. })));
    }

    #[tokio::test]
    async fn a_flood_is_cut_off() {
        let server = server_with("/flood", ResponseTemplate::new(200).set_body_bytes(vec![0; 1001])).await;
        assert!(matches!(ask(&server, "/flood").await, Err(HttpError::TooLarge { limit: 1000, .. })));
    }

    #[tokio::test]
    async fn a_redirect_within_the_origin_is_followed_and_elsewhere_not() {
        let elsewhere = server_with("/secret", ResponseTemplate::new(200)).await;
        let server = server_with("/new", ResponseTemplate::new(200).set_body_string("here")).await;
        for (from, to) in [("/old", "/new".to_owned()), ("/away", format!("{}/secret", elsewhere.uri()))] {
            Mock::given(path(from))
                .respond_with(ResponseTemplate::new(302).insert_header("location", to.as_str()))
                .mount(&server)
                .await;
        }
        assert_eq!(ask(&server, "/old").await.unwrap().body, "here");
        assert!(matches!(ask(&server, "/away").await, Err(HttpError::Redirected { .. })));
        assert_eq!(elsewhere.received_requests().await.unwrap().len(), 0);
    }

    #[tokio::test]
    async fn cleartext_beyond_loopback_is_never_asked() {
        for forbidden in ["http://ehr.example.org/", "ftp://ehr.example.org/", "https://a:b@ehr.example.org/"]
        {
            let request = Request::get(Url::parse(forbidden).unwrap(), QUICK);
            let outcome = RealHttp::new(RealHttpOptions::default()).unwrap().send(request).await;
            assert!(matches!(outcome, Err(HttpError::Forbidden { .. })), "{forbidden}");
        }
    }
}
