use fhir::{Refusal, Resolution};

use crate::support::*;

fn two() -> Ehr {
    let today = [appointment("B", "jane", 10), appointment("A", "jane", 0), appointment("late", "jane", 300)];
    Ehr::default().finding("Appointment?patient", &today).with(appointment("forged", "richard", 0))
}

#[tokio::test]
async fn are_offered_in_order_with_whom_one_meets() {
    for (launcher, with) in [(jane(), "Dr. Finn"), (finn(), "Name of jane")] {
        let Ok(Resolution::Choose(candidates)) = launch(&two(), &hint(Some("jane")), &launcher).await.outcome
        else {
            panic!("a choice");
        };
        let offered: Vec<_> =
            candidates.iter().map(|one| (one.appointment.as_str(), one.with[0].as_str())).collect();
        assert_eq!(offered, [("A", with), ("B", with)]);
        assert_eq!(candidates[0].start, Some(minutes(0)));
    }
}

#[tokio::test]
async fn are_chosen_from_with_the_same_checks() {
    for (chosen, outcome) in [
        ("A", Ok("csn-A")),
        ("late", Err(Refusal::TooEarly { start: minutes(300), opens_at: minutes(270) })),
        ("forged", Err(Refusal::NotOffered)),
    ] {
        let launch = launch_choosing(&two(), &hint(Some("jane")), &jane(), Some(chosen)).await;
        assert_eq!(launch.asked.len(), 1);
        match outcome {
            Ok(session) => assert_eq!(launch.visit().session_id.as_str(), session),
            Err(refusal) => assert_eq!(launch.refusal(), refusal),
        }
    }
}

#[tokio::test]
async fn are_not_chosen_from_where_the_launch_names_one() {
    let launch = launch_choosing(&scheduled(), &naming(Some("A"), None), &jane(), Some("A")).await;
    assert_eq!(launch.refusal(), Refusal::NotOffered);
}
