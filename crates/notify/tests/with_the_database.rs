//! From a visit's events through the real database to the EHR.

#![expect(clippy::unwrap_used, reason = "a test may panic")]

use std::{collections::HashMap, sync::Arc, time::Duration};

use async_trait::async_trait;
use jiff::SignedDuration;
use notify::{
    BackendTokens, Deliverer, DeliveryObserver, StatusAuth, StatusMethod, StatusPolicy, StatusTarget,
    TokenUnavailable, Vocabulary, Wake, notices_for,
};
use outside::{
    Clock, HttpClient, HttpError, Request, Response,
    testing::{FakeHttp, TestClock, TestRandom, json_response},
};
use secrecy::SecretString;
use storage::{Arrival, Change, NoticeSearch, NoticeState, Notices, SeatCard, Storage, TokenHash, Visits};
use tokio::sync::mpsc;
use url::Url;
use visit::{Admittance, Command, ConnectionId, EhrId, NewVisit, Role, SeatId, Visit, apply};

struct NoTokens;

#[async_trait]
impl BackendTokens for NoTokens {
    async fn token(&self, _: &EhrId) -> Result<SecretString, TokenUnavailable> {
        Err(TokenUnavailable("not asked for".into()))
    }

    async fn refused(&self, _: &EhrId, _: &SecretString) {}
}

/// Passes on how attempts end.
struct Ends(mpsc::UnboundedSender<NoticeState>);

impl DeliveryObserver for Ends {
    fn attempt_ended(&self, _: &EhrId, state: NoticeState, _: Duration) {
        let _ = self.0.send(state);
    }
}

/// Takes a request and never answers.
struct Silent(mpsc::UnboundedSender<()>);

#[async_trait]
impl HttpClient for Silent {
    async fn send(&self, _: Request) -> Result<Response, HttpError> {
        let _ = self.0.send(());
        std::future::pending().await
    }
}

/// A clinician's way through a visit, stored step by step.
struct Story {
    storage: Storage,
    clock: TestClock,
    visit: Visit,
    seat: SeatId,
}

impl Story {
    async fn begin() -> Self {
        let clock = TestClock::at("2026-11-21T20:00:00Z");
        let visit = Visit::open(NewVisit {
            id: "visit00000000000000001".parse().unwrap(),
            ehr: "lamna-test".parse().unwrap(),
            session: "10000209577".parse().unwrap(),
            room: "room000000000000000001".parse().unwrap(),
            backend: "built-in".parse().unwrap(),
            admittance: Admittance::Manual,
            starts_at: None,
            opened_at: clock.now(),
        });
        let storage = Storage::temporary(Arc::new(TestRandom::seeded(1))).await.unwrap();
        let mut story = Self { storage, clock, visit, seat: "seat000000000000000001".parse().unwrap() };
        story.arrive().await;
        story
    }

    async fn arrive(&mut self) {
        let seat_card = SeatCard {
            external_id: Some("FAMMD".into()),
            launch_token: Some((
                "launch-token".into(),
                Some(self.clock.now() + SignedDuration::from_hours(1)),
            )),
            ..SeatCard::default()
        };
        let arrival = Arrival {
            seat: self.seat.clone(),
            tab: 1,
            session: TokenHash::of("cookie"),
            session_expires_at: self.clock.now() + SignedDuration::from_hours(8),
            seat_card: Some(seat_card),
            visit_card: None,
        };
        let command = Command::Arrive {
            person: "Practitioner/doc".parse().unwrap(),
            role: Role::Provider,
            on_appointment: true,
            fresh_seat: self.seat.clone(),
        };
        self.step(command, Some(arrival)).await;
    }

    async fn connect(&mut self, connection: &str) {
        let connection = connection.parse::<ConnectionId>().unwrap();
        self.step(Command::Connect { seat: self.seat.clone(), connection }, None).await;
    }

    async fn disconnect(&mut self, connection: &str) {
        let connection = connection.parse::<ConnectionId>().unwrap();
        self.step(Command::Disconnect { seat: self.seat.clone(), connection }, None).await;
    }

    async fn leave(&mut self) {
        self.step(Command::Leave { seat: self.seat.clone() }, None).await;
    }

    async fn step(&mut self, command: Command, arrival: Option<Arrival>) {
        let at = self.clock.now();
        let events = apply(&self.visit, command, at).unwrap();
        let mut after = self.visit.clone();
        for event in &events {
            after.evolve(event, at);
        }
        let cards = self.storage.seat_cards(&after.id).await.unwrap();
        let notices = notices_for(&self.visit, &events, &after, &cards, &StatusPolicy::default());
        self.storage
            .save(Change { visit: &after, events: &events, at, notices: &notices, arrival })
            .await
            .unwrap();
        after.version += 1;
        self.visit = after;
    }

