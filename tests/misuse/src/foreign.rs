//! A host that belongs to somebody else. It is another origin than the EHR's
//! and another host too, and answers whatever it is asked, so that whoever
//! goes there would get along well.

use std::{
    net::SocketAddr,
    sync::{Arc, Mutex},
};

use axum::{Json, Router, extract::Request};
use serde_json::json;
use tokio::net::TcpListener;

#[derive(Clone)]
pub(crate) struct Foreign {
    address: SocketAddr,
    asked: Arc<Mutex<Vec<String>>>,
}

impl Foreign {
    pub(crate) async fn listen() -> Self {
        let listener = TcpListener::bind("127.0.0.2:0").await.unwrap();
        let foreign = Self { address: listener.local_addr().unwrap(), asked: Arc::default() };
        let asked = Arc::clone(&foreign.asked);
        let answer = async move |request: Request| {
            asked.lock().unwrap().push(format!("{} {}", request.method(), request.uri()));
            Json(json!({ "keys": [], "access_token": "theirs", "token_type": "Bearer" }))
        };
        tokio::spawn(axum::serve(listener, Router::new().fallback(answer)).into_future());
        foreign
    }

    /// An address there.
    pub(crate) fn url(&self, path: &str) -> String {
        format!("http://{}{path}", self.address)
    }

    /// All that reached it.
    pub(crate) fn asked(&self) -> Vec<String> {
        self.asked.lock().unwrap().clone()
    }
}
