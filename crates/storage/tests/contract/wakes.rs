use std::{sync::Arc, time::Duration};

use storage::{NodeId, Rooms, Visits, Waker};
use tokio::{sync::broadcast, time::timeout};
use visit::{Command, Role, VisitId};

use crate::{
    database::{Database, contract, on_postgres},
    fixtures::{act, arrive, at, change, id, visit_of_two},
};

contract! {
    a_change_wakes_this_node,
    a_conflict_wakes_nobody,
    a_call_and_its_answer_wake,
}

/// Fails rather than wait for ever.
async fn woken(waker: &mut Waker) -> VisitId {
    timeout(Duration::from_secs(20), waker.recv()).await.expect("a wake comes").unwrap()
}

async fn called(waker: &mut broadcast::Receiver<()>) {
    timeout(Duration::from_secs(20), waker.recv()).await.expect("a wake comes").unwrap();
}

async fn a_change_wakes_this_node(db: Arc<Database>) {
    let storage = db.open().await;
    let mut visit = visit_of_two(&storage).await;
    let mut waker = storage.wakes();
    act(&storage, &mut visit, Command::Leave { seat: id(2) }, at(2)).await.unwrap();
    assert_eq!(waker.try_recv().unwrap(), visit.id, "before save answers");
    assert!(waker.try_recv().is_err(), "and once");
}

async fn a_conflict_wakes_nobody(db: Arc<Database>) {
    let storage = db.open().await;
    let mut stale = visit_of_two(&storage).await;
    stale.version -= 1;
    let mut waker = storage.wakes();
    storage.save(change(&stale, &[], at(2))).await.unwrap_err();
    assert!(waker.try_recv().is_err());
}

async fn a_call_and_its_answer_wake(db: Arc<Database>) {
    let storage = db.open().await;
    let node = NodeId("a".to_owned());
    let mut waker = storage.call_wakes();
    let call = storage.call(&node, &id(1), "offer", at(30)).await.unwrap();
    called(&mut waker).await;
    storage.answer(call, &storage::CallAnswer("answer".to_owned())).await.unwrap();
    called(&mut waker).await;
}

#[tokio::test(flavor = "multi_thread", worker_threads = 2)]
async fn a_change_wakes_the_other_nodes() {
    on_postgres(|db| async move {
        let (here, there) = (db.open().await, db.open().await);
        let mut visit = visit_of_two(&here).await;
        let (mut wakes, mut calls) = (there.wakes(), there.call_wakes());
        act(&here, &mut visit, Command::Leave { seat: id(2) }, at(2)).await.unwrap();
        while woken(&mut wakes).await != visit.id {}
        // What woke us can be read.
        assert_eq!(there.lookup(&visit.id).await.unwrap().as_ref(), Some(&visit));

        here.call(&NodeId("there".to_owned()), &id(1), "offer", at(30)).await.unwrap();
        called(&mut calls).await;
    })
    .await;
}

/// An event that nobody was notified of stands for one that happened while
/// the connection was lost: only looking after it is back finds it.
#[tokio::test(flavor = "multi_thread", worker_threads = 2)]
async fn what_nobody_heard_is_made_up_for() {
    on_postgres(|db| async move {
        let storage = db.open().await;
        let visit = visit_of_two(&storage).await;
        let mut wakes = storage.wakes();
        db.tamper(&format!("INSERT INTO events (visit, at, body) VALUES ('{}', 0, '{{}}')", visit.id)).await;
        db.cut_connections().await;
        while woken(&mut wakes).await != visit.id {}
    })
    .await;
}

/// Notifications of other nodes are heard again, and statements answered.
#[tokio::test(flavor = "multi_thread", worker_threads = 2)]
async fn a_lost_connection_is_made_anew() {
    on_postgres(|db| async move {
        let (here, there) = (db.open().await, db.open().await);
        let mut visit = visit_of_two(&here).await;
        for round in 0..3 {
            let mut wakes = there.wakes();
            db.cut_connections().await;
            act(&here, &mut visit, arrive("Patient/ada", Role::Patient, id(2)), at(round)).await.unwrap();
            while woken(&mut wakes).await != visit.id {}
        }
    })
    .await;
}
