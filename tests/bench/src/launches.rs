//! What one launch costs: from the launch address to the seat, in this
//! process, with an EHR that answers from memory and the embedded database
//! on disk.

use std::{
    ops::Add,
    path::Path,
    process::ExitCode,
    sync::Arc,
    time::{Duration, Instant},
};

use anyhow::{Context, Result, anyhow, bail, ensure};
use aws_lc_rs::{
    rand::SystemRandom,
    rsa::KeySize,
    signature::{
        ECDSA_P384_SHA384_FIXED_SIGNING, EcdsaKeyPair, KeyPair, RSA_PKCS1_2048_8192_SHA256, RSA_PKCS1_SHA256,
        RsaKeyPair, UnparsedPublicKey,
    },
};
use axum::{Router, body::Body};
use http::{HeaderMap, Request, StatusCode, header};
use jiff::{SignedDuration, Timestamp};
use outside::{Clock, SystemClock, testing::TestClock};
use serde_json::{Value, json};
use tower::ServiceExt;
use url::{Url, form_urlencoded};

use crate::{
    ehr::{Asked, ISSUER, MemoryEhr, steps},
    figure::{Figures, Megabytes, Millis, note},
    house::{CLIENT, EHR, FHIR_BASE, House},
    process::{CpuTime, resident},
};

/// Launches whose answers lie ready at one time.
const AT_ONCE: u32 = 100;
/// How long the EHR takes where the order of requests is watched.
const EHR_TAKES: Duration = Duration::from_millis(30);
const RAM_DISK: &str = "/dev/shm";
const MEMORY_LIMIT: u64 = 40_000_000;
/// By the clock of the program, so that its limits on launches are not met.
const ONE_AFTER_ANOTHER: SignedDuration = SignedDuration::from_millis(500);
/// What a launch may cost beyond twice its floor.
const ALLOWANCE: Duration = Duration::from_micros(300);

const APPOINTMENT: &str = include_str!("../../../fixtures/fhir/appointment.json");
const ENCOUNTER: &str = include_str!("../../../fixtures/fhir/encounter.json");

/// Measures so many launches: each visit's clinician, then its patient.
pub(crate) async fn measure(launches: u32) -> Result<ExitCode> {
    let mut figures = Figures::default();
    let floor = floor()?;
    let used = use_of(launches, &std::env::temp_dir()).await?;
    let memory = resident(std::process::id())?;

    let (whole, allowed) = (used.cpu().total() / launches, 2 * floor + ALLOWANCE);
    note("Floor: one ES384 signature, one RS256 verification", Millis(floor));
    figures.judge(
        format!("CPU time of a launch, all threads ({launches} launches)"),
        format!("≤ 2 × floor + 0.3 ms = {}", Millis(allowed)),
        Millis(whole),
        whole <= allowed,
    );
    note(
        "… of it in SQLite's threads (three commits, each synced to disk)",
        Millis(used.cpu().storage / launches),
    );
    note("… of it on the launch address", Millis(used.begin.total() / launches));
    note("… of it on the callback", Millis(used.finish.total() / launches));
    note("Time of a launch one after the other, without the EHR's", Millis(used.took / launches));
    let ram = Path::new(RAM_DISK);
    if ram.is_dir() {
        let without_disk = use_of(launches, ram).await?.cpu();
        note("CPU time of a launch with the database on a RAM disk", Millis(without_disk.total() / launches));
        note("… of it in SQLite's threads", Millis(without_disk.storage / launches));
    }
    figures.judge(
        "Memory of this process after them, the simulated EHR included",
        "< 40 MB",
        Megabytes(memory),
        memory < MEMORY_LIMIT,
    );
    requests(&mut figures).await?;
    Ok(figures.verdict())
}

/// What these launches use, with the database below this folder.
async fn use_of(launches: u32, folder: &Path) -> Result<Used> {
    let (bench, _dir) = Bench::open(Duration::ZERO, folder).await?;
    // The first ones make keys, fetch documents and fill caches.
    bench.launch(0..AT_ONCE).await?;
    let mut sum = Used::default();
    let (mut next, end) = (AT_ONCE, AT_ONCE + launches);
    while next < end {
        let batch = next..(next + AT_ONCE).min(end);
        next = batch.end;
        sum = sum + bench.launch(batch).await?;
    }
    Ok(sum)
}

/// CPU time of one signature and one verification, as every launch needs.
fn floor() -> Result<Duration> {
    const ROUNDS: u32 = 1000;
    let failed = |_| anyhow!("the floor's cryptography failed");
    let random = SystemRandom::new();
    let ours = EcdsaKeyPair::generate(&ECDSA_P384_SHA384_FIXED_SIGNING).map_err(failed)?;
    let theirs = RsaKeyPair::generate(KeySize::Rsa2048).map_err(failed)?;
    let message = [b'x'; 400];
    let mut signature = vec![0; theirs.public_modulus_len()];
    theirs.sign(&RSA_PKCS1_SHA256, &random, &message, &mut signature).map_err(failed)?;
    let public = UnparsedPublicKey::new(&RSA_PKCS1_2048_8192_SHA256, theirs.public_key().as_ref());

    let before = CpuTime::now()?;
    for _ in 0..ROUNDS {
        std::hint::black_box(ours.sign(&random, &message).map_err(failed)?);
        public.verify(&message, &signature).map_err(failed)?;
    }
    Ok((CpuTime::now()? - before).total() / ROUNDS)
}

