//! Epic's object identifiers and ids, for the made-up customer 861.
//!
//! Pattern: `1.2.840.114350.1.13.<customer>.<environment>.7.<what>`.

use aws_lc_rs::digest::{SHA256, digest};
use base64::{Engine, engine::general_purpose::URL_SAFE_NO_PAD};

/// Contact serial number; the same on an Appointment and its Encounter.
pub(crate) const CSN: &str = "urn:oid:1.2.840.114350.1.13.861.1.7.3.698084.8";
/// Medical record number.
pub(crate) const MRN: &str = "urn:oid:1.2.840.114350.1.13.861.1.7.5.737384.0";
/// External id of a user record.
pub(crate) const EMPLOYEE: &str = "urn:oid:1.2.840.114350.1.13.861.1.7.2.697780";
/// Visit type record.
pub(crate) const VISIT_TYPE: &str = "urn:oid:1.2.840.114350.1.13.861.1.7.2.808267";
/// Encounter type category.
pub(crate) const ENCOUNTER_TYPE: &str = "urn:oid:1.2.840.114350.1.13.861.1.7.10.698084.30";
/// Numbers of the messages in an OperationOutcome.
pub(crate) const MESSAGE: &str = "urn:oid:1.2.840.114350.1.13.861.1.7.2.657369";
/// Encounter class; the same at every customer.
pub(crate) const ENCOUNTER_CLASS: &str = "urn:oid:1.2.840.114350.1.72.1.7.7.10.696784.13260";
/// National Provider Identifier, everywhere.
pub(crate) const NPI: &str = "urn:oid:2.16.840.1.113883.4.6";

/// A FHIR id in the looks of Epic's R4 ids: it starts with `e`, tells nothing,
/// and is the same each time for one thing.
pub(crate) fn fhir_id(resource_type: &str, key: &str) -> String {
    format!("e{}3", opaque(resource_type, key))
}

/// The same for Epic's DSTU2 ids, which start with `T`.
pub(crate) fn dstu2_id(resource_type: &str, key: &str) -> String {
    format!("T{}B", opaque(resource_type, key))
}

fn opaque(resource_type: &str, key: &str) -> String {
    let digest = digest(&SHA256, format!("{resource_type}/{key}").as_bytes());
    // FHIR ids allow `-` and `.`, but not `_`.
    URL_SAFE_NO_PAD.encode(&digest.as_ref()[..15]).replace('_', "-")
}
