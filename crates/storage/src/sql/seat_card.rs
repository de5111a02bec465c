use std::borrow::Cow;

use jiff::Timestamp;
use secrecy::ExposeSecret;
use serde::{Deserialize, Serialize};
use visit::SeatId;

use crate::{SeatCard, StorageError, db::Cells, seal::Sealer};

/// A seat card as it is sealed.
#[derive(Serialize, Deserialize)]
struct Clear<'a> {
    name: Option<Cow<'a, str>>,
    external_id: Option<Cow<'a, str>>,
    launch_token: Option<(Cow<'a, str>, Option<Timestamp>)>,
}

/// What stands in the column `card` of this seat.
pub(super) fn seal(sealer: &Sealer, seat: &SeatId, card: &SeatCard) -> Vec<u8> {
    let token = card.launch_token.as_ref();
    let clear = Clear {
        name: card.name.as_deref().map(Cow::from),
        external_id: card.external_id.as_deref().map(Cow::from),
        launch_token: token.map(|(token, expires)| (token.expose_secret().into(), *expires)),
    };
    sealer.seal_json("seats", "card", seat.as_str(), &clear)
}

/// Reads the column `card` of this seat; `None` where it was forgotten.
pub(super) fn read(
    cells: &Cells<'_>,
    sealer: &Sealer,
    seat: &SeatId,
) -> Result<Option<SeatCard>, StorageError> {
    let clear = cells.optional_sealed_json::<Clear<'static>>(sealer, "card", seat.as_str())?;
    Ok(clear.map(|clear| SeatCard {
        name: clear.name.map(Cow::into_owned),
        external_id: clear.external_id.map(Cow::into_owned),
        launch_token: clear.launch_token.map(|(token, expires)| (token.into_owned().into(), expires)),
    }))
}
