//! An EHR of a few resources, one Saturday in Chicago.

use std::{collections::BTreeMap, sync::Arc, time::Duration};

use async_trait::async_trait;
use fhir::{
    CsnSystem, FhirClient, FhirError, FhirServer, Launcher, Refusal, Resolution, ResolvedVisit, Rules,
    VisitHint,
};
use jiff::{SignedDuration, Timestamp, tz::TimeZone};
use outside::{
    HttpClient, HttpError, Request, Response,
    testing::{FakeHttp, TestClock, json_response},
};
use serde_json::{Value, json};
use visit::Role;

const BASE: &str = "https://ehr.example.org/api/FHIR/R4/";

/// Two o'clock in the afternoon in Chicago.
pub(crate) const NOW: &str = "2026-11-21T20:00:00Z";

/// Resources by `Type/id`, and what each search finds by its type and first
/// parameter (`Appointment?patient`).
#[derive(Clone, Default)]
pub(crate) struct Ehr(BTreeMap<String, Response>);

impl Ehr {
    pub(crate) fn with(mut self, resource: impl Into<Value>) -> Self {
        let resource = resource.into();
        let key =
            format!("{}/{}", resource["resourceType"].as_str().unwrap(), resource["id"].as_str().unwrap());
        self.0.insert(key, json_response(200, &resource));
        self
    }

    pub(crate) fn finding(mut self, search: &str, matches: &[Value]) -> Self {
        let entries: Vec<_> = matches.iter().map(|resource| json!({"resource": resource})).collect();
        let bundle = json!({"resourceType": "Bundle", "type": "searchset", "entry": entries});
        self.0.insert(search.to_owned(), json_response(200, &bundle));
        self
    }

    pub(crate) fn answering(mut self, key: &str, status: u16) -> Self {
        self.0.insert(key.to_owned(), json_response(status, &json!({})));
        self
    }

    fn answer(&self, request: &Request) -> Response {
        let path = request.url.path().strip_prefix("/api/FHIR/R4/").unwrap().to_owned();
        let key = match request.url.query_pairs().next() {
            Some((parameter, _)) => format!("{path}?{parameter}"),
            None => path,
        };
        self.0.get(&key).cloned().unwrap_or_else(|| json_response(404, &json!({})))
    }
}

/// A minute of the Saturday, as an offset from [`NOW`].
pub(crate) fn minutes(from_now: i64) -> Timestamp {
    NOW.parse::<Timestamp>().unwrap() + SignedDuration::from_mins(from_now)
}

/// A booked quarter of an hour with Dr. Finn.
pub(crate) fn appointment(id: &str, patient: &str, starts_in: i64) -> Value {
    json!({
        "resourceType": "Appointment",
        "id": id,
        "identifier": [csn(&format!("csn-{id}"))],
        "status": "booked",
        "start": minutes(starts_in).to_string(),
        "end": minutes(starts_in + 15).to_string(),
        "participant": [
            {"actor": {"reference": format!("Patient/{patient}"), "display": format!("Name of {patient}")}, "status": "accepted"},
            {"actor": {"reference": "Practitioner/finn", "display": "Dr. Finn"}, "status": "accepted"},
        ],
    })
}

/// A planned encounter of a patient with the CSN of an appointment.
pub(crate) fn encounter(id: &str, patient: &str, of: &str) -> Value {
    json!({
        "resourceType": "Encounter",
        "id": id,
        "identifier": [csn(&format!("csn-{of}"))],
        "status": "planned",
        "subject": {"reference": format!("Patient/{patient}"), "display": format!("Name of {patient}")},
        "participant": [{"individual": {"reference": "Practitioner/finn", "display": "Dr. Finn"}}],
    })
}

/// The same, begun.
pub(crate) fn begun(id: &str, patient: &str, of: &str) -> Value {
    encounter(id, patient, of).but("status", json!("in-progress"))
}

pub(crate) fn relative(id: &str, patient: &str) -> Value {
    json!({
        "resourceType": "RelatedPerson",
        "id": id,
        "patient": {"reference": format!("Patient/{patient}")},
        "name": [{"text": "John Doe"}],
    })
}

pub(crate) fn csn(value: &str) -> Value {
    json!({"system": "urn:oid:1.2.840.114350.1.13.5325.1.7.3.698084.8", "value": value})
}

pub(crate) trait But {
    /// The same with one element replaced.
    fn but(self, element: &str, value: Value) -> Value;
}

impl But for Value {
    fn but(mut self, element: &str, value: Value) -> Value {
        self[element] = value;
        self
    }
}

pub(crate) fn jane() -> Launcher {
    Launcher::new("Patient/jane".parse().unwrap(), Role::Patient).unwrap()
}

