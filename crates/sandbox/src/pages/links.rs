//! The links of the pages: a click makes a launch token and opens the app.

use std::sync::Arc;

use axum::{
    Form,
    extract::State,
    response::{IntoResponse, Redirect, Response},
};
use serde::Deserialize;

use super::not_possible;
use crate::{ehr::Ehr, launch::LaunchKind};

/// Where a launch opens.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Deserialize)]
#[serde(rename_all = "kebab-case")]
pub(super) enum Opens {
    /// In a frame of the page, beside the schedule.
    InPage,
    /// In a tab of its own.
    InTab,
}

impl Opens {
    /// The form's target: the frame's name, or a new tab.
    pub(super) fn target(self) -> &'static str {
        match self {
            Self::InPage => "visit",
            Self::InTab => "_blank",
        }
    }

    pub(super) fn in_page(self) -> bool {
        self == Self::InPage
    }
}

/// The query of the schedule and the portal.
#[derive(Debug, Deserialize)]
pub(super) struct PageQuery {
    pub(super) user: String,
    pub(super) open: Option<Opens>,
}

/// A click.
#[derive(Debug, Deserialize)]
pub(super) struct Click {
    kind: LaunchKind,
    user: String,
    appointment: Option<String>,
}

/// `POST /sandbox/open`
pub(super) async fn open(State(ehr): State<Arc<Ehr>>, Form(click): Form<Click>) -> Response {
    match ehr.launch_url(click.kind, &click.user, click.appointment.as_deref()) {
        Ok(url) => Redirect::to(url.as_str()).into_response(),
        Err(refused) => not_possible(&refused.to_string()),
    }
}
