//! One browser's connection. Requests are answered by hyper; once an event
//! stream is answered, the connection is taken out of hyper's hands, because
//! its buffers (two of 8 KiB) would be held for as long as somebody waits,
//! and thousands wait.

use std::{
    convert::Infallible,
    io::{self, IoSlice},
    net::SocketAddr,
    pin::Pin,
    sync::{Arc, Mutex, MutexGuard, PoisonError},
    task::{Context, Poll, ready},
    time::Duration,
};

use axum::{
    Router,
    body::{Body, HttpBody},
    extract::ConnectInfo,
    http::{Method, Request, Response, Version},
};
use bytes::Bytes;
use http_body_util::BodyExt;
use hyper::{
    body::{Frame, Incoming},
    server::conn::http1,
    service::service_fn,
};
use hyper_util::rt::{TokioIo, TokioTimer};
use tokio::{
    io::{AsyncRead, AsyncReadExt, AsyncWrite, AsyncWriteExt, ReadBuf},
    sync::watch,
};
use tower::ServiceExt;

/// A request's headers must be there within this time, and fit in
/// [`MAX_HEADERS`] bytes.
const HEADERS_WITHIN: Duration = Duration::from_secs(10);
const MAX_HEADERS: usize = 16 << 10;
/// A browser that takes in nothing of a stream for this long is gone.
const TAKEN_WITHIN: Duration = Duration::from_secs(30);

/// Marks an answer whose body goes on for as long as somebody waits, in
/// small pieces.
#[derive(Debug, Clone, Copy)]
pub(crate) struct LongStream;

/// Any connection: a socket, or TLS over one.
pub(crate) trait Stream: AsyncRead + AsyncWrite + Unpin + Send + 'static {}

impl<S: AsyncRead + AsyncWrite + Unpin + Send + 'static> Stream for S {}

/// Ends when the program stops, or nobody is left to say so. (The guard that
/// `wait_for` answers must not live in the task.)
pub(crate) async fn stops(stopping: &mut watch::Receiver<bool>) {
    let _ = stopping.wait_for(|stops| *stops).await;
}

/// Answers requests until the browser is gone, or the program stops and the
/// request under way is answered.
pub(crate) async fn answer<S: Stream>(
    stream: S,
    peer: SocketAddr,
    router: Router,
    stopping: watch::Receiver<bool>,
) {
    // Boxed, so that nothing of it is held while a stream goes on.
    if let Some((stream, body)) = Box::pin(until_long_stream(stream, peer, router, stopping)).await {
        // A broken connection is the browser's affair.
        let _ = go_on(stream, body).await;
    }
}

/// Answers requests up to one whose answer is a [`LongStream`]: answers the
/// connection, on which the head of that answer is written, and its body.
async fn until_long_stream<S: Stream>(
    stream: S,
    peer: SocketAddr,
    router: Router,
    mut stopping: watch::Receiver<bool>,
) -> Option<(S, Body)> {
    let slot = Slot::default();
    let service = service_fn(|mut request: Request<Incoming>| {
        request.extensions_mut().insert(ConnectInfo(peer));
        // Only there the body has the chunks that we write.
        let has_chunks = request.version() == Version::HTTP_11 && request.method() == Method::GET;
        let (router, slot) = (router.clone(), slot.clone());
        async move {
            let response = router.oneshot(request).await?;
            let is_long = has_chunks && response.extensions().get::<LongStream>().is_some();
            Ok::<_, Infallible>(if is_long { slot.keep_body(response) } else { response })
        }
    });
    let mut connection = http1::Builder::new()
        .timer(TokioTimer::new())
        .header_read_timeout(HEADERS_WITHIN)
        .max_buf_size(MAX_HEADERS)
        .serve_connection(TokioIo::new(Noting { stream, slot: slot.clone() }), service);

    let mut stops = std::pin::pin!(stops(&mut stopping));
    let mut is_stopping = false;
    let is_over = std::future::poll_fn(|task| {
        if !is_stopping && stops.as_mut().poll(task).is_ready() {
            is_stopping = true;
            Pin::new(&mut connection).graceful_shutdown();
        }
        match Pin::new(&mut connection).poll(task) {
            Poll::Ready(_) => Poll::Ready(true),
            Poll::Pending if slot.lock().head_is_written => Poll::Ready(false),
            Poll::Pending => Poll::Pending,
        }
    })
    .await;
    if is_over {
        return None;
    }
    let stream = connection.into_parts().io.into_inner().stream;
    let body = slot.lock().body.take()?;
    Some((stream, body))
}

