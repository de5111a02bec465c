use async_trait::async_trait;
use links::guest::{GuestLink, SecretHash};
use visit::VisitId;

use crate::{
    GuestLinks, Storage, StorageError, StoredLink,
    db::{Row, sql},
};

#[async_trait]
impl GuestLinks for Storage {
    async fn add_link(&self, link: &GuestLink) -> Result<(), StorageError> {
        let add = sql("INSERT INTO guest_links (seat, visit, token, body, version)
             SELECT $1, v.visit, $3, $4, 1 FROM visits v WHERE v.visit = $2");
        let add = add
            .bind(link.seat.as_str())
            .bind(link.visit.as_str())
            .bind(&link.token.as_bytes()[..])
            .bind(body(link));
        match self.db().execute(add).await? {
            0 => Err(StorageError::Conflict),
            _ => Ok(()),
        }
    }

    async fn lookup_link(&self, token: &SecretHash) -> Result<Option<StoredLink>, StorageError> {
        let lookup = sql("SELECT seat, body, version FROM guest_links WHERE token = $1");
        let found = self.db().row(lookup.bind(&token.as_bytes()[..])).await?;
        found.as_ref().map(read).transpose()
    }

    async fn links_of(&self, visit: &VisitId) -> Result<Vec<StoredLink>, StorageError> {
        let links = sql("SELECT seat, body, version FROM guest_links WHERE visit = $1");
        let rows = self.db().rows(links.bind(visit.as_str())).await?;
        let mut links = rows.iter().map(read).collect::<Result<Vec<_>, _>>()?;
        links.sort_by(|one, other| {
            (one.link.expires_at, one.link.seat.as_str())
                .cmp(&(other.link.expires_at, other.link.seat.as_str()))
        });
        Ok(links)
    }

    async fn save_link(&self, StoredLink { link, version }: &StoredLink) -> Result<(), StorageError> {
        let save = sql("UPDATE guest_links SET body = $3, version = version + 1
             WHERE seat = $1 AND version = $2");
        let save = save.bind(link.seat.as_str()).bind(version.cast_signed()).bind(body(link));
        match self.db().execute(save).await? {
            0 => Err(StorageError::Conflict),
            _ => Ok(()),
        }
    }
}

fn read(row: &Row) -> Result<StoredLink, StorageError> {
    let cells = row.keyed("guest_links", "seat");
    Ok(StoredLink { link: cells.json("body")?, version: cells.narrow("version")? })
}

fn body(link: &GuestLink) -> String {
    // Fails for maps whose keys are no strings, and there are none.
    serde_json::to_string(link).expect("a direct link can be written as JSON")
}
