use std::error::Error;

use crate::{Connection, LaunchError, SmartClient};

/// One thing that `anteroom check` looked at.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Finding {
    /// What was looked at.
    pub subject: &'static str,
    /// What was seen.
    pub outcome: Outcome,
}

/// What was seen, in words for an operator.
#[derive(Debug, Clone, PartialEq, Eq)]
pub enum Outcome {
    /// As it should be.
    Good(String),
    /// Not looked at, and why.
    Skipped(String),
    /// Not as it should be.
    Bad {
        /// What was seen.
        seen: String,
        /// What to do.
        remedy: &'static str,
    },
}

impl SmartClient {
    /// Tries what can be tried of a connection without a person: discovery,
    /// the EHR's keys, our own keys, and a backend token. Stops where the
    /// next step needs what is missing.
    pub async fn check(&self, connection: &Connection) -> Vec<Finding> {
        let mut findings = vec![finding("our signing keys", self.check_own_keys(connection))];
        let endpoints = self.endpoints(connection, &connection.clients.provider).await;
        let seen = endpoints.as_ref().map_err(Clone::clone).map(|found| {
            format!("authorize at {}, token at {}, issuer {}", found.authorization, found.token, found.issuer)
        });
        findings.push(finding("discovery", seen));
        let Ok(endpoints) = endpoints else { return findings };

        let keys = self.ehr_keys(connection, &endpoints).await;
        findings.push(finding("the EHR's key set", keys.and_then(|keys| some_keys(keys.len()))));
        findings.push(match self.backend_token(connection).await {
            Err(LaunchError::NoBackendClient) => Finding {
                subject: "backend token",
                outcome: Outcome::Skipped("clients.backend is not set".to_owned()),
            },
            token => {
                finding("backend token", token.map(|token| format!("granted until {}", token.expires_at)))
            }
        });
        findings
    }

    fn check_own_keys(&self, connection: &Connection) -> Result<String, LaunchError> {
        let kid = self.signing_kid(connection)?;
        Ok(format!("signing with {} key {kid}", connection.signing_algorithm.as_str()))
    }
}

fn some_keys(count: usize) -> Result<String, LaunchError> {
    match count {
        0 => Err(LaunchError::EhrKeysInvalid("it has no key that verifies id_tokens".to_owned())),
        1 => Ok("1 key verifies id_tokens".to_owned()),
        count => Ok(format!("{count} keys verify id_tokens")),
    }
}

fn finding(subject: &'static str, outcome: Result<String, LaunchError>) -> Finding {
    let outcome = match outcome {
        Ok(seen) => Outcome::Good(seen),
        Err(error) => Outcome::Bad { seen: with_causes(&error), remedy: error.remedy() },
    };
    Finding { subject, outcome }
}

fn with_causes(error: &LaunchError) -> String {
    let causes = std::iter::successors(error.source(), |cause| (*cause).source());
    causes.fold(error.to_string(), |text, cause| format!("{text}: {cause}"))
}
