//! `anteroom demo`: Anteroom and a simulated EHR side by side, for a look.

pub(crate) mod settings;
#[cfg(test)]
mod tests;

use std::{
    fmt, fs,
    net::{SocketAddr, TcpListener as Probe, UdpSocket},
    path::{Path, PathBuf},
    sync::Arc,
};

use anyhow::{Context, ensure};
use outside::RandomExt;
use sandbox::{RunningSandbox, Sandbox};
use secrecy::SecretString;
use serde_json::json;
use storage::Operators;
use tokio::net::TcpListener;
use url::Url;

use crate::{
    cli::DemoOptions,
    compose::{self, Anteroom, Outside},
    config::{self, Configuration, MEDIA_PORT},
    outgoing::Outgoing,
    private, stop,
};

/// Where things listen unless they are told otherwise, and nobody else does.
const ANTEROOM_PORT: u16 = 8080;
const EHR_PORT: u16 = 8081;

const DATABASE_URL: &str = "ANTEROOM_SERVER__DATABASE_URL";

/// Who may sign in at `/admin`.
const OPERATOR: &str = "demo";

/// Runs the demo until it is told to stop.
pub(crate) async fn run(options: &DemoOptions) -> anyhow::Result<()> {
    let stop = stop::requested()?;
    if let Some(file) = &options.ready_file {
        // A script must not take an earlier run's word.
        remove_if_there(file)?;
    }
    let demo = Demo::start(options, Outside::real()).await?;
    println!("{}", demo.welcome);
    if let Some(file) = &options.ready_file {
        private::write_new_secret(file, &demo.welcome.to_json())?;
    }
    demo.run_until(stop).await
}

/// The running demo.
struct Demo {
    anteroom: Anteroom,
    ehr: RunningSandbox,
    welcome: Welcome,
    /// Deleted at the end.
    temporary: Option<PathBuf>,
}

/// What to tell whoever started the demo.
struct Welcome {
    anteroom: String,
    ehr: String,
    password: String,
}

impl Demo {
    async fn start(options: &DemoOptions, outside: Outside) -> anyhow::Result<Self> {
        // 1. Where everything is. One host for both: the EHR shows our pages
        //    in a frame, and cookies there want one site.
        let listener = listen(options.listen).await?;
        let address = listener.local_addr()?;
        ensure!(address.ip().is_loopback(), "the demo listens on this machine only, as on 127.0.0.1:8080");
        let ehr_address = options.ehr_listen.unwrap_or_else(|| {
            free("the simulated EHR", SocketAddr::new(address.ip(), EHR_PORT), tcp_is_free)
        });
        ensure!(
            ehr_address.ip() == address.ip(),
            "--listen and --ehr-listen need the same address with different ports"
        );
        let public_url = Url::parse(&format!("http://{address}"))?;
        let temporary = match options.data_dir {
            Some(_) => None,
            None => Some(std::env::temp_dir().join(format!("anteroom-demo-{}", outside.random.token::<9>()))),
        };
        let data_dir =
            options.data_dir.as_ref().or(temporary.as_ref()).context("there is no folder")?.clone();
        private::make_folder(&data_dir)?;

        // 2. The EHR, in which we are registered.
        let ehr = Sandbox::start(
            settings::sandbox(ehr_address, &public_url),
            sandbox::Outside {
                clock: Arc::clone(&outside.clock),
                random: Arc::clone(&outside.random),
                http: Outgoing::local(&outside.clock).client()?,
            },
        )
        .await?;

        // 3. A configuration as anybody would write it, and Anteroom with it.
        let file = data_dir.join("anteroom.toml");
        let media_port = options.media_port.unwrap_or_else(|| {
            free("audio and video", SocketAddr::from(([0, 0, 0, 0], MEDIA_PORT)), udp_and_tcp_are_free).port()
        });
        fs::write(&file, settings::configuration(&public_url, &ehr, media_port))
            .with_context(|| format!("{} cannot be written", file.display()))?;
        // The demo makes an operator: a database that a variable names for
        // the real program is not for it.
        let environment = config::environment().filter(|(name, _)| name != DATABASE_URL);
        let database_url = options.database_url.clone().map(|url| (DATABASE_URL.to_owned(), url));
        let configuration = Configuration::load_with(&file, environment.chain(database_url))?;
        let password = add_operator(&configuration, &outside).await?;
        let anteroom = Anteroom::start(configuration, listener, outside).await?;

        let welcome = Welcome { anteroom: plain(&public_url), ehr: plain(ehr.base_url()), password };
        Ok(Self { anteroom, ehr, welcome, temporary })
    }

