use std::{collections::HashMap, sync::Arc, time::Duration};

use http::StatusCode;
use jiff::{SignedDuration, Timestamp};
use outside::{Clock, Random, RandomExt};
use storage::{Attempt, Notice, NoticeState, Notices};
use tokio::{
    sync::{OwnedSemaphorePermit, Semaphore},
    task::JoinSet,
    time::{Instant, sleep, sleep_until, timeout},
};
use visit::EhrId;

use crate::{
    BackendTokens, StatusAuth, StatusPolicy, StatusTarget, Wake, Word,
    judgement::{Judgement, Verdict, fate, judge, judge_error},
    request::{Credentials, status_request},
};

/// Taken at one look; where as many are due, the next look follows at once.
const PER_LOOK: u32 = 100;

/// Between two looks, so that a burst of rings is one look.
const SHORTEST_PAUSE: Duration = Duration::from_millis(100);

/// A look happens at least so often: another node, or one that died, may have
/// left something.
const LONGEST_PAUSE: Duration = Duration::from_secs(5);

/// The longest wait for a database that does not answer.
const LONGEST_STORAGE_PAUSE: Duration = Duration::from_secs(30);

/// How long a taken notice is hidden from other nodes; and so how long what a
/// killed node had in hand waits.
const LEASE: SignedDuration = SignedDuration::from_mins(1);

/// From the token to the last byte of the answer. An attempt begins only if
/// it ends within the lease, so that two nodes never send the same notice.
const LONGEST_ATTEMPT: Duration = Duration::from_secs(25);

/// Requests to one EHR at the same time.
const AT_ONCE_PER_EHR: usize = 8;

/// Notices of one EHR that are sent or wait here for their turn. More are
/// left where they are and come back when their lease ends: an EHR that is
/// silent costs the others neither memory nor time.
const IN_HAND_PER_EHR: usize = 512;

/// How long attempts that have begun may go on when the program stops.
const FAREWELL: Duration = Duration::from_secs(5);

/// Hears of each attempt; for figures.
pub trait DeliveryObserver: Send + Sync {
    /// An attempt ended: what became of the notice (`Pending`: it is tried
    /// again), and how long the attempt took.
    fn attempt_ended(&self, ehr: &EhrId, state: NoticeState, took: Duration);
}

impl DeliveryObserver for () {
    fn attempt_ended(&self, _: &EhrId, _: NoticeState, _: Duration) {}
}

/// Brings notices to the EHRs: at least once, and in order for each person,
/// for [`Notices::take_due`] gives a person's next notice only when the one
/// before is delivered or failed. Several nodes may run one each on the same
/// database.
pub struct Deliverer {
    /// What is to be delivered.
    pub notices: Arc<dyn Notices>,
    /// Where, for each EHR connection that is told. A notice for any other
    /// fails.
    pub targets: HashMap<EhrId, StatusTarget>,
    /// Tokens for targets with [`StatusAuth::BackendServices`].
    pub tokens: Arc<dyn BackendTokens>,
    /// The present moment.
    pub clock: Arc<dyn Clock>,
    /// Spreads further attempts over time.
    pub random: Arc<dyn Random>,
    /// Hears of each attempt.
    pub observer: Arc<dyn DeliveryObserver>,
    /// Rung when there is something to deliver.
    pub wake: Wake,
}

impl Deliverer {
    /// Delivers until `shutdown` ends, then gives attempts that have begun a
    /// few seconds. Dropping it instead loses nothing either: what was taken
    /// comes back when its lease ends.
    pub async fn run(self, shutdown: impl Future<Output = ()>) {
        let deliverer = Arc::new(self);
        let mut lanes = Lanes::default();
        let mut attempts = JoinSet::new();
        let mut looks = Looks::new();
        tokio::pin!(shutdown);
        loop {
            tokio::select! {
                () = &mut shutdown => break,
                // The person's next notice may be due now.
                Some(_) = attempts.join_next() => looks.hurry(),
                () = deliverer.wake.rung() => looks.hurry(),
                () = sleep_until(looks.next) => deliverer.look(&mut lanes, &mut attempts, &mut looks).await,
            }
        }
        let all_ended = async { while attempts.join_next().await.is_some() {} };
        if timeout(FAREWELL, all_ended).await.is_err() {
            tracing::info!("stopped with status reports on their way; they are sent again");
        }
    }