    fn deliverer(&self, http: Arc<dyn HttpClient>, observer: Arc<dyn DeliveryObserver>) -> Deliverer {
        let target = StatusTarget {
            url: Url::parse("https://ehr.example.org/status").unwrap().try_into().unwrap(),
            method: StatusMethod::Get,
            auth: StatusAuth::LaunchToken,
            epic_client_id: None,
            vocabulary: Vocabulary::default(),
            policy: StatusPolicy::default(),
            http,
        };
        Deliverer {
            notices: Arc::new(self.storage.clone()),
            targets: HashMap::from([(self.visit.ehr.clone(), target)]),
            tokens: Arc::new(NoTokens),
            clock: Arc::new(self.clock.clone()),
            random: Arc::new(TestRandom::seeded(2)),
            observer,
            wake: Wake::default(),
        }
    }

    /// Delivers until so many attempts have ended; answers what the EHR heard.
    async fn deliver(&self, attempts: usize) -> Vec<String> {
        let ehr = FakeHttp::answering(|_| Ok(json_response(200, &serde_json::json!({"Status": "1"}))));
        let (ended, mut ends) = mpsc::unbounded_channel();
        let enough = async {
            for _ in 0..attempts {
                ends.recv().await;
            }
        };
        self.deliverer(Arc::new(ehr.clone()), Arc::new(Ends(ended))).run(enough).await;
        queries(&ehr)
    }

    /// Newest first.
    async fn states(&self) -> Vec<NoticeState> {
        let search =
            NoticeSearch { meeting: Some("10000209577".into()), limit: 10, ..NoticeSearch::default() };
        self.storage.search_notices(&search).await.unwrap().iter().map(|notice| notice.state).collect()
    }
}

/// What this EHR heard, in order.
fn queries(ehr: &FakeHttp) -> Vec<String> {
    ehr.requests().iter().filter_map(|request| Some(request.url.query()?.to_owned())).collect()
}

const ONLINE: &str =
    "ConferenceID=10000209577&ExternalID=FAMMD&ExternalIDType=1&VendorName=Anteroom&ConnectionStatus=1";
const OFFLINE: &str =
    "ConferenceID=10000209577&ExternalID=FAMMD&ExternalIDType=1&VendorName=Anteroom&ConnectionStatus=2";

#[tokio::test]
async fn who_comes_and_goes_is_told_in_order() {
    let mut story = Story::begin().await;
    story.connect("c1").await;
    story.leave().await;
    assert_eq!(story.deliver(2).await, [ONLINE, OFFLINE]);
    assert_eq!(story.states().await, [NoticeState::Delivered; 2]);
}

#[tokio::test]
async fn a_rejoin_in_time_is_not_told() {
    let mut story = Story::begin().await;
    story.connect("c1").await;
    assert_eq!(story.deliver(1).await, [ONLINE]);
    story.disconnect("c1").await;
    story.clock.advance(SignedDuration::from_secs(29));
    story.connect("c2").await;
    story.clock.advance(SignedDuration::from_mins(5));
    story.leave().await;
    assert_eq!(story.deliver(1).await, [OFFLINE]);
    assert_eq!(
        story.states().await,
        [NoticeState::Delivered, NoticeState::Withdrawn, NoticeState::Delivered]
    );
}

#[tokio::test]
async fn what_was_on_its_way_when_the_program_died_comes_back_after_the_lease() {
    let mut story = Story::begin().await;
    story.connect("c1").await;

    let (asked, mut asks) = mpsc::unbounded_channel();
    let doomed = story.deliverer(Arc::new(Silent(asked)), Arc::new(()));
    tokio::select! {
        () = doomed.run(std::future::pending()) => {}
        _ = asks.recv() => {}
    }
    assert_eq!(story.states().await, [NoticeState::Pending]);

    story.clock.advance(SignedDuration::from_mins(2));
    assert_eq!(story.deliver(1).await, [ONLINE]);
    assert_eq!(story.states().await, [NoticeState::Delivered]);
}

#[tokio::test]
async fn a_launch_token_that_has_expired_is_told_to_operators() {
    let mut story = Story::begin().await;
    story.connect("c1").await;
    story.clock.advance(SignedDuration::from_hours(2));
    assert!(story.deliver(1).await.is_empty());
    let search = NoticeSearch { limit: 1, ..NoticeSearch::default() };
    let record = story.storage.search_notices(&search).await.unwrap().remove(0);
    assert_eq!(record.state, NoticeState::Failed);
    assert_eq!(
        record.history[0].answer,
        "no launch token any more: it has expired or is forgotten; use auth = \"backend-services\""
    );
}

#[tokio::test]
async fn two_nodes_share_the_work() {
    let mut story = Story::begin().await;
    story.connect("c1").await;
    story.leave().await;
    let ehr = FakeHttp::answering(|_| Ok(json_response(200, &serde_json::json!({"Status": "1"}))));
    let (ended, mut ends) = mpsc::unbounded_channel();
    let node = || story.deliverer(Arc::new(ehr.clone()), Arc::new(Ends(ended.clone())));
    let both = async { tokio::join!(node().run(std::future::pending()), node().run(std::future::pending())) };
    let enough = async {
        ends.recv().await;
        ends.recv().await;
    };
    tokio::select! { _ = both => {}, () = enough => {} }
    assert_eq!(queries(&ehr), [ONLINE, OFFLINE]);
}
