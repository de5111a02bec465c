//! How much of a core the rooms cost: bots film, speak, and count what the others' bots sent them.
//!
//! The server runs in a process of its own, so that its CPU time and memory are its own too.
//!
//! ```sh
//! cargo run --release -p media --example room_load -- --rooms 1,10,30 --seconds 10
//! ```

use std::io::{BufRead, BufReader, Write};
use std::process::{Child, ChildStdin, ChildStdout, Command, Stdio};
use std::sync::atomic::{AtomicU64, Ordering};
use std::sync::{Arc, Mutex};
use std::time::{Duration, Instant};

use clap::Parser;
use media::{Config, ConnectionId, Limits, MediaServer, ParticipantId, RoomId, Seat};
use serde::{Deserialize, Serialize};
use str0m::net::Protocol;
use tokio::net::UdpSocket;
use tokio::time::sleep_until;

#[path = "../tests/client/mod.rs"]
#[expect(dead_code, clippy::unwrap_used, reason = "written for tests, which use all of it")]
mod client;
use client::Client;

type Failure = Box<dyn std::error::Error + Send + Sync>;

const VIDEO_EVERY: Duration = Duration::from_nanos(1_000_000_000 / 30);
const AUDIO_EVERY: Duration = Duration::from_millis(20);
const VIDEO_BYTES: usize = 4200;
const AUDIO_BYTES: usize = 80;
/// How long bots may take to connect.
const CONNECT: Duration = Duration::from_secs(30);

/// Loads the media server with rooms of two, each person sending about 1 Mbit/s of video (30 frames of 4200 bytes a
/// second) and 50 audio packets a second, and prints what that costs the server.
///
/// Run it in a release build. Bots and server share the machine: where the bots need more than the cores that the server leaves,
/// delivery and latency tell of the bots. Each number of rooms takes `seconds` and up to half a minute more.
#[derive(Parser)]
struct Options {
    /// Numbers of rooms to try, one after the other.
    #[arg(long, value_delimiter = ',', default_values_t = [1, 10, 30])]
    rooms: Vec<usize>,
    /// How long to measure each, in seconds.
    #[arg(long, default_value_t = 10, value_parser = clap::value_parser!(u64).range(1..=600))]
    seconds: u64,
    /// Be the server: read offers from standard input, write answers to standard output.
    #[arg(long, hide = true)]
    serve: bool,
}

#[derive(Serialize, Deserialize)]
struct Offer {
    room: String,
    participant: String,
    sdp: String,
}

fn main() -> Result<(), Failure> {
    let options = Options::parse();
    let runtime = tokio::runtime::Builder::new_current_thread().enable_all().build()?;
    if options.serve {
        return runtime.block_on(serve());
    }
    println!("rooms people  server CPU   delivered   one-way p50    p95     RSS");
    for rooms in options.rooms {
        let mut server = Server::start()?;
        runtime.block_on(measure(&mut server, rooms, Duration::from_secs(options.seconds)))?;
    }
    Ok(())
}

/// Answers each line's offer until there are no more.
async fn serve() -> Result<(), Failure> {
    let (media, _events) = MediaServer::start(Config {
        udp: "127.0.0.1:0".parse()?,
        tcp: None,
        public_addresses: Vec::new(),
        limits: Limits::default(),
    })?;
    for line in std::io::stdin().lines() {
        let offer: Offer = serde_json::from_str(&line?)?;
        let seat = Seat {
            room: RoomId::new(&offer.room)?,
            participant: ParticipantId::new(&offer.participant)?,
            connection: ConnectionId::new(&offer.participant)?,
        };
        let answer = media.join(seat, &offer.sdp).await?;
        println!("{}", serde_json::to_string(&answer.sdp)?);
    }
    Ok(())
}

/// The server's process. It ends when its standard input does.
struct Server {
    process: Child,
    input: ChildStdin,
    output: BufReader<ChildStdout>,
}

