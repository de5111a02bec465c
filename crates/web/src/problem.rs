//! What can go wrong for the person at the browser. A handler answers a
//! [`Problem`]; the middleware [`render`] gives it a reference id, writes the
//! chain of causes to the log once, and shows the person one plain sentence
//! and one thing to do.

use std::{error::Error as StdError, sync::Arc, time::Duration};

use axum::{
    Json,
    extract::{Request, State},
    http::{HeaderValue, StatusCode, header},
    middleware::Next,
    response::{IntoResponse, Response},
};
use fhir::FhirError;
use links::{LinkRefused, guest::GuestRefused};
use meeting::MeetingError;
use oauth::LaunchError;
use outside::RandomExt;
use reception::ReceptionError;
use serde_json::json;
use storage::StorageError;
use visit::Refusal;

use crate::{
    pages::{ErrorPage, Shell},
    respond::html,
    state::{AppState, Ehr},
};

mod words;

pub(crate) use words::Words;

/// Why somebody does not get what they asked for.
#[derive(Debug)]
pub(crate) enum Problem {
    /// The launch failed.
    Launch(LaunchError),
    /// The FHIR server does not say which visit is meant.
    Fhir(FhirError),
    /// The launch means a visit that may not be entered.
    NoVisit(fhir::Refusal),
    /// The callback belongs to no launch of this browser: too late, twice, or
    /// begun elsewhere.
    NoSuchLaunch,
    /// There is no such direct link.
    NoSuchGuestLink,
    /// A direct link does not open.
    Guest(GuestRefused),
    /// An encrypted link does not open.
    Link(LinkRefused),
    /// An encrypted link was opened before, in another browser.
    LinkUsed,
    /// The browser has no session for this seat, or no longer.
    SignedOut,
    /// The form was not ours, or too old.
    Forged,
    /// There is no such page.
    NotFound,
    /// What was sent cannot be used.
    BadRequest(&'static str),
    /// What was sent is larger than anything we ask for.
    TooLarge,
    /// The address is there, but not for this.
    WrongMethod,
    /// Too many came; come again after this time.
    TooMany(Duration),
    /// The visit's rules say no.
    Refused(Refusal),
    /// The meeting backend says no, or nothing.
    Meeting(MeetingError),
    /// The database does not answer, or too many change one thing at once.
    Busy(StorageError),
    /// Something of ours broke.
    Internal(Box<dyn StdError + Send + Sync>),
}

/// A problem with the EHR connection whose looks its page has.
#[derive(Debug)]
pub(crate) struct Trouble {
    problem: Problem,
    ehr: Option<Arc<Ehr>>,
}

impl Problem {
    /// The same, on a page of this EHR connection.
    pub(crate) fn at(self, ehr: &Arc<Ehr>) -> Trouble {
        Trouble { problem: self, ehr: Some(Arc::clone(ehr)) }
    }

    fn source(&self) -> Option<&(dyn StdError + 'static)> {
        match self {
            Self::Launch(error) => Some(error),
            Self::Fhir(error) => Some(error),
            Self::Refused(error) => Some(error),
            Self::Meeting(error) => Some(error),
            Self::Busy(error) => Some(error),
            Self::Internal(error) => Some(&**error),
            Self::Guest(error) => Some(error),
            Self::Link(error) => Some(error),
            Self::NoVisit(_)
            | Self::NoSuchLaunch
            | Self::NoSuchGuestLink
            | Self::LinkUsed
            | Self::SignedOut
            | Self::Forged
            | Self::NotFound
            | Self::BadRequest(_)
            | Self::TooLarge
            | Self::WrongMethod
            | Self::TooMany(_) => None,
        }
    }

