use std::{error::Error, iter, sync::Arc, time::Duration};

use async_trait::async_trait;
use bytes::BytesMut;
use futures_util::StreamExt;
use http::{Method, StatusCode, header};
use url::Url;

use crate::{
    HttpClient, HttpError, Request, Response,
    address_rules::{AddressRules, Refused},
    http_client::host_of,
    resolver::{CheckedResolver, Lookup, system_lookup},
};

const MAX_REDIRECTS: usize = 3;

/// Headers of one answer. Over HTTP/1 hyper also ends a head of about 400 KiB.
const MAX_HEADERS: usize = 100;
/// Bytes of one answer's headers over HTTP/2.
const MAX_HEADER_BYTES: u32 = 32 << 10;

/// A client certificate with its key, both PEM in one text.
pub struct ClientIdentity(pub secrecy::SecretString);

/// What the real client may be told.
#[derive(Default)]
pub struct RealHttpOptions {
    /// Further roots for TLS, each one PEM certificate or a bundle.
    pub trusted_ca_pem: Vec<Vec<u8>>,
    /// The certificate that this client shows (mutual TLS).
    pub identity: Option<ClientIdentity>,
    /// What may stand in a private network: host names (`ehr.hospital.example`,
    /// exactly this one), addresses (`10.1.2.3`) and networks (`10.1.0.0/16`).
    ///
    /// Any other name that leads to a private address is refused, so that a
    /// discovery document cannot send us around the hospital's own network. EHRs
    /// often do stand there: the hosts that the operator wrote into the
    /// configuration (an EHR's FHIR base, its endpoints, its status address)
    /// belong here, those that came from discovery do not. Link-local addresses
    /// and metadata services are refused in any case, loopback addresses and
    /// `localhost` in a URL are not.
    pub private_hosts: Vec<String>,
}

