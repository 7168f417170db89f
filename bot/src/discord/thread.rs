//! What follows a message: in its thread, or where there can be none, as an answer to it.

use std::sync::PoisonError;

use reqwest::Method;
use serde_json::{Value, json};

use super::Discord;
use super::api::{File, file_name};
use super::components::{Message, message};
use super::post::{marked, put};
use super::words::line;
use crate::card::{Card, Tone};
use crate::event::{MessageRef, Place};
use crate::platform::PlatformError;

/// So many are remembered.
const MOST: usize = 10_000;
/// A thread without news is put away after so many minutes; what is posted there wakes it.
const QUIET: u32 = 1_440;
/// Channels that have threads: text, and news.
const THREADED: [u64; 2] = [0, 5];

/// Where what follows a message goes.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(super) enum Spot {
    /// Into its thread, which has the message's id.
    Thread,
    /// Below it, as an answer.
    Answer,
}

impl Discord {
    fn known(&self, key: &str) -> Option<Spot> {
        self.0.threads.lock().unwrap_or_else(PoisonError::into_inner).get(key).copied()
    }

    fn learn(&self, key: &str, spot: Spot) -> Spot {
        let mut threads = self.0.threads.lock().unwrap_or_else(PoisonError::into_inner);
        if threads.len() >= MOST {
            threads.clear();
        }
        threads.insert(key.to_owned(), spot);
        spot
    }

    /// Where what follows a message goes; opens its thread if there is none yet.
    async fn spot(&self, at: &MessageRef, name: &str) -> Result<Spot, PlatformError> {
        let known = self.known(&at.message).or_else(|| self.known(&at.place.0).filter(|spot| *spot == Spot::Answer));
        if let Some(spot) = known {
            return Ok(spot);
        }
        let channel = self.api().get(&["channels", &at.place.0], &[]).await;
        let channel = channel.map_err(|failed| failed.of(&at.place.0))?;
        if !channel.get("type").and_then(Value::as_u64).is_some_and(|kind| THREADED.contains(&kind)) {
            return Ok(self.learn(&at.place.0, Spot::Answer));
        }
        let path = ["channels", &at.place.0, "messages", &at.message, "threads"];
        let body = json!({ "name": line(name, 80), "auto_archive_duration": QUIET });
        match self.api().write(Method::POST, &path, &body, &[]).await {
            Ok(_) => Ok(self.learn(&at.message, Spot::Thread)),
            // There is one already.
            Err(failed) if failed.code() == 160_004 => Ok(self.learn(&at.message, Spot::Thread)),
            // We may post there, and open no threads.
            Err(failed) if matches!(failed.code(), 50_013 | 50_024 | 160_006) => Ok(Spot::Answer),
            Err(failed) => Err(failed.of(&at.place.0)),
        }
    }

    async fn below(
        &self,
        at: &MessageRef,
        name: &str,
        mut body: Value,
        files: &[File],
    ) -> Result<MessageRef, PlatformError> {
        if self.spot(at, name).await? == Spot::Thread {
            let thread = Place(at.message.clone());
            match self.write(&thread, &body, files).await {
                // Somebody has deleted the thread; the message may still be there.
                Err(PlatformError::PlaceGone(..)) => {}
                other => return other,
            }
        }
        put(&mut body, "message_reference", json!({ "message_id": at.message, "fail_if_not_exists": false }));
        self.write(&at.place, &body, files).await
    }

    pub(super) async fn reply_card(
        &self,
        at: &MessageRef,
        card: &Card,
        mark: &str,
    ) -> Result<MessageRef, PlatformError> {
        let Message { mut body, files } = message(card);
        marked(&mut body, mark);
        self.below(at, &card.title.words(), body, &files).await
    }

    /// Looks in the thread, and where there is none, among the answers.
    pub(super) async fn find_reply(&self, at: &MessageRef, mark: &str) -> Result<Option<MessageRef>, PlatformError> {
        match self.find_card(&Place(at.message.clone()), mark).await {
            Ok(None) | Err(PlatformError::PlaceGone(..)) => self.find_card(&at.place, mark).await,
            other => other,
        }
    }

    pub(super) async fn attach_file(
        &self,
        at: &MessageRef,
        name: &str,
        bytes: Vec<u8>,
        words: &str,
    ) -> Result<(), PlatformError> {
        let Message { mut body, mut files } = message(&Card::saying(Tone::Over, words));
        let name = file_name(name);
        if let Some(list) = body.get_mut("attachments").and_then(Value::as_array_mut) {
            list.push(json!({ "id": files.len(), "filename": name }));
        }
        files.push((name, bytes));
        self.below(at, words, body, &files).await.map(|_message| ())
    }
}
