//! Discord.
//!
//! `socket` and `verify` take in what Discord delivers and hand it to `intake`, which stores it and says what the first
//! response is; `answers` sees to it that there is only one. `read` makes an event of it. `components` and `modal` make
//! Discord's own form of cards and forms, `post` sends them through `api`.

mod answers;
mod api;
mod components;
mod doctor;
mod intake;
mod modal;
mod pace;
mod people;
mod post;
mod read;
mod refused;
mod register;
mod rights;
mod signin;
mod socket;
#[cfg(test)]
#[path = "tests/live.rs"]
mod tests;
mod thread;
#[cfg(test)]
#[path = "tests/vendor.rs"]
mod vendor;
mod verify;
mod wire;
mod words;

use std::collections::HashMap;
use std::sync::{Arc, Mutex};

use async_trait::async_trait;
use axum::Router;
use tokio::sync::OnceCell;
use tokio_util::sync::CancellationToken;
use workflows::identity::{Chat, ChatUser};
use workflows::secret::Secret;
use workflows::target::{SecretError, SecretRef};

use crate::card::Card;
use crate::config;
use crate::event::{Action, Back, Event, MessageRef, Place};
use crate::form::Form;
use crate::inbox::Inbox;
use crate::members::Members;
use crate::platform::{Abilities, Finding, Fitness, Forms, Platform, PlatformError, Standing, Unreadable};
use answers::Answers;
use api::Api;

/// Why Discord can't be used.
#[derive(Debug, thiserror::Error)]
pub enum DiscordError {
    /// A secret can't be read.
    #[error("`[discord] {key}` can't be read")]
    Secret {
        /// Which.
        key: &'static str,
        /// Why.
        #[source]
        source: SecretError,
    },
    /// The token is none that can be sent.
    #[error("`[discord] bot_token` has characters in it that can't be sent")]
    TokenForm,
    /// The address.
    #[error("`[discord] api` is no address; write https://…")]
    Address,
    /// The key by which deliveries are verified.
    #[error("`[discord] public_key` is no key; copy it from the application's page")]
    Key,
    /// TLS has no roots to go by, or the like.
    #[error("no connection can be made from here")]
    Client,
}

/// Discord, as one platform. Cheap to clone.
#[derive(Clone, Debug)]
pub struct Discord(Arc<Shared>);

#[derive(Debug)]
struct Shared {
    api: Api,
    bot: Secret<String>,
    application: String,
    guild: String,
    key: Option<verify::Key>,
    client: Option<Secret<String>>,
    channel: Option<String>,
    alarms: Option<String>,
    answers: Answers,
    /// The bot's own account, asked once.
    me: OnceCell<String>,
    members: Members,
    /// Where a message's thread is, if it can have one.
    threads: Mutex<HashMap<String, thread::Spot>>,
}

fn secret(key: &'static str, from: &SecretRef) -> Result<Secret<String>, DiscordError> {
    from.read().map_err(|source| DiscordError::Secret { key, source })
}

impl Discord {
    /// Reads the secrets. Nothing is sent yet.
    pub fn new(config: config::Discord) -> Result<Self, DiscordError> {
        let bot = secret("bot_token", &config.bot_token)?;
        let client = config.client_secret.as_ref().map(|from| secret("client_secret", from)).transpose()?;
        let key = config.public_key.as_deref().map(|hex| verify::Key::parse(hex).ok_or(DiscordError::Key));
        Ok(Self(Arc::new(Shared {
            api: Api::new(&config.api, &bot)?,
            bot,
            application: config.application,
            guild: config.guild,
            key: key.transpose()?,
            client,
            channel: config.channel,
            alarms: config.alarms,
            answers: Answers::default(),
            me: OnceCell::new(),
            members: Members::default(),
            threads: Mutex::default(),
        })))
    }

    fn api(&self) -> &Api {
        &self.0.api
    }

    fn answers(&self) -> &Answers {
        &self.0.answers
    }

    fn guild(&self) -> &str {
        &self.0.guild
    }