impl Server {
    fn start() -> Result<Self, Failure> {
        let mut process = Command::new(std::env::current_exe()?)
            .arg("--serve")
            .stdin(Stdio::piped())
            .stdout(Stdio::piped())
            .spawn()?;
        let input = process.stdin.take().ok_or("no standard input")?;
        let output = BufReader::new(process.stdout.take().ok_or("no standard output")?);
        Ok(Self { process, input, output })
    }

    fn answer(&mut self, offer: &Offer) -> Result<String, Failure> {
        writeln!(self.input, "{}", serde_json::to_string(offer)?)?;
        let mut line = String::new();
        self.output.read_line(&mut line)?;
        Ok(serde_json::from_str(&line)?)
    }

    /// CPU time used so far, user and system, in clock ticks of 10 ms (proc(5): fields 14 and 15).
    fn cpu_ticks(&self) -> Result<u64, Failure> {
        let stat = std::fs::read_to_string(format!("/proc/{}/stat", self.process.id()))?;
        let (_, after_name) = stat.rsplit_once(')').ok_or("unreadable /proc/…/stat")?;
        let fields: Vec<_> = after_name.split_whitespace().collect();
        Ok(fields[11].parse::<u64>()? + fields[12].parse::<u64>()?)
    }

    fn resident_kilobytes(&self) -> Result<u64, Failure> {
        let status = std::fs::read_to_string(format!("/proc/{}/status", self.process.id()))?;
        let line = status.lines().find_map(|line| line.strip_prefix("VmRSS:"));
        let number = line.and_then(|line| line.split_whitespace().next());
        Ok(number.ok_or("no VmRSS in /proc/…/status")?.parse()?)
    }
}

impl Drop for Server {
    fn drop(&mut self) {
        // It may have ended by itself already.
        let _ = self.process.kill();
        let _ = self.process.wait();
    }
}

/// What all bots count together, for the frames sent while `open`.
struct Tally {
    epoch: Instant,
    /// The measured time, in nanoseconds since the epoch; empty until it has begun.
    from: AtomicU64,
    until: AtomicU64,
    sent: AtomicU64,
    connected: AtomicU64,
    /// Nanoseconds from one bot to the other.
    delays: Mutex<Vec<u64>>,
}

impl Tally {
    fn now(&self) -> u64 {
        u64::try_from(self.epoch.elapsed().as_nanos()).unwrap_or(u64::MAX)
    }

    fn counts(&self, sent_at: u64) -> bool {
        (self.from.load(Ordering::Relaxed)..self.until.load(Ordering::Relaxed)).contains(&sent_at)
    }
}

async fn measure(server: &mut Server, rooms: usize, time: Duration) -> Result<(), Failure> {
    let tally = Arc::new(Tally {
        epoch: Instant::now(),
        from: AtomicU64::new(u64::MAX),
        until: AtomicU64::new(u64::MAX),
        sent: AtomicU64::new(0),
        connected: AtomicU64::new(0),
        delays: Mutex::new(Vec::new()),
    });
    let mut bots = tokio::task::JoinSet::new();
    for n in 0..rooms * 2 {
        let socket = UdpSocket::bind("127.0.0.1:0").await?;
        let mut client = Client::new(Instant::now(), socket.local_addr()?, Protocol::Udp);
        let offer =
            Offer { room: format!("room-{}", n / 2), participant: format!("bot-{n}"), sdp: client.offer(1) };
        client.accept(&server.answer(&offer)?);
        bots.spawn(run_bot(client, socket, Arc::clone(&tally)));
    }

    let people = u64::try_from(rooms * 2)?;
    let deadline = Instant::now() + CONNECT;
    while tally.connected.load(Ordering::Relaxed) < people {
        if Instant::now() > deadline {
            return Err("the bots could not connect; is the machine busy?".into());
        }
        tokio::time::sleep(Duration::from_millis(50)).await;
    }
    // Let the first key frames pass.
    tokio::time::sleep(Duration::from_secs(2)).await;

    let begun = Instant::now();
    let cpu = server.cpu_ticks()?;
    tally.from.store(tally.now(), Ordering::Relaxed);
    tokio::time::sleep(time).await;
    tally.until.store(tally.now(), Ordering::Relaxed);
    let cpu = server.cpu_ticks()? - cpu;
    let measured = begun.elapsed();
    let resident = server.resident_kilobytes()?;
    // What is under way still counts.
    tokio::time::sleep(Duration::from_secs(1)).await;
    bots.abort_all();

    let mut delays = tally.delays.lock().map_err(|_| "a bot has panicked")?.clone();
    delays.sort_unstable();
    let sent = tally.sent.load(Ordering::Relaxed);
    let at = |per_cent: usize| delays.get(delays.len() * per_cent / 100).copied().unwrap_or(0);
    println!(
        "{rooms:5} {people:6} {:9.1} % {:9.2} % {:10.2} ms {:6.2} ms {:4} MB",
        ratio(cpu * 10, u64::try_from(measured.as_millis())?),
        ratio(u64::try_from(delays.len())?, sent),
        ratio(at(50), 100_000_000),
        ratio(at(95), 100_000_000),
        resident / 1024,
    );
    Ok(())
}

