//! A storage in memory, an EHR with bad manners, and a clock that moves with
//! tokio's paused time.

use std::{
    collections::{HashSet, VecDeque},
    sync::{
        Arc, Mutex,
        atomic::{AtomicBool, AtomicU32, AtomicUsize, Ordering},
    },
    time::Duration,
};

use async_trait::async_trait;
use http::{HeaderMap, HeaderName, HeaderValue, StatusCode};
use jiff::{SignedDuration, Timestamp};
use outside::{Clock, HttpClient, HttpError, Request, Response};
use secrecy::{ExposeSecret, SecretString};
use storage::{
    Attempt, Notice, NoticeChange, NoticeId, NoticeSearch, NoticeState, NoticeStatus, Notices, Recipient,
    StorageError,
};
use tokio::time::Instant;
use visit::{EhrId, SeatId};

use crate::{BackendTokens, TokenUnavailable};

/// Shows a fixed moment plus the time that tokio has let pass.
#[derive(Debug, Clone, Copy)]
pub(crate) struct TokioClock {
    start: Instant,
}

impl TokioClock {
    pub(crate) fn new() -> Self {
        Self { start: Instant::now() }
    }

    /// Seconds since the start.
    pub(crate) fn seconds(self) -> u64 {
        self.start.elapsed().as_secs()
    }
}

impl Clock for TokioClock {
    fn now(&self) -> Timestamp {
        "2026-11-21T20:00:00Z".parse::<Timestamp>().unwrap() + self.start.elapsed()
    }
}

struct Row {
    notice: Notice,
    leased_until: Option<Timestamp>,
}

impl Row {
    fn free_at(&self) -> Timestamp {
        self.leased_until.map_or(self.notice.due_at, |lease| lease.max(self.notice.due_at))
    }
}

/// [`Notices`] as its documentation has it, in memory.
#[derive(Default)]
pub(crate) struct FakeNotices {
    rows: Mutex<Vec<Row>>,
    pub(crate) is_down: AtomicBool,
    pub(crate) looks: AtomicU32,
}

impl FakeNotices {
    /// Stores changes as [`storage::Visits::save`] does.
    pub(crate) fn save(&self, changes: Vec<NoticeChange>, now: Timestamp, token: Option<&str>) {
        let mut rows = self.rows.lock().unwrap();
        for change in changes {
            let (about, status, due_at) = match change {
                NoticeChange::Connected(about) => (about, NoticeStatus::Connected, now),
                NoticeChange::Disconnected { about, grace } => {
                    (about, NoticeStatus::Disconnected, now + grace)
                }
            };
            let unheard_farewell = rows.iter_mut().find(|row| {
                status == NoticeStatus::Connected
                    && row.notice.about.seat == about.seat
                    && row.notice.status == NoticeStatus::Disconnected
                    && row.notice.state == NoticeState::Pending
                    && row.notice.attempts == 0
            });
            if let Some(row) = unheard_farewell {
                row.notice.state = NoticeState::Withdrawn;
                continue;
            }
            let notice = Notice {
                id: NoticeId(i64::try_from(rows.len()).unwrap() + 1),
                about,
                status,
                happened_at: now,
                state: NoticeState::Pending,
                attempts: 0,
                due_at,
                history: Vec::new(),
                launch_token: token.map(SecretString::from),
            };
            rows.push(Row { notice, leased_until: None });
        }
    }

    pub(crate) fn all(&self) -> Vec<Notice> {
        self.rows.lock().unwrap().iter().map(|row| row.notice.clone()).collect()
    }

    pub(crate) fn states(&self) -> Vec<NoticeState> {
        self.all().iter().map(|notice| notice.state).collect()
    }

    fn up(&self) -> Result<(), StorageError> {
        if self.is_down.load(Ordering::Relaxed) {
            return Err(StorageError::Unavailable("down".into()));
        }
        Ok(())
    }
}

/// The oldest undelivered notice of each person.
fn heads(rows: &mut [Row]) -> impl Iterator<Item = &mut Row> {
    let mut seen: HashSet<SeatId> = HashSet::new();
    rows.iter_mut()
        .filter(|row| row.notice.state == NoticeState::Pending)
        .filter(move |row| seen.insert(row.notice.about.seat.clone()))
}

#[async_trait]
impl Notices for FakeNotices {
    async fn take_due(
        &self,
        now: Timestamp,
        lease: SignedDuration,
        limit: u32,
    ) -> Result<Vec<Notice>, StorageError> {
        self.looks.fetch_add(1, Ordering::Relaxed);
        self.up()?;
        let mut rows = self.rows.lock().unwrap();
        let due = heads(&mut rows).filter(|row| row.free_at() <= now).take(limit as usize);
        Ok(due
            .map(|row| {
                row.notice.attempts += 1;
                row.leased_until = Some(now + lease);
                row.notice.clone()
            })
            .collect())
    }

    async fn next_due(&self) -> Result<Option<Timestamp>, StorageError> {
        self.up()?;
        Ok(heads(&mut self.rows.lock().unwrap()).map(|row| row.free_at()).min())
    }

    async fn record_attempt(
        &self,
        id: NoticeId,
        attempt: &Attempt,
        state: NoticeState,
        due_at: Timestamp,
    ) -> Result<(), StorageError> {
        self.up()?;
        let mut rows = self.rows.lock().unwrap();
        let row = rows.iter_mut().find(|row| row.notice.id == id).unwrap();
        row.notice.history.push(attempt.clone());
        row.notice.state = state;
        row.notice.due_at = due_at;
        row.leased_until = None;
        Ok(())
    }

    async fn search_notices(&self, _: &NoticeSearch) -> Result<Vec<Notice>, StorageError> {
        Ok(self.all())
    }