    fn application(&self) -> &str {
        &self.0.application
    }
}

#[async_trait]
impl Platform for Discord {
    fn chat(&self) -> Chat {
        Chat::Discord
    }

    fn can(&self) -> Abilities {
        Abilities { forms: Forms::Lines, buttons: true, ephemeral: true, threads: true, home: false }
    }

    async fn workspace(&self) -> Result<String, PlatformError> {
        Ok(self.guild().to_owned())
    }

    async fn listen(&self, inbox: Inbox, stop: CancellationToken) {
        if self.0.key.is_none() {
            socket::listen(self.clone(), inbox, stop).await;
        }
    }

    fn hooks(&self, inbox: Inbox) -> Router {
        verify::hooks(self.clone(), inbox, self.0.key.as_ref())
    }

    fn read(&self, letter: &str) -> Result<Option<Event>, Unreadable> {
        let event = read::read(letter, self.guild(), self.application())?;
        if let Some(Event { back, what: Action::PersonChanged }) = &event {
            self.forget_standing(&back.who.user);
        }
        Ok(event)
    }

    async fn standing(&self, user: &str) -> Result<Standing, PlatformError> {
        self.ask_standing(user).await
    }

    async fn conversation(&self, user: &str) -> Result<Place, PlatformError> {
        self.dm(user).await
    }

    async fn fitness(&self, place: &Place) -> Result<Fitness, PlatformError> {
        self.look_at(place).await
    }

    async fn post(&self, place: &Place, card: &Card, mark: &str) -> Result<MessageRef, PlatformError> {
        self.post_card(place, card, mark).await
    }

    async fn find(&self, place: &Place, mark: &str) -> Result<Option<MessageRef>, PlatformError> {
        self.find_card(place, mark).await
    }

    async fn revise(&self, at: &MessageRef, card: &Card) -> Result<(), PlatformError> {
        self.update_card(at, card).await
    }

    async fn follow(&self, at: &MessageRef, card: &Card, mark: &str) -> Result<MessageRef, PlatformError> {
        self.reply_card(at, card, mark).await
    }

    async fn find_below(&self, at: &MessageRef, mark: &str) -> Result<Option<MessageRef>, PlatformError> {
        self.find_reply(at, mark).await
    }

    async fn whisper(&self, back: &Back, card: &Card) -> Result<(), PlatformError> {
        self.say_alone(back, components::message(card)).await
    }

    async fn open(&self, back: &Back, form: &Form) -> Result<(), PlatformError> {
        self.open_form(back, form).await
    }

    async fn home(&self, _user: &str, _card: &Card) -> Result<(), PlatformError> {
        Ok(())
    }

    async fn attach(&self, at: &MessageRef, name: &str, bytes: Vec<u8>, words: &str) -> Result<(), PlatformError> {
        self.attach_file(at, name, bytes, words).await
    }

    fn sign_in(&self, redirect: &str, state: &str, _nonce: &str) -> Option<String> {
        // There is no place for the nonce: Discord signs no token that could carry it. `state` binds the browser.
        self.0.client.as_ref()?;
        signin::address(self.api().base(), self.application(), redirect, state)
    }

    async fn signed_in(&self, redirect: &str, code: &str, _nonce: &str) -> Result<ChatUser, PlatformError> {
        let Some(secret) = &self.0.client else {
            return Err(PlatformError::Invalid("there is no client secret".to_owned()));
        };
        let user = signin::exchange(self.api(), self.application(), secret, redirect, code).await?;
        match self.ask_standing(&user).await? {
            Standing::Member => Ok(ChatUser { chat: Chat::Discord, workspace: self.guild().to_owned(), user }),
            Standing::Guest | Standing::Bot | Standing::Gone | Standing::Stranger => {
                Err(PlatformError::Invalid("the account is no full member of the server".to_owned()))
            }
        }
    }

    async fn examine(&self) -> Vec<Finding> {
        doctor::examine(self).await
    }
}
