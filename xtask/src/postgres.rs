//! A PostgreSQL server that lives as long as this process, and not a moment longer.

use std::net::{Ipv4Addr, TcpListener};
use std::os::unix::fs::chown;
use std::os::unix::process::CommandExt as _;
use std::path::Path;
use std::process::{Child, Command, Stdio};
use std::time::{Duration, Instant};
use std::{env, fs, process, thread};

use anyhow::{Context, Result, bail};

use crate::{child, tools};

/// Where the tests look for a database that they may fill.
pub(crate) const URL_VARIABLE: &str = "ANTEROOM_TEST_DATABASE_URL";

const USER: &str = "anteroom";
const PATIENCE: Duration = Duration::from_mins(1);

/// Runs the server until its standard input closes. That happens however this process ends, so no signal has to
/// be caught and nothing is left behind.
const GUARD: &str = r#"
bin=$1 dir=$2 user=$3 port=$4
cd "$dir"
{
  "$bin/initdb" --pgdata=data --username="$user" --auth=trust --encoding=UTF8 --locale=C --no-sync &&
  exec "$bin/postgres" -D data -k "$dir" -h 127.0.0.1 -p "$port" -c max_connections=300 \
    -c fsync=off -c synchronous_commit=off -c full_page_writes=off
} >log 2>&1 </dev/null &
read -r _
kill -INT $!
wait
rm -rf "$dir"
"#;

/// A running server. Dropping it stops the server and deletes its files.
pub(crate) struct Postgres {
    guard: Child,
    port: u16,
}

impl Postgres {
    /// Makes a cluster in a new folder, starts it on a free loopback port and waits until it answers.
    pub(crate) fn start() -> Result<Self> {
        let bin = tools::postgres()?;
        let port = free_port()?;
        let dir = env::temp_dir().join(format!("anteroom-postgres-{}", process::id()));
        fs::create_dir(&dir).with_context(|| format!("cannot make {}", dir.display()))?;

        let mut guard = Command::new("sh");
        guard.args(["-c", GUARD, "guard"]).arg(&bin).arg(&dir).args([USER, &port.to_string()]);
        // In a group of its own, so that ctrl-c reaches it as a closed pipe and not as a signal.
        guard.stdin(Stdio::piped()).process_group(0);
        if let Some((user, group)) = other_than_root()? {
            chown(&dir, Some(user), Some(group))?;
            guard.uid(user).gid(group).current_dir(&dir);
        }
        let postgres = Self { guard: guard.spawn().context("cannot start sh")?, port };
        postgres.wait_until_ready(&bin, &dir)?;
        Ok(postgres)
    }

    /// The address of the server; its user may create databases.
    pub(crate) fn url(&self) -> String {
        format!("postgres://{USER}@127.0.0.1:{}/postgres", self.port)
    }

    fn wait_until_ready(&self, bin: &Path, dir: &Path) -> Result<()> {
        let deadline = Instant::now() + PATIENCE;
        let mut is_ready = Command::new(bin.join("pg_isready"));
        is_ready.args(["-q", "-h", "127.0.0.1", "-p", &self.port.to_string()]);
        while !child::works(&mut is_ready) {
            if Instant::now() > deadline {
                let log = fs::read_to_string(dir.join("log")).unwrap_or_default();
                bail!("PostgreSQL did not start within {} s:\n{log}", PATIENCE.as_secs());
            }
            thread::sleep(Duration::from_millis(50));
        }
        Ok(())
    }
}

impl Drop for Postgres {
    fn drop(&mut self) {
        drop(self.guard.stdin.take());
        // Nothing can be done about a guard that is gone already.
        let _ = self.guard.wait();
    }
}

/// A port that nobody holds now. Somebody could take it before the server does; then the server says so.
fn free_port() -> Result<u16> {
    Ok(TcpListener::bind((Ipv4Addr::LOCALHOST, 0))?.local_addr()?.port())
}

/// PostgreSQL refuses to run as root: the user and group to run it as, if we are root.
fn other_than_root() -> Result<Option<(u32, u32)>> {
    if !tools::are_we_root()? {
        return Ok(None);
    }
    let id = |which: &str| -> Result<u32> {
        Ok(child::output(Command::new("id").args([which, "postgres"]))?.parse()?)
    };
    Ok(Some((id("-u")?, id("-g")?)))
}
