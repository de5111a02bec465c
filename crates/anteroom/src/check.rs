//! `anteroom check`: tries what the configuration says, without people.

mod report;

use std::{
    io::ErrorKind,
    net::{SocketAddr, TcpListener, UdpSocket},
    path::Path,
    process::ExitCode,
    sync::Arc,
};

use oauth::{KeyStore, Outcome, SmartClient};
use outside::{HttpClient, Limits, Request};
use storage::DatabaseUrl;
use url::Url;

use self::report::{Mark, Report, with_causes};
use crate::{
    compose::{self, Outside},
    config::{Configuration, EhrConnection, Environment, Media, Server},
    outgoing::Outgoing,
};

/// Tries everything and tells what was seen. The exit code is 1 where
/// something is not as it should be.
pub(crate) async fn run(config: &Path) -> anyhow::Result<ExitCode> {
    let mut report = Report::default();
    match Configuration::load(config) {
        Ok(configuration) => {
            let seen = format!("{} holds; EHR connections: {}", config.display(), configuration.ehrs.len());
            report.good("configuration", seen);
            Box::pin(try_all(&configuration, &mut report)).await;
        }
        Err(error) => report.problem("configuration", error, "correct these and check again"),
    }
    Ok(report.conclude())
}

async fn try_all(configuration: &Configuration, report: &mut Report) {
    let Configuration { server, ehrs, media, .. } = configuration;
    let outside = Outside::real();
    database(server, &outside, report).await;
    tls(server, report);
    report.good("public address", format!("browsers and EHRs open {}", server.public_url));
    port("web port", server.listen, &[tcp], report);
    if let Some(address) = server.metrics_listen {
        port("metrics port", address, &[tcp], report);
    }
    port("media port", media.listen, &[udp, tcp], report);
    media_addresses(media, report);

    let outgoing = Outgoing::of(configuration, &outside.clock);
    let http = match outgoing.client() {
        Ok(http) => http,
        Err(error) => {
            let todo = "correct server.trusted_ca_files; no EHR was asked";
            return report.problem("outgoing TLS", format!("{error:#}"), todo);
        }
    };
    let keys = Arc::new(compose::key_store(server));
    let smart = compose::smart_client(&http, &keys, &outside);
    for connection in ehrs {
        ehr(connection, server, &smart, &outgoing, report).await;
        key_set_address(connection, server, &keys, &*http, &outside, report).await;
    }
}

async fn database(server: &Server, outside: &Outside, report: &mut Report) {
    let master_key = match compose::open_data_dir(server, &*outside.random) {
        Ok(master_key) => master_key,
        Err(error) => {
            let todo = "give the program a folder of its own that it may write to";
            return report.problem("data directory", format!("{error:#}"), todo);
        }
    };
    report.good("data directory", format!("{} is ours alone", server.data_dir.display()));
    let what = match &server.database {
        DatabaseUrl::Sqlite(path) => format!("SQLite at {}", path.display()),
        DatabaseUrl::Postgres(_) => "PostgreSQL".to_owned(),
    };
    let answer = async {
        let storage = compose::open_storage(server, &master_key, outside).await?;
        storage.ping().await?;
        storage.close().await;
        anyhow::Ok(())
    };
    match answer.await {
        Ok(()) => report.good("database", format!("{what} answers, its schema is up to date")),
        Err(error) => {
            let todo =
                "see that it runs, that this machine may connect, and that server.database_url is right";
            report.problem("database", format!("{what}: {error:#}"), todo);
        }
    }
}

fn tls(server: &Server, report: &mut Report) {
    match (&server.tls, server.public_url.scheme()) {
        (Some(files), "https") => match compose::server_config(files) {
            Ok(_) => report.good("TLS", "certificate and key belong together"),
            Err(error) => report.problem("TLS", format!("{error:#}"), "correct server.tls"),
        },
        (Some(_), _) => {
            report.problem("TLS", "the certificate serves https", "write https:// in server.public_url");
        }
        (None, "https") => report.good("TLS", "a proxy has to terminate it: server.tls is not set"),
        (None, _) => report.good("TLS", "not used on loopback"),
    }
}

type Bind = fn(SocketAddr) -> std::io::Result<()>;

fn tcp(address: SocketAddr) -> std::io::Result<()> {
    TcpListener::bind(address).map(drop)
}

fn udp(address: SocketAddr) -> std::io::Result<()> {
    UdpSocket::bind(address).map(drop)
}

