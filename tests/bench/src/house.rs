//! Anteroom as the program composes it, over a database in a folder. The room
//! is left out: nothing here joins one.

use std::{collections::HashMap, fs, path::Path, sync::Arc};

use anyhow::Result;
use async_trait::async_trait;
use fhir::{CsnSystem, FhirServer, Rules};
use jiff::{Timestamp, tz::TimeZone};
use meeting::{
    Capabilities, JoinTicket, MeetingBackend, MeetingClient, MeetingError, PresenceSource, Present,
    RoomHandle, RoomSpec,
};
use notify::{StatusPolicy, Wake};
use oauth::{
    AuthorizeMethod, Clients, Connection, FixedEndpoints, KeyStore, Scopes, SigningAlgorithm, SmartClient,
    Vendor,
};
use outside::{Clock, HttpClient, Random, SystemRandom};
use reception::{Backends, Reception};
use storage::{DatabaseUrl, Secrecy, Storage, StorageConfig};
use tokio::sync::watch;
use url::Url;
use visit::{Admittance, Admitted, BackendName, SeatId};
use web::{AppState, Ehr, Parts, Readiness, pages::Brand};

/// The one EHR connection's id and FHIR base.
pub(crate) const EHR: &str = "bench";
pub(crate) const FHIR_BASE: &str = "https://ehr.example.org/api/FHIR/R4";
/// The client id at that EHR.
pub(crate) const CLIENT: &str = "anteroom-client";

/// Database connections, as many as the program has.
const CONNECTIONS: u32 = 10;

/// The running parts.
pub(crate) struct House {
    pub(crate) state: AppState,
    pub(crate) reception: Reception,
    pub(crate) storage: Storage,
    /// Set to true, event streams say goodbye.
    pub(crate) stop: watch::Sender<bool>,
}

impl House {
    /// Opens the house whose database and keys are in this folder, with this
    /// way to the EHR and this clock.
    pub(crate) async fn open(dir: &Path, http: Arc<dyn HttpClient>, clock: Arc<dyn Clock>) -> Result<Self> {
        let random: Arc<dyn Random> = Arc::new(SystemRandom::new());
        let config = StorageConfig {
            url: DatabaseUrl::Sqlite(dir.join("anteroom.db")),
            secrecy: Secrecy { key_id: 1, key: Box::new([7; 32]).into() },
            connections: CONNECTIONS,
        };
        let storage = Storage::open(config, Arc::clone(&random)).await?;
        let shared = Arc::new(storage.clone());

        let keys_dir = dir.join("keys");
        fs::create_dir_all(&keys_dir)?;
        let keys = Arc::new(KeyStore::in_dir(keys_dir));
        let ehr = Arc::new(ehr()?);
        let deliver_now = Wake::default();
        let reception = Reception::new(
            shared.clone(),
            Arc::new(Backends::new(Arc::new(NoRoom("no-room".parse()?)), [])),
            HashMap::from([(ehr.id().clone(), StatusPolicy::default())]),
            deliver_now.clone(),
            Arc::clone(&clock),
            Arc::clone(&random),
        );
        let (stop, stopping) = watch::channel(false);
        let state = AppState::new(Parts {
            public_url: Url::parse("https://visits.example.org")?,
            trusted_proxies: Vec::new(),
            ehrs: vec![ehr],
            smart: SmartClient::new(
                Arc::clone(&http),
                Arc::clone(&clock),
                Arc::clone(&random),
                Arc::clone(&keys),
            ),
            keys,
            http,
            reception: reception.clone(),
            pending: shared.clone(),
            sessions: shared.clone(),
            device_tests: shared.clone(),
            links: web::Links::new(shared.clone(), &[7; 32]),
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
        Ok(Self { state, reception, storage, stop })
    }
}

fn ehr() -> Result<Ehr> {
    let time_zone = TimeZone::get("America/Chicago")?;
    let client: oauth::ClientId = CLIENT.parse()?;
    Ok(Ehr {
        brand: Brand { name: "Lamna Healthcare".to_owned(), ..Brand::default() },
        connection: Connection {
            ehr: EHR.parse()?,
            fhir_base: FHIR_BASE.parse()?,
            vendor: Vendor::Epic,
            clients: Clients { provider: client.clone(), patient: client, backend: None },
            scopes: Scopes::default(),
            redirect_uri: Url::parse("https://visits.example.org/ehr/bench/callback")?,
            signing_algorithm: SigningAlgorithm::ES384,
            authorize_method: AuthorizeMethod::Get,
            fixed: FixedEndpoints::default(),
            allowed_hosts: Vec::new(),
        },
        fhir: Arc::new(FhirServer {
            base: FHIR_BASE.parse()?,
            time_zone: time_zone.clone(),
            csn_system: CsnSystem::default(),
        }),
        rules: Rules::default(),
        admittance: Admittance::Manual,
        time_zone,
        frame_ancestors: vec!["https://hyperspace.example.org".to_owned()],
        session_id_key: "sessionId".to_owned(),
        external_id_key: "userId".to_owned(),
        keeps_launch_token: true,
    })
}

struct AlwaysReady;

#[async_trait]
impl Readiness for AlwaysReady {
    async fn ready(&self) -> Result<(), String> {
        Ok(())
    }
}

/// A meeting backend whose room nobody joins.
struct NoRoom(BackendName);

#[async_trait]
impl MeetingBackend for NoRoom {
    fn name(&self) -> &BackendName {
        &self.0
    }

    fn capabilities(&self) -> Capabilities {
        Capabilities {
            max_people: 6,
            client: MeetingClient::Native,
            presence: PresenceSource::InProcess,
            removes: true,
            ends: true,
            checks_connections: false,
        }
    }

    async fn ensure_room(&self, spec: &RoomSpec) -> Result<RoomHandle, MeetingError> {
        Ok(RoomHandle(spec.room.as_str().to_owned()))
    }

    async fn mint_join(
        &self,
        _: &RoomHandle,
        _: &Admitted<'_>,
        _: Timestamp,
    ) -> Result<JoinTicket, MeetingError> {
        Err(MeetingError::Unsupported)
    }

    async fn remove(&self, _: &RoomHandle, _: &SeatId) -> Result<(), MeetingError> {
        Ok(())
    }

    async fn end(&self, _: &RoomHandle) -> Result<(), MeetingError> {
        Ok(())
    }

    async fn presence(&self, _: &RoomHandle) -> Result<Option<Vec<Present>>, MeetingError> {
        Ok(Some(Vec::new()))
    }

    async fn health(&self) -> Result<String, MeetingError> {
        Ok("nobody joins".to_owned())
    }
}
