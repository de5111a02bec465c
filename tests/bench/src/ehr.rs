//! An EHR in this process: answers from what was prepared for it, signs
//! id_tokens, and remembers when it was asked what.

use std::{
    collections::HashMap,
    sync::{Mutex, PoisonError},
    time::{Duration, Instant},
};

use anyhow::{Result, anyhow};
use async_trait::async_trait;
use aws_lc_rs::{
    rand::SystemRandom,
    rsa::KeySize,
    signature::{KeyPair, RSA_PKCS1_SHA256, RsaKeyPair},
};
use base64::{Engine, engine::general_purpose::URL_SAFE_NO_PAD};
use http::{HeaderMap, HeaderValue, StatusCode, header};
use outside::{HttpClient, HttpError, Request, Response};
use serde_json::{Value, json};
use url::form_urlencoded;

/// The issuer that its id_tokens name.
pub(crate) const ISSUER: &str = "https://ehr.example.org/oauth2";
const KEY_ID: &str = "one";

/// The EHR.
pub(crate) struct MemoryEhr {
    key: RsaKeyPair,
    /// By path, or by the code for the token endpoint.
    answers: Mutex<HashMap<String, Response>>,
    asked: Mutex<Vec<Asked>>,
    answers_after: Duration,
}

/// One request that the EHR has answered.
#[derive(Debug, Clone)]
pub(crate) struct Asked {
    pub(crate) path: String,
    pub(crate) from: Instant,
    pub(crate) to: Instant,
}

impl MemoryEhr {
    /// One that takes so long for each answer, and answers its discovery
    /// document and key set.
    pub(crate) fn new(answers_after: Duration) -> Result<Self> {
        let key = RsaKeyPair::generate(KeySize::Rsa2048)?;
        let ehr = Self { key, answers: Mutex::default(), asked: Mutex::default(), answers_after };
        ehr.prepare_documents();
        Ok(ehr)
    }

    /// Forgets what was prepared for launches.
    pub(crate) fn forget(&self) {
        self.answers.lock().unwrap_or_else(PoisonError::into_inner).clear();
        self.asked.lock().unwrap_or_else(PoisonError::into_inner).clear();
        self.prepare_documents();
    }

    /// Answers this path, or this code, so.
    pub(crate) fn prepare(&self, key: impl Into<String>, body: &Value) {
        let mut headers = HeaderMap::new();
        headers.insert(header::CONTENT_TYPE, HeaderValue::from_static("application/json"));
        let response = Response { status: StatusCode::OK, headers, body: body.to_string().into() };
        self.answers.lock().unwrap_or_else(PoisonError::into_inner).insert(key.into(), response);
    }

    /// Claims as an RS256 token of this issuer.
    pub(crate) fn id_token(&self, claims: &Value) -> Result<String> {
        let encode = |part: &Value| URL_SAFE_NO_PAD.encode(part.to_string());
        let header = json!({ "alg": "RS256", "kid": KEY_ID, "typ": "JWT" });
        let signed = format!("{}.{}", encode(&header), encode(claims));
        let mut signature = vec![0; self.key.public_modulus_len()];
        self.key
            .sign(&RSA_PKCS1_SHA256, &SystemRandom::new(), signed.as_bytes(), &mut signature)
            .map_err(|_| anyhow!("the EHR could not sign"))?;
        Ok(format!("{signed}.{}", URL_SAFE_NO_PAD.encode(signature)))
    }

    /// What it was asked since it last forgot.
    pub(crate) fn asked(&self) -> Vec<Asked> {
        self.asked.lock().unwrap_or_else(PoisonError::into_inner).clone()
    }

    fn prepare_documents(&self) {
        self.prepare(
            "/api/FHIR/R4/.well-known/smart-configuration",
            &json!({
                "issuer": ISSUER,
                "authorization_endpoint": "https://ehr.example.org/oauth2/authorize",
                "token_endpoint": "https://ehr.example.org/oauth2/token",
                "jwks_uri": "https://ehr.example.org/oauth2/keys",
            }),
        );
        let public = self.key.public_key();
        let key = json!({
            "kty": "RSA", "kid": KEY_ID, "use": "sig", "alg": "RS256",
            "n": URL_SAFE_NO_PAD.encode(public.modulus().big_endian_without_leading_zero()),
            "e": URL_SAFE_NO_PAD.encode(public.exponent().big_endian_without_leading_zero()),
        });
        self.prepare("/oauth2/keys", &json!({ "keys": [key] }));
    }

    fn answer(&self, request: &Request) -> Response {
        let answers = self.answers.lock().unwrap_or_else(PoisonError::into_inner);
        answers.get(&key_of(request)).cloned().unwrap_or(Response {
            status: StatusCode::NOT_FOUND,
            headers: HeaderMap::new(),
            body: "".into(),
        })
    }
}

/// Token requests are told apart by their code, searches by their first
/// parameter.
fn key_of(request: &Request) -> String {
    let mut fields = form_urlencoded::parse(&request.body);
    if let Some((_, code)) = fields.find(|(name, _)| name == "code") {
        return code.into_owned();
    }
    match request.url.query_pairs().next() {
        Some((name, value)) => format!("{}?{name}={value}", request.url.path()),
        None => request.url.path().to_owned(),
    }
}

#[async_trait]
impl HttpClient for MemoryEhr {
    async fn send(&self, request: Request) -> Result<Response, HttpError> {
        let from = Instant::now();
        if !self.answers_after.is_zero() {
            tokio::time::sleep(self.answers_after).await;
        }
        let response = self.answer(&request);
        let asked = Asked { path: request.url.path().to_owned(), from, to: Instant::now() };
        self.asked.lock().unwrap_or_else(PoisonError::into_inner).push(asked);
        Ok(response)
    }
}

/// Groups requests into steps: one that begins before all of a step's have
/// ended belongs to that step.
pub(crate) fn steps(mut asked: Vec<Asked>) -> Vec<Vec<Asked>> {
    asked.sort_by_key(|request| request.from);
    let mut steps: Vec<Vec<Asked>> = Vec::new();
    for request in asked {
        match steps.last_mut() {
            Some(step) if step.iter().all(|other| request.from < other.to) => step.push(request),
            _ => steps.push(vec![request]),
        }
    }
    steps
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn requests_side_by_side_are_one_step() {
        let begin = Instant::now();
        let request = |path: &str, from, to| Asked {
            path: path.to_owned(),
            from: begin + Duration::from_millis(from),
            to: begin + Duration::from_millis(to),
        };
        let asked =
            vec![request("token", 0, 20), request("encounter", 22, 41), request("appointment", 21, 42)];
        let paths: Vec<Vec<_>> =
            steps(asked).into_iter().map(|step| step.into_iter().map(|asked| asked.path).collect()).collect();
        assert_eq!(paths, [vec!["token"], vec!["appointment", "encounter"]]);
    }
}
