use std::{
    collections::HashMap,
    sync::{Arc, Mutex, MutexGuard, PoisonError},
    time::Duration,
};

use async_trait::async_trait;
use tokio::{
    sync::Semaphore,
    time::{Instant, timeout},
};
use url::Url;

use crate::{
    BreakerOptions, CircuitOpen, Clock, HttpClient, HttpError, Request, Response,
    breaker::{Breaker, Pass, Turn, Verdict},
    http_client::host_of,
};

/// What all requests to one host share.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub struct GuardOptions {
    /// So many requests go to one host at once; the next ones wait, each at
    /// most for its own deadline.
    pub concurrent: usize,
    /// When a host counts as down.
    pub breaker: BreakerOptions,
}

impl Default for GuardOptions {
    /// Thirty-two at once.
    fn default() -> Self {
        Self { concurrent: 32, breaker: BreakerOptions::default() }
    }
}

/// Keeps one slow or dead host from holding up people: limits how many requests
/// it gets at once, and answers for it at once while it is down
/// ([`HttpError::is_circuit_open`]). A host is a name and a port.
///
/// Down is a host that does not answer: no connection, a broken one, or silence
/// until the deadline. Any status is an answer, 502, 503 and 504 too: it came
/// at once, so nobody queues, it may concern one of many services behind the
/// same gateway, and it says more to the person than we could.
pub struct Guarded<H> {
    inner: H,
    clock: Arc<dyn Clock>,
    options: GuardOptions,
    /// Grows with the hosts that are asked: those of the configuration, and
    /// those that discovery named and the EHR connection allows.
    hosts: Mutex<HashMap<String, Arc<Host>>>,
}

struct Host {
    name: String,
    places: Semaphore,
    breaker: Mutex<Breaker>,
}

impl<H> Guarded<H> {
    /// Guards this client. The clock tells how long a host rests.
    pub fn new(inner: H, clock: Arc<dyn Clock>, options: GuardOptions) -> Self {
        Self { inner, clock, options, hosts: Mutex::default() }
    }

    fn host(&self, url: &Url) -> Arc<Host> {
        let name = match url.port_or_known_default() {
            Some(port) => format!("{}:{port}", host_of(url)),
            None => host_of(url),
        };
        let mut hosts = lock(&self.hosts);
        let host = hosts.entry(name).or_insert_with_key(|name| {
            Arc::new(Host {
                name: name.clone(),
                places: Semaphore::new(self.options.concurrent),
                breaker: Mutex::new(Breaker::new(self.options.breaker)),
            })
        });
        Arc::clone(host)
    }
}

#[async_trait]
impl<H: HttpClient> HttpClient for Guarded<H> {
    async fn send(&self, request: Request) -> Result<Response, HttpError> {
        let host = self.host(&request.url);
        let (asked, deadline) = (host_of(&request.url), request.limits.deadline);
        let refused =
            |open: CircuitOpen| HttpError::Unreachable { host: asked.clone(), source: Box::new(open) };
        let timed_out = || HttpError::TimedOut { host: asked.clone(), deadline };

        lock(&host.breaker).check(self.clock.now()).map_err(refused)?;
        let arrived = Instant::now();
        // The semaphore is never closed, so no place means no time.
        let Ok(Ok(_place)) = timeout(deadline, host.places.acquire()).await else {
            return Err(timed_out());
        };

        // The host may have gone down meanwhile: whoever waited for a place
        // does not wait for a dead host too.
        let pass = lock(&host.breaker).admit(self.clock.now()).map_err(refused)?;
        let mut asking = Asking {
            host: &host,
            clock: &*self.clock,
            pass,
            began: Instant::now(),
            patience: deadline / 2,
            verdict: None,
        };
        let left = deadline.saturating_sub(arrived.elapsed());
        let outcome = timeout(left, self.inner.send(request)).await.unwrap_or_else(|_| Err(timed_out()));
        asking.verdict = shown_by(&outcome);
        outcome
    }
}

/// What an outcome shows about the host; nothing for silence, which is judged
/// by how long it lasted.
fn shown_by(outcome: &Result<Response, HttpError>) -> Option<Verdict> {
    match outcome {
        Ok(_) | Err(HttpError::TooLarge { .. } | HttpError::Redirected { .. }) => Some(Verdict::Answered),
        Err(HttpError::Unreachable { .. }) => Some(Verdict::Failed),
        Err(HttpError::Forbidden { .. }) => Some(Verdict::Unknown),
        Err(HttpError::TimedOut { .. }) => None,
    }
}

/// One request on its way. Settled when dropped, because callers hang up too:
/// they have deadlines of their own, and people close their browsers.
struct Asking<'a> {
    host: &'a Host,
    clock: &'a dyn Clock,
    pass: Pass,
    began: Instant,
    /// A silence as long as this is the host's failure, whoever ended it. A
    /// shorter one is not: the request waited for its place too long, or the
    /// caller left early.
    patience: Duration,
    verdict: Option<Verdict>,
}

impl Drop for Asking<'_> {
    fn drop(&mut self) {
        let silence = if self.began.elapsed() >= self.patience { Verdict::Failed } else { Verdict::Unknown };
        let verdict = self.verdict.unwrap_or(silence);
        let turn = lock(&self.host.breaker).settle(self.pass, verdict, self.clock.now());
        let host = &self.host.name;
        match turn {
            Some(Turn::Opened) => {
                tracing::warn!(%host, "{host} does not answer and is left alone for a while");
            }
            Some(Turn::Closed) => tracing::info!(%host, "{host} answers again"),
            None => {}
        }
    }
}

/// What is behind these locks is whole at every moment, so a panic elsewhere
/// does not spoil it.
fn lock<T>(mutex: &Mutex<T>) -> MutexGuard<'_, T> {
    mutex.lock().unwrap_or_else(PoisonError::into_inner)
}

#[cfg(test)]
mod tests;
