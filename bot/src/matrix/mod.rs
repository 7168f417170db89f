//! Matrix, small: reactions and typed commands, over the client-server API alone. No buttons, no forms, and nothing in rooms
//! that are encrypted: those the bot can't read, and says so.

mod api;
mod doctor;
mod listen;
mod offer;
mod read;
mod render;
mod rooms;
#[cfg(test)]
mod tests;
mod words;

use std::fmt::Write as _;

use async_trait::async_trait;
use axum::Router;
use serde_json::{Value, json};
use sha2::{Digest, Sha256};
use tokio::sync::{OnceCell, Semaphore};
use tokio_util::sync::CancellationToken;
use tracing::warn;
use workflows::clock::Clock;
use workflows::id::LetterId;
use workflows::identity::{Chat, ChatUser};

use crate::card::{Card, Chart};
use crate::config;
use crate::event::{Back, Event, MessageRef, Place};
use crate::form::Form;
use crate::inbox::Inbox;
use crate::platform::{Abilities, Finding, Fitness, Forms, Platform, PlatformError, Standing, Unreadable};
pub use api::ConnectError;
use api::{Api, Failed};

/// A message that was deleted and is posted again needs another name for its sending; beyond this many, somebody deletes
/// whatever we post.
const DELETED: usize = 8;
/// So many conversations with one person are looked through, and no more are begun.
const CONVERSATIONS: usize = 10;
/// The same words in the same thread are one message within this many seconds: a repeated call, not a repetition.
const SAME_WITHIN: i64 = 600;

/// What a picture begins with.
const PNG: &[u8] = b"\x89PNG";

/// Matrix, as one bot account at one homeserver.
#[derive(Debug)]
pub struct Matrix {
    api: Api,
    me: OnceCell<String>,
    channel: Option<String>,
    alarms: Option<String>,
    /// One conversation is begun at a time, so that nobody gets two.
    beginning: Semaphore,
}

/// A name for a sending: the same for the same, so that the server sends it once.
fn once(parts: &[&str]) -> String {
    digest(parts.join("\0").as_bytes())
}

fn digest(bytes: &[u8]) -> String {
    Sha256::digest(bytes).iter().take(16).fold(String::with_capacity(32), |mut hex, byte| {
        // Writing to a String does not fail.
        let _infallible = write!(hex, "{byte:02x}");
        hex
    })
}

impl Matrix {
    /// Reads the token. Nothing is sent yet.
    pub fn new(config: config::Matrix) -> Result<Self, ConnectError> {
        let api = Api::new(&config)?;
        let (channel, alarms) = (config.channel, config.alarms);
        Ok(Self { api, me: OnceCell::new(), channel, alarms, beginning: Semaphore::new(1) })
    }

    /// The bot's own account.
    async fn me(&self) -> Result<&str, PlatformError> {
        let ask = || async { self.api.whoami().await.map_err(Failed::of_server) };
        self.me.get_or_try_init(ask).await.map(String::as_str)
    }

    /// The bot's own server. Other servers' people are strangers.
    async fn server(&self) -> Result<&str, PlatformError> {
        let odd = || PlatformError::Down("the bot's account has no server".to_owned());
        read::server(self.me().await?).ok_or_else(odd)
    }

    async fn send(&self, room: &str, once: &str, content: &Value) -> Result<String, PlatformError> {
        self.api.send(room, "m.room.message", once, content).await.map_err(|error| error.of_place(room))
    }

    /// Whether a message is still there, with something in it. What is deleted is emptied.
    async fn is_there(&self, at: &MessageRef) -> Result<bool, PlatformError> {
        match self.api.event(&at.place.0, &at.message).await {
            Ok(event) => Ok(event.pointer("/content/msgtype").is_some()),
            Err(Failed::Missing) => Ok(false),
            Err(error) => Err(error.of_place(&at.place.0)),
        }
    }

