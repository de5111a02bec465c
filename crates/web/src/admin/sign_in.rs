use argon2::{
    Argon2,
    password_hash::{PasswordHasher, PasswordVerifier, phc::PasswordHash},
};
use audit::{Action, Actor, Outcome};
use axum::{
    Form,
    extract::State,
    http::StatusCode,
    response::{IntoResponse, Response},
};
use axum_extra::extract::CookieJar;
use jiff::SignedDuration;
use outside::{Random, RandomExt};
use secrecy::{ExposeSecret, SecretString};
use serde::Deserialize;
use storage::{OperatorSession, TokenHash};

use super::operator::Operator;
use crate::{
    cookies::{self, Purpose},
    csrf,
    pages::{AdminLoginPage, Shell},
    problem::{Problem, Trouble},
    respond::{html, see},
    state::AppState,
};

/// How long an operator stays signed in.
const SESSION: SignedDuration = SignedDuration::from_hours(8);
/// How long the sign-in form may stand open.
const FORM: SignedDuration = SignedDuration::from_hours(1);

/// An unknown user's password is checked against this, so that the answer
/// takes as long as for a known one.
const NOBODY: &str =
    "$argon2id$v=19$m=19456,t=2,p=1$bm9ib2R5bm9ib2R5$m6qXSgnu5jW+pSrH0dQ2IGqoQcmyZ7MKKE8SFgbA1t8";

#[derive(Deserialize)]
pub(super) struct Credentials {
    csrf: String,
    user: String,
    password: String,
}

pub(super) async fn get(State(state): State<AppState>, jar: CookieJar) -> Result<Response, Trouble> {
    form(&state, jar, String::new(), None)
}

pub(super) async fn post(
    State(state): State<AppState>,
    jar: CookieJar,
    Form(credentials): Form<Credentials>,
) -> Result<Response, Trouble> {
    let guard = cookies::read(&jar, Purpose::OperatorForm).ok_or(Problem::Forged)?;
    if !csrf::is_good(&guard, &credentials.csrf) {
        return Err(Problem::Forged.into());
    }
    let stored = state.operators.password(&credentials.user).await?;
    if !password_fits(credentials.password.into(), stored).await? {
        tracing::warn!("an operator's sign-in was refused");
        // What somebody typed in vain may be a password: no name is kept.
        let actor = Actor::Unknown { ehr: None };
        state.record(Action::SignInRefused, actor, Outcome::Refused).await;
        let problem = "The user name or password is wrong.".to_owned();
        let mut page = form(&state, jar, credentials.user, Some(problem))?;
        *page.status_mut() = StatusCode::UNAUTHORIZED;
        return Ok(page);
    }
    let actor = Actor::Operator { user: credentials.user.clone() };
    state.record(Action::SignedIn, actor, Outcome::Success).await;
    let secret = state.random.token::<32>();
    let expires_at = state.clock.now() + SESSION;
    let session = OperatorSession { user: credentials.user, expires_at };
    state.operators.open_session(TokenHash::of(&secret), &session).await?;
    let jar = cookies::take_away(&state, jar, Purpose::OperatorForm);
    let jar = cookies::give(&state, jar, Purpose::Operator, &secret, expires_at);
    Ok((jar, see("/admin/notifications")).into_response())
}

#[derive(Deserialize)]
pub(super) struct SignOut {
    csrf: String,
}

pub(super) async fn sign_out(
    State(state): State<AppState>,
    operator: Operator,
    jar: CookieJar,
    Form(form): Form<SignOut>,
) -> Result<Response, Trouble> {
    operator.check_csrf(&form.csrf)?;
    state.operators.close_session(operator.session()).await?;
    state.record(Action::SignedOut, operator.actor(), Outcome::Success).await;
    Ok((cookies::take_away(&state, jar, Purpose::Operator), see("/admin/login")).into_response())
}

fn form(
    state: &AppState,
    jar: CookieJar,
    user: String,
    problem: Option<String>,
) -> Result<Response, Trouble> {
    let guard = state.random.token::<32>();
    let page = AdminLoginPage { shell: Shell::default(), csrf: csrf::token_for(&guard), user, problem };
    let jar = cookies::give(state, jar, Purpose::OperatorForm, &guard, state.clock.now() + FORM);
    Ok((jar, html(&page)?).into_response())
}

/// Argon2 takes its time, on a thread of its own.
async fn password_fits(password: SecretString, stored: Option<String>) -> Result<bool, Problem> {
    let check = move || {
        let is_known = stored.is_some();
        let phc = stored.unwrap_or_else(|| NOBODY.to_owned());
        let fits = PasswordHash::new(&phc).is_ok_and(|hash| {
            Argon2::default().verify_password(password.expose_secret().as_bytes(), &hash).is_ok()
        });
        fits && is_known
    };
    tokio::task::spawn_blocking(check).await.map_err(|error| Problem::Internal(error.into()))
}

/// Hashes an operator's password (argon2id, PHC string).
pub fn hash_password(
    password: &SecretString,
    random: &dyn Random,
) -> Result<String, argon2::password_hash::Error> {
    let salt = random.bytes::<16>();
    let hash = Argon2::default().hash_password_with_salt(password.expose_secret().as_bytes(), &salt)?;
    Ok(hash.to_string())
}
