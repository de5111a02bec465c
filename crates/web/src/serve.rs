//! Brings the router to a port, with bounds on slow and large requests.

use std::{io, net::SocketAddr, sync::Arc, time::Duration};

use axum::{Router, extract::ConnectInfo};
use hyper::{body::Incoming, server::conn::http1};
use hyper_util::{
    rt::{TokioIo, TokioTimer},
    server::graceful::GracefulShutdown,
};
use tokio::{
    io::{AsyncRead, AsyncWrite},
    net::{TcpListener, TcpStream},
    sync::{Semaphore, watch},
};
use tokio_rustls::{TlsAcceptor, rustls::ServerConfig};
use tower::{Service, ServiceExt};

/// A request's headers must be there within this time, and fit in
/// [`MAX_HEADERS`] bytes.
const HEADERS_WITHIN: Duration = Duration::from_secs(10);
const MAX_HEADERS: usize = 16 << 10;
/// A TLS handshake must be done within this time.
const HANDSHAKE_WITHIN: Duration = Duration::from_secs(10);
/// Connections at once, event streams included.
const MAX_CONNECTIONS: usize = 20_000;
/// How long requests under way may take when the program stops.
const LAST_REQUESTS: Duration = Duration::from_secs(5);

/// Certificate and key, where no proxy terminates TLS.
pub type Tls = Arc<ServerConfig>;

/// The listener broke.
#[derive(Debug, thiserror::Error)]
#[error("the web server cannot take connections")]
pub struct ServeError(#[from] io::Error);

/// Serves until `stopping` becomes true, then lets requests under way finish.
pub async fn serve(
    listener: TcpListener,
    tls: Option<Tls>,
    router: Router,
    mut stopping: watch::Receiver<bool>,
) -> Result<(), ServeError> {
    let tls = tls.map(TlsAcceptor::from);
    let graceful = GracefulShutdown::new();
    let places = Arc::new(Semaphore::new(MAX_CONNECTIONS));
    loop {
        let place = Arc::clone(&places).acquire_owned().await;
        let (stream, peer) = tokio::select! {
            accepted = listener.accept() => match accepted {
                Ok(accepted) => accepted,
                Err(error) if is_passing(&error) => {
                    tracing::warn!(%error, "a connection could not be taken");
                    tokio::time::sleep(Duration::from_millis(50)).await;
                    continue;
                }
                Err(error) => return Err(error.into()),
            },
            () = stops(&mut stopping) => break,
        };
        let (router, tls, watcher) = (router.clone(), tls.clone(), graceful.watcher());
        tokio::spawn(async move {
            let _place = place;
            let _ = stream.set_nodelay(true);
            if let Some(tls) = tls {
                if let Ok(Ok(stream)) = tokio::time::timeout(HANDSHAKE_WITHIN, tls.accept(stream)).await {
                    answer(stream, peer, router, watcher).await;
                }
            } else {
                answer::<TcpStream>(stream, peer, router, watcher).await;
            }
        });
    }
    drop(listener);
    if tokio::time::timeout(LAST_REQUESTS, graceful.shutdown()).await.is_err() {
        tracing::warn!("some requests were still under way when the program stopped");
    }
    Ok(())
}

/// Ends when the program stops, or nobody is left to say so. (The guard that
/// `wait_for` answers must not live in the task.)
async fn stops(stopping: &mut watch::Receiver<bool>) {
    let _ = stopping.wait_for(|stops| *stops).await;
}

async fn answer<S: AsyncRead + AsyncWrite + Unpin + Send + 'static>(
    stream: S,
    peer: SocketAddr,
    router: Router,
    watcher: hyper_util::server::graceful::Watcher,
) {
    let service = hyper::service::service_fn(move |mut request: hyper::Request<Incoming>| {
        request.extensions_mut().insert(ConnectInfo(peer));
        let mut router = router.clone().into_service();
        async move { ServiceExt::<hyper::Request<Incoming>>::ready(&mut router).await?.call(request).await }
    });
    let connection = http1::Builder::new()
        .timer(TokioTimer::new())
        .header_read_timeout(HEADERS_WITHIN)
        .max_buf_size(MAX_HEADERS)
        .serve_connection(TokioIo::new(stream), service);
    // A broken connection is the browser's affair.
    let _ = watcher.watch(connection).await;
}

/// Too many open files, or a peer that is gone already.
fn is_passing(error: &io::Error) -> bool {
    !matches!(error.kind(), io::ErrorKind::InvalidInput | io::ErrorKind::NotFound)
}
