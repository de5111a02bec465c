use std::sync::Arc;

use ::links::{LinkScheme, Weakness};
use fhir::{CsnSystem, FhirServer, Rules};
use jiff::{SignedDuration, tz::TimeZone};
use oauth::{
    AuthorizeMethod, ClientId, Clients, Connection, FhirBase, FixedEndpoints, Scopes, SigningAlgorithm,
    Vendor,
};
use url::Url;
use visit::{Admittance, EhrId};
use web::pages::Brand;

use super::{
    links,
    problem::nearest,
    section::{Field, Noted, Section, Wrong},
    status::ConnectionStatus,
    values::{HostName, Origin, list_of, number, one_of, parsed, text},
};

/// One `[[ehr]]`.
#[derive(Debug)]
pub(crate) struct EhrConnection {
    /// What the web needs of it.
    pub(crate) ehr: Arc<web::Ehr>,
    /// Whether real people are treated there.
    pub(crate) environment: Environment,
    /// What it is told of who is connected, if anything.
    pub(crate) status: Option<ConnectionStatus>,
    /// The encrypted links that lead to its visits, if any do.
    pub(crate) links: Arc<[LinkScheme]>,
}

/// What an EHR environment is for.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub(crate) enum Environment {
    /// Real patients.
    Production,
    /// Invented ones.
    NonProduction,
}

const CLIENT: &str = "the client id that the EHR gave to this app";
const FHIR_BASE: &str = "the FHIR R4 base, as \"https://ehr.example.org/api/FHIR/R4\"";
const ENDPOINT: &str = "an address, as \"https://ehr.example.org/oauth2/token\"";

impl EhrConnection {
    /// `public_url` is `None` where it is wrong itself; then nothing comes of
    /// this but its problems. `others` are those that stand before it.
    pub(super) fn read(
        mut section: Section<'_>,
        public_url: Option<&Url>,
        others: &[Self],
    ) -> Result<Self, Noted> {
        let id = section.required(
            "id",
            "a short name that stands in addresses, as \"lamna-test\"",
            parsed::<EhrId>("1 to 40 of a-z, 0-9 and -, as \"lamna-test\""),
        );
        let name = section.required(
            "name",
            "the organisation's name, as patients know it",
            text("the organisation's name"),
        );
        let support = section.or("support", Brand::default().support, text("whom to call, one sentence"));
        let vendors =
            [("epic", Vendor::Epic), ("oracle-health", Vendor::OracleHealth), ("generic", Vendor::Generic)];
        let vendor =
            section.required("vendor", "\"epic\", \"oracle-health\" or \"generic\"", one_of(&vendors));
        let environments =
            [("production", Environment::Production), ("non-production", Environment::NonProduction)];
        let environment =
            section.required("environment", "\"production\" or \"non-production\"", one_of(&environments));
        let fhir_base = section.required("fhir_base_url", FHIR_BASE, parsed::<FhirBase>(FHIR_BASE));
        let time_zone = section.required("time_zone", TIME_ZONE, zone);
        let csn_system = section.or(
            "csn_system",
            CsnSystem::default(),
            parsed("an identifier system, or a dot and the end of one, as \".7.3.698084.8\""),
        );
        let algorithms = SigningAlgorithm::ALL.map(|algorithm| (algorithm.as_str(), algorithm));
        let signing_algorithm = section.or("signing_algorithm", SigningAlgorithm::ES384, one_of(&algorithms));
        let methods = [("get", AuthorizeMethod::Get), ("post", AuthorizeMethod::Post)];
        let authorize_method = section.or("authorize_method", AuthorizeMethod::Get, one_of(&methods));
        let fixed = fixed_endpoints(&mut section);
        let allowed_hosts = section.or(
            "allowed_hosts",
            Vec::new(),
            list_of::<HostName>("host names, as \"login.example.org\""),
        );
        let frame_ancestors = section.or(
            "frame_ancestors",
            Vec::new(),
            list_of::<Origin>("origins of the EHR's pages, as \"https://hyperspace.example.org\""),
        );
        let key = "a key of the FDI record's CONTEXT, as \"sessionId\"";
        let session_id_key = section.or("session_id_key", "sessionId".to_owned(), text(key));
        let external_id_key = section.or("external_id_key", "userId".to_owned(), text(key));
        let clients = clients(&mut section);
        let scopes = scopes(section.section_or_empty("scopes"));
        let visits = visits(section.section_or_empty("visits"));
        let status = section.section("connection_status").map(|status| {
            ConnectionStatus::read(status, vendor.as_ref().ok().copied(), clients.as_ref().ok())
        });
        let schemes = section.sections("links").into_iter();
        let schemes = schemes.map(|links| links::read(links, time_zone.as_ref().ok())).collect::<Vec<_>>();

        let (id, fhir_base, time_zone) = (id?, fhir_base?, time_zone?);
        refuse_twins(&section, &id, &fhir_base, others)?;
        let (admittance, rules) = visits?;
        let status = status.transpose()?;
        let links = schemes.into_iter().collect::<Result<Arc<[_]>, _>>()?;
        let redirect_uri = callback(public_url.ok_or(Noted)?, &id);
        let fhir = FhirServer {
            base: fhir::FhirBase::new(fhir_base.url().clone())
                .map_err(|error| section.wrong("fhir_base_url", Wrong::new(error.to_string(), FHIR_BASE)))?,
            time_zone: time_zone.clone(),
            csn_system: csn_system?,
        };
        let ehr = web::Ehr {
            brand: Brand { name: name?, support: support?, ..Brand::default() },
            connection: Connection {
                ehr: id,
                fhir_base,
                vendor: vendor?,
                clients: clients?,
                scopes: scopes?,
                redirect_uri,
                signing_algorithm: signing_algorithm?,
                authorize_method: authorize_method?,
                fixed: fixed?,
                allowed_hosts: allowed_hosts?.into_iter().map(|HostName(name)| name).collect(),
            },
            fhir: Arc::new(fhir),
            rules,
            admittance,
            time_zone,
            frame_ancestors: frame_ancestors?.into_iter().map(|Origin(text)| text).collect(),
            session_id_key: session_id_key?,
            external_id_key: external_id_key?,
            keeps_launch_token: status.as_ref().is_some_and(ConnectionStatus::uses_launch_token),
        };
        Ok(Self { ehr: Arc::new(ehr), environment: environment?, status, links })
    }

