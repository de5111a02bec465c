//! Anteroom as the program composes it: database, keys and room of its own,
//! and the real outgoing client.

use std::{collections::HashMap, net::Ipv4Addr, path::PathBuf, sync::Arc};

use async_trait::async_trait;
use axum::Router;
use fhir::{CsnSystem, FhirServer, Rules};
use jiff::tz::TimeZone;
use links::{LinkScheme, LinkSettings};
use media::MediaServer;
use meeting::built_in::{Alone, BuiltIn};
use notify::Wake;
use oauth::{
    AuthorizeMethod, Clients, Connection, FixedEndpoints, KeyStore, Scopes, SigningAlgorithm, SmartClient,
    Vendor,
};
use outside::{
    Clock, GuardOptions, Guarded, HttpClient, Random, RealHttp, RealHttpOptions, SystemRandom,
    testing::TestClock,
};
use reception::{Backends, Reception};
use sqlx::{ConnectOptions, sqlite::SqliteConnectOptions};
use storage::{DatabaseUrl, Operators, Secrecy, Storage, StorageConfig};
use tempfile::TempDir;
use tokio::sync::watch;
use url::Url;
use visit::{Admittance, EhrId};
use web::{AppState, Ehr, Parts, Readiness, pages::Brand};

/// The EHR connection that tests launch from.
pub(crate) const LAMNA: &str = "lamna";
/// Another customer's, whose servers are the foreign host.
pub(crate) const OTHER: &str = "other";
/// Who may embed pages of [`LAMNA`].
pub(crate) const HYPERSPACE: &str = "https://hyperspace.example.org";
/// A proxy whose `X-Forwarded-For` is believed.
pub(crate) const PROXY: &str = "192.0.2.200";

const PUBLIC_URL: &str = "https://visits.example.org";

/// The running parts.
pub(crate) struct House {
    pub(crate) router: Router,
    pub(crate) storage: Storage,
    database: PathBuf,
    stop: watch::Sender<bool>,
    _dir: TempDir,
}

impl Drop for House {
    fn drop(&mut self) {
        self.stop.send_replace(true);
    }
}

impl House {
    pub(crate) async fn open(lamna: &str, other: &str, clock: &TestClock) -> Self {
        let dir = tempfile::tempdir().unwrap();
        let database = dir.path().join("anteroom.db");
        let random: Arc<dyn Random> = Arc::new(SystemRandom::new());
        let clock: Arc<dyn Clock> = Arc::new(clock.clone());
        let config = StorageConfig {
            url: DatabaseUrl::Sqlite(database.clone()),
            secrecy: Secrecy { key_id: 1, key: Box::new([7; 32]).into() },
            connections: 2,
        };
        let storage = Storage::open(config, Arc::clone(&random)).await.unwrap();
        let shared = Arc::new(storage.clone());

        let http = RealHttp::new(RealHttpOptions::default()).unwrap();
        let http: Arc<dyn HttpClient> =
            Arc::new(Guarded::new(http, Arc::clone(&clock), GuardOptions::default()));
        // Made once and kept between runs: an RSA key takes its time.
        let keys = Arc::new(KeyStore::in_dir(concat!(env!("CARGO_TARGET_TMPDIR"), "/misuse-keys")));

        let ehrs = vec![Arc::new(ehr(LAMNA, lamna)), Arc::new(ehr(OTHER, other))];
        let deliver_now = Wake::default();
        let reception = Reception::new(
            shared.clone(),
            Arc::new(Backends::new(Arc::new(room(&clock, &random)), [])),
            HashMap::new(),
            deliver_now.clone(),
            Arc::clone(&clock),
            Arc::clone(&random),
        );
        let (stop, stopping) = watch::channel(false);
        let state = AppState::new(Parts {
            public_url: Url::parse(PUBLIC_URL).unwrap(),
            trusted_proxies: vec![PROXY.parse().unwrap()],
            ehrs,
            smart: SmartClient::new(
                Arc::clone(&http),
                Arc::clone(&clock),
                Arc::clone(&random),
                Arc::clone(&keys),
            ),
            keys,
            http,
            reception,
            pending: shared.clone(),
            sessions: shared.clone(),
            device_tests: shared.clone(),
            links: web::Links::new(shared.clone(), &[7; 32]).with_encrypted(encrypted_links()),
            operators: shared.clone(),
            notices: shared.clone(),
            audit: shared,
            deliver_now,
            readiness: Arc::new(AlwaysReady),
            checker: None,
            clock,
            random,
            stopping,
        });
        Self { router: web::router(state), storage, database, stop, _dir: dir }
    }

