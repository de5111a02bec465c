//! Stand-ins for tests: time that is moved, randomness that repeats, and an
//! HTTP client that answers from a function and remembers what it was asked.

use std::sync::{
    Arc, Mutex, PoisonError,
    atomic::{AtomicU64, Ordering},
};

use async_trait::async_trait;
use http::{HeaderMap, HeaderValue, StatusCode, header};
use jiff::{SignedDuration, Timestamp};

use crate::{Clock, HttpClient, HttpError, Random, Request, Response};

/// A clock that stands still until it is moved. Clones share their time.
#[derive(Debug, Clone)]
pub struct TestClock(Arc<Mutex<Timestamp>>);

impl TestClock {
    /// A clock that shows this moment, as `2026-11-21T20:00:00Z`.
    pub fn at(moment: &str) -> Self {
        Self(Arc::new(Mutex::new(moment.parse().expect("a timestamp written in a test"))))
    }

    /// Moves the clock on.
    pub fn advance(&self, by: SignedDuration) {
        let mut now = self.0.lock().unwrap_or_else(PoisonError::into_inner);
        *now += by;
    }
}

impl Clock for TestClock {
    fn now(&self) -> Timestamp {
        *self.0.lock().unwrap_or_else(PoisonError::into_inner)
    }
}

/// Bytes that look random and are the same in each run (splitmix64).
#[derive(Debug, Default)]
pub struct TestRandom(AtomicU64);

impl TestRandom {
    /// A sequence that belongs to this seed.
    pub fn seeded(seed: u64) -> Self {
        Self(AtomicU64::new(seed))
    }
}

impl Random for TestRandom {
    fn fill(&self, buffer: &mut [u8]) {
        for chunk in buffer.chunks_mut(8) {
            let mut z = self.0.fetch_add(0x9e37_79b9_7f4a_7c15, Ordering::Relaxed);
            z = (z ^ (z >> 30)).wrapping_mul(0xbf58_476d_1ce4_e5b9);
            z = (z ^ (z >> 27)).wrapping_mul(0x94d0_49bb_1331_11eb);
            chunk.copy_from_slice(&(z ^ (z >> 31)).to_le_bytes()[..chunk.len()]);
        }
    }
}

type Answer = dyn Fn(&Request) -> Result<Response, HttpError> + Send + Sync;

/// An HTTP client that answers from a function and keeps every request.
#[derive(Clone)]
pub struct FakeHttp {
    answer: Arc<Answer>,
    requests: Arc<Mutex<Vec<Request>>>,
}

impl FakeHttp {
    /// Answers each request by this function.
    pub fn answering(
        answer: impl Fn(&Request) -> Result<Response, HttpError> + Send + Sync + 'static,
    ) -> Self {
        Self { answer: Arc::new(answer), requests: Arc::default() }
    }

    /// All requests so far, in order.
    pub fn requests(&self) -> Vec<Request> {
        self.requests.lock().unwrap_or_else(PoisonError::into_inner).clone()
    }
}

#[async_trait]
impl HttpClient for FakeHttp {
    async fn send(&self, request: Request) -> Result<Response, HttpError> {
        let answer = (self.answer)(&request);
        self.requests.lock().unwrap_or_else(PoisonError::into_inner).push(request);
        answer
    }
}

/// An answer with a JSON body.
pub fn json_response(status: u16, body: &serde_json::Value) -> Response {
    let mut headers = HeaderMap::new();
    headers.insert(header::CONTENT_TYPE, HeaderValue::from_static("application/json"));
    Response {
        status: StatusCode::from_u16(status).expect("a status written in a test"),
        headers,
        body: body.to_string().into(),
    }
}