/// Writes the pieces of a body as they come, as chunks (RFC 9112 7.1), and
/// closes the connection at its end.
async fn go_on<S: Stream>(mut stream: S, mut body: Body) -> io::Result<()> {
    let mut unasked = [0; 16];
    loop {
        tokio::select! {
            frame = body.frame() => {
                let Some(Ok(frame)) = frame else { break };
                let Ok(piece) = frame.into_data() else { continue };
                // An empty chunk would be the last one.
                if !piece.is_empty() {
                    write(&mut stream, &chunk(&piece)).await?;
                }
            }
            read = stream.read(&mut unasked) => if read? == 0 {
                return Ok(());
            },
        }
    }
    write(&mut stream, b"0\r\n\r\n").await?;
    stream.shutdown().await
}

async fn write(stream: &mut (impl AsyncWrite + Unpin), bytes: &[u8]) -> io::Result<()> {
    tokio::time::timeout(TAKEN_WITHIN, async {
        stream.write_all(bytes).await?;
        stream.flush().await
    })
    .await?
}

fn chunk(piece: &[u8]) -> Vec<u8> {
    let mut chunk = format!("{:x}\r\n", piece.len()).into_bytes();
    chunk.extend_from_slice(piece);
    chunk.extend_from_slice(b"\r\n");
    chunk
}

/// Where the body of a long stream lies while hyper writes its head.
#[derive(Clone, Default)]
struct Slot(Arc<Mutex<Kept>>);

#[derive(Default)]
struct Kept {
    body: Option<Body>,
    /// Hyper has the head in its buffer and asks for the body.
    body_is_wanted: bool,
    /// And its buffer is empty again.
    head_is_written: bool,
}

impl Slot {
    fn lock(&self) -> MutexGuard<'_, Kept> {
        self.0.lock().unwrap_or_else(PoisonError::into_inner)
    }

    /// Keeps the body, and puts one in its place that never says anything.
    fn keep_body(self, response: Response<Body>) -> Response<Body> {
        response.map(|body| {
            self.lock().body = Some(body);
            Body::new(Silence(self))
        })
    }
}

struct Silence(Slot);

impl HttpBody for Silence {
    type Data = Bytes;
    type Error = Infallible;

    fn poll_frame(
        self: Pin<&mut Self>,
        _: &mut Context<'_>,
    ) -> Poll<Option<Result<Frame<Bytes>, Infallible>>> {
        self.0.lock().body_is_wanted = true;
        Poll::Pending
    }
}

/// A stream that notes when hyper flushes it, which hyper does when all that
/// it had is written.
struct Noting<S> {
    stream: S,
    slot: Slot,
}

impl<S: Stream> AsyncRead for Noting<S> {
    fn poll_read(
        mut self: Pin<&mut Self>,
        task: &mut Context<'_>,
        buffer: &mut ReadBuf<'_>,
    ) -> Poll<io::Result<()>> {
        Pin::new(&mut self.stream).poll_read(task, buffer)
    }
}

impl<S: Stream> AsyncWrite for Noting<S> {
    fn poll_write(mut self: Pin<&mut Self>, task: &mut Context<'_>, bytes: &[u8]) -> Poll<io::Result<usize>> {
        Pin::new(&mut self.stream).poll_write(task, bytes)
    }

    fn poll_flush(mut self: Pin<&mut Self>, task: &mut Context<'_>) -> Poll<io::Result<()>> {
        ready!(Pin::new(&mut self.stream).poll_flush(task))?;
        let mut kept = self.slot.lock();
        kept.head_is_written = kept.body_is_wanted;
        Poll::Ready(Ok(()))
    }

    fn poll_shutdown(mut self: Pin<&mut Self>, task: &mut Context<'_>) -> Poll<io::Result<()>> {
        Pin::new(&mut self.stream).poll_shutdown(task)
    }

