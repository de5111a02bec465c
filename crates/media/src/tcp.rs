//! ICE-TCP: media for browsers whose network passes no UDP.

use std::collections::HashMap;
use std::net::{IpAddr, SocketAddr};
use std::time::{Duration, Instant};

use bytes::{Bytes, BytesMut};
use tokio::io::{AsyncReadExt, AsyncWriteExt};
use tokio::net::{TcpListener, TcpStream};
use tokio::sync::mpsc;

use crate::config::Limits;
use crate::framing::{frame, take_frame};

/// What the TCP side hands to the server.
#[derive(Debug)]
pub(crate) enum Arrival {
    /// Somebody has connected.
    Connected(TcpStream, SocketAddr),
    /// A datagram has come in over a connection.
    Datagram(SocketAddr, Bytes),
    /// A connection was closed from outside, or broke.
    Closed(SocketAddr),
}

/// An open connection.
#[derive(Debug)]
struct Line {
    outgoing: mpsc::Sender<Vec<u8>>,
    last_used: Instant,
}

/// The open TCP connections, by the address of the other side.
#[derive(Debug)]
pub(crate) struct Lines {
    open: HashMap<SocketAddr, Line>,
    arrivals: mpsc::Sender<Arrival>,
    total: usize,
    per_address: usize,
    idle: Duration,
}

impl Lines {
    /// Frames that may wait for a slow receiver. More would only be late: then datagrams are lost, as on UDP.
    const OUTGOING: usize = 512;

    pub(crate) fn new(limits: &Limits, arrivals: mpsc::Sender<Arrival>) -> Self {
        Self {
            open: HashMap::new(),
            arrivals,
            total: limits.tcp_connections,
            per_address: limits.tcp_connections_per_address,
            idle: limits.tcp_idle,
        }
    }

    pub(crate) fn len(&self) -> usize {
        self.open.len()
    }

    /// Takes over a connection, or drops it where there are too many.
    pub(crate) fn connected(&mut self, now: Instant, stream: TcpStream, from: SocketAddr) {
        let ip: IpAddr = from.ip();
        let of_address = self.open.keys().filter(|other| other.ip() == ip).count();
        if self.open.len() >= self.total || of_address >= self.per_address {
            tracing::warn!(open = self.open.len(), "TCP media connection refused: too many");
            return;
        }
        let (outgoing, frames) = mpsc::channel(Self::OUTGOING);
        self.open.insert(from, Line { outgoing, last_used: now });
        tokio::spawn(serve(stream, from, self.arrivals.clone(), frames));
    }

    pub(crate) fn closed(&mut self, address: SocketAddr) {
        self.open.remove(&address);
    }

    /// A datagram from this address belonged to a peer.
    pub(crate) fn used(&mut self, now: Instant, address: SocketAddr) {
        if let Some(line) = self.open.get_mut(&address) {
            line.last_used = now;
        }
    }

    /// Sends a datagram; answers whether it could be.
    pub(crate) fn send(&self, to: SocketAddr, datagram: &[u8]) -> bool {
        let line = self.open.get(&to);
        line.zip(frame(datagram)).is_some_and(|(line, frame)| line.outgoing.try_send(frame).is_ok())
    }

    /// Closes the connections that carry nothing for a peer.
    pub(crate) fn sweep(&mut self, now: Instant) {
        let idle = self.idle;
        self.open.retain(|_, line| now < line.last_used + idle);
    }
}

/// Accepts connections for ever.
pub(crate) async fn listen(listener: TcpListener, arrivals: mpsc::Sender<Arrival>) {
    loop {
        match listener.accept().await {
            Ok((stream, from)) => {
                if arrivals.send(Arrival::Connected(stream, from)).await.is_err() {
                    return;
                }
            }
            Err(error) => {
                // Out of file descriptors, most likely: wait for some to come free.
                tracing::warn!(%error, "cannot accept a TCP media connection");
                tokio::time::sleep(Duration::from_millis(200)).await;
            }
        }
    }
}

/// Carries one connection until either side drops it.
async fn serve(
    stream: TcpStream,
    from: SocketAddr,
    arrivals: mpsc::Sender<Arrival>,
    mut outgoing: mpsc::Receiver<Vec<u8>>,
) {
    // Without it, small packets of speech would wait for company.
    let _ = stream.set_nodelay(true);
    let (mut reader, mut writer) = stream.into_split();
    let mut read = BytesMut::new();

    let receive = async {
        while reader.read_buf(&mut read).await.is_ok_and(|bytes| bytes > 0) {
            loop {
                let datagram = match take_frame(&mut read) {
                    Ok(Some(datagram)) => datagram,
                    Ok(None) => break,
                    Err(error) => return tracing::debug!(%error, "TCP media connection closed"),
                };
                if arrivals.send(Arrival::Datagram(from, datagram)).await.is_err() {
                    return;
                }
            }
        }
    };
    let send = async {
        while let Some(frame) = outgoing.recv().await {
            if writer.write_all(&frame).await.is_err() {
                return;
            }
        }
    };
    tokio::select! {
        () = receive => {}
        () = send => {}
    }
    let _ = arrivals.send(Arrival::Closed(from)).await;
}
