//! As much of a browser as a waiting page needs: it loads the page, and over
//! the same connection follows its event stream.

use std::time::Instant;

use anyhow::{Context, Result, bail, ensure};
use tokio::{
    io::{AsyncBufReadExt, AsyncReadExt, AsyncWriteExt, BufReader},
    net::TcpStream,
    sync::mpsc,
    task::JoinHandle,
};
use visit::SeatId;

use super::seed::Seat;

/// Small, since thousands of browsers share this process.
const BUFFER: usize = 1024;

/// A seat whose page was told that it is let in.
pub(super) struct Seen {
    pub(super) seat: SeatId,
    pub(super) at: Instant,
}

/// A patient whose stream is open.
pub(super) struct Waiting(JoinHandle<Result<()>>);

impl Waiting {
    /// Loads the seat's page and opens its stream; tells when it is let in.
    pub(super) async fn arrive(port: u16, seat: Seat, tell: mpsc::UnboundedSender<Seen>) -> Result<Self> {
        let mut connection = Connection::open(port).await?;
        let page = connection.page(&seat).await?;
        connection.listen(&seat, page.last_event()?).await?;
        Ok(Self(tokio::spawn(async move { connection.follow(seat.seat, tell).await })))
    }

    /// Whether the stream has ended.
    pub(super) fn is_over(&self) -> bool {
        self.0.is_finished()
    }

    /// Closes the tab.
    pub(super) fn leave(self) {
        self.0.abort();
    }
}

/// The HTML of a page.
pub(super) struct Page(String);

impl Page {
    fn last_event(&self) -> Result<&str> {
        between(&self.0, "data-last-event=\"", "\"")
    }

    /// The request of the button that lets this patient in.
    pub(super) fn admission(&self, clinician: &Seat, patient: &Seat) -> Result<String> {
        let csrf = between(&self.0, "name=\"csrf\" content=\"", "\"")?;
        let form = format!("csrf={csrf}&seat={}", patient.seat);
        Ok(format!(
            "POST /seat/{}/admit HTTP/1.1\r\nhost: bench\r\n{}connection: close\r\n\
             content-type: application/x-www-form-urlencoded\r\ncontent-length: {}\r\n\r\n{form}",
            clinician.seat,
            headers(clinician),
            form.len(),
        ))
    }
}

/// Loads a seat's page.
pub(super) async fn open_page(port: u16, seat: &Seat) -> Result<Page> {
    Connection::open(port).await?.page(seat).await
}

/// Sends a form whose answer leads on.
pub(super) async fn post(port: u16, request: &str) -> Result<()> {
    let mut connection = Connection::open(port).await?;
    let head = connection.ask(request).await?;
    ensure!(head.starts_with("HTTP/1.1 303"), "a form was answered {head}");
    Ok(())
}

/// A connection to the server.
struct Connection(BufReader<TcpStream>);

impl Connection {
    async fn open(port: u16) -> Result<Self> {
        let stream = TcpStream::connect(("127.0.0.1", port)).await.context("the server takes no more")?;
        stream.set_nodelay(true)?;
        Ok(Self(BufReader::with_capacity(BUFFER, stream)))
    }

    async fn page(&mut self, seat: &Seat) -> Result<Page> {
        let request = format!("GET /seat/{} HTTP/1.1\r\nhost: bench\r\n{}\r\n", seat.seat, headers(seat));
        let head = self.ask(&request).await?;
        ensure!(head.starts_with("HTTP/1.1 200"), "a page was answered {head}");
        let length: usize = between(&head, "content-length: ", "\r\n")?.parse()?;
        let mut body = vec![0; length];
        self.0.read_exact(&mut body).await?;
        Ok(Page(String::from_utf8(body)?))
    }

    async fn listen(&mut self, seat: &Seat, after: &str) -> Result<()> {
        let request = format!(
            "GET /seat/{}/events?after={after} HTTP/1.1\r\nhost: bench\r\naccept: text/event-stream\r\n{}\r\n",
            seat.seat,
            headers(seat),
        );
        let head = self.ask(&request).await?;
        ensure!(head.starts_with("HTTP/1.1 200"), "a stream was answered {head}");
        Ok(())
    }

    /// Sends a request and answers the head of what comes back.
    async fn ask(&mut self, request: &str) -> Result<String> {
        self.0.write_all(request.as_bytes()).await?;
        let mut head = String::new();
        while !head.ends_with("\r\n\r\n") {
            ensure!(self.0.read_line(&mut head).await? > 0, "the server hung up: {head}");
        }
        Ok(head)
    }

    /// Reads the stream until it ends.
    async fn follow(&mut self, seat: SeatId, tell: mpsc::UnboundedSender<Seen>) -> Result<()> {
        let mut line = String::new();
        loop {
            line.clear();
            if self.0.read_line(&mut line).await? == 0 {
                bail!("the stream has ended");
            }
            if line.starts_with("data: ") && line.contains("\"page\":\"room\"") {
                // Nobody listens once the bench is over.
                let _ = tell.send(Seen { seat: seat.clone(), at: Instant::now() });
            }
        }
    }
}

/// What every browser sends with its cookie: as much as Chromium does.
fn headers(Seat { seat, secret }: &Seat) -> String {
    format!(
        "cookie: anteroom-seat-{seat}={secret}\r\n\
         user-agent: Mozilla/5.0 (X11; Linux x86_64) AppleWebKit/537.36 (KHTML, like Gecko) Chrome/140.0.0.0 Safari/537.36\r\n\
         sec-ch-ua: \"Chromium\";v=\"140\", \"Not=A?Brand\";v=\"24\"\r\nsec-ch-ua-mobile: ?0\r\nsec-ch-ua-platform: \"Linux\"\r\n\
         accept-language: en-US,en;q=0.9\r\naccept-encoding: gzip, deflate, br, zstd\r\n\
         sec-fetch-site: same-origin\r\nsec-fetch-mode: cors\r\nsec-fetch-dest: empty\r\ncache-control: no-cache\r\n"
    )
}

fn between<'t>(text: &'t str, before: &str, after: &str) -> Result<&'t str> {
    let found = text.split_once(before).and_then(|(_, rest)| rest.split_once(after));
    Ok(found.with_context(|| format!("nothing between {before} and {after}"))?.0)
}
