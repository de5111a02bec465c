use std::sync::atomic::{AtomicUsize, Ordering};

use futures_util::future::join_all;
use http::{HeaderMap, StatusCode};
use jiff::SignedDuration;
use tokio::{net::TcpListener, time::sleep};

use super::*;
use crate::{
    Limits, RealHttp, RealHttpOptions,
    testing::{FakeHttp, TestClock, json_response},
};

const DEADLINE: Duration = Limits::OAUTH.deadline;

fn clock() -> TestClock {
    TestClock::at("2026-11-21T20:00:00Z")
}

fn guarded<H: HttpClient>(inner: H, clock: &TestClock) -> Guarded<H> {
    Guarded::new(inner, Arc::new(clock.clone()), GuardOptions::default())
}

fn request(url: &str) -> Request {
    Request::get(Url::parse(url).unwrap(), Limits::OAUTH)
}

const EHR: &str = "https://ehr.example.org/token";

fn broken() -> HttpError {
    HttpError::Unreachable { host: "ehr.example.org".into(), source: "connection reset".into() }
}

/// Takes its time for an answer; time is tokio's, which tests pause.
#[derive(Default)]
struct Slow {
    takes: Duration,
    asked: AtomicUsize,
    at_once: AtomicUsize,
    most_at_once: AtomicUsize,
}

impl Slow {
    fn taking(takes: Duration) -> Self {
        Self { takes, ..Self::default() }
    }

    fn silent() -> Self {
        Self::taking(Duration::from_hours(1))
    }

    fn asked(&self) -> usize {
        self.asked.load(Ordering::SeqCst)
    }
}

#[async_trait]
impl HttpClient for Slow {
    async fn send(&self, _: Request) -> Result<Response, HttpError> {
        self.asked.fetch_add(1, Ordering::SeqCst);
        let now = self.at_once.fetch_add(1, Ordering::SeqCst) + 1;
        self.most_at_once.fetch_max(now, Ordering::SeqCst);
        sleep(self.takes).await;
        self.at_once.fetch_sub(1, Ordering::SeqCst);
        Ok(Response { status: StatusCode::OK, headers: HeaderMap::new(), body: bytes::Bytes::new() })
    }
}

#[tokio::test(start_paused = true)]
async fn a_host_gets_so_many_requests_at_once_and_no_more() {
    let http = guarded(Slow::taking(Duration::from_secs(1)), &clock());
    let began = Instant::now();
    let outcomes = join_all((0..100).map(|_| http.send(request(EHR)))).await;
    assert!(outcomes.iter().all(Result::is_ok));
    assert_eq!(http.inner.most_at_once.load(Ordering::SeqCst), 32);
    assert_eq!(began.elapsed().as_secs(), 4, "three full rounds of 32 and one of 4");
}

#[tokio::test(start_paused = true)]
async fn one_busy_host_does_not_hold_up_another() {
    let http = guarded(Slow::taking(Duration::from_secs(1)), &clock());
    let began = Instant::now();
    let busy = join_all((0..64).map(|_| http.send(request(EHR))));
    let other = async {
        http.send(request("https://ehr.example.org:8443/")).await.unwrap();
        http.send(request("https://other.example.org/")).await.unwrap();
        began.elapsed().as_secs()
    };
    let (_, other_took) = tokio::join!(busy, other);
    assert_eq!(other_took, 2);
}

#[tokio::test(start_paused = true)]
async fn whoever_waits_for_a_place_leaves_at_the_own_deadline() {
    let options = GuardOptions { concurrent: 1, ..GuardOptions::default() };
    let http = Guarded::new(Slow::silent(), Arc::new(clock()), options);
    let began = Instant::now();
    let first = http.send(request(EHR));
    let waiting = async {
        let mut impatient = request(EHR);
        impatient.limits.deadline = Duration::from_secs(3);
        (http.send(impatient).await, began.elapsed().as_secs(), http.inner.asked())
    };
    let (_, (outcome, waited, asked)) = tokio::join!(first, waiting);
    assert!(
        matches!(outcome, Err(HttpError::TimedOut { deadline, .. }) if deadline == Duration::from_secs(3))
    );
    assert_eq!((waited, asked), (3, 1));
}

#[tokio::test(start_paused = true)]
async fn waiting_and_answering_together_keep_the_deadline() {
    let options = GuardOptions { concurrent: 1, ..GuardOptions::default() };
    let http = Guarded::new(Slow::taking(Duration::from_secs(5)), Arc::new(clock()), options);
    let began = Instant::now();
    let (first, second) = tokio::join!(http.send(request(EHR)), http.send(request(EHR)));
    assert!(first.is_ok());
    assert!(matches!(second, Err(HttpError::TimedOut { deadline: DEADLINE, .. })));
    assert_eq!(began.elapsed().as_secs(), 8);
}

#[tokio::test]
async fn a_host_that_is_down_is_left_alone_and_tried_again() {
    let clock = clock();
    let down = Arc::new(AtomicUsize::new(1));
    let answers = FakeHttp::answering({
        let down = Arc::clone(&down);
        move |_| {
            if down.load(Ordering::SeqCst) == 1 { Err(broken()) } else { Ok(json_response(200, &().into())) }
        }
    });
    let http = guarded(answers.clone(), &clock);
    let asked = || answers.requests().len();

    for _ in 0..5 {
        assert!(!http.send(request(EHR)).await.unwrap_err().is_circuit_open());
    }
    let refused = http.send(request(EHR)).await.unwrap_err();
    assert!(refused.is_circuit_open() && refused.is_passing());
    assert_eq!(asked(), 5);
    assert!(!http.send(request("https://other.example.org/")).await.unwrap_err().is_circuit_open());

    // Still down after its rest: one probe, and rest again.
    clock.advance(SignedDuration::from_secs(5));
    assert!(!http.send(request(EHR)).await.unwrap_err().is_circuit_open());
    assert!(http.send(request(EHR)).await.unwrap_err().is_circuit_open());
    assert_eq!(asked(), 7);

    down.store(0, Ordering::SeqCst);
    assert!(http.send(request(EHR)).await.is_err(), "it rests, whatever it would say");
    clock.advance(SignedDuration::from_secs(5));
    for _ in 0..3 {
        http.send(request(EHR)).await.unwrap();
    }
}