    /// Takes what is due and begins to deliver it.
    async fn look(self: &Arc<Self>, lanes: &mut Lanes, attempts: &mut JoinSet<()>, looks: &mut Looks) {
        let now = self.clock.now();
        let due = match self.notices.take_due(now, LEASE, PER_LOOK).await {
            Ok(due) => due,
            Err(error) => {
                tracing::error!(error = &error as &dyn std::error::Error, "status reports cannot be read");
                return looks.failed();
            }
        };
        let took_all = due.len() < PER_LOOK as usize;
        for notice in due {
            let lane = lanes.of(&notice.about.ehr);
            let Some(place) = lane.place() else { continue };
            let deliverer = Arc::clone(self);
            attempts
                .spawn(async move { deliverer.deliver_in_turn(&notice, &lane, place, now + LEASE).await });
        }
        if took_all {
            let next_due = self.notices.next_due().await.ok().flatten();
            looks.done(next_due.map(|due| due.duration_since(self.clock.now())));
        } else {
            looks.again();
        }
    }

    async fn deliver_in_turn(
        &self,
        notice: &Notice,
        lane: &Lane,
        _place: OwnedSemaphorePermit,
        leased_until: Timestamp,
    ) {
        let Ok(_turn) = lane.turns.acquire().await else { return };
        if self.clock.now() + LONGEST_ATTEMPT > leased_until {
            return;
        }
        let begun = Instant::now();
        let judgement = timeout(LONGEST_ATTEMPT, self.attempt(notice)).await.unwrap_or_else(|_| {
            Judgement::unanswered(format!("nothing came back within {} s", LONGEST_ATTEMPT.as_secs()))
        });
        let (attempt, state, due_at) = self.conclude(notice, judgement);
        tell(notice, &attempt, state);
        self.observer.attempt_ended(&notice.about.ehr, state, begun.elapsed());
        self.record(notice, &attempt, state, due_at, leased_until).await;
    }

    async fn attempt(&self, notice: &Notice) -> Judgement {
        let about = &notice.about;
        let Some(target) = self.targets.get(&about.ehr) else {
            return Judgement::pointless(
                "connection status is not configured for this EHR connection".into(),
            );
        };
        let Some(id_type) = target.policy.id_type(about.role) else {
            let why = format!("no id type is configured for the role {}", about.role.as_str());
            return Judgement::pointless(why);
        };
        let credentials = match &target.auth {
            StatusAuth::None => Credentials::None,
            StatusAuth::Basic(pair) => Credentials::Basic(pair),
            StatusAuth::LaunchToken => match &notice.launch_token {
                Some(token) => Credentials::Bearer(token.clone()),
                None => return Judgement::pointless(NO_LAUNCH_TOKEN.into()),
            },
            StatusAuth::BackendServices => {
                return self.attempt_with_backend_token(notice, target, id_type).await;
            }
        };
        self.send(notice, target, id_type, credentials).await
    }

    /// An EHR may forget its tokens (a restart) before they expire; a 401 is
    /// followed by one request with a new one.
    async fn attempt_with_backend_token(
        &self,
        notice: &Notice,
        target: &StatusTarget,
        id_type: &Word,
    ) -> Judgement {
        let ehr = &notice.about.ehr;
        let (token, first) = match self.tokens.token(ehr).await {
            Ok(token) => {
                (token.clone(), self.send(notice, target, id_type, Credentials::Bearer(token)).await)
            }
            Err(unavailable) => return Judgement::unanswered(unavailable.to_string()),
        };
        if first.http_status != Some(StatusCode::UNAUTHORIZED.as_u16()) {
            return first;
        }
        self.tokens.refused(ehr, &token).await;
        match self.tokens.token(ehr).await {
            Ok(token) => self.send(notice, target, id_type, Credentials::Bearer(token)).await,
            Err(unavailable) => Judgement::unanswered(unavailable.to_string()),
        }
    }

    async fn send(
        &self,
        notice: &Notice,
        target: &StatusTarget,
        id_type: &Word,
        credentials: Credentials<'_>,
    ) -> Judgement {
        let request = status_request(target, &notice.about, id_type, notice.status, &credentials);
        match target.http.send(request).await {
            Ok(response) => judge(&response, self.clock.now(), credentials.secret()),
            Err(error) => judge_error(&error),
        }
    }

