//! The bot as a whole: platforms, the desk that takes wishes in, the courier that tells what happened.

use std::sync::Arc;
use std::time::Duration;

use axum::Router;
use tokio::task::JoinSet;
use tokio_util::sync::CancellationToken;
use tracing::warn;
use workflows::Workflows;
use workflows::identity::Chat;

use crate::config::Config;
use crate::courier::{Courier, Post};
use crate::desk::Desk;
use crate::discord::Discord;
use crate::event::Place;
use crate::inbox::Inbox;
use crate::link;
use crate::matrix::Matrix;
use crate::oncall::Watch;
use crate::platform::Platform;
use crate::slack::Slack;

/// What was said to platforms and by them is forgotten so often.
const TIDY_EVERY: Duration = Duration::from_hours(1);

/// Why there is no bot.
#[derive(Debug, thiserror::Error)]
pub enum BotError {
    /// The file.
    #[error("{0}")]
    Config(String),
    /// A platform can't be spoken to with what the file says.
    #[error("{chat} can't be used")]
    Platform {
        /// Which.
        chat: Chat,
        /// Why.
        #[source]
        source: Box<dyn std::error::Error + Send + Sync>,
    },
}

/// The bot: connected to nothing yet.
#[derive(Clone, Debug)]
pub struct Bot {
    workflows: Workflows,
    posts: Arc<[Post]>,
    public: Option<Arc<str>>,
    inbox: Inbox,
}

fn place(id: Option<String>) -> Option<Place> {
    id.map(Place)
}

impl Bot {
    /// Makes the platforms that the file names. Nothing is sent yet.
    pub fn connect(config: Config, workflows: Workflows) -> Result<Self, BotError> {
        if let Some(wrong) = config.check().into_iter().next() {
            return Err(BotError::Config(wrong));
        }
        let mut posts = Vec::new();
        if let Some(slack) = config.slack {
            let (channel, alarms) = (place(slack.channel.clone()), place(slack.alarms.clone()));
            let platform = Slack::new(slack).map_err(|error| failed(Chat::Slack, error))?;
            posts.push(Post { platform: Arc::new(platform), channel, alarms });
        }
        if let Some(discord) = config.discord {
            let (channel, alarms) = (place(discord.channel.clone()), place(discord.alarms.clone()));
            let platform = Discord::new(discord).map_err(|error| failed(Chat::Discord, error))?;
            posts.push(Post { platform: Arc::new(platform), channel, alarms });
        }
        if let Some(matrix) = config.matrix {
            let (channel, alarms) = (place(matrix.channel.clone()), place(matrix.alarms.clone()));
            let platform = Matrix::new(matrix).map_err(|error| failed(Chat::Matrix, error))?;
            posts.push(Post { platform: Arc::new(platform), channel, alarms });
        }
        let inbox = Inbox::new(workflows.clone());
        Ok(Self { workflows, posts: posts.into(), public: config.public.map(Arc::from), inbox })
    }

    /// What platforms and browsers call over HTTP; the console serves it.
    pub fn hooks(&self) -> Router {
        let link = link::hooks(self.workflows.clone(), Arc::clone(&self.posts), self.public.clone());
        self.posts.iter().fold(link, |all, post| all.merge(post.platform.hooks(self.inbox.clone())))
    }

    /// The address where somebody signs in at a platform to link their account; nothing where it has no such thing, or
    /// nobody said where browsers reach us (`[console] public`).
    pub fn sign_in(&self, chat: Chat, state: &str, nonce: &str) -> Option<String> {
        let post = self.posts.iter().find(|post| post.platform.chat() == chat)?;
        post.platform.sign_in(&link::redirect(self.public.as_deref()?, chat), state, nonce)
    }

    /// The platforms that the file names.
    pub fn platforms(&self) -> impl Iterator<Item = &Arc<dyn Platform>> {
        self.posts.iter().map(|post| &post.platform)
    }

    /// Runs until stopped. A platform that is away keeps nothing else from running.
    pub async fn run(self, stop: CancellationToken) {
        let mut tasks = JoinSet::new();
        tasks.spawn(Watch::new(self.workflows.clone()).run(stop.clone()));
        if self.posts.is_empty() {
            // Notices are for whoever renders them; without a platform nobody waits for them.
            stop.cancelled().await;
        } else {
            let courier = Courier::new(self.workflows.clone(), Arc::clone(&self.posts));
            for post in self.posts.iter() {
                let (platform, inbox, stop) = (Arc::clone(&post.platform), self.inbox.clone(), stop.clone());
                tasks.spawn(async move { platform.listen(inbox, stop).await });
            }
            tasks.spawn(Desk::new(courier.clone(), self.inbox.clone()).run(stop.clone()));
            tasks.spawn(courier.run(stop.clone()));
            tasks.spawn(tidy(self.workflows.clone(), stop.clone()));
        }
        while let Some(ended) = tasks.join_next().await {
            if let Err(error) = ended {
                warn!("a part of the bot failed: {error}");
                stop.cancel();
            }
        }
    }
}

fn failed(chat: Chat, error: impl std::error::Error + Send + Sync + 'static) -> BotError {
    BotError::Platform { chat, source: Box::new(error) }
}

async fn tidy(workflows: Workflows, stop: CancellationToken) {
    loop {
        if let Err(error) = workflows.forget_letters().await {
            warn!(error = &error as &dyn std::error::Error, "old letters could not be forgotten");
        }
        tokio::select! {
            () = stop.cancelled() => return,
            () = tokio::time::sleep(TIDY_EVERY) => {}
        }
    }
}
