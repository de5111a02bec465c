use std::{io, net::SocketAddr, sync::Arc};

use futures_util::future::BoxFuture;
use reqwest::dns::{Addrs, Name, Resolve, Resolving};

use crate::address_rules::AddressRules;

/// Answers the addresses of a host name.
pub(crate) type Lookup = Arc<dyn Fn(String) -> BoxFuture<'static, io::Result<Vec<SocketAddr>>> + Send + Sync>;

/// The system's resolver.
pub(crate) fn system_lookup() -> Lookup {
    Arc::new(|name| {
        Box::pin(async move {
            // The port is put in by whoever connects.
            tokio::net::lookup_host((name, 0)).await.map(Iterator::collect)
        })
    })
}

/// Gives the transport only addresses that the rules let it connect to. It is
/// asked for each new connection, so a name that is first public and then
/// private (DNS rebinding) gains nothing.
pub(crate) struct CheckedResolver {
    pub(crate) rules: Arc<AddressRules>,
    pub(crate) lookup: Lookup,
}

impl Resolve for CheckedResolver {
    fn resolve(&self, name: Name) -> Resolving {
        let (rules, looked_up) = (Arc::clone(&self.rules), (self.lookup)(name.as_str().to_owned()));
        Box::pin(async move {
            let addresses = looked_up.await?;
            rules.check_resolved(name.as_str(), &addresses)?;
            Ok(Box::new(addresses.into_iter()) as Addrs)
        })
    }
}
