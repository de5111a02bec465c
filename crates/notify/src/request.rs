use base64::{Engine, engine::general_purpose::STANDARD};
use http::{HeaderName, HeaderValue, Method, header};
use outside::{Limits, Request};
use secrecy::{ExposeSecret, SecretString};
use serde_json::{Map, Value};
use storage::{NoticeStatus, Recipient};

use crate::{BasicCredentials, StatusMethod, StatusTarget, Word};

const EPIC_CLIENT_ID: HeaderName = HeaderName::from_static("epic-client-id");

/// What a request is signed with.
#[derive(Debug, Clone)]
pub(crate) enum Credentials<'a> {
    None,
    Basic(&'a BasicCredentials),
    Bearer(SecretString),
}

impl Credentials<'_> {
    /// What must not come back in a stored answer.
    pub(crate) fn secret(&self) -> Option<&SecretString> {
        match self {
            Self::None => None,
            Self::Basic(pair) => Some(pair.password()),
            Self::Bearer(token) => Some(token),
        }
    }
}

/// The request that tells an EHR about one person.
pub(crate) fn status_request(
    target: &StatusTarget,
    about: &Recipient,
    id_type: &Word,
    status: NoticeStatus,
    credentials: &Credentials<'_>,
) -> Request {
    let words = &target.vocabulary;
    let names = words.names();
    let status = match status {
        NoticeStatus::Connected => words.connected(),
        NoticeStatus::Disconnected => words.disconnected(),
    };
    let parameters = [
        (names.conference_id.as_str(), about.session.as_str()),
        (names.external_id.as_str(), about.external_id.as_str()),
        (names.external_id_type.as_str(), id_type.as_str()),
        (names.vendor_name.as_str(), words.vendor_name().as_str()),
        (names.connection_status.as_str(), status.as_str()),
    ];
    signed(with_parameters(target, parameters), target, credentials)
}

fn with_parameters(target: &StatusTarget, parameters: [(&str, &str); 5]) -> Request {
    let mut url = target.url.as_url().clone();
    match target.method {
        StatusMethod::Get => {
            url.query_pairs_mut().extend_pairs(parameters);
            Request::get(url, Limits::NOTIFICATION)
        }
        StatusMethod::PostForm => Request::post_form(url, &parameters, Limits::NOTIFICATION),
        StatusMethod::PostJson => {
            let status_name = target.vocabulary.names().connection_status.as_str();
            let fields = parameters.map(|(name, value)| (name.to_owned(), json(name == status_name, value)));
            let mut request = Request::get(url, Limits::NOTIFICATION);
            request.method = Method::POST;
            request.headers.insert(header::CONTENT_TYPE, HeaderValue::from_static("application/json"));
            request.body = Value::Object(Map::from_iter(fields)).to_string().into();
            request
        }
    }
}

/// Epic declares ConnectionStatus as Int32 and the others as String, ids that
/// look like numbers too.
fn json(is_status: bool, value: &str) -> Value {
    match value.parse::<i32>() {
        Ok(number) if is_status => number.into(),
        _ => value.into(),
    }
}

fn signed(request: Request, target: &StatusTarget, credentials: &Credentials<'_>) -> Request {
    let request = match &target.epic_client_id {
        Some(id) => request.with_header(EPIC_CLIENT_ID, id.as_str()),
        None => request,
    };
    match credentials {
        Credentials::None => request,
        Credentials::Basic(pair) => {
            let pair = format!("{}:{}", pair.user(), pair.password().expose_secret());
            request.with_authorization("Basic", &STANDARD.encode(pair))
        }
        Credentials::Bearer(token) => request.with_authorization("Bearer", token.expose_secret()),
    }
}

#[cfg(test)]
mod tests;
