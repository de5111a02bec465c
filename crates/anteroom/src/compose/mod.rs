//! Makes the program out of its parts, starts them, and stops them in order.

mod background;
mod figures;
mod readiness;
mod requests;
mod status;
mod tls;

use std::{collections::HashMap, path::Path, sync::Arc};

use anyhow::{Context, anyhow};
use media::{EventStream, MediaHandle, MediaServer};
use meeting::{MeetingBackend, built_in::BuiltIn};
use notify::{Deliverer, Wake};
use oauth::{KeyStore, SmartClient};
use outside::{Clock, HttpClient, Random, SystemClock, SystemRandom};
use reception::{Backends, Node, NodeSettings, Reception};
use storage::{Storage, StorageConfig, Visits};
use tokio::{
    net::TcpListener,
    sync::watch,
    task::{JoinHandle, JoinSet},
};
use visit::{BackendName, EhrId};
use web::{AppState, Links, Parts};

pub(crate) use self::tls::server_config;
use crate::{
    config::{Backend, Configuration, EhrConnection, Media, Server},
    master_key::MasterKey,
    outgoing::Outgoing,
    private, telemetry,
};

/// Database connections of one node.
const DATABASE_CONNECTIONS: u32 = 10;

/// What the program takes from the world outside it.
#[derive(Clone)]
pub(crate) struct Outside {
    /// The time.
    pub(crate) clock: Arc<dyn Clock>,
    /// Randomness.
    pub(crate) random: Arc<dyn Random>,
}

impl Outside {
    /// The machine's own.
    pub(crate) fn real() -> Self {
        Self { clock: Arc::new(SystemClock), random: Arc::new(SystemRandom::new()) }
    }
}

/// The running program.
pub(crate) struct Anteroom {
    stopping: watch::Sender<bool>,
    /// Web servers, which end when `stopping` says so.
    serving: JoinSet<Result<(), web::ServeError>>,
    /// What goes on for ever.
    background: JoinSet<()>,
    delivering: JoinHandle<()>,
    node: Arc<Node>,
    built_in: Arc<BuiltIn>,
    storage: Storage,
}