/// Watches what one launch asks of an EHR that takes its time.
async fn requests(figures: &mut Figures) -> Result<()> {
    let (bench, _dir) = Bench::open(EHR_TAKES, &std::env::temp_dir()).await?;
    bench.launch(0..2).await?;
    for (who, launch) in [("clinician", 2), ("patient", 3)] {
        let begun = Instant::now();
        bench.launch(launch..launch + 1).await?;
        let took = begun.elapsed();
        let steps = steps(bench.ehr.asked());
        let told: Vec<String> = steps
            .iter()
            .map(|step| step.iter().map(|asked| name(&asked.path)).collect::<Vec<_>>().join(" + "))
            .collect();
        let is_token = |step: &[Asked]| step.iter().all(|asked| asked.path.ends_with("/token"));
        let ok = matches!(&steps[..], [first, second] if is_token(first) && !is_token(second));
        figures.judge(
            format!("Requests of a {who}'s launch, an EHR that takes {} ms each", EHR_TAKES.as_millis()),
            "token, then one FHIR step",
            format!("{}; {} ms in all", told.join(", then "), took.as_millis()),
            ok,
        );
    }
    Ok(())
}

/// `/api/FHIR/R4/Encounter/e1` is an `Encounter`.
fn name(path: &str) -> &str {
    let fhir = path.strip_prefix("/api/FHIR/R4/").unwrap_or(path);
    fhir.split('/').find(|part| !part.is_empty() && *part != "oauth2").unwrap_or(fhir)
}

/// The program, the EHR, and what goes between them.
struct Bench {
    house: House,
    router: Router,
    ehr: Arc<MemoryEhr>,
    /// Moves on with each request.
    clock: TestClock,
}

/// What some launches used.
#[derive(Default)]
struct Used {
    /// On the launch address.
    begin: CpuTime,
    /// On the callback.
    finish: CpuTime,
    took: Duration,
}

impl Used {
    fn cpu(&self) -> CpuTime {
        self.begin + self.finish
    }
}

impl Add for Used {
    type Output = Self;

    fn add(self, more: Self) -> Self {
        Self {
            begin: self.begin + more.begin,
            finish: self.finish + more.finish,
            took: self.took + more.took,
        }
    }
}

/// A launch whose browser has come back from the authorization server.
struct Returned {
    address: String,
    cookie: String,
}

impl Bench {
    async fn open(ehr_takes: Duration, folder: &Path) -> Result<(Self, tempfile::TempDir)> {
        let dir = tempfile::tempdir_in(folder)?;
        let ehr = Arc::new(MemoryEhr::new(ehr_takes)?);
        let clock = TestClock::at(&SystemClock.now().to_string());
        let house = House::open(dir.path(), ehr.clone(), Arc::new(clock.clone())).await?;
        let router = web::router(house.state.clone());
        Ok((Self { house, router, ehr, clock }, dir))
    }

    /// Carries out these launches and answers what Anteroom used for them:
    /// the EHR's work is done in between.
    async fn launch(&self, launches: std::ops::Range<u32>) -> Result<Used> {
        self.ehr.forget();
        for launch in launches.clone() {
            Launch(launch).prepare_resources(&self.ehr, self.clock.now())?;
        }

        let (cpu, time) = (CpuTime::now()?, Instant::now());
        let mut sent = Vec::new();
        for launch in launches.clone() {
            sent.push(self.get(&Launch(launch).address(), None).await?);
        }
        let (begin, mut took) = (CpuTime::now()? - cpu, time.elapsed());

        let mut returned = Vec::new();
        for (launch, headers) in launches.zip(&sent) {
            returned.push(Launch(launch).authorize(&self.ehr, headers, self.clock.now())?);
        }

        let (cpu, time) = (CpuTime::now()?, Instant::now());
        for Returned { address, cookie } in &returned {
            let headers = self.get(address, Some(cookie)).await?;
            ensure!(text(&headers, &header::LOCATION)?.starts_with("/seat/"), "a launch led elsewhere");
        }
        let finish = CpuTime::now()? - cpu;
        took += time.elapsed();
        Ok(Used { begin, finish, took })
    }

    /// The headers of a redirect.
    async fn get(&self, address: &str, cookie: Option<&str>) -> Result<HeaderMap> {
        self.clock.advance(ONE_AFTER_ANOTHER);
        let mut request = Request::get(address);
        if let Some(cookie) = cookie {
            request = request.header(header::COOKIE, cookie);
        }
        let response = self.router.clone().oneshot(request.body(Body::empty())?).await?;
        let (parts, body) = response.into_parts();
        if parts.status != StatusCode::SEE_OTHER {
            let body = axum::body::to_bytes(body, 1 << 20).await?;
            bail!("{address} answered {}: {}", parts.status, String::from_utf8_lossy(&body));
        }
        Ok(parts.headers)
    }
}