fn port(subject: &str, address: SocketAddr, binds: &[Bind], report: &mut Report) {
    match binds.iter().try_for_each(|bind| bind(address)) {
        Ok(()) => report.good(subject, format!("{address} is free")),
        Err(error) if error.kind() == ErrorKind::AddrInUse => report.warning(
            subject,
            format!("{address} is taken"),
            "right if Anteroom runs already; otherwise stop the other program or take another port",
        ),
        Err(error) => report.problem(
            subject,
            format!("{address} cannot be listened on: {error}"),
            "take an address of this machine, and a port above 1023",
        ),
    }
}

fn media_addresses(media: &Media, report: &mut Report) {
    let subject = "media addresses";
    if media.public_addresses.is_empty() {
        return report.warning(
            subject,
            "browsers are told this machine's own addresses",
            "behind NAT or in a container, set media.public_addresses to what browsers can reach",
        );
    }
    let told = media.public_addresses.iter().map(ToString::to_string).collect::<Vec<_>>().join(", ");
    report.good(subject, format!("browsers are told {told}"));
}

async fn ehr(
    connection @ EhrConnection { ehr, environment, status, .. }: &EhrConnection,
    server: &Server,
    smart: &SmartClient,
    outgoing: &Outgoing,
    report: &mut Report,
) {
    let subject = |what: &str| format!("{}: {what}", ehr.id());
    for finding in smart.check(&ehr.connection).await {
        let subject = subject(finding.subject);
        match finding.outcome {
            Outcome::Good(seen) => report.good(&subject, seen),
            Outcome::Skipped(why) => report.good(&subject, format!("not tried, {why}")),
            Outcome::Bad { seen, remedy } => report.problem(&subject, seen, remedy),
        }
    }
    if ehr.frame_ancestors.is_empty() {
        let todo = "set frame_ancestors, unless the EHR opens its links in windows of their own";
        report.warning(&subject("frames"), "no page of the EHR may show ours in a frame", todo);
    }
    let on_loopback = server.public_url.scheme() == "http";
    if *environment == Environment::Production && on_loopback {
        let todo = "set server.public_url to the https address that the EHR opens";
        report.problem(&subject("environment"), "production with an address on loopback", todo);
    }
    for weakness in connection.link_weaknesses() {
        let todo = "have the EHR launch by SMART instead, then take [[ehr.links]] out";
        report.warning(&subject("encrypted links"), weakness, todo);
    }
    match status {
        None => report.good(&subject("connection status"), "not configured: nothing is reported"),
        Some(status) => {
            let host = status.url.as_url().host_str().unwrap_or_default();
            match status.client_certificate.as_ref().map(|files| outgoing.client_with(files)).transpose() {
                Ok(_) => report.good(&subject("connection status"), format!("is reported to {host}")),
                Err(error) => {
                    let todo = "correct client_certificate_file and client_key_file";
                    report.problem(&subject("connection status"), format!("{error:#}"), todo);
                }
            }
        }
    }
}

/// What the EHR will see of our keys, as far as it can be seen from here.
async fn key_set_address(
    EhrConnection { ehr, .. }: &EhrConnection,
    server: &Server,
    keys: &KeyStore,
    http: &dyn HttpClient,
    outside: &Outside,
    report: &mut Report,
) {
    let subject = format!("{}: our key set", ehr.id());
    let now = outside.clock.now();
    let (Ok(address), Ok(own)) =
        (server.public_url.join(&format!("/ehr/{}/jwks.json", ehr.id())), keys.key_set(ehr.id(), now))
    else {
        // The signing keys have been told of above.
        return;
    };
    let todo = "start Anteroom, and see that the EHR reaches this address too";
    match fetch(http, address.clone()).await {
        Ok(published) if published == own.jwks(now) => {
            report.good(&subject, format!("{address} publishes it"));
        }
        Ok(_) => report.problem(
            &subject,
            format!("{address} answers, but not with our keys"),
            "nodes behind one address need one data directory, or the proxy leads elsewhere",
        ),
        Err(seen) => report.line(Mark::Warning, &subject, format!("{address}: {seen}"), Some(todo)),
    }
}

async fn fetch(http: &dyn HttpClient, address: Url) -> Result<serde_json::Value, String> {
    let response =
        http.send(Request::get(address, Limits::OAUTH)).await.map_err(|error| with_causes(&error))?;
    if !response.status.is_success() {
        return Err(format!("it answers {}", response.status));
    }
    response.json().map_err(|_| "it answers no JSON".to_owned())
}
