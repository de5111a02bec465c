use std::sync::Arc;

use storage::{OperatorSession, Operators, TokenHash};

use crate::{
    database::{Database, contract},
    fixtures::at,
};

contract! {
    a_new_password_replaces_the_old_and_ends_sessions,
    a_session_ends_by_time_or_by_sign_out,
}

fn session(user: &str) -> OperatorSession {
    OperatorSession { user: user.to_owned(), expires_at: at(600) }
}

async fn a_new_password_replaces_the_old_and_ends_sessions(db: Arc<Database>) {
    let storage = db.open().await;
    assert_eq!(storage.password("olga").await.unwrap(), None);
    for (user, phc) in [("olga", "$argon2id$first"), ("mike", "$argon2id$mike")] {
        storage.set_password(user, phc, at(0)).await.unwrap();
        storage.open_session(TokenHash::of(user), &session(user)).await.unwrap();
    }
    storage.set_password("olga", "$argon2id$second", at(1)).await.unwrap();
    assert_eq!(storage.password("olga").await.unwrap().as_deref(), Some("$argon2id$second"));
    assert_eq!(storage.operator_session(TokenHash::of("olga"), at(1)).await.unwrap(), None);
    assert!(storage.operator_session(TokenHash::of("mike"), at(1)).await.unwrap().is_some());
    assert_eq!(storage.list_operators().await.unwrap(), ["mike", "olga"]);
}

async fn a_session_ends_by_time_or_by_sign_out(db: Arc<Database>) {
    let storage = db.open().await;
    storage.set_password("olga", "$argon2id$", at(0)).await.unwrap();
    let hash = TokenHash::of("cookie");
    storage.open_session(hash, &session("olga")).await.unwrap();
    assert_eq!(storage.operator_session(hash, at(599)).await.unwrap(), Some(session("olga")));
    assert_eq!(storage.operator_session(hash, at(600)).await.unwrap(), None);
    storage.close_session(hash).await.unwrap();
    assert_eq!(storage.operator_session(hash, at(1)).await.unwrap(), None);
}