    /// Charts as pictures in the thread. Their numbers stand on the card as words, so that one that fails is no loss.
    async fn draw<'c>(&self, at: &MessageRef, charts: impl Iterator<Item = &'c Chart> + Send) {
        for chart in charts {
            let drawn = match crate::chart::png(chart) {
                Ok(png) => self.attach(at, "chart.png", png, &chart.words()).await.map_err(|error| error.to_string()),
                Err(error) => Err(error),
            };
            if let Err(error) = drawn {
                warn!("a chart is left out: {error}");
            }
        }
    }

    /// Says something to whoever acted. `act` is what they did: the same answer to it is given once.
    async fn tell(&self, user: &str, act: &str, said: &[render::Said]) -> Result<MessageRef, PlatformError> {
        let place = self.conversation(user).await?;
        let mut message = String::new();
        for (nth, said) in said.iter().enumerate() {
            let content = said.content();
            let once = once(&[act, &nth.to_string(), &content.to_string()]);
            message = self.send(&place.0, &once, &content).await?;
        }
        Ok(MessageRef { place, message })
    }
}

#[async_trait]
impl Platform for Matrix {
    fn chat(&self) -> Chat {
        Chat::Matrix
    }

    fn can(&self) -> Abilities {
        Abilities { forms: Forms::None, buttons: false, ephemeral: false, threads: true, home: false }
    }

    async fn workspace(&self) -> Result<String, PlatformError> {
        self.server().await.map(str::to_owned)
    }

    async fn listen(&self, inbox: Inbox, stop: CancellationToken) {
        listen::run(self, inbox, stop).await;
    }

    fn hooks(&self, _inbox: Inbox) -> Router {
        Router::new()
    }

    fn read(&self, letter: &str) -> Result<Option<Event>, Unreadable> {
        read::read(letter)
    }

    async fn standing(&self, user: &str) -> Result<Standing, PlatformError> {
        if read::server(user) != Some(self.server().await?) {
            return Ok(Standing::Stranger);
        }
        if user == self.me().await? {
            return Ok(Standing::Bot);
        }
        let Some(channel) = &self.channel else { return Ok(Standing::Member) };
        let member = self.api.state(channel, "m.room.member", user).await.map_err(|error| error.of_place(channel))?;
        let joined = member.is_some_and(|member| read::text(&member, "/membership") == Some("join"));
        Ok(if joined { Standing::Member } else { Standing::Gone })
    }

    async fn conversation(&self, user: &str) -> Result<Place, PlatformError> {
        if read::server(user) != Some(self.server().await?) {
            return Err(PlatformError::PersonGone(format!("`{user}` has no account at the bot's server")));
        }
        let me = self.me().await?;
        let _turn = self.beginning.acquire().await;
        let (_, rooms) = self.known(me, user).await?;
        for room in rooms.iter().take(CONVERSATIONS) {
            if self.is_between(room, user).await? {
                return Ok(Place(room.clone()));
            }
        }
        if rooms.len() >= CONVERSATIONS {
            let words =
                format!("`{user}` has left or encrypted {CONVERSATIONS} conversations; let them invite the bot");
            return Err(PlatformError::PersonGone(words));
        }
        self.begin(user).await.map(Place)
    }

    async fn fitness(&self, place: &Place) -> Result<Fitness, PlatformError> {
        let room = place.0.as_str();
        let (me, server) = (self.me().await?, self.server().await?);
        let members = match self.api.members(room).await {
            Ok(members) => members,
            Err(Failed::Missing | Failed::Forbidden) => return Ok(Fitness::NotThere),
            Err(Failed::Other(error)) => return Err(error),
        };
        let of_place = |error: Failed| error.of_place(room);
        // An encrypted room is one where we are deaf.
        if !members.iter().any(|(who, is)| who == me && is == "join")
            || self.is_encrypted(room).await.map_err(of_place)?
        {
            return Ok(Fitness::NotThere);
        }
        if self.api.state(room, "m.room.tombstone", "").await.map_err(of_place)?.is_some() {
            return Ok(Fitness::Archived);
        }
        let ours = members.iter().all(|(who, _)| read::server(who) == Some(server));
        Ok(if ours { Fitness::Fit } else { Fitness::Shared })
    }

