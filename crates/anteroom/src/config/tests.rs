use std::{fs, path::Path};

use jiff::SignedDuration;
use notify::{StatusAuth, StatusMethod};
use visit::{Admittance, Role};

use super::*;

/// Just enough.
const SMALL: &str = r#"[server]
listen = "127.0.0.1:8080"
public_url = "https://visits.example.org"
data_dir = "data"

[[ehr]]
id = "lamna"
name = "Lamna Healthcare"
vendor = "epic"
environment = "non-production"
fhir_base_url = "https://ehr.example.org/api/FHIR/R4"
time_zone = "America/Chicago"
clients = { provider = "one", patient = "two" }
"#;

fn load(text: &str, environment: &[(&str, &str)]) -> Result<Configuration, ConfigError> {
    let problems = Problems::default();
    let environment = environment.iter().map(|(name, value)| ((*name).to_owned(), (*value).to_owned()));
    let folder = Path::new("/etc/anteroom");
    let configuration = Configuration::read(text, environment, Desk { problems: &problems, folder });
    conclude(Path::new("anteroom.toml"), configuration, problems)
}

fn good(text: &str, environment: &[(&str, &str)]) -> Configuration {
    load(text, environment).unwrap_or_else(|error| panic!("{error}"))
}

fn wrong(text: &str, environment: &[(&str, &str)]) -> String {
    load(text, environment).expect_err("this is refused").to_string()
}

/// The small configuration with one line in place of another.
fn changed(line: &str, by: &str) -> String {
    assert!(SMALL.contains(line), "{line}");
    SMALL.replace(line, by)
}

#[test]
fn a_small_file_is_enough() {
    let Configuration { server, ehrs, media, backend } = good(SMALL, &[]);
    assert_eq!(server.data_dir, Path::new("/etc/anteroom/data"));
    assert!(
        matches!(server.database, storage::DatabaseUrl::Sqlite(path) if path.ends_with("data/anteroom.sqlite3"))
    );
    assert_eq!(backend, Backend::BuiltIn);
    assert_eq!(media.listen.to_string(), "0.0.0.0:7882");
    let ehr = &ehrs[0].ehr;
    assert_eq!(ehr.connection.redirect_uri.as_str(), "https://visits.example.org/ehr/lamna/callback");
    assert_eq!((ehr.session_id_key.as_str(), ehr.external_id_key.as_str()), ("sessionId", "userId"));
    assert_eq!(ehr.admittance, Admittance::Manual);
    assert!(ehrs[0].status.is_none());
}