    async fn run_until(self, stop: impl Future<Output = ()>) -> anyhow::Result<()> {
        let outcome = self.anteroom.run_until(stop).await;
        self.ehr.stop().await;
        if let Some(folder) = self.temporary {
            fs::remove_dir_all(&folder).with_context(|| format!("{} cannot be deleted", folder.display()))?;
        }
        outcome
    }
}

impl fmt::Display for Welcome {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        let Self { anteroom, ehr, password } = self;
        write!(
            f,
            "\nThe demo runs. Everybody in it is invented.\n\n\
             \x20 A clinician's schedule  {ehr}/hyperspace?user=finn\n\
             \x20 A patient's portal      {ehr}/mychart?user=ana\n\
             \x20 Operators               {anteroom}/admin (user {OPERATOR}, password {password})\n\n\
             Open the first two in two windows and begin the video visit in both. Ctrl+C ends the demo.\n"
        )
    }
}

impl Welcome {
    fn to_json(&self) -> String {
        let Self { anteroom, ehr, password } = self;
        json!({
            "anteroom": anteroom,
            "ehr": ehr,
            "admin": format!("{anteroom}/admin"),
            "admin_user": OPERATOR,
            "admin_password": password,
        })
        .to_string()
    }
}

async fn add_operator(configuration: &Configuration, outside: &Outside) -> anyhow::Result<String> {
    let master_key = compose::open_data_dir(&configuration.server, &*outside.random)?;
    let storage = compose::open_storage(&configuration.server, &master_key, outside).await?;
    let password = outside.random.token::<12>();
    let phc = web::hash_password(&SecretString::from(password.as_str()), &*outside.random)?;
    storage.set_password(OPERATOR, &phc, outside.clock.now()).await?;
    storage.close().await;
    Ok(password)
}

async fn listen(asked: Option<SocketAddr>) -> anyhow::Result<TcpListener> {
    let address = asked
        .unwrap_or_else(|| free("Anteroom", SocketAddr::from(([127, 0, 0, 1], ANTEROOM_PORT)), tcp_is_free));
    TcpListener::bind(address).await.with_context(|| format!("cannot listen on {address}"))
}

/// The usual address, or one with a free port where somebody has that.
fn free(who: &str, usual: SocketAddr, is_free: fn(SocketAddr) -> bool) -> SocketAddr {
    if is_free(usual) {
        return usual;
    }
    println!("Port {} is taken; {who} uses a free one.", usual.port());
    SocketAddr::new(usual.ip(), 0)
}

fn tcp_is_free(address: SocketAddr) -> bool {
    Probe::bind(address).is_ok()
}

fn udp_and_tcp_are_free(address: SocketAddr) -> bool {
    UdpSocket::bind(address).is_ok() && tcp_is_free(address)
}

fn plain(url: &Url) -> String {
    url.as_str().trim_end_matches('/').to_owned()
}

fn remove_if_there(file: &Path) -> anyhow::Result<()> {
    match fs::remove_file(file) {
        Err(error) if error.kind() != std::io::ErrorKind::NotFound => {
            Err(error).with_context(|| format!("{} cannot be replaced", file.display()))
        }
        _ => Ok(()),
    }
}
