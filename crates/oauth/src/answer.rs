//! Reading an answer's body.

use outside::Response;
use serde_json::{Map, Value};

/// The body as a JSON object, or what is wrong with it. An HTML page with
/// status 200 is what a proxy or a sign-in wall sends.
pub(crate) fn json_object(response: &Response) -> Result<Map<String, Value>, &'static str> {
    if !response.is_json() {
        return Err("the answer is not JSON by its content type");
    }
    match serde_json::from_slice(&response.body) {
        Ok(Value::Object(object)) => Ok(object),
        Ok(_) => Err("the answer is JSON, but no object"),
        Err(_) => Err("the answer says it is JSON and is not"),
    }
}
