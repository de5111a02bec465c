use std::{
    io::Write,
    sync::{Mutex, atomic::Ordering},
};

use outside::testing::TestRandom;
use proptest::prelude::*;
use storage::{NoticeChange, NoticeStatus, Recipient};
use url::Url;

use super::{
    fakes::{FakeNotices, FakeTokens, GOOD, Manner, RudeEhr, TokioClock, about, seat},
    *,
};
use crate::{StatusMethod, StatusPolicy, Vocabulary};

/// One program with its database and its EHRs.
struct House {
    clock: TokioClock,
    notices: Arc<FakeNotices>,
    targets: HashMap<EhrId, StatusTarget>,
    tokens: Arc<FakeTokens>,
    wake: Wake,
}

impl House {
    fn new() -> Self {
        Self {
            clock: TokioClock::new(),
            notices: Arc::default(),
            targets: HashMap::new(),
            tokens: Arc::default(),
            wake: Wake::default(),
        }
    }

    fn with_ehr(
        mut self,
        id: &str,
        auth: StatusAuth,
        script: impl IntoIterator<Item = Manner>,
    ) -> (Self, Arc<RudeEhr>) {
        let ehr = RudeEhr::new(self.clock, script);
        let target = StatusTarget {
            url: Url::parse("https://ehr.example.org/status").unwrap().try_into().unwrap(),
            method: StatusMethod::Get,
            auth,
            epic_client_id: None,
            vocabulary: Vocabulary::default(),
            policy: StatusPolicy::default(),
            http: ehr.clone(),
        };
        self.targets.insert(id.parse().unwrap(), target);
        (self, ehr)
    }

    fn open(id: &str, script: impl IntoIterator<Item = Manner>) -> (Self, Arc<RudeEhr>) {
        Self::new().with_ehr(id, StatusAuth::None, script)
    }

    fn deliverer(&self) -> Deliverer {
        Deliverer {
            notices: self.notices.clone(),
            targets: self.targets.clone(),
            tokens: self.tokens.clone(),
            clock: Arc::new(self.clock),
            random: Arc::new(TestRandom::seeded(7)),
            observer: Arc::new(()),
            wake: self.wake.clone(),
        }
    }

    /// Runs a deliverer for so long, then lets it fall as a killed program does.
    async fn run_for(&self, seconds: u64) {
        let _ = timeout(Duration::from_secs(seconds), self.deliverer().run(std::future::pending())).await;
    }

    fn connected(&self, who: Recipient) {
        self.save(NoticeChange::Connected(who));
    }

    fn disconnected(&self, about: Recipient, grace: i64) {
        self.save(NoticeChange::Disconnected { about, grace: SignedDuration::from_secs(grace) });
    }

    fn save(&self, change: NoticeChange) {
        self.notices.save(vec![change], self.clock.now(), None);
        self.wake.ring();
    }

    fn answers(&self) -> Vec<String> {
        self.notices.all().into_iter().flat_map(|n| n.history).map(|attempt| attempt.answer).collect()
    }
}

