use std::sync::Arc;

use storage::{DeviceTestRecord, DeviceTests, Visits};

use crate::{
    database::{Database, contract},
    fixtures::{at, named},
};

contract! {
    the_newest_result_of_a_person_is_kept,
    results_are_forgotten_with_the_rest,
}

fn record(second: i64, result: &str) -> DeviceTestRecord {
    DeviceTestRecord { taken_at: at(second), result: result.to_owned() }
}

async fn the_newest_result_of_a_person_is_kept(db: Arc<Database>) {
    let storage = db.open().await;
    let (ehr, ada) = (named("lamna-test"), named("Patient/ada"));
    assert_eq!(storage.newest(&ehr, &ada, at(0)).await.unwrap(), None);
    // The second arrives late.
    for record in [record(20, r#"{"camera":"fine"}"#), record(10, r#"{"camera":"missing"}"#)] {
        storage.keep(&ehr, &ada, &record).await.unwrap();
    }
    let newest = Some(record(20, r#"{"camera":"fine"}"#));
    assert_eq!(storage.newest(&ehr, &ada, at(19)).await.unwrap(), newest);
    assert_eq!(storage.newest(&ehr, &ada, at(20)).await.unwrap(), None);
    assert_eq!(storage.newest(&ehr, &named("Patient/bob"), at(0)).await.unwrap(), None);
    assert_eq!(storage.newest(&named("other"), &ada, at(0)).await.unwrap(), None);

    storage.keep(&ehr, &ada, &record(30, "{}")).await.unwrap();
    assert_eq!(storage.newest(&ehr, &ada, at(0)).await.unwrap(), Some(record(30, "{}")));
}

async fn results_are_forgotten_with_the_rest(db: Arc<Database>) {
    let storage = db.open().await;
    let (ehr, ada, bob) = (named("lamna-test"), named("Patient/ada"), named("Patient/bob"));
    storage.keep(&ehr, &ada, &record(10, "{}")).await.unwrap();
    storage.keep(&ehr, &bob, &record(20, "{}")).await.unwrap();
    storage.forget_before(at(20)).await.unwrap();
    assert_eq!(storage.newest(&ehr, &ada, at(0)).await.unwrap(), None);
    assert!(storage.newest(&ehr, &bob, at(0)).await.unwrap().is_some());
}