pub(crate) fn finn() -> Launcher {
    Launcher::new("Practitioner/finn".parse().unwrap(), Role::Provider).unwrap()
}

pub(crate) fn john() -> Launcher {
    Launcher::new("RelatedPerson/john".parse().unwrap(), Role::Proxy).unwrap()
}

pub(crate) fn hint(patient: Option<&str>) -> VisitHint {
    VisitHint { patient: patient.map(|id| id.parse().unwrap()), ..VisitHint::default() }
}

/// Jane's appointment A, which starts now, and its encounter E.
pub(crate) fn scheduled() -> Ehr {
    Ehr::default().with(appointment("A", "jane", 0)).with(encounter("E", "jane", "A"))
}

/// A launch from Jane's chart that names these.
pub(crate) fn naming(appointment: Option<&str>, encounter: Option<&str>) -> VisitHint {
    VisitHint {
        appointment: appointment.map(|id| id.parse().unwrap()),
        encounter: encounter.map(|id| id.parse().unwrap()),
        ..hint(Some("jane"))
    }
}

/// A launch from Jane's chart that gives this session id.
pub(crate) fn of_session(session: &str) -> VisitHint {
    VisitHint { session_id: Some(session.parse().unwrap()), ..hint(Some("jane")) }
}

/// One launch at [`NOW`]: its outcome, and what was asked, in order.
pub(crate) struct Launch {
    pub(crate) outcome: Result<Resolution, FhirError>,
    pub(crate) asked: Vec<String>,
}

impl Launch {
    pub(crate) fn visit(self) -> ResolvedVisit {
        match self.outcome {
            Ok(Resolution::Visit(visit)) => *visit,
            other => panic!("{other:?}"),
        }
    }

    pub(crate) fn refusal(self) -> Refusal {
        match self.outcome {
            Ok(Resolution::Refused(refusal)) => refusal,
            other => panic!("{other:?}"),
        }
    }
}

pub(crate) async fn launch(ehr: &Ehr, hint: &VisitHint, launcher: &Launcher) -> Launch {
    launch_choosing(ehr, hint, launcher, None).await
}

pub(crate) async fn launch_choosing(
    ehr: &Ehr,
    hint: &VisitHint,
    launcher: &Launcher,
    chosen: Option<&str>,
) -> Launch {
    let ehr = ehr.clone();
    let http = FakeHttp::answering(move |request| Ok(ehr.answer(request)));
    let (client, clock, rules) = (client(Arc::new(http.clone())), TestClock::at(NOW), Rules::default());
    let outcome = match chosen {
        Some(id) => {
            let chosen = id.parse().unwrap();
            movable(fhir::choose(&client, hint, launcher, &chosen, &clock, &rules)).await
        }
        None => movable(fhir::resolve(&client, hint, launcher, &clock, &rules)).await,
    };
    let below_base = |request: &Request| request.url.as_str().strip_prefix(BASE).unwrap().to_owned();
    Launch { outcome, asked: http.requests().iter().map(below_base).collect() }
}

/// Web handlers may be moved between threads while they wait.
fn movable<F: Future + Send>(future: F) -> F {
    future
}

/// A launch whose requests are only answered when so many are under way at
/// once: it gets through in one step, or not at all.
pub(crate) async fn launch_in_one_step(
    ehr: &Ehr,
    hint: &VisitHint,
    launcher: &Launcher,
    requests: usize,
) -> Launch {
    let together = Together { ehr: ehr.clone(), barrier: tokio::sync::Barrier::new(requests) };
    let client = client(Arc::new(together));
    let outcome = fhir::resolve(&client, hint, launcher, &TestClock::at(NOW), &Rules::default()).await;
    Launch { outcome, asked: Vec::new() }
}

pub(crate) fn client(http: Arc<dyn HttpClient>) -> FhirClient {
    let server = FhirServer {
        base: BASE.parse().unwrap(),
        time_zone: TimeZone::get("America/Chicago").unwrap(),
        csn_system: CsnSystem::default(),
    };
    FhirClient::new(http, Arc::new(server), "the-token".into())
}

struct Together {
    ehr: Ehr,
    barrier: tokio::sync::Barrier,
}

#[async_trait]
impl HttpClient for Together {
    async fn send(&self, request: Request) -> Result<Response, HttpError> {
        self.barrier.wait().await;
        Ok(self.ehr.answer(&request))
    }
}

/// A server that answers everything after so long.
pub(crate) struct Slow(pub(crate) Duration);

#[async_trait]
impl HttpClient for Slow {
    async fn send(&self, _: Request) -> Result<Response, HttpError> {
        tokio::time::sleep(self.0).await;
        Ok(json_response(404, &json!({})))
    }
}