    fn conclude(&self, notice: &Notice, judgement: Judgement) -> (Attempt, NoticeState, Timestamp) {
        let Judgement { verdict, http_status, answer } = judgement;
        let now = self.clock.now();
        let give_up_after = match self.targets.get(&notice.about.ehr) {
            Some(target) => target.policy.give_up_after(),
            None => StatusPolicy::DEFAULT_GIVE_UP_AFTER,
        };
        let (state, due_at) = fate(
            verdict,
            notice.happened_at,
            notice.history.len(),
            give_up_after,
            now,
            u16::from_le_bytes(self.random.bytes()),
        );
        let gave_up = state == NoticeState::Failed && verdict != Verdict::Refused;
        let answer = if gave_up { format!("given up: {answer}") } else { answer };
        (Attempt { at: now, http_status, answer }, state, due_at)
    }

    /// Records an attempt. If the database does not answer while the lease
    /// lasts, the notice is delivered once more.
    async fn record(
        &self,
        notice: &Notice,
        attempt: &Attempt,
        state: NoticeState,
        due_at: Timestamp,
        leased_until: Timestamp,
    ) {
        while let Err(error) = self.notices.record_attempt(notice.id, attempt, state, due_at).await {
            tracing::error!(
                notice = notice.id.0,
                error = &error as &dyn std::error::Error,
                "a status report's end cannot be recorded"
            );
            if self.clock.now() >= leased_until {
                return;
            }
            sleep(Duration::from_secs(1)).await;
        }
    }
}

const NO_LAUNCH_TOKEN: &str =
    "no launch token any more: it has expired or is forgotten; use auth = \"backend-services\"";

/// Numbers only: the answer may name people.
fn tell(notice: &Notice, attempt: &Attempt, state: NoticeState) {
    let (notice, ehr, http_status) = (notice.id.0, &notice.about.ehr, attempt.http_status);
    match state {
        NoticeState::Delivered => tracing::debug!(notice, %ehr, http_status, "status report delivered"),
        NoticeState::Failed => tracing::warn!(notice, %ehr, http_status, "status report failed"),
        NoticeState::Pending | NoticeState::Withdrawn => {
            tracing::info!(notice, %ehr, http_status, "status report is tried again later");
        }
    }
}

/// Which notices of one EHR are sent now, and which wait for that here.
#[derive(Clone)]
struct Lane {
    places: Arc<Semaphore>,
    turns: Arc<Semaphore>,
}

impl Lane {
    /// A place among those in hand, if there is one.
    fn place(&self) -> Option<OwnedSemaphorePermit> {
        Arc::clone(&self.places).try_acquire_owned().ok()
    }
}

/// A lane for each EHR.
#[derive(Default)]
struct Lanes(HashMap<EhrId, Lane>);

impl Lanes {
    fn of(&mut self, ehr: &EhrId) -> Lane {
        let new = || Lane {
            places: Arc::new(Semaphore::new(IN_HAND_PER_EHR)),
            turns: Arc::new(Semaphore::new(AT_ONCE_PER_EHR)),
        };
        self.0.entry(ehr.clone()).or_insert_with(new).clone()
    }
}

/// When to look for due notices.
struct Looks {
    last: Instant,
    next: Instant,
    storage_pause: Duration,
}

impl Looks {
    fn new() -> Self {
        let now = Instant::now();
        Self { last: now, next: now, storage_pause: SHORTEST_PAUSE }
    }

    /// There may be something now. A database that does not answer is left
    /// alone nevertheless.
    fn hurry(&mut self) {
        if self.storage_pause == SHORTEST_PAUSE {
            self.next = self.next.min(self.last + SHORTEST_PAUSE);
        }
    }

    /// All that is due was taken, and the next is due after this time.
    fn done(&mut self, next_due: Option<SignedDuration>) {
        let wait = next_due.map_or(LONGEST_PAUSE, |wait| Duration::try_from(wait).unwrap_or_default());
        self.looked(wait.clamp(SHORTEST_PAUSE, LONGEST_PAUSE));
        self.storage_pause = SHORTEST_PAUSE;
    }

    /// More is due already.
    fn again(&mut self) {
        self.looked(Duration::ZERO);
        self.storage_pause = SHORTEST_PAUSE;
    }

    /// The database does not answer.
    fn failed(&mut self) {
        self.storage_pause = (self.storage_pause * 2).min(LONGEST_STORAGE_PAUSE);
        self.looked(self.storage_pause);
    }

    fn looked(&mut self, wait: Duration) {
        self.last = Instant::now();
        self.next = self.last + wait;
    }
}

#[cfg(test)]
pub(crate) mod fakes;
#[cfg(test)]
mod tests;
