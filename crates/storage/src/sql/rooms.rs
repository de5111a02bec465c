use async_trait::async_trait;
use jiff::{SignedDuration, Timestamp};
use tokio::sync::broadcast;
use visit::RoomName;

use crate::{CallAnswer, CallId, NodeId, RoomCall, Rooms, Storage, StorageError, db::sql};

/// A node that was not heard of for so long does not come back.
const LATE_AT_MOST: SignedDuration = SignedDuration::from_hours(1);

const FORGET_DEAD: [&str; 2] = [
    "DELETE FROM rooms WHERE node IN (SELECT n.node FROM nodes n WHERE n.good_until <= $1)",
    "DELETE FROM nodes WHERE good_until <= $1",
];

#[async_trait]
impl Rooms for Storage {
    async fn beat(&self, node: &NodeId, now: Timestamp, good_until: Timestamp) -> Result<(), StorageError> {
        let mut tx = self.db().begin().await?;
        let beat = sql("INSERT INTO nodes (node, good_until) VALUES ($1, $2)
             ON CONFLICT (node) DO UPDATE SET good_until = excluded.good_until");
        tx.execute(beat.bind(node.0.as_str()).bind(good_until)).await?;
        let long_ago = now.checked_sub(LATE_AT_MOST).unwrap_or(Timestamp::MIN);
        for forgetting in FORGET_DEAD {
            tx.execute(sql(forgetting).bind(long_ago)).await?;
        }
        tx.commit(|| ()).await
    }

    async fn retire(&self, node: &NodeId) -> Result<(), StorageError> {
        let mut tx = self.db().begin().await?;
        for gone in [
            "DELETE FROM nodes WHERE node = $1",
            "DELETE FROM rooms WHERE node = $1",
            "DELETE FROM room_calls WHERE node = $1",
        ] {
            tx.execute(sql(gone).bind(node.0.as_str())).await?;
        }
        self.wakes().commit_calls(tx).await
    }

    async fn hold(&self, room: &RoomName, node: &NodeId, now: Timestamp) -> Result<NodeId, StorageError> {
        let holder = sql("SELECT r.node FROM rooms r JOIN nodes n ON n.node = r.node
             WHERE r.room = $1 AND n.good_until > $2");
        if let Some(row) = self.db().row(holder.bind(room.as_str()).bind(now)).await? {
            return Ok(NodeId(row.of("rooms", "?").text("node")?));
        }
        self.take_over(room, node, now).await
    }

    async fn release(&self, room: &RoomName, node: &NodeId) -> Result<(), StorageError> {
        let release = sql("DELETE FROM rooms WHERE room = $1 AND node = $2");
        self.db().execute(release.bind(room.as_str()).bind(node.0.as_str())).await.map(drop)
    }

    async fn call(
        &self,
        to: &NodeId,
        room: &RoomName,
        request: &str,
        expires_at: Timestamp,
    ) -> Result<CallId, StorageError> {
        let mut tx = self.db().begin().await?;
        let made = sql("INSERT INTO room_calls (node, room, taken, expires_at) VALUES ($1, $2, FALSE, $3)
             RETURNING call");
        let made = tx.rows(made.bind(to.0.as_str()).bind(room.as_str()).bind(expires_at)).await?;
        let Some(row) = made.first() else { return Err(StorageError::Conflict) };
        let call = row.of("room_calls", "new").number("call")?;
        // Only now there is a row to seal the request for.
        let sealed = self.sealer().seal("room_calls", "request", &call.to_string(), request.as_bytes());
        tx.execute(sql("UPDATE room_calls SET request = $2 WHERE call = $1").bind(call).bind(sealed)).await?;
        self.wakes().commit_calls(tx).await?;
        Ok(CallId(call))
    }

    async fn take_calls(&self, node: &NodeId, now: Timestamp) -> Result<Vec<RoomCall>, StorageError> {
        let take = sql("UPDATE room_calls SET taken = TRUE
             WHERE node = $1 AND NOT taken AND expires_at > $2
             RETURNING call, room, request");
        let rows = self.db().returning(take.bind(node.0.as_str()).bind(now)).await?;
        let calls = rows.iter().map(|row| {
            let cells = row.keyed("room_calls", "call");
            let call = cells.number("call")?;
            Ok(RoomCall {
                id: CallId(call),
                room: cells.parse("room")?,
                request: cells.sealed_text(self.sealer(), "request", &call.to_string())?,
            })
        });
        let mut calls = calls.collect::<Result<Vec<_>, StorageError>>()?;
        calls.sort_by_key(|call| call.id.0);
        Ok(calls)
    }

    async fn answer(&self, call: CallId, answer: &CallAnswer) -> Result<(), StorageError> {
        let sealed = self.sealer().seal("room_calls", "answer", &call.0.to_string(), answer.0.as_bytes());
        let mut tx = self.db().begin().await?;
        tx.execute(sql("UPDATE room_calls SET answer = $2 WHERE call = $1").bind(call.0).bind(sealed))
            .await?;
        self.wakes().commit_calls(tx).await
    }

    async fn take_answer(&self, call: CallId) -> Result<Option<CallAnswer>, StorageError> {
        let take = sql("DELETE FROM room_calls WHERE call = $1 AND answer IS NOT NULL RETURNING answer");
        let taken = self.db().returning(take.bind(call.0)).await?;
        let Some(row) = taken.first() else { return Ok(None) };
        let key = call.0.to_string();
        let answer = row.of("room_calls", &key).sealed_text(self.sealer(), "answer", &key)?;
        Ok(Some(CallAnswer(answer)))
    }

    fn call_wakes(&self) -> broadcast::Receiver<()> {
        self.wakes().calls()
    }
}

impl Storage {
    /// Takes a room whose holder was not seen to live.
    async fn take_over(
        &self,
        room: &RoomName,
        node: &NodeId,
        now: Timestamp,
    ) -> Result<NodeId, StorageError> {
        let mut tx = self.db().begin().await?;
        // Locks the room's row, whether it is new or there already. What
        // comes after sees everything that earlier holders of the lock did.
        let locked = sql("INSERT INTO rooms (room, node) VALUES ($1, $2)
             ON CONFLICT (room) DO UPDATE SET node = rooms.node
             RETURNING node");
        let locked = tx.rows(locked.bind(room.as_str()).bind(node.0.as_str())).await?;
        let Some(row) = locked.first() else { return Err(StorageError::Conflict) };
        let holder = NodeId(row.of("rooms", "?").text("node")?);

        let alive = sql("SELECT node FROM nodes WHERE node = $1 AND good_until > $2");
        let alive = tx.row(alive.bind(holder.0.as_str()).bind(now)).await?.is_some();
        let holder = if alive {
            holder
        } else {
            let taken = sql("UPDATE rooms SET node = $2 WHERE room = $1");
            tx.execute(taken.bind(room.as_str()).bind(node.0.as_str())).await?;
            node.clone()
        };
        tx.commit(|| ()).await?;
        Ok(holder)
    }
}
