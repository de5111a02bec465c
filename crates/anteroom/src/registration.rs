//! `anteroom registration`: what an EHR's analyst types in.

use std::path::Path;

use oauth::{LaunchKind, Scopes};

use crate::config::{Configuration, EhrConnection, Environment};

/// Prints the registration values of each EHR connection.
pub(crate) fn run(config: &Path) -> anyhow::Result<()> {
    let configuration = Configuration::load(config)?;
    let told = configuration.ehrs.iter().map(|connection| values(connection, &configuration));
    println!("{}", told.collect::<Vec<_>>().join("\n"));
    Ok(())
}

fn values(EhrConnection { ehr, environment, .. }: &EhrConnection, configuration: &Configuration) -> String {
    let connection = &ehr.connection;
    let public_url = configuration.server.public_url.as_str().trim_end_matches('/');
    let environment = match environment {
        Environment::Production => "production",
        Environment::NonProduction => "non-production",
    };
    let launch = |kind: LaunchKind| format!("{public_url}/launch/{kind}");
    let Scopes { provider, patient, backend } = &connection.scopes;
    let clients = &connection.clients;
    let backend = match &clients.backend {
        Some(client) => format!("\n  backend   client {}, scopes {backend}", client.as_str()),
        None => String::new(),
    };
    let (session_id, external_id) = (&ehr.session_id_key, &ehr.external_id_key);
    let context = |token: &str| format!("{session_id}={token}&{external_id}=%EPICUSERID%");
    format!(
        "\
{name} ({id}, {environment}): {base}

Clients (confidential, private-key JWT signed with {algorithm})
  provider  client {provider_client}, scopes {provider}
  patient   client {patient_client}, scopes {patient}{backend}

  Redirect URI  {redirect_uri}
  Key set       {public_url}/ehr/{id}/jwks.json

Launch addresses (URL of the integration records)
  Clinicians   {launch_provider}
  Patients     {launch_patient}
  Device test  {launch_device_test}
  Monitoring   {launch_monitor}

CONTEXT of the integration records
  One-to-one visits  {one_to_one}
  Group visits       {group}
",
        name = ehr.brand.name,
        id = ehr.id(),
        base = connection.fhir_base,
        algorithm = connection.signing_algorithm.as_str(),
        provider_client = clients.provider.as_str(),
        patient_client = clients.patient.as_str(),
        redirect_uri = connection.redirect_uri,
        launch_provider = launch(LaunchKind::Provider),
        launch_patient = launch(LaunchKind::Patient),
        launch_device_test = launch(LaunchKind::DeviceTest),
        launch_monitor = launch(LaunchKind::Monitor),
        one_to_one = context("%CSN%"),
        group = context("%CONFERENCEID%"),
    )
}
