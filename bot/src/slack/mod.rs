//! Slack.
//!
//! `socket` and `verify` take in what Slack delivers and hand it to `intake`, which stores it and acknowledges it; `read`
//! makes an event of it. `blocks` and `views` make Slack's own form of cards and forms, `post` sends them through `api`.

mod api;
mod blocks;
mod buttons;
mod doctor;
mod intake;
mod manifest;
mod page;
mod people;
mod post;
mod quote;
mod read;
mod rich;
mod signin;
mod socket;
mod tables;
#[cfg(test)]
mod tests;
mod verify;
mod views;
mod words;

use std::sync::atomic::AtomicBool;
use std::sync::{Arc, OnceLock};

use async_trait::async_trait;
use axum::Router;
use serde::Deserialize;
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
use api::Api;
use signin::Client;

pub use manifest::{manifest, scopes};

/// Why Slack can't be used.
#[derive(Debug, thiserror::Error)]
pub enum SlackError {
    /// A secret can't be read.
    #[error("`[slack] {key}` can't be read")]
    Secret {
        /// Which.
        key: &'static str,
        /// Why.
        #[source]
        source: SecretError,
    },
    /// The machine trusts nobody.
    #[error("this machine has no root certificates, so no server can be trusted; install `ca-certificates`")]
    Roots(#[source] std::io::Error),
}

/// Slack, as one platform. Cheap to clone.
#[derive(Clone, Debug)]
pub struct Slack(Arc<Shared>);

#[derive(Debug)]
struct Shared {
    api: Api,
    signing: Option<Secret<String>>,
    client: Option<Client>,
    channel: Option<String>,
    alarms: Option<String>,
    /// Who we are, asked once.
    me: OnceCell<Me>,
    /// Our app's id, once Slack has said it.
    app: OnceLock<String>,
    members: Members,
    /// Slack took no chart of its own here.
    plain_charts: AtomicBool,
}

/// The bot.
#[derive(Clone, Debug, Deserialize)]
struct Me {
    #[serde(rename = "team_id")]
    team: String,
    #[serde(rename = "user_id")]
    user: String,
}

fn secret(key: &'static str, from: &SecretRef) -> Result<Secret<String>, SlackError> {
    from.read().map_err(|source| SlackError::Secret { key, source })
}

impl Slack {
    /// Reads the secrets. Nothing is sent yet.
    pub fn new(config: config::Slack) -> Result<Self, SlackError> {
        let optional = |key, from: Option<&SecretRef>| from.map(|from| secret(key, from)).transpose();
        let bot = secret("bot_token", &config.bot_token)?;
        let app = optional("app_token", config.app_token.as_ref())?;
        let signing = optional("signing_secret", config.signing_secret.as_ref())?;
        let secret = optional("client_secret", config.client_secret.as_ref())?;
        let client = config.client_id.zip(secret).map(|(id, secret)| Client { id, secret });
        let api = Api::new(&config.api, &bot, app.as_ref()).map_err(SlackError::Roots)?;
        Ok(Self(Arc::new(Shared {
            api,
            signing,
            client,
            channel: config.channel,
            alarms: config.alarms,
            me: OnceCell::new(),
            app: OnceLock::new(),
            members: Members::default(),
            plain_charts: AtomicBool::new(false),
        })))
    }

    fn api(&self) -> &Api {
        &self.0.api
    }

    /// Our app's id, if Slack has said it already.
    fn app_id(&self) -> Option<&str> {
        self.0.app.get().map(String::as_str)
    }

    /// Remembers our app's id: the first that comes by a way that proves itself.
    fn learn_app(&self, id: &str) {
        if !id.is_empty() {
            let _known = self.0.app.set(id.to_owned());
        }
    }

    async fn me(&self) -> Result<&Me, PlatformError> {
        let nothing = serde_json::json!({});
        self.0.me.get_or_try_init(|| self.api().post("auth.test", &nothing, "")).await
    }
}

#[async_trait]
impl Platform for Slack {
    fn chat(&self) -> Chat {
        Chat::Slack
    }

    fn can(&self) -> Abilities {
        Abilities { forms: Forms::Full, buttons: true, ephemeral: true, threads: true, home: true }
    }

    async fn workspace(&self) -> Result<String, PlatformError> {
        Ok(self.me().await?.team.clone())
    }

    async fn listen(&self, inbox: Inbox, stop: CancellationToken) {
        if self.api().has_app_token() {
            socket::listen(self.clone(), inbox, stop).await;
        }
    }

    fn hooks(&self, inbox: Inbox) -> Router {
        verify::hooks(self.clone(), inbox, self.0.signing.as_ref())
    }

    fn read(&self, letter: &str) -> Result<Option<Event>, Unreadable> {
        let event = read::letter(letter, self.app_id())?;
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
        self.whisper_to(back, card).await
    }

    async fn open(&self, back: &Back, form: &Form) -> Result<(), PlatformError> {
        self.open_form(back, form).await
    }

    async fn home(&self, user: &str, card: &Card) -> Result<(), PlatformError> {
        self.publish(user, card).await
    }

    async fn attach(&self, at: &MessageRef, name: &str, bytes: Vec<u8>, words: &str) -> Result<(), PlatformError> {
        let thread = Some((at.place.0.as_str(), at.message.as_str()));
        self.api().upload(&rich::line(name, 100), &bytes, &rich::line(words, 900), thread).await.map(|_file| ())
    }

    fn sign_in(&self, redirect: &str, state: &str, nonce: &str) -> Option<String> {
        let team = self.0.me.get().map(|me| me.team.as_str());
        signin::address(self.api().base(), self.0.client.as_ref()?, team, redirect, state, nonce)
    }

    async fn signed_in(&self, redirect: &str, code: &str, nonce: &str) -> Result<ChatUser, PlatformError> {
        let Some(client) = &self.0.client else {
            return Err(PlatformError::Invalid("there is no client id".to_owned()));
        };
        let user = signin::exchange(self.api(), client, redirect, code, nonce).await?;
        if user.workspace != self.me().await?.team {
            return Err(PlatformError::Invalid("the account is one of another workspace".to_owned()));
        }
        Ok(user)
    }

    async fn examine(&self) -> Vec<Finding> {
        doctor::examine(self).await
    }
}
