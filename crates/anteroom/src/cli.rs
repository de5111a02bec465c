//! The command line.

use std::{net::SocketAddr, path::PathBuf};

use clap::{Args, Parser, Subcommand};
use url::Url;
use visit::{EhrId, Person};

use crate::telemetry::LogOptions;

/// The room before the video visit.
///
/// Anteroom stands between an electronic health record and a video visit: it
/// takes the EHR's SMART launch, keeps patients in a waiting room, lets them in
/// to the clinician, and tells the EHR who is connected.
#[derive(Debug, Parser)]
#[command(version, max_term_width = 100)]
pub(crate) struct Cli {
    #[command(subcommand)]
    pub(crate) command: Command,
    #[command(flatten)]
    pub(crate) log: LogOptions,
}

#[derive(Debug, Subcommand)]
pub(crate) enum Command {
    /// Runs Anteroom.
    ///
    /// Every key of the configuration file may be overridden from the
    /// environment: server.listen by ANTEROOM_SERVER__LISTEN, the first EHR
    /// connection's name by ANTEROOM_EHR__0__NAME.
    Serve(ConfigOptions),
    /// Runs Anteroom with a simulated EHR beside it, to try it out.
    ///
    /// Prints three links: a clinician's schedule, a patient's portal, and the
    /// page for operators. All people in it are invented. Everything listens on
    /// this machine only and is forgotten at the end.
    Demo(DemoOptions),
    /// Runs the demo's simulated EHR alone, for developers.
    ///
    /// Prints what the configuration of the Anteroom at --app-url needs to
    /// know of it, as JSON. All people in it are invented, and it asks nobody
    /// for a password: it listens on this machine only.
    Sandbox(SandboxOptions),
    /// Tries a configuration: the file, each EHR connection, database, ports and certificates.
    ///
    /// Makes keys and brings the database up to date as the first start would.
    /// The exit code is 1 where something is not as it should be.
    Check(ConfigOptions),
    /// Shows or rotates the keys that sign our token requests.
    #[command(subcommand)]
    Keys(KeysCommand),
    /// Manages the operators who may sign in at /admin.
    #[command(subcommand)]
    Admin(AdminCommand),
    /// Follows the audit log's chain of hashes, or exports it.
    #[command(subcommand)]
    Audit(AuditCommand),
    /// Takes a person out of what is kept, by their id at the EHR.
    ///
    /// Seats and events then name a random pseudonym; names, tokens, sessions and device tests are
    /// gone. The audit log stays as it is, and tells of the purge.
    Purge(PurgeOptions),
    /// Prints what has to be registered with each EHR.
    Registration(ConfigOptions),
}

#[derive(Debug, Args)]
pub(crate) struct ConfigOptions {
    /// The configuration file (TOML).
    #[arg(long, env = "ANTEROOM_CONFIG", value_name = "FILE")]
    pub(crate) config: PathBuf,
}

#[derive(Debug, Args)]
pub(crate) struct DemoOptions {
    /// Where Anteroom listens; without this 127.0.0.1:8080, or a free port where that is taken.
    #[arg(long, env = "ANTEROOM_DEMO_LISTEN", value_name = "ADDRESS")]
    pub(crate) listen: Option<SocketAddr>,
    /// Where the simulated EHR listens; without this 127.0.0.1:8081, or a free port where that is taken.
    #[arg(long, env = "ANTEROOM_DEMO_EHR_LISTEN", value_name = "ADDRESS")]
    pub(crate) ehr_listen: Option<SocketAddr>,
    /// A folder to keep the data in; without this a temporary one that is deleted at the end.
    #[arg(long, env = "ANTEROOM_DEMO_DATA_DIR", value_name = "DIR")]
    pub(crate) data_dir: Option<PathBuf>,
    /// A PostgreSQL database instead of SQLite, as postgres://user@host/database.
    #[arg(long, env = "ANTEROOM_DEMO_DATABASE_URL", hide_env_values = true, value_name = "URL")]
    pub(crate) database_url: Option<String>,
    /// The UDP and TCP port of audio and video; without this 7882, or a free one where that is taken.
    #[arg(long, env = "ANTEROOM_DEMO_MEDIA_PORT", value_name = "PORT")]
    pub(crate) media_port: Option<u16>,
    /// Writes addresses and sign-in as JSON to this file once everything runs, for scripts.
    #[arg(long, env = "ANTEROOM_DEMO_READY_FILE", value_name = "FILE")]
    pub(crate) ready_file: Option<PathBuf>,
}