/// Why the client could not be made.
#[derive(Debug, thiserror::Error)]
pub enum RealHttpError {
    /// A trusted root is broken PEM.
    #[error("a trusted CA file holds a PEM certificate that cannot be read")]
    TrustedCa(#[source] reqwest::Error),
    /// A trusted root is no PEM at all, perhaps DER or empty.
    #[error("a trusted CA file holds no PEM certificate")]
    NoTrustedCa,
    /// The client certificate cannot be used.
    #[error("the client certificate and key cannot be read")]
    Identity(#[source] reqwest::Error),
    /// An entry of `private_hosts` cannot be read.
    #[error("{0:?} is neither a host name, nor an address, nor a network like 10.1.0.0/16")]
    PrivateHost(String),
    /// TLS or the resolver could not be set up.
    #[error("the HTTP client could not be set up")]
    Build(#[source] reqwest::Error),
}

/// The client on reqwest and rustls: pooled connections over HTTP/1.1 and
/// HTTP/2, no proxy from the environment, no cookies, no `Referer`, https only
/// except to loopback, no connection into a private network that the
/// configuration does not name, redirects followed only by GET within one origin.
///
/// It keeps the limits of one request; those of all requests to a host are
/// kept by [`Guarded`](crate::Guarded).
pub struct RealHttp {
    client: reqwest::Client,
    rules: Arc<AddressRules>,
}

impl RealHttp {
    /// Makes the client; it opens no connection yet.
    pub fn new(options: RealHttpOptions) -> Result<Self, RealHttpError> {
        Self::with_lookup(options, system_lookup())
    }

    fn with_lookup(options: RealHttpOptions, lookup: Lookup) -> Result<Self, RealHttpError> {
        let rules = Arc::new(AddressRules::new(options.private_hosts).map_err(RealHttpError::PrivateHost)?);
        // Cookies and decompression are features of reqwest that are not
        // compiled in; a test holds that.
        let mut builder = reqwest::Client::builder()
            .user_agent(concat!("Anteroom/", env!("CARGO_PKG_VERSION")))
            .redirect(reqwest::redirect::Policy::none())
            .referer(false)
            .no_proxy()
            .dns_resolver(CheckedResolver { rules: Arc::clone(&rules), lookup })
            .connect_timeout(Duration::from_secs(4))
            .pool_idle_timeout(Duration::from_mins(1))
            .pool_max_idle_per_host(16)
            .tcp_nodelay(true)
            .http1_max_headers(MAX_HEADERS)
            .http2_max_header_list_size(MAX_HEADER_BYTES)
            // A firewall may forget a connection without a word. Over HTTP/2
            // all requests share it, so it must be found dead soon.
            .http2_keep_alive_interval(Duration::from_secs(5))
            .http2_keep_alive_timeout(Duration::from_secs(3));
        for pem in options.trusted_ca_pem {
            let roots = reqwest::Certificate::from_pem_bundle(&pem).map_err(RealHttpError::TrustedCa)?;
            if roots.is_empty() {
                return Err(RealHttpError::NoTrustedCa);
            }
            builder = builder.tls_certs_merge(roots);
        }
        if let Some(ClientIdentity(pem)) = options.identity {
            let pem = secrecy::ExposeSecret::expose_secret(&pem).as_bytes();
            let identity = reqwest::Identity::from_pem(pem).map_err(RealHttpError::Identity)?;
            builder = builder.identity(identity);
        }
        let client = builder.build().map_err(RealHttpError::Build)?;
        Ok(Self { client, rules })
    }

    async fn send_within_origin(&self, mut request: Request) -> Result<Response, HttpError> {
        let host = host_of(&request.url);
        for _ in 0..=MAX_REDIRECTS {
            self.rules
                .check_url(&request.url)
                .map_err(|Refused(reason)| HttpError::Forbidden { host: host_of(&request.url), reason })?;
            let response = self.send_once(&request, &host).await?;
            if !response.status.is_redirection() || response.status == StatusCode::NOT_MODIFIED {
                return Ok(response);
            }
            request.url = same_origin_target(&request, &response, &host)?;
        }
        Err(HttpError::Redirected { host: host.clone(), to: "itself, again and again".to_owned() })
    }

    async fn send_once(&self, request: &Request, host: &str) -> Result<Response, HttpError> {
        #[expect(clippy::disallowed_methods, reason = "the one place that sends")]
        let answer = self
            .client
            .request(request.method.clone(), request.url.clone())
            .headers(request.headers.clone())
            .body(request.body.clone())
            .send()
            .await
            .map_err(|error| no_answer(host, error))?;

        let too_large = || HttpError::TooLarge { host: host.to_owned(), limit: request.limits.max_body };
        let limit = request.limits.max_body;
        if answer.content_length().is_some_and(|length| length > limit as u64) {
            return Err(too_large());
        }
        let (status, headers) = (answer.status(), answer.headers().clone());
        let mut body = BytesMut::new();
        let mut chunks = answer.bytes_stream();
        while let Some(chunk) = chunks.next().await {
            let chunk = chunk.map_err(|error| no_answer(host, error))?;
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

/// Tells a refusal of our own resolver from a failure of the transport.
fn no_answer(host: &str, error: reqwest::Error) -> HttpError {
    let host = host.to_owned();
    let causes = iter::successors(Some(&error as &(dyn Error + 'static)), |&cause| cause.source());
    match causes.into_iter().find_map(|cause| cause.downcast_ref()) {
        Some(&Refused(reason)) => HttpError::Forbidden { host, reason },
        // reqwest's own text holds the whole address.
        None => HttpError::Unreachable { host, source: Box::new(error.without_url()) },
    }
}

fn same_origin_target(request: &Request, response: &Response, host: &str) -> Result<Url, HttpError> {
    let refused = |to: String| Err(HttpError::Redirected { host: host.to_owned(), to });
    let Some(target) =
        response.header(&header::LOCATION).and_then(|location| request.url.join(location).ok())
    else {
        return refused("an address that cannot be read".to_owned());
    };
    if target.origin() != request.url.origin() {
        return refused(host_of(&target));
    }
    if request.method != Method::GET {
        return refused("another address of its own for something else than GET".to_owned());
    }
    Ok(target)
}

#[cfg(test)]
mod tests;
