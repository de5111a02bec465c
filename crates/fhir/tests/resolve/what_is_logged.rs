use std::{
    io::Write,
    sync::{Arc, Mutex},
};

use serde_json::json;
use tracing_subscriber::fmt::MakeWriter;

use crate::support::*;

#[derive(Clone, Default)]
struct Lines(Arc<Mutex<Vec<u8>>>);

impl Write for Lines {
    fn write(&mut self, bytes: &[u8]) -> std::io::Result<usize> {
        self.0.lock().unwrap().write(bytes)
    }

    fn flush(&mut self) -> std::io::Result<()> {
        Ok(())
    }
}

impl MakeWriter<'_> for Lines {
    type Writer = Self;

    fn make_writer(&self) -> Self {
        self.clone()
    }
}

#[tokio::test]
async fn oddities_by_their_place_and_never_a_name_an_id_or_a_csn() {
    let lines = Lines::default();
    let subscriber = tracing_subscriber::fmt()
        .with_max_level(tracing::Level::TRACE)
        .with_writer(lines.clone())
        .with_ansi(false)
        .finish();
    let guard = tracing::subscriber::set_default(subscriber);

    let participants = json!([
        {"actor": {"reference": "Patient/jane", "display": ["Name of jane"]}},
        {"actor": {"reference": "Practitioner/finn", "display": "Dr. Finn"}},
    ]);
    let odd = appointment("A", "jane", 0).but("status", json!("weird-code")).but("participant", participants);
    let ehr = Ehr::default().with(odd).answering("Patient/jane", 403);
    let visit = launch(&ehr, &naming(Some("A"), Some("gone")), &finn()).await.visit();
    tracing::info!(?visit, "everything that can be said of it");
    drop(guard);

    let log = String::from_utf8(lines.0.lock().unwrap().clone()).unwrap();
    for told in
        ["dropped Appointment.status", "dropped Appointment.participant[0].actor.display", "fhir-forbidden"]
    {
        assert!(log.contains(told), "{told} in {log}");
    }
    for hidden in ["jane", "Finn", "finn", "csn-A", "weird-code", "the-token", "Appointment/A"] {
        assert!(!log.contains(hidden), "{hidden} in {log}");
    }
}
