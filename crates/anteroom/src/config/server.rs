use std::{
    net::{IpAddr, SocketAddr},
    path::{Path, PathBuf},
};

use secrecy::{ExposeSecret, SecretString};
use storage::DatabaseUrl;
use url::Url;

use super::{
    section::{Noted, Section, Wrong},
    values::{is_loopback, list_of, parsed, path, paths, secret},
};

/// `[server]`.
#[derive(Debug)]
pub(crate) struct Server {
    /// Where the web server listens.
    pub(crate) listen: SocketAddr,
    /// Where browsers and EHRs find it.
    pub(crate) public_url: Url,
    /// Keys, secrets and the embedded database.
    pub(crate) data_dir: PathBuf,
    /// Where visits are kept.
    pub(crate) database: DatabaseUrl,
    /// Where figures are served.
    pub(crate) metrics_listen: Option<SocketAddr>,
    /// Proxies whose `X-Forwarded-For` is believed.
    pub(crate) trusted_proxies: Vec<IpAddr>,
    /// Further roots for outgoing TLS.
    pub(crate) trusted_ca_files: Vec<PathBuf>,
    /// Where no proxy terminates TLS.
    pub(crate) tls: Option<TlsFiles>,
}

/// A certificate chain and its key, both PEM.
#[derive(Debug, Clone)]
pub(crate) struct TlsFiles {
    /// The chain, our own certificate first.
    pub(crate) certificate: PathBuf,
    /// Its private key.
    pub(crate) key: PathBuf,
}

impl Server {
    pub(super) fn read(mut section: Section<'_>) -> Result<Self, Noted> {
        let listen = section.required("listen", ADDRESS, parsed(ADDRESS));
        let public_url = section.required("public_url", PUBLIC_URL, |field| {
            let url: Url = parsed(PUBLIC_URL)(field)?;
            check_public(&url).map_err(|rule| Wrong::new(rule, PUBLIC_URL))?;
            Ok(url)
        });
        let data_dir = section.required("data_dir", "a folder of its own, as \"anteroom-data\"", path);
        let database_url = secret(&mut section, "database_url", "database_url_file");
        let metrics_listen = section.optional("metrics_listen", parsed(ADDRESS));
        let proxies = "the IP addresses of your reverse proxies, as [\"127.0.0.1\"]";
        let trusted_proxies = section.or("trusted_proxies", Vec::new(), list_of(proxies));
        let trusted_ca_files = section.or("trusted_ca_files", Vec::new(), paths);
        let tls = section.section("tls").map(|mut tls| {
            let certificate = tls.required("cert", "a PEM file with the certificate chain", path);
            let key = tls.required("key", "a PEM file with the private key", path);
            Ok(TlsFiles { certificate: certificate?, key: key? })
        });
        let database = database(&section, data_dir.as_deref().ok(), database_url?);
        Ok(Self {
            listen: listen?,
            public_url: public_url?,
            data_dir: data_dir?,
            database: database?,
            metrics_listen: metrics_listen?,
            trusted_proxies: trusted_proxies?,
            trusted_ca_files: trusted_ca_files?,
            tls: tls.transpose()?,
        })
    }
}

const ADDRESS: &str = "an address and a port, as \"127.0.0.1:8080\"";
const PUBLIC_URL: &str = "the address that browsers open, as \"https://visits.example.org\"";

/// Cookies in the EHR's frame and cameras both need https.
fn check_public(url: &Url) -> Result<(), &'static str> {
    if !(url.scheme() == "https" || url.scheme() == "http" && is_loopback(url)) {
        return Err("it must begin with https:// (http:// on loopback only)");
    }
    if url.path() != "/" || url.query().is_some() || url.fragment().is_some() {
        return Err("it must have no path, query or fragment");
    }
    if !url.username().is_empty() || url.password().is_some() {
        return Err("it must not hold a user name or password");
    }
    Ok(())
}

fn database(
    section: &Section<'_>,
    data_dir: Option<&Path>,
    url: Option<SecretString>,
) -> Result<DatabaseUrl, Noted> {
    let Some(url) = url else {
        return data_dir.map(|data_dir| DatabaseUrl::Sqlite(data_dir.join("anteroom.sqlite3"))).ok_or(Noted);
    };
    let scheme = url.expose_secret().split_once("://").map(|(scheme, _)| scheme);
    if matches!(scheme, Some("postgres" | "postgresql")) {
        return Ok(DatabaseUrl::Postgres(url));
    }
    let right = "postgres://user@host/database, or nothing at all for SQLite in data_dir";
    Err(section.wrong("database_url", Wrong::new("only PostgreSQL has an address", right)))
}
