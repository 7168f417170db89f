//! Reading what is there, and waiting for what comes; with a deadline, never with a sleep.

use std::time::Duration;

use super::FakeSlack;
use super::workspace::ChannelKind;
use super::world::{File, Message, State, View};

/// How long anything may take on a slow machine.
const PATIENCE: Duration = Duration::from_secs(30);

impl FakeSlack {
    /// What everybody in a channel sees, oldest first.
    pub fn messages(&self, channel: &str) -> Vec<Message> {
        self.read(|state| {
            let here = |message: &&Message| message.channel == channel && message.only_for.is_none();
            state.messages.iter().filter(here).cloned().collect()
        })
    }

    /// What stands between this person and the bot, oldest first.
    pub fn dm(&self, user: &str) -> Vec<Message> {
        self.read(|state| dm(state, user))
    }

    /// What only this person sees, oldest first.
    pub fn ephemerals(&self, user: &str) -> Vec<Message> {
        self.read(|state| {
            state.messages.iter().filter(|message| message.only_for.as_deref() == Some(user)).cloned().collect()
        })
    }

    /// A message as it is now.
    pub fn current(&self, message: &Message) -> Option<Message> {
        self.read(|state| state.message(&message.channel, &message.ts).cloned())
    }

    /// The modal that this person sees.
    pub fn view_of(&self, user: &str) -> Option<View> {
        self.read(|state| top(state, user))
    }

    /// This person's Home tab.
    pub fn home(&self, user: &str) -> Option<View> {
        self.read(|state| state.homes.get(user).map(|id| state.views[id].clone()))
    }

    /// The files that were uploaded completely.
    pub fn files(&self) -> Vec<File> {
        self.read(|state| state.files.values().filter(|file| file.complete).cloned().collect())
    }

    /// What Slack itself told this person went wrong.
    pub fn complaints(&self, user: &str) -> Vec<String> {
        self.read(|state| {
            state.complaints.iter().filter(|(who, _)| who == user).map(|(_, why)| why.clone()).collect()
        })
    }

    /// Waits until the world has what is looked for.
    pub async fn until<T>(&self, what: &str, mut look: impl FnMut(&State) -> Option<T>) -> T {
        let mut changed = self.shared.changed.subscribe();
        let waiting = async {
            loop {
                changed.mark_unchanged();
                if let Some(found) = self.read(&mut look) {
                    return found;
                }
                changed.changed().await.expect("the fake is there");
            }
        };
        match tokio::time::timeout(PATIENCE, waiting).await {
            Ok(found) => found,
            Err(_) => panic!("no {what} within {PATIENCE:?}\n{}", self.read(told)),
        }
    }

    /// Waits for a message in a channel; the newest that fits.
    pub async fn until_message(&self, channel: &str, fits: impl Fn(&Message) -> bool) -> Message {
        self.until("message", |state| {
            let here = |message: &&Message| message.channel == channel && message.only_for.is_none() && fits(message);
            state.messages.iter().rev().find(here).cloned()
        })
        .await
    }

    /// Waits for a direct message to this person.
    pub async fn until_dm(&self, user: &str, fits: impl Fn(&Message) -> bool) -> Message {
        self.until("direct message", |state| dm(state, user).into_iter().rev().find(|message| fits(message))).await
    }

    /// Waits for an ephemeral message to this person.
    pub async fn until_ephemeral(&self, user: &str, fits: impl Fn(&Message) -> bool) -> Message {
        self.until("ephemeral message", |state| {
            let mine = |message: &&Message| message.only_for.as_deref() == Some(user) && fits(message);
            state.messages.iter().rev().find(mine).cloned()
        })
        .await
    }

    /// Waits until a message has become something that fits.
    pub async fn until_changed(&self, message: &Message, fits: impl Fn(&Message) -> bool) -> Message {
        self.until("change", |state| {
            state.message(&message.channel, &message.ts).filter(|message| fits(message)).cloned()
        })
        .await
    }

    /// Waits for a modal before this person.
    pub async fn until_view(&self, user: &str, fits: impl Fn(&View) -> bool) -> View {
        self.until("modal", |state| top(state, user).filter(|view| fits(view))).await
    }

    /// Waits for this person's Home tab.
    pub async fn until_home(&self, user: &str, fits: impl Fn(&View) -> bool) -> View {
        self.until("Home tab", |state| {
            state.homes.get(user).map(|id| state.views[id].clone()).filter(|view| fits(view))
        })
        .await
    }

    /// Waits until the app holds so many sockets.
    pub async fn until_connected(&self, sockets: usize) {
        self.until("socket", |state| (state.sockets.count() >= sockets).then_some(())).await;
    }
}

fn dm(state: &State, user: &str) -> Vec<Message> {
    let with = ChannelKind::Im { with: user.to_owned() };
    let Some(channel) = state.channels.values().find(|channel| channel.kind == with) else { return Vec::new() };
    let here = |message: &&Message| message.channel == channel.id && message.only_for.is_none();
    state.messages.iter().filter(here).cloned().collect()
}

fn top(state: &State, user: &str) -> Option<View> {
    state.stacks.get(user).and_then(|stack| stack.last()).map(|id| state.views[id].clone())
}

/// The world in a few lines, for a test that waited in vain.
fn told(state: &State) -> String {
    let mut lines = Vec::new();
    for message in &state.messages {
        let seen = message.seen();
        let only = message.only_for.as_deref().unwrap_or("all");
        lines.push(format!("{} for {only}: {:?} / {:?}", message.channel, seen.notified, seen.text));
    }
    for call in state.calls.iter().filter(|call| call.error.is_some()) {
        lines.push(format!("{} was refused: {:?} {:?}", call.method, call.error, call.messages));
    }
    lines.push(format!("{} sockets; complaints: {:?}", state.sockets.count(), state.complaints));
    lines.join("\n")
}