#[tokio::test(start_paused = true)]
async fn what_is_accepted_is_delivered_once() {
    let (house, ehr) = House::open("lamna", [GOOD]);
    house.connected(about("lamna", 1, "Z1"));
    house.run_for(3600).await;
    assert_eq!(ehr.heard_of("Z1"), ["1"]);
    assert_eq!(house.notices.states(), [NoticeState::Delivered]);
    assert_eq!(house.answers(), [r#"{"Status":"1"}"#]);
}

#[tokio::test(start_paused = true)]
async fn a_ring_is_answered_at_once() {
    let (house, ehr) = House::open("lamna", [GOOD]);
    let work = async {
        sleep(Duration::from_mins(1)).await;
        house.connected(about("lamna", 1, "Z1"));
        sleep(Duration::from_millis(150)).await;
        assert_eq!(ehr.heard_at(), [60]);
    };
    tokio::select! { () = work => {}, () = house.deliverer().run(std::future::pending()) => {} }
}

#[tokio::test(start_paused = true)]
async fn server_errors_are_tried_again_at_growing_intervals() {
    let (house, ehr) = House::open("lamna", vec![Manner::Says(503, &[], ""); 6].into_iter().chain([GOOD]));
    house.connected(about("lamna", 1, "Z1"));
    house.run_for(3600).await;
    let times = ehr.heard_at();
    let waits: Vec<_> = times.windows(2).map(|pair| pair[1] - pair[0]).collect();
    assert_eq!(waits.len(), 6);
    for (wait, most) in waits.iter().zip([4, 8, 16, 32, 64, 128]) {
        assert!((most / 2..=most + 1).contains(wait), "{waits:?}");
    }
    assert_eq!(house.notices.states(), [NoticeState::Delivered]);
}

#[tokio::test(start_paused = true)]
async fn a_wait_that_the_ehr_asks_for_is_kept() {
    let asks = [
        Manner::Says(429, &[("retry-after", "120")], ""),
        Manner::Says(429, &[("retry-after", "Sat, 21 Nov 2026 20:10:00 GMT")], ""),
        GOOD,
    ];
    let (house, ehr) = House::open("lamna", asks);
    house.connected(about("lamna", 1, "Z1"));
    house.run_for(3600).await;
    let [first, second, third] = ehr.heard_at()[..] else { panic!("three requests") };
    assert_eq!(first, 0);
    assert!((120..=125).contains(&second), "{second}");
    assert!((600..=605).contains(&third), "{third}");
}

#[tokio::test(start_paused = true)]
async fn silence_and_broken_connections_pass() {
    let (house, ehr) = House::open("lamna", [Manner::Hangs, Manner::Resets, GOOD]);
    house.connected(about("lamna", 1, "Z1"));
    house.run_for(3600).await;
    assert_eq!(ehr.heard().len(), 3);
    assert_eq!(
        house.answers(),
        [
            "nothing came back within 25 s",
            "no connection to ehr.example.org: connection reset by peer",
            r#"{"Status":"1"}"#
        ]
    );
}

#[tokio::test(start_paused = true)]
async fn a_refusal_is_shown_and_not_repeated() {
    let refusal = r#"{"Message":"An error has occurred.","ExceptionMessage":"INVALID-USER-ID.","StackTrace":"   at Epic.X.Y()"}"#;
    let (house, ehr) = House::open("lamna", [Manner::Says(400, &[], refusal)]);
    house.connected(about("lamna", 1, "Z1"));
    house.run_for(3600).await;
    assert_eq!(ehr.heard().len(), 1);
    assert_eq!(house.notices.states(), [NoticeState::Failed]);
    assert_eq!(house.answers(), ["An error has occurred. INVALID-USER-ID."]);
    assert_eq!(house.notices.all()[0].history[0].http_status, Some(400));
}

#[tokio::test(start_paused = true)]
async fn an_ehr_that_never_recovers_is_given_up() {
    let (house, ehr) =
        House::open("lamna", [Manner::Says(502, &[], "<html><body><h1>Bad gateway</h1></body></html>")]);
    house.connected(about("lamna", 1, "Z1"));
    house.run_for(8 * 3600).await;
    assert_eq!(house.notices.states(), [NoticeState::Failed]);
    assert_eq!(house.answers().last().unwrap(), "given up: Bad gateway");
    let last = *ehr.heard_at().last().unwrap();
    assert!((6 * 3600..=6 * 3600 + 300).contains(&last), "{last}");
    assert!(ehr.heard().len() < 200, "{}", ehr.heard().len());
}

#[tokio::test(start_paused = true)]
async fn a_rejoin_within_the_grace_time_does_not_flicker() {
    let (house, ehr) = House::open("lamna", [GOOD]);
    house.connected(about("lamna", 1, "Z1"));
    house.run_for(10).await;
    house.disconnected(about("lamna", 1, "Z1"), 30);
    house.run_for(29).await;
    house.connected(about("lamna", 1, "Z1"));
    house.run_for(600).await;
    assert_eq!(ehr.heard_of("Z1"), ["1"]);

    house.disconnected(about("lamna", 1, "Z1"), 30);
    house.run_for(29).await;
    assert_eq!(ehr.heard_of("Z1"), ["1"]);
    house.run_for(3).await;
    assert_eq!(ehr.heard_of("Z1"), ["1", "2"]);
}

#[tokio::test(start_paused = true)]
async fn each_person_is_told_of_in_order_and_nobody_waits_for_another() {
    let moody = [Manner::Says(500, &[], ""), Manner::Resets, Manner::Says(429, &[], ""), GOOD];
    let (house, ehr) = House::open("lamna", moody);
    house.connected(about("lamna", 1, "Z1"));
    house.disconnected(about("lamna", 1, "Z1"), 0);
    house.connected(about("lamna", 2, "Z2"));
    house.run_for(3600).await;
    assert_eq!(house.notices.states(), [NoticeState::Delivered; 3]);
    let of_the_first = ehr.heard_of("Z1");
    assert!(of_the_first.is_sorted(), "{of_the_first:?}");
    assert_eq!(of_the_first.last().unwrap(), "2");
}

#[tokio::test(start_paused = true)]
async fn what_was_on_its_way_when_the_program_died_is_sent_again() {
    let (house, ehr) = House::open("lamna", [Manner::Hangs, GOOD]);
    house.connected(about("lamna", 1, "Z1"));
    house.run_for(10).await;
    assert_eq!(ehr.heard_at(), [0]);
    house.run_for(300).await;
    let [0, again] = ehr.heard_at()[..] else { panic!("two requests") };
    assert!((60..=65).contains(&again), "when the lease has ended, not before: {again}");
    assert_eq!(house.notices.states(), [NoticeState::Delivered]);
}

#[tokio::test(start_paused = true)]
async fn a_stop_lets_attempts_end_that_have_begun() {
    let (house, _) = House::open("lamna", [Manner::Dawdles(Duration::from_secs(3))]);
    house.connected(about("lamna", 1, "Z1"));
    house.deliverer().run(sleep(Duration::from_secs(1))).await;
    assert_eq!(house.notices.states(), [NoticeState::Delivered]);
    assert_eq!(house.clock.seconds(), 3);
}

#[tokio::test(start_paused = true)]
async fn a_stop_does_not_wait_for_a_silent_ehr() {
    let (house, _) = House::open("lamna", [Manner::Hangs]);
    house.connected(about("lamna", 1, "Z1"));
    house.deliverer().run(sleep(Duration::from_secs(1))).await;
    assert_eq!(house.clock.seconds(), 6);
    assert_eq!(house.notices.states(), [NoticeState::Pending]);
}

#[tokio::test(start_paused = true)]
async fn a_silent_ehr_holds_up_no_other() {
    let (house, silent) = House::open("silent", [Manner::Hangs]);
    let (house, lively) = house.with_ehr("lively", StatusAuth::None, [GOOD]);
    for number in 0..2 * IN_HAND_PER_EHR {
        house.connected(about("silent", number, "S"));
    }
    let work = async {
        for second in 0..200 {
            house.connected(about("lively", 10_000 + second, "L"));
            sleep(Duration::from_secs(1)).await;
            assert_eq!(lively.heard().len(), second + 1);
        }
    };
    tokio::select! { () = work => {}, () = house.deliverer().run(std::future::pending()) => {} }
    assert_eq!(silent.most_at_once.load(Ordering::Relaxed), AT_ONCE_PER_EHR);
}

#[tokio::test(start_paused = true)]
async fn a_burst_is_delivered_in_bulk() {
    let (house, ehr) = House::open("lamna", [Manner::Dawdles(Duration::from_millis(50))]);
    for number in 0..500 {
        house.connected(about("lamna", number, "B"));
    }
    house.run_for(5).await;
    assert_eq!(ehr.heard().len(), 500);
    assert!(house.notices.looks.load(Ordering::Relaxed) < 60);
}

#[tokio::test(start_paused = true)]
async fn an_idle_deliverer_seldom_asks_the_database() {
    let (house, _) = House::open("lamna", [GOOD]);
    house.run_for(3600).await;
    assert!(house.notices.looks.load(Ordering::Relaxed) <= 3600 / 5 + 1);
}

#[tokio::test(start_paused = true)]
async fn a_database_that_is_away_is_waited_for() {
    let (house, ehr) = House::open("lamna", [GOOD]);
    house.connected(about("lamna", 1, "Z1"));
    house.notices.is_down.store(true, Ordering::Relaxed);
    let work = async {
        sleep(Duration::from_mins(10)).await;
        assert!(house.notices.looks.load(Ordering::Relaxed) < 35);
        house.notices.is_down.store(false, Ordering::Relaxed);
        sleep(LONGEST_STORAGE_PAUSE).await;
        assert_eq!(ehr.heard_of("Z1"), ["1"]);
    };
    tokio::select! { () = work => {}, () = house.deliverer().run(std::future::pending()) => {} }
}

#[tokio::test(start_paused = true)]
async fn an_end_that_cannot_be_recorded_is_recorded_later() {
    let (house, ehr) = House::open("lamna", [Manner::Dawdles(Duration::from_secs(2))]);
    house.connected(about("lamna", 1, "Z1"));
    let work = async {
        sleep(Duration::from_secs(1)).await;
        house.notices.is_down.store(true, Ordering::Relaxed);
        sleep(Duration::from_secs(20)).await;
        house.notices.is_down.store(false, Ordering::Relaxed);
        sleep(Duration::from_mins(5)).await;
    };
    tokio::select! { () = work => {}, () = house.deliverer().run(std::future::pending()) => {} }
    assert_eq!(ehr.heard_of("Z1"), ["1"]);
    assert_eq!(house.notices.states(), [NoticeState::Delivered]);
}

#[tokio::test(start_paused = true)]
async fn the_launch_token_signs_while_there_is_one() {
    let (house, ehr) = House::new().with_ehr("lamna", StatusAuth::LaunchToken, [GOOD]);
    let changes = vec![NoticeChange::Connected(about("lamna", 1, "Z1"))];
    house.notices.save(changes, house.clock.now(), Some("launch-token-1"));
    house.connected(about("lamna", 2, "Z2"));
    house.run_for(3600).await;
    assert_eq!(ehr.heard().len(), 1);
    assert_eq!(ehr.heard()[0].authorization.as_deref(), Some("Bearer launch-token-1"));
    assert_eq!(house.notices.states(), [NoticeState::Delivered, NoticeState::Failed]);
    assert_eq!(house.answers()[1], NO_LAUNCH_TOKEN);
}

#[tokio::test(start_paused = true)]
async fn a_backend_token_that_is_refused_is_replaced_once() {
    let (house, ehr) =
        House::new().with_ehr("lamna", StatusAuth::BackendServices, [Manner::Says(401, &[], ""), GOOD]);
    house.connected(about("lamna", 1, "Z1"));
    house.run_for(3600).await;
    let tokens: Vec<_> = ehr.heard().into_iter().filter_map(|heard| heard.authorization).collect();
    assert_eq!(tokens, ["Bearer backend-0", "Bearer backend-1"]);
    assert_eq!(house.notices.states(), [NoticeState::Delivered]);

    let (house, ehr) =
        House::new().with_ehr("lamna", StatusAuth::BackendServices, [Manner::Says(401, &[], "no")]);
    house.connected(about("lamna", 1, "Z1"));
    house.run_for(3600).await;
    assert_eq!(ehr.heard().len(), 2);
    assert_eq!(house.notices.states(), [NoticeState::Failed]);
}

#[tokio::test(start_paused = true)]
async fn without_a_backend_token_nothing_is_sent_and_nothing_lost() {
    let (house, ehr) = House::new().with_ehr("lamna", StatusAuth::BackendServices, [GOOD]);
    house.tokens.are_out.store(true, Ordering::Relaxed);
    house.connected(about("lamna", 1, "Z1"));
    house.run_for(600).await;
    assert!(ehr.heard().is_empty());
    assert_eq!(house.answers()[0], "no backend-services token: the EHR says unauthorized_client");
    house.tokens.are_out.store(false, Ordering::Relaxed);
    house.run_for(600).await;
    assert_eq!(house.notices.states(), [NoticeState::Delivered]);
}

#[tokio::test(start_paused = true)]
async fn what_is_no_longer_configured_fails_with_the_reason() {
    let (house, ehr) = House::open("lamna", [GOOD]);
    house.connected(about("gone", 1, "Z1"));
    house.connected(Recipient { role: visit::Role::Guest, ..about("lamna", 2, "Z2") });
    house.run_for(60).await;
    assert!(ehr.heard().is_empty());
    assert_eq!(
        house.answers(),
        [
            "connection status is not configured for this EHR connection",
            "no id type is configured for the role guest"
        ]
    );
}

/// The first text is the session id that [`about`] gives everybody.
const NEVER_LOGGED: [&str; 4] = ["10000209577", "ZNAME", "sesame", "MRN-778"];

#[derive(Clone, Default)]
struct Pages(Arc<Mutex<Vec<u8>>>);

impl Write for Pages {
    fn write(&mut self, bytes: &[u8]) -> std::io::Result<usize> {
        self.0.lock().unwrap().write(bytes)
    }

    fn flush(&mut self) -> std::io::Result<()> {
        Ok(())
    }
}

#[tokio::test(start_paused = true)]
async fn logs_tell_of_nobody() {
    let pages = Pages::default();
    let writer = pages.clone();
    let log = tracing_subscriber::fmt()
        .with_max_level(tracing::Level::TRACE)
        .with_writer(move || writer.clone())
        .finish();
    let _guard = tracing::subscriber::set_default(log);

    let answers = [
        Manner::Says(500, &[], "MRN-778"),
        Manner::Resets,
        Manner::Says(400, &[], "sesame for MRN-778"),
        GOOD,
    ];
    let (house, _) = House::new().with_ehr("lamna", StatusAuth::LaunchToken, answers);
    for (number, name) in ["ZNAME-1", "ZNAME-2", "ZNAME-3"].into_iter().enumerate() {
        let changes = vec![NoticeChange::Connected(about("lamna", number, name))];
        house.notices.save(changes, house.clock.now(), Some("sesame"));
    }
    house.run_for(3600).await;
    house.notices.is_down.store(true, Ordering::Relaxed);
    house.run_for(60).await;

    let log = String::from_utf8(pages.0.lock().unwrap().clone()).unwrap();
    for told in ["delivered", "failed", "tried again", "cannot be read", "lamna"] {
        assert!(log.contains(told), "{told} in {log}");
    }
    for secret in NEVER_LOGGED {
        assert!(!log.contains(secret), "{secret} in {log}");
    }
}

/// A bad day at the EHR, one request each.
fn bad_manners() -> impl Strategy<Value = Manner> {
    prop_oneof![
        4 => Just(GOOD),
        2 => Just(Manner::Says(500, &[], "")),
        1 => Just(Manner::Says(429, &[("retry-after", "40")], "")),
        1 => Just(Manner::Hangs),
        1 => Just(Manner::Resets),
        1 => (0_u64..40).prop_map(|seconds| Manner::Dawdles(Duration::from_secs(seconds))),
    ]
}

proptest! {
    #![proptest_config(ProptestConfig::with_cases(32))]

    /// Whatever the EHR does and however often the program dies: everything
    /// is delivered, and each person's light goes on and off in order.
    #[test]
    fn nothing_is_lost_and_nothing_overtakes(
        day in proptest::collection::vec(bad_manners(), 0..12),
        lives in proptest::collection::vec(1_u64..200, 0..6),
        steps in proptest::collection::vec((0_usize..3, 0_u64..50), 1..15),
    ) {
        let runtime = tokio::runtime::Builder::new_current_thread().enable_time().start_paused(true).build().unwrap();
        runtime.block_on(async {
            let (house, ehr) = House::open("lamna", day.into_iter().chain([GOOD]));
            let mut connected = [false; 3];
            let people = ["A", "B", "C"];
            let changes = async {
                for (who, pause) in steps {
                    let person = about("lamna", who, people[who]);
                    if connected[who] { house.disconnected(person, 30) } else { house.connected(person) }
                    connected[who] = !connected[who];
                    sleep(Duration::from_secs(pause)).await;
                }
            };
            let program = async {
                for life in lives {
                    house.run_for(life).await;
                }
                house.run_for(2 * 3600).await;
            };
            tokio::join!(changes, program);

            let told = house.notices.all();
            prop_assert!(told.iter().all(|notice| notice.state != NoticeState::Pending));
            for (who, name) in people.into_iter().enumerate() {
                let of_person = told.iter().filter(|notice| notice.about.seat == seat(who));
                let to_be_heard: Vec<_> = of_person
                    .filter(|notice| notice.state == NoticeState::Delivered)
                    .map(|notice| if notice.status == NoticeStatus::Connected { "1" } else { "2" })
                    .collect();
                let mut heard = ehr.heard_of(name);
                // At least once: the same may come again before the next.
                heard.dedup();
                prop_assert_eq!(&heard, &to_be_heard);
                prop_assert_eq!(heard.last().is_some_and(|last| last == "1"), connected[who]);
            }
            Ok(())
        })?;
    }
}
