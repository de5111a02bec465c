//! The whole server over real sockets: every packet of these tests goes through the loopback interface.

#![expect(clippy::unwrap_used, reason = "a test fails by panicking, in its helpers too")]

use std::net::SocketAddr;
use std::time::{Duration, Instant};

use bytes::BytesMut;
use media::{
    Config, ConnectionId, Event, EventStream, JoinError, LeaveReason, Limits, MediaHandle, MediaServer,
    ParticipantId, Paths, RoomId, Seat, StartError,
};
use str0m::net::Protocol;
use tokio::io::{AsyncReadExt, AsyncWriteExt};
use tokio::net::{TcpListener, TcpStream, UdpSocket};
use tokio::time::timeout;

mod client;
use client::Client;

const PATIENCE: Duration = Duration::from_secs(20);

fn config() -> Config {
    Config {
        udp: "127.0.0.1:0".parse().unwrap(),
        tcp: Some("127.0.0.1:0".parse().unwrap()),
        public_addresses: Vec::new(),
        limits: Limits::default(),
    }
}

fn room() -> RoomId {
    RoomId::new("room").unwrap()
}

fn seat(name: &str, connection: &str) -> Seat {
    Seat {
        room: room(),
        participant: ParticipantId::new(name).unwrap(),
        connection: ConnectionId::new(connection).unwrap(),
    }
}

/// The browser's way to the server.
enum Way {
    Udp(UdpSocket),
    Tcp(TcpStream, SocketAddr, BytesMut),
}

/// A browser with real sockets.
struct Browser {
    client: Box<Client>,
    way: Way,
}

/// The server's address of a kind, as the answer names it.
fn candidate(sdp: &str, protocol: &str) -> SocketAddr {
    let line = sdp.lines().find(|line| {
        line.starts_with("a=candidate:") && line.to_lowercase().contains(&format!(" {protocol} "))
    });
    let words: Vec<_> = line.expect("no such candidate").split(' ').collect();
    format!("{}:{}", words[4], words[5]).parse().unwrap()
}

impl Browser {
    async fn new(protocol: Protocol) -> Self {
        // A TCP peer offers the discard port, and connects itself (RFC 6544).
        let (address, way) = if protocol == Protocol::Udp {
            let socket = UdpSocket::bind("127.0.0.1:0").await.unwrap();
            (socket.local_addr().unwrap(), Some(Way::Udp(socket)))
        } else {
            ("127.0.0.1:9".parse().unwrap(), None)
        };
        let client = Box::new(Client::new(Instant::now(), address, protocol));
        let placeholder = UdpSocket::bind("127.0.0.1:0").await.unwrap();
        Self { client, way: way.unwrap_or(Way::Udp(placeholder)) }
    }

    async fn accept(&mut self, sdp: &str, protocol: Protocol) {
        self.client.accept(sdp);
        if protocol == Protocol::Tcp {
            let server = candidate(sdp, "tcp");
            let stream = TcpStream::connect(server).await.unwrap();
            self.way = Way::Tcp(stream, server, BytesMut::new());
        }
    }

    async fn join(media: &MediaHandle, seat: Seat, protocol: Protocol) -> Self {
        let mut browser = Self::new(protocol).await;
        let offer = browser.client.offer(2);
        let answer = media.join(seat, &offer).await.unwrap();
        browser.accept(&answer.sdp, protocol).await;
        browser.until(|client| client.channel_open()).await;
        browser
    }

    /// Sends what waits, and takes in what comes within a few milliseconds.
    async fn step(&mut self) {
        self.client.tick(Instant::now());
        let mut out = Vec::new();
        let alarm = self.client.drain(|datagram| out.push(datagram));
        let wait = alarm.saturating_duration_since(Instant::now()).min(Duration::from_millis(5));
        match &mut self.way {
            Way::Udp(socket) => {
                for datagram in out {
                    let _ = socket.send_to(&datagram.contents, datagram.destination).await;
                }
                let mut buffer = [0; 2000];
                if let Ok(Ok((length, from))) = timeout(wait, socket.recv_from(&mut buffer)).await {
                    self.client.receive(Instant::now(), from, &buffer[..length]);
                }
            }
            Way::Tcp(stream, server, read) => {
                for datagram in out {
                    let length = u16::try_from(datagram.contents.len()).unwrap();
                    let _ = stream.write_all(&length.to_be_bytes()).await;
                    let _ = stream.write_all(&datagram.contents).await;
                }
                if let Ok(Ok(_)) = timeout(wait, stream.read_buf(read)).await {
                    while read.len() >= 2 {
                        let length = usize::from(u16::from_be_bytes([read[0], read[1]]));
                        if read.len() < 2 + length {
                            break;
                        }
                        let frame = read.split_to(2 + length);
                        self.client.receive(Instant::now(), *server, &frame[2..]);
                    }
                }
            }
        }
    }

    async fn until(&mut self, mut done: impl FnMut(&mut Client) -> bool) {
        let waited = async {
            while !done(&mut self.client) {
                self.step().await;
            }
        };
        timeout(PATIENCE, waited).await.expect("nothing happened for a long time");
    }

    /// Films and speaks until the other has got enough.
    async fn film_to(&mut self, other: &mut Self, frames: usize) {
        let mut n = 0;
        let filmed = async {
            while other.frames() < frames {
                let camera = self.client.camera.unwrap();
                self.client.send_video(Instant::now(), camera, n % 30 == 0, &[7; 3000]);
                self.step().await;
                self.client.send_audio(Instant::now(), b"speech");
                self.step().await;
                other.step().await;
                n += 1;
            }
        };
        timeout(PATIENCE, filmed).await.expect("the frames do not arrive");
    }

