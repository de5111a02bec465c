use std::{fmt, time::Duration};

use async_trait::async_trait;
use bytes::Bytes;
use http::{HeaderMap, HeaderName, HeaderValue, Method, StatusCode, header};
use serde::de::DeserializeOwned;
use url::Url;

use crate::CircuitOpen;

/// How long an answer may take and how large it may be.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub struct Limits {
    /// From the start of the request to the last byte of the answer.
    pub deadline: Duration,
    /// Bytes of the answer's body as they are sent; nothing is decompressed.
    pub max_body: usize,
}

impl Limits {
    /// Discovery documents, key sets and token answers: 8 s, 1 MiB.
    pub const OAUTH: Self = Self { deadline: Duration::from_secs(8), max_body: 1 << 20 };
    /// FHIR resources and bundles: 8 s, 5 MiB.
    pub const FHIR: Self = Self { deadline: Duration::from_secs(8), max_body: 5 << 20 };
    /// A status report that nobody is waiting for: 20 s, 64 KiB.
    pub const NOTIFICATION: Self = Self { deadline: Duration::from_secs(20), max_body: 64 << 10 };
}

/// One outgoing request. Its `Debug` form tells method and host only: paths
/// and queries may hold patient ids.
#[derive(Clone)]
pub struct Request {
    /// The method.
    pub method: Method,
    /// The absolute address, http or https.
    pub url: Url,
    /// Headers; what is secret is marked sensitive.
    pub headers: HeaderMap,
    /// The body, empty for none.
    pub body: Bytes,
    /// Deadline and size limit of the answer.
    pub limits: Limits,
}

impl Request {
    /// A GET that asks for JSON.
    pub fn get(url: Url, limits: Limits) -> Self {
        let mut headers = HeaderMap::new();
        headers.insert(header::ACCEPT, HeaderValue::from_static("application/json"));
        Self { method: Method::GET, url, headers, body: Bytes::new(), limits }
    }

    /// A POST of form fields that asks for JSON.
    pub fn post_form(url: Url, fields: &[(&str, &str)], limits: Limits) -> Self {
        let body = url::form_urlencoded::Serializer::new(String::new()).extend_pairs(fields).finish();
        let mut request = Self::get(url, limits);
        request.method = Method::POST;
        request
            .headers
            .insert(header::CONTENT_TYPE, HeaderValue::from_static("application/x-www-form-urlencoded"));
        request.body = body.into();
        request
    }

    /// Adds a header; one whose value is no legal header text is left out.
    #[must_use]
    pub fn with_header(mut self, name: HeaderName, value: &str) -> Self {
        if let Ok(value) = HeaderValue::from_str(value) {
            self.headers.insert(name, value);
        }
        self
    }

    /// Adds `Authorization: {scheme} {credentials}`, marked sensitive.
    #[must_use]
    pub fn with_authorization(mut self, scheme: &str, credentials: &str) -> Self {
        if let Ok(mut value) = HeaderValue::from_str(&format!("{scheme} {credentials}")) {
            value.set_sensitive(true);
            self.headers.insert(header::AUTHORIZATION, value);
        }
        self
    }
}

impl fmt::Debug for Request {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        write!(f, "{} {}", self.method, host_of(&self.url))
    }
}

/// One answer, whole. Its `Debug` form tells status and size only.
#[derive(Clone)]
pub struct Response {
    /// The status.
    pub status: StatusCode,
    /// The headers.
    pub headers: HeaderMap,
    /// The whole body.
    pub body: Bytes,
}

impl Response {
    /// The body as JSON.
    pub fn json<T: DeserializeOwned>(&self) -> Result<T, serde_json::Error> {
        serde_json::from_slice(&self.body)
    }

    /// Whether the content type says JSON (`application/json`,
    /// `application/fhir+json`, any `+json`).
    pub fn is_json(&self) -> bool {
        let content_type =
            self.headers.get(header::CONTENT_TYPE).and_then(|value| value.to_str().ok()).unwrap_or_default();
        let media_type = content_type.split(';').next().unwrap_or_default().trim();
        media_type.eq_ignore_ascii_case("application/json")
            || media_type.to_ascii_lowercase().ends_with("+json")
    }

    /// A header's value as text.
    pub fn header(&self, name: &HeaderName) -> Option<&str> {
        self.headers.get(name).and_then(|value| value.to_str().ok())
    }
}

impl fmt::Debug for Response {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        write!(f, "{} ({} bytes)", self.status, self.body.len())
    }
}

/// Why there is no answer. Tells hosts, never paths or queries.
#[derive(Debug, thiserror::Error)]
pub enum HttpError {
    /// The deadline passed.
    #[error("{host} did not answer within {} s", deadline.as_secs_f32())]
    TimedOut {
        /// Host that was asked.
        host: String,
        /// The deadline that passed.
        deadline: Duration,
    },
    /// No connection, or it broke; or none was tried, because the last ones
    /// failed ([`CircuitOpen`]).
    #[error("no connection to {host}")]
    Unreachable {
        /// Host that was asked.
        host: String,
        /// What the transport said, or [`CircuitOpen`].
        #[source]
        source: Box<dyn std::error::Error + Send + Sync>,
    },
    /// The body passed the limit.
    #[error("{host} answered more than {limit} bytes")]
    TooLarge {
        /// Host that was asked.
        host: String,
        /// The limit in bytes.
        limit: usize,
    },
    /// A redirect to another origin, of something else than a GET, or one too
    /// many.
    #[error("{host} redirects to {to}, which is not followed")]
    Redirected {
        /// Host that was asked.
        host: String,
        /// Host that it names, or what is wrong with the redirect.
        to: String,
    },
    /// The address may not be asked at all: cleartext, user-info, or a private
    /// network.
    #[error("{host} is not asked: {reason}")]
    Forbidden {
        /// Host that was not asked.
        host: String,
        /// The rule.
        reason: &'static str,
    },
}

impl HttpError {
    /// Whether the same request may go through later.
    pub fn is_passing(&self) -> bool {
        matches!(self, Self::TimedOut { .. } | Self::Unreachable { .. })
    }

    /// Whether the host was left alone because it counts as down.
    pub fn is_circuit_open(&self) -> bool {
        matches!(self, Self::Unreachable { source, .. } if source.is::<CircuitOpen>())
    }
}

/// The host as errors and logs tell it.
pub(crate) fn host_of(url: &Url) -> String {
    url.host_str().unwrap_or("a nameless host").to_owned()
}

/// Sends requests to other servers.
#[async_trait]
pub trait HttpClient: Send + Sync {
    /// Sends one request and reads the whole answer within its limits. Any
    /// status is an answer; redirects to another origin are an error.
    async fn send(&self, request: Request) -> Result<Response, HttpError>;
}
