//! Ways into a visit without OAuth: our own direct links, and the encrypted
//! links of older integrations. The rules of both stand in the crate `links`.

mod encrypted;
mod guest;

use std::{collections::HashMap, sync::Arc};

use axum::{Router, middleware, routing::get};
use links::{LinkScheme, guest::FactorKey};
use storage::GuestLinks;
use visit::EhrId;

pub(crate) use self::guest::born;
use crate::{
    limits::{self, Door},
    state::AppState,
};

/// What links are opened with.
pub struct Links {
    pub(crate) guests: Arc<dyn GuestLinks>,
    pub(crate) factor_key: FactorKey,
    schemes: HashMap<EhrId, Arc<[LinkScheme]>>,
}

impl Links {
    /// Direct links alone. `factor_key` is what answers to second factors are
    /// hashed with; the database must not hold it.
    pub fn new(guests: Arc<dyn GuestLinks>, factor_key: &[u8; 32]) -> Self {
        Self { guests, factor_key: FactorKey::new(factor_key), schemes: HashMap::new() }
    }

    /// Encrypted links as well, of the EHR connections that are named here.
    #[must_use]
    pub fn with_encrypted(self, schemes: HashMap<EhrId, Arc<[LinkScheme]>>) -> Self {
        Self { schemes, ..self }
    }

    /// How this EHR connection's encrypted links look; nothing: it has none.
    fn schemes_of(&self, ehr: &EhrId) -> &[LinkScheme] {
        self.schemes.get(ehr).map_or(&[], |schemes| schemes)
    }
}

/// The addresses of both (contract).
pub(crate) fn routes(state: &AppState) -> Router<AppState> {
    let knocking = middleware::from_fn_with_state((state.clone(), Door::Guest), limits::at);
    Router::new()
        .route("/guest/{token}", get(guest::get).post(guest::post))
        .route("/link/{ehr}", get(encrypted::get))
        .route_layer(knocking)
}