    async fn post(&self, place: &Place, card: &Card, mark: &str) -> Result<MessageRef, PlatformError> {
        let content = render::card(card).marked(mark).content();
        let mut name = once(&[mark]);
        for _deleted in 0..DELETED {
            let message = self.send(&place.0, &name, &content).await?;
            let at = MessageRef { place: place.clone(), message };
            // What was sent under this name before may have been deleted since.
            if self.is_there(&at).await? {
                self.draw(&at, render::charts(card)).await;
                return Ok(at);
            }
            name = once(&[mark, &at.message]);
        }
        Err(PlatformError::MessageGone)
    }

    async fn find(&self, place: &Place, mark: &str) -> Result<Option<MessageRef>, PlatformError> {
        let me = self.me().await?;
        let events = self.api.latest(&place.0, me).await.map_err(|error| error.of_place(&place.0))?;
        let mut found = events.iter().filter_map(|event| read::ours(event, me));
        let found = found.find(|ours| ours.mark.as_deref() == Some(mark));
        Ok(found.map(|ours| MessageRef { place: place.clone(), message: ours.message }))
    }

    async fn revise(&self, at: &MessageRef, card: &Card) -> Result<(), PlatformError> {
        if !self.is_there(at).await? {
            return Err(PlatformError::MessageGone);
        }
        // Each edit counts, also one back to what was there before; the same one twice changes nothing.
        let name = once(&[&at.message, &LetterId::new().to_string()]);
        self.send(&at.place.0, &name, &render::card(card).edit(&at.message)).await.map(drop)
    }

    async fn follow(&self, at: &MessageRef, card: &Card, _mark: &str) -> Result<MessageRef, PlatformError> {
        let content = render::in_thread(render::card(card).content(), &at.message);
        let about_now = Clock::System.now().micros() / 1_000_000 / SAME_WITHIN;
        let name = once(&[&at.message, &content.to_string(), &about_now.to_string()]);
        let message = self.send(&at.place.0, &name, &content).await?;
        Ok(MessageRef { place: at.place.clone(), message })
    }

    async fn find_below(&self, _at: &MessageRef, _mark: &str) -> Result<Option<MessageRef>, PlatformError> {
        // The homeserver gives the first event back where the same transaction comes twice.
        Ok(None)
    }

    async fn whisper(&self, back: &Back, card: &Card) -> Result<(), PlatformError> {
        let act = back.id.clone().unwrap_or_else(|| LetterId::new().to_string());
        let at = self.tell(&back.who.user, &act, &[render::card(card)]).await?;
        self.draw(&at, render::charts(card)).await;
        Ok(())
    }

    async fn open(&self, back: &Back, form: &Form) -> Result<(), PlatformError> {
        let act = back.id.clone().unwrap_or_else(|| LetterId::new().to_string());
        self.tell(&back.who.user, &act, &render::form(form)).await.map(drop)
    }

    async fn home(&self, _user: &str, _card: &Card) -> Result<(), PlatformError> {
        Ok(())
    }

    async fn attach(&self, at: &MessageRef, name: &str, bytes: Vec<u8>, words: &str) -> Result<(), PlatformError> {
        let size = bytes.len();
        let (kind, shown) =
            if bytes.starts_with(PNG) { ("image/png", "m.image") } else { ("text/plain; charset=utf-8", "m.file") };
        let hash = once(&[&at.message, name, words, &digest(&bytes)]);
        let url = self.api.upload(name, kind, bytes).await.map_err(Failed::of_server)?;
        let content = render::file(shown, name, words, &url, &json!({ "mimetype": kind, "size": size }));
        self.send(&at.place.0, &hash, &render::in_thread(content, &at.message)).await.map(drop)
    }

    fn sign_in(&self, _redirect: &str, _state: &str, _nonce: &str) -> Option<String> {
        None
    }

    async fn signed_in(&self, _redirect: &str, _code: &str, _nonce: &str) -> Result<ChatUser, PlatformError> {
        Err(PlatformError::Invalid(
            "nobody signs in to Countersign with Matrix; type `!link CODE` instead".to_owned(),
        ))
    }

    async fn examine(&self) -> Vec<Finding> {
        doctor::examine(self).await
    }
}
