//! What a chat platform must be able to do.
//!
//! An adapter turns cards into the platform's own form and the platform's messages into events. It decides nothing: who
//! may do what is asked of the engine, by the desk.

use std::fmt::Debug;
use std::time::Duration;

use async_trait::async_trait;
use axum::Router;
use tokio_util::sync::CancellationToken;
use workflows::identity::Chat;

use crate::card::Card;
use crate::event::{Back, Event, MessageRef, Place};
use crate::form::Form;
use crate::inbox::Inbox;

/// How forms can be filled in.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum Forms {
    /// Every kind of field.
    Full,
    /// Lines only: choices are offered as buttons, and people are typed.
    Lines,
    /// Not at all: everything is typed.
    None,
}

/// What a platform can do. What it can't is done otherwise, and everything can be typed.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub struct Abilities {
    /// Forms.
    pub forms: Forms,
    /// Buttons on cards; without them cards say what to type.
    pub buttons: bool,
    /// Answers that only one person sees, in the place where they acted; else they go into the conversation with them.
    pub ephemeral: bool,
    /// Threads below a message.
    pub threads: bool,
    /// A page for each person.
    pub home: bool,
}

/// What the platform says of an account at this moment (G10). Asked at each decision; at most five minutes old.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum Standing {
    /// A full member of our own workspace.
    Member,
    /// A guest.
    Guest,
    /// A program.
    Bot,
    /// Deactivated, or not a member.
    Gone,
    /// Of a workspace that is connected with ours.
    Stranger,
}

/// How fit a place is for what is posted there.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum Fitness {
    /// It is.
    Fit,
    /// People of another company read it, or soon will.
    Shared,
    /// It is archived.
    Archived,
    /// We are not in it, or it is not there.
    NotThere,
}

/// What is right and what is not, for `countersign doctor`.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Finding {
    /// How bad.
    pub grade: Grade,
    /// What was found.
    pub what: String,
    /// What to do about it; empty where nothing is.
    pub fix: String,
}

/// How bad a finding is.
#[derive(Clone, Copy, Debug, PartialEq, Eq, PartialOrd, Ord)]
pub enum Grade {
    /// All is well.
    Good,
    /// It works, and somebody should look.
    Warning,
    /// It does not work.
    Wrong,
}

/// Why a platform did not do what it was asked.
#[derive(Clone, Debug, PartialEq, Eq, thiserror::Error)]
pub enum PlatformError {
    /// The message is not there any more.
    #[error("the message is gone")]
    MessageGone,
    /// The place is archived, deleted, or we were removed from it.
    #[error("the place `{0}` can't be posted in: {1}")]
    PlaceGone(String, String),
    /// The person can't be reached: deactivated, or takes no messages of us.
    #[error("the person can't be reached: {0}")]
    PersonGone(String),
    /// Too fast; after this time it may be tried again.
    #[error("the platform wants us to wait for {} s", .0.as_secs())]
    Limited(Duration),
    /// The token is wrong, expired or revoked.
    #[error("the token is refused: {0}")]
    Token(String),
    /// The token lacks a right.
    #[error("the token lacks the right `{0}`")]
    Scope(String),
    /// What we sent was refused: our fault.
    #[error("the platform refused what was sent: {0}")]
    Invalid(String),
    /// The time for an answer or a form is over.
    #[error("it took too long to answer")]
    TooLate,
    /// The platform does not answer, or not sensibly.
    #[error("the platform does not answer: {0}")]
    Down(String),
}

impl PlatformError {
    /// Whether trying again later may help.
    pub const fn passes(&self) -> bool {
        match self {
            // A token or a right is put in order by somebody, and then what was not told is told.
            Self::Limited(_) | Self::Down(_) | Self::Token(_) | Self::Scope(_) => true,
            Self::MessageGone | Self::PlaceGone(..) | Self::PersonGone(_) | Self::Invalid(_) | Self::TooLate => false,
        }
    }
}

