use std::sync::Arc;

use storage::{CallAnswer, NodeId, Rooms, Storage};
use tokio::task::JoinSet;
use visit::RoomName;

use crate::{
    database::{Database, contract},
    fixtures::{at, id},
};

contract! {
    a_room_stays_with_the_node_that_took_it,
    a_dead_nodes_room_is_taken_over,
    a_node_that_retires_frees_its_rooms,
    only_the_holder_releases_a_room,
    of_many_nodes_one_holds_the_room,
    a_call_is_taken_and_answered_once,
    calls_come_in_order_to_the_node_they_are_for,
    an_expired_call_is_forgotten,
    nodes_that_died_long_ago_are_forgotten,
}

fn node(name: &str) -> NodeId {
    NodeId(name.to_owned())
}

fn room() -> RoomName {
    id(1)
}

/// Two nodes that live until 30.
async fn two_nodes(storage: &Storage) -> (NodeId, NodeId) {
    for name in ["a", "b"] {
        storage.beat(&node(name), at(0), at(30)).await.unwrap();
    }
    (node("a"), node("b"))
}

async fn a_room_stays_with_the_node_that_took_it(db: Arc<Database>) {
    let storage = db.open().await;
    let (a, b) = two_nodes(&storage).await;
    assert_eq!(storage.hold(&room(), &a, at(1)).await.unwrap(), a);
    assert_eq!(storage.hold(&room(), &b, at(2)).await.unwrap(), a);
    assert_eq!(storage.hold(&room(), &a, at(3)).await.unwrap(), a);
    assert_eq!(storage.hold(&id(2), &b, at(3)).await.unwrap(), b, "another room");
}

async fn a_dead_nodes_room_is_taken_over(db: Arc<Database>) {
    let storage = db.open().await;
    let (a, b) = two_nodes(&storage).await;
    storage.hold(&room(), &a, at(1)).await.unwrap();
    storage.beat(&b, at(20), at(60)).await.unwrap();
    assert_eq!(storage.hold(&room(), &b, at(29)).await.unwrap(), a);
    assert_eq!(storage.hold(&room(), &b, at(30)).await.unwrap(), b);
    // It was only slow, and learns who holds the room now.
    storage.beat(&a, at(31), at(60)).await.unwrap();
    assert_eq!(storage.hold(&room(), &a, at(31)).await.unwrap(), b);
}

async fn a_node_that_retires_frees_its_rooms(db: Arc<Database>) {
    let storage = db.open().await;
    let (a, b) = two_nodes(&storage).await;
    storage.hold(&room(), &a, at(1)).await.unwrap();
    let call = storage.call(&a, &room(), "offer", at(30)).await.unwrap();
    storage.retire(&a).await.unwrap();
    assert_eq!(storage.hold(&room(), &b, at(2)).await.unwrap(), b);
    assert_eq!(storage.take_calls(&a, at(2)).await.unwrap().len(), 0);
    assert_eq!(storage.take_answer(call).await.unwrap(), None);
}

async fn only_the_holder_releases_a_room(db: Arc<Database>) {
    let storage = db.open().await;
    let (a, b) = two_nodes(&storage).await;
    storage.hold(&room(), &a, at(1)).await.unwrap();
    storage.release(&room(), &b).await.unwrap();
    assert_eq!(storage.hold(&room(), &b, at(2)).await.unwrap(), a);
    storage.release(&room(), &a).await.unwrap();
    assert_eq!(storage.hold(&room(), &b, at(3)).await.unwrap(), b);
}

async fn of_many_nodes_one_holds_the_room(db: Arc<Database>) {
    let programs = [db.open().await, db.open().await];
    // Who held it is dead, so that all compete for the takeover.
    programs[0].beat(&node("dead"), at(0), at(1)).await.unwrap();
    programs[0].hold(&room(), &node("dead"), at(0)).await.unwrap();
    let mut takers = JoinSet::new();
    for number in 0..12 {
        let storage = programs[number % 2].clone();
        takers.spawn(async move {
            let node = node(&number.to_string());
            storage.beat(&node, at(2), at(30)).await.unwrap();
            storage.hold(&room(), &node, at(2)).await.unwrap()
        });
    }
    let mut holders = takers.join_all().await;
    holders.dedup();
    assert_eq!(holders.len(), 1, "{holders:?}");
}

async fn a_call_is_taken_and_answered_once(db: Arc<Database>) {
    let (asking, holding) = (db.open().await, db.open().await);
    let (_, b) = two_nodes(&asking).await;
    let call = asking.call(&b, &room(), r#"{"offer":"…"}"#, at(30)).await.unwrap();
    assert_eq!(asking.take_answer(call).await.unwrap(), None);

    let [taken] = &holding.take_calls(&b, at(1)).await.unwrap()[..] else { panic!("one call") };
    assert_eq!((taken.id, &taken.room, &*taken.request), (call, &room(), r#"{"offer":"…"}"#));
    assert!(holding.take_calls(&b, at(1)).await.unwrap().is_empty());

    let answer = CallAnswer("answer".to_owned());
    holding.answer(call, &answer).await.unwrap();
    assert_eq!(asking.take_answer(call).await.unwrap(), Some(answer));
    assert_eq!(asking.take_answer(call).await.unwrap(), None);
}

async fn calls_come_in_order_to_the_node_they_are_for(db: Arc<Database>) {
    let storage = db.open().await;
    let (a, b) = two_nodes(&storage).await;
    for (to, request) in [(&a, "1"), (&b, "2"), (&a, "3"), (&a, "4")] {
        storage.call(to, &room(), request, at(30)).await.unwrap();
    }
    let calls = storage.take_calls(&a, at(1)).await.unwrap();
    let requests: Vec<_> = calls.iter().map(|call| &*call.request).collect();
    assert_eq!(requests, ["1", "3", "4"]);
}

async fn an_expired_call_is_forgotten(db: Arc<Database>) {
    let storage = db.open().await;
    let (a, _) = two_nodes(&storage).await;
    let call = storage.call(&a, &room(), "offer", at(5)).await.unwrap();
    assert!(storage.take_calls(&a, at(5)).await.unwrap().is_empty());
    assert_eq!(storage::Pending::sweep(&storage, at(5)).await.unwrap(), 1);
    storage.answer(call, &CallAnswer("late".to_owned())).await.unwrap();
    assert_eq!(storage.take_answer(call).await.unwrap(), None);
}

async fn nodes_that_died_long_ago_are_forgotten(db: Arc<Database>) {
    let storage = db.open().await;
    let (a, b) = two_nodes(&storage).await;
    storage.hold(&room(), &a, at(1)).await.unwrap();
    storage.beat(&b, at(3 * 3600), at(3 * 3600 + 30)).await.unwrap();
    // Even at a moment at which it lived nothing is known of it any more.
    assert_eq!(storage.hold(&room(), &b, at(1)).await.unwrap(), b);
}
