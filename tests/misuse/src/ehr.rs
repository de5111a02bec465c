//! An authorization server and FHIR server on loopback that does right until
//! it is told to misbehave.

mod documents;

use std::{
    collections::HashMap,
    convert::Infallible,
    net::SocketAddr,
    sync::{Arc, Mutex},
    time::Duration,
};

use aws_lc_rs::digest::{SHA256, digest};
use axum::{
    Json, Router,
    body::{Body, Bytes},
    extract::{Request, State},
    response::{IntoResponse, Response},
};
use base64::{Engine, engine::general_purpose::URL_SAFE_NO_PAD};
use futures_util::{StreamExt, stream};
use http::{HeaderName, StatusCode, header};
use outside::{Clock, testing::TestClock};
use serde_json::{Value, json};
use tokio::{net::TcpListener, sync::watch};
use url::{Url, form_urlencoded};

use crate::{
    launching::Launch,
    signer::{Signer, TRUSTED},
};

/// Where the EHR is asked something.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Hash)]
pub(crate) enum Place {
    /// The SMART configuration.
    Discovery,
    /// Any other well-known document; there is none.
    OtherDiscovery,
    Keys,
    Token,
    Appointment,
    Encounter,
    /// A patient's or practitioner's own record.
    Person,
    Nowhere,
}

impl Place {
    fn of(path: &str) -> Self {
        let below_base = path.strip_prefix("/api/FHIR/R4/").unwrap_or_default();
        let resource = below_base.split('/').next().unwrap_or_default();
        match (path, resource) {
            ("/oauth2/keys", _) => Self::Keys,
            ("/oauth2/token", _) => Self::Token,
            (_, "Appointment") => Self::Appointment,
            (_, "Encounter") => Self::Encounter,
            (_, "Patient" | "Practitioner" | "RelatedPerson") => Self::Person,
            (_, ".well-known") if path.ends_with("smart-configuration") => Self::Discovery,
            _ if path.contains("/.well-known/") => Self::OtherDiscovery,
            _ => Self::Nowhere,
        }
    }
}

