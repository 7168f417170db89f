//! Conversations with one person: which room it is, and how one is begun.

use serde_json::{Value, json};

use super::Matrix;
use super::api::Failed;
use crate::platform::PlatformError;

impl Matrix {
    pub(super) async fn is_encrypted(&self, room: &str) -> Result<bool, Failed> {
        Ok(self.api.state(room, "m.room.encryption", "").await?.is_some())
    }

    /// Whether a room is for us and one person alone, and can be read by us.
    pub(super) async fn is_between(&self, room: &str, user: &str) -> Result<bool, PlatformError> {
        let me = self.me().await?;
        let members = match self.api.members(room).await {
            Ok(members) => members,
            Err(Failed::Missing | Failed::Forbidden) => return Ok(false),
            Err(Failed::Other(error)) => return Err(error),
        };
        let joined = members.iter().any(|(who, is)| who == me && is == "join");
        let there = members.iter().any(|(who, _)| who == user);
        let alone = members.iter().all(|(who, _)| who == me || who == user);
        Ok(joined && there && alone && !self.is_encrypted(room).await.map_err(|error| error.of_place(room))?)
    }

    /// The conversations with one person that we know of, the latest first.
    pub(super) async fn known(&self, me: &str, user: &str) -> Result<(Value, Vec<String>), PlatformError> {
        let note = self.api.note(me, "m.direct").await.map_err(Failed::of_server)?;
        let rooms = note.get(user).and_then(Value::as_array).into_iter().flatten();
        let rooms = rooms.filter_map(Value::as_str).rev().map(str::to_owned).collect();
        Ok((note, rooms))
    }

    /// Notes a conversation with one person, where every client of the account keeps them.
    pub(super) async fn remember(&self, user: &str, room: &str) -> Result<(), PlatformError> {
        let me = self.me().await?;
        let (mut note, mut rooms) = self.known(me, user).await?;
        if rooms.iter().any(|known| known == room) {
            return Ok(());
        }
        rooms.reverse();
        rooms.push(room.to_owned());
        if let Value::Object(fields) = &mut note {
            fields.insert(user.to_owned(), json!(rooms));
        }
        self.api.keep_note(me, "m.direct", &note).await.map_err(Failed::of_server)
    }

    pub(super) async fn begin(&self, user: &str) -> Result<String, PlatformError> {
        let wish = json!({
            "is_direct": true,
            "invite": [user],
            "preset": "private_chat",
            // Nobody else comes in, from here or from another server.
            "creation_content": { "m.federate": false },
            "power_level_content_override": { "invite": 100 },
        });
        let gone = |why: &str| PlatformError::PersonGone(format!("`{user}` {why}"));
        let room = self.api.create_room(&wish).await.map_err(|error| match error {
            Failed::Missing | Failed::Forbidden => gone("can't be invited"),
            Failed::Other(PlatformError::Invalid(code)) => gone(&format!("can't be invited ({code})")),
            Failed::Other(error) => error,
        })?;
        self.remember(user, &room).await?;
        if self.is_encrypted(&room).await.map_err(|error| error.of_place(&room))? {
            return Err(gone("can't be written to: the homeserver encrypts every conversation"));
        }
        Ok(room)
    }
}
