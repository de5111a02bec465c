use outside::testing::{TestClock, TestRandom};
use storage::Storage;

use super::*;

/// Two nodes on one database.
async fn two() -> (Node, Node, TestClock) {
    let random = Arc::new(TestRandom::seeded(1));
    let rooms: Arc<dyn Rooms> = Arc::new(Storage::temporary(random.clone()).await.unwrap());
    let clock = TestClock::at("2026-11-21T15:00:00Z");
    let node = || Node::new(Arc::clone(&rooms), Arc::new(clock.clone()), &*random, NodeSettings::default());
    let (a, b) = (node(), node());
    a.register().await.unwrap();
    b.register().await.unwrap();
    (a, b, clock)
}

fn room() -> RoomHandle {
    RoomHandle("r".repeat(22))
}

fn at(node: &Node) -> Holder {
    Holder::Elsewhere(node.id.0.clone())
}

fn pass(clock: &TestClock, seconds: i64) {
    clock.advance(SignedDuration::from_secs(seconds));
}

#[tokio::test]
async fn a_dead_node_s_room_is_taken_over() {
    let (a, b, clock) = two().await;
    assert_eq!(a.hold(&room()).await.unwrap(), Holder::Here);
    for _ in 0..3 {
        pass(&clock, 2);
        b.register().await.unwrap();
        assert_eq!(b.hold(&room()).await.unwrap(), at(&a));
    }
    pass(&clock, 2);
    b.register().await.unwrap();
    assert_eq!(b.hold(&room()).await.unwrap(), Holder::Here);
}

#[tokio::test]
async fn after_the_database_was_away_a_room_stays_where_it_is() {
    let (a, b, clock) = two().await;
    assert_eq!(a.hold(&room()).await.unwrap(), Holder::Here);
    pass(&clock, 60);
    // Before it has said itself that it lives, and after.
    assert_eq!(b.hold(&room()).await.unwrap(), at(&a));
    b.register().await.unwrap();
    assert_eq!(b.hold(&room()).await.unwrap(), at(&a));
    pass(&clock, 1);
    a.register().await.unwrap();
    for _ in 0..10 {
        pass(&clock, 2);
        a.register().await.unwrap();
        b.register().await.unwrap();
        assert_eq!(b.hold(&room()).await.unwrap(), at(&a));
    }
}

#[tokio::test]
async fn a_node_that_died_while_the_database_was_away_is_given_up_soon_after() {
    let (a, b, clock) = two().await;
    assert_eq!(a.hold(&room()).await.unwrap(), Holder::Here);
    pass(&clock, 60);
    for _ in 0..4 {
        b.register().await.unwrap();
        assert_eq!(b.hold(&room()).await.unwrap(), at(&a));
        pass(&clock, 2);
    }
    b.register().await.unwrap();
    assert_eq!(b.hold(&room()).await.unwrap(), Holder::Here);
}