    async fn retry(&self, _: NoticeId, _: Timestamp) -> Result<bool, StorageError> {
        Ok(false)
    }
}

/// How the EHR meets one request.
#[derive(Debug, Clone)]
pub(crate) enum Manner {
    Says(u16, &'static [(&'static str, &'static str)], &'static str),
    Hangs,
    Resets,
    /// Takes so long, then says 200.
    Dawdles(Duration),
}

pub(crate) const GOOD: Manner = Manner::Says(200, &[], r#"{"Status":"1"}"#);

/// An EHR that follows a script, then stays as its last manner was.
pub(crate) struct RudeEhr {
    clock: TokioClock,
    script: Mutex<VecDeque<Manner>>,
    heard: Mutex<Vec<Heard>>,
    pub(crate) at_once: AtomicUsize,
    pub(crate) most_at_once: AtomicUsize,
}

/// One request as it came in.
#[derive(Clone)]
pub(crate) struct Heard {
    pub(crate) at_seconds: u64,
    pub(crate) external_id: String,
    pub(crate) status: String,
    pub(crate) authorization: Option<String>,
}

impl RudeEhr {
    pub(crate) fn new(clock: TokioClock, script: impl IntoIterator<Item = Manner>) -> Arc<Self> {
        Arc::new(Self {
            clock,
            script: Mutex::new(script.into_iter().collect()),
            heard: Mutex::default(),
            at_once: AtomicUsize::new(0),
            most_at_once: AtomicUsize::new(0),
        })
    }

    pub(crate) fn heard(&self) -> Vec<Heard> {
        self.heard.lock().unwrap().clone()
    }

    pub(crate) fn heard_at(&self) -> Vec<u64> {
        self.heard().iter().map(|heard| heard.at_seconds).collect()
    }

    /// The statuses that it heard of this person, in order.
    pub(crate) fn heard_of(&self, external_id: &str) -> Vec<String> {
        self.heard()
            .into_iter()
            .filter(|heard| heard.external_id == external_id)
            .map(|heard| heard.status)
            .collect()
    }

    fn next_manner(&self) -> Manner {
        let mut script = self.script.lock().unwrap();
        if script.len() > 1 { script.pop_front() } else { script.front().cloned() }.unwrap_or(GOOD)
    }
}

/// Counts a request down, also one that is dropped.
struct Visitor<'a>(&'a AtomicUsize);

impl Drop for Visitor<'_> {
    fn drop(&mut self) {
        self.0.fetch_sub(1, Ordering::Relaxed);
    }
}

#[async_trait]
impl HttpClient for RudeEhr {
    async fn send(&self, request: Request) -> Result<Response, HttpError> {
        let now = self.at_once.fetch_add(1, Ordering::Relaxed) + 1;
        self.most_at_once.fetch_max(now, Ordering::Relaxed);
        let _visitor = Visitor(&self.at_once);
        let parameter = |name: &str| {
            let found = request.url.query_pairs().find(|(key, _)| key == name);
            found.map(|(_, value)| value.into_owned()).unwrap_or_default()
        };
        self.heard.lock().unwrap().push(Heard {
            at_seconds: self.clock.seconds(),
            external_id: parameter("ExternalID"),
            status: parameter("ConnectionStatus"),
            authorization: request
                .headers
                .get("authorization")
                .map(|value| value.to_str().unwrap().to_owned()),
        });
        let host = request.url.host_str().unwrap().to_owned();
        match self.next_manner() {
            Manner::Says(status, headers, body) => Ok(said(status, headers, body)),
            Manner::Hangs => std::future::pending().await,
            Manner::Resets => Err(HttpError::Unreachable { host, source: "connection reset by peer".into() }),
            Manner::Dawdles(time) => {
                tokio::time::sleep(time).await;
                Ok(said(200, &[], r#"{"Status":"1"}"#))
            }
        }
    }
}

pub(crate) fn said(status: u16, headers: &[(&'static str, &str)], body: &str) -> Response {
    let headers: HeaderMap = headers
        .iter()
        .map(|(name, value)| (HeaderName::from_static(name), HeaderValue::from_str(value).unwrap()))
        .collect();
    Response { status: StatusCode::from_u16(status).unwrap(), headers, body: body.to_owned().into() }
}

/// Numbers its tokens; a refused one is followed by the next.
#[derive(Default)]
pub(crate) struct FakeTokens {
    number: AtomicU32,
    pub(crate) are_out: AtomicBool,
}

#[async_trait]
impl BackendTokens for FakeTokens {
    async fn token(&self, _: &EhrId) -> Result<SecretString, TokenUnavailable> {
        if self.are_out.load(Ordering::Relaxed) {
            return Err(TokenUnavailable("the EHR says unauthorized_client".into()));
        }
        Ok(format!("backend-{}", self.number.load(Ordering::Relaxed)).into())
    }

    async fn refused(&self, ehr: &EhrId, token: &SecretString) {
        if self.token(ehr).await.is_ok_and(|now| now.expose_secret() == token.expose_secret()) {
            self.number.fetch_add(1, Ordering::Relaxed);
        }
    }
}

/// A seat id from a number.
pub(crate) fn seat(number: usize) -> SeatId {
    format!("seat{number:018}").parse().unwrap()
}

/// Somebody in the EHR connection `ehr`, named `external_id`.
pub(crate) fn about(ehr: &str, number: usize, external_id: &str) -> Recipient {
    Recipient {
        ehr: ehr.parse().unwrap(),
        visit: format!("visit{number:017}").parse().unwrap(),
        session: "10000209577".parse().unwrap(),
        seat: seat(number),
        role: visit::Role::Patient,
        external_id: external_id.to_owned(),
    }
}