impl Anteroom {
    /// Starts everything; `listener` is where the web is served.
    pub(crate) async fn start(
        configuration: Configuration,
        listener: TcpListener,
        outside: Outside,
    ) -> anyhow::Result<Self> {
        let outgoing = Outgoing::of(&configuration, &outside.clock);
        let Configuration { server, ehrs, backend: Backend::BuiltIn, media } = configuration;
        let figures = server.metrics_listen.map(|_| telemetry::start_counting()).transpose()?;
        let tls = server.tls.as_ref().map(server_config).transpose()?;
        let http = outgoing.client()?;

        // 1. What is kept: keys, and the database.
        let master_key = open_data_dir(&server, &*outside.random)?;
        let keys = Arc::new(key_store(&server));
        make_signing_keys(&keys, &ehrs, &outside).await?;
        let storage = open_storage(&server, &master_key, &outside).await?;

        // 2. Who carries the media.
        let media = start_media(media)?;
        let media_handle = media.0.clone();
        let node = Arc::new(Node::new(
            Arc::new(storage.clone()),
            Arc::clone(&outside.clock),
            &*outside.random,
            NodeSettings::default(),
        ));
        node.register().await.context("this node cannot be registered in the database")?;
        let built_in = Arc::new(built_in(&master_key, media, &node, &outside)?);
        let backend: Arc<dyn MeetingBackend> = Arc::clone(&built_in) as _;

        // 3. Where visits are changed, and who tells the EHRs.
        let visits: Arc<dyn Visits> = Arc::new(storage.clone());
        let deliver_now = Wake::default();
        let reception = Reception::new(
            Arc::clone(&visits),
            Arc::new(Backends::new(Arc::clone(&backend), [])),
            status::policies(&ehrs),
            deliver_now.clone(),
            Arc::clone(&outside.clock),
            Arc::clone(&outside.random),
        );
        let (stopping, stops) = watch::channel(false);
        let smart = || smart_client(&http, &keys, &outside);
        let deliverer = Deliverer {
            notices: Arc::new(storage.clone()),
            targets: status::targets(&ehrs, &outgoing)?,
            tokens: Arc::new(status::BackendServices::new(smart(), &ehrs)),
            clock: Arc::clone(&outside.clock),
            random: Arc::clone(&outside.random),
            observer: Arc::new(figures::Deliveries),
            wake: deliver_now.clone(),
        };
        let delivering = tokio::spawn(deliverer.run(background::until(stops.clone())));

        // 4. What goes on in the background.
        let mut background = JoinSet::new();
        background.spawn({
            let node = Arc::clone(&node);
            async move { node.keep_alive().await }
        });
        background.spawn({
            let (node, built_in) = (Arc::clone(&node), Arc::clone(&built_in));
            async move { node.serve_calls(built_in).await }
        });
        background.spawn({
            let reception = reception.clone();
            async move { reception.follow_backends().await }
        });
        background.spawn(background::keep_house(
            storage.clone(),
            Arc::clone(&outside.clock),
            figures.clone(),
        ));
        background.spawn(background::delete_old(storage.clone(), Arc::clone(&outside.clock)));

        // 5. The web, and the figures.
        let readiness = readiness::Ready::new(&storage, &keys, &ehrs, &outside.clock);
        let state = AppState::new(Parts {
            public_url: server.public_url.clone(),
            trusted_proxies: server.trusted_proxies.clone(),
            ehrs: ehrs.iter().map(|connection| Arc::clone(&connection.ehr)).collect(),
            smart: smart(),
            keys,
            http,
            reception,
            pending: Arc::new(storage.clone()),
            sessions: Arc::new(storage.clone()),
            device_tests: Arc::new(storage.clone()),
            links: links(&storage, &master_key, &ehrs),
            operators: Arc::new(storage.clone()),
            notices: Arc::new(storage.clone()),
            audit: Arc::new(storage.clone()),
            deliver_now,
            readiness: Arc::new(readiness),
            checker: Some(backend),
            clock: Arc::clone(&outside.clock),
            random: Arc::clone(&outside.random),
            stopping: stops.clone(),
        });
        let mut serving = JoinSet::new();
        let router = requests::observed(web::router(state));
        serving.spawn(web::serve(listener, tls, router, stops.clone()));
        if let (Some(figures), Some(address)) = (figures, server.metrics_listen) {
            let listener =
                TcpListener::bind(address).await.with_context(|| format!("cannot listen on {address}"))?;
            let router = figures::router(figures, media_handle, visits);
            serving.spawn(web::serve(listener, None, router, stops));
        }
        tracing::info!(public_url = %server.public_url, ehr_connections = ehrs.len(), "ready");
        Ok(Self { stopping, serving, background, delivering, node, built_in, storage })
    }

    /// Runs until `stop` ends, then stops in order. A part that ends by
    /// itself is an error: whoever runs the program starts it anew.
    pub(crate) async fn run_until(mut self, stop: impl Future<Output = ()>) -> anyhow::Result<()> {
        let outcome = tokio::select! {
            () = stop => Ok(()),
            Some(ended) = self.serving.join_next() => Err(anyhow!("the web server ended: {ended:?}")),
            Some(ended) = self.background.join_next() => Err(anyhow!("a background task ended: {ended:?}")),
            ended = &mut self.delivering => Err(anyhow!("delivery of status reports ended: {ended:?}")),
        };
        self.stop().await;
        outcome
    }

    /// Stops in order: nothing new comes in, event streams say goodbye, what
    /// is on its way is finished. Visits go on after the restart: the people
    /// in rooms are not recorded as gone, their browsers join anew.
    pub(crate) async fn stop(mut self) {
        tracing::info!("stopping");
        self.stopping.send_replace(true);
        while self.serving.join_next().await.is_some() {}
        self.background.shutdown().await;
        self.node.retire().await;
        self.built_in.stop().await;
        if !self.delivering.is_finished() {
            let _ = self.delivering.await;
        }
        self.storage.close().await;
        tracing::info!("stopped");
    }
}

