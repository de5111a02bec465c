//! The endpoint itself, `v2018_SETEXTERNALCONNECTIONSTATUS`.

use std::sync::Arc;

use axum::{
    Json,
    extract::{RawQuery, State},
    response::{IntoResponse, Response},
};
use base64::{Engine, engine::general_purpose::STANDARD};
use http::{HeaderMap, HeaderValue, StatusCode, header};
use serde::Deserialize;
use serde_json::{Value, json};

use super::{Connected, StatusMode, StatusReport};
use crate::{cast::User, config::StatusAuth, ehr::Ehr, fhir_api, oauth::Holder};

/// `ConnectionStatus` of somebody who is connected. Epic's value for the
/// opposite is not public: any other number means it here.
const CONNECTED: i32 = 1;

/// Parameters of one report. Epic declares them as text but the last.
#[derive(Debug, Default, Clone, Deserialize)]
#[serde(rename_all = "PascalCase")]
struct Parameters {
    #[serde(rename = "ConferenceID")]
    conference_id: Option<String>,
    #[serde(rename = "ExternalID")]
    external_id: Option<String>,
    #[serde(rename = "ExternalIDType")]
    external_id_type: Option<String>,
    vendor_name: Option<String>,
    connection_status: Option<String>,
}

/// Why a report is not accepted.
#[derive(Debug, Clone, Copy, PartialEq, Eq, thiserror::Error)]
enum Refusal {
    #[error("no Epic-Client-ID of a registered client")]
    ClientId,
    #[error("not authorized in the way that is set")]
    Unauthorized,
    #[error("INVALID-CONFERENCE-ID")]
    Conference,
    #[error("INVALID-USER-ID-TYPE")]
    UserType,
    #[error("INVALID-USER-ID")]
    User,
    #[error("INVALID-VENDOR")]
    Vendor,
    #[error("INVALID-CONNECTION-STATUS")]
    ConnectionStatus,
    #[error("told to answer 400")]
    ToldBadRequest,
    #[error("told to answer 429")]
    ToldTooMany,
    #[error("told to answer 500")]
    ToldServerError,
    #[error("left hanging")]
    Hanging,
}

/// The report in the query.
pub(crate) async fn by_get(
    State(ehr): State<Arc<Ehr>>,
    RawQuery(query): RawQuery,
    headers: HeaderMap,
) -> Response {
    let parameters = from_form(query.as_deref().unwrap_or_default());
    answer(&ehr, "GET", &headers, &parameters).await
}

/// The report as JSON or as a form in the body; in the query where that is empty.
pub(crate) async fn by_post(
    State(ehr): State<Arc<Ehr>>,
    RawQuery(query): RawQuery,
    headers: HeaderMap,
    body: String,
) -> Response {
    let content_type =
        headers.get(header::CONTENT_TYPE).and_then(|value| value.to_str().ok()).unwrap_or_default();
    let parameters = if body.is_empty() {
        from_form(query.as_deref().unwrap_or_default())
    } else if content_type.contains("json") {
        from_json(&body)
    } else {
        from_form(&body)
    };
    answer(&ehr, "POST", &headers, &parameters).await
}

async fn answer(ehr: &Ehr, method: &str, headers: &HeaderMap, parameters: &Parameters) -> Response {
    let mut mode_changes = ehr.status.mode_changes();
    let outcome = match ehr.status.next_mode() {
        StatusMode::Normal => judge(ehr, headers, parameters),
        StatusMode::BadRequest => Err(Refusal::ToldBadRequest),
        StatusMode::TooManyRequests => Err(Refusal::ToldTooMany),
        StatusMode::ServerError => Err(Refusal::ToldServerError),
        StatusMode::Hang => Err(Refusal::Hanging),
    };
    ehr.status.record(report(ehr, method, headers, parameters, outcome.as_ref().err()));
    match outcome {
        Ok((who, connected)) => {
            ehr.status.set_connected(who, connected);
            Json(json!({"Status": "1"})).into_response()
        }
        Err(Refusal::Hanging) => {
            // An error says that the EHR is gone, and with it this request.
            let _ = mode_changes.changed().await;
            Refusal::ToldServerError.into_response()
        }
        Err(refusal) => refusal.into_response(),
    }
}

fn judge(ehr: &Ehr, headers: &HeaderMap, parameters: &Parameters) -> Result<(Connected, bool), Refusal> {
    let client_id = text(headers, "epic-client-id").ok_or(Refusal::ClientId)?;
    if !ehr.app().clients.iter().any(|client| client.id == client_id) {
        return Err(Refusal::ClientId);
    }
    authorize(ehr, headers)?;

    let conference_id = parameters.conference_id.as_deref().unwrap_or_default();
    let user = user(parameters)?;
    let day = ehr.day();
    let mut visits =
        day.appointments().iter().filter(|visit| visit.conference_id == conference_id).peekable();
    if visits.peek().is_none() {
        return Err(Refusal::Conference);
    }
    if !visits.any(|visit| visit.is_open_to(user)) {
        return Err(Refusal::User);
    }
    if parameters.vendor_name.as_deref().is_none_or(str::is_empty) {
        return Err(Refusal::Vendor);
    }
    let status: i32 = parameters
        .connection_status
        .as_deref()
        .and_then(|status| status.parse().ok())
        .ok_or(Refusal::ConnectionStatus)?;
    let who = Connected { conference_id: conference_id.to_owned(), person: user.key() };
    Ok((who, status == CONNECTED))
}