    /// What its encrypted links cannot protect, each once.
    pub(crate) fn link_weaknesses(&self) -> Vec<Weakness> {
        let mut weaknesses: Vec<_> = self.links.iter().flat_map(LinkScheme::cannot_protect).collect();
        weaknesses.sort_by_key(|weakness| weakness.as_str());
        weaknesses.dedup();
        weaknesses
    }
}

const TIME_ZONE: &str = "an IANA time zone, as \"America/Chicago\"";

fn zone(field: &Field<'_>) -> Result<TimeZone, Wrong> {
    let name = field.text(TIME_ZONE)?;
    TimeZone::get(name).map_err(|_| {
        let known: Vec<String> = jiff::tz::db().available().map(|known| known.to_string()).collect();
        let right = match nearest(name, known.iter().map(String::as_str)) {
            Some(meant) => format!("{TIME_ZONE} (did you mean {meant:?}?)"),
            None => TIME_ZONE.to_owned(),
        };
        Wrong::new(format!("{name:?} is no time zone"), right)
    })
}

/// Our redirect URI, as it is registered (contract).
fn callback(public_url: &Url, id: &EhrId) -> Url {
    let mut url = public_url.clone();
    url.set_path(&format!("/ehr/{id}/callback"));
    url
}

/// Ids stand in addresses, and a received `iss` must mean one connection.
fn refuse_twins(
    section: &Section<'_>,
    id: &EhrId,
    base: &FhirBase,
    others: &[EhrConnection],
) -> Result<(), Noted> {
    let mut others = others.iter().map(|other| &other.ehr);
    let same_id = others
        .clone()
        .any(|other| other.id() == id)
        .then(|| section.wrong("id", Wrong::new(format!("{id} is there twice"), "an id of its own")));
    let same_base = others.find(|other| other.connection.fhir_base.matches(base.as_str())).map(|twin| {
        let what = format!("{base} belongs to {} already", twin.id());
        section.wrong("fhir_base_url", Wrong::new(what, "one connection for each FHIR base"))
    });
    same_id.or(same_base).map_or(Ok(()), Err)
}

fn fixed_endpoints(section: &mut Section<'_>) -> Result<FixedEndpoints, Noted> {
    let authorization = section.optional("authorization_endpoint", parsed(ENDPOINT));
    let token = section.optional("token_endpoint", parsed(ENDPOINT));
    let issuer = section.optional("issuer", text("what stands in an id_token's iss, to the letter"));
    let jwks = section.optional("jwks_uri", parsed(ENDPOINT));
    Ok(FixedEndpoints { authorization: authorization?, token: token?, issuer: issuer?, jwks: jwks? })
}

fn clients(section: &mut Section<'_>) -> Result<Clients, Noted> {
    let Some(mut section) = section.section("clients") else {
        let right = "clients = { provider = \"…\", patient = \"…\" }; one id may serve all";
        return Err(section.wrong("clients", Wrong::new("this is missing", right)));
    };
    let provider = section.required("provider", CLIENT, parsed::<ClientId>(CLIENT));
    let patient = section.required("patient", CLIENT, parsed::<ClientId>(CLIENT));
    let backend = section.optional("backend", parsed::<ClientId>(CLIENT));
    Ok(Clients { provider: provider?, patient: patient?, backend: backend? })
}

fn scopes(mut section: Section<'_>) -> Result<Scopes, Noted> {
    let defaults = Scopes::default();
    let right = "scopes with blanks between them, as \"launch openid fhirUser user/Appointment.read\"";
    let provider = section.or("provider", defaults.provider, text(right));
    let patient = section.or("patient", defaults.patient, text(right));
    let backend = section.or("backend", defaults.backend, text(right));
    Ok(Scopes { provider: provider?, patient: patient?, backend: backend? })
}

/// A visit may be entered a day ahead at most.
const LONGEST_MINUTES: i64 = 24 * 60;

fn visits(mut section: Section<'_>) -> Result<(Admittance, Rules), Noted> {
    let defaults = Rules::default();
    let words = [("automatic", Admittance::Automatic), ("manual", Admittance::Manual)];
    let admittance = section.or("admittance", Admittance::Manual, one_of(&words));
    let minutes = |section: &mut Section<'_>, key, default: SignedDuration| {
        let minutes = section.or(key, default.as_mins(), number(0..=LONGEST_MINUTES));
        minutes.map(SignedDuration::from_mins)
    };
    let opens_before = minutes(&mut section, "opens_minutes_before", defaults.opens_before);
    let closes_after = minutes(&mut section, "closes_minutes_after", defaults.closes_after);
    Ok((admittance?, Rules { opens_before: opens_before?, closes_after: closes_after? }))
}
