//! Connections that we open to others.

use std::{fs, path::PathBuf, sync::Arc};

use anyhow::Context;
use outside::{ClientIdentity, HttpClient, RealHttp, RealHttpOptions};

use crate::config::TlsFiles;

/// TLS everywhere is rustls on aws-lc-rs. Once for the process; a second time
/// changes nothing.
pub(crate) fn choose_cryptography() {
    let _ = rustls::crypto::aws_lc_rs::default_provider().install_default();
}

/// A client that trusts these roots beside the system's and, for mutual TLS,
/// shows this certificate.
pub(crate) fn client(
    trusted_ca_files: &[PathBuf],
    certificate: Option<&TlsFiles>,
) -> anyhow::Result<Arc<dyn HttpClient>> {
    let read = |path: &PathBuf| fs::read(path).with_context(|| format!("{} cannot be read", path.display()));
    let trusted_ca_pem = trusted_ca_files.iter().map(read).collect::<Result<_, _>>()?;
    let identity = certificate
        .map(|TlsFiles { certificate, key }| {
            let both = [read(certificate)?, b"\n".to_vec(), read(key)?].concat();
            let pem = String::from_utf8(both).context("the client certificate is no PEM")?;
            anyhow::Ok(ClientIdentity(pem.into()))
        })
        .transpose()?;
    Ok(Arc::new(RealHttp::new(RealHttpOptions { trusted_ca_pem, identity })?))
}