    fn poll_write_vectored(
        mut self: Pin<&mut Self>,
        task: &mut Context<'_>,
        slices: &[IoSlice<'_>],
    ) -> Poll<io::Result<usize>> {
        Pin::new(&mut self.stream).poll_write_vectored(task, slices)
    }

    fn is_write_vectored(&self) -> bool {
        self.stream.is_write_vectored()
    }
}

#[cfg(test)]
mod tests {
    use axum::routing::get;
    use futures_util::{StreamExt, stream};
    use tokio::io::{DuplexStream, duplex};

    use super::*;

    /// Says two things and then waits for ever, or ends.
    fn long(ends: bool) -> Response<Body> {
        let said = stream::iter(["one", "two"].map(Ok::<_, Infallible>));
        let body =
            if ends { Body::from_stream(said) } else { Body::from_stream(said.chain(stream::pending())) };
        let mut response = Response::new(body);
        response.extensions_mut().insert(LongStream);
        response
    }

    /// A browser's end of a connection, and what keeps the program running.
    fn connect(buffer: usize) -> (DuplexStream, watch::Sender<bool>, tokio::task::JoinHandle<()>) {
        let router = Router::new()
            .route("/short", get(async || "short"))
            .route("/long", get(async || long(false)))
            .route("/ending", get(async || long(true)));
        let (ours, theirs) = duplex(buffer);
        let (stop, stopping) = watch::channel(false);
        let peer = ([127, 0, 0, 1], 9).into();
        (theirs, stop, tokio::spawn(answer(ours, peer, router, stopping)))
    }

    async fn ask(browser: &mut DuplexStream, path: &str, version: &str) {
        let request = format!("GET {path} {version}\r\nhost: bench\r\n\r\n");
        browser.write_all(request.as_bytes()).await.unwrap();
    }

    async fn hear_until(browser: &mut DuplexStream, end: &str) -> String {
        let mut heard = Vec::new();
        while !heard.ends_with(end.as_bytes()) {
            heard.push(browser.read_u8().await.unwrap());
        }
        String::from_utf8(heard).unwrap()
    }

    #[tokio::test]
    async fn a_stream_follows_other_answers_on_a_connection() {
        let (mut browser, _stop, task) = connect(64 << 10);
        ask(&mut browser, "/short", "HTTP/1.1").await;
        hear_until(&mut browser, "short").await;
        ask(&mut browser, "/long", "HTTP/1.1").await;
        let heard = hear_until(&mut browser, "3\r\ntwo\r\n").await;
        assert!(heard.starts_with("HTTP/1.1 200 OK\r\ntransfer-encoding: chunked\r\n"), "{heard}");
        assert!(heard.ends_with("\r\n\r\n3\r\none\r\n3\r\ntwo\r\n"), "{heard}");
        drop(browser);
        task.await.unwrap();
    }

    #[tokio::test]
    async fn the_head_goes_first_even_where_it_does_not_go_at_once() {
        let (mut browser, _stop, _task) = connect(7);
        ask(&mut browser, "/long", "HTTP/1.1").await;
        let heard = hear_until(&mut browser, "two\r\n").await;
        assert!(heard.starts_with("HTTP/1.1 200 OK\r\n"), "{heard}");
        assert!(heard.ends_with("\r\n\r\n3\r\none\r\n3\r\ntwo\r\n"), "{heard}");
    }

    #[tokio::test]
    async fn a_stream_that_ends_closes_its_connection() {
        let (mut browser, _stop, task) = connect(64 << 10);
        ask(&mut browser, "/ending", "HTTP/1.1").await;
        let mut heard = String::new();
        browser.read_to_string(&mut heard).await.unwrap();
        assert!(heard.ends_with("3\r\ntwo\r\n0\r\n\r\n"), "{heard}");
        task.await.unwrap();
    }

    #[tokio::test]
    async fn an_older_browser_gets_it_without_chunks() {
        let (mut browser, _stop, _task) = connect(64 << 10);
        ask(&mut browser, "/ending", "HTTP/1.0").await;
        let mut heard = String::new();
        browser.read_to_string(&mut heard).await.unwrap();
        assert!(heard.ends_with("\r\n\r\nonetwo"), "{heard}");
    }

    #[tokio::test]
    async fn an_idle_connection_ends_when_the_program_stops() {
        let (mut browser, stop, task) = connect(64 << 10);
        ask(&mut browser, "/short", "HTTP/1.1").await;
        hear_until(&mut browser, "short").await;
        stop.send_replace(true);
        task.await.unwrap();
    }
}