    /// How many visits and seats the database holds, asked behind the
    /// program's back.
    pub(crate) async fn visits_and_seats(&self) -> (i64, i64) {
        let options = SqliteConnectOptions::new().filename(&self.database).read_only(true);
        let mut database = options.connect().await.unwrap();
        sqlx::query_as("SELECT (SELECT count(*) FROM visits), (SELECT count(*) FROM seats)")
            .fetch_one(&mut database)
            .await
            .unwrap()
    }

    /// Lets an operator sign in with this password.
    pub(crate) async fn employ(&self, user: &str, password: &str) {
        let phc = web::hash_password(&password.to_owned().into(), &SystemRandom::new()).unwrap();
        self.storage.set_password(user, &phc, outside::SystemClock.now()).await.unwrap();
    }
}

fn ehr(id: &str, base: &str) -> Ehr {
    let time_zone = TimeZone::get("America/Chicago").unwrap();
    let client: oauth::ClientId = format!("{id}-client").parse().unwrap();
    Ehr {
        brand: Brand { name: "Lamna Healthcare".to_owned(), ..Brand::default() },
        connection: Connection {
            ehr: id.parse().unwrap(),
            fhir_base: base.parse().unwrap(),
            vendor: Vendor::Generic,
            clients: Clients { provider: client.clone(), patient: client, backend: None },
            scopes: Scopes::default(),
            redirect_uri: Url::parse(&format!("{PUBLIC_URL}/ehr/{id}/callback")).unwrap(),
            signing_algorithm: SigningAlgorithm::ES384,
            authorize_method: AuthorizeMethod::Get,
            fixed: FixedEndpoints::default(),
            allowed_hosts: Vec::new(),
        },
        fhir: Arc::new(FhirServer {
            base: base.parse().unwrap(),
            time_zone: time_zone.clone(),
            csn_system: CsnSystem::default(),
        }),
        rules: Rules::default(),
        admittance: Admittance::Manual,
        time_zone,
        frame_ancestors: vec![HYPERSPACE.to_owned()],
        session_id_key: "sessionId".to_owned(),
        external_id_key: "userId".to_owned(),
        keeps_launch_token: true,
    }
}

/// The built-in room, on a free port of loopback.
fn room(clock: &Arc<dyn Clock>, random: &Arc<dyn Random>) -> BuiltIn {
    let media = media::Config {
        udp: (Ipv4Addr::LOCALHOST, 0).into(),
        tcp: None,
        public_addresses: Vec::new(),
        limits: media::Limits::default(),
    };
    BuiltIn::new(
        "built-in".parse().unwrap(),
        &[7; 32],
        MediaServer::start(media).unwrap(),
        Arc::new(Alone),
        Arc::clone(clock),
        Arc::clone(random),
    )
}

/// How encrypted links of [`LAMNA`] look; [`OTHER`] has none.
pub(crate) fn link_settings() -> LinkSettings {
    LinkSettings::epic("0123456789abcdef0123456789abcdef".into())
}

fn encrypted_links() -> HashMap<EhrId, Arc<[LinkScheme]>> {
    let scheme = LinkScheme::new(link_settings()).unwrap();
    HashMap::from([(LAMNA.parse().unwrap(), Arc::from([scheme]))])
}

struct AlwaysReady;

#[async_trait]
impl Readiness for AlwaysReady {
    async fn ready(&self) -> Result<(), String> {
        Ok(())
    }
}