/// What the EHR does at a place instead of the right thing.
#[derive(Clone)]
pub(crate) enum Misdeed {
    /// Answers this.
    Says { status: u16, content_type: &'static str, body: String },
    /// Answers this with one more header.
    SaysWith { status: u16, header: (HeaderName, &'static str), body: Value },
    /// Sends us elsewhere.
    RedirectsTo(String),
    /// Does right, but takes its time.
    Dawdles(Duration),
    /// Never answers.
    Hangs,
    /// Answers a byte a second, for ever.
    Drips,
    /// Answers more than anybody can use, without saying how much.
    Floods,
    /// Breaks the connection in the middle of the answer.
    Breaks,
}

impl Misdeed {
    pub(crate) fn json(status: u16, body: &Value) -> Self {
        Self::Says { status, content_type: "application/json", body: body.to_string() }
    }

    /// A page with status 200, as a sign-in wall sends it.
    pub(crate) fn html() -> Self {
        let body = "<!doctype html><title>Sign in</title>".to_owned();
        Self::Says { status: 200, content_type: "text/html", body }
    }

    /// What it answers; nothing where it does right after all.
    async fn done(self) -> Option<Response> {
        let status = |code| StatusCode::from_u16(code).unwrap();
        Some(match self {
            Self::Dawdles(time) => {
                tokio::time::sleep(time).await;
                return None;
            }
            Self::Says { status: code, content_type, body } => {
                (status(code), [(header::CONTENT_TYPE, content_type)], body).into_response()
            }
            Self::SaysWith { status: code, header, body } => {
                (status(code), [header], Json(body)).into_response()
            }
            Self::RedirectsTo(to) => (StatusCode::FOUND, [(header::LOCATION, to)]).into_response(),
            Self::Hangs => std::future::pending().await,
            Self::Drips => endless(stream::unfold((), async |()| {
                tokio::time::sleep(Duration::from_secs(1)).await;
                Some((Bytes::from_static(b" "), ()))
            })),
            Self::Floods => endless(stream::repeat(Bytes::from_static(&[b' '; 16 << 10]))),
            Self::Breaks => {
                let parts = [Ok(Bytes::from_static(b"{")), Err(std::io::Error::other("broken"))];
                json_body(Body::from_stream(stream::iter(parts)))
            }
        })
    }
}

fn endless(chunks: impl stream::Stream<Item = Bytes> + Send + 'static) -> Response {
    json_body(Body::from_stream(chunks.map(Ok::<_, Infallible>)))
}

fn json_body(body: Body) -> Response {
    ([(header::CONTENT_TYPE, "application/json")], body).into_response()
}

/// An id_token before it is signed.
pub(crate) struct Draft {
    pub(crate) header: Value,
    pub(crate) claims: Value,
    pub(crate) signer: &'static Signer,
}

type Edit = Arc<dyn Fn(&mut Value) + Send + Sync>;
type Forgery = Arc<dyn Fn(&mut Draft) -> Option<String> + Send + Sync>;

/// What was agreed when a launch was approved.
struct Approved {
    launch: Launch,
    client: String,
    nonce: String,
    code_challenge: String,
}

struct Shared {
    address: SocketAddr,
    clock: TestClock,
    misdeeds: Mutex<HashMap<Place, Misdeed>>,
    edits: Mutex<Vec<(Place, Edit)>>,
    forgery: Mutex<Option<Forgery>>,
    approved: Mutex<HashMap<String, Approved>>,
    /// Everything that must never be seen in a page or address.
    secrets: Mutex<Vec<String>>,
    asked: watch::Sender<Vec<(Place, String)>>,
}

/// The EHR. Clones are the same one.
#[derive(Clone)]
pub(crate) struct Ehr(Arc<Shared>);

impl Ehr {
    pub(crate) async fn listen(clock: &TestClock) -> Self {
        let listener = TcpListener::bind("127.0.0.1:0").await.unwrap();
        let ehr = Self(Arc::new(Shared {
            address: listener.local_addr().unwrap(),
            clock: clock.clone(),
            misdeeds: Mutex::default(),
            edits: Mutex::default(),
            forgery: Mutex::default(),
            approved: Mutex::default(),
            secrets: Mutex::default(),
            asked: watch::Sender::default(),
        }));
        let router = Router::new().fallback(answer).with_state(ehr.clone());
        tokio::spawn(axum::serve(listener, router).into_future());
        ehr
    }

    /// An address of it.
    pub(crate) fn url(&self, path: &str) -> String {
        format!("http://{}{path}", self.0.address)
    }

    pub(crate) fn fhir_base(&self) -> String {
        self.url("/api/FHIR/R4")
    }

    pub(crate) fn issuer(&self) -> String {
        self.url("/oauth2")
    }

    /// From now on it does this at this place.
    pub(crate) fn misbehaves(&self, place: Place, misdeed: Misdeed) {
        self.0.misdeeds.lock().unwrap().insert(place, misdeed);
    }

    /// It does right again.
    pub(crate) fn behaves(&self) {
        self.0.misdeeds.lock().unwrap().clear();
        self.0.edits.lock().unwrap().clear();
        *self.0.forgery.lock().unwrap() = None;
    }

    /// Its answers at this place are changed so.
    pub(crate) fn edits(&self, place: Place, edit: impl Fn(&mut Value) + Send + Sync + 'static) {
        self.0.edits.lock().unwrap().push((place, Arc::new(edit)));
    }

    /// Its id_tokens are changed so before they are signed.
    pub(crate) fn drafts(&self, forge: impl Fn(&mut Draft) + Send + Sync + 'static) {
        self.sends(move |draft| {
            forge(draft);
            None
        });
    }

    /// Its id_tokens are this text, where it is one.
    pub(crate) fn sends(&self, forge: impl Fn(&mut Draft) -> Option<String> + Send + Sync + 'static) {
        *self.0.forgery.lock().unwrap() = Some(Arc::new(forge));
    }

    /// How often it was asked there.
    pub(crate) fn asked(&self, place: Place) -> usize {
        self.0.asked.borrow().iter().filter(|(asked, _)| *asked == place).count()
    }

    /// All paths and queries that it was asked.
    pub(crate) fn paths(&self) -> Vec<String> {
        self.0.asked.borrow().iter().map(|(_, path)| path.clone()).collect()
    }

    /// Waits until it is asked there.
    pub(crate) async fn is_asked(&self, place: Place) {
        let mut asked = self.0.asked.subscribe();
        asked.wait_for(|asked| asked.iter().any(|(asked, _)| *asked == place)).await.unwrap();
    }

    /// What it gave out so far that no page may show.
    pub(crate) fn secrets(&self) -> Vec<String> {
        self.0.secrets.lock().unwrap().clone()
    }

    /// The person says yes at the authorization endpoint: the query with
    /// which the browser comes back.
    pub(crate) fn approve(&self, authorize: &str) -> String {
        let authorize = Url::parse(authorize).unwrap();
        assert!(authorize.as_str().starts_with(&self.url("/oauth2/authorize?")), "sent elsewhere");
        let query: HashMap<String, String> = authorize.query_pairs().into_owned().collect();
        assert_eq!(query["code_challenge_method"], "S256");
        let launch = Launch::of_token(&query["launch"]).unwrap();
        let mut approved = self.0.approved.lock().unwrap();
        let code = format!("canary-code-{}-{}", launch.token(), self.secrets().len());
        self.keep_secret([code.clone(), query["launch"].clone(), crate::launching::csn(launch.number)]);
        approved.insert(
            code.clone(),
            Approved {
                launch,
                client: query["client_id"].clone(),
                nonce: query["nonce"].clone(),
                code_challenge: query["code_challenge"].clone(),
            },
        );
        form_urlencoded::Serializer::new(String::new())
            .append_pair("code", &code)
            .append_pair("state", &query["state"])
            .finish()
    }

    fn keep_secret(&self, secrets: impl IntoIterator<Item = String>) {
        // A forged token may be a letter, which stands everywhere.
        self.0.secrets.lock().unwrap().extend(secrets.into_iter().filter(|secret| secret.len() > 8));
    }

    /// Redeems a code, once, for who shows the verifier.
    fn token_answer(&self, form: &[u8]) -> Response {
        let form: HashMap<String, String> = form_urlencoded::parse(form).into_owned().collect();
        let approved = self.0.approved.lock().unwrap().remove(&form["code"]);
        let challenge = URL_SAFE_NO_PAD.encode(digest(&SHA256, form["code_verifier"].as_bytes()));
        let Some(approved) = approved.filter(|approved| approved.code_challenge == challenge) else {
            return (StatusCode::BAD_REQUEST, Json(json!({ "error": "invalid_grant" }))).into_response();
        };
        let id_token = self.id_token(&approved);
        let access_token = format!("canary-access-token-{}", approved.launch.token());
        self.keep_secret([id_token.clone(), access_token.clone()]);
        Json(self.edited(Place::Token, documents::token(approved.launch, &access_token, &id_token)))
            .into_response()
    }

    fn id_token(&self, approved: &Approved) -> String {
        let now = self.0.clock.now().as_second();
        let user = approved.launch.user();
        let mut draft = Draft {
            header: json!({ "alg": "RS256", "kid": "one", "typ": "JWT" }),
            claims: json!({
                "iss": self.issuer(), "aud": approved.client, "sub": user.split('/').next_back(),
                "iat": now, "exp": now + 300, "nonce": approved.nonce,
                "fhirUser": format!("{}/{user}", self.fhir_base()),
            }),
            signer: &TRUSTED,
        };
        let forgery = self.0.forgery.lock().unwrap().clone();
        let forged = forgery.and_then(|forge| forge(&mut draft));
        forged.unwrap_or_else(|| draft.signer.sign(&draft.header, &draft.claims))
    }

    fn edited(&self, place: Place, mut answer: Value) -> Value {
        for (_, edit) in self.0.edits.lock().unwrap().iter().filter(|(edited, _)| *edited == place) {
            edit(&mut answer);
        }
        answer
    }
}

async fn answer(State(ehr): State<Ehr>, request: Request) -> Response {
    let place = Place::of(request.uri().path());
    ehr.0.asked.send_modify(|asked| asked.push((place, request.uri().to_string())));
    let misdeed = ehr.0.misdeeds.lock().unwrap().get(&place).cloned();
    if let Some(misdeed) = misdeed
        && let Some(answer) = misdeed.done().await
    {
        return answer;
    }
    let (parts, body) = request.into_parts();
    if place == Place::Token {
        return ehr.token_answer(&axum::body::to_bytes(body, 1 << 20).await.unwrap());
    }
    match documents::at(place, &parts.uri, &ehr) {
        Some(document) => Json(ehr.edited(place, document)).into_response(),
        None => (StatusCode::NOT_FOUND, Json(json!({}))).into_response(),
    }
}
