//! The thread that owns the sockets, and moves bytes and time between them and the core.

use std::io;
use std::net::{SocketAddr, SocketAddrV6};
use std::time::{Duration, Instant};

use str0m::net::{Protocol, Transmit};
use tokio::net::{TcpListener, UdpSocket};
use tokio::sync::{mpsc, oneshot};
use tokio::time::{MissedTickBehavior, interval, sleep_until, timeout};

use crate::config::{Config, StartError, advertised};
use crate::core::{Core, Origin};
use crate::event::{Event, Stats};
use crate::handle::{Command, EventStream, MediaHandle};
use crate::tcp::{Arrival, Lines, listen};

/// A selective forwarding unit on its own thread, so that neither a slow page handler nor a
/// heavy query makes speech stutter.
#[derive(Debug, Clone, Copy)]
pub struct MediaServer;

impl MediaServer {
    /// Binds the sockets and starts the thread. The server stops when it is told to, or when the last handle is dropped.
    pub fn start(config: Config) -> Result<(MediaHandle, EventStream), StartError> {
        let Config { udp, tcp, public_addresses, limits } = config;
        let udp_socket = bind_udp(udp)?;
        let tcp_listener = tcp.map(bind_tcp).transpose()?;

        let told = |bound: SocketAddr| advertised(bound, &public_addresses);
        let udp_addresses = told(local_address(udp_socket.local_addr(), "UDP", udp)?)?;
        let tcp_addresses = match (&tcp_listener, tcp) {
            (Some(listener), Some(asked)) => told(local_address(listener.local_addr(), "TCP", asked)?)?,
            _ => Vec::new(),
        };

        let (command_sender, commands) = mpsc::channel(64);
        let (event_sender, events) = mpsc::unbounded_channel();
        let (started, start) = std::sync::mpsc::channel();
        let serve = async move |started: std::sync::mpsc::Sender<io::Result<()>>| {
            let (arrival_sender, arrivals) = mpsc::channel(1024);
            let lines = Lines::new(&limits, arrival_sender.clone());
            let core = Core::new(limits, &udp_addresses, &tcp_addresses);
            let udp = UdpSocket::from_std(udp_socket)?;
            if let Some(listener) = tcp_listener {
                tokio::spawn(listen(TcpListener::from_std(listener)?, arrival_sender));
            }
            // `start` waits for this, and cannot have gone away.
            let _ = started.send(Ok(()));
            let shell = Shell {
                core,
                udp,
                lines,
                arrivals,
                commands,
                events: event_sender,
                buffer: vec![0; Shell::MAX_DATAGRAM],
                unsent: 0,
                stopped: Vec::new(),
            };
            shell.run().await;
            Ok(())
        };
        let run = move || {
            let runtime = tokio::runtime::Builder::new_current_thread().enable_all().build();
            let ended = runtime.and_then(|runtime| runtime.block_on(serve(started.clone())));
            if ended.is_err() {
                let _ = started.send(ended);
            }
        };
        std::thread::Builder::new().name("media".to_owned()).spawn(run).map_err(StartError::Thread)?;

        let lost = |_| Err(io::Error::other("the media thread ended before it began"));
        start.recv().unwrap_or_else(lost).map_err(StartError::Thread)?;
        Ok((MediaHandle::new(command_sender), EventStream::new(events)))
    }
}

fn bind_udp(address: SocketAddr) -> Result<std::net::UdpSocket, StartError> {
    let bind = || {
        let socket = std::net::UdpSocket::bind(address)?;
        socket.set_nonblocking(true)?;
        Ok(socket)
    };
    bind().map_err(|source| StartError::Bind { protocol: "UDP", address, source })
}

fn bind_tcp(address: SocketAddr) -> Result<std::net::TcpListener, StartError> {
    let bind = || {
        let listener = std::net::TcpListener::bind(address)?;
        listener.set_nonblocking(true)?;
        Ok(listener)
    };
    bind().map_err(|source| StartError::Bind { protocol: "TCP", address, source })
}

fn local_address(
    bound: io::Result<SocketAddr>,
    protocol: &'static str,
    address: SocketAddr,
) -> Result<SocketAddr, StartError> {
    bound.map_err(|source| StartError::Bind { protocol, address, source })
}

/// What the thread owns.
struct Shell {
    core: Core,
    udp: UdpSocket,
    lines: Lines,
    arrivals: mpsc::Receiver<Arrival>,
    commands: mpsc::Receiver<Command>,
    events: mpsc::UnboundedSender<Event>,
    buffer: Vec<u8>,
    unsent: u64,
    /// Who waits for the end.
    stopped: Vec<oneshot::Sender<()>>,
}

impl Shell {
    /// WebRTC datagrams fit into an Ethernet frame; what is longer is cut, and then fails its integrity check.
    const MAX_DATAGRAM: usize = 2000;
    /// Datagrams read before what follows from them is sent, and anything else gets its turn.
    const BATCH: usize = 64;
    /// How long to wait for a full network queue before datagrams are dropped.
    const PATIENCE: Duration = Duration::from_millis(10);
    const SWEEP: Duration = Duration::from_secs(1);

