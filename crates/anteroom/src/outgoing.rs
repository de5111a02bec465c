//! Connections that we open to others.

use std::{fs, path::PathBuf, sync::Arc};

use anyhow::Context;
use outside::{ClientIdentity, Clock, GuardOptions, Guarded, HttpClient, RealHttp, RealHttpOptions};
use url::Url;

use crate::config::{Configuration, EhrConnection, TlsFiles};

/// TLS everywhere is rustls on aws-lc-rs. Once for the process; a second time
/// changes nothing.
pub(crate) fn choose_cryptography() {
    let _ = rustls::crypto::aws_lc_rs::default_provider().install_default();
}

/// What all outgoing connections have in common.
pub(crate) struct Outgoing {
    clock: Arc<dyn Clock>,
    trusted_ca_files: Vec<PathBuf>,
    /// Hosts that may be in a private network: those that the operator named.
    named_hosts: Vec<String>,
}

impl Outgoing {
    /// As this configuration wants them.
    pub(crate) fn of(Configuration { server, ehrs, .. }: &Configuration, clock: &Arc<dyn Clock>) -> Self {
        let own = server.public_url.host_str().map(str::to_owned);
        Self {
            clock: Arc::clone(clock),
            trusted_ca_files: server.trusted_ca_files.clone(),
            named_hosts: ehrs.iter().flat_map(named_hosts).chain(own).collect(),
        }
    }

    /// On this machine alone.
    pub(crate) fn local(clock: &Arc<dyn Clock>) -> Self {
        Self { clock: Arc::clone(clock), trusted_ca_files: Vec::new(), named_hosts: Vec::new() }
    }

    /// A client without a certificate. A host that is down for one client is
    /// asked by the others all the same.
    pub(crate) fn client(&self) -> anyhow::Result<Arc<dyn HttpClient>> {
        self.make(None)
    }

    /// A client that shows this certificate (mutual TLS).
    pub(crate) fn client_with(&self, certificate: &TlsFiles) -> anyhow::Result<Arc<dyn HttpClient>> {
        let both = [read(&certificate.certificate)?, b"\n".to_vec(), read(&certificate.key)?].concat();
        let pem = String::from_utf8(both).context("the client certificate is no PEM")?;
        self.make(Some(ClientIdentity(pem.into())))
    }

    fn make(&self, identity: Option<ClientIdentity>) -> anyhow::Result<Arc<dyn HttpClient>> {
        let trusted_ca_pem = self.trusted_ca_files.iter().map(read).collect::<Result<_, _>>()?;
        let private_hosts = self.named_hosts.clone();
        let http = RealHttp::new(RealHttpOptions { trusted_ca_pem, identity, private_hosts })?;
        Ok(Arc::new(Guarded::new(http, Arc::clone(&self.clock), GuardOptions::default())))
    }
}

fn read(path: &PathBuf) -> anyhow::Result<Vec<u8>> {
    fs::read(path).with_context(|| format!("{} cannot be read", path.display()))
}

fn named_hosts(EhrConnection { ehr, status, .. }: &EhrConnection) -> Vec<String> {
    let connection = &ehr.connection;
    let fixed = &connection.fixed;
    let issuer = fixed.issuer.as_deref().and_then(|issuer| Url::parse(issuer).ok());
    let urls = [&fixed.authorization, &fixed.token, &fixed.jwks, &issuer];
    let status = status.as_ref().map(|status| status.url.as_url());
    [connection.fhir_base.url()]
        .into_iter()
        .chain(urls.into_iter().flatten())
        .chain(status)
        .filter_map(|url| url.host_str().map(str::to_owned))
        .chain(connection.allowed_hosts.clone())
        .collect()
}
