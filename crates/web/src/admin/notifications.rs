use audit::{Action, Outcome};
use axum::{
    Form,
    extract::{Path, Query, State},
    response::Response,
};
use serde::Deserialize;
use storage::{Notice, NoticeId, NoticeSearch, NoticeState, NoticeStatus};

use super::operator::Operator;
use crate::{
    pages::{Delivery, NotificationRow, NotificationsPage, Shell},
    problem::{Problem, Trouble},
    respond::{html, see},
    state::AppState,
};

const PAGE_SIZE: u32 = 50;

#[derive(Deserialize)]
pub(super) struct Looking {
    #[serde(default)]
    meeting: String,
    before: Option<i64>,
}

/// Notification records, newest first.
pub(super) async fn get(
    State(state): State<AppState>,
    operator: Operator,
    Query(looking): Query<Looking>,
) -> Result<Response, Trouble> {
    let meeting = looking.meeting.trim().to_owned();
    let search = NoticeSearch {
        meeting: (!meeting.is_empty()).then(|| meeting.clone()),
        state: None,
        before: looking.before.map(NoticeId),
        limit: PAGE_SIZE,
    };
    state.record(Action::RecordsViewed, operator.actor(), Outcome::Success).await;
    let notices = state.notices.search_notices(&search).await?;
    let last = notices.last().filter(|_| notices.len() == PAGE_SIZE as usize);
    let page = NotificationsPage {
        shell: Shell::default(),
        csrf: operator.csrf(),
        user: operator.user,
        older_url: last.map(|notice| older(&meeting, notice.id)),
        search: meeting,
        rows: notices.iter().map(row).collect(),
    };
    Ok(html(&page)?)
}

#[derive(Deserialize)]
pub(super) struct Retry {
    csrf: String,
}

/// Makes a failed record due now.
pub(super) async fn retry(
    State(state): State<AppState>,
    operator: Operator,
    Path(id): Path<i64>,
    Form(form): Form<Retry>,
) -> Result<Response, Trouble> {
    operator.check_csrf(&form.csrf)?;
    if !state.notices.retry(NoticeId(id), state.clock.now()).await? {
        return Err(Problem::BadRequest("This record has not failed, or is no longer here.").into());
    }
    state.deliver_now.ring();
    state.record(Action::NotificationRetried { notice: id }, operator.actor(), Outcome::Success).await;
    tracing::info!(notice = id, "an operator has a notification sent again");
    Ok(see("/admin/notifications"))
}

fn older(meeting: &str, before: NoticeId) -> String {
    let query = url::form_urlencoded::Serializer::new(String::new())
        .append_pair("meeting", meeting)
        .append_pair("before", &before.0.to_string())
        .finish();
    format!("/admin/notifications?{query}")
}

fn row(notice: &Notice) -> NotificationRow {
    let last = notice.history.last();
    NotificationRow {
        id: notice.id.0,
        happened_at: notice.happened_at,
        ehr: notice.about.ehr.to_string(),
        session: notice.about.session.as_str().to_owned(),
        role: notice.about.role,
        connected: notice.status == NoticeStatus::Connected,
        delivery: match notice.state {
            NoticeState::Pending => Delivery::Due(notice.due_at),
            NoticeState::Delivered => Delivery::Delivered,
            NoticeState::Failed => Delivery::Failed,
            NoticeState::Withdrawn => Delivery::Withdrawn,
        },
        attempts: notice.attempts,
        http_status: last.and_then(|attempt| attempt.http_status),
        answer: last.map(|attempt| attempt.answer.clone()).unwrap_or_default(),
    }
}
