//! A waiting room of many patients, each with an open event stream over a
//! real socket: what a stream costs the server, and how soon an admission is
//! seen. Server and browsers are two processes on this machine.

mod browser;
mod seed;
mod server;

use std::{
    process::ExitCode,
    sync::Arc,
    time::{Duration, Instant},
};

use anyhow::{Context, Result, ensure};
use tokio::{
    sync::{Semaphore, mpsc},
    time::{sleep, timeout},
};

use self::{
    browser::{Seen, Waiting},
    seed::Visit,
    server::Server,
};
use crate::{
    figure::{Figures, Kilobytes, Megabytes, Millis, note, percentile},
    process::open_files,
};

pub(crate) use server::serve;

/// Streams opened and closed first, so that what the server makes once is
/// not counted.
const REHEARSED: usize = 100;
/// Browsers that load their page at one time.
const ARRIVING: usize = 64;
/// The server pings every 20 s: by then all buffers have been used.
const ONE_PING: Duration = Duration::from_secs(22);
/// Admissions follow one another this closely.
const ADMIT_EVERY: Duration = Duration::from_millis(20);
/// How long anything may take before the bench gives up.
const PATIENCE: Duration = Duration::from_mins(1);
/// Files besides sockets.
const OTHER_FILES: u64 = 200;

const BYTES_PER_STREAM: u64 = 10_000;
const SEEN_WITHIN: Duration = Duration::from_millis(100);

/// Opens so many streams and lets so many of their patients in.
pub(crate) async fn measure(streams: u32, admissions: u32) -> Result<ExitCode> {
    let admissions = admissions.min(streams);
    let needed = u64::from(streams) + OTHER_FILES;
    let allowed = open_files()?;
    ensure!(allowed >= needed, "{needed} open files are needed and {allowed} allowed: `ulimit -n {needed}`");

    let dir = tempfile::tempdir()?;
    let visits = seed::fill(dir.path(), streams, admissions).await?;
    let server = Server::start(dir.path())?;
    let mut figures = Figures::default();

    let (tell, mut seen) = mpsc::unbounded_channel();
    let rehearsal = open(&server, &visits[..REHEARSED.min(visits.len())], &tell).await?;
    rehearsal.into_iter().for_each(Waiting::leave);
    sleep(Duration::from_secs(1)).await;

    let empty = server.resident()?;
    let begun = Instant::now();
    let waiting = open(&server, &visits, &tell).await?;
    let arrived = begun.elapsed();
    let full = server.resident()?;
    let cpu = server.cpu_time()?;
    sleep(ONE_PING).await;
    let idle = server.cpu_time()?.saturating_sub(cpu).as_secs_f64() * 100.0 / ONE_PING.as_secs_f64();
    let pinged = server.resident()?;

    let each = (full.max(pinged) - empty) / u64::from(streams);
    figures.judge(
        format!("Memory of a stream ({streams} open, resident, the larger of at once and after a ping)"),
        "≤ 10 kB",
        Kilobytes(each),
        each <= BYTES_PER_STREAM,
    );
    note("Memory of the server without streams", Megabytes(empty));
    note("Memory of the server with all", Megabytes(full.max(pinged)));
    note("Until all had their page and stream", format!("{:.1} s", arrived.as_secs_f64()));
    note("CPU of the server while all wait (pings)", format!("{idle:.1} % of a core"));

    let (from_click, from_answer) = admit(&server, &visits, &mut seen).await?;
    let p99 = percentile(&from_click, 99);
    figures.judge(
        format!("An admission seen, from the click, p99 of {admissions}"),
        "< 100 ms",
        Millis(p99),
        p99 < SEEN_WITHIN,
    );
    note("… median", Millis(percentile(&from_click, 50)));
    note("… after the click's answer, p99", Millis(percentile(&from_answer, 99)));

    let lost = waiting.iter().filter(|stream| stream.is_over()).count();
    figures.judge("Streams lost", "0", lost, lost == 0);
    Ok(figures.verdict())
}

/// Lets each patient's browser load its page and open its stream.
async fn open(server: &Server, visits: &[Visit], tell: &mpsc::UnboundedSender<Seen>) -> Result<Vec<Waiting>> {
    let doors = Arc::new(Semaphore::new(ARRIVING));
    let mut arriving = Vec::with_capacity(visits.len());
    for visit in visits {
        let door = Arc::clone(&doors).acquire_owned().await?;
        let (port, patient, tell) = (server.port, visit.patient.clone(), tell.clone());
        arriving.push(tokio::spawn(async move {
            let _door = door;
            Waiting::arrive(port, patient, tell).await
        }));
    }
    let mut waiting = Vec::with_capacity(visits.len());
    for browser in arriving {
        waiting.push(timeout(PATIENCE, browser).await.context("a browser could not arrive")???);
    }
    Ok(waiting)
}

/// Lets the patients of all visits with a clinician in, one after the other,
/// and answers how long it took them to see it: from the clinician's click,
/// and from its answer. Sorted.
async fn admit(
    server: &Server,
    visits: &[Visit],
    seen: &mut mpsc::UnboundedReceiver<Seen>,
) -> Result<(Vec<Duration>, Vec<Duration>)> {
    let (mut from_click, mut from_answer) = (Vec::new(), Vec::new());
    for visit in visits {
        let Some(clinician) = &visit.clinician else { continue };
        let admission =
            browser::open_page(server.port, clinician).await?.admission(clinician, &visit.patient)?;
        let clicked = Instant::now();
        browser::post(server.port, &admission).await?;
        let answered = Instant::now();
        let Seen { seat, at } =
            timeout(PATIENCE, seen.recv()).await.context("nobody saw an admission")?.context("all left")?;
        ensure!(seat == visit.patient.seat, "another patient was let in");
        from_click.push(at - clicked);
        from_answer.push(at.saturating_duration_since(answered));
        sleep(ADMIT_EVERY).await;
    }
    from_click.sort_unstable();
    from_answer.sort_unstable();
    Ok((from_click, from_answer))
}
