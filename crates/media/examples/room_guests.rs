//! People in rooms without browsers, for tests that need many: each is a peer that connects and stays until it is
//! told to hang up. Whoever runs this speaks with the server; here is only what takes a socket.
//!
//! Reads and writes one JSON object a line.
//!
//! | line | meaning |
//! |---|---|
//! | `{"guest":"ana","do":"offer"}` | make an offer, in place of an earlier connection |
//! | `{"guest":"ana","sdp":"…"}` | the answer to that: the offer |
//! | `{"guest":"ana","do":"connect","sdp":"…"}` | connect with the server's answer |
//! | `{"guest":"ana","connected":true}` | media and data flow |
//! | `{"guest":"ana","do":"hang-up"}` | close the connection, as a closed tab does |

use std::collections::HashMap;
use std::io::BufRead;
use std::net::SocketAddr;
use std::time::Instant;

use serde::Deserialize;
use serde_json::json;
use str0m::net::Protocol;
use tokio::net::UdpSocket;
use tokio::sync::mpsc;
use tokio::time::sleep_until;

#[path = "../tests/client/mod.rs"]
#[expect(dead_code, clippy::unwrap_used, reason = "written for tests, which use all of it")]
mod client;
use client::Client;

type Failure = Box<dyn std::error::Error + Send + Sync>;

/// Others that a guest has room for: a visit has up to six people.
const OTHERS: usize = 5;

#[derive(Deserialize)]
struct Order {
    guest: String,
    #[serde(flatten)]
    what: What,
}

#[derive(Deserialize)]
#[serde(tag = "do", rename_all = "kebab-case")]
enum What {
    Offer,
    Connect { sdp: String },
    HangUp,
}

fn main() -> Result<(), Failure> {
    let runtime = tokio::runtime::Builder::new_multi_thread().worker_threads(1).enable_all().build()?;
    let mut guests: HashMap<String, mpsc::UnboundedSender<What>> = HashMap::new();
    for line in std::io::stdin().lock().lines() {
        let Order { guest, what } = serde_json::from_str(&line?)?;
        if matches!(what, What::Offer) {
            // The one before is dropped without a word, as where a browser dies.
            let (orders, inbox) = mpsc::unbounded_channel();
            guests.insert(guest.clone(), orders);
            runtime.spawn(async move {
                if let Err(error) = stay(&guest, inbox).await {
                    eprintln!("{guest}: {error}");
                }
            });
        } else if let Some(orders) = guests.get(&guest) {
            // One that has hung up hears nothing more.
            let _ = orders.send(what);
        }
    }
    Ok(())
}

/// One guest's life.
async fn stay(guest: &str, mut orders: mpsc::UnboundedReceiver<What>) -> Result<(), Failure> {
    let socket = UdpSocket::bind("127.0.0.1:0").await?;
    let mut client = Client::new(Instant::now(), socket.local_addr()?, Protocol::Udp);
    println!("{}", json!({ "guest": guest, "sdp": client.offer(OTHERS) }));

    let mut buffer = vec![0; 2000];
    let mut told = false;
    loop {
        let alarm = drain(&mut client, &socket).await;
        if !told && client.channel_open() {
            told = true;
            println!("{}", json!({ "guest": guest, "connected": true }));
        }
        if client.closed {
            return Ok(());
        }
        tokio::select! {
            order = orders.recv() => match order {
                Some(What::Connect { sdp }) => client.accept(&sdp),
                Some(What::HangUp) => {
                    // Before the handshake there is nothing to say goodbye to.
                    if client.rtc.close().is_err() {
                        return Ok(());
                    }
                }
                Some(What::Offer) | None => return Ok(()),
            },
            received = socket.recv_from(&mut buffer) => {
                if let Ok((length, from)) = received {
                    client.receive(Instant::now(), from, &buffer[..length]);
                }
            }
            () = sleep_until(alarm.into()) => client.tick(Instant::now()),
        }
    }
}

async fn drain(client: &mut Client, socket: &UdpSocket) -> Instant {
    let mut out: Vec<(SocketAddr, Vec<u8>)> = Vec::new();
    let alarm = client.drain(|datagram| out.push((datagram.destination, datagram.contents.to_vec())));
    for (to, datagram) in out {
        // A server that is gone refuses; the guest does not mind.
        let _ = socket.send_to(&datagram, to).await;
    }
    alarm
}