/// What came from the platform and can't be understood.
#[derive(Clone, Debug, PartialEq, Eq, thiserror::Error)]
#[error("a message of the platform can't be read: {0}")]
pub struct Unreadable(pub String);

/// A chat platform. Every call is bounded in time by the adapter, and safe to repeat.
#[async_trait]
pub trait Platform: Send + Sync + Debug {
    /// Which one.
    fn chat(&self) -> Chat;

    /// What it can do.
    fn can(&self) -> Abilities;

    /// The workspace that the bot's token belongs to; asked once and remembered.
    async fn workspace(&self) -> Result<String, PlatformError>;

    /// Receives what people do, and stores each message in the inbox before it is acknowledged, until stopped. Keeps
    /// trying when the platform is away. Does nothing where messages come by [`Platform::hooks`].
    async fn listen(&self, inbox: Inbox, stop: CancellationToken);

    /// Where the platform delivers over HTTP, if it is configured so; verified, stored and acknowledged there (G11).
    fn hooks(&self, inbox: Inbox) -> Router;

    /// What a stored message says; nothing where it is of no interest.
    fn read(&self, letter: &str) -> Result<Option<Event>, Unreadable>;

    /// What the platform says of a person, by its id of them.
    async fn standing(&self, user: &str) -> Result<Standing, PlatformError>;

    /// The conversation with one person.
    async fn conversation(&self, user: &str) -> Result<Place, PlatformError>;

    /// Whether something may be posted in a place.
    async fn fitness(&self, place: &Place) -> Result<Fitness, PlatformError>;

    /// Posts a card. `mark` goes with it where nobody sees it, so that [`Platform::find`] finds it when nobody knows
    /// whether it was posted.
    async fn post(&self, place: &Place, card: &Card, mark: &str) -> Result<MessageRef, PlatformError>;

    /// Looks among the latest messages of a place for one that was posted with this mark.
    async fn find(&self, place: &Place, mark: &str) -> Result<Option<MessageRef>, PlatformError>;

    /// Writes a card anew.
    async fn revise(&self, at: &MessageRef, card: &Card) -> Result<(), PlatformError>;

    /// Posts into the thread of a message; where there are no threads, as an answer to it. `mark` as for [`Platform::post`].
    async fn follow(&self, at: &MessageRef, card: &Card, mark: &str) -> Result<MessageRef, PlatformError>;

    /// Looks below a message for what was posted there with this mark; nothing where the platform itself takes the same
    /// twice as once.
    async fn find_below(&self, at: &MessageRef, mark: &str) -> Result<Option<MessageRef>, PlatformError>;

    /// Answers so that only whoever acted sees it.
    async fn whisper(&self, back: &Back, card: &Card) -> Result<(), PlatformError>;

    /// Opens a form for whoever acted, or replaces the one in which they acted.
    async fn open(&self, back: &Back, form: &Form) -> Result<(), PlatformError>;

    /// Writes somebody's page; does nothing where the platform has none.
    async fn home(&self, user: &str, card: &Card) -> Result<(), PlatformError>;

    /// Attaches a file to the conversation in a message's thread.
    async fn attach(&self, at: &MessageRef, name: &str, bytes: Vec<u8>, words: &str) -> Result<(), PlatformError>;

    /// The address to which a browser is sent so that its user signs in at the platform and proves an account there;
    /// nothing where the platform has no such thing. `state` and `nonce` come back.
    fn sign_in(&self, redirect: &str, state: &str, nonce: &str) -> Option<String>;

    /// Which account signed in: takes the code that the browser brought back. The platform itself says who it is.
    async fn signed_in(
        &self,
        redirect: &str,
        code: &str,
        nonce: &str,
    ) -> Result<workflows::identity::ChatUser, PlatformError>;

    /// Looks at tokens, rights, places, the clock and the way there.
    async fn examine(&self) -> Vec<Finding>;
}
