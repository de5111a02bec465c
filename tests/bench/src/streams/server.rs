//! The server in a process of its own, so that its memory is its own too.

use std::{
    fs,
    io::{BufRead, BufReader, Read},
    path::Path,
    process::{Child, Command, ExitCode, Stdio},
    sync::Arc,
    time::Duration,
};

use anyhow::{Context, Result};
use outside::SystemClock;
use tokio::net::TcpListener;

use crate::{ehr::MemoryEhr, house::House, process};

/// Serves the house in this folder on a free loopback port, which it prints,
/// until standard input closes.
pub(crate) async fn serve(dir: &Path) -> Result<ExitCode> {
    let house = House::open(dir, Arc::new(MemoryEhr::new(Duration::ZERO)?), Arc::new(SystemClock)).await?;
    let listener = TcpListener::bind("127.0.0.1:0").await?;
    println!("{}", listener.local_addr()?.port());
    let stop = house.stop.clone();
    std::thread::spawn(move || {
        // An error is an end as well.
        let _ = std::io::stdin().read(&mut [0]);
        stop.send_replace(true);
    });
    web::serve(listener, None, web::router(house.state), house.stop.subscribe()).await?;
    Ok(ExitCode::SUCCESS)
}

/// The running server. It ends with this process, or when dropped.
pub(super) struct Server {
    pub(super) port: u16,
    process: Child,
}

impl Server {
    pub(super) fn start(dir: &Path) -> Result<Self> {
        let mut process = Command::new(std::env::current_exe()?)
            .arg("serve")
            .arg(dir)
            .stdin(Stdio::piped())
            .stdout(Stdio::piped())
            .spawn()
            .context("cannot start the server")?;
        let mut line = String::new();
        let output = process.stdout.take().context("its output is piped")?;
        BufReader::new(output).read_line(&mut line)?;
        let port = line.trim().parse().context("the server did not start");
        Ok(Self { port: port?, process })
    }

    /// Resident memory in bytes.
    pub(super) fn resident(&self) -> Result<u64> {
        process::resident(self.process.id())
    }

    /// CPU time so far, to 10 ms (proc(5): fields 14 and 15 of `stat`, in
    /// clock ticks, of which Linux has 100 a second).
    pub(super) fn cpu_time(&self) -> Result<Duration> {
        let stat = fs::read_to_string(format!("/proc/{}/stat", self.process.id()))?;
        let (_, after_name) = stat.rsplit_once(')').context("stat has no name")?;
        let mut fields = after_name.split_whitespace().skip(11);
        let mut ticks = || -> Result<u64> { Ok(fields.next().context("stat is short")?.parse()?) };
        Ok(Duration::from_millis((ticks()? + ticks()?) * 10))
    }
}

impl Drop for Server {
    fn drop(&mut self) {
        drop(self.process.stdin.take());
        // One that is gone already needs no wait.
        let _ = self.process.wait();
    }
}