    fn frames(&self) -> usize {
        self.client.received.values().map(|line| line.frames).min().unwrap_or(0)
    }
}

async fn next(events: &mut EventStream) -> Event {
    timeout(PATIENCE, events.next()).await.expect("no event").expect("the server has stopped")
}

async fn two_people(first: Protocol, second: Protocol) {
    let (media, mut events) = MediaServer::start(config()).unwrap();
    let mut ann = Browser::join(&media, seat("ann", "1"), first).await;
    let mut bob = Browser::join(&media, seat("bob", "2"), second).await;
    assert_eq!(next(&mut events).await, Event::Joined(seat("ann", "1")));
    assert_eq!(next(&mut events).await, Event::Joined(seat("bob", "2")));

    ann.film_to(&mut bob, 30).await;
    bob.film_to(&mut ann, 30).await;
    assert_eq!(bob.client.received.len(), 2, "one line of video, one of audio");
    assert_eq!(bob.client.received.values().map(|line| line.backwards).sum::<usize>(), 0);

    let offer = bob.client.restart_offer();
    let answer = media.restart(seat("bob", "2"), &offer).await.unwrap();
    bob.client.accept(&answer.sdp);
    bob.client.received.clear();
    ann.film_to(&mut bob, 30).await;

    assert!(media.remove(room(), ParticipantId::new("bob").unwrap()).await);
    assert_eq!(next(&mut events).await, Event::Left(seat("bob", "2"), LeaveReason::Removed));
    bob.until(|client| client.closed).await;

    let stats = media.stats().await;
    assert_eq!((stats.rooms, stats.participants), (1, 1));
    assert!(stats.packets_in > 100 && stats.packets_out > 100);
    assert!(stats.tcp_connections >= usize::from(first == Protocol::Tcp));
    media.shutdown().await;
    assert_eq!(next(&mut events).await, Event::Left(seat("ann", "1"), LeaveReason::Stopped));
    assert_eq!(events.next().await, None);
    let refused = media.join(seat("ann", "3"), "").await;
    assert_eq!(refused, Err(JoinError::Stopped));
}

#[tokio::test]
async fn two_people_over_udp() {
    two_people(Protocol::Udp, Protocol::Udp).await;
}

#[tokio::test]
async fn two_people_over_tcp() {
    two_people(Protocol::Tcp, Protocol::Tcp).await;
}

#[tokio::test]
async fn one_over_tcp_and_one_over_udp() {
    two_people(Protocol::Tcp, Protocol::Udp).await;
}

#[tokio::test]
async fn a_check_over_tcp_comes_back() {
    let (media, _events) = MediaServer::start(config()).unwrap();
    let mut browser = Browser::new(Protocol::Tcp).await;
    let offer = browser.client.check_offer();
    let answer = media.check(&offer, Paths::TcpOnly).await.unwrap();
    browser.accept(&answer.sdp, Protocol::Tcp).await;
    browser.until(|client| client.channel_open()).await;
    assert!(browser.client.say("ping"));
    browser.until(|client| client.messages == ["ping"]).await;
    assert_eq!(media.stats().await.checks, 1);
}

#[tokio::test]
async fn a_port_that_is_taken_is_a_clear_error() {
    let taken = TcpListener::bind("127.0.0.1:0").await.unwrap();
    let address = taken.local_addr().unwrap();
    let error = MediaServer::start(Config { tcp: Some(address), ..config() }).unwrap_err();
    assert!(matches!(error, StartError::Bind { protocol: "TCP", .. }));
    assert_eq!(error.to_string(), format!("cannot listen on TCP {address}"));
}

#[tokio::test]
async fn garbage_on_tcp_is_cut_off_and_the_idle_are_too() {
    let limits = Limits { tcp_idle: Duration::from_millis(1500), tcp_connections: 2, ..Limits::default() };
    // The address of the TCP listener is in the answer to any offer.
    let (media, _events) = MediaServer::start(Config { limits, ..config() }).unwrap();
    let mut browser = Browser::new(Protocol::Udp).await;
    let offer = browser.client.check_offer();
    let answer = media.check(&offer, Paths::All).await.unwrap();
    let server = candidate(&answer.sdp, "tcp");

    let closed = async |stream: &mut TcpStream| {
        let mut buffer = [0; 100];
        let end = timeout(PATIENCE, stream.read(&mut buffer)).await.expect("left open");
        matches!(end, Ok(0) | Err(_))
    };
    let mut web = TcpStream::connect(server).await.unwrap();
    web.write_all(b"GET / HTTP/1.1\r\n\r\n").await.unwrap();
    assert!(closed(&mut web).await);

    let mut idle = TcpStream::connect(server).await.unwrap();
    let mut slow = TcpStream::connect(server).await.unwrap();
    slow.write_all(&[0]).await.unwrap();
    let mut third = TcpStream::connect(server).await.unwrap();
    assert!(closed(&mut third).await, "one too many");
    let started = Instant::now();
    assert!(closed(&mut idle).await);
    assert!(closed(&mut slow).await);
    assert!(started.elapsed() > Duration::from_millis(500));
    assert_eq!(media.stats().await.tcp_connections, 0);
}

#[tokio::test]
async fn a_server_without_handles_stops() {
    let (media, mut events) = MediaServer::start(config()).unwrap();
    drop(media);
    assert_eq!(timeout(PATIENCE, events.next()).await.unwrap(), None);
}