fn authorize(ehr: &Ehr, headers: &HeaderMap) -> Result<(), Refusal> {
    let holder = || fhir_api::holder(ehr, headers);
    let authorized = match &ehr.config.status_auth {
        StatusAuth::None => true,
        StatusAuth::Basic { user, password } => {
            let expected = format!("Basic {}", STANDARD.encode(format!("{user}:{password}")));
            text(headers, "authorization") == Some(&expected)
        }
        StatusAuth::LaunchToken => holder().is_some_and(|holder| holder != Holder::Backend),
        StatusAuth::BackendToken => holder() == Some(Holder::Backend),
    };
    if authorized { Ok(()) } else { Err(Refusal::Unauthorized) }
}

/// Type 1 is a user of the EHR, 2 somebody of the portal. Epic's further types
/// are not public, so a FHIR id is taken for an external one.
fn user(parameters: &Parameters) -> Result<User, Refusal> {
    let id = parameters.external_id.as_deref().unwrap_or_default();
    let of_this_type: fn(&User) -> bool = match parameters.external_id_type.as_deref() {
        Some("1") => |user| matches!(user, User::Clinician(_)),
        Some("2") => |user| !matches!(user, User::Clinician(_)),
        _ => return Err(Refusal::UserType),
    };
    User::all()
        .filter(of_this_type)
        .find(|user| user.external_id() == id || user.fhir_id() == id)
        .ok_or(Refusal::User)
}

fn report(
    ehr: &Ehr,
    method: &str,
    headers: &HeaderMap,
    parameters: &Parameters,
    refusal: Option<&Refusal>,
) -> StatusReport {
    let parameters = parameters.clone();
    let scheme = text(headers, "authorization").and_then(|value| value.split(' ').next());
    StatusReport {
        number: 0,
        at: ehr.now(),
        method: method.to_owned(),
        authorization: scheme.map(str::to_owned),
        client_id: text(headers, "epic-client-id").map(str::to_owned),
        conference_id: parameters.conference_id,
        external_id: parameters.external_id,
        external_id_type: parameters.external_id_type,
        vendor_name: parameters.vendor_name,
        connection_status: parameters.connection_status,
        answered: refusal.map_or(Some(200), |refusal| refusal.status()),
        outcome: refusal.map_or_else(|| "accepted".to_owned(), ToString::to_string),
    }
}

impl Refusal {
    /// None while nothing is answered.
    fn status(self) -> Option<u16> {
        match self {
            Self::Hanging => None,
            Self::ClientId | Self::Unauthorized => Some(401),
            Self::ToldTooMany => Some(429),
            Self::ToldServerError => Some(500),
            _ => Some(400),
        }
    }
}

impl IntoResponse for Refusal {
    fn into_response(self) -> Response {
        let status = self.status().and_then(|code| StatusCode::from_u16(code).ok());
        let status = status.unwrap_or(StatusCode::INTERNAL_SERVER_ERROR);
        let mut response = (status, Json(dotnet_error(&self.to_string()))).into_response();
        if self == Self::ToldTooMany {
            response.headers_mut().insert(header::RETRY_AFTER, HeaderValue::from_static("1"));
        }
        response
    }
}

/// What Epic's services answer to a command that failed.
fn dotnet_error(what: &str) -> Value {
    let message = format!("An error occurred while executing the command: {what}.");
    json!({
        "Message": "An error has occurred.",
        "ExceptionMessage": message,
        "ExceptionType": "Epic.ServiceModel.Internal.ServiceCommandException",
        "StackTrace": "   at Epic.ServiceModel.Internal.CommandExecutor.v2018_SETEXTERNALCONNECTIONSTATUS(String ConferenceID, String ExternalID, String ExternalIDType, String VendorName, Int32 ConnectionStatus)",
        "InnerException": {
            "Message": "An error has occurred.",
            "ExceptionMessage": what,
            "ExceptionType": "Epic.Core.Communication.EcfCommandException",
            "StackTrace": null,
        },
    })
}

fn from_form(form: &str) -> Parameters {
    let fields: serde_json::Map<_, _> = url::form_urlencoded::parse(form.as_bytes())
        .map(|(name, value)| (name.into_owned(), Value::from(value.into_owned())))
        .collect();
    serde_json::from_value(fields.into()).unwrap_or_default()
}

/// Numbers are taken for their text, as .NET does.
fn from_json(body: &str) -> Parameters {
    let Ok(Value::Object(mut fields)) = serde_json::from_str(body) else { return Parameters::default() };
    for value in fields.values_mut() {
        if value.is_number() {
            *value = value.to_string().into();
        }
    }
    serde_json::from_value(fields.into()).unwrap_or_default()
}

fn text<'h>(headers: &'h HeaderMap, name: &str) -> Option<&'h str> {
    headers.get(name)?.to_str().ok()
}
