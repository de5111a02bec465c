//! How the two know one another.

use std::net::SocketAddr;

use sandbox::{App, Client, ClientKind, LaunchUrls, RunningSandbox, SandboxConfig};
use url::Url;

/// The id of the EHR connection.
pub(crate) const EHR: &str = "demo";
/// Our client ids at the simulated EHR.
pub(crate) const PROVIDER_CLIENT: &str = "anteroom-provider";
pub(crate) const PATIENT_CLIENT: &str = "anteroom-patient";
pub(crate) const BACKEND_CLIENT: &str = "anteroom-backend";

/// The simulated EHR, with Anteroom registered as an Epic customer would
/// register it: one client for each kind of user.
pub(crate) fn sandbox(listen: SocketAddr, public_url: &Url) -> SandboxConfig {
    let below = |path: &str| {
        let mut url = public_url.clone();
        url.set_path(&format!("/ehr/{EHR}/{path}"));
        url
    };
    let client = |id: &str, kind| Client {
        id: id.to_owned(),
        kinds: vec![kind],
        jwks_url: below("jwks.json"),
        redirect_uris: vec![below("callback").to_string()],
    };
    let app = App {
        clients: vec![
            client(PROVIDER_CLIENT, ClientKind::Provider),
            client(PATIENT_CLIENT, ClientKind::Patient),
            client(BACKEND_CLIENT, ClientKind::Backend),
        ],
        launch_urls: LaunchUrls::below(public_url),
    };
    SandboxConfig { listen, ..SandboxConfig::for_app(app) }
}

/// Anteroom's configuration file, which lies beside its data.
pub(super) fn configuration(public_url: &Url, ehr: &RunningSandbox, media_port: u16) -> String {
    let listen = public_url.authority();
    let public_url = public_url.origin().ascii_serialization();
    let ehr_origin = ehr.base_url().origin().ascii_serialization();
    let (fhir_base_url, status_url) = (ehr.fhir_base_url(), ehr.status_url());
    format!(
        r#"# Written by `anteroom demo`, at each start.
[server]
listen = "{listen}"
public_url = "{public_url}"
data_dir = "."

[[ehr]]
id = "{EHR}"
name = "Lamna Healthcare"
support = "This is a demo: nobody can be called."
vendor = "epic"
environment = "non-production"
fhir_base_url = "{fhir_base_url}"
time_zone = "America/Chicago"
frame_ancestors = ["{ehr_origin}"]
clients = {{ provider = "{PROVIDER_CLIENT}", patient = "{PATIENT_CLIENT}", backend = "{BACKEND_CLIENT}" }}
visits = {{ admittance = "manual" }}

[ehr.connection_status]
url = "{status_url}"
auth = "launch-token"
# Whoever tries this out does not want to wait half a minute for a light to go out.
grace_seconds = 5

[meeting]
backend = "built-in"

[media]
listen = "0.0.0.0:{media_port}"
"#
    )
}