/// The signing keys' place.
pub(crate) fn key_store(server: &Server) -> KeyStore {
    KeyStore::in_dir(server.data_dir.join("keys"))
}

/// Makes the data directory where it is not there, and the master key.
pub(crate) fn open_data_dir(server: &Server, random: &dyn Random) -> anyhow::Result<MasterKey> {
    private::make_folder(&server.data_dir)?;
    Ok(MasterKey::in_data_dir(&server.data_dir, random)?)
}

/// Reads a configuration and opens what it keeps, for commands beside the
/// running program.
pub(crate) async fn open_kept(config: &Path, outside: &Outside) -> anyhow::Result<(Configuration, Storage)> {
    let configuration = Configuration::load(config)?;
    let master_key = open_data_dir(&configuration.server, &*outside.random)?;
    let storage = open_storage(&configuration.server, &master_key, outside).await?;
    Ok((configuration, storage))
}

/// Opens the database.
pub(crate) async fn open_storage(
    server: &Server,
    master_key: &MasterKey,
    outside: &Outside,
) -> anyhow::Result<Storage> {
    let config = StorageConfig {
        url: server.database.clone(),
        secrecy: master_key.sealing(),
        connections: DATABASE_CONNECTIONS,
    };
    Storage::open(config, Arc::clone(&outside.random)).await.context("the database cannot be opened")
}

/// A SMART client with empty caches.
pub(crate) fn smart_client(
    http: &Arc<dyn HttpClient>,
    keys: &Arc<KeyStore>,
    outside: &Outside,
) -> SmartClient {
    SmartClient::new(
        Arc::clone(http),
        Arc::clone(&outside.clock),
        Arc::clone(&outside.random),
        Arc::clone(keys),
    )
}

/// Keys are made before anybody asks for them: an RSA key takes its time.
async fn make_signing_keys(
    keys: &Arc<KeyStore>,
    ehrs: &[EhrConnection],
    outside: &Outside,
) -> anyhow::Result<()> {
    let ids: Vec<EhrId> = ehrs.iter().map(|connection| connection.ehr.id().clone()).collect();
    let (keys, now) = (Arc::clone(keys), outside.clock.now());
    let make = move || ids.iter().try_for_each(|id| keys.key_set(id, now).map(drop));
    tokio::task::spawn_blocking(make).await?.context("the signing keys cannot be used")
}

fn start_media(Media { listen, public_addresses }: Media) -> anyhow::Result<(MediaHandle, EventStream)> {
    let config =
        media::Config { udp: listen, tcp: Some(listen), public_addresses, limits: media::Limits::default() };
    MediaServer::start(config).context("the room for audio and video cannot be opened")
}

fn built_in(
    master_key: &MasterKey,
    media: (MediaHandle, EventStream),
    node: &Arc<Node>,
    outside: &Outside,
) -> anyhow::Result<BuiltIn> {
    let name: BackendName = "built-in".parse()?;
    Ok(BuiltIn::new(
        name,
        &master_key.join_tickets(),
        media,
        Arc::clone(node) as _,
        Arc::clone(&outside.clock),
        Arc::clone(&outside.random),
    ))
}

/// Ways in without OAuth. What an encrypted link cannot protect is told at
/// each start.
fn links(storage: &Storage, master_key: &MasterKey, ehrs: &[EhrConnection]) -> Links {
    let with_links = ehrs.iter().filter(|connection| !connection.links.is_empty());
    let schemes = with_links.map(|connection| {
        let ehr = connection.ehr.id();
        for weakness in connection.link_weaknesses() {
            tracing::warn!(%ehr, weakness = weakness.as_str(), "encrypted links are accepted: {weakness}");
        }
        (ehr.clone(), Arc::clone(&connection.links))
    });
    Links::new(Arc::new(storage.clone()), &master_key.link_answers()).with_encrypted(schemes.collect())
}

type ByEhr<T> = HashMap<EhrId, T>;