#[derive(Debug, Args)]
pub(crate) struct SandboxOptions {
    /// The Anteroom that its links open, as http://127.0.0.1:8080.
    #[arg(long, env = "ANTEROOM_SANDBOX_APP_URL", value_name = "URL")]
    pub(crate) app_url: Url,
    /// Where it listens, on loopback; port 0 is a free one.
    #[arg(long, env = "ANTEROOM_SANDBOX_LISTEN", default_value = "127.0.0.1:8081", value_name = "ADDRESS")]
    pub(crate) listen: SocketAddr,
    /// Its address for others, where a proxy stands before it.
    #[arg(long, env = "ANTEROOM_SANDBOX_PUBLIC_URL", value_name = "URL")]
    pub(crate) public_url: Option<Url>,
    /// Writes what it prints to this file as well, once it runs.
    #[arg(long, env = "ANTEROOM_SANDBOX_READY_FILE", value_name = "FILE")]
    pub(crate) ready_file: Option<PathBuf>,
}

#[derive(Debug, Subcommand)]
pub(crate) enum KeysCommand {
    /// Lists keys by EHR connection: which one signs, which one will, which one did.
    List(KeysOptions),
    /// Announces new keys. They are published at once and sign when EHRs have had time to see them.
    Rotate(KeysOptions),
}

#[derive(Debug, Args)]
pub(crate) struct KeysOptions {
    #[command(flatten)]
    pub(crate) config: ConfigOptions,
    /// Only this EHR connection.
    #[arg(long, env = "ANTEROOM_EHR_ID", value_name = "ID")]
    pub(crate) ehr: Option<EhrId>,
}

#[derive(Debug, Subcommand)]
pub(crate) enum AuditCommand {
    /// Follows the whole chain. Keep the hash that it prints elsewhere: it proves later that nothing
    /// before it was changed. The exit code is 1 where the chain is broken.
    Verify(ConfigOptions),
    /// Writes the log to standard output, one FHIR R4 AuditEvent (JSON) a line.
    Export {
        /// Only entries after this number.
        #[arg(long, default_value_t = 0, value_name = "NUMBER")]
        after: u64,
        #[command(flatten)]
        config: ConfigOptions,
    },
}

#[derive(Debug, Args)]
pub(crate) struct PurgeOptions {
    /// The EHR connection that knows the person.
    #[arg(long, value_name = "ID")]
    pub(crate) ehr: EhrId,
    /// The person's FHIR resource, as Patient/eVa-1 or Practitioner/eb3d.
    #[arg(long, value_name = "TYPE/ID")]
    pub(crate) person: Person,
    #[command(flatten)]
    pub(crate) config: ConfigOptions,
}

#[derive(Debug, Subcommand)]
pub(crate) enum AdminCommand {
    /// Adds an operator, or gives one a new password and ends their sessions.
    AddUser {
        /// The user name.
        name: String,
        /// A file with the password, at least 12 characters; without this it is asked for, or read from standard input.
        #[arg(long, env = "ANTEROOM_ADMIN_PASSWORD_FILE", value_name = "FILE")]
        password_file: Option<PathBuf>,
        #[command(flatten)]
        config: ConfigOptions,
    },
    /// Lists the operators.
    ListUsers(ConfigOptions),
}