    async fn run(mut self) {
        let mut sweep = interval(Self::SWEEP);
        sweep.set_missed_tick_behavior(MissedTickBehavior::Delay);
        let mut stopping = false;
        while !(stopping && self.core.is_idle()) {
            let alarm = self.core.next_alarm();
            tokio::select! {
                command = self.commands.recv(), if !stopping => match command {
                    Some(Command::Shutdown(reply)) => {
                        self.stopped.push(reply);
                        stopping = true;
                        self.core.stop(Instant::now());
                    }
                    Some(command) => self.obey(command),
                    None => {
                        stopping = true;
                        self.core.stop(Instant::now());
                    }
                },
                ready = self.udp.readable() => {
                    if ready.is_ok() {
                        self.read_datagrams();
                    }
                }
                Some(arrival) = self.arrivals.recv() => self.arrived(arrival),
                () = wait_until(alarm) => self.core.tick(Instant::now()),
                _ = sweep.tick() => self.lines.sweep(Instant::now()),
            }
            self.flush().await;
        }
        for reply in self.stopped {
            // Nobody waits any more: fine.
            let _ = reply.send(());
        }
    }

    fn obey(&mut self, command: Command) {
        let now = Instant::now();
        let core = &mut self.core;
        // A reply that nobody waits for any more is dropped: whoever asked has given up.
        match command {
            Command::Join(seat, offer, reply) => drop(reply.send(core.join(now, seat, &offer))),
            Command::Restart(seat, offer, reply) => drop(reply.send(core.restart(now, &seat, &offer))),
            Command::Check(offer, paths, reply) => drop(reply.send(core.check(now, &offer, paths))),
            Command::Remove(room, who, reply) => drop(reply.send(core.remove(now, &room, &who))),
            Command::End(room, reply) => drop(reply.send(core.end(now, &room))),
            Command::Presence(room, reply) => drop(reply.send(core.presence(&room))),
            Command::Stats(reply) => drop(reply.send(Stats {
                tcp_connections: self.lines.len(),
                packets_unsent: self.unsent,
                ..core.stats()
            })),
            Command::Shutdown(reply) => self.stopped.push(reply),
        }
    }

    fn read_datagrams(&mut self) {
        for _ in 0..Self::BATCH {
            match self.udp.try_recv_from(&mut self.buffer) {
                Ok((length, from)) => {
                    let origin = Origin { protocol: Protocol::Udp, address: plain(from) };
                    self.core.receive(Instant::now(), origin, &self.buffer[..length]);
                }
                Err(error) if error.kind() == io::ErrorKind::WouldBlock => return,
                // The report of an earlier datagram that reached nobody (ICMP): the next read goes on.
                Err(error) => tracing::debug!(%error, "UDP media socket reports an error"),
            }
        }
    }

    fn arrived(&mut self, arrival: Arrival) {
        let now = Instant::now();
        match arrival {
            Arrival::Connected(stream, from) => self.lines.connected(now, stream, from),
            Arrival::Closed(from) => self.lines.closed(from),
            Arrival::Datagram(from, datagram) => {
                let origin = Origin { protocol: Protocol::Tcp, address: from };
                if self.core.receive(now, origin, &datagram) {
                    self.lines.used(now, from);
                }
            }
        }
    }

    async fn flush(&mut self) {
        while let Some(datagram) = self.core.next_transmit() {
            let sent = match datagram.proto {
                Protocol::Udp => self.send_udp(&datagram).await,
                _ => self.lines.send(datagram.destination, &datagram.contents),
            };
            self.unsent += u64::from(!sent);
        }
        while let Some(event) = self.core.next_event() {
            // Nobody listens: then nobody wants to know.
            let _ = self.events.send(event);
        }
    }

    async fn send_udp(&self, datagram: &Transmit) -> bool {
        let to = as_socket_wants(datagram.destination, &self.udp);
        match self.udp.try_send_to(&datagram.contents, to) {
            Ok(_) => true,
            Err(error) if error.kind() == io::ErrorKind::WouldBlock => {
                let again = self.udp.send_to(&datagram.contents, to);
                matches!(timeout(Self::PATIENCE, again).await, Ok(Ok(_)))
            }
            Err(_) => false,
        }
    }
}

async fn wait_until(alarm: Option<Instant>) {
    match alarm {
        Some(at) => sleep_until(at.into()).await,
        None => std::future::pending().await,
    }
}

/// A socket for IPv6 and IPv4 shows IPv4 addresses in IPv6 clothes; ICE knows them without.
fn plain(address: SocketAddr) -> SocketAddr {
    SocketAddr::new(address.ip().to_canonical(), address.port())
}

fn as_socket_wants(address: SocketAddr, socket: &UdpSocket) -> SocketAddr {
    match address {
        SocketAddr::V4(v4) if socket.local_addr().is_ok_and(|local| local.is_ipv6()) => {
            SocketAddrV6::new(v4.ip().to_ipv6_mapped(), v4.port(), 0, 0).into()
        }
        _ => address,
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[tokio::test]
    async fn ipv4_passes_through_a_socket_for_both() {
        let v4: SocketAddr = "192.0.2.1:5000".parse().unwrap();
        let Ok(both) = UdpSocket::bind("[::]:0").await else {
            return; // A machine without IPv6.
        };
        let mapped = as_socket_wants(v4, &both);
        assert_eq!(mapped.to_string(), "[::ffff:192.0.2.1]:5000");
        assert_eq!(plain(mapped), v4);

        let only_v4 = UdpSocket::bind("127.0.0.1:0").await.unwrap();
        assert_eq!(as_socket_wants(v4, &only_v4), v4);
    }
}