/// How many per cent.
#[expect(clippy::cast_precision_loss, reason = "figures for people")]
fn ratio(part: u64, whole: u64) -> f64 {
    part as f64 * 100.0 / whole.max(1) as f64
}

async fn run_bot(mut client: Client, socket: UdpSocket, tally: Arc<Tally>) {
    let mut buffer = vec![0; 2000];
    let mut next_video = Instant::now();
    let mut next_audio = next_video;
    let mut keyframes_made = 0;
    let mut connected = false;
    loop {
        let mut out = Vec::new();
        let alarm = client.drain(|datagram| out.push(datagram));
        for datagram in out {
            // A full queue loses datagrams, as a network does; they show as not delivered.
            let _ = socket.send_to(&datagram.contents, datagram.destination).await;
        }
        count(&mut client, &tally);
        if !connected && client.channel_open() {
            connected = true;
            tally.connected.fetch_add(1, Ordering::Relaxed);
        }

        let next = alarm.min(next_video).min(next_audio);
        tokio::select! {
            received = socket.recv_from(&mut buffer) => {
                if let Ok((length, from)) = received {
                    client.receive(Instant::now(), from, &buffer[..length]);
                }
            }
            () = sleep_until(next.into()) => {
                let now = Instant::now();
                client.tick(now);
                client.drain(|datagram| { let _ = socket.try_send_to(&datagram.contents, datagram.destination); });
                if now >= next_video {
                    next_video += VIDEO_EVERY;
                    let keyframe = keyframes_made <= client.keyframe_requests;
                    keyframes_made += usize::from(keyframe);
                    film(&mut client, now, keyframe, &tally);
                } else if now >= next_audio {
                    next_audio += AUDIO_EVERY;
                    client.send_audio(now, &[0; AUDIO_BYTES]);
                }
            }
        }
    }
}

/// Sends a video frame that says when it was sent.
fn film(client: &mut Client, now: Instant, keyframe: bool, tally: &Tally) {
    let Some(camera) = client.camera else {
        return;
    };
    let sent_at = tally.now();
    let mut content = vec![0; VIDEO_BYTES - 3];
    content[..8].copy_from_slice(&sent_at.to_be_bytes());
    client.send_video(now, camera, keyframe, &content);
    if tally.counts(sent_at) {
        tally.sent.fetch_add(1, Ordering::Relaxed);
    }
}

/// Takes the frames that have come, and notes how long the video frames were on their way.
fn count(client: &mut Client, tally: &Tally) {
    let now = tally.now();
    for frame in client.received.values_mut().flat_map(|line| line.contents.drain(..)) {
        let sent_at = frame.get(3..11).and_then(|bytes| bytes.try_into().ok()).map(u64::from_be_bytes);
        if let Some(sent_at) = sent_at
            && frame.len() == VIDEO_BYTES
            && tally.counts(sent_at)
            && let Ok(mut delays) = tally.delays.lock()
        {
            delays.push(now.saturating_sub(sent_at));
        }
    }
}