    /// What axum refused by itself, before a handler could: it answers a line
    /// of text at most, which is for nobody at a browser.
    fn of_bare(response: &Response) -> Option<Self> {
        let content_type = response.headers().get(header::CONTENT_TYPE).and_then(|kind| kind.to_str().ok());
        if content_type.is_some_and(|kind| !kind.starts_with("text/plain")) {
            return None;
        }
        match response.status() {
            StatusCode::PAYLOAD_TOO_LARGE => Some(Self::TooLarge),
            StatusCode::METHOD_NOT_ALLOWED => Some(Self::WrongMethod),
            status if status.is_client_error() => Some(Self::BadRequest("What was sent cannot be read.")),
            _ => None,
        }
    }
}

impl<P: Into<Problem>> From<P> for Trouble {
    fn from(problem: P) -> Self {
        Self { problem: problem.into(), ehr: None }
    }
}

/// Adds the EHR connection to whatever went wrong.
pub(crate) trait AtEhr<T> {
    /// The same outcome, on a page of this EHR connection.
    fn at(self, ehr: &Arc<Ehr>) -> Result<T, Trouble>;
}

impl<T, P: Into<Problem>> AtEhr<T> for Result<T, P> {
    fn at(self, ehr: &Arc<Ehr>) -> Result<T, Trouble> {
        self.map_err(|problem| problem.into().at(ehr))
    }
}

impl From<LaunchError> for Problem {
    fn from(error: LaunchError) -> Self {
        Self::Launch(error)
    }
}

impl From<FhirError> for Problem {
    fn from(error: FhirError) -> Self {
        Self::Fhir(error)
    }
}

impl From<fhir::Refusal> for Problem {
    fn from(refusal: fhir::Refusal) -> Self {
        Self::NoVisit(refusal)
    }
}

impl From<GuestRefused> for Problem {
    fn from(refused: GuestRefused) -> Self {
        Self::Guest(refused)
    }
}

impl From<LinkRefused> for Problem {
    fn from(refused: LinkRefused) -> Self {
        Self::Link(refused)
    }
}

impl From<StorageError> for Problem {
    fn from(error: StorageError) -> Self {
        match error {
            StorageError::Unavailable(_) | StorageError::Conflict => Self::Busy(error),
            StorageError::Corrupt { .. } | StorageError::TooNew { .. } => Self::Internal(error.into()),
        }
    }
}

impl From<askama::Error> for Problem {
    fn from(error: askama::Error) -> Self {
        Self::Internal(error.into())
    }
}

impl From<serde_json::Error> for Problem {
    fn from(error: serde_json::Error) -> Self {
        Self::Internal(error.into())
    }
}

impl From<ReceptionError> for Problem {
    fn from(error: ReceptionError) -> Self {
        match error {
            ReceptionError::Refused(refusal) => Self::Refused(refusal),
            ReceptionError::NoSuchVisit => Self::NotFound,
            ReceptionError::Meeting(error) => Self::Meeting(error),
            ReceptionError::Storage(error) => error.into(),
            ReceptionError::NoSuchBackend => Self::Internal(error.into()),
        }
    }
}

impl IntoResponse for Trouble {
    /// An empty answer that carries the problem to [`render`].
    fn into_response(self) -> Response {
        let mut response = StatusCode::INTERNAL_SERVER_ERROR.into_response();
        response.extensions_mut().insert(Arc::new(self));
        response
    }
}

/// Renders problems: as a page, or as JSON for scripts.
pub(crate) async fn render(State(state): State<AppState>, request: Request, next: Next) -> Response {
    let wants_json = request
        .headers()
        .get(header::ACCEPT)
        .and_then(|accept| accept.to_str().ok())
        .is_some_and(|accept| accept.contains("application/json"));
    let mut response = next.run(request).await;
    let told = response.extensions_mut().remove::<Arc<Trouble>>();
    let Some(trouble) = told.or_else(|| Some(Arc::new(Problem::of_bare(&response)?.into()))) else {
        return response;
    };

    let reference = state.random.token::<6>();
    let words = Words::of(&trouble.problem, trouble.ehr.as_deref());
    log(&trouble, &words, &reference);

    let mut answer = if wants_json {
        as_json(&words, &reference)
    } else {
        as_page(&words, trouble.ehr.as_deref(), reference)
    };
    *answer.status_mut() = words.status;
    if let Some(seconds) = words.retry_after {
        answer.headers_mut().insert(header::RETRY_AFTER, HeaderValue::from(seconds));
    }
    // Cookies that were taken away on the way here stay away; a wrong method
    // is told the right ones (RFC 9110, 15.5.6).
    for name in [header::SET_COOKIE, header::ALLOW] {
        for value in response.headers().get_all(&name) {
            answer.headers_mut().append(&name, value.clone());
        }
    }
    if let Some(ehr) = &trouble.ehr {
        answer.extensions_mut().insert(crate::headers::Framed(Arc::clone(ehr)));
    }
    answer
}

fn as_json(words: &Words, reference: &str) -> Response {
    let message = format!("{} {}", words.happened, words.advice);
    Json(json!({
        "code": words.code,
        "message": message.trim(),
        "reference": reference,
        "retry_after_ms": words.retry_after.map(|seconds| seconds * 1000),
    }))
    .into_response()
}

fn as_page(words: &Words, ehr: Option<&Ehr>, reference: String) -> Response {
    let page = ErrorPage {
        shell: ehr.map(|ehr| Shell::new(ehr.brand.clone())).unwrap_or_default(),
        code: words.code,
        title: words.title.to_owned(),
        happened: words.happened.clone(),
        advice: words.advice.clone(),
        next_step: None,
        reference,
    };
    html(&page).unwrap_or_else(|_| StatusCode::INTERNAL_SERVER_ERROR.into_response())
}

/// One line for each problem, at the boundary where it is handled.
fn log(trouble: &Trouble, words: &Words, reference: &str) {
    let ehr = trouble.ehr.as_ref().map_or("-", |ehr| ehr.id().as_str());
    let causes = chain(trouble.problem.source());
    let code = words.code;
    if words.is_ours {
        tracing::error!(code, reference, ehr, causes, "a page failed");
    } else {
        tracing::warn!(code, reference, ehr, causes, "a page was refused");
    }
}

fn chain(mut error: Option<&(dyn StdError + 'static)>) -> String {
    let mut causes = Vec::new();
    while let Some(cause) = error {
        causes.push(cause.to_string());
        error = cause.source();
    }
    causes.join(": ")
}
