//! `anteroom sandbox`: the simulated EHR of the demo in a process of its own,
//! for an Anteroom that runs elsewhere, or for several.

use std::fs;

use anyhow::Context;
use sandbox::{RunningSandbox, Sandbox, SandboxConfig};
use serde_json::json;

use crate::{cli::SandboxOptions, compose::Outside, demo::settings, outgoing::Outgoing, stop};

/// Runs the simulated EHR until it is told to stop.
pub(crate) async fn run(options: &SandboxOptions) -> anyhow::Result<()> {
    let stop = stop::requested()?;
    let Outside { clock, random } = Outside::real();
    let config = SandboxConfig {
        public_url: options.public_url.clone(),
        ..settings::sandbox(options.listen, &options.app_url)
    };
    let http = Outgoing::local(&clock).client()?;
    let ehr = Sandbox::start(config, sandbox::Outside { clock, random, http }).await?;
    let addresses = addresses(&ehr);
    println!("{addresses}");
    if let Some(file) = &options.ready_file {
        fs::write(file, addresses).with_context(|| format!("{} cannot be written", file.display()))?;
    }
    stop.await;
    ehr.stop().await;
    Ok(())
}

/// What a configuration of Anteroom needs to know of it.
fn addresses(ehr: &RunningSandbox) -> String {
    json!({
        "ehr": ehr.base_url().as_str().trim_end_matches('/'),
        "fhir_base_url": ehr.fhir_base_url(),
        "status_url": ehr.status_url(),
        "id": settings::EHR,
        "clients": {
            "provider": settings::PROVIDER_CLIENT,
            "patient": settings::PATIENT_CLIENT,
            "backend": settings::BACKEND_CLIENT,
        },
    })
    .to_string()
}