#[test]
fn every_mistake_is_told_at_once_with_its_place() {
    let text = r#"[server]
listen = "8080"
public_url = "http://visits.example.org"
data_dri = "data"

[[ehr]]
id = "Lamna"
name = ""
vendor = "epik"
environment = "test"
fhir_base_url = "http://ehr.example.org/api/FHIR/R4"
time_zone = "America/Chicgo"
frame_ancestors = ["https://hyperspace.example.org/"]
clients = { provider = "one" }
visits = { admittance = "automatc", opens_minutes_before = "30", closes_minutes_after = 5000 }

[meeting]
backend = "zoom"

[media]
public_addresses = ["0.0.0.0"]
"#;
    insta::assert_snapshot!(wrong(text, &[]), @r#"
    anteroom.toml:1:1: server.data_dir: this is missing
        right would be: a folder of its own, as "anteroom-data"
    anteroom.toml:2:10: server.listen: "8080" cannot be used: invalid socket address syntax
        right would be: an address and a port, as "127.0.0.1:8080"
    anteroom.toml:3:14: server.public_url: it must begin with https:// (http:// on loopback only)
        right would be: the address that browsers open, as "https://visits.example.org"
    anteroom.toml:4:1: server.data_dri: there is no such key
        right would be: data_dir (did you mean that?)
    anteroom.toml:7:6: ehr[0].id: "Lamna" cannot be used: this is no EHR connection id: 1 to 40 of a-z, 0-9 and -
        right would be: 1 to 40 of a-z, 0-9 and -, as "lamna-test"
    anteroom.toml:8:8: ehr[0].name: this is empty
        right would be: the organisation's name
    anteroom.toml:9:10: ehr[0].vendor: "epik" is not known
        right would be: one of "epic", "oracle-health", "generic" (did you mean "epic"?)
    anteroom.toml:10:15: ehr[0].environment: "test" is not known
        right would be: one of "production", "non-production"
    anteroom.toml:11:17: ehr[0].fhir_base_url: "http://ehr.example.org/api/FHIR/R4" cannot be used: this is no FHIR base address: plain http is for loopback only
        right would be: the FHIR R4 base, as "https://ehr.example.org/api/FHIR/R4"
    anteroom.toml:12:13: ehr[0].time_zone: "America/Chicgo" is no time zone
        right would be: an IANA time zone, as "America/Chicago" (did you mean "America/Chicago"?)
    anteroom.toml:13:19: ehr[0].frame_ancestors: "https://hyperspace.example.org/" cannot be used: it must be scheme, host and port, in lower case, without a path or slash at the end
        right would be: origins of the EHR's pages, as "https://hyperspace.example.org"
    anteroom.toml:14:11: ehr[0].clients.patient: this is missing
        right would be: the client id that the EHR gave to this app
    anteroom.toml:15:25: ehr[0].visits.admittance: "automatc" is not known
        right would be: one of "automatic", "manual" (did you mean "automatic"?)
    anteroom.toml:15:60: ehr[0].visits.opens_minutes_before: this is no whole number
        right would be: a whole number from 0 to 1440
    anteroom.toml:15:89: ehr[0].visits.closes_minutes_after: 5000 is out of bounds
        right would be: a whole number from 0 to 1440
    anteroom.toml:18:11: meeting.backend: zoom is not there yet
        right would be: "built-in"
    anteroom.toml:21:20: media.public_addresses: "0.0.0.0" cannot be used: a public address is an IP address, or an IP address with a port: 203.0.113.7, 203.0.113.7:7882, [2001:db8::7]:7882
        right would be: IP addresses, with or without a port, as "203.0.113.7"
    "#);
}

#[test]
fn what_is_no_toml_is_told_too() {
    insta::assert_snapshot!(wrong(&changed("listen = \"127.0.0.1:8080\"", "listen = 127.0.0.1:8080"), &[]), @r#"
    anteroom.toml:2:10: server.listen: this is no text
        right would be: an address and a port, as "127.0.0.1:8080", between quotes
    anteroom.toml:2:15: this is no TOML: invalid float, expected nothing
        right would be: TOML 1.0, as in: key = "value"
    "#);
}

#[test]
fn the_environment_goes_over_the_file() {
    let configuration = good(
        SMALL,
        &[
            ("ANTEROOM_SERVER__LISTEN", "0.0.0.0:9000"),
            ("ANTEROOM_EHR__0__NAME", "Another name"),
            ("ANTEROOM_EHR__0__VISITS__OPENS_MINUTES_BEFORE", "45"),
            ("ANTEROOM_EHR__0__FRAME_ANCESTORS__1", "https://b.example.org"),
            ("ANTEROOM_EHR__0__FRAME_ANCESTORS__0", "https://a.example.org"),
            ("ANTEROOM_LOG", "debug"),
            ("PATH", "/bin"),
        ],
    );
    let ehr = &configuration.ehrs[0].ehr;
    assert_eq!(configuration.server.listen.to_string(), "0.0.0.0:9000");
    assert_eq!(ehr.brand.name, "Another name");
    assert_eq!(ehr.rules.opens_before, SignedDuration::from_mins(45));
    assert_eq!(ehr.frame_ancestors, ["https://a.example.org", "https://b.example.org"]);
}

#[test]
fn a_whole_connection_may_come_from_the_environment() {
    let (server, ehr) = SMALL.split_once("[[ehr]]").unwrap();
    let variables: Vec<(String, String)> = ehr
        .lines()
        .filter_map(|line| line.split_once(" = "))
        .filter(|(key, _)| *key != "clients")
        .map(|(key, value)| {
            (format!("ANTEROOM_EHR__0__{}", key.to_uppercase()), value.trim_matches('"').to_owned())
        })
        .chain(
            ["PROVIDER", "PATIENT"]
                .map(|kind| (format!("ANTEROOM_EHR__0__CLIENTS__{kind}"), "one".to_owned())),
        )
        .collect();
    let variables: Vec<(&str, &str)> =
        variables.iter().map(|(name, value)| (name.as_str(), value.as_str())).collect();
    assert_eq!(good(server, &variables).ehrs[0].ehr.id().as_str(), "lamna");
}

#[test]
fn a_mistake_in_the_environment_names_the_variable() {
    let environment = [
        ("ANTEROOM_SERVER__LISTN", "0.0.0.0:9000"),
        ("ANTEROOM_EHR__0__TIME_ZONE", "Chicago"),
        ("ANTEROOM_EHR__2__NAME", "A third without a second"),
        ("ANTEROOM_MEDIA__LISTEN__HOST", "0.0.0.0"),
    ];
    insta::assert_snapshot!(wrong(SMALL, &environment), @r#"
    ANTEROOM_EHR__0__TIME_ZONE: ehr[0].time_zone: "Chicago" is no time zone
        right would be: an IANA time zone, as "America/Chicago"
    ANTEROOM_EHR__2__NAME: 2 is no place in a list of 1
        right would be: a key of the configuration; lists count from 0 without a gap
    ANTEROOM_MEDIA__LISTEN__HOST: media.listen: this is no text
        right would be: an address and a port, as "0.0.0.0:7882", between quotes
    ANTEROOM_SERVER__LISTN: server.listn: there is no such key
        right would be: listen (did you mean that?)
    "#);
}

#[test]
fn two_connections_are_told_apart() {
    let ehr = SMALL.split_once("[[ehr]]").unwrap().1;
    let twice = format!("{SMALL}[[ehr]]{}", ehr.replace("ehr.example.org/api", "EHR.example.org:443/api"));
    insta::assert_snapshot!(wrong(&twice, &[]), @r"
    anteroom.toml:15:6: ehr[1].id: lamna is there twice
        right would be: an id of its own
    anteroom.toml:19:17: ehr[1].fhir_base_url: https://ehr.example.org/api/FHIR/R4 belongs to lamna already
        right would be: one connection for each FHIR base
    ");
}

#[test]
fn an_ehr_connection_is_needed() {
    let server = SMALL.split_once("[[ehr]]").unwrap().0;
    insta::assert_snapshot!(wrong(server, &[]), @r"
    anteroom.toml:1:1: ehr: there is none
        right would be: [[ehr]], once for each EHR connection
    ");
}

#[test]
fn plain_http_is_for_loopback() {
    for loopback in ["http://localhost:8080", "http://127.0.0.1:8080", "http://[::1]:8080"] {
        good(&changed("https://visits.example.org", loopback), &[]);
    }
    for elsewhere in ["http://visits.example.org", "ftp://localhost", "https://visits.example.org/video"] {
        wrong(&changed("https://visits.example.org", elsewhere), &[]);
    }
}

#[test]
fn origins_are_origins() {
    let with = |origin: &str| format!("{SMALL}frame_ancestors = [\"{origin}\"]\n");
    for origin in
        ["https://a.example.org", "https://*.example.org", "https://a.example.org:8443", "http://127.0.0.1:9"]
    {
        good(&with(origin), &[]);
    }
    for no_origin in [
        "https://a.example.org/",
        "https://a.example.org/x",
        "a.example.org",
        "*",
        "https:",
        "http://a.example.org",
        "https://a.example.org; script-src *",
    ] {
        wrong(&with(no_origin), &[]);
    }
}

#[test]
fn secrets_come_from_files_and_stand_in_no_message() {
    let folder = tempfile::tempdir().unwrap();
    let file = folder.path().join("url");
    fs::write(&file, "postgres://anteroom:s3cret@db/anteroom\n").unwrap();
    let name = file.display().to_string();
    let from_file = [("ANTEROOM_SERVER__DATABASE_URL_FILE", name.as_str())];
    assert!(matches!(good(SMALL, &from_file).server.database, storage::DatabaseUrl::Postgres(_)));

    let both = [from_file[0], ("ANTEROOM_SERVER__DATABASE_URL", "postgres://anteroom:s3cret@db/anteroom")];
    insta::assert_snapshot!(wrong(SMALL, &both), @r"
    ANTEROOM_SERVER__DATABASE_URL: server.database_url: database_url_file is there as well
        right would be: either database_url or database_url_file
    ");
    let told = wrong(SMALL, &[("ANTEROOM_SERVER__DATABASE_URL", "mysql://root:s3cret@db")]);
    assert!(!told.contains("s3cret"), "{told}");
}

fn with_status(lines: &str) -> String {
    format!("{SMALL}\n[ehr.connection_status]\nurl = \"https://ehr.example.org/status\"\n{lines}")
}

fn status(lines: &str) -> ConnectionStatus {
    good(&with_status(lines), &[]).ehrs.remove(0).status.expect("it is configured")
}

#[test]
fn connection_status_has_defaults() {
    let status = status("auth = \"launch-token\"");
    assert_eq!(status.method, StatusMethod::Get);
    assert_eq!(status.epic_client_id.as_ref().map(notify::EpicClientId::as_str), Some("one"));
    assert_eq!(status.vocabulary, notify::Vocabulary::default());
    assert_eq!(status.policy, notify::StatusPolicy::default());
}

#[test]
fn connection_status_can_be_set_in_every_part() {
    let status = status(
        r#"
method = "POST"
body = "json"
auth = "basic"
user = "emp$reporter"
password = "a password"
epic_client_id = "three"
vendor_name = "Lamna Video"
parameters = { conference_id = "CONF", connection_status = "STATE" }
status_values = { connected = "yes", disconnected = "no" }
id_types = { guest = "9", patient = "5" }
roles = ["patient", "guest"]
grace_seconds = 0
give_up_after_minutes = 60
"#,
    );
    assert_eq!(status.method, StatusMethod::PostJson);
    assert!(matches!(status.auth, StatusAuth::Basic(_)));
    assert_eq!(status.vocabulary.names().conference_id.as_str(), "CONF");
    assert_eq!(status.vocabulary.names().external_id.as_str(), "ExternalID");
    let id_type = |role| status.policy.id_type(role).map(notify::Word::as_str);
    assert_eq!([Role::Provider, Role::Patient, Role::Guest].map(id_type), [None, Some("5"), Some("9")]);
    assert_eq!(status.policy.grace(), SignedDuration::ZERO);
}

#[test]
fn connection_status_belongs_to_the_connection_before_it() {
    let second = SMALL
        .split_once("[[ehr]]")
        .unwrap()
        .1
        .replace("lamna", "second")
        .replace("ehr.example", "two.example");
    let text = format!("{}\n[[ehr]]{second}", with_status("auth = \"none\""));
    let reported: Vec<bool> = good(&text, &[]).ehrs.iter().map(|ehr| ehr.status.is_some()).collect();
    assert_eq!(reported, [true, false]);
}

#[test]
fn parts_of_connection_status_that_do_not_fit_are_refused() {
    for (lines, told) in [
        ("auth = \"basic\"", "\"basic\" needs a user and a password"),
        ("auth = \"none\"\nuser = \"x\"", "user and password are there"),
        ("auth = \"backend-services\"", "clients.backend as well"),
        ("auth = \"mtls\"", "client_certificate_file and client_key_file as well"),
        ("auth = \"mtls\"\nclient_key_file = \"key.pem\"", "client_certificate_file as well"),
        ("auth = \"none\"\nbody = \"json\"", "a GET has no body"),
        ("auth = \"none\"\nroles = [\"guest\"]", "id_types = { guest"),
        ("auth = \"none\"\nroles = [\"doctor\"]", "provider, patient, proxy, interpreter"),
        ("auth = \"none\"\nstatus_values = { connected = \"2\" }", "must differ"),
        ("auth = \"none\"\ngrace_seconds = 601", "from 0 to 600"),
    ] {
        let problems = wrong(&with_status(lines), &[]);
        assert!(problems.contains(told), "{lines}\n{problems}");
    }
}

#[test]
fn links_without_oauth_are_off_unless_they_are_there() {
    assert!(good(SMALL, &[]).ehrs[0].links.is_empty());
    let links = "[[ehr.links]]\nscheme = \"epic\"\nsecret = \"a long enough secret\"\n";
    assert_eq!(good(&format!("{SMALL}{links}{links}"), &[]).ehrs[0].links.len(), 2);
}

#[test]
fn links_that_protect_nothing_are_refused() {
    for (lines, told) in [
        ("scheme = \"zoom\"", "links[0].secret: this is missing"),
        ("scheme = \"epic\"\nsecret = \"short\"", "16 bytes or more"),
        ("scheme = \"zoom\"\nsecret = \"a long enough secret\"", "links[0].account: this is missing"),
        (
            "scheme = \"zoom\"\naccount = \"one\"\nsecret = \"a long enough secret\"",
            "links_without_time = \"accepted\"",
        ),
        (
            "scheme = \"epic\"\nsecret = \"a long enough secret\"\nderivation = \"verbatim\"",
            "links[0].secret: the secret is the key and must have 32 bytes",
        ),
        (
            "scheme = \"epic\"\nsecret = \"a long enough secret\"\nroles = {}",
            "links[0].roles: a role that comes by link must have a code",
        ),
        (
            "scheme = \"epic\"\nsecret = \"a long enough secret\"\nwindow_minutes = 0",
            "links[0].window_minutes: 0 is out of bounds",
        ),
        ("scheme = \"epik\"\nsecret = \"a long enough secret\"", "did you mean \"epic\"?"),
    ] {
        let problems = wrong(&format!("{SMALL}[[ehr.links]]\n{lines}\n"), &[]);
        assert!(problems.contains(told), "{lines}\n{problems}");
        assert!(!problems.contains("a long enough secret"), "{problems}");
    }
}

#[test]
fn every_example_can_be_read() {
    let folder = Path::new(env!("CARGO_MANIFEST_DIR")).join("../../fixtures/config");
    let mut seen = 0;
    for entry in fs::read_dir(folder).unwrap() {
        let path = entry.unwrap().path();
        if path.extension().is_some_and(|extension| extension == "toml") {
            if let Err(error) = Configuration::load_with(&path, []) {
                panic!("{error}");
            }
            seen += 1;
        }
    }
    assert!(seen >= 3, "{seen} examples");
}