impl Drop for Bench {
    fn drop(&mut self) {
        self.house.stop.send_replace(true);
    }
}

/// One launch by its number: even ones are the clinician's, odd ones the
/// patient's of the same visit.
#[derive(Clone, Copy)]
struct Launch(u32);

impl Launch {
    fn visit(self) -> u32 {
        self.0 / 2
    }

    fn is_patient(self) -> bool {
        self.0 % 2 == 1
    }

    fn patient(self) -> String {
        format!("ePatient-{}", self.visit())
    }

    fn address(self) -> String {
        let query: String = form_urlencoded::Serializer::new(String::new())
            .append_pair("iss", FHIR_BASE)
            .append_pair("launch", &format!("launch-token-{}", self.0))
            .finish();
        format!("/launch/{}?{query}", if self.is_patient() { "patient" } else { "provider" })
    }

    fn prepare_resources(self, ehr: &MemoryEhr, now: Timestamp) -> Result<()> {
        let resource = |template: &str| -> Result<Value> {
            let text = template
                .replace("elmP-appointment", &format!("eAppointment-{}", self.visit()))
                .replace("eySn-encounter", &format!("eEncounter-{}", self.visit()))
                .replace("eNO3-patient", &self.patient())
                .replace("10000209577", &self.csn())
                .replace("2026-11-21T20:00:00Z", &now.to_string())
                .replace("2026-11-21T20:15:00Z", &(now + SignedDuration::from_mins(15)).to_string());
            Ok(serde_json::from_str(&text)?)
        };
        let appointment = resource(APPOINTMENT)?;
        if self.is_patient() {
            let found = json!({
                "resourceType": "Bundle", "type": "searchset", "total": 1,
                "entry": [{ "resource": appointment, "search": { "mode": "match" } }],
            });
            ehr.prepare(format!("/api/FHIR/R4/Appointment?patient={}", self.patient()), &found);
        } else {
            ehr.prepare(format!("/api/FHIR/R4/Appointment/eAppointment-{}", self.visit()), &appointment);
            let encounter = resource(ENCOUNTER)?;
            ehr.prepare(format!("/api/FHIR/R4/Encounter/eEncounter-{}", self.visit()), &encounter);
        }
        Ok(())
    }

    fn csn(self) -> String {
        format!("{}", 10_000_000 + self.visit())
    }

    /// What the authorization server does with this redirect: prepares the
    /// token answer, and sends the browser back.
    fn authorize(self, ehr: &MemoryEhr, sent: &HeaderMap, now: Timestamp) -> Result<Returned> {
        let url = Url::parse(text(sent, &header::LOCATION)?)?;
        let parameter = |name: &str| -> Result<String> {
            let found = url.query_pairs().find(|(known, _)| known == name);
            Ok(found.with_context(|| format!("no {name} in the authorize request"))?.1.into_owned())
        };
        let (state, nonce) = (parameter("state")?, parameter("nonce")?);
        let user = if self.is_patient() {
            format!("Patient/{}", self.patient())
        } else {
            "Practitioner/eb3d-practitioner".to_owned()
        };
        let seconds = now.as_second();
        let id_token = ehr.id_token(&json!({
            "iss": ISSUER, "aud": CLIENT, "sub": user.rsplit('/').next(),
            "iat": seconds, "exp": seconds + 300, "nonce": nonce, "fhirUser": format!("{FHIR_BASE}/{user}"),
        }))?;
        let mut answer = json!({
            "access_token": format!("access-token-{}-{}", self.0, "x".repeat(700)),
            "token_type": "bearer", "expires_in": 3600, "id_token": id_token,
            "scope": "launch openid fhirUser Appointment.Read Encounter.Read",
            "need_patient_banner": "true", "__epic.dstu2.patient": "TnOZ.elPXC6zcBNFMcFA7A5KZbYxo2.4T-LylRk4GoW4B",
            "patient": self.patient(), "sessionId": self.csn(), "userId": "FAMMD",
        });
        if !self.is_patient() {
            answer["appointment"] = format!("eAppointment-{}", self.visit()).into();
            answer["encounter"] = format!("eEncounter-{}", self.visit()).into();
        }
        let code = format!("code-{}", self.0);
        ehr.prepare(&code, &answer);
        let cookie = text(sent, &header::SET_COOKIE)?.split(';').next().unwrap_or_default().to_owned();
        Ok(Returned { address: format!("/ehr/{EHR}/callback?code={code}&state={state}"), cookie })
    }
}

fn text<'h>(headers: &'h HeaderMap, name: &header::HeaderName) -> Result<&'h str> {
    let value = headers.get(name).with_context(|| format!("no {name} in the answer"))?;
    Ok(value.to_str()?)
}
