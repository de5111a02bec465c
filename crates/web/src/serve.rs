//! Brings the router to a port, with bounds on slow and large requests.

use std::{io, sync::Arc, time::Duration};

use axum::Router;
use tokio::{
    net::TcpListener,
    sync::{Semaphore, watch},
};
use tokio_rustls::{TlsAcceptor, rustls::ServerConfig};

use crate::connection::{answer, stops};

/// A TLS handshake must be done within this time.
const HANDSHAKE_WITHIN: Duration = Duration::from_secs(10);
/// Connections at once, event streams included.
const MAX_CONNECTIONS: u32 = 20_000;
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
    let places = Arc::new(Semaphore::new(MAX_CONNECTIONS as usize));
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
        let (router, tls, stopping) = (router.clone(), tls.clone(), stopping.clone());
        tokio::spawn(async move {
            let _place = place;
            let _ = stream.set_nodelay(true);
            if let Some(tls) = tls {
                // Boxed: plain connections need not hold its place.
                Box::pin(async move {
                    if let Ok(Ok(stream)) = tokio::time::timeout(HANDSHAKE_WITHIN, tls.accept(stream)).await {
                        answer(stream, peer, router, stopping).await;
                    }
                })
                .await;
            } else {
                answer(stream, peer, router, stopping).await;
            }
        });
    }
    drop(listener);
    let all_are_gone = places.acquire_many(MAX_CONNECTIONS);
    if tokio::time::timeout(LAST_REQUESTS, all_are_gone).await.is_err() {
        tracing::warn!("some requests were still under way when the program stopped");
    }
    Ok(())
}

/// Too many open files, or a peer that is gone already.
fn is_passing(error: &io::Error) -> bool {
    !matches!(error.kind(), io::ErrorKind::InvalidInput | io::ErrorKind::NotFound)
}