#[tokio::test]
async fn no_status_and_no_refusal_of_ours_makes_a_host_count_as_down() {
    let host = || "ehr.example.org".to_owned();
    let outcomes: [fn() -> Result<Response, HttpError>; 4] = [
        || Ok(json_response(401, &().into())),
        || Ok(json_response(500, &().into())),
        || Ok(json_response(503, &().into())),
        || Ok(json_response(504, &().into())),
    ];
    for outcome in outcomes {
        let http = guarded(FakeHttp::answering(move |_| outcome()), &clock());
        for _ in 0..10 {
            assert!(http.send(request(EHR)).await.is_ok());
        }
    }
    let refusals: [fn(String) -> HttpError; 3] = [
        |host| HttpError::TooLarge { host, limit: 1 },
        |host| HttpError::Redirected { host, to: "elsewhere".into() },
        |host| HttpError::Forbidden { host, reason: "only https is asked" },
    ];
    for refusal in refusals {
        let http = guarded(FakeHttp::answering(move |_| Err(refusal(host()))), &clock());
        for _ in 0..10 {
            assert!(!http.send(request(EHR)).await.unwrap_err().is_circuit_open());
        }
    }
}

#[tokio::test(start_paused = true)]
async fn a_silent_host_empties_its_queue_when_it_counts_as_down() {
    let options = GuardOptions { concurrent: 5, ..GuardOptions::default() };
    let http = Guarded::new(Slow::silent(), Arc::new(clock()), options);
    let began = Instant::now();
    let first = join_all((0..5).map(|_| http.send(request(EHR))));
    let queue = async {
        sleep(Duration::from_secs(4)).await;
        join_all((0..50).map(|_| http.send(request(EHR)))).await
    };
    let (_, queue) = tokio::join!(first, queue);
    assert!(queue.into_iter().all(|outcome| outcome.unwrap_err().is_circuit_open()));
    assert_eq!(began.elapsed().as_secs(), 8, "not 12, their own deadline");
    assert_eq!(http.inner.asked(), 5);
}

#[tokio::test(start_paused = true)]
async fn callers_who_hang_up_after_long_silence_count_and_early_leavers_do_not() {
    for (stays, counts) in [(1, false), (6, true)] {
        let http = guarded(Slow::silent(), &clock());
        for _ in 0..5 {
            assert!(timeout(Duration::from_secs(stays), http.send(request(EHR))).await.is_err());
        }
        let next = timeout(Duration::from_secs(1), http.send(request(EHR))).await;
        assert_eq!(next.is_ok_and(|outcome| outcome.unwrap_err().is_circuit_open()), counts, "{stays} s");
    }
}

#[tokio::test(start_paused = true)]
async fn requests_that_lost_their_time_in_the_queue_do_not_count() {
    // Alive, and so slow that the second eight have one second left.
    let options = GuardOptions { concurrent: 8, ..GuardOptions::default() };
    let http = Guarded::new(Slow::taking(Duration::from_secs(7)), Arc::new(clock()), options);
    for _ in 0..2 {
        let outcomes = join_all((0..16).map(|_| http.send(request(EHR)))).await;
        assert!(outcomes[..8].iter().all(Result::is_ok));
        assert!(outcomes[8..].iter().all(|outcome| matches!(outcome, Err(HttpError::TimedOut { .. }))));
    }
    assert_eq!(http.inner.asked(), 32);
}

#[tokio::test(start_paused = true)]
async fn a_probe_whose_caller_hangs_up_leaves_the_way_to_the_next() {
    let clock = clock();
    let http = guarded(Slow::silent(), &clock);
    join_all((0..5).map(|_| http.send(request(EHR)))).await;
    clock.advance(SignedDuration::from_secs(5));
    for asked in [6, 7] {
        assert!(timeout(Duration::from_secs(1), http.send(request(EHR))).await.is_err());
        assert_eq!(http.inner.asked(), asked);
    }
}

#[tokio::test]
async fn over_real_sockets_a_dead_port_is_left_alone_until_it_lives() {
    let listener = TcpListener::bind("127.0.0.1:0").await.unwrap();
    let address = listener.local_addr().unwrap();
    drop(listener);
    let url = format!("http://{address}/");
    let clock = clock();
    let http = guarded(RealHttp::new(RealHttpOptions::default()).unwrap(), &clock);
    for _ in 0..5 {
        assert!(!http.send(request(&url)).await.unwrap_err().is_circuit_open());
    }
    assert!(http.send(request(&url)).await.unwrap_err().is_circuit_open());

    let alive = std::net::TcpListener::bind(address).unwrap();
    let server = wiremock::MockServer::builder().listener(alive).start().await;
    assert!(http.send(request(&url)).await.unwrap_err().is_circuit_open());
    clock.advance(SignedDuration::from_secs(5));
    assert_eq!(http.send(request(&url)).await.unwrap().status, StatusCode::NOT_FOUND);
    assert_eq!(server.received_requests().await.unwrap().len(), 1);
}
