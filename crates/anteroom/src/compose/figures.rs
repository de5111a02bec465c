//! Figures for Prometheus.

use std::{sync::Arc, time::Duration};

use axum::{Router, extract::State, http::header, response::IntoResponse, routing::get};
use media::MediaHandle;
use metrics::{counter, gauge, histogram};
use metrics_exporter_prometheus::PrometheusHandle;
use notify::DeliveryObserver;
use storage::{NoticeState, Visits};
use visit::EhrId;

/// Counts status reports.
pub(super) struct Deliveries;

impl DeliveryObserver for Deliveries {
    fn attempt_ended(&self, ehr: &EhrId, state: NoticeState, took: Duration) {
        let outcome = match state {
            NoticeState::Pending => "tried-again",
            NoticeState::Delivered => "delivered",
            NoticeState::Failed => "failed",
            NoticeState::Withdrawn => "withdrawn",
        };
        let ehr = ehr.as_str().to_owned();
        counter!("anteroom_notification_attempts_total", "ehr" => ehr.clone(), "outcome" => outcome)
            .increment(1);
        histogram!("anteroom_notification_attempt_duration_seconds", "ehr" => ehr).record(took.as_secs_f64());
    }
}

#[derive(Clone)]
struct Sources {
    counted: PrometheusHandle,
    media: MediaHandle,
    visits: Arc<dyn Visits>,
}

/// `/metrics`, for a listener of its own.
pub(super) fn router(counted: PrometheusHandle, media: MediaHandle, visits: Arc<dyn Visits>) -> Router {
    Router::new().route("/metrics", get(render)).with_state(Sources { counted, media, visits })
}

async fn render(State(sources): State<Sources>) -> impl IntoResponse {
    sources.look().await;
    ([(header::CONTENT_TYPE, "text/plain; version=0.0.4")], sources.counted.render())
}

impl Sources {
    /// What is not counted as it happens is looked up when somebody asks.
    #[expect(clippy::cast_precision_loss, reason = "figures are exact up to 2^53")]
    async fn look(&self) {
        let stats = self.media.stats().await;
        gauge!("anteroom_media_rooms").set(stats.rooms as f64);
        gauge!("anteroom_media_people").set(stats.participants as f64);
        gauge!("anteroom_media_connection_checks").set(stats.checks as f64);
        gauge!("anteroom_media_tcp_connections").set(stats.tcp_connections as f64);
        counter!("anteroom_media_received_packets_total").absolute(stats.packets_in);
        counter!("anteroom_media_received_bytes_total").absolute(stats.bytes_in);
        counter!("anteroom_media_sent_packets_total").absolute(stats.packets_out);
        counter!("anteroom_media_sent_bytes_total").absolute(stats.bytes_out);
        counter!("anteroom_media_unknown_packets_total").absolute(stats.packets_unknown);
        counter!("anteroom_media_unsent_packets_total").absolute(stats.packets_unsent);
        // Of the whole database: each node says the same.
        if let Ok(visits) = self.visits.with_connections().await {
            let all_seats = visits.iter().flat_map(|visit| &visit.seats);
            let connected = all_seats.filter(|seat| !seat.connections.is_empty()).count();
            gauge!("anteroom_visits_connected").set(visits.len() as f64);
            gauge!("anteroom_seats_connected").set(connected as f64);
        }
    }
}
