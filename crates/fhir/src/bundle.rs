use serde_json::Value;

/// One page of a search: its matches, and where the next page is.
pub(crate) struct Page {
    pub(crate) resources: Vec<Value>,
    pub(crate) next: Option<String>,
}

impl Page {
    /// Reads a searchset; `None` where it is no Bundle. Warnings
    /// (OperationOutcome entries) and included resources are no matches.
    pub(crate) fn read(mut json: Value, resource_type: &str) -> Option<Self> {
        if json["resourceType"] != "Bundle" {
            return None;
        }
        let links = json["link"].as_array().into_iter().flatten();
        let next = links
            .filter(|link| link["relation"] == "next")
            .find_map(|link| link["url"].as_str().map(str::to_owned));
        let entries = match json.get_mut("entry").map(Value::take) {
            Some(Value::Array(entries)) => entries,
            _ => Vec::new(),
        };
        let resources = entries
            .into_iter()
            .filter(|entry| matches!(entry["search"]["mode"].as_str(), None | Some("match")))
            .filter_map(|mut entry| entry.get_mut("resource").map(Value::take))
            .filter(|resource| resource["resourceType"] == resource_type)
            .collect();
        Some(Self { resources, next })
    }
}
