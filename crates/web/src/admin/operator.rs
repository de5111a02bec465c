use audit::Actor;
use axum::{
    extract::FromRequestParts,
    http::request::Parts,
    response::{IntoResponse, Response},
};
use axum_extra::extract::CookieJar;
use storage::TokenHash;

use crate::{
    cookies::{self, Purpose},
    csrf,
    problem::{Problem, Trouble},
    respond::see,
    state::AppState,
};

/// An operator who is signed in. Others are sent to the sign-in page.
pub(super) struct Operator {
    /// The user name.
    pub(super) user: String,
    secret: String,
}

impl Operator {
    /// What forms send.
    pub(super) fn csrf(&self) -> String {
        csrf::token_for(&self.secret)
    }

    /// Refuses what does not come from our own page.
    pub(super) fn check_csrf(&self, brought: &str) -> Result<(), Trouble> {
        if csrf::is_good(&self.secret, brought) { Ok(()) } else { Err(Problem::Forged.into()) }
    }

    /// Who they are in the audit log.
    pub(super) fn actor(&self) -> Actor {
        Actor::Operator { user: self.user.clone() }
    }

    /// What the session is found by.
    pub(super) fn session(&self) -> TokenHash {
        TokenHash::of(&self.secret)
    }
}

impl FromRequestParts<AppState> for Operator {
    type Rejection = Response;

    async fn from_request_parts(parts: &mut Parts, state: &AppState) -> Result<Self, Response> {
        let jar = CookieJar::from_headers(&parts.headers);
        let Some(secret) = cookies::read(&jar, Purpose::Operator) else { return Err(see("/admin/login")) };
        let session = state.operators.operator_session(TokenHash::of(&secret), state.clock.now()).await;
        match session {
            Ok(Some(session)) => Ok(Self { user: session.user, secret }),
            Ok(None) => Err(see("/admin/login")),
            Err(error) => Err(Trouble::from(error).into_response()),
        }
    }
}
