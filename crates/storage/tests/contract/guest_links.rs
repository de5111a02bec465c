use std::sync::Arc;

use links::guest::{Answer, Event, FactorKey, GuestLink, GuestState, GuestToken, NewGuestLink, SecondFactor};
use storage::{GuestLinks, Housekeeping, Retention, Storage, StorageError};
use tokio::task::JoinSet;
use visit::{Command, Role, VisitId};

use crate::{
    database::{Database, contract},
    fixtures::{act, at, id, visit_of_two},
};

contract! {
    a_link_is_found_by_its_token_alone,
    a_link_needs_its_visit,
    a_seat_and_a_token_are_used_once,
    of_two_changes_at_the_same_instant_one_is_told,
    links_go_with_their_visit,
}

fn token(byte: u8) -> GuestToken {
    GuestToken::from_bytes([byte; 32])
}

fn link(number: u8, visit: &VisitId) -> GuestLink {
    let answer = Answer::code("123456").unwrap();
    GuestLink::issue(NewGuestLink {
        seat: id(u32::from(number)),
        visit: visit.clone(),
        role: Role::Interpreter,
        token: token(number).hash(),
        second_factor: Some(SecondFactor::new(&FactorKey::new(&[1; 32]), [2; 32], &answer)),
        not_before: at(0),
        expires_at: at(3600 + i64::from(number)),
    })
    .unwrap()
}

async fn a_link_is_found_by_its_token_alone(db: Arc<Database>) {
    let storage = db.open().await;
    let visit = visit_of_two(&storage).await;
    for number in [6, 5] {
        storage.add_link(&link(number, &visit.id)).await.unwrap();
    }
    let found = db.open().await.lookup_link(&token(5).hash()).await.unwrap().unwrap();
    assert_eq!((found.link, found.version), (link(5, &visit.id), 1));
    assert_eq!(storage.lookup_link(&token(7).hash()).await.unwrap(), None);

    let all = storage.links_of(&visit.id).await.unwrap();
    assert_eq!(
        all.iter().map(|stored| &stored.link).collect::<Vec<_>>(),
        [&link(5, &visit.id), &link(6, &visit.id)]
    );
    assert!(storage.links_of(&id(9)).await.unwrap().is_empty());
    let dump = db.dump().await;
    let token = token(5);
    assert!(!dump.windows(43).any(|window| window == token.expose().as_bytes()), "no token is stored");
}

async fn a_link_needs_its_visit(db: Arc<Database>) {
    let storage = db.open().await;
    let refused = storage.add_link(&link(5, &id(1))).await;
    assert!(matches!(refused, Err(StorageError::Conflict)));
}

async fn a_seat_and_a_token_are_used_once(db: Arc<Database>) {
    let storage = db.open().await;
    let visit = visit_of_two(&storage).await;
    storage.add_link(&link(5, &visit.id)).await.unwrap();
    let same_seat = GuestLink { token: token(6).hash(), ..link(5, &visit.id) };
    let same_token = GuestLink { seat: id(6), ..link(5, &visit.id) };
    for twin in [same_seat, same_token] {
        assert!(matches!(storage.add_link(&twin).await, Err(StorageError::Conflict)));
    }
}

async fn of_two_changes_at_the_same_instant_one_is_told(db: Arc<Database>) {
    let nodes: [Storage; 2] = [db.open().await, db.open().await];
    let visit = visit_of_two(&nodes[0]).await;
    nodes[0].add_link(&link(5, &visit.id)).await.unwrap();
    let mut read = nodes[0].lookup_link(&token(5).hash()).await.unwrap().unwrap();
    read.link.evolve(&Event::AnsweredWrongly);

    let mut savers = JoinSet::new();
    for saver in 0..8 {
        let (storage, read) = (nodes[saver % 2].clone(), read.clone());
        savers.spawn(async move { storage.save_link(&read).await });
    }
    let saved = savers.join_all().await;
    assert_eq!(saved.iter().filter(|saved| saved.is_ok()).count(), 1);
    assert_eq!(saved.iter().filter(|saved| matches!(saved, Err(StorageError::Conflict))).count(), 7);

    let mut now = nodes[1].lookup_link(&token(5).hash()).await.unwrap().unwrap();
    assert_eq!((now.link.wrong_answers, now.version), (1, 2));
    now.link.evolve(&Event::Revoked { by: None });
    nodes[1].save_link(&now).await.unwrap();
    let revoked = nodes[0].lookup_link(&token(5).hash()).await.unwrap().unwrap();
    assert_eq!(revoked.link.state, GuestState::Revoked);
}

async fn links_go_with_their_visit(db: Arc<Database>) {
    let storage = db.open().await;
    let mut visit = visit_of_two(&storage).await;
    storage.add_link(&link(5, &visit.id)).await.unwrap();
    act(&storage, &mut visit, Command::End { by: id(1) }, at(10)).await.unwrap();
    let long_after = at(31 * 24 * 3600);
    storage.delete_old(&Retention::default(), long_after).await.unwrap();
    assert_eq!(storage.lookup_link(&token(5).hash()).await.unwrap(), None);
}
