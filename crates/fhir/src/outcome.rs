use serde_json::Value;

use crate::IssueCode;

/// The codes of an OperationOutcome: EHR's own ones (Epic's four digits in
/// `details.coding`) before FHIR's general ones. Its texts may hold names and
/// are not read.
pub(crate) fn issue_codes(json: &Value) -> Vec<IssueCode> {
    let issues = || json["issue"].as_array().into_iter().flatten();
    let codings = issues().flat_map(|issue| issue["details"]["coding"].as_array().into_iter().flatten());
    let own = codings.filter_map(|coding| coding["code"].as_str());
    let general = issues().filter_map(|issue| issue["code"].as_str());
    own.chain(general).filter_map(IssueCode::new).collect()
}

/// Epic's "no results": a warning, not an error.
pub(crate) const NO_RESULTS: &str = "4101";

#[cfg(test)]
mod tests {
    use serde_json::json;

    use super::*;

    #[test]
    fn codes_are_read_and_texts_are_not() {
        let outcome = json!({"resourceType": "OperationOutcome", "issue": [{
            "severity": "fatal",
            "code": "forbidden",
            "details": {"coding": [{"system": "urn:oid:1", "code": "4118"}], "text": "Jane Doe may not"},
            "diagnostics": "Jane Doe",
        }, {"code": "Jane Doe, MRN 17"}]});
        let codes: Vec<_> = issue_codes(&outcome).iter().map(ToString::to_string).collect();
        assert_eq!(codes, ["4118", "forbidden"]);
    }

    #[test]
    fn what_is_no_outcome_has_no_codes() {
        for json in [json!(null), json!([]), json!({"issue": 7}), json!({"issue": [null, {"details": []}]})] {
            assert!(issue_codes(&json).is_empty());
        }
    }
}
